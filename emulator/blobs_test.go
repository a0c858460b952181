package emulator

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/blob"
)

// TestBlobURL: whoever finds ARM finds the blob that it names, in the same way.
func TestBlobURL(t *testing.T) {
	e := start(t, Options{})
	azures := e.blobs.Sign(blob.Ref{Account: "acrtask1", Container: "sources", Name: "source/a b.tar.gz"}, blob.Upload, time.Hour)
	for _, one := range []struct {
		host string
		tls  bool
		want string
	}{
		{"management.azure.com", true, "https://acrtask1.blob.core.windows.net/sources/source/a%20b.tar.gz?"},
		{"management.azure.com:443", false, "https://acrtask1.blob.core.windows.net/sources/source/a%20b.tar.gz?"},
		{"management.azure.localhost:5080", false, "http://acrtask1.blob.azure.localhost:5080/sources/source/a%20b.tar.gz?"},
		{"management.azure.localhost", true, "https://acrtask1.blob.azure.localhost/sources/source/a%20b.tar.gz?"},
		{"127.0.0.1:5080", true, "https://127.0.0.1:5080/acrtask1.blob.core.windows.net/sources/source/a%20b.tar.gz?"},
		{"localhost:5080", false, "http://localhost:5080/acrtask1.blob.core.windows.net/sources/source/a%20b.tar.gz?"},
		{"[::1]:5080", false, "http://[::1]:5080/acrtask1.blob.core.windows.net/sources/source/a%20b.tar.gz?"},
	} {
		asked := httptest.NewRequest("POST", "/", nil)
		asked.Host = one.host
		if one.tls {
			asked.TLS = &tls.ConnectionState{}
		}
		at := e.blobURL(asked, azures)
		if !strings.HasPrefix(at.String(), one.want) || at.RawQuery != azures.RawQuery {
			t.Errorf("asked at %s: %s", one.host, at)
		}
		if got := askBlob(e, "PUT", at, "content"); got.Code != http.StatusCreated {
			t.Errorf("asked at %s: the URL that it gives is answered with %d %s", one.host, got.Code, got.Body)
		}
		if got := askBlob(e, "GET", at, ""); got.Code != http.StatusForbidden || got.Header().Get("x-ms-error-code") != "AuthorizationPermissionMismatch" {
			t.Errorf("asked at %s: who may write reads: %d %s", one.host, got.Code, got.Body)
		}
	}
	if err := e.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := e.blobs.List("acrtask1"); len(left) != 0 {
		t.Errorf("after a reset there are %v", left)
	}
}

func askBlob(e *Emulator, method string, at *url.URL, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, at.String(), strings.NewReader(body))
	r.Header.Set("x-ms-blob-type", "BlockBlob")
	w := httptest.NewRecorder()
	e.serve(w, r)
	return w
}
