package oci_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/registry/oci"
	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

func start(t testing.TB, h http.Handler, repository string) string {
	t.Helper()
	return want(t, h, 202, "POST /v2/"+repository+"/blobs/uploads/", "").Header().Get("Location")
}

// code returns the error code of an answer, and fails if it is not an OCI error.
func code(t testing.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	var list struct{ Errors []struct{ Code string } }
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || len(list.Errors) != 1 || !strings.HasSuffix(w.Body.String(), "\n") {
		t.Fatalf("no OCI error: %q (%v)", w.Body, err)
	}
	return list.Errors[0].Code
}

func TestRefusedPushes(t *testing.T) {
	f := newFixture(t, nil)
	body := pushImage(t, f, "app", "v1", "layer", nil)
	upload := func() string { return start(t, f, "app") }
	for _, row := range []struct {
		name, request, body, contentType string
		status                           int
		code                             string
	}{
		{"layer missing", "PUT /v2/app/manifests/v2", image("absent", nil), imageType, 400, "MANIFEST_BLOB_UNKNOWN"},
		{"layer of another repository", "PUT /v2/other/manifests/v2", body, imageType, 400, "MANIFEST_BLOB_UNKNOWN"},
		{"no JSON", "PUT /v2/app/manifests/v2", "hello", imageType, 400, "MANIFEST_INVALID"},
		{"other media type", "PUT /v2/app/manifests/v2", body, indexType, 400, "MANIFEST_INVALID"},
		{"no media type", "PUT /v2/app/manifests/v2", body, "", 400, "MANIFEST_INVALID"},
		{"too large", "PUT /v2/app/manifests/v2", body + strings.Repeat(" ", 4<<20), imageType, 413, "MANIFEST_INVALID"},
		{"subject malformed", "PUT /v2/app/manifests/v2", image("layer", map[string]any{"subject": map[string]any{"digest": "sha256:1"}}), imageType, 400, "MANIFEST_INVALID"},
		{"wrong digest", "PUT /v2/app/manifests/" + sha("x"), body, imageType, 400, "DIGEST_INVALID"},
		{"malformed digest", "PUT /v2/app/manifests/sha256:zz", body, imageType, 400, "DIGEST_INVALID"},
		{"bad tag", "PUT /v2/app/manifests/-v2", body, imageType, 400, "TAG_INVALID"},
		{"bad tag parameter", "PUT /v2/app/manifests/" + sha(body) + "?tag=a/b", body, imageType, 400, "TAG_INVALID"},
		{"bad name", "POST /v2/App/blobs/uploads/", "", "", 400, "NAME_INVALID"},

		{"blob of other bytes", "PUT " + upload() + "&digest=" + sha("x"), "y", "", 400, "DIGEST_INVALID"},
		{"blob without digest", "PUT " + upload(), "y", "", 400, "DIGEST_INVALID"},
		{"blob of unknown algorithm", "PUT " + upload() + "&digest=sha384:00", "y", "", 400, "DIGEST_INVALID"},
		{"whole blob of other bytes", "POST /v2/app/blobs/uploads/?digest=" + sha("x"), "y", "", 400, "DIGEST_INVALID"},
		{"whole blob without a proper digest", "POST /v2/app/blobs/uploads/?digest=x", "y", "", 400, "DIGEST_INVALID"},
		{"upload without its signature", "PUT " + strings.Split(upload(), "?")[0] + "?digest=" + sha("y"), "y", "", 404, "BLOB_UPLOAD_INVALID"},
		{"upload of another repository", "PUT " + strings.Replace(upload(), "/app/", "/other/", 1) + "&digest=" + sha("y"), "y", "", 404, "BLOB_UPLOAD_INVALID"},
		{"unknown upload", "GET /v2/app/blobs/uploads/00000000-0000-0000-0000-000000000000", "", "", 404, "BLOB_UPLOAD_UNKNOWN"},
		{"another file's name as upload", "GET /v2/app/blobs/uploads/..%2Fsha256", "", "", 404, "UNSUPPORTED"},
	} {
		w := do(t, f, row.request, row.body, "Content-Type: "+row.contentType)
		if got := code(t, w); w.Code != row.status || got != row.code {
			t.Errorf("%s: %d %s, want %d %s: %s", row.name, w.Code, got, row.status, row.code, w.Body)
		}
	}
	for _, gone := range []string{"manifests/v2", "blobs/" + sha("x"), "blobs/" + sha("y")} {
		want(t, f, 404, "GET /v2/app/"+gone, "")
	}
}

func TestForm(t *testing.T) {
	f := newFixture(t, nil)
	content := "a=b&digest=" + sha("other")
	want(t, f, 201, "PUT "+start(t, f, "app")+"&digest="+sha(content), content, "Content-Type: application/x-www-form-urlencoded")
	if got := want(t, f, 200, "GET /v2/app/blobs/"+sha(content), "").Body.String(); got != content {
		t.Errorf("got %q", got)
	}
}

// TestChunks sends a blob in pieces, with a wrong piece and a restart in between.
func TestChunks(t *testing.T) {
	f := newFixture(t, nil)
	parts := []string{strings.Repeat("a", 70_000), strings.Repeat("b", 50_000), "c"}
	whole := strings.Join(parts, "")
	at, sent := start(t, f, "app"), 0
	for i, part := range parts[:2] {
		w := want(t, f, 202, "PATCH "+at, part, fmt.Sprintf("Content-Range: %d-%d", sent, sent+len(part)-1), fmt.Sprintf("Content-Length: %d", len(part)))
		at, sent = w.Header().Get("Location"), sent+len(part)
		if got := w.Header().Get("Range"); got != fmt.Sprintf("0-%d", sent-1) {
			t.Fatalf("after part %d: Range %s", i, got)
		}
		wrong := do(t, f, "PATCH "+at, "zzz", "Content-Range: 7-9", "Content-Length: 3")
		if wrong.Code != 416 || code(t, wrong) != "RANGE_INVALID" {
			t.Fatalf("a wrong range: %d", wrong.Code)
		}
		_ = f.Close()
		f.open(t, nil)
	}
	status := want(t, f, 204, "GET "+strings.Split(at, "?")[0], "")
	if got := status.Header().Get("Range"); got != fmt.Sprintf("0-%d", sent-1) {
		t.Fatalf("status after a restart: Range %s", got)
	}
	want(t, f, 201, "PUT "+status.Header().Get("Location")+"&digest="+sha(whole), parts[2])
	if got := want(t, f, 200, "GET /v2/app/blobs/"+sha(whole), "").Body.String(); got != whole {
		t.Error("other bytes came back")
	}
	want(t, f, 404, "GET "+strings.Split(at, "?")[0], "")
	if used := f.storage.Used(); used != int64(len(whole)) {
		t.Errorf("%d bytes used, want %d", used, len(whole))
	}
}

// TestCutOff breaks a request in the middle: what was not acknowledged does not count.
func TestCutOff(t *testing.T) {
	f := newFixture(t, nil)
	at := want(t, f, 202, "PATCH "+start(t, f, "app"), "acknowledged ").Header().Get("Location")
	r := httptest.NewRequestWithContext(t.Context(), "PATCH", at, io.MultiReader(strings.NewReader("half"), broken{}))
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	if w.Code < 400 {
		t.Fatalf("a broken request is answered %d", w.Code)
	}
	// What a killed process would leave: more in the file than in the row.
	uuid := strings.Split(at[strings.LastIndex(at, "/")+1:], "?")[0]
	file, err := os.OpenFile(filepath.Join(f.blobDir, "web", "uploads", uuid), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = file.WriteString("junk")
	_ = file.Close()
	_ = f.Close()
	f.open(t, nil)
	status := want(t, f, 204, "GET "+at, "")
	offset := status.Header().Get("Range")
	rest := map[string]string{"0-12": "and the rest", "0-16": " and the rest"}[offset]
	whole := "acknowledged "
	if offset == "0-16" {
		whole += "half"
	}
	want(t, f, 201, "PUT "+status.Header().Get("Location")+"&digest="+sha(whole+rest), rest)
	if used := f.storage.Used(); used != int64(len(whole+rest)) {
		t.Errorf("%d bytes used, want %d", used, len(whole+rest))
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestCancel(t *testing.T) {
	f := newFixture(t, nil)
	at := want(t, f, 202, "PATCH "+start(t, f, "app"), "some bytes").Header().Get("Location")
	if f.storage.Used() == 0 {
		t.Error("an upload is not counted")
	}
	want(t, f, 204, "DELETE "+at, "")
	want(t, f, 404, "GET "+at, "")
	if used := f.storage.Used(); used != 0 {
		t.Errorf("%d bytes used after cancelling", used)
	}
}

func TestMount(t *testing.T) {
	f := newFixture(t, nil)
	short, long := pushBlob(t, f, "from", "bytes"), longSHA("more bytes")
	want(t, f, 201, "PUT "+start(t, f, "from")+"&digest="+long, "more bytes")
	for _, digest := range []string{short, long} {
		w := want(t, f, 201, "POST /v2/to/blobs/uploads/?mount="+digest+"&from=from", "")
		if at := w.Header().Get("Location"); at != "/v2/to/blobs/"+digest {
			t.Errorf("Location: %s", at)
		}
		want(t, f, 200, "GET /v2/to/blobs/"+digest, "")
	}
	for _, query := range []string{
		"mount=" + sha("absent") + "&from=from", "mount=" + short + "&from=nowhere", "mount=" + short, "mount=junk&from=from", "mount=" + short + "&from=../from",
	} {
		want(t, f, 202, "POST /v2/third/blobs/uploads/?"+query, "")
	}
	want(t, f, 404, "GET /v2/third/blobs/"+short, "")
	want(t, f, 202, "DELETE /v2/from/blobs/"+short, "")
	want(t, f, 200, "GET /v2/to/blobs/"+short, "")
}

func TestLongDigests(t *testing.T) {
	f := newFixture(t, nil)
	w := want(t, f, 201, "PUT "+start(t, f, "app")+"&digest="+longSHA("bytes"), "bytes")
	if got := w.Header().Get("Docker-Content-Digest"); got != longSHA("bytes") {
		t.Errorf("Docker-Content-Digest: %s", got)
	}
	want(t, f, 200, "GET /v2/app/blobs/"+longSHA("bytes"), "")
	want(t, f, 404, "GET /v2/app/blobs/"+sha("bytes"), "")
	body := pushImage(t, f, "app", "v1", "layer", nil)
	want(t, f, 201, "PUT /v2/app/manifests/"+longSHA(body)+"?tag=long", body, "Content-Type: "+imageType)
	if got := want(t, f, 200, "GET /v2/app/manifests/long", "").Header().Get("Docker-Content-Digest"); got != longSHA(body) {
		t.Errorf("the tag leads to %s", got)
	}
	want(t, f, 202, "DELETE /v2/app/manifests/"+sha(body), "")
	want(t, f, 200, "GET /v2/app/manifests/"+longSHA(body), "")
}

func TestStorageFull(t *testing.T) {
	f := newFixture(t, func(o *oci.Options) { o.Storage = oci.NewStorage(1000) })
	pushBlob(t, f, "app", strings.Repeat("a", 600))
	large := strings.Repeat("b", 500)
	for name, request := range map[string]string{
		"in two requests": "PUT " + start(t, f, "app") + "&digest=" + sha(large),
		"in a piece":      "PATCH " + start(t, f, "app"),
		"in one request":  "POST /v2/app/blobs/uploads/?digest=" + sha(large),
		"as a manifest":   "PUT /v2/app/manifests/v1",
	} {
		body := large
		if name == "as a manifest" {
			body = `{"schemaVersion":2,"mediaType":"` + indexType + `","manifests":[],"annotations":{"a":"` + large + `"}}`
		}
		w := do(t, f, request, body, "Content-Type: "+map[bool]string{true: indexType}[name == "as a manifest"])
		if w.Code != 413 || code(t, w) != "DENIED" {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if used := f.storage.Used(); used > 1000 {
		t.Errorf("%d bytes used of 1000", used)
	}
	want(t, f, 202, "DELETE /v2/app/blobs/"+sha(strings.Repeat("a", 600)), "")
	pushBlob(t, f, "app", large)
}

func TestReasons(t *testing.T) {
	var reasons []string
	f := newFixture(t, func(o *oci.Options) {
		o.Storage = oci.NewStorage(1)
		o.WriteError = func(w http.ResponseWriter, r *http.Request, e *oci.Error) {
			reasons = append(reasons, e.Reason)
			oci.WriteError(w, r, e)
		}
	})
	do(t, f, "POST /v2/app/blobs/uploads/?digest="+sha("12"), "12")
	do(t, f, "GET /v2/app/manifests/v1", "")
	if got := fmt.Sprintf("%q", reasons); got != `["storage-full" ""]` {
		t.Errorf("reasons %s", got)
	}
}

// TestLocks: acr-behaviour §2.5 and §6.2.
func TestLocks(t *testing.T) {
	f := newFixture(t, nil)
	body := pushImage(t, f, "app", "v1", "layer", nil)
	golden := `{"errors":[{"code":"REGISTRY_DISALLOWED_OPERATION","message":"The operation is disallowed on this registry, repository or image. ` +
		`View troubleshooting steps at https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation","detail":{}}]}` + "\n"
	if len(golden) != 263 {
		t.Fatalf("ACR's body has 263 bytes, this one %d", len(golden))
	}
	set := func(a store.Attributes) {
		if err := f.content.SetAttributes(t.Context(), store.Target{Repository: "app"}, a, store.Unlocked()); err != nil {
			t.Fatal(err)
		}
	}
	set(store.Attributes{List: true})
	for request, body := range map[string]string{
		"GET /v2/app/manifests/v1":              "",
		"GET /v2/app/manifests/" + sha(body):    "",
		"GET /v2/app/blobs/" + sha("layer"):     "",
		"DELETE /v2/app/manifests/v1":           "",
		"DELETE /v2/app/manifests/" + sha(body): "",
		"PUT /v2/app/manifests/v2":              body,
	} {
		if got := want(t, f, 405, request, body, "Content-Type: "+imageType).Body.String(); got != golden {
			t.Errorf("%s: %s", request, got)
		}
	}
	set(store.Unlocked())
	want(t, f, 200, "GET /v2/app/manifests/v1", "")
}

func TestEvents(t *testing.T) {
	f := newFixture(t, nil)
	body := pushImage(t, f, "app", "v1", "layer", nil)
	want(t, f, 200, "GET /v2/app/manifests/v1", "")
	want(t, f, 200, "HEAD /v2/app/manifests/v1", "")
	want(t, f, 200, "GET /v2/app/blobs/"+sha("layer"), "")
	want(t, f, 202, "DELETE /v2/app/manifests/v1", "")
	want(t, f, 202, "DELETE /v2/app/manifests/"+sha(body), "")
	want(t, f, 404, "GET /v2/app/manifests/v1", "")
	var got []string
	for _, e := range f.events {
		if e.Time.IsZero() {
			t.Error("an event without time")
		}
		got = append(got, fmt.Sprint(e.Action, " ", e.Repository, " ", e.Tag, " ", e.Digest[7:11], " ", e.MediaType, " ", e.Size))
	}
	m, l := sha(body)[7:11], sha("layer")[7:11]
	wanted := []string{
		"push app  " + sha("{}")[7:11] + " application/octet-stream 2",
		"push app  " + l + " application/octet-stream 5",
		fmt.Sprintf("push app v1 %s %s %d", m, imageType, len(body)),
		fmt.Sprintf("pull app v1 %s %s %d", m, imageType, len(body)),
		"pull app  " + l + " application/octet-stream 5",
		"delete app v1 " + m + "  0",
		"delete app  " + m + "  0",
	}
	if strings.Join(got, "\n") != strings.Join(wanted, "\n") {
		t.Errorf("events\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(wanted, "\n"))
	}
}

// TestConcurrentPushes lets many clients push, some the same bytes, while others delete; then all is as the rows say.
func TestConcurrentPushes(t *testing.T) {
	f := newFixture(t, nil)
	var all sync.WaitGroup
	for client := range 8 {
		all.Go(func() {
			for i := range 10 {
				repository := fmt.Sprintf("app%d", client%4)
				pushBlob(t, f, repository, "shared by all")
				pushBlob(t, f, "mine", fmt.Sprint(client, i))
				do(t, f, "DELETE /v2/"+repository+"/blobs/"+sha("shared by all"), "")
			}
		})
	}
	all.Wait()
	pushBlob(t, f, "last", "shared by all")
	want(t, f, 200, "GET /v2/last/blobs/"+sha("shared by all"), "")
	held, err := f.content.Size(t.Context())
	if err != nil || f.storage.Used() != held {
		t.Errorf("%d bytes counted, rows hold %d (%v)", f.storage.Used(), held, err)
	}
	var onDisk int64
	_ = filepath.WalkDir(f.blobDir, func(_ string, e os.DirEntry, err error) error {
		if info, err := e.Info(); err == nil && !e.IsDir() {
			onDisk += info.Size()
		}
		return err
	})
	if onDisk != held {
		t.Errorf("%d bytes on disk, rows hold %d", onDisk, held)
	}
}

// TestIsolation: two registries share store and folder, one's name begins like the other's, and neither sees the other.
func TestIsolation(t *testing.T) {
	f := newFixture(t, nil)
	body := pushImage(t, f, "app", "v1", "secret", nil)
	at := start(t, f, "app")
	other, err := oci.New(t.Context(), oci.Options{Registry: "Web2", Content: f.store.Content("Web2"), BlobDir: f.blobDir, Secret: "a secret that stays"})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for _, request := range []string{
		"GET /v2/app/manifests/v1", "GET /v2/app/manifests/" + sha(body), "GET /v2/app/blobs/" + sha("secret"), "GET /v2/app/tags/list", "GET " + at,
		"PATCH " + at, "DELETE /v2/app/manifests/" + sha(body), "DELETE /v2/app/blobs/" + sha("secret"),
	} {
		want(t, other, 404, request, "")
	}
	want(t, other, 202, "POST /v2/app/blobs/uploads/?from=app&mount="+sha("secret"), "")
	pushBlob(t, other, "app", "secret")
	want(t, other, 202, "DELETE /v2/app/blobs/"+sha("secret"), "")
	want(t, f, 200, "GET /v2/app/blobs/"+sha("secret"), "")
	if err := other.Remove(); err != nil {
		t.Fatal(err)
	}
	want(t, f, 200, "GET /v2/app/blobs/"+sha("secret"), "")
	want(t, f, 204, "GET "+at, "")
}

func TestNew(t *testing.T) {
	content := openStore(t, "").Content("web")
	for name, o := range map[string]oci.Options{
		"a path":     {Registry: "../web", Content: content, BlobDir: t.TempDir()},
		"no name":    {Content: content, BlobDir: t.TempDir()},
		"no content": {Registry: "web", BlobDir: t.TempDir()},
		"no folder":  {Registry: "web", Content: content},
	} {
		if _, err := oci.New(t.Context(), o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
