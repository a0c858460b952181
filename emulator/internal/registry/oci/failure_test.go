package oci_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/registry/oci"
)

// TestFailures takes the rows away: clients learn that something failed and nothing about what, the log learns why.
func TestFailures(t *testing.T) {
	var log bytes.Buffer
	f := newFixture(t, func(o *oci.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	body := pushImage(t, f, "app", "v1", "layer", nil)
	at := start(t, f, "app")
	if err := f.store.Close(); err != nil {
		t.Fatal(err)
	}
	for _, request := range []string{
		"GET /v2/_catalog", "GET /v2/app/tags/list", "GET /v2/app/manifests/v1", "GET /v2/app/blobs/" + sha("layer"),
		"GET /v2/app/referrers/" + sha("layer"), "DELETE /v2/app/manifests/v1", "DELETE /v2/app/manifests/" + sha(body),
		"DELETE /v2/app/blobs/" + sha("layer"), "PUT /v2/app/manifests/v1", "POST /v2/app/blobs/uploads/",
		"POST /v2/app/blobs/uploads/?digest=" + sha(body), "POST /v2/b/blobs/uploads/?from=app&mount=" + sha("layer"),
		"GET /acr/v1/app", "GET /acr/v1/app/_tags", "GET /acr/v1/app/_tags/v1", "GET /acr/v1/app/_manifests",
		"GET /acr/v1/app/_manifests/" + sha(body), "PATCH /acr/v1/app", "DELETE /acr/v1/app", "DELETE /acr/v1/app/_tags/v1",
		"GET " + at, "PATCH " + at, "PUT " + at + "&digest=" + sha(body), "DELETE " + at,
	} {
		log.Reset()
		w := want(t, f, 500, request, body, "Content-Type: "+imageType)
		if got := w.Body.String(); got != errorBody("UNKNOWN", "unknown error", "") {
			t.Errorf("%s tells %s", request, got)
		}
		if !strings.Contains(log.String(), "closed") {
			t.Errorf("%s: the log does not say why: %s", request, log.String())
		}
	}
	if err := f.Put(t.Context(), "app", "v2", randomImage(t, 1)); err == nil {
		t.Error("put without rows")
	}
	if err := f.Sweep(t.Context(), time.Now()); err == nil {
		t.Error("swept without rows")
	}
}

// TestNoFolder puts a file where the folder of blobs should be: nothing is acknowledged, and nothing stays behind.
func TestNoFolder(t *testing.T) {
	f := newFixture(t, nil)
	folder := filepath.Join(f.blobDir, "web")
	if err := errors.Join(os.Mkdir(folder, 0o700), os.WriteFile(filepath.Join(folder, "sha256"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	at := start(t, f, "app")
	for _, request := range []string{"PUT " + at + "&digest=" + sha("x"), "POST /v2/app/blobs/uploads/?digest=" + sha("x")} {
		if got := code(t, want(t, f, 500, request, "x")); got != "UNKNOWN" {
			t.Errorf("%s: %s", request, got)
		}
	}
	want(t, f, 404, "GET /v2/app/blobs/"+sha("x"), "")
	if used := f.storage.Used(); used != 0 || bytesUnder(t, f.blobDir) != 0 {
		t.Errorf("%d bytes counted", used)
	}
	var e *oci.Error
	if err := f.Put(t.Context(), "App", "v1", randomImage(t, 1)); !errors.As(err, &e) || e.Code != "NAME_INVALID" {
		t.Errorf("put under a bad name: %v", err)
	}
}

// TestCancelled: a request whose client has gone is no failure of the registry.
func TestCancelled(t *testing.T) {
	var log bytes.Buffer
	f := newFixture(t, func(o *oci.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, request := range [][2]string{{"GET", "/v2/app/manifests/v1"}, {"POST", "/v2/app/blobs/uploads/"}} {
		w := httptest.NewRecorder()
		f.ServeHTTP(w, httptest.NewRequestWithContext(ctx, request[0], request[1], nil))
		if w.Code != 499 {
			t.Errorf("%s: %d", request, w.Code)
		}
	}
	if log.Len() > 0 {
		t.Errorf("logged: %s", log.String())
	}
}
