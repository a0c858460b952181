package oci

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

// maxPage is how many items a page holds at most, and without n.
const maxPage = 1000

// orders are the values of the parameter orderby (acr-behaviour §6.1).
var orders = map[string]store.Order{
	"": store.ByName, "none": store.ByName, "timeasc": store.OldestFirst, "timedesc": store.NewestFirst,
}

// page reads n, last and orderby. The page it returns asks for one item more than is shown, to see whether there is a next
// page.
func page(q url.Values) (store.Page, error) {
	n := maxPage
	if text := q.Get("n"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 0 {
			return store.Page{}, numberInvalid.about(map[string]string{"n": text})
		}
	}
	order, ok := orders[q.Get("orderby")]
	if !ok {
		return store.Page{}, orderInvalid.about(map[string]string{"orderby": q.Get("orderby")})
	}
	return store.Page{Last: q.Get("last"), N: min(n, maxPage) + 1, Order: order}, nil
}

// filters are the parameters of lists that the next page is to have too.
var filters = [...]string{"artifactType", "digest"}

// cut takes the surplus item of a page off and, if there was one, links the next page the way ACR does (acr-behaviour §6.1).
func cut[T any](w http.ResponseWriter, c *call, items []T, p store.Page, name func(T) string) []T {
	n := p.N - 1
	if len(items) <= n {
		return items
	}
	items = items[:n]
	if n > 0 {
		q := c.URL.Query()
		next := fmt.Sprintf("%s?last=%s&n=%d&orderby=%s", c.URL.EscapedPath(), url.QueryEscape(name(items[n-1])), n, q.Get("orderby"))
		for _, filter := range filters {
			if value := q.Get(filter); value != "" {
				next += "&" + filter + "=" + url.QueryEscape(value)
			}
		}
		w.Header().Set("Link", "<"+next+`>; rel="next"`)
	}
	return items
}

// writeJSON answers 200 with v. ACR's answers end in a newline, as the lengths in recorded ones show.
func writeJSON(w http.ResponseWriter, mediaType string, v any) error {
	return writeStatus(w, http.StatusOK, mediaType, v)
}

func writeStatus(w http.ResponseWriter, status int, mediaType string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
	return nil
}

const plainJSON = "application/json; charset=utf-8"

// getCatalog lists repositories. Without any, ACR says null (acr-behaviour §6.1).
func (g *Registry) getCatalog(w http.ResponseWriter, c *call) error {
	p, err := page(c.URL.Query())
	if err != nil {
		return err
	}
	list, err := g.content.Repositories(c.Context(), p)
	if err != nil {
		return err
	}
	list = cut(w, c, list, p, func(r store.Repository) string { return r.Name })
	var names []string
	for _, r := range list {
		names = append(names, r.Name)
	}
	return writeJSON(w, plainJSON, map[string][]string{"repositories": names})
}

func (g *Registry) getTags(w http.ResponseWriter, c *call) error {
	list, err := g.tags(w, c, "")
	if err != nil {
		return err
	}
	names := make([]string, len(list))
	for i, t := range list {
		names[i] = t.Name
	}
	return writeJSON(w, plainJSON, struct {
		Name string   `json:"name"`
		Tags []string `json:"tags"`
	}{c.repository, names})
}

// tags returns the page of tags that a request asks for, of one manifest or of all.
func (g *Registry) tags(w http.ResponseWriter, c *call, digest string) ([]store.Tag, error) {
	p, err := page(c.URL.Query())
	if err != nil {
		return nil, err
	}
	list, err := g.content.Tags(c.Context(), store.TagList{Repository: c.repository, Digest: digest, Page: p})
	if err == nil && len(list) == 0 {
		err = g.knownRepository(c.Context(), c.repository)
	}
	return cut(w, c, list, p, func(t store.Tag) string { return t.Name }), err
}

const indexType = "application/vnd.oci.image.index.v1+json"

type descriptor struct {
	MediaType    string          `json:"mediaType"`
	Digest       string          `json:"digest"`
	Size         int64           `json:"size"`
	ArtifactType string          `json:"artifactType,omitempty"`
	Annotations  json.RawMessage `json:"annotations,omitempty"`
}

func descriptorOf(m store.Manifest) descriptor {
	return descriptor{m.MediaType, m.Digest, m.Size, m.ArtifactType, m.Annotations}
}

// getReferrers lists the manifests whose subject is the digest, as an index. The subject need not exist.
func (g *Registry) getReferrers(w http.ResponseWriter, c *call) error {
	if !validDigest(c.reference) {
		return digestInvalid.about(named{Name: c.repository, Digest: c.reference})
	}
	q := c.URL.Query()
	p, err := page(q)
	if err != nil {
		return err
	}
	kind := q.Get("artifactType")
	list, err := g.content.Referrers(c.Context(), store.Referrers{
		Repository: c.repository, Subject: c.reference, ArtifactType: kind, Page: p,
	})
	if err != nil {
		return err
	}
	list = cut(w, c, list, p, func(m store.Manifest) string { return m.Digest })
	manifests := make([]descriptor, len(list))
	for i, m := range list {
		manifests[i] = descriptorOf(m)
	}
	if kind != "" {
		w.Header().Set("OCI-Filters-Applied", "artifactType")
	}
	return writeJSON(w, indexType, struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		Manifests     []descriptor `json:"manifests"`
	}{2, indexType, manifests})
}
