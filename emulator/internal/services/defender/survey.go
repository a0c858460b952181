package defender

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// recent is how long ago an image may have been pushed that is scanned when the plan is switched on (acr-behaviour §3.4).
const recent = 30 * 24 * time.Hour

// survey puts into the queue what a registry has that was pushed lately.
func (s *Service) survey(ctx context.Context, registry string) error {
	worker, logins, err := s.login(ctx, registry)
	if err != nil {
		return err
	}
	defer worker.Close()
	at, err := name.NewRegistry(azure.LoginServer(registry))
	if err != nil {
		return err
	}
	repositories, err := remote.Catalog(ctx, at, worker.Remote(ctx, logins)...)
	if err != nil {
		return judge(err)
	}
	for _, repository := range repositories {
		err := judge(s.surveyRepository(ctx, worker, logins, at.Repo(repository)))
		if err != nil && !errors.Is(err, errGone) {
			return err
		}
	}
	return nil
}

// listed is a manifest in ACR's own list of them (acr-behaviour §6.1).
type listed struct {
	Digest    string    `json:"digest"`
	MediaType string    `json:"mediaType"`
	Tags      []string  `json:"tags"`
	Updated   time.Time `json:"lastUpdateTime"`
}

// maxPage bounds a page of manifests, in bytes; pageSize is how many it has.
const (
	maxPage  = 16 << 20
	pageSize = 100
)

func (s *Service) surveyRepository(ctx context.Context, worker *agent.Agent, logins agent.Keychain, in name.Repository) error {
	auth, err := logins.Resolve(in)
	if err != nil {
		return err
	}
	scope := fmt.Sprintf("repository:%s:metadata_read", in.RepositoryStr())
	through, err := transport.NewWithContext(ctx, in.Registry, auth, worker, []string{scope})
	if err != nil {
		return err
	}
	for last := ""; ; {
		page, err := manifests(ctx, through, in, last)
		if err != nil || len(page) == 0 {
			return err
		}
		s.note(in, page)
		last = page[len(page)-1].Digest
	}
}

func manifests(ctx context.Context, through http.RoundTripper, in name.Repository, last string) ([]listed, error) {
	query := url.Values{"n": {strconv.Itoa(pageSize)}}
	if last != "" {
		query.Set("last", last)
	}
	at := fmt.Sprintf("https://%s/acr/v1/%s/_manifests?%s", in.RegistryStr(), in.RepositoryStr(), query.Encode())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	response, err := through.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if err := transport.CheckError(response, http.StatusOK); err != nil {
		return nil, err
	}
	var page struct {
		Manifests []listed `json:"manifests"`
	}
	err = json.NewDecoder(io.LimitReader(response.Body, maxPage)).Decode(&page)
	return page.Manifests, err
}

// note puts the images of a page into the queue that were pushed lately and have not been scanned.
func (s *Service) note(in name.Repository, page []listed) {
	registry := strings.TrimSuffix(in.RegistryStr(), azure.LoginServer(""))
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range page {
		if !isImage(m.MediaType) || s.Cloud.Now().Sub(m.Updated) > recent {
			continue
		}
		of := image{registry, in.RepositoryStr(), m.Digest}
		r := s.remember(of)
		fresh := r.scanned.IsZero() || r.failed != nil
		for _, tag := range m.Tags {
			fresh = r.note(tag) || fresh
		}
		if fresh {
			s.enqueue(of, r)
		}
	}
}
