//go:build linux

package executor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

func TestProcess(t *testing.T) {
	n := newNetwork(t, NetworkOptions{Env: []string{"FROM_NETWORK=network", "FROM_IMAGE=network"}})
	i := image(t, base(t)...)
	flat := n.(*network).namespaces.ids.flat
	for _, c := range []struct {
		about string
		spec  func(*Spec)
		do    string
		code  int
		want  string
	}{
		{"output", nil, "echo a b", 0, "a b\n"},
		{"both streams in order", nil, "echo a then err b then echo c", 0, "a\nb\nc\n"},
		{"exit code", nil, "exit 42", 42, ""},
		{"a signal", nil, "suicide", 0, ""}, // the first process has no default signals, as in Docker
		{"a variable of the image", nil, "env FROM_IMAGE", 0, "image\n"},
		{"a variable of the network", nil, "env FROM_NETWORK", 0, "network\n"},
		{"a variable of the process", func(s *Spec) { s.Env = []string{"FROM_IMAGE=mine"} }, "env FROM_IMAGE", 0, "mine\n"},
		{"the path", nil, "env PATH", 0, "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"},
		{"home", nil, "env HOME", 0, "/root\n"},
		{"input", func(s *Spec) { s.Stdin = strings.NewReader("typed") }, "stdin", 0, "typed"},
		{"no input", nil, "stdin", 0, ""},
		{"the output opened again", nil, "write /dev/stdout a", 0, "a"},
		{"the working directory", nil, "pwd", 0, "/\n"},
		{"a working directory that is made", func(s *Spec) { s.Dir = "/new/dir" }, "pwd", 0, "/new/dir\n"},
		{"root", nil, "id", 0, "0 0 []\n"},
		{"devices", nil, "cat /dev/null then write /dev/null x", 0, ""},
		{"processes", nil, "pids", 0, "1\n"},
	} {
		t.Run(c.about, func(t *testing.T) {
			s := spec(i, nil, strings.Fields(c.do)...)
			if c.spec != nil {
				c.spec(&s)
			}
			code, out, err := run(t, n, s)
			if c.do == "suicide" {
				c.code, c.want = code, out
			}
			if code != c.code || err != nil || out != c.want {
				t.Errorf("%v: %d %q %v, want %d %q", c.do, code, out, err, c.code, c.want)
			}
		})
	}
	if flat {
		return
	}
	for user, want := range map[string]string{
		"user": "1000 1000 [2000]\n", "1000": "1000 1000 [2000]\n", "1234": "1234 0 []\n", "user:more": "1000 2000 []\n", "7:8": "7 8 []\n",
	} {
		s := spec(i, nil, "id")
		s.User = user
		if code, out, err := run(t, n, s); code != 0 || err != nil || out != want {
			t.Errorf("user %s: %d %q %v, want %q", user, code, out, err, want)
		}
	}
}

func TestStartFails(t *testing.T) {
	n := newNetwork(t, NetworkOptions{})
	i := image(t, base(t)...)
	for _, c := range []struct {
		about string
		spec  func(*Spec)
		want  string
	}{
		{"no such program", func(s *Spec) { s.Args = []string{"nothing"} }, `exec: "nothing": executable file not found in $PATH`},
		{"no such file", func(s *Spec) { s.Args = []string{"/nothing"} }, "no such file"},
		{"not executable", func(s *Spec) { s.Args = []string{"/old/a"} }, "permission denied"},
		{"no program", func(s *Spec) { s.Args = nil }, "no command"},
		{"no such user", func(s *Spec) { s.User = "nobody" }, "unable to find user nobody: no matching entries in passwd file"},
		{"no such group", func(s *Spec) { s.User = "user:nobody" }, "unable to find group nobody"},
		{"a mount that is not there", func(s *Spec) { s.Mounts = []Mount{{From: "/nothing/there", To: "/mnt"}} }, "no such file"},
		{"a relative mount", func(s *Spec) { s.Mounts = []Mount{{From: "/", To: "mnt"}} }, "not an absolute path"},
	} {
		t.Run(c.about, func(t *testing.T) {
			s := spec(i, nil, "echo")
			c.spec(&s)
			if _, _, err := run(t, n, s); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

// await waits until a container has said something.
func await(t *testing.T, out *output, want string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !strings.Contains(out.String(), want) {
		if time.Now().After(deadline) {
			t.Fatalf("it said %q, want %q", out.String(), want)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func start(t *testing.T, n Network, s Spec) (Container, *output) {
	t.Helper()
	out := &output{}
	s.Stdout, s.Stderr = out, out
	c, err := n.Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return c, out
}

func TestStop(t *testing.T) {
	n := newNetwork(t, NetworkOptions{})
	for _, c := range []struct {
		about, signal, do string
		code              int
		want              string
	}{
		{"asked", "", "trap", 0, "ready\ngot terminated\n"},
		{"asked as the image says", "SIGQUIT", "trap", 0, "ready\ngot quit\n"},
		{"asked by number", "10", "trap", 0, "ready\ngot user defined signal 1\n"},
		{"killed after the grace", "SIGWINCH", "sleep 100", 137, "ready\n"},
	} {
		t.Run(c.about, func(t *testing.T) {
			i, err := mutate.Config(image(t), v1.Config{StopSignal: c.signal})
			if err != nil {
				t.Fatal(err)
			}
			started, out := start(t, n, spec(i, nil, strings.Fields(c.do)...))
			await(t, out, "ready")
			grace := 10 * time.Second
			if c.code == 137 {
				grace = time.Millisecond
			}
			started.Stop(grace)
			code, err := started.Wait(t.Context())
			if code != c.code || err != nil || out.String() != c.want {
				t.Errorf("%d %q %v, want %d %q", code, out, err, c.code, c.want)
			}
		})
	}
}

func TestExec(t *testing.T) {
	n := newNetwork(t, NetworkOptions{})
	c, out := start(t, n, spec(image(t), nil, "write", "/made", "inside", "then", "sleep", "100"))
	await(t, out, "ready")
	said := &output{}
	code, err := c.Exec(t.Context(), Process{Args: []string{"/guest", "cat", "/made", "then", "exit", "3"}, Stdout: said})
	if code != 3 || err != nil || said.String() != "inside" {
		t.Errorf("exec: %d %q %v", code, said, err)
	}
	said = &output{}
	if _, err := c.Exec(t.Context(), Process{Args: []string{"/guest", "mount", "/"}, Stdout: said}); err != nil || !strings.Contains(said.String(), "not permitted") {
		t.Errorf("exec has more rights than the container: %q %v", said, err)
	}
	if _, err := c.Exec(t.Context(), Process{Args: []string{"nothing"}}); !errors.Is(err, ErrNotFound) {
		t.Errorf("exec of nothing: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Exec(ctx, Process{Args: []string{"/guest", "sleep", "100"}}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("exec that was cancelled: %v", err)
	}
	said = &output{}
	for range 100 { // the kernel buries what was cancelled when it gets to it
		said = &output{}
		if _, err = c.Exec(t.Context(), Process{Args: []string{"/guest", "pids"}, Stdout: said}); err != nil || said.String() == "2\n" {
			break
		}
	}
	if said.String() != "2\n" {
		t.Errorf("beside the container runs %q %v, want the one that counts alone", said, err)
	}
	c.Stop(0)
	if _, err := c.Exec(t.Context(), Process{Args: []string{"/guest", "echo"}}); err == nil {
		t.Error("exec in a container that has ended")
	}
}

func TestTerminal(t *testing.T) {
	n := newNetwork(t, NetworkOptions{})
	in, typing := io.Pipe()
	s := spec(image(t), nil, "tty", "then", "trap")
	s.Terminal, s.Stdin = true, in
	c, out := start(t, n, s)
	await(t, out, "ready")
	if _, err := typing.Write([]byte{3}); err != nil { // control-C
		t.Fatal(err)
	}
	code, err := c.Wait(t.Context())
	if want := "to the terminal, TERM xterm\r\n"; code != 0 || err != nil || !strings.HasPrefix(out.String(), want) || !strings.Contains(out.String(), "got interrupt") {
		t.Errorf("%d %q %v", code, out, err)
	}
	said := &output{}
	c, out = start(t, n, spec(image(t), nil, "sleep", "100"))
	await(t, out, "ready")
	code, err = c.Exec(t.Context(), Process{Args: []string{"/guest", "tty"}, Terminal: true, Stdout: said})
	if code != 0 || err != nil || !strings.HasPrefix(said.String(), "to the terminal") {
		t.Errorf("exec with a terminal: %d %q %v", code, said, err)
	}
}

func TestMounts(t *testing.T) {
	n := newNetwork(t, NetworkOptions{})
	dir := t.TempDir()
	private := filepath.Join(dir, "private")
	if err := os.WriteFile(private, []byte("root's own"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := spec(image(t), nil, strings.Fields("cat /w/private then write /w/made x then cat /w/made then append /only/file z")...)
	s.Mounts = []Mount{{From: dir, To: "/w"}, {To: "/w/memory"}, {From: private, To: "/only/file", ReadOnly: true}}
	code, out, err := run(t, n, s)
	if want := "root's ownxerror: open /only/file: read-only file system\n"; code != 1 || err != nil || out != want {
		t.Errorf("%d %q %v, want %q", code, out, err, want)
	}
	info, err := os.Stat(filepath.Join(dir, "made"))
	if err != nil || !bytes.Equal(owner(info), owner(must(os.Stat(dir)))) {
		t.Errorf("what the container's root wrote is not ours: %v %v", info, err)
	}
	if l, err := n.Layer(t.Context(), s); err == nil || l != nil {
		t.Error("a write to a read-only mount went well")
	}
	s.Args = strings.Fields("/guest write /w/more x then write /w/memory/x y")
	l, err := n.Layer(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if got := listing(t, l); got != "" {
		t.Errorf("mounts are in the layer: %s", got)
	}
}

// Containers of one network run beside each other, and an image that is new to all of them is unpacked once.
func TestManyAtOnce(t *testing.T) {
	n := newNetwork(t, NetworkOptions{})
	i := image(t, base(t)...)
	var all sync.WaitGroup
	for k := range 16 {
		all.Go(func() {
			l, err := n.Layer(t.Context(), spec(i, nil, "write", "/x", strconv.Itoa(k)))
			if err != nil {
				t.Errorf("container %d: %v", k, err)
				return
			}
			if got, want := listing(t, l), fmt.Sprintf("f 0644 0:0 x %d\n", k); got != want {
				t.Errorf("container %d: %q, want %q", k, got, want)
			}
		})
	}
	all.Wait()
}
