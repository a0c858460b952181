package defender

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/services/defender/inventory"
)

// errGone says that an image is not there any more.
var errGone = errors.New("the image is gone")

// accessError says that the registry let the service have nothing.
type accessError struct {
	// said are the registry's own words.
	said string
}

// Error implements error.
func (e *accessError) Error() string { return "access denied: " + e.said }

// login goes to a registry as the service itself.
func (s *Service) login(ctx context.Context, registry string) (*agent.Agent, agent.Keychain, error) {
	worker, err := agent.New(s.Cloud, agent.At(azure.ServiceDefender), "azure/security/defender")
	if err != nil {
		return nil, nil, err
	}
	server := azure.LoginServer(registry)
	login, err := worker.Exchange(ctx, server, agent.Identity{Resource: azure.ServiceDefender})
	if err != nil {
		worker.Close()
		return nil, nil, judge(err)
	}
	return worker, agent.Keychain{azure.Fold(server): login}, nil
}

// scan lists what is in an image and finds what is known of it.
func (s *Service) scan(ctx context.Context, of image) ([]Finding, error) {
	known, err := s.known()
	if err != nil {
		return nil, err
	}
	worker, logins, err := s.login(ctx, of.registry)
	if err != nil {
		return nil, err
	}
	defer worker.Close()
	ref, err := name.NewDigest(azure.LoginServer(of.registry) + "/" + of.repository + "@" + of.digest)
	if err != nil {
		return nil, err
	}
	pulled, err := remote.Image(ref, worker.Remote(ctx, logins)...)
	if err != nil {
		return nil, judge(err)
	}
	layers, err := layersOf(pulled)
	if err != nil {
		return nil, judge(err)
	}
	list, err := inventory.Read(ctx, layers, s.Scratch, inventory.DefaultLimits)
	if err != nil {
		return nil, judge(err)
	}
	return known.match(list), nil
}

// layersOf are the layers that are file systems, of what is an image and no other artifact.
func layersOf(pulled v1.Image) ([]inventory.Layer, error) {
	manifest, err := pulled.Manifest()
	if err != nil {
		return nil, err
	}
	if !manifest.Config.MediaType.IsConfig() {
		return nil, nil
	}
	var layers []inventory.Layer
	for _, described := range manifest.Layers {
		if !isFileSystem(described) {
			continue
		}
		layer, err := pulled.LayerByDigest(described.Digest)
		if err != nil {
			return nil, err
		}
		layers = append(layers, layer.Compressed)
	}
	return layers, nil
}

// isFileSystem reports whether a layer is one that a registry has, and that makes files.
func isFileSystem(layer v1.Descriptor) bool {
	return layer.MediaType.IsDistributable() && layer.MediaType.IsLayer() && layer.MediaType != types.MediaType("application/vnd.in-toto+json")
}

// judge tells a registry's refusals from other failures.
func judge(err error) error {
	if refused, ok := errors.AsType[*agent.ExchangeError](err); ok && refused.Message != "" {
		return &accessError{refused.Message}
	}
	answer, ok := errors.AsType[*transport.Error](err)
	if !ok {
		return err // nil too
	}
	switch answer.StatusCode {
	case http.StatusNotFound:
		return errGone
	case http.StatusUnauthorized, http.StatusForbidden:
		var said []string
		for _, one := range answer.Errors {
			said = append(said, one.Message)
		}
		if len(said) == 0 {
			said = []string{answer.Error()}
		}
		return &accessError{strings.Join(said, "; ")}
	}
	return err
}
