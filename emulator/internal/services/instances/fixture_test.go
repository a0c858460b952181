package instances

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/executor"
	"github.com/acrlocal/acrlocal/emulator/internal/vantage"
)

const (
	subscription = "/subscriptions/acac10ca-2000-4000-8000-000000000001"
	testGroup    = subscription + "/resourceGroups/rg"
	groupID      = testGroup + "/providers/Microsoft.ContainerInstance/containerGroups/worker"
	image        = "myregistry.azurecr.io/hello:v1"
	denied       = `{"errors":[{"code":"DENIED","message":"client with IP '198.18.0.7' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."}]}`
)

// world is a Cloud with one registry, which lets everybody in until it is closed, and a clock that jumps when somebody waits.
type world struct {
	t      *testing.T
	ca     *vantage.CA
	server *httptest.Server
	closed atomic.Bool // the registry refuses everybody
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
	w := &world{t: t, ca: vantage.OpenCA(t.TempDir()), timers: make(chan chan time.Time, 100), now: time.Unix(1_800_000_000, 0)}
	content := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	w.server = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case w.closed.Load():
			rw.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(rw, denied)
		case r.URL.Path == "/oauth2/exchange":
			_, _ = io.WriteString(rw, `{"refresh_token": "good"}`)
		default:
			content.ServeHTTP(rw, r)
		}
	}))
	w.server.TLS = w.ca.TLS()
	w.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	w.server.StartTLS()
	t.Cleanup(w.server.Close)
	w.set()
	w.push(image, v1.Config{Cmd: []string{"serve"}})
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

func (w *world) push(reference string, config v1.Config) {
	w.t.Helper()
	made, err := random.Image(64, 1)
	if err == nil {
		made, err = mutate.Config(made, config)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	ref, err := name.ParseReference(reference)
	if err != nil {
		w.t.Fatal(err)
	}
	worker, err := agent.New(w, agent.Place(func(*azure.State) (azure.Place, error) { return azure.Place{}, nil }), "")
	if err != nil {
		w.t.Fatal(err)
	}
	defer worker.Close()
	if err := remote.Write(ref, made, remote.WithTransport(worker)); err != nil {
		w.t.Fatal(err)
	}
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
	if address != "myregistry.azurecr.io:443" {
		return nil, errors.New(address + " is not emulated")
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", w.server.Listener.Addr().String())
}

func (w *world) Token(_ context.Context, as agent.Identity, _ string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tokens = append(w.tokens, as)
	return "token", nil
}

func (w *world) CA() ([]byte, error) { return w.ca.PEM() }

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

// program is what a container does here, in place of the program in its image.
type program func(ctx context.Context, s executor.Spec) int

// crate is an Executor whose containers are functions, by the container's name.
type crate struct {
	programs map[string]program
	refused  error

	mu      sync.Mutex
	started []executor.Spec
}

func (c *crate) Network(context.Context, executor.NetworkOptions) (executor.Network, error) {
	return c, c.refused
}
func (c *crate) Status() executor.Status { return executor.Status{Kind: "functions"} }
func (c *crate) Close() error            { return nil }
func (c *crate) Layer(context.Context, executor.Spec) (v1.Layer, error) {
	return nil, errors.New("container groups build nothing")
}

func (c *crate) Start(_ context.Context, s executor.Spec) (executor.Container, error) {
	c.mu.Lock()
	c.started = append(c.started, s)
	c.mu.Unlock()
	run, found := c.programs[s.Name]
	if !found {
		return nil, executor.ErrNotFound
	}
	ctx, cancel := context.WithCancel(context.Background())
	b := &box{cancel: cancel, ended: make(chan struct{})}
	go func() {
		b.code = run(ctx, s)
		close(b.ended)
	}()
	return b, nil
}

// box is a container of a crate.
type box struct {
	cancel context.CancelFunc
	ended  chan struct{}
	code   int
}

func (b *box) Wait(ctx context.Context) (int, error) {
	select {
	case <-b.ended:
		return b.code, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
func (b *box) Stop(time.Duration) { b.cancel() }

// Exec says back what it is told, in capitals.
func (b *box) Exec(_ context.Context, p executor.Process) (int, error) {
	if p.Args[0] != "/bin/shout" {
		return 0, executor.ErrNotFound
	}
	said := make([]byte, 5)
	if _, err := io.ReadFull(p.Stdin, said); err != nil {
		return 1, err
	}
	_, err := p.Stdout.Write(bytes.ToUpper(said))
	return 0, err
}

// forever runs until it is stopped, as a server does.
func forever(ctx context.Context, _ executor.Spec) int {
	<-ctx.Done()
	return 143
}

// exits ends at once.
func exits(code int) program { return func(context.Context, executor.Spec) int { return code } }

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
