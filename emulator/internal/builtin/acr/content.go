package acr

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// attributes are the locks of a tag or manifest. What is not said is not locked.
type attributes struct {
	Delete *bool `json:"deleteEnabled,omitempty"`
	Write  *bool `json:"writeEnabled,omitempty"`
}

// locked reports whether ACR refuses to delete what has the attributes (acr-behaviour §6.2).
func (a *attributes) locked() bool {
	no := func(b *bool) bool { return b != nil && !*b }
	return a != nil && (no(a.Delete) || no(a.Write))
}

// tag is one of /acr/v1/REPOSITORY/_tags (acr-behaviour §6.1).
type tag struct {
	Name       string      `json:"name"`
	Digest     string      `json:"digest"`
	Updated    string      `json:"lastUpdateTime"`
	Attributes *attributes `json:"changeableAttributes"`
}

// manifest is one of /acr/v1/REPOSITORY/_manifests.
type manifest struct {
	Digest     string      `json:"digest"`
	Updated    string      `json:"lastUpdateTime"`
	MediaType  string      `json:"mediaType"`
	Tags       []string    `json:"tags"`
	Attributes *attributes `json:"changeableAttributes"`
}

// updated reads a time; false if there is none that can be read.
func updated(text string) (time.Time, bool) {
	at, err := time.Parse(time.RFC3339Nano, text)
	return at, err == nil
}

// repositories lists the catalog.
func (c *client) repositories(ctx context.Context, size int) ([]string, error) {
	var all []string
	for last := ""; ; last = all[len(all)-1] {
		var page struct {
			Repositories []string `json:"repositories"`
		}
		query := url.Values{"n": {strconv.Itoa(size)}}
		if last != "" {
			query.Set("last", last)
		}
		if _, err := c.get(ctx, "GetRepositories", "/v2/_catalog?"+query.Encode(), &page); err != nil {
			return nil, err
		}
		if len(page.Repositories) == 0 {
			return all, nil
		}
		all = append(all, page.Repositories...)
	}
}

// tags returns a page of tags, and after which the next page begins; empty for the last one.
func (c *client) tags(ctx context.Context, repository, order, last string) (page []tag, next string, err error) {
	var answer struct {
		Tags []tag `json:"tags"`
	}
	header, err := c.get(ctx, "GetAcrTags", "/acr/v1/"+escape(repository)+"/_tags?"+pageQuery(order, last), &answer)
	if err != nil {
		return nil, "", err
	}
	return answer.Tags, nextPage(header.Get("Link")), nil
}

// manifests returns all manifests.
func (c *client) manifests(ctx context.Context, repository string) ([]manifest, error) {
	var all []manifest
	for last := ""; ; last = all[len(all)-1].Digest {
		var page struct {
			Manifests []manifest `json:"manifests"`
		}
		_, err := c.get(ctx, "GetAcrManifests", "/acr/v1/"+escape(repository)+"/_manifests?"+pageQuery("", last), &page)
		if err != nil && last != "" && hasStatus(err, http.StatusNotFound) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if len(page.Manifests) == 0 {
			return all, nil
		}
		all = append(all, page.Manifests...)
	}
}

func pageQuery(order, last string) string {
	query := url.Values{"n": {strconv.Itoa(pageSize)}}
	if order != "" {
		query.Set("orderby", order)
	}
	if last != "" {
		query.Set("last", last)
	}
	return query.Encode()
}

// nextPage reads last of a Link header; empty where there is none.
func nextPage(link string) string {
	target, _, _ := strings.Cut(link, ">")
	_, query, found := strings.Cut(target, "?")
	if !found {
		return ""
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return ""
	}
	return values.Get("last")
}

// escape escapes a repository's name for a path, and its slashes not.
func escape(repository string) string {
	return strings.ReplaceAll(url.PathEscape(repository), "%2F", "/")
}

// body returns a manifest.
func (c *client) body(ctx context.Context, repository, digest string) (manifestBody, error) {
	got, err := c.send(ctx, call{
		name: "GetManifest", method: http.MethodGet, path: "/v2/" + escape(repository) + "/manifests/" + url.PathEscape(digest),
		accept: "*/*, " + strings.Join([]string{ociManifest, ociIndex, artifactManifest, dockerList}, ", "),
	})
	if err != nil {
		return manifestBody{}, err
	}
	var m manifestBody
	if err := json.Unmarshal(got.body, &m); err != nil {
		return manifestBody{}, fmt.Errorf("manifest %s of %s: %w", digest, repository, err)
	}
	return m, nil
}

// The media types that a purge looks into.
const (
	ociManifest      = "application/vnd.oci.image.manifest.v1+json"
	ociIndex         = "application/vnd.oci.image.index.v1+json"
	dockerList       = "application/vnd.docker.distribution.manifest.list.v2+json"
	artifactManifest = "application/vnd.oci.artifact.manifest.v1+json"
)

// manifestBody is what a purge has to know of a manifest.
type manifestBody struct {
	Subject   *descriptor  `json:"subject"`
	Manifests []descriptor `json:"manifests"`
}

type descriptor struct {
	Digest    string `json:"digest"`
	MediaType string `json:"mediaType"`
}

func (c *client) deleteTag(ctx context.Context, repository, name string) error {
	_, err := c.send(ctx, call{name: "DeleteAcrTag", method: http.MethodDelete, path: "/acr/v1/" + escape(repository) + "/_tags/" + url.PathEscape(name)})
	return err
}

func (c *client) deleteManifest(ctx context.Context, repository, digest string) error {
	_, err := c.send(ctx, call{name: "DeleteManifest", method: http.MethodDelete, path: "/v2/" + escape(repository) + "/manifests/" + url.PathEscape(digest)})
	return err
}

// unlock makes a tag or manifest deletable; kind is _tags or _manifests.
func (c *client) unlock(ctx context.Context, repository, kind, name string) error {
	call := call{
		name: "UpdateAcrTagAttributes", method: http.MethodPatch, path: "/acr/v1/" + escape(repository) + "/" + kind + "/" + url.PathEscape(name),
		body: []byte(`{"deleteEnabled":true,"writeEnabled":true}`), contentType: "application/json; charset=utf-8",
	}
	if kind == "_manifests" {
		call.name = "UpdateAcrManifestAttributes"
	}
	_, err := c.send(ctx, call)
	return err
}

func (c *client) get(ctx context.Context, name, path string, into any) (http.Header, error) {
	got, err := c.send(ctx, call{name: name, method: http.MethodGet, path: path})
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(got.body, into); err != nil {
		return nil, fmt.Errorf("acr.BaseClient#%s: Failure responding to request: %w", name, err)
	}
	return got.header, nil
}
