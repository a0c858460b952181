package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// stateDir holds the certificate authority and the keys of all tests, which are made once.
var stateDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "acrlocal-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	stateDir = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

const (
	testGroup    = "/subscriptions/" + azure.DevelopmentSubscription + "/resourceGroups/acrlocal"
	testRegistry = testGroup + "/providers/Microsoft.ContainerRegistry/registries/myregistry"
	workerID     = testGroup + "/providers/Microsoft.ContainerInstance/containerGroups/worker"
	jumpbox      = "virtualMachines/jumpbox"
	worker       = "containerGroups/worker"
	hello        = "myregistry.azurecr.io/hello:v1"
)

// open makes an emulator that listens nowhere yet.
func open(t testing.TB, o Options) *Emulator {
	t.Helper()
	o.State = stateDir
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Manage == "" {
		o.Manage = "127.0.0.1:0"
	}
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// start starts an emulator on free ports.
func start(t testing.TB, o Options) *Emulator {
	t.Helper()
	e := open(t, o)
	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return e
}

// seeded are options with one seed file.
func seeded(text string) Options {
	return Options{Seeds: []Seed{{Name: "test.yaml", Data: []byte(text)}}}
}

// at begins a session that ends with the test.
func (e *Emulator) at(t testing.TB, place, as string) *Session {
	t.Helper()
	s, err := e.Session(place, as)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// arms makes a call to ARM that must succeed.
func (e *Emulator) arms(t testing.TB, method, id string, properties map[string]any) {
	t.Helper()
	if err := e.ARM(t.Context(), method, id, map[string]any{"properties": properties}, nil); err != nil {
		t.Fatal(err)
	}
}

// answer is what came back of a request.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// into decodes the body.
func (a answer) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
}

// reason is the last field of the decision header.
func (a answer) reason() gate.Reason {
	text := a.header.Get("X-Acrlocal-Decision")
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] == ' ' {
			return gate.Reason(text[i+1:])
		}
	}
	return ""
}

// send sends a request and reads the answer to its end.
func send(t testing.TB, via http.RoundTripper, r *http.Request) answer {
	t.Helper()
	response, err := via.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, body}
}

// request makes a request with a context of the test.
func request(t testing.TB, method, url, body string, header ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// change applies documents that need no completion.
func (e *Emulator) change(ctx context.Context, c azure.Change) error {
	complete, err := e.core.State().Complete(c, azure.Author{Operator: true})
	if err != nil {
		return err
	}
	_, err = e.core.Apply(ctx, complete)
	return err
}
