package executor

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/acrlocal/acrlocal/emulator/internal/executor/sandbox"
)

// fakeEngine answers as a Docker engine does, as far as this package asks. Its containers say what they were asked to run, and
// end with 0; its gateways are clients of the pod in this process.
type fakeEngine struct {
	t       *testing.T
	host    string
	version string
	mute    bool // gateways say nothing

	mu       sync.Mutex
	asked    []string
	created  []dockerContainer
	removed  []string
	shelves  map[string]string // what lists answer
	gateways []*http.Client
	waiting  map[string]chan net.Conn
}

func newFakeEngine(t *testing.T) *fakeEngine {
	t.Helper()
	dir, err := os.MkdirTemp("", "engine") // short, as names of sockets must be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	f := &fakeEngine{t: t, version: "1.41", host: "unix://" + filepath.Join(dir, "s"), shelves: map[string]string{}, waiting: map[string]chan net.Conn{}}
	l, err := net.Listen("unix", strings.TrimPrefix(f.host, "unix://"))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(f)
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return f
}

// getenv is an environment that names the engine.
func (f *fakeEngine) getenv(name string) string {
	return map[string]string{"DOCKER_HOST": f.host}[name]
}

// open opens an executor.
func (f *fakeEngine) open() (*docker, error) {
	e, err := findEngine(f.t.Context(), f.getenv)
	if err != nil {
		return nil, err
	}
	image := func() (v1.Image, error) { return mutate.Config(empty.Image, v1.Config{Entrypoint: []string{"/own"}}) }
	return newDocker(f.t.Context(), e, Options{Image: image, ChildArguments: []string{"child"}, Limits: defaultLimits, Cache: defaultCache})
}

// ServeHTTP answers from a table, by method and the last words of the path.
func (f *fakeEngine) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	path := strings.TrimPrefix(q.URL.Path, "/v"+f.version)
	f.mu.Lock()
	f.asked = append(f.asked, q.Method+" "+path)
	f.mu.Unlock()
	w.Header().Set("Api-Version", f.version)
	part := strings.Split(strings.Trim(path, "/"), "/")
	switch what := q.Method + " " + part[len(part)-1]; {
	case what == "POST load":
		_, _ = io.Copy(io.Discard, q.Body)
	case what == "POST create" && part[0] == "containers":
		f.create(w, q)
	case what == "POST attach":
		f.attach(part[1], w)
	case what == "POST start":
		f.start(part[1])
	case what == "POST wait":
		fmt.Fprint(w, `{"StatusCode": 3}`)
	case part[0] == "images" && part[len(part)-1] == "json" && len(part) > 2:
		fmt.Fprint(w, `{"Id": "sha256:0123"}`)
	case what == "GET json" && part[0] == "containers" && len(part) > 2:
		fmt.Fprint(w, `{"State": {"OOMKilled": false}}`)
	case q.Method == http.MethodGet && part[0] != "_ping":
		f.mu.Lock()
		defer f.mu.Unlock()
		if part[len(part)-1] == "archive" {
			http.Error(w, `{"message": "no such file"}`, http.StatusNotFound)
			return
		}
		fmt.Fprint(w, orText(f.shelves[path], map[bool]string{true: "[]", false: "{}"}[part[len(part)-1] == "json"]))
	case q.Method == http.MethodDelete:
		f.mu.Lock()
		defer f.mu.Unlock()
		f.removed = append(f.removed, path)
	}
}

func orText(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

func (f *fakeEngine) create(w io.Writer, q *http.Request) {
	var c dockerContainer
	if err := json.NewDecoder(q.Body).Decode(&c); err != nil {
		f.t.Error(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	id := fmt.Sprintf("c%d", len(f.created))
	f.created = append(f.created, c)
	f.waiting[id] = make(chan net.Conn, 1)
	fmt.Fprintf(w, `{"Id": %q}`, id)
}

func (f *fakeEngine) container(id string) (c dockerContainer, waiting chan net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var n int
	_, _ = fmt.Sscanf(id, "c%d", &n)
	return f.created[n], f.waiting[id]
}

func (f *fakeEngine) attach(id string, w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		f.t.Error(err)
		return
	}
	_, waiting := f.container(id)
	fmt.Fprint(conn, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
	waiting <- conn
}

func (f *fakeEngine) start(id string) {
	c, waiting := f.container(id)
	conn := <-waiting
	if c.Labels[gatewayLabel] == "" {
		go func() {
			_, _ = framed{conn, stdoutFrame}.Write([]byte("ran " + strings.Join(c.Entrypoint, " ")))
			_, _ = framed{conn, stderrFrame}.Write([]byte("complained"))
			_ = conn.Close()
		}()
		return
	}
	if f.mute {
		_, _ = framed{conn, stderrFrame}.Write([]byte("cannot make networks"))
		_ = conn.Close()
		return
	}
	go f.gateway(conn)
}

// gateway is what the binary does in the container of a gateway.
func (f *fakeEngine) gateway(conn net.Conn) {
	t := &http.Transport{Protocols: &http.Protocols{}, DialContext: func(context.Context, string, string) (net.Conn, error) { return framed{conn, stdoutFrame}, nil }}
	t.Protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: t}
	f.mu.Lock()
	f.gateways = append(f.gateways, client)
	f.mu.Unlock()
	if answer, err := client.Post("http://emulator"+sandbox.PodReady, "", nil); err == nil {
		_ = answer.Body.Close()
	}
}

// framed writes one stream of a container.
type framed struct {
	net.Conn
	stream byte
}

func (s framed) Write(p []byte) (int, error) {
	frame := append([]byte{s.stream, 0, 0, 0}, binary.BigEndian.AppendUint32(nil, uint32(len(p)))...)
	_, err := s.Conn.Write(append(frame, p...))
	return len(p), err
}

func TestFindEngine(t *testing.T) {
	f := newFakeEngine(t)
	for _, c := range []struct{ about, host, version, want string }{
		{"one that is old enough", f.host, "1.41", ""},
		{"one that is newer than all we know", f.host, "1.99", ""},
		{"one that is too old", f.host, "1.40", `it speaks version "1.40" of Docker's API`},
		{"one of another kind", f.host, "2.0", `it speaks version "2.0"`},
		{"one that is not there", "unix:///nowhere/at/all", "1.41", "no such file"},
		{"one behind ssh", "ssh://machine", "1.41", "only unix:// and tcp:// are spoken"},
		{"no URL", "unix://%zz", "1.41", "not a URL"},
	} {
		t.Run(c.about, func(t *testing.T) {
			f.version = c.version
			_, err := findEngine(t.Context(), func(name string) string { return map[string]string{"DOCKER_HOST": c.host}[name] })
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// What is asked of an engine is all that contains a container: no image by name, no network but the gateway's, no file of the
// machine, no port, no privilege.
func TestDockerAsks(t *testing.T) {
	f := newFakeEngine(t)
	d, err := f.open()
	if err != nil {
		t.Fatal(err)
	}
	n, err := d.Network(t.Context(), NetworkOptions{Env: []string{"A=network", "B=network"}})
	if err != nil {
		t.Fatal(err)
	}
	image, err := mutate.Config(empty.Image, v1.Config{Env: []string{"B=image"}, User: "1000", WorkingDir: "/w", Volumes: map[string]struct{}{"/v": {}}})
	if err != nil {
		t.Fatal(err)
	}
	var out, complaints bytes.Buffer
	dir := t.TempDir()
	c, err := n.Start(t.Context(), Spec{
		Image: image, Name: "one", Limits: Limits{CPUs: 0.5, Memory: 1 << 20}, Mounts: []Mount{{From: dir, To: "/m", ReadOnly: true}, {To: "/t"}},
		Process: Process{Args: []string{"do", "it"}, Stdout: &out, Stderr: &complaints},
	})
	if err != nil {
		t.Fatal(err)
	}
	code, err := c.Wait(t.Context())
	if code != 3 || err != nil || out.String() != "ran do it" || complaints.String() != "complained" {
		t.Errorf("%d %v %q %q", code, err, &out, &complaints)
	}
	f.mu.Lock()
	got := f.created[len(f.created)-1]
	f.mu.Unlock()
	h := got.HostConfig
	if got.Image != "sha256:0123" || got.User != "1000" || got.WorkingDir != "/w" || !slices.Equal(got.Env, []string{"A=network", "B=image"}) {
		t.Errorf("%+v", got)
	}
	if h.NetworkMode != "container:c1" || h.NanoCpus != 5e8 || h.Memory != 1<<20 || h.MemorySwap != 1<<20 || h.PidsLimit != defaultLimits.Processes || len(h.CapAdd) != 0 {
		t.Errorf("%+v", h)
	}
	if len(h.Mounts) != 2 || h.Mounts[0].Type != "volume" || !h.Mounts[0].ReadOnly || strings.Contains(h.Mounts[0].Source, dir) || h.Mounts[1].Type != "tmpfs" {
		t.Errorf("%+v", h.Mounts)
	}
	if got.Labels[instanceLabel] != d.instance || got.Labels[networkLabel] == "" || got.Labels[gatewayLabel] != "" {
		t.Errorf("%v", got.Labels)
	}
	if _, err := n.Start(t.Context(), Spec{Image: image, Privileged: true, Process: Process{Args: []string{"x"}}}); err == nil {
		t.Error("a privileged container")
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, asked := range f.asked {
		if strings.Contains(asked, "images/create") || strings.Contains(asked, "networks") {
			t.Errorf("the engine was asked to %s", asked)
		}
	}
}

// What a gateway asks is answered from the place of the work; an address that stands for no host, or a name of no zone, is not.
func TestPod(t *testing.T) {
	f := newFakeEngine(t)
	d, err := f.open()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // tested elsewhere
	dialled := ""
	if _, err := d.Network(t.Context(), NetworkOptions{Dial: func(_ context.Context, address string) (net.Conn, error) {
		near, far := net.Pipe()
		dialled = address
		go func() {
			_, _ = io.Copy(far, io.LimitReader(far, 5))
			_ = far.Close()
		}()
		return near, nil
	}}); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	client := f.gateways[1]
	f.mu.Unlock()
	for _, c := range []struct{ path, dialled, status, want string }{
		{sandbox.PodConnect, "169.254.169.254:80", "200 OK", "hello"},
		{sandbox.PodConnect, "169.254.169.254:443", "502 Bad Gateway", ""},
		{sandbox.PodConnect, "198.18.0.1:443", "502 Bad Gateway", ""},
		{sandbox.PodConnect, "127.0.0.1:5081", "502 Bad Gateway", ""},
		{sandbox.PodConnect, "nonsense", "502 Bad Gateway", ""},
		{sandbox.PodNames, "", "400 Bad Request", ""},
		{"/api/state", "", "404 Not Found", ""},
	} {
		dialled = ""
		q, err := http.NewRequest(http.MethodPost, "http://emulator"+c.path, strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set(sandbox.PodDialled, c.dialled)
		answer, err := client.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		said, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if answer.Status != c.status || string(said) != c.want || (dialled != "") != (c.want != "") {
			t.Errorf("%s %s: %s %q after dialling %q", c.path, c.dialled, answer.Status, said, dialled)
		}
	}
}

func TestDockerUnavailable(t *testing.T) {
	f := newFakeEngine(t)
	f.mute = true
	if _, err := f.open(); err == nil || !strings.Contains(err.Error(), "cannot make networks") {
		t.Errorf("a gateway that fails: %v", err)
	}
	t.Setenv("DOCKER_HOST", f.host)
	if _, err := openDocker(t.Context(), Options{}); err == nil || !strings.Contains(err.Error(), "set Options.Executable") {
		t.Errorf("no executable: %v", err)
	}
}

// TestSweep looks at what is taken for a crashed executor's.
func TestSweep(t *testing.T) {
	f := newFakeEngine(t)
	thing := func(instance, state, more string) string {
		return fmt.Sprintf(`{"Id": "%s-%s", "State": %q, "Labels": {"io.acrlocal.executor": %q%s}, "Created": 1}`, instance, state, state, instance, more)
	}
	gateway := `, "io.acrlocal.gateway": "1"`
	f.shelves["/containers/json"] = "[" + strings.Join([]string{
		thing("alive", "running", gateway), thing("alive", "exited", ""), thing("crashed", "exited", gateway), thing("crashed", "created", ""),
	}, ",") + "]"
	f.shelves["/images/json"] = "[" + thing("alive", "image", "") + "," + thing("crashed", "image", "") + "]"
	f.shelves["/volumes"] = `{"Volumes": [{"Name": "kept", "Labels": {"io.acrlocal.executor": "alive"}}, {"Name": "lost", "Labels": {"io.acrlocal.executor": "crashed"}}]}`
	e, err := findEngine(t.Context(), f.getenv)
	if err != nil {
		t.Fatal(err)
	}
	if err := (&docker{engine: e}).sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := []string{"/containers/crashed-exited", "/containers/crashed-created", "/volumes/lost", "/images/crashed-image"}; !slices.Equal(f.removed, want) {
		t.Errorf("removed %v, want %v", f.removed, want)
	}
}

func TestQuery(t *testing.T) {
	if got := query("/a", "b", "c d", "e", "&"); got != "/a?"+(url.Values{"b": {"c d"}, "e": {"&"}}).Encode() {
		t.Error(got)
	}
}
