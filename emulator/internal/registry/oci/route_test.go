package oci

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
)

func TestParse(t *testing.T) {
	for path, want := range map[string]route{
		"":                        {},
		"/":                       {},
		"/v2":                     {endpoint: base},
		"/v2/":                    {endpoint: base},
		"/v2//":                   {},
		"/v3/":                    {},
		"/v2x/a/tags/list":        {},
		"/v2/_catalog":            {endpoint: catalog},
		"/v2/_catalog/":           {},
		"/v2/a/tags/list":         {tagList, "a", "list"},
		"/v2/a/tags/lists":        {},
		"/v2/a/b/tags/list":       {tagList, "a/b", "list"},
		"/v2/tags/list":           {},
		"/v2/a/manifests/v1":      {manifests, "a", "v1"},
		"/v2/a/manifests/":        {manifests, "a", ""},
		"/v2/a/blobs/sha256:0":    {blobs, "a", "sha256:0"},
		"/v2/a/blobs/uploads":     {uploads, "a", "uploads"},
		"/v2/a/blobs/uploads/":    {uploads, "a", ""},
		"/v2/a/blobs/uploads/u":   {upload, "a", "u"},
		"/v2/a/blobs/uploads/u/":  {},
		"/v2/a/referrers/sha256:": {referrers, "a", "sha256:"},

		// Repositories called like the words of the API: the end of the path decides.
		"/v2/manifests/manifests/manifests":            {manifests, "manifests", "manifests"},
		"/v2/a/blobs/uploads/manifests/v1":             {manifests, "a/blobs/uploads", "v1"},
		"/v2/a/manifests/v1/tags/list":                 {tagList, "a/manifests/v1", "list"},
		"/v2/a/tags/list/blobs/uploads/":               {uploads, "a/tags/list", ""},
		"/v2/a/manifests/b/blobs/uploads/u":            {upload, "a/manifests/b", "u"},
		"/v2/blobs/uploads/":                           {blobs, "", ""},
		"/v2/blobs/uploads/blobs/uploads/blobs":        {upload, "blobs/uploads", "blobs"},
		"/v2/a/referrers/sha256:0/referrers/sha256:1":  {referrers, "a/referrers/sha256:0", "sha256:1"},
		"/v2/../v2/a/manifests/v1":                     {manifests, "../v2/a", "v1"}, // the name is refused
		"/v2/_catalog/manifests/v1":                    {manifests, "_catalog", "v1"},
		"/v2/a/blobs/uploads/../../../secret/blobs/b1": {blobs, "a/blobs/uploads/../../../secret", "b1"},

		"/acr/v1":                            {endpoint: base},
		"/acr/v1/":                           {endpoint: base},
		"/acr/v1x":                           {},
		"/acr/v2/a":                          {},
		"/acr/v1/_catalog":                   {endpoint: catalog},
		"/acr/v1/_catalog/_tags":             {},
		"/acr/v1/_deleted/a/_tags":           {},
		"/acr/v1/_tags":                      {},
		"/acr/v1/a":                          {repositoryAttributes, "a", ""},
		"/acr/v1/a/tags/list":                {repositoryAttributes, "a/tags/list", ""},
		"/acr/v1/a/b/_tags":                  {tagsAttributes, "a/b", ""},
		"/acr/v1/a/b/_tags/v1":               {tagAttributes, "a/b", "v1"},
		"/acr/v1/a/_tags/":                   {},
		"/acr/v1/a/_tagsx":                   {},
		"/acr/v1/a/_manifests":               {manifestsAttributes, "a", ""},
		"/acr/v1/a/_manifests/sha256:0":      {manifestAttributes, "a", "sha256:0"},
		"/acr/v1/a/_manifests/":              {},
		"/acr/v1/a/_tags/v1/_manifests/d":    {tagAttributes, "a", "v1/_manifests/d"}, // there is no such tag
		"/acr/v1/../v2/a/manifests/v1/_tags": {tagsAttributes, "../v2/a/manifests/v1", ""},
	} {
		if got := parse(path); got != want && !(got.repository == "" && want.repository == "" && want.endpoint == blobs) {
			t.Errorf("parse(%q) = %+v, want %+v", path, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "a/b/c": true, "a.b": true, "a_b": true, "a__b": true, "a-b": true, "a---b": true, "0": true, "a/0-b.c": true,
		"": false, "A": false, "a/": false, "/a": false, "a//b": false, "a..b": false, "a___b": false, "a.-b": false, "_a": false, "a_": false,
		"-a": false, "a-": false, "a/.b": false, "..": false, "a b": false, "ä": false, "a:b": false,
		strings.Repeat("a", 255): true, strings.Repeat("a", 256): false,
	} {
		if got := validName(name); got != want {
			t.Errorf("validName(%q) = %v", name, got)
		}
	}
	for tag, want := range map[string]bool{
		"v1": true, "V1.2-3_x": true, "_": true, strings.Repeat("a", 128): true,
		"": false, ".a": false, "-a": false, "a/b": false, "a:b": false, "ä": false, strings.Repeat("a", 129): false,
	} {
		if got := validTag(tag); got != want {
			t.Errorf("validTag(%q) = %v", tag, got)
		}
	}
	for id, want := range map[string]bool{
		"01234567-89ab-cdef-0123-456789abcdef": true,
		"01234567-89AB-cdef-0123-456789abcdef": false, "01234567-89ab-cdef-0123-456789abcde": false,
		"../../../../../../etc/passwd/xxxxxxx": false, "0123456789abcdef0123456789abcdef0123": false, "": false,
	} {
		if got := validUpload(id); got != want {
			t.Errorf("validUpload(%q) = %v", id, got)
		}
	}
}

// FuzzRoute compares the parts of a path with the judgement of distribution's own libraries, and a path with its print.
func FuzzRoute(f *testing.F) {
	for _, seed := range []string{"a/b", "a__b-c.d", "a/-", "sha256:" + strings.Repeat("0", 64), "sha512:" + strings.Repeat("f", 128), "V1.x-y_z", strings.Repeat("a", 250) + ".b/c/d/e"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		// The library takes a first component that may be a host out of the length; we do not.
		if named, err := reference.WithName(s); validName(s) != (err == nil && len(s) <= maxName && strings.ToLower(s) == s && !strings.Contains(s, ":") && named.Name() == s) {
			t.Errorf("validName(%q) = %v, reference: %v", s, validName(s), err)
		}
		d := digest.Digest(s)
		if want := d.Validate() == nil && d.Algorithm() != digest.SHA384; validDigest(s) != want {
			t.Errorf("validDigest(%q) = %v", s, validDigest(s))
		}
		name, _ := reference.WithName("a")
		if _, err := reference.WithTag(name, s); validTag(s) != (err == nil) {
			t.Errorf("validTag(%q) = %v, reference: %v", s, validTag(s), err)
		}
		if r := parse("/v2/" + s); r.repository != "" && !strings.HasPrefix(s, r.repository+"/") {
			t.Errorf("parse(%q) = %+v", s, r)
		}
		if validName(s) {
			if r := parse("/v2/" + s + "/manifests/v1"); r != (route{manifests, s, "v1"}) {
				t.Errorf("the repository %q is parsed as %+v", s, r)
			}
		}
	})
}

func TestLocate(t *testing.T) {
	hex := strings.Repeat("ab", 32)
	for path, want := range map[string]object{
		"blobs/sha256/ab/" + hex + "/data":                                {kind: blobData, name: "sha256:" + hex},
		"repositories/a/b/_layers/sha256/" + hex + "/link":                {layerLink, "a/b", "sha256:" + hex, 0},
		"repositories/a/_manifests/revisions/sha256/" + hex + "/link":     {revisionLink, "a", "sha256:" + hex, 0},
		"repositories/a/_manifests/tags/v1/current/link":                  {kind: tagLink, repository: "a"},
		"repositories/a/_manifests/tags/v1/index/sha256/" + hex + "/link": {kind: tagLink, repository: "a"},
		"repositories/a/_uploads/u1":                                      {uploadFolder, "a", "u1", 0},
		"repositories/a/_uploads/u1/data":                                 {uploadData, "a", "u1", 0},
		"repositories/a/_uploads/u1/startedat":                            {uploadStart, "a", "u1", 0},
		"repositories/a/_uploads/u1/hashstates/sha256":                    {hashStates, "a", "u1", 0},
		"repositories/a/_uploads/u1/hashstates/sha256/4096":               {hashState, "a", "u1", 4096},
		"repositories/a":         {},
		"repositories/a/_layers": {repository: "a"},
		"blobs/sha256":           {},
		"":                       {},
	} {
		if got := locate("/docker/registry/v2/" + path); got != want {
			t.Errorf("locate(%s) = %+v, want %+v", path, got, want)
		}
	}
	if got := locate("/etc/passwd"); got != (object{}) {
		t.Errorf("a path of nobody's is %+v", got)
	}
}

// TestRefusals: every error of the table can be sent.
func TestRefusals(t *testing.T) {
	for i, e := range refusals {
		if e.Status < 400 || e.Code == "" || e.Message == "" || strings.HasSuffix(e.Message, ".") {
			t.Errorf("row %d: %+v", i, e)
		}
		cause := fmt.Errorf("cause %d", i)
		if got := refusal(i).because(cause); !errors.Is(got, cause) || refusals[i].Cause != nil || !strings.Contains(got.Error(), "cause") {
			t.Errorf("row %d keeps %v", i, got)
		}
	}
}
