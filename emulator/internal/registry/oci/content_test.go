package oci_test

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

const (
	imageType = "application/vnd.oci.image.manifest.v1+json"
	indexType = "application/vnd.oci.image.index.v1+json"
)

func sha(s string) string     { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(s))) }
func longSHA(s string) string { return fmt.Sprintf("sha512:%x", sha512.Sum512([]byte(s))) }

// pushBlob uploads content the way most clients do: POST, then PUT.
func pushBlob(t testing.TB, h http.Handler, repository, content string) string {
	t.Helper()
	digest := sha(content)
	at := want(t, h, 202, "POST /v2/"+repository+"/blobs/uploads/", "").Header().Get("Location")
	want(t, h, 201, "PUT "+at+"&digest="+digest, content)
	return digest
}

// descriptorFor describes content.
func descriptorFor(mediaType, content string) map[string]any {
	return map[string]any{"mediaType": mediaType, "digest": sha(content), "size": len(content)}
}

// image returns a manifest of one layer; more, if not nil, is added to it.
func image(layer string, more map[string]any) string {
	m := map[string]any{
		"schemaVersion": 2, "mediaType": imageType,
		"config": descriptorFor("application/vnd.oci.image.config.v1+json", "{}"),
		"layers": []any{descriptorFor("application/vnd.oci.image.layer.v1.tar+gzip", layer)},
	}
	for k, v := range more {
		m[k] = v
	}
	body, _ := json.Marshal(m)
	return string(body)
}

// pushImage pushes an image of one layer and returns its manifest.
func pushImage(t testing.TB, h http.Handler, repository, tag, layer string, more map[string]any) string {
	t.Helper()
	pushBlob(t, h, repository, "{}")
	pushBlob(t, h, repository, layer)
	body := image(layer, more)
	reference := tag
	if tag == "" {
		reference = sha(body)
	}
	want(t, h, 201, "PUT /v2/"+repository+"/manifests/"+reference, body, "Content-Type: "+imageType)
	return body
}

func errorBody(code, message, detail string) string {
	if detail != "" {
		detail = `,"detail":` + detail
	}
	return fmt.Sprintf(`{"errors":[{"code":%q,"message":%q%s}]}`+"\n", code, message, detail)
}

// TestExchanges is the API as clients see it. <digest> stands for the digest of the image under team/app:v1, <layer> for that of
// its layer, <none> for one that nothing has.
func TestExchanges(t *testing.T) {
	f := newFixture(t, nil)
	body := pushImage(t, f, "team/app", "v1", "some bytes", nil)
	pushImage(t, f, "team/app", "v2", "other bytes", nil)
	pushImage(t, f, "zoo", "only", "some bytes", nil)
	signature := pushImage(t, f, "team/app", "sig", "a signature", map[string]any{
		"subject": descriptorFor(imageType, body), "artifactType": "example/signature", "annotations": map[string]string{"by": "me"},
	})
	none := sha("nothing")
	words := strings.NewReplacer("<digest>", sha(body), "<layer>", sha("some bytes"), "<none>", none)

	refused := errorBody("UNSUPPORTED", "the operation is unsupported", "")
	lost := errorBody("UNSUPPORTED", "the registry has no such path", "")
	descriptor := fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d,"artifactType":"example/signature","annotations":{"by":"me"}}`,
		imageType, sha(signature), len(signature))
	index := `{"schemaVersion":2,"mediaType":"` + indexType + `","manifests":[%s]}` + "\n"

	for _, row := range []struct {
		request string
		send    string // headers, separated by |
		status  int
		headers string // that the answer has, separated by |
		body    string
	}{
		{"GET /v2/", "", 200, "Content-Type: application/json; charset=utf-8|Docker-Distribution-Api-Version: registry/2.0", "{}\n"},
		{"GET /v2", "", 200, "", "{}\n"},
		{"POST /v2/", "", 405, "Allow: GET", refused},

		{"GET /v2/team/app/manifests/v1", "", 200, "Content-Type: " + imageType + "|Docker-Content-Digest: <digest>|Etag: \"<digest>\"", body},
		{"GET /v2/team/app/manifests/v1", "Accept: application/vnd.docker.distribution.manifest.v2+json", 200, "", body},
		{"GET /v2/team/app/manifests/<digest>", "Accept: */*", 200, "", body},
		{"HEAD /v2/team/app/manifests/v1", "", 200, fmt.Sprintf("Content-Length: %d|Docker-Content-Digest: <digest>", len(body)), body},
		{"GET /v2/team/app/manifests/v1", `If-None-Match: "<digest>"`, 304, "", ""},
		{"GET /v2/team/app/manifests/v1", `If-None-Match: "x", W/"<digest>"`, 304, "", ""},
		{"GET /v2/team/app/manifests/v1", `If-None-Match: "<none>"`, 200, "", body},
		{
			"GET /v2/team/app/manifests/v9", "", 404, "Content-Type: application/json; charset=utf-8",
			`{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest tagged by \"v9\" is not found","detail":{"name":"team/app","tag":"v9"}}]}` + "\n",
		},
		{"GET /v2/team/app/manifests/V1", "", 404, "", errorBody("MANIFEST_UNKNOWN", `manifest tagged by "V1" is not found`, `{"name":"team/app","tag":"V1"}`)},
		{"HEAD /v2/team/app/manifests/v9", "", 404, "", errorBody("MANIFEST_UNKNOWN", `manifest tagged by "v9" is not found`, `{"name":"team/app","tag":"v9"}`)},
		{"GET /v2/team/app/manifests/<none>", "", 404, "", errorBody("MANIFEST_UNKNOWN", "manifest <none> is not found", `{"name":"team/app","digest":"<none>"}`)},
		{"GET /v2/team/manifests/v1", "", 404, "", errorBody("NAME_UNKNOWN", "repository name not known to registry", `{"name":"team"}`)},
		{"GET /v2/mailhog/tags/list", "", 404, "", errorBody("NAME_UNKNOWN", "repository name not known to registry", `{"name":"mailhog"}`)},
		{
			"GET /v2/team/app/manifests/sha256:abc", "", 400, "",
			errorBody("DIGEST_INVALID", "the digest is neither sha256 nor sha512, or malformed", `{"name":"team/app","digest":"sha256:abc"}`),
		},
		{"GET /v2/Team/app/manifests/v1", "", 400, "", errorBody("NAME_INVALID", "invalid repository name", `{"name":"Team/app"}`)},
		{"GET /v2/team//app/manifests/v1", "", 400, "", errorBody("NAME_INVALID", "invalid repository name", `{"name":"team//app"}`)},
		{"GET /v2/team/../zoo/manifests/v1", "", 400, "", errorBody("NAME_INVALID", "invalid repository name", `{"name":"team/../zoo"}`)},
		{"GET /v2/team%2Fapp/manifests/v1", "", 200, "", body},
		{"PATCH /v2/team/app/manifests/v1", "", 405, "Allow: DELETE, GET, PUT", refused},
		{"GET /v2/team/app", "", 404, "", lost},
		{"GET /v2/team/app/manifests", "", 404, "", lost},
		{"GET /v2/tags/list", "", 404, "", lost},
		{"GET /v2/team/app/unknown/v1", "", 404, "", lost},
		{"GET /v1/_ping", "", 404, "Content-Type: application/json; charset=utf-8", lost},
		{"GET /v2x/", "", 404, "", lost},

		{"GET /v2/team/app/blobs/<layer>", "", 200, "Content-Type: application/octet-stream|Content-Length: 10|Etag: \"<layer>\"|Docker-Content-Digest: <layer>", "some bytes"},
		{"HEAD /v2/team/app/blobs/<layer>", "", 200, "Content-Length: 10", ""},
		{"GET /v2/team/app/blobs/<layer>", "Range: bytes=5-", 206, "Content-Range: bytes 5-9/10|Content-Length: 5", "bytes"},
		{"GET /v2/team/app/blobs/<layer>", "Range: bytes=-3", 206, "Content-Range: bytes 7-9/10", "tes"},
		{"GET /v2/team/app/blobs/<layer>", "Range: bytes=10-", 416, "Content-Range: bytes */10", errorBody("RANGE_INVALID", "the blob has no such bytes", `{"range":"bytes=10-"}`)},
		{"GET /v2/team/app/blobs/<layer>", "Range: bytes=0-0", 206, "Content-Range: bytes 0-0/10", "s"},
		{"GET /v2/team/app/blobs/<layer>", "Range: bytes=-0", 416, "", errorBody("RANGE_INVALID", "the blob has no such bytes", `{"range":"bytes=-0"}`)},
		{"GET /v2/team/app/blobs/<layer>", "Range: bytes=-99", 206, "Content-Range: bytes 0-9/10", "some bytes"},
		{"GET /v2/team/app/blobs/<layer>", "Range: bytes=0-1,4-5", 200, "", "some bytes"},
		{"GET /v2/team/app/blobs/<layer>", "Range: bytes=5-1", 416, "", errorBody("RANGE_INVALID", "the blob has no such bytes", `{"range":"bytes=5-1"}`)},
		{"GET /v2/team/app/blobs/<layer>", "Range: bytes=+5-", 200, "", "some bytes"},
		{"GET /v2/team/app/blobs/<layer>", "Range: bytes=-", 200, "", "some bytes"},
		{"GET /v2/team/app/blobs/<layer>", "Range: lines=1-", 200, "", "some bytes"},
		{"GET /v2/team/app/blobs/<layer>", "Range: bytes=5-|If-Range: \"<layer>\"", 206, "", "bytes"},
		{"GET /v2/team/app/blobs/<layer>", "Range: bytes=50-|If-Range: \"<none>\"", 200, "", "some bytes"},
		{"GET /v2/team/app/blobs/<layer>", `If-None-Match: "<layer>"`, 304, "", ""},
		{"GET /v2/team/app/blobs/<none>", "", 404, "", errorBody("BLOB_UNKNOWN", "blob unknown to registry", `{"name":"team/app","digest":"<none>"}`)},
		{"GET /v2/other/blobs/<layer>", "", 404, "", errorBody("BLOB_UNKNOWN", "blob unknown to registry", `{"name":"other","digest":"<layer>"}`)},
		{"GET /v2/team/app/blobs/<digest>", "", 404, "", errorBody("BLOB_UNKNOWN", "blob unknown to registry", `{"name":"team/app","digest":"<digest>"}`)},
		{
			"GET /v2/team/app/blobs/md5:00", "", 400, "",
			errorBody("DIGEST_INVALID", "the digest is neither sha256 nor sha512, or malformed", `{"name":"team/app","digest":"md5:00"}`),
		},

		{"GET /v2/_catalog", "", 200, "Link: ", `{"repositories":["team/app","zoo"]}` + "\n"},
		{"GET /v2/_catalog?n=1", "", 200, `Link: </v2/_catalog?last=team%2Fapp&n=1&orderby=>; rel="next"`, `{"repositories":["team/app"]}` + "\n"},
		{"GET /v2/_catalog?n=1&last=team%2Fapp", "", 200, "Link: ", `{"repositories":["zoo"]}` + "\n"},
		{"GET /v2/_catalog?n=-1", "", 400, "", errorBody("PAGINATION_NUMBER_INVALID", "invalid number of results requested", `{"n":"-1"}`)},
		{"GET /v2/team/app/tags/list", "", 200, "Link: ", `{"name":"team/app","tags":["sig","v1","v2"]}` + "\n"},
		{"GET /v2/team/app/tags/list?n=2", "", 200, `Link: </v2/team/app/tags/list?last=v1&n=2&orderby=>; rel="next"`, `{"name":"team/app","tags":["sig","v1"]}` + "\n"},
		{"GET /v2/team/app/tags/list?n=2&last=v1", "", 200, "Link: ", `{"name":"team/app","tags":["v2"]}` + "\n"},
		{"GET /v2/team/app/tags/list?n=0", "", 200, "Link: ", `{"name":"team/app","tags":[]}` + "\n"},
		{"GET /v2/team/app/tags/list?n=many", "", 400, "", errorBody("PAGINATION_NUMBER_INVALID", "invalid number of results requested", `{"n":"many"}`)},

		{"GET /v2/team/app/referrers/<digest>", "", 200, "Content-Type: " + indexType + "|OCI-Filters-Applied: ", fmt.Sprintf(index, descriptor)},
		{"GET /v2/team/app/referrers/<digest>?artifactType=example/signature", "", 200, "OCI-Filters-Applied: artifactType", fmt.Sprintf(index, descriptor)},
		{"GET /v2/team/app/referrers/<digest>?artifactType=example/other", "", 200, "OCI-Filters-Applied: artifactType", fmt.Sprintf(index, "")},
		{"GET /v2/team/app/referrers/<none>", "", 200, "Content-Type: " + indexType, fmt.Sprintf(index, "")},
		{"GET /v2/zoo/referrers/<digest>", "", 200, "", fmt.Sprintf(index, "")},
		{
			"GET /v2/team/app/referrers/v1", "", 400, "",
			errorBody("DIGEST_INVALID", "the digest is neither sha256 nor sha512, or malformed", `{"name":"team/app","digest":"v1"}`),
		},

		{"GET /v2/team/app/blobs/uploads/none", "", 404, "", errorBody("BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry", "")},
		{"GET /v2/team/app/blobs/uploads/", "", 405, "Allow: POST", refused},
		{"DELETE /v2/team/app/manifests/v9", "", 404, "", errorBody("MANIFEST_UNKNOWN", `manifest tagged by "v9" is not found`, `{"name":"team/app","tag":"v9"}`)},
		{"DELETE /v2/nowhere/manifests/<none>", "", 404, "", errorBody("NAME_UNKNOWN", "repository name not known to registry", `{"name":"nowhere"}`)},
		{"DELETE /v2/team/app/blobs/<none>", "", 404, "", errorBody("BLOB_UNKNOWN", "blob unknown to registry", `{"name":"team/app","digest":"<none>"}`)},
	} {
		t.Run(row.request+" "+row.send, func(t *testing.T) {
			w := do(t, f, words.Replace(row.request), "", strings.Split(words.Replace(row.send), "|")...)
			if w.Code != row.status {
				t.Fatalf("status %d, want %d: %s", w.Code, row.status, w.Body)
			}
			if w.Code >= 400 {
				code(t, w)
			}
			if got, want := w.Body.String(), words.Replace(row.body); got != want && !strings.HasPrefix(row.request, "HEAD") {
				t.Errorf("body\n%s\nwant\n%s", got, want)
			}
			for _, header := range strings.Split(words.Replace(row.headers), "|") {
				if name, want, ok := strings.Cut(header, ": "); ok && w.Header().Get(name) != want {
					t.Errorf("%s: %s, want %s", name, w.Header().Get(name), want)
				}
			}
		})
	}
}

func TestEmptyRegistry(t *testing.T) {
	f := newFixture(t, nil)
	if got := want(t, f, 200, "GET /v2/_catalog", "").Body.String(); got != `{"repositories":null}`+"\n" {
		t.Errorf("catalog %s, ACR says null (acr-behaviour §6.1)", got)
	}
}

func TestDeletions(t *testing.T) {
	f := newFixture(t, nil)
	body := pushImage(t, f, "app", "v1", "layer", nil)
	want(t, f, 201, "PUT /v2/app/manifests/v2", body, "Content-Type: "+imageType)
	want(t, f, 202, "DELETE /v2/app/manifests/v1", "")
	want(t, f, 404, "GET /v2/app/manifests/v1", "")
	want(t, f, 200, "GET /v2/app/manifests/v2", "")
	want(t, f, 202, "DELETE /v2/app/manifests/"+sha(body), "")
	want(t, f, 404, "GET /v2/app/manifests/v2", "")
	want(t, f, 404, "GET /v2/app/tags/list", "")

	before := f.storage.Used()
	want(t, f, 202, "DELETE /v2/app/blobs/"+sha("layer"), "")
	want(t, f, 404, "GET /v2/app/blobs/"+sha("layer"), "")
	want(t, f, 404, "DELETE /v2/app/blobs/"+sha("layer"), "")
	if after := f.storage.Used(); after != before-int64(len("layer")) {
		t.Errorf("%d bytes used after %d, want %d less", after, before, len("layer"))
	}
}

// tagged gives a manifest n tags, without HTTP.
func tagged(t testing.TB, f *fixture, body string, n int) {
	t.Helper()
	tags := make([]string, n)
	for i := range tags {
		tags[i] = fmt.Sprintf("t%05d", i)
	}
	m := store.Manifest{Digest: sha(body), MediaType: imageType, Size: int64(len(body)), Body: []byte(body)}
	if _, err := f.content.PutManifest(t.Context(), "app", m, tags...); err != nil {
		t.Fatal(err)
	}
}

func TestPages(t *testing.T) {
	f := newFixture(t, nil)
	tagged(t, f, pushImage(t, f, "app", "v1", "layer", nil), 1500)
	seen, next := 0, "/v2/app/tags/list"
	for next != "" {
		w := want(t, f, 200, "GET "+next, "")
		var list struct{ Tags []string }
		if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
			t.Fatal(err)
		}
		if len(list.Tags) > 1000 {
			t.Fatalf("a page of %d", len(list.Tags))
		}
		seen += len(list.Tags)
		next, _, _ = strings.Cut(strings.TrimPrefix(w.Header().Get("Link"), "<"), ">")
	}
	if seen != 1501 {
		t.Errorf("%d tags over all pages, want 1501", seen)
	}
	var all struct{ Tags []string }
	_ = json.Unmarshal(want(t, f, 200, "GET /v2/app/tags/list?n=100000000", "").Body.Bytes(), &all)
	if len(all.Tags) != 1000 {
		t.Errorf("n beyond the limit gives %d", len(all.Tags))
	}
}

func TestTagParameters(t *testing.T) {
	f := newFixture(t, nil)
	body := pushImage(t, f, "app", "", "layer", nil)
	at := "PUT /v2/app/manifests/" + sha(body) + "?tag=v1&tag=v2"
	if got := want(t, f, 201, at, body, "Content-Type: "+imageType).Header().Get("OCI-Tag"); got != "v1, v2" {
		t.Errorf("OCI-Tag: %s", got)
	}
	want(t, f, 200, "GET /v2/app/manifests/v2", "")
	want(t, f, 414, at+strings.Repeat("&tag=v3", 99), body, "Content-Type: "+imageType)
	want(t, f, 404, "GET /v2/app/manifests/v3", "")
}
