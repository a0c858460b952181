package e2e

import (
	"net/http"
	"testing"

	"github.com/acrlocal/acrlocal/emulator"
)

// TestTwoInOneProcess runs two emulators beside each other, as a test suite may: nothing of one shows in the other.
func TestTwoInOneProcess(t *testing.T) {
	one, two := embedded(t), embedded(t)
	image, err := emulator.HelloImage("only in one")
	if err != nil {
		t.Fatal(err)
	}
	const reference = playground + "/only:one"
	mine, theirs := session(t, one), session(t, two)
	if err := mine.Push(t.Context(), reference, image); err != nil {
		t.Fatal(err)
	}
	if _, err := mine.Pull(t.Context(), reference); err != nil {
		t.Errorf("pull from the one it was pushed to: %v", err)
	}
	if _, err := theirs.Pull(t.Context(), reference); err == nil {
		t.Error("an image pushed to one is in the other")
	}

	shut := map[string]any{"properties": map[string]any{"publicNetworkAccess": "Disabled"}}
	if err := one.ARM(t.Context(), http.MethodPatch, myregistryID, shut, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := mine.Pull(t.Context(), myregistry+"/hello:v1"); err == nil {
		t.Error("shut, and it still serves")
	}
	if _, err := theirs.Pull(t.Context(), myregistry+"/hello:v1"); err != nil {
		t.Errorf("one was shut, and the other refuses: %v", err)
	}

	first, second := (&process{Endpoints: one.Endpoints()}).at("", myregistry), (&process{Endpoints: two.Endpoints()}).at("", playground)
	if r := second.exchange(t, first.development(t, acrAudience)); r.status != http.StatusUnauthorized || r.reason() != "signature-invalid" {
		t.Errorf("a token of one at the other: %d %q", r.status, r.reason())
	}
	if err := one.Close(); err != nil {
		t.Error(err)
	}
	if _, err := theirs.Pull(t.Context(), myregistry+"/hello:v1"); err != nil {
		t.Errorf("one was closed, and the other refuses: %v", err)
	}
}

// embedded is an emulator in this process, with keys of its own.
func embedded(t *testing.T) *emulator.Emulator {
	t.Helper()
	e, err := emulator.New(emulator.Options{Listen: "127.0.0.1:0", Manage: "127.0.0.1:0", State: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return e
}

func session(t *testing.T, e *emulator.Emulator) *emulator.Session {
	t.Helper()
	s, err := e.Session("203.0.113.7", clientID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}
