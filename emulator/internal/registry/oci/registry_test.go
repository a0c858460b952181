package oci_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/registry/oci"
	"github.com/acrlocal/acrlocal/emulator/internal/store"
	"github.com/acrlocal/acrlocal/emulator/internal/store/sqlite"
)

// fixture is a registry with nothing in it.
type fixture struct {
	*oci.Registry
	store   store.Store
	content store.Content
	blobDir string
	storage *oci.Storage

	mu     sync.Mutex
	events []oci.Event
}

func openStore(t testing.TB, path string) store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// newFixture returns a registry called web; change, if not nil, may alter its options.
func newFixture(t testing.TB, change func(*oci.Options)) *fixture {
	t.Helper()
	f := &fixture{store: openStore(t, ""), blobDir: t.TempDir(), storage: oci.NewStorage(0)}
	f.content = f.store.Content("web")
	f.open(t, change)
	return f
}

// open makes the registry, again if it was made before.
func (f *fixture) open(t testing.TB, change func(*oci.Options)) {
	t.Helper()
	o := oci.Options{
		Registry: "web", Content: f.content, BlobDir: f.blobDir, Secret: "a secret that stays", Storage: f.storage,
		OnEvent: func(_ context.Context, e oci.Event) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.events = append(f.events, e)
		},
	}
	if change != nil {
		change(&o)
	}
	f.storage = o.Storage
	g, err := oci.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	f.Registry = g
}

// do makes a request of "METHOD path" with headers written "Name: value".
func do(t testing.TB, h http.Handler, request, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	method, target, _ := strings.Cut(request, " ")
	r := httptest.NewRequestWithContext(t.Context(), method, target, io.Reader(strings.NewReader(body)))
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// want makes a request and ends the test unless it has the status.
func want(t testing.TB, h http.Handler, status int, request, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	w := do(t, h, request, body, headers...)
	if w.Code != status {
		t.Fatalf("%s: status %d, want %d: %s", request, w.Code, status, bytes.TrimSpace(w.Body.Bytes()))
	}
	return w
}
