package tasks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/blob"
	"github.com/acrlocal/acrlocal/emulator/internal/executor"
)

const (
	testGroup    = "/subscriptions/acac10ca-2000-4000-8000-000000000001/resourceGroups/test"
	testRegistry = testGroup + "/providers/Microsoft.ContainerRegistry/registries/here"
)

// stub is a Cloud of documents alone: whoever dials gets nowhere. Waits of a minute or more never end; shorter ones end at
// once, and are noted.
type stub struct {
	told  func(keys []string)
	mu    sync.Mutex
	state *azure.State
	waits []time.Duration
}

func (s *stub) State() *azure.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

func (s *stub) Update(_ context.Context, change func(*azure.State) (azure.Change, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	made, err := change(s.state)
	if err != nil {
		return err
	}
	next, err := s.state.With(made)
	if err != nil {
		return err
	}
	s.state = next
	if s.told != nil {
		s.told(made.Keys())
	}
	return nil
}

func (s *stub) Dial(context.Context, agent.Place, string) (net.Conn, error) {
	return nil, errors.New("nobody is there")
}

func (s *stub) Token(context.Context, agent.Identity, string) (string, error) {
	return "", errors.New("nobody has an identity")
}

func (s *stub) CA() ([]byte, error) { return nil, nil }
func (s *stub) Now() time.Time      { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// After lets nobody wait, unless for very long. Who looks again and again at files does so often, but not all the time.
func (s *stub) After(d time.Duration) <-chan time.Time {
	if d == lookAtFiles {
		return time.After(5 * time.Millisecond)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := make(chan time.Time, 1)
	if d < time.Minute {
		s.waits = append(s.waits, d)
		c <- s.Now()
	}
	return c
}

// bench is a service that works over stubs.
type bench struct {
	*Service
	t     testing.TB
	cloud *stub
	runs  *runner
	here  azure.ResourceID
}

func newBench(t testing.TB, documents ...azure.Document) *bench {
	t.Helper()
	here := azure.MustParseResourceID(testRegistry)
	state, err := azure.Load(append(documents, azure.Document{ID: here, Body: map[string]any{
		"id": testRegistry, "name": "here", "location": "westeurope", "sku": map[string]any{"name": "Premium"}, "properties": map[string]any{},
	}}))
	if err != nil {
		t.Fatal(err)
	}
	cloud := &stub{state: state}
	b := &bench{t: t, cloud: cloud, runs: &runner{attempts: map[string]int{}}, here: here}
	b.Service = New(b.options())
	cloud.told = b.Changed
	return b
}

func (b *bench) options() Options {
	blobs, err := blob.Open(blob.Options{Dir: b.t.TempDir(), Now: b.cloud.Now})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = blobs.Close() })
	return Options{
		Cloud: b.cloud, Blobs: blobs, Executor: b.runs, Dir: b.t.TempDir(),
		Login: func(context.Context, azure.ResourceID, string) (agent.Credential, error) {
			return agent.Credential{}, nil
		},
		Mirror: func(_ context.Context, reference string, _ *v1.Platform, _ agent.Pull) (v1.Image, error) {
			if strings.Contains(reference, "missing") {
				return nil, fmt.Errorf("%s is outside this emulator", reference)
			}
			return empty.Image, nil
		},
	}
}

// work has the service work until the test ends.
func (b *bench) work() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		b.Run(ctx)
		close(done)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	b.t.Cleanup(stop)
	return stop
}

// taskOf is the request of a run of a task file, without a login.
func taskOf(text string) map[string]any {
	return map[string]any{
		"type": "EncodedTaskRunRequest", "encodedTaskContent": []byte(text),
		"credentials": map[string]any{"sourceRegistry": map[string]any{"loginMode": "None"}},
	}
}

func (b *bench) schedule(request map[string]any) azure.ResourceID {
	b.t.Helper()
	id, err := b.Schedule(b.t.Context(), b.here, request, "somebody")
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

// await waits for a state of a run.
func (b *bench) await(id azure.ResourceID, is func(*azure.Document) bool) *azure.Document {
	b.t.Helper()
	for begun := time.Now(); time.Since(begun) < 20*time.Second; time.Sleep(time.Millisecond) {
		if d, found := b.cloud.State().Get(id.Key()); found && is(d) {
			return d
		}
	}
	d, _ := b.cloud.State().Get(id.Key())
	b.t.Fatalf("run %s stays %v\n%s", id.Name(), d, b.text(id))
	return nil
}

func (b *bench) text(id azure.ResourceID) string {
	content, err := b.Blobs.Open(logOf(id))
	if err != nil {
		return err.Error()
	}
	defer func() { _ = content.Close() }()
	text, err := io.ReadAll(content)
	if err != nil {
		b.t.Error(err)
	}
	return string(text)
}

// runner is an executor whose containers do what their arguments say:
//
//	echo TEXT          print it
//	fail CODE [TEXT]   print TEXT, and end with CODE
//	flaky N            fail N times, then end well
//	block              go on until they are stopped
//	config             print what they were started with
type runner struct {
	mu       sync.Mutex
	attempts map[string]int
	running  int
	stopped  []string
	closed   int
}

func (r *runner) Network(context.Context, executor.NetworkOptions) (executor.Network, error) {
	return &network{r}, nil
}
func (r *runner) Status() executor.Status { return executor.Status{Kind: "test"} }
func (r *runner) Close() error            { return nil }

type network struct{ r *runner }

func (n *network) Layer(context.Context, executor.Spec) (v1.Layer, error) {
	return nil, errors.New("no RUN here")
}

func (n *network) Close() error {
	n.r.mu.Lock()
	defer n.r.mu.Unlock()
	n.r.closed++
	return nil
}

func (n *network) Start(_ context.Context, s executor.Spec) (executor.Container, error) {
	c := &container{r: n.r, name: s.Name, ended: make(chan int, 1)}
	n.r.mu.Lock()
	defer n.r.mu.Unlock()
	n.r.running++
	switch s.Args[0] {
	case "echo":
		_, _ = fmt.Fprintln(s.Stdout, strings.Join(s.Args[1:], " "))
		c.ended <- 0
	case "fail":
		_, _ = fmt.Fprint(s.Stderr, strings.Join(s.Args[2:], " "))
		code := 0
		_, _ = fmt.Sscan(s.Args[1], &code)
		c.ended <- code
	case "flaky":
		times := 0
		_, _ = fmt.Sscan(s.Args[1], &times)
		if n.r.attempts[s.Name]++; n.r.attempts[s.Name] <= times {
			_, _ = fmt.Fprintln(s.Stderr, "connection reset by peer")
			c.ended <- 1
		} else {
			c.ended <- 0
		}
	case "config":
		_, _ = fmt.Fprintf(s.Stdout, "name %s user %q dir %s env %q privileged %t\n", s.Name, s.User, s.Dir, s.Env, s.Privileged)
		for _, m := range s.Mounts {
			_, _ = fmt.Fprintf(s.Stdout, "mount %s read-only %t\n", m.To, m.ReadOnly)
		}
		c.ended <- 0
	case "block":
	default:
		n.r.running--
		return nil, fmt.Errorf("exec: %q: %w", s.Args[0], executor.ErrNotFound)
	}
	return c, nil
}

type container struct {
	r     *runner
	name  string
	ended chan int
}

func (c *container) Wait(ctx context.Context) (int, error) {
	select {
	case code := <-c.ended:
		return code, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (c *container) Stop(time.Duration) {
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	c.r.stopped = append(c.r.stopped, c.name)
}

func (c *container) Exec(context.Context, executor.Process) (int, error) { return 0, nil }
