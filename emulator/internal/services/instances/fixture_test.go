package instances

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/executor"
	"github.com/acrlocal/acrlocal/emulator/internal/services/workload/workloadtest"
)

const (
	subscription = "/subscriptions/acac10ca-2000-4000-8000-000000000001"
	testGroup    = subscription + "/resourceGroups/rg"
	groupID      = testGroup + "/providers/Microsoft.ContainerInstance/containerGroups/worker"
	image        = "myregistry.azurecr.io/hello:v1"
)

// world is a Cloud with one registry, and a clock that jumps when somebody waits.
type world struct {
	*workloadtest.Registry
	t      *testing.T
	mirror agent.Mirror

	mu     sync.Mutex
	state  *azure.State
	tokens []agent.Identity // who asked for one
	waited []time.Duration
	timers chan chan time.Time // who waits now, for the test to wake
	now    time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Registry: workloadtest.NewRegistry(t), t: t, timers: make(chan chan time.Time, 100), now: time.Unix(1_800_000_000, 0)}
	w.set()
	w.Push(t, image, v1.Config{Cmd: []string{"serve"}})
	return w
}

// set makes documents the whole state.
func (w *world) set(documents ...string) {
	w.t.Helper()
	all := []azure.Document{parse(w.t, `{"id": "`+subscription+`"}`), parse(w.t, `{"id": "`+testGroup+`", "location": "westeurope"}`)}
	for _, d := range documents {
		all = append(all, parse(w.t, d))
	}
	state, err := azure.Load(all)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state = state
}

func parse(t *testing.T, document string) azure.Document {
	t.Helper()
	d, err := azure.ParseDocument([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (w *world) State() *azure.State {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state
}

func (w *world) Update(context.Context, func(*azure.State) (azure.Change, error)) error {
	return errors.New("container groups change no documents")
}

func (w *world) Dial(ctx context.Context, place agent.Place, address string) (net.Conn, error) {
	if _, err := place(w.State()); err != nil {
		return nil, err
	}
	return w.Connect(ctx, address)
}

func (w *world) Token(_ context.Context, as agent.Identity, _ string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tokens = append(w.tokens, as)
	return "token", nil
}

func (w *world) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) After(d time.Duration) <-chan time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waited = append(w.waited, d)
	w.now = w.now.Add(d)
	timer := make(chan time.Time, 1)
	w.timers <- timer
	return timer
}

// wake lets the next one that waits go on.
func (w *world) wake() {
	w.t.Helper()
	select {
	case timer := <-w.timers:
		timer <- time.Time{}
	case <-time.After(patience):
		w.t.Fatal("nobody waits")
	}
}

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// run runs the service until the test ends.
func (w *world) run(e executor.Executor) *Service {
	w.t.Helper()
	s := New(Options{Cloud: w, Executor: e, Mirror: w.mirror, Dir: w.t.TempDir()})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Run(ctx)
	}()
	w.t.Cleanup(func() {
		cancel()
		<-ended
	})
	for begun := false; !begun; {
		s.mu.Lock()
		begun = s.work != nil
		s.mu.Unlock()
	}
	return s
}

// settle waits until it is known how the group begins.
func (w *world) settle(s *Service) error {
	w.t.Helper()
	id, err := azure.ParseResourceID(groupID)
	if err != nil {
		w.t.Fatal(err)
	}
	done := make(chan error, 1)
	s.Settle(id, func(err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		w.t.Fatal("the group neither begins nor fails")
		return nil
	}
}

// shown is what Resource Manager would show of the group.
func (w *world) shown(s *Service) map[string]any {
	d, found := w.State().Get(azure.Fold(groupID))
	if !found {
		w.t.Fatal("no group")
	}
	properties := d.Clone().Body["properties"].(map[string]any)
	s.Show(d.ID, properties)
	return properties
}

// until waits until what is shown of the group is as it should be.
func (w *world) until(s *Service, what string, as func(map[string]any) bool) map[string]any {
	w.t.Helper()
	var shown map[string]any
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if shown = w.shown(s); as(shown) {
			return shown
		}
	}
	w.t.Fatalf("never %s: %v", what, shown)
	return nil
}

// readWriter reads from one end and writes to another.
type readWriter struct {
	io.Reader
	io.Writer
}
