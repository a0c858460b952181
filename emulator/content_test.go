package emulator

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/store"
	"github.com/acrlocal/acrlocal/gate"
)

// TestStorageFull: a push beyond --max-storage is refused by the last stage of the decision, and the log says so.
func TestStorageFull(t *testing.T) {
	e := start(t, Options{MaxStorage: 64 << 10})
	image, err := random.Image(256<<10, 1)
	if err != nil {
		t.Fatal(err)
	}
	s := e.at(t, "203.0.113.7", azure.DevelopmentClientID)
	if err := s.Push(t.Context(), "myregistry.azurecr.io/large:v1", image); err == nil || !strings.Contains(err.Error(), "DENIED") {
		t.Errorf("the push ended with %v, want DENIED", err)
	}
	d, ok := s.Refused()
	if !ok || d.Reason != gate.StorageFull || d.Stage != gate.StageResource || d.ResultDescription != "403" {
		t.Errorf("refused for %q at stage %s with %s, want %s: %+v", d.Reason, d.Stage, d.ResultDescription, gate.StorageFull, d.Steps)
	}
	if len(d.Steps) != 4 || !strings.Contains(d.Why, "65536") {
		t.Errorf("%d steps, because %q: want four, and the limit", len(d.Steps), d.Why)
	}
}

// TestLocked: a tag that may not be read answers as ACR's does, and the decision names it (acr-behaviour §2.5).
func TestLocked(t *testing.T) {
	e := start(t, Options{})
	held := e.accessToken(t, worker, "")
	tag := store.Target{Repository: "hello", Tag: "v1"}
	if err := e.content.store.Content("myregistry").SetAttributes(t.Context(), tag, store.Attributes{List: true}, store.Unlocked()); err != nil {
		t.Fatal(err)
	}
	a := send(t, held.session, request(t, http.MethodGet, manifestURL, "", "Authorization", "Bearer "+held.token))
	if a.status != http.StatusMethodNotAllowed || a.reason() != gate.Locked || len(a.body) != 263 {
		t.Errorf("%d for %q with %d bytes, want 405 for %s with 263: %s", a.status, a.reason(), len(a.body), gate.Locked, a.body)
	}
	d, ok := held.session.Refused()
	if !ok || d.Rule != "hello:v1" || d.ResultDescription != "405" {
		t.Errorf("the log says %q, status %s: want hello:v1 and 405", d.Rule, d.ResultDescription)
	}
}

// TestUploadOutlivesRestart: an upload goes on at the last acknowledged byte after the emulator was started again, and
// after its sweep.
func TestUploadOutlivesRestart(t *testing.T) {
	const host = "https://playground.azurecr.io"
	dir := t.TempDir()
	upload := func(e *Emulator, method, path, body string) answer {
		r := request(t, method, host+path, body)
		r.SetBasicAuth(azure.DevelopmentClientID, azure.DevelopmentSecret)
		return send(t, e.at(t, "203.0.113.7", anonymous), r)
	}
	first := start(t, Options{Data: dir})
	begun := upload(first, http.MethodPost, "/v2/app/blobs/uploads/", "")
	more := upload(first, http.MethodPatch, begun.header.Get("Location"), "hello")
	if more.status != http.StatusAccepted {
		t.Fatalf("upload: %d, then %d %s", begun.status, more.status, more.body)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again := start(t, Options{Data: dir})
	again.sweepOnce(t.Context())
	a := upload(again, http.MethodGet, more.header.Get("Location"), "")
	if a.status != http.StatusNoContent || a.header.Get("Range") != "0-4" {
		t.Errorf("after the restart: %d, range %q, want 204 and 0-4: %s", a.status, a.header.Get("Range"), a.body)
	}
}
