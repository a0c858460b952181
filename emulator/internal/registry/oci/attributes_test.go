package oci_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/registry/oci"
	"github.com/acrlocal/acrlocal/emulator/internal/store/sqlite"
)

// clock is a time that a test sets.
type clock struct{ now time.Time }

func (c *clock) time() time.Time { return c.now }

// timed returns a registry whose rows and sweeps go by a clock.
func timed(t testing.TB) (*fixture, *clock) {
	t.Helper()
	c := &clock{time.Date(2026, 1, 2, 3, 4, 5, 678901200, time.UTC)}
	s, err := sqlite.Open(t.Context(), sqlite.Options{Now: c.time})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	f := &fixture{store: s, content: s.Content("web"), blobDir: t.TempDir(), storage: oci.NewStorage(0)}
	f.open(t, func(o *oci.Options) { o.Now = c.time })
	return f, c
}

const (
	unlocked    = `{"deleteEnabled":true,"writeEnabled":true,"readEnabled":true,"listEnabled":true}`
	imageConfig = `{"architecture":"amd64","os":"linux","rootfs":{}}`
	configType  = "application/vnd.oci.image.config.v1+json"
)

// pushPlatform pushes an image that says what it is for.
func pushPlatform(t testing.TB, h http.Handler, repository, tag, layer string) string {
	t.Helper()
	pushBlob(t, h, repository, imageConfig)
	return pushImage(t, h, repository, tag, layer, map[string]any{"config": descriptorFor(configType, imageConfig)})
}

// pushIndex pushes an index of two manifests for two platforms.
func pushIndex(t testing.TB, h http.Handler, repository, tag string, children ...string) string {
	t.Helper()
	var list []any
	for i, child := range children {
		d := descriptorFor(imageType, child)
		d["platform"] = map[string]string{"architecture": []string{"amd64", "arm64"}[i], "os": "linux"}
		list = append(list, d)
	}
	body, _ := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": indexType, "manifests": list})
	want(t, h, 201, "PUT /v2/"+repository+"/manifests/"+tag, string(body), "Content-Type: "+indexType)
	return string(body)
}

// TestAttributes is ACR's own API as clients see it, in its own bytes (acr-behaviour §6.1). The repository team/app holds
// the image v1, and two seconds later an index called both, of v1 and of an artifact without a tag. v1 was tagged again as v0
// after one more second.
func TestAttributes(t *testing.T) {
	f, c := timed(t)
	v1 := pushPlatform(t, f, "team/app", "v1", "some bytes")
	c.now = c.now.Add(2 * time.Second).Truncate(time.Millisecond)
	artifact := pushImage(t, f, "team/app", "", "a chart", nil)
	both := pushIndex(t, f, "team/app", "both", v1, artifact)
	c.now = c.now.Add(time.Second).Truncate(time.Second)
	want(t, f, 201, "PUT /v2/team/app/manifests/v0", v1, "Content-Type: "+imageType)

	words := strings.NewReplacer(
		"<v1>", sha(v1), "<artifact>", sha(artifact), "<both>", sha(both), "<none>", sha("nothing"),
		"<at 0>", "2026-01-02T03:04:05.6789012Z", "<at 2>", "2026-01-02T03:04:07.678Z", "<at 3>", "2026-01-02T03:04:08Z", "<open>", unlocked,
	)
	in := `{"registry":"web.azurecr.io","imageName":"team/app",`
	tagV0 := `{"name":"v0","digest":"<v1>","createdTime":"<at 3>","lastUpdateTime":"<at 3>","signed":false,"changeableAttributes":<open>}`
	tagV1 := `{"name":"v1","digest":"<v1>","createdTime":"<at 0>","lastUpdateTime":"<at 0>","signed":false,"changeableAttributes":<open>}`
	tagBoth := `{"name":"both","digest":"<both>","createdTime":"<at 2>","lastUpdateTime":"<at 2>","signed":false,"changeableAttributes":<open>}`
	ofV1 := `{"digest":"<v1>","imageSize":10,"createdTime":"<at 0>","lastUpdateTime":"<at 0>","architecture":"amd64","os":"linux",` +
		`"mediaType":"` + imageType + `","configMediaType":"` + configType + `","tags":["v0","v1"],"changeableAttributes":<open>}`
	ofArtifact := `{"digest":"<artifact>","imageSize":7,"createdTime":"<at 2>","lastUpdateTime":"<at 2>",` +
		`"mediaType":"` + imageType + `","configMediaType":"` + configType + `","changeableAttributes":<open>}`
	ofBoth := `{"digest":"<both>","imageSize":17,"createdTime":"<at 2>","lastUpdateTime":"<at 2>",` +
		`"mediaType":"` + indexType + `","tags":["both"],"changeableAttributes":<open>`
	references := `,"references":[{"digest":"<v1>","architecture":"amd64","os":"linux"},{"digest":"<artifact>","architecture":"arm64","os":"linux"}]`

	noRepository := errorBody("NAME_UNKNOWN", "repository name not known to registry", `{"name":"none"}`)
	noTag := errorBody("TAG_UNKNOWN", "the specified tag does not exist", "")
	noPath := errorBody("UNSUPPORTED", "the registry has no such path", "")
	noMethod := errorBody("UNSUPPORTED", "the operation is unsupported", "")
	badDigest := "the digest is neither sha256 nor sha512, or malformed"

	rows := map[string]string{sha(v1): ofV1, sha(artifact): ofArtifact, sha(both): ofBoth + "}"}
	var byName []string
	for _, digest := range slices.Sorted(maps.Keys(rows)) {
		byName = append(byName, rows[digest])
	}
	byTime, newest := []string{ofArtifact, ofBoth + "}", ofV1}, sha(artifact)
	if sha(both) > sha(artifact) { // equal times by digest, backwards
		byTime[0], byTime[1], newest = byTime[1], byTime[0], sha(both)
	}

	for _, row := range []struct {
		request string
		status  int
		link    string
		body    string
	}{
		{"GET /acr/v1/_catalog", 200, "", `{"repositories":["team/app"]}` + "\n"},
		{"GET /acr/v1/", 200, "", "{}\n"},
		{"GET /acr/v1/_catalog/", 404, "", noPath},
		{"GET /acr/v1", 200, "", "{}\n"},
		{"GET /acr/v1x/team/app", 404, "", noPath},

		{"GET /acr/v1/team/app", 200, "", in + `"createdTime":"<at 0>","lastUpdateTime":"<at 3>","manifestCount":3,"tagCount":3,"changeableAttributes":<open>}` + "\n"},
		{"GET /acr/v1/none", 404, "", noRepository},
		{"GET /acr/v1/Team/app", 400, "", errorBody("NAME_INVALID", "invalid repository name", `{"name":"Team/app"}`)},
		{"GET /acr/v1/team/app/", 400, "", errorBody("NAME_INVALID", "invalid repository name", `{"name":"team/app/"}`)},
		{"PUT /acr/v1/team/app", 405, "", noMethod},

		{"GET /acr/v1/team/app/_tags", 200, "", in + `"tags":[` + tagBoth + "," + tagV0 + "," + tagV1 + "]}\n"},
		{"GET /acr/v1/team/app/_tags?orderby=none", 200, "", in + `"tags":[` + tagBoth + "," + tagV0 + "," + tagV1 + "]}\n"},
		{"GET /acr/v1/team/app/_tags?orderby=timedesc", 200, "", in + `"tags":[` + tagV0 + "," + tagBoth + "," + tagV1 + "]}\n"},
		{"GET /acr/v1/team/app/_tags?orderby=timeasc&n=2", 200, "/acr/v1/team/app/_tags?last=both&n=2&orderby=timeasc", in + `"tags":[` + tagV1 + "," + tagBoth + "]}\n"},
		{"GET /acr/v1/team/app/_tags?last=both&n=2&orderby=timeasc", 200, "", in + `"tags":[` + tagV0 + "]}\n"},
		{"GET /acr/v1/team/app/_tags?n=1", 200, "/acr/v1/team/app/_tags?last=both&n=1&orderby=", in + `"tags":[` + tagBoth + "]}\n"},
		{"GET /acr/v1/team/app/_tags?digest=<v1>&n=1", 200, "/acr/v1/team/app/_tags?last=v0&n=1&orderby=&digest=" + url.QueryEscape(sha(v1)), in + `"tags":[` + tagV0 + "]}\n"},
		{"GET /acr/v1/team/app/_tags?digest=<v1>&last=v0", 200, "", in + `"tags":[` + tagV1 + "]}\n"},
		{"GET /acr/v1/team/app/_tags?digest=<none>", 200, "", in + `"tags":null}` + "\n"},
		{"GET /acr/v1/team/app/_tags?last=zz", 200, "", in + `"tags":null}` + "\n"},
		{"GET /acr/v1/team/app/_tags?api-version=2021-07-01&n=0", 200, "", in + `"tags":null}` + "\n"},
		{"GET /acr/v1/team/app/_tags?digest=v1", 400, "", errorBody("DIGEST_INVALID", badDigest, `{"name":"team/app","digest":"v1"}`)},
		{"GET /acr/v1/team/app/_tags?n=-1", 400, "", errorBody("PAGINATION_NUMBER_INVALID", "invalid number of results requested", `{"n":"-1"}`)},
		{"GET /acr/v1/team/app/_tags?orderby=size", 400, "", errorBody("UNSUPPORTED", "the order is none of none, timeasc and timedesc", `{"orderby":"size"}`)},
		{"GET /acr/v1/none/_tags", 404, "", noRepository},
		{"DELETE /acr/v1/team/app/_tags", 405, "", noMethod},
		{"GET /v2/team/app/tags/list?orderby=timedesc&n=1", 200, "/v2/team/app/tags/list?last=v0&n=1&orderby=timedesc", `{"name":"team/app","tags":["v0"]}` + "\n"},

		{"GET /acr/v1/team/app/_tags/v1", 200, "", in + `"tag":` + tagV1 + "}\n"},
		{"GET /acr/v1/team/app/_tags/v9", 404, "", noTag},
		{"GET /acr/v1/team/app/_tags/<v1>", 404, "", noTag},
		{"GET /acr/v1/none/_tags/v1", 404, "", noRepository},
		{"GET /acr/v1/team/app/_tags/", 404, "", noPath},
		{"GET /acr/v1/team/app/_tags/a/b", 404, "", noTag},
		{"DELETE /acr/v1/team/app/_tags/v9", 404, "", noTag},
		{"DELETE /acr/v1/none/_tags/v9", 404, "", noRepository},
		{"DELETE /acr/v1/none", 404, "", noRepository},

		{"GET /acr/v1/team/app/_manifests", 200, "", in + `"manifests":[` + strings.Join(byName, ",") + "]}\n"},
		{"GET /acr/v1/team/app/_manifests?orderby=timedesc", 200, "", in + `"manifests":[` + strings.Join(byTime, ",") + "]}\n"},
		{"GET /acr/v1/team/app/_manifests?orderby=timedesc&n=1", 200, "/acr/v1/team/app/_manifests?last=" + url.QueryEscape(newest) + "&n=1&orderby=timedesc", in + `"manifests":[` + byTime[0] + "]}\n"},
		{"GET /acr/v1/team/app/_manifests?n=x", 400, "", errorBody("PAGINATION_NUMBER_INVALID", "invalid number of results requested", `{"n":"x"}`)},
		{"GET /acr/v1/none/_manifests", 404, "", noRepository},

		{"GET /acr/v1/team/app/_manifests/<v1>", 200, "", in + `"manifest":` + ofV1 + "}\n"},
		{"GET /acr/v1/team/app/_manifests/<artifact>", 200, "", in + `"manifest":` + ofArtifact + "}\n"},
		{"GET /acr/v1/team/app/_manifests/<both>", 200, "", in + `"manifest":` + ofBoth + references + "}}\n"},
		{"GET /acr/v1/team/app/_manifests/<none>", 404, "", errorBody("MANIFEST_UNKNOWN", "manifest <none> is not found", `{"name":"team/app","digest":"<none>"}`)},
		{"GET /acr/v1/team/app/_manifests/v1", 404, "", noPath},
		{"PATCH /acr/v1/team/app/_manifests/v1", 404, "", noPath},
		{"GET /acr/v1/team/app/_manifests/sha256:1", 400, "", errorBody("DIGEST_INVALID", badDigest, `{"name":"team/app","digest":"sha256:1"}`)},
		{"GET /acr/v1/none/_manifests/<v1>", 404, "", noRepository},
		{"DELETE /acr/v1/team/app/_manifests/<v1>", 405, "", noMethod},

		{"GET /acr/v1/team/app/_other", 404, "", noPath},
		{"GET /acr/v1/team/app/_other/x", 404, "", noPath},
		{"GET /acr/v1/_deleted/team/app/_tags", 404, "", noPath},
		{"GET /acr/v1/_tags", 404, "", noPath},
		{"PATCH /acr/v1/team/app/_tags/", 404, "", noPath},
	} {
		w := do(t, f, words.Replace(row.request), "")
		if got, want := w.Body.String(), words.Replace(row.body); w.Code != row.status || got != want {
			t.Errorf("%s: %d, want %d\n%s\nwant\n%s", row.request, w.Code, row.status, got, want)
		}
		if row.link != "" {
			row.link = "<" + row.link + `>; rel="next"`
		}
		if got := w.Header().Get("Link"); got != row.link {
			t.Errorf("%s: Link %s, want %s", row.request, got, row.link)
		}
	}
}

// TestPatch changes attributes step by step; each row goes on where the one before ended. No time changes.
func TestPatch(t *testing.T) {
	f, c := timed(t)
	digest := sha(pushPlatform(t, f, "app", "v1", "layer"))
	before := want(t, f, 200, "GET /acr/v1/app", "").Body.String()
	c.now = c.now.Add(time.Minute)
	refused := errorBody("UNSUPPORTED", "the body is no JSON object of deleteEnabled, writeEnabled, readEnabled and listEnabled, each true or false", "")
	for _, row := range []struct {
		target, body string
		status       int
		want         string // attributes of the answer, or all of it
	}{
		{"app", `{"writeEnabled":false}`, 200, `{"deleteEnabled":true,"writeEnabled":false,"readEnabled":true,"listEnabled":true}`},
		{"app", `{"deleteEnabled":false,"writeEnabled":null,"readEnabled":false}`, 200, `{"deleteEnabled":false,"writeEnabled":false,"readEnabled":false,"listEnabled":true}`},
		{"app", `{}`, 200, `{"deleteEnabled":false,"writeEnabled":false,"readEnabled":false,"listEnabled":true}`},
		{"app/_tags/v1", `{"listEnabled":false,"quarantineState":"Passed","other":[1]}`, 200, `{"deleteEnabled":true,"writeEnabled":true,"readEnabled":true,"listEnabled":false}`},
		{"app/_tags/v1", `{"listEnabled":true}`, 200, unlocked},
		{"app/_manifests/<digest>", `{"deleteEnabled":false}`, 200, `{"deleteEnabled":false,"writeEnabled":true,"readEnabled":true,"listEnabled":true}`},
		{"app/_manifests/<digest>", `{"deleteEnabled":true}`, 200, unlocked},
		{"app", `{"deleteEnabled":true,"writeEnabled":true,"readEnabled":true,"listEnabled":true}`, 200, unlocked},

		{"app", ``, 400, refused},
		{"app", `null`, 400, refused},
		{"app", `[]`, 400, refused},
		{"app", `{"writeEnabled":"no"}`, 400, refused},
		{"app", `{"writeEnabled":0}`, 400, refused},
		{"app", `{"writeEnabled":false} {}`, 400, refused},
		{"app", `{"writeEnabled":false,"a":"` + strings.Repeat("a", 64<<10) + `"}`, 400, refused},
		{"app/_tags/v1", `{`, 400, refused},
		{"none", `{}`, 404, errorBody("NAME_UNKNOWN", "repository name not known to registry", `{"name":"none"}`)},
		{"app/_tags/v9", `{}`, 404, errorBody("TAG_UNKNOWN", "the specified tag does not exist", "")},
		{"none/_tags/v1", `{}`, 404, errorBody("NAME_UNKNOWN", "repository name not known to registry", `{"name":"none"}`)},
		{"app/_manifests/<none>", `{}`, 404, errorBody("MANIFEST_UNKNOWN", "manifest <none> is not found", `{"name":"app","digest":"<none>"}`)},
	} {
		words := strings.NewReplacer("<digest>", digest, "<none>", sha("nothing"))
		request := "PATCH /acr/v1/" + words.Replace(row.target)
		got := want(t, f, row.status, request, row.body, "Content-Type: application/json").Body.String()
		if row.status != 200 {
			if got != words.Replace(row.want) {
				t.Errorf("%s %.80s: %s", row.target, row.body, got)
			}
			continue
		}
		if !strings.Contains(got, `"changeableAttributes":`+row.want) {
			t.Errorf("%s %s: %s, want %s", row.target, row.body, got, row.want)
		}
		if read := want(t, f, 200, "GET /acr/v1/"+words.Replace(row.target), "").Body.String(); read != got {
			t.Errorf("%s reads %s after %s", row.target, read, got)
		}
	}
	if after := want(t, f, 200, "GET /acr/v1/app", "").Body.String(); after != before {
		t.Errorf("after all that %s, was %s", after, before)
	}
}

// TestPatchedLocks sets locks by PATCH and sees what they forbid, and what they hide, through both APIs (acr-behaviour §6.2).
func TestPatchedLocks(t *testing.T) {
	requests := map[string]string{
		"pull": "GET /v2/app/manifests/v1", "pull by digest": "GET /v2/app/manifests/<digest>", "blob": "GET /v2/app/blobs/<layer>",
		"mount": "POST /v2/to/blobs/uploads/?from=app&mount=<layer>",
		"push":  "PUT /v2/app/manifests/v2", "retag": "PUT /v2/app/manifests/other",
		"untag": "DELETE /acr/v1/app/_tags/v1", "untag by v2": "DELETE /v2/app/manifests/v1", "delete": "DELETE /v2/app/manifests/<digest>",
		"delete blob": "DELETE /v2/app/blobs/<layer>", "drop": "DELETE /acr/v1/app",
	}
	f, cases := newFixture(t, nil), 0
	for _, row := range []struct{ target, body, refused string }{
		{"app", `{"writeEnabled":false}`, "push,retag,untag,untag by v2,delete,delete blob,drop"},
		{"app", `{"deleteEnabled":false}`, "drop"},
		{"app", `{"readEnabled":false}`, "pull,pull by digest,blob,mount"},
		{"app", `{"listEnabled":false}`, ""},
		{"app/_tags/v1", `{"writeEnabled":false}`, "untag,untag by v2,delete,delete blob,drop"},
		{"app/_tags/v1", `{"deleteEnabled":false}`, "untag,untag by v2,delete,delete blob,drop"},
		{"app/_tags/v1", `{"readEnabled":false}`, "pull"},
		{"app/_tags/other", `{"writeEnabled":false}`, "retag,drop"},
		{"app/_manifests/<digest>", `{"writeEnabled":false}`, "delete,delete blob,drop"},
		{"app/_manifests/<digest>", `{"deleteEnabled":false}`, "delete,delete blob,drop"},
		{"app/_manifests/<digest>", `{"readEnabled":false}`, "pull,pull by digest"},
	} {
		for name, request := range requests {
			cases++
			repository := fmt.Sprint("app", cases)
			body := pushImage(t, f, repository, "v1", "layer", nil)
			pushImage(t, f, repository, "other", "other layer", nil)
			words := strings.NewReplacer("<digest>", sha(body), "<layer>", sha("layer"), "app", repository)
			want(t, f, 200, "PATCH /acr/v1/"+words.Replace(row.target), row.body)
			w := do(t, f, words.Replace(request), body, "Content-Type: "+imageType)
			if refused := w.Code == 405; refused != strings.Contains(","+row.refused+",", ","+name+",") || w.Code >= 400 && !refused {
				t.Errorf("%s after %s of %s: %d %s", name, row.body, row.target, w.Code, w.Body)
			}
		}
	}
}

// TestUnlisted: listEnabled=false hides from lists, and from nothing else.
func TestUnlisted(t *testing.T) {
	f := newFixture(t, nil)
	digest := sha(pushImage(t, f, "app", "v1", "layer", nil))
	for _, target := range []string{"app", "app/_tags/v1", "app/_manifests/" + digest} {
		want(t, f, 200, "PATCH /acr/v1/"+target, `{"listEnabled":false}`)
		want(t, f, 200, "GET /acr/v1/"+target, "")
	}
	in := `{"registry":"web.azurecr.io","imageName":"app",`
	for request, body := range map[string]string{
		"/acr/v1/_catalog":       `{"repositories":null}`,
		"/v2/_catalog":           `{"repositories":null}`,
		"/acr/v1/app/_tags":      in + `"tags":null}`,
		"/v2/app/tags/list":      `{"name":"app","tags":[]}`,
		"/acr/v1/app/_manifests": in + `"manifests":null}`,
	} {
		if got := want(t, f, 200, "GET "+request, "").Body.String(); got != body+"\n" {
			t.Errorf("%s: %s", request, got)
		}
	}
	want(t, f, 200, "GET /v2/app/manifests/v1", "")
}

// TestRepositoryDeletion says what went, and does not say it twice.
func TestRepositoryDeletion(t *testing.T) {
	f := newFixture(t, nil)
	digest := sha(pushImage(t, f, "app", "v1", "layer", nil))
	want(t, f, 201, "PUT /v2/app/manifests/v2", image("layer", nil), "Content-Type: "+imageType)
	got := want(t, f, 202, "DELETE /acr/v1/app", "").Body.String()
	if got != `{"manifestsDeleted":["`+digest+`"],"tagsDeleted":["v1","v2"]}`+"\n" {
		t.Error(got)
	}
	want(t, f, 404, "DELETE /acr/v1/app", "")
	want(t, f, 404, "GET /v2/app/blobs/"+sha("layer"), "")
	if used := f.storage.Used(); used != 0 || f.Held() != 0 {
		t.Errorf("%d bytes used, %d held", used, f.Held())
	}
}

// FuzzAttributes sends anything below /acr/v1: the answer is JSON in ACR's form, and never a failure of ours.
func FuzzAttributes(f *testing.F) {
	for _, seed := range [][3]string{
		{"GET", "app/_tags?n=1&last=v1&orderby=timedesc&digest=" + sha("x"), ""},
		{"GET", "app/_manifests?orderby=timeasc&n=99999999999999999999", ""},
		{"PATCH", "app/_tags/v1", `{"writeEnabled":false}`},
		{"PATCH", "app/_manifests/" + sha("x"), `{"readEnabled":null}`},
		{"DELETE", "app/_tags/v1?%zz", ""},
		{"DELETE", "other", ""},
		{"GET", "_catalog?last=%00", ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	g := newFixture(f, nil)
	pushImage(f, g, "app", "v1", "layer", nil)
	f.Fuzz(func(t *testing.T, method, target, body string) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://web.azurecr.io/acr/v1/"+target, strings.NewReader(body))
		if err != nil {
			t.Skip("no client can send it")
		}
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		if w.Code >= 500 || w.Code != 202 && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %q: %d %q", method, target, w.Code, w.Body)
		}
		if w.Code >= 400 && code(t, w) == "" {
			t.Errorf("%s %q: %q", method, target, w.Body)
		}
	})
}
