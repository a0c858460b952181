package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/gate"
)

// TestSeveralInOneProcess: emulators share nothing: what happens in one does not show in another.
func TestSeveralInOneProcess(t *testing.T) {
	one, other := start(t, Options{}), start(t, Options{Behavior: gate.Current})
	one.arms(t, http.MethodPatch, testRegistry, map[string]any{"networkRuleBypassOptions": "None"})
	if _, err := one.at(t, worker, "").Pull(t.Context(), hello); err == nil {
		t.Error("the first lets the worker in")
	}
	if _, err := other.at(t, worker, "").Pull(t.Context(), hello); err != nil {
		t.Errorf("the second: %v", err)
	}
	if err := one.Close(); err != nil {
		t.Error(err)
	}
	if _, err := other.at(t, worker, "").Pull(t.Context(), hello); err != nil {
		t.Errorf("the second, without the first: %v", err)
	}
	if one.Status().Registries["myregistry"] == other.Status().Registries["myregistry"] {
		t.Error("both claim the same address")
	}
}

// TestCloseEndsEverything: no goroutine, no file and no listener outlives an emulator.
func TestCloseEndsEverything(t *testing.T) {
	start(t, Options{}).visit(t) // what is made once per process, distribution's metrics among it, is made now
	settle := func() int {
		last := -1
		for range 100 {
			runtime.Gosched()
			time.Sleep(2 * time.Millisecond)
			n := runtime.NumGoroutine()
			if n == last {
				break
			}
			last = n
		}
		return last
	}
	before := settle()
	for range 5 {
		e := start(t, Options{})
		e.visit(t)
		directory, address := e.temporary, e.listeners.service.String()
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if err := e.Close(); err != nil {
			t.Errorf("closing again: %v", err)
		}
		if _, err := os.Stat(directory); !os.IsNotExist(err) {
			t.Errorf("%s is left: %v", directory, err)
		}
		if conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address); err == nil {
			conn.Close()
			t.Errorf("somebody still listens on %s", address)
		}
	}
	if after := settle(); after > before+2 {
		var stacks bytes.Buffer
		buffer := make([]byte, 1<<20)
		stacks.Write(buffer[:runtime.Stack(buffer, true)])
		t.Errorf("%d goroutines before, %d after five emulators:\n%s", before, after, &stacks)
	}
}

// TestCloseUnstarted: an emulator that was never started, or could not be, is closed like any other.
func TestCloseUnstarted(t *testing.T) {
	e := open(t, Options{})
	if _, err := e.Session(worker, ""); err == nil {
		t.Error("a session with an emulator that has no addresses")
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}

// TestPortInUse: the error says what to do, and what was opened before it is released.
func TestPortInUse(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, o := range map[string]Options{
		"service":  {Listen: taken.Addr().String()},
		"manage":   {Manage: taken.Addr().String()},
		"registry": {RegistryListen: map[string]string{"myregistry": taken.Addr().String()}},
		"attached": {Attach: []Attachment{{Network: "virtualNetworks/hub", Address: taken.Addr().String()}}},
	} {
		t.Run(name, func(t *testing.T) {
			e := open(t, o)
			err := e.Start(t.Context())
			if err == nil {
				t.Fatal("it started")
			}
			for _, text := range []string{taken.Addr().String(), "address already in use", "--listen"} {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%q does not say %q", err, text)
				}
			}
			if err := e.Close(); err != nil {
				t.Error(err)
			}
			if at := e.listeners.service; at != nil {
				if conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", at.String()); err == nil {
					conn.Close()
					t.Error("the service listener is still open")
				}
			}
		})
	}
}

// TestStartStopsWithItsContext: the context of Start ends the listeners.
func TestStartStopsWithItsContext(t *testing.T) {
	e := open(t, Options{})
	ctx, stop := context.WithCancel(t.Context())
	if err := e.Start(ctx); err != nil {
		t.Fatal(err)
	}
	stop()
	for range 500 {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", e.listeners.service.String())
		if err != nil {
			return
		}
		conn.Close()
		time.Sleep(time.Millisecond)
	}
	t.Error("the listener outlives the context")
}

// TestOptionsRefused: what cannot be is an error of New, which names it.
func TestOptionsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		options Options
		says    string
	}{
		{"a behaviour", Options{Behavior: "tomorrow"}, `"tomorrow" is neither article nor current`},
		{"a proxy", Options{TrustedProxies: []string{"here"}}, "here"},
		{"a seed", seeded("resorces: []"), "test.yaml:1"},
		{"a data directory", Options{Data: file}, file},
		{"a mirror", Options{Mirrors: []string{"docker.io=oci:" + file}}, file + " is no directory"},
		{"a decision log", Options{DecisionLog: filepath.Join(file, "log")}, file},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.options.State = stateDir
			e, err := New(c.options)
			if err == nil {
				_ = e.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q does not say %q", err, c.says)
			}
		})
	}
}

// TestCloseLeavesNothingToCome: an emulator that ends while its first keys are made has written them when it has ended, so that
// they are not left in a directory that was removed after it.
func TestCloseLeavesNothingToCome(t *testing.T) {
	o := Options{State: filepath.Join(t.TempDir(), "state")}
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if written, err := filepath.Glob(filepath.Join(o.State, "signing-keys.pem")); err != nil || len(written) != 1 {
		t.Errorf("%v, %v: the keys are still on their way", written, err)
	}
}

// TestDataStays: with a data directory, documents and content outlive the process; the seed is for the first start only.
func TestDataStays(t *testing.T) {
	o := Options{Data: filepath.Join(t.TempDir(), "data")}
	image, err := HelloImage("kept")
	if err != nil {
		t.Fatal(err)
	}
	first := start(t, o)
	first.arms(t, http.MethodPatch, testRegistry, map[string]any{"networkRuleBypassOptions": "None"})
	if err := first.at(t, "203.0.113.7", "tasks/nightly").Push(t.Context(), "playground.azurecr.io/kept:v1", image); err == nil {
		t.Error("the task has no role on playground")
	}
	owner := first.at(t, "203.0.113.7", developerName)
	if err := owner.Push(t.Context(), "myregistry.azurecr.io/kept:v1", image); err != nil {
		t.Fatal(err)
	}
	a := send(t, owner, request(t, http.MethodDelete, manifestURL, "", "Authorization", "Bearer "+first.bearer(t, "repository:hello:delete")))
	if a.status != http.StatusAccepted && a.status != http.StatusOK {
		t.Fatalf("delete: %d %s", a.status, a.body)
	}
	revision := first.core.world.Load().revision

	if _, err := New(Options{Data: o.Data, State: stateDir}); err == nil || !strings.Contains(err.Error(), "in use by another emulator") {
		t.Errorf("a second emulator on the same data: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	second := start(t, o)
	if got := second.core.world.Load().revision; got != revision {
		t.Errorf("revision %d, before %d", got, revision)
	}
	if _, err := second.at(t, worker, "").Pull(t.Context(), hello); err == nil {
		t.Error("the switch is on again")
	}
	owner = second.at(t, "203.0.113.7", developerName)
	got, err := owner.Pull(t.Context(), "myregistry.azurecr.io/kept:v1")
	if err != nil {
		t.Fatal(err)
	}
	want, _ := image.Digest()
	if digest, _ := got.Digest(); digest != want {
		t.Errorf("kept:v1 is %s, was %s", digest, want)
	}
	if _, err := owner.Pull(t.Context(), hello); err == nil {
		t.Error("an image that was deleted is back")
	}
}

const developerName = "acac10ca-3000-4000-8000-000000000001"

// bearer is an access token of the development principal for a scope of myregistry.
func (e *Emulator) bearer(t *testing.T, scope string) string {
	t.Helper()
	s := e.at(t, "203.0.113.7", developerName)
	refresh, err := s.Login(t.Context(), "myregistry.azurecr.io")
	if err != nil {
		t.Fatal(err)
	}
	form := "grant_type=refresh_token&service=myregistry.azurecr.io&scope=" + scope + "&refresh_token=" + refresh
	a := send(t, s, request(t, http.MethodPost, "https://myregistry.azurecr.io/oauth2/token", form, "Content-Type", "application/x-www-form-urlencoded"))
	var got struct {
		Token string `json:"access_token"`
	}
	a.into(t, &got)
	return got.Token
}

// TestDeletedRegistryLosesItsContent: one that is made again under the old name is empty.
func TestDeletedRegistryLosesItsContent(t *testing.T) {
	e := start(t, Options{})
	e.arms(t, http.MethodDelete, registriesBelow+"playground", nil)
	body := map[string]any{"location": "westeurope", "sku": map[string]any{"name": "Premium"}}
	if err := e.ARM(t.Context(), http.MethodPut, registriesBelow+"playground", body, nil); err != nil {
		t.Fatal(err)
	}
	s := e.at(t, "203.0.113.7", developerName)
	if _, err := s.Login(t.Context(), "playground.azurecr.io"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Pull(t.Context(), "playground.azurecr.io/hello:v1"); err == nil || !strings.Contains(err.Error(), "MANIFEST_UNKNOWN") && !strings.Contains(err.Error(), "NAME_UNKNOWN") {
		t.Errorf("%v", err)
	}
}

// TestEndpointsFile: the file is whole, and its owner's alone.
func TestEndpointsFile(t *testing.T) {
	e := start(t, Options{})
	path := filepath.Join(t.TempDir(), "endpoints.json")
	if err := WriteEndpoints(path, e.Endpoints()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"service", "manage", "proxy", "ca", "registries", "tenantId", "subscriptionId", "clientId", "clientSecret"} {
		if got[name] == nil || got[name] == "" {
			t.Errorf("%s: %v", name, got[name])
		}
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if err := WriteEndpoints(filepath.Join(path, "x"), e.Endpoints()); err == nil {
		t.Error("written into a file")
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".endpoints-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
