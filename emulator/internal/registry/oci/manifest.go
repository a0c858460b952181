package oci

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

// getManifest serves what is stored, whatever the request accepts, as ACR does.
func (g *Registry) getManifest(w http.ResponseWriter, c *call) error {
	m, err := g.manifest(c.Context(), c.repository, c.reference)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Docker-Content-Digest", m.Digest)
	h.Set("Etag", `"`+m.Digest+`"`)
	if matches(c.Header.Get("If-None-Match"), m.Digest) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", m.MediaType)
	h.Set("Content-Length", strconv.Itoa(len(m.Body)))
	_, _ = w.Write(m.Body)
	if c.Method == http.MethodGet {
		g.happened(c.Context(), Event{
			Action: "pull", Repository: c.repository, Digest: m.Digest, Tag: tagOf(c.reference), MediaType: m.MediaType, Size: m.Size,
		})
	}
	return nil
}

// manifest finds a manifest that may be read, or says in ACR's words what is missing (acr-behaviour §2.5).
func (g *Registry) manifest(ctx context.Context, repository, reference string) (store.Manifest, error) {
	if isDigest(reference) && !validDigest(reference) {
		return store.Manifest{}, digestInvalid.about(named{Name: repository, Digest: reference})
	}
	m, err := g.content.Manifest(ctx, repository, reference)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return m, g.missingManifest(ctx, repository, reference)
	case err == nil && !m.Readable:
		return m, disallowed.because(store.ErrLocked)
	}
	return m, err
}

func (g *Registry) missingManifest(ctx context.Context, repository, reference string) error {
	if err := g.knownRepository(ctx, repository); err != nil {
		return err
	}
	if isDigest(reference) {
		return manifestUnknown.saying(fmt.Sprintf("manifest %s is not found", reference), named{Name: repository, Digest: reference})
	}
	return manifestUnknown.saying(fmt.Sprintf("manifest tagged by %q is not found", reference), named{Name: repository, Tag: reference})
}

func (g *Registry) knownRepository(ctx context.Context, name string) error {
	_, err := g.content.Repository(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return nameUnknown.about(named{Name: name})
	}
	return err
}

// deleteManifest removes a manifest with its tags, or by a tag the tag alone.
func (g *Registry) deleteManifest(w http.ResponseWriter, c *call) error {
	if !isDigest(c.reference) {
		return g.deleteTag(w, c)
	}
	if !validDigest(c.reference) {
		return digestInvalid.about(named{Name: c.repository, Digest: c.reference})
	}
	gone, err := g.content.DeleteManifest(c.Context(), c.repository, c.reference)
	if err != nil {
		return g.missing(c, err)
	}
	g.files.release(gone.Size)
	w.WriteHeader(http.StatusAccepted)
	g.happened(c.Context(), Event{Action: "delete", Repository: c.repository, Digest: c.reference})
	return nil
}

// deleteTag removes a tag. The manifest stays.
func (g *Registry) deleteTag(w http.ResponseWriter, c *call) error {
	t, err := g.content.DeleteTag(c.Context(), c.repository, c.reference)
	if err != nil {
		return g.missing(c, err)
	}
	w.WriteHeader(http.StatusAccepted)
	g.happened(c.Context(), Event{Action: "delete", Repository: c.repository, Digest: t.Digest, Tag: t.Name})
	return nil
}

// missing says what a call did not find, in the words of the API that was called; other errors it leaves as they are.
func (g *Registry) missing(c *call, err error) error {
	switch {
	case !errors.Is(err, store.ErrNotFound):
		return err
	case c.endpoint != tagAttributes:
		return g.missingManifest(c.Context(), c.repository, c.reference)
	}
	if err := g.knownRepository(c.Context(), c.repository); err != nil {
		return err
	}
	return tagUnknown.about(nil)
}

// DeleteRepository removes a repository with all it holds and says what that was. The error is an *Error: NAME_UNKNOWN,
// or REGISTRY_DISALLOWED_OPERATION if anything in it is locked.
func (g *Registry) DeleteRepository(ctx context.Context, name string) (store.Removed, error) {
	gone, err := g.unlink(func() (store.Removed, error) { return g.content.DeleteRepository(ctx, name) })
	if errors.Is(err, store.ErrNotFound) {
		return gone, nameUnknown.about(named{Name: name})
	}
	if err != nil {
		return gone, asError(err)
	}
	g.files.release(gone.Size)
	g.reclaim(ctx)
	g.happened(ctx, Event{Action: "delete", Repository: name})
	return gone, nil
}

// isDigest tells a digest from a tag: a tag has no colon.
func isDigest(reference string) bool { return strings.Contains(reference, ":") }

func tagOf(reference string) string {
	if isDigest(reference) {
		return ""
	}
	return reference
}

// matches reports whether an If-None-Match header names the digest.
func matches(header, digest string) bool {
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == "*" || strings.Trim(tag, `"`) == digest {
			return true
		}
	}
	return false
}
