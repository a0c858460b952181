package imports

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

const targetID = "/subscriptions/acac10ca-2000-4000-8000-000000000001/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/target"

// cloud is one in which nothing can be reached.
type cloud struct {
	mu    sync.Mutex
	state *azure.State
	now   time.Time
}

func (c *cloud) State() *azure.State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

func (c *cloud) Update(_ context.Context, change func(*azure.State) (azure.Change, error)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	made, err := change(c.state)
	if err == nil {
		c.state, err = c.state.With(made)
	}
	return err
}

func (c *cloud) Dial(context.Context, agent.Place, string) (net.Conn, error) {
	return nil, agent.ErrOutside
}

func (c *cloud) Token(context.Context, agent.Identity, string) (string, error) {
	return "", errors.New("nobody has an identity here")
}

func (c *cloud) CA() ([]byte, error)                    { return nil, nil }
func (c *cloud) Now() time.Time                         { return c.now }
func (c *cloud) After(d time.Duration) <-chan time.Time { return time.After(d) }

func request(operation int, done func(error)) Request {
	return Request{
		Operation: fmt.Sprintf("00000000-0000-0000-0000-%012d", operation), Target: azure.MustParseResourceID(targetID), Host: "docker.io",
		Image: "hello:v1", Progress: func(int) {}, Done: done,
	}
}

// onRecord is how many imports are.
func onRecord(c *cloud) int { return len(c.State().OfType(azure.TypeImport)) }

// TestTooMany: so many imports wait, and one more is refused and leaves nothing behind. Those that never began have failed
// when the service ends, and stay on record for whoever asks later.
func TestTooMany(t *testing.T) {
	c := &cloud{now: time.Now()}
	s := New(c, nil)
	var mu sync.Mutex
	var ended []error
	done := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		ended = append(ended, err)
	}
	for i := range maxWaiting {
		if err := s.Start(t.Context(), request(i, done)); err != nil {
			t.Fatal(err)
		}
	}
	err := s.Start(t.Context(), request(maxWaiting, func(error) { t.Error("one that was refused has ended") }))
	if refused, ok := errors.AsType[*Error](err); !ok || refused.Status != http.StatusTooManyRequests {
		t.Errorf("%v, want TooManyRequests", err)
	}
	if got := onRecord(c); got != maxWaiting {
		t.Errorf("%d imports are on record, want %d", got, maxWaiting)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	s.Run(over)
	for _, err := range ended {
		if failed, ok := errors.AsType[*Error](err); !ok || failed.Code != "OperationInterrupted" {
			t.Fatalf("an import that never began ended with %v", err)
		}
	}
	if len(ended) != maxWaiting || onRecord(c) != maxWaiting {
		t.Errorf("%d have ended and %d are on record, want %d", len(ended), onRecord(c), maxWaiting)
	}
}

// TestForgetOld: records of interrupted imports go after a day.
func TestForgetOld(t *testing.T) {
	c := &cloud{now: time.Now()}
	s := New(c, nil)
	for i, age := range []time.Duration{recordLifetime + time.Minute, time.Minute} {
		c.now = time.Now().Add(-age)
		if err := s.remember(t.Context(), request(i, nil)); err != nil {
			t.Fatal(err)
		}
	}
	c.now = time.Now()
	s.forgetOld(t.Context())
	if got := onRecord(c); got != 1 {
		t.Errorf("%d are on record, want the younger one", got)
	}
}

// TestExplain: what went wrong, in ACR's words, about the registry where it did.
func TestExplain(t *testing.T) {
	r := request(1, nil)
	begin := "Operation registries-" + r.Operation + " failed. Resource "
	from := func(err error) error { return &refusal{"source.azurecr.io", err} }
	for _, c := range []struct {
		name string
		err  error
		code string
		want string
	}{
		{
			"refused to exchange", from(&agent.ExchangeError{Status: "403 Forbidden", Code: "DENIED", Message: "client with IP '1.2.3.4' is not allowed access."}),
			"InvalidParameters", `source.azurecr.io Invalid message Forbidden Forbidden {"errors":[{"code":"DENIED","message":"client with IP '1.2.3.4' is not allowed access."}]}`,
		},
		{
			"not found", from(&transport.Error{StatusCode: 404, Errors: []transport.Diagnostic{{Code: "MANIFEST_UNKNOWN", Message: "unknown"}}}),
			"InvalidParameters", `source.azurecr.io Invalid message NotFound Not Found {"errors":[{"code":"MANIFEST_UNKNOWN","message":"unknown"}]}`,
		},
		{"an answer without a body", from(&transport.Error{StatusCode: 403}), "InvalidParameters", `source.azurecr.io Invalid message Forbidden Forbidden {"errors":[{"code":"UNKNOWN","message":"unexpected status code 403 Forbidden"}]}`},
		{"outside", from(fmt.Errorf("dial: %w", agent.ErrOutside)), "InvalidParameters", "source.azurecr.io source.azurecr.io is outside this emulator, which reaches nothing but what it emulates."},
		{"of neither registry", errors.New("disk full"), "InternalServerError", targetID + " The import failed: disk full"},
		{"said already", errExists.of(r, "hello:v1"), "Conflict", targetID + " hello:v1 Tag hello:v1 already exists in target registry."},
	} {
		got, ok := errors.AsType[*Error](explain(r, c.err))
		if !ok || got.Code != c.code || got.Message != begin+c.want {
			t.Errorf("%s: %v\nwant %s: %s%s", c.name, got, c.code, begin, c.want)
		}
	}
}

// TestProgress: each per cent is told once, and the last never: tags are to come.
func TestProgress(t *testing.T) {
	var told []string
	p := progress{total: 200, tell: func(percent int) { told = append(told, fmt.Sprint(percent)) }}
	for _, step := range []func(){
		func() { p.moved(1) }, func() { p.moved(1) }, func() { p.moved(1) }, func() { p.arrived(100) }, func() { p.arrived(100) },
	} {
		step()
	}
	if got := strings.Join(told, " "); got != "1 50 99" {
		t.Errorf("told %s", got)
	}
	(&progress{tell: func(int) { t.Error("of nothing there is no part") }}).arrived(0)
}

// TestReborn: an import that waits while one of its registries is removed does nothing, whoever has the name meanwhile. (The service
// once read, and wrote, what somebody else had made under that name.)
func TestReborn(t *testing.T) {
	document := func(id string) azure.Document {
		return azure.Document{ID: azure.MustParseResourceID(id), Body: map[string]any{"id": id}}
	}
	sourceID := strings.Replace(targetID, "/target", "/source", 1)
	elsewhere := strings.NewReplacer("/rg/", "/other/")
	for name, c := range map[string]struct {
		change azure.Change
		want   string
	}{
		"nothing happens": {want: "nobody has an identity here"},
		"the source": {
			azure.Change{Delete: []string{azure.Fold(sourceID)}, Put: []azure.Document{document(elsewhere.Replace(sourceID))}},
			sourceID + " was removed before the image was imported.",
		},
		"the target": {azure.Change{Delete: []string{azure.Fold(targetID)}}, targetID + " was removed before the image was imported."},
	} {
		world := &cloud{now: time.Now()}
		s := New(world, nil)
		ended := make(chan error, 1)
		r := request(1, func(err error) { ended <- err })
		r.Host, r.Source = "", azure.MustParseResourceID(sourceID)
		change := func(made azure.Change) {
			if err := world.Update(t.Context(), func(*azure.State) (azure.Change, error) { return made, nil }); err != nil {
				t.Fatal(err)
			}
		}
		change(azure.Change{Put: []azure.Document{document(sourceID), document(targetID)}})
		if err := s.Start(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if name == "the target" { // what is below it goes with it, and it may be made again at the same place
			c.change.Delete = append(c.change.Delete, world.State().OfType(azure.TypeImport)[0].ID.Key())
		}
		change(c.change)
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() { s.Run(ctx); close(over) }()
		if err := <-ended; err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		cancel()
		<-over
	}
}
