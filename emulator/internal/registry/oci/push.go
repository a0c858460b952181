package oci

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

// maxManifest is the size of the largest manifest, in bytes.
const maxManifest = 4 << 20

// maxTags is how many tags one push may set.
const maxTags = 100

// putManifest has distribution validate a manifest, then stores it with its tags.
func (g *Registry) putManifest(w http.ResponseWriter, c *call) error {
	body, err := readManifest(c.Body)
	if err != nil {
		return err
	}
	m, err := describe(c.Header.Get("Content-Type"), body)
	if err != nil {
		return err
	}
	tags, err := c.target(&m)
	if err != nil {
		return err
	}
	g.pushes.RLock()
	defer g.pushed(c.Context())
	if err := g.validate(c, body); err != nil {
		return err
	}
	if err := g.keepManifest(c.Context(), c.repository, m, tags...); err != nil {
		return err
	}
	answerPut(w, c, m, tags)
	return nil
}

func answerPut(w http.ResponseWriter, c *call, m store.Manifest, tags []string) {
	h := w.Header()
	h.Set("Location", urlPath(c.repository, "manifests", m.Digest))
	h.Set("Docker-Content-Digest", m.Digest)
	if m.Subject != "" {
		h.Set("OCI-Subject", m.Subject)
	}
	if isDigest(c.reference) && len(tags) > 0 {
		h.Set("OCI-Tag", strings.Join(tags, ", "))
	}
	w.WriteHeader(http.StatusCreated)
}

func readManifest(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err != nil {
		return nil, interrupted.because(err)
	}
	if len(body) > maxManifest {
		return nil, manifestTooLarge.about(nil)
	}
	return body, nil
}

// describe reads what the rows keep of a manifest beside its bytes. Distribution judges the rest.
func describe(contentType string, body []byte) (store.Manifest, error) {
	var fields struct {
		ArtifactType string
		Config       struct{ MediaType string }
		Subject      *struct{ Digest string }
		Annotations  map[string]string
	}
	if err := json.Unmarshal(body, &fields); err != nil {
		return store.Manifest{}, manifestUnreadable.because(err)
	}
	m := store.Manifest{ArtifactType: fields.ArtifactType, Size: int64(len(body)), Body: body}
	m.MediaType, _, _ = mime.ParseMediaType(contentType)
	if m.ArtifactType == "" {
		m.ArtifactType = fields.Config.MediaType // OCI distribution specification, "Listing Referrers"
	}
	if fields.Subject != nil {
		if m.Subject = fields.Subject.Digest; !validDigest(m.Subject) {
			return m, subjectInvalid.about(map[string]string{"digest": m.Subject})
		}
	}
	if len(fields.Annotations) > 0 {
		m.Annotations, _ = json.Marshal(fields.Annotations)
	}
	return m, nil
}

// target gives the manifest the digest it was pushed under and returns the tags it is to have: the reference, or with a
// digest the parameters called tag.
func (c *call) target(m *store.Manifest) ([]string, error) {
	if !isDigest(c.reference) {
		m.Digest = digest.FromBytes(m.Body).String()
		return []string{c.reference}, checkTags(c.repository, c.reference)
	}
	if !validDigest(c.reference) {
		return nil, digestInvalid.about(named{Name: c.repository, Digest: c.reference})
	}
	m.Digest = digest.Digest(c.reference).Algorithm().FromBytes(m.Body).String()
	if m.Digest != c.reference {
		return nil, digestMismatch.about(named{Name: c.repository, Digest: c.reference})
	}
	tags := c.URL.Query()["tag"]
	if len(tags) > maxTags {
		return nil, tooManyTags.about(nil)
	}
	return tags, checkTags(c.repository, tags...)
}

func checkTags(repository string, tags ...string) error {
	for _, tag := range tags {
		if !validTag(tag) {
			return tagInvalid.about(named{Name: repository, Tag: tag})
		}
	}
	return nil
}

// keepManifest commits a manifest and tells of it.
func (g *Registry) keepManifest(ctx context.Context, repository string, m store.Manifest, tags ...string) error {
	image, err := g.image(ctx, repository, m.Body)
	if err != nil {
		return err
	}
	m.Image = &image
	if err := g.commitManifest(ctx, repository, m, tags); err != nil {
		return err
	}
	e := Event{Action: "push", Repository: repository, Digest: m.Digest, MediaType: m.MediaType, Size: m.Size}
	if len(tags) == 0 {
		g.happened(ctx, e)
	}
	for _, e.Tag = range tags {
		g.happened(ctx, e)
	}
	return nil
}

// commitManifest writes the rows and counts the bytes of a manifest, once. There is room for them before they are written,
// unless they were there already; meanwhile somebody else may have added or deleted them, which is put right.
func (g *Registry) commitManifest(ctx context.Context, repository string, m store.Manifest, tags []string) error {
	counted := int64(0)
	switch _, err := g.content.Manifest(ctx, repository, m.Digest); {
	case errors.Is(err, store.ErrNotFound):
		if err := g.files.reserve(m.Size); err != nil {
			return err
		}
		counted = m.Size
	case err != nil:
		return err
	}
	added, err := g.content.PutManifest(ctx, repository, m, tags...)
	if added {
		counted -= m.Size
	}
	g.files.release(counted)
	return err
}

// finish commits a blob whose file is in place.
func (g *Registry) finish(w http.ResponseWriter, c *call, b store.Blob) error {
	if err := g.content.LinkBlob(c.Context(), c.repository, b); err != nil {
		return err
	}
	w.Header().Set("Location", urlPath(c.repository, "blobs", b.Digest))
	w.Header().Set("Docker-Content-Digest", b.Digest)
	w.WriteHeader(http.StatusCreated)
	g.happened(c.Context(), Event{Action: "push", Repository: c.repository, Digest: b.Digest, MediaType: octets, Size: b.Size})
	return nil
}

// urlPath is the URL path of something in a repository. Names, tags and digests need no escaping.
func urlPath(repository string, rest ...string) string {
	return (&url.URL{Path: "/v2/" + repository + "/" + strings.Join(rest, "/")}).String()
}
