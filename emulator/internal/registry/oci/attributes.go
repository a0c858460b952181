package oci

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

// maxAttributes bounds the body of a change of attributes, in bytes.
const maxAttributes = 64 << 10

// getRepository tells of a repository.
func (g *Registry) getRepository(w http.ResponseWriter, c *call) error {
	r, err := g.content.Repository(c.Context(), c.repository)
	if err != nil {
		return g.missingRepository(c, err)
	}
	return writeJSON(w, plainJSON, g.repositoryBody(r))
}

func (g *Registry) missingRepository(c *call, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nameUnknown.about(named{Name: c.repository})
	}
	return err
}

// getTag tells of a tag.
func (g *Registry) getTag(w http.ResponseWriter, c *call) error {
	t, err := g.content.Tag(c.Context(), c.repository, c.reference)
	if err != nil {
		return g.missing(c, err)
	}
	return writeJSON(w, plainJSON, struct {
		place
		Tag tagBody `json:"tag"`
	}{g.place(c), bodyOfTag(t)})
}

// listTags tells of a page of tags. Without any, ACR says null, as in its catalog.
func (g *Registry) listTags(w http.ResponseWriter, c *call) error {
	digest := c.URL.Query().Get("digest")
	if digest != "" && !validDigest(digest) {
		return digestInvalid.about(named{Name: c.repository, Digest: digest})
	}
	list, err := g.tags(w, c, digest)
	if err != nil {
		return err
	}
	return writeJSON(w, plainJSON, struct {
		place
		Tags []tagBody `json:"tags"`
	}{g.place(c), each(list, bodyOfTag)})
}

// getManifestAttributes tells of a manifest and, if it is an index, of the manifests in it.
func (g *Registry) getManifestAttributes(w http.ResponseWriter, c *call) error {
	if err := c.checkManifest(); err != nil {
		return err
	}
	m, err := g.content.Manifest(c.Context(), c.repository, c.reference)
	if err != nil {
		return g.missing(c, err)
	}
	tags, err := g.content.Tags(c.Context(), store.TagList{Repository: c.repository, Digest: m.Digest})
	if err != nil {
		return err
	}
	m.Tags = each(tags, func(t store.Tag) string { return t.Name })
	body := bodyOfManifest(m)
	body.References = each(partsOf(m.Body).Manifests, func(p part) referenceBody {
		return referenceBody{p.Digest, p.Platform.Architecture, p.Platform.OS}
	})
	return writeJSON(w, plainJSON, struct {
		place
		Manifest manifestBody `json:"manifest"`
	}{g.place(c), body})
}

// checkManifest refuses what names no manifest here: this API knows them by digest alone, and has no path for a tag.
func (c *call) checkManifest() error {
	if !isDigest(c.reference) {
		return pathUnknown.about(nil)
	}
	if !validDigest(c.reference) {
		return digestInvalid.about(named{Name: c.repository, Digest: c.reference})
	}
	return nil
}

// listManifests tells of a page of manifests.
func (g *Registry) listManifests(w http.ResponseWriter, c *call) error {
	p, err := page(c.URL.Query())
	if err != nil {
		return err
	}
	list, err := g.content.Manifests(c.Context(), c.repository, p)
	if err == nil && len(list) == 0 {
		err = g.knownRepository(c.Context(), c.repository)
	}
	if err != nil {
		return err
	}
	list = cut(w, c, list, p, func(m store.Manifest) string { return m.Digest })
	return writeJSON(w, plainJSON, struct {
		place
		Manifests []manifestBody `json:"manifests"`
	}{g.place(c), each(list, bodyOfManifest)})
}

// changes are how a change of attributes is done to what an endpoint names: what it is, and how it is told afterwards.
var changes = map[endpoint]struct {
	target func(*call) store.Target
	check  func(*call) error
	tell   handler
}{
	repositoryAttributes: {
		func(c *call) store.Target { return store.Target{Repository: c.repository} },
		func(*call) error { return nil },
		(*Registry).getRepository,
	},
	tagAttributes: {
		func(c *call) store.Target { return store.Target{Repository: c.repository, Tag: c.reference} },
		func(*call) error { return nil },
		(*Registry).getTag,
	},
	manifestAttributes: {
		func(c *call) store.Target { return store.Target{Repository: c.repository, Digest: c.reference} },
		(*call).checkManifest,
		(*Registry).getManifestAttributes,
	},
}

// patchAttributes changes those attributes of a repository, tag or manifest that the body names, also of one that is locked:
// nothing else could unlock it. The answer is that to a GET.
func (g *Registry) patchAttributes(w http.ResponseWriter, c *call) error {
	change := changes[c.endpoint]
	if err := change.check(c); err != nil {
		return err
	}
	a, mask, err := readAttributes(c.Body)
	if err != nil {
		return err
	}
	err = g.content.SetAttributes(c.Context(), change.target(c), a, mask)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return change.tell(g, w, c) // it also says that there is nothing to tell of
}

// readAttributes reads the attributes that a body sets, and which those are. Members it does not know are left alone, as is
// one that is null.
func readAttributes(r io.Reader) (a, mask store.Attributes, err error) {
	var body *struct{ DeleteEnabled, WriteEnabled, ReadEnabled, ListEnabled *bool }
	text, err := io.ReadAll(io.LimitReader(r, maxAttributes+1))
	if err != nil {
		return a, mask, interrupted.because(err)
	}
	if err := json.Unmarshal(text, &body); err != nil || body == nil || len(text) > maxAttributes {
		return a, mask, attributesInvalid.because(err)
	}
	for _, member := range []struct {
		sent         *bool
		value, named *bool
	}{
		{body.DeleteEnabled, &a.Delete, &mask.Delete},
		{body.WriteEnabled, &a.Write, &mask.Write},
		{body.ReadEnabled, &a.Read, &mask.Read},
		{body.ListEnabled, &a.List, &mask.List},
	} {
		if member.sent != nil {
			*member.value, *member.named = *member.sent, true
		}
	}
	return a, mask, nil
}

// deleteRepository removes a repository and says what it held.
func (g *Registry) deleteRepository(w http.ResponseWriter, c *call) error {
	gone, err := g.DeleteRepository(c.Context(), c.repository)
	if err != nil {
		return err
	}
	return writeStatus(w, http.StatusAccepted, plainJSON, struct {
		Manifests []string `json:"manifestsDeleted"`
		Tags      []string `json:"tagsDeleted"`
	}{gone.Manifests, gone.Tags})
}
