//go:build clients && linux

package executor

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// childImage is an image of this package's tests as a static program, built once.
var childImage = sync.OnceValues(func() (v1.Image, error) {
	dir, err := os.MkdirTemp("", "child-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "child")
	build := exec.Command("go", "test", "-c", "-buildvcs=false", "-o", name, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, errors.New(string(out))
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	_ = w.WriteHeader(&tar.Header{Name: "child", Mode: 0o755, Size: int64(len(content))})
	_, _ = w.Write(content)
	_ = w.Close()
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	if err != nil {
		return nil, err
	}
	i, err := mutate.AppendLayers(empty.Image, l)
	if err != nil {
		return nil, err
	}
	return mutate.Config(i, v1.Config{Entrypoint: []string{"/child"}})
})

// newDockerExecutor returns the executor of the engine at DOCKER_HOST.
func newDockerExecutor(t *testing.T, o Options) Executor {
	t.Helper()
	if os.Getenv("DOCKER_HOST") == "" {
		t.Skip("DOCKER_HOST names no engine: e2e starts one")
	}
	o.Kind, o.ChildArguments, o.Image = Docker, []string{childArgument}, childImage
	e, err := Choose(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	if s := e.Status(); s.Kind != Docker {
		t.Fatal(s.Detail)
	}
	return e
}

// TestDockerEngine does to containers of a real engine what the other tests do to those of namespaces.
func TestDockerEngine(t *testing.T) {
	e := newDockerExecutor(t, Options{Limits: Limits{Memory: 128 << 20, Disk: 64 << 20}})
	a := &azure{}
	n := networkOf(t, e, NetworkOptions{Dial: a.dial, Ports: []int{5080, 443}, CA: certificate(t), Env: []string{"FROM_NETWORK=network", "FROM_IMAGE=network"}})
	i := image(t, base(t)...)
	web := spec(i, nil, "listen", "80", "the web")
	web.Name = "Web"
	c, out := start(t, n, web)
	await(t, out, "ready\n")
	outside, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer outside.Close()
	_, port, _ := net.SplitHostPort(outside.Addr().String())
	for _, c := range []struct {
		do   string
		spec func(*Spec)
		code int
		want string
	}{
		{"echo a b", nil, 0, "a b\n"},
		{"exit 42", nil, 42, ""},
		{"env FROM_IMAGE", nil, 0, "image\n"},
		{"env FROM_NETWORK", nil, 0, "network\n"},
		{"env PATH", nil, 0, "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"},
		{"env HOME", nil, 0, "/root\n"},
		{"stdin", func(s *Spec) { s.Stdin = strings.NewReader("typed") }, 0, "typed"},
		{"stdin", nil, 0, ""},
		{"pwd", func(s *Spec) { s.Dir = "/new/dir" }, 0, "/new/dir\n"},
		{"id", func(s *Spec) { s.User = "user:more" }, 0, "1000 2000 [2000]\n"},
		{"pids", nil, 0, "1\n"},
		{"cat /etc/ssl/certs/ca-certificates.crt", nil, 0, "one of the others\n-----BEGIN CERTIFICATE-----\n"},
		{"env SSL_CERT_FILE", nil, 0, "/run/acrlocal/ca.pem\n"},
		{"get myregistry.azurecr.io:443", nil, 0, "myregistry.azurecr.io:443 says hello\n"},
		{"get MyRegistry.azurecr.io:80", nil, 0, "myregistry.azurecr.io:80 says hello\n"},
		{"get myregistry.azurecr.io:5080", nil, 0, "myregistry.azurecr.io:5080 says hello\n"},
		{"get myregistry.azurecr.io:8443", nil, 1, "connection refused"},
		{"get 169.254.169.254:80", nil, 0, "169.254.169.254:80 says hello\n"},
		{"get 169.254.169.254:443", nil, 1, "error: "},
		{"get login.windows.net:443", nil, 1, "error: "},
		{"get web:80", nil, 0, "the web\n"},
		{"lookup example.com", nil, 0, "no such host\n"},
		{"get 1.1.1.1:443", nil, 1, "network is unreachable"},
		{"get 203.0.113.1:80", nil, 1, "network is unreachable"},
		{"get [2606:4700::1111]:443", nil, 1, "error: "},
		{"get 172.18.0.1:" + port, nil, 1, "connection refused"},
		{"get 127.0.0.1:" + port, nil, 1, "connection refused"},
		{"get 198.18.99.99:443", nil, 1, "error: "},
		{"spoof 10.0.0.1", nil, 1, "network is unreachable"},
		{"packets", nil, 1, "no interface but its own"},
		{"mount /mnt", nil, 1, "not permitted"},
		{"setns", nil, 1, "not permitted"},
		{"unshare", nil, 1, "not permitted"},
		{"hostname", nil, 1, "not permitted"},
		{"write /etc/hosts x", nil, 0, ""},
	} {
		t.Run(c.do, func(t *testing.T) {
			s := spec(i, nil, strings.Fields(c.do)...)
			if c.spec != nil {
				c.spec(&s)
			}
			code, out, err := run(t, n, s)
			if code != c.code || err != nil || !strings.Contains(out, c.want) {
				t.Errorf("%d %q %v, want %d %q", code, out, err, c.code, c.want)
			}
		})
	}
	for _, address := range machineAddresses(t) {
		if code, out, err := run(t, n, spec(i, nil, "get", net.JoinHostPort(address, port))); code == 0 || err != nil {
			t.Errorf("%s of the machine: %d %q %v", address, code, out, err)
		}
	}
	t.Run("exec", func(t *testing.T) {
		said := &output{}
		code, err := c.Exec(t.Context(), Process{Args: []string{"/guest", "echo", "hello", "then", "exit", "3"}, Stdout: said})
		if code != 3 || err != nil || said.String() != "hello\n" {
			t.Errorf("%d %q %v", code, said, err)
		}
		for _, name := range []string{"nothing", "/nothing"} {
			if _, err := c.Exec(t.Context(), Process{Args: []string{name}}); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		said = &output{}
		code, err = c.Exec(t.Context(), Process{Args: []string{"/guest", "tty"}, Terminal: true, Stdout: said, Stdin: strings.NewReader("")})
		if code != 0 || err != nil || !strings.HasPrefix(said.String(), "to the terminal, TERM xterm") {
			t.Errorf("%d %q %v", code, said, err)
		}
	})
	t.Run("name", func(t *testing.T) {
		if _, _, err := run(t, n, web); err == nil || !strings.Contains(err.Error(), `has a container "web" already`) {
			t.Errorf("two containers of one name: %v", err)
		}
		c.Stop(0)
		if _, out, err := run(t, n, spec(i, nil, "lookup", "web")); err != nil || out != "no such host\n" {
			t.Errorf("a container that has ended: %q %v", out, err)
		}
	})
	t.Run("bounds", func(t *testing.T) {
		for do, want := range map[string]string{"fill /full": "it wrote more than 64 MiB to its root file system", "hog": "it wanted more than 128 MiB of memory"} {
			_, _, err := run(t, n, spec(i, nil, strings.Fields(do)...))
			if exit, ok := errors.AsType[*ExitError](err); !ok || !strings.Contains(exit.Reason, want) {
				t.Errorf("%s: %v, want %q", do, err, want)
			}
		}
	})
	t.Run("layers", func(t *testing.T) { dockerLayers(t, n, i) })
	t.Run("mounts", func(t *testing.T) { dockerMounts(t, n, i) })
	t.Run("starts", func(t *testing.T) { dockerStarts(t, n, i) })
	t.Run("stops", func(t *testing.T) { dockerStops(t, n) })
}

func dockerStarts(t *testing.T, n Network, i v1.Image) {
	for _, c := range []struct {
		about string
		spec  func(*Spec)
		want  string
		is    error
	}{
		{"no such program", func(s *Spec) { s.Args = []string{"nothing"} }, `exec: "nothing": executable file not found in $PATH`, ErrNotFound},
		{"no such file", func(s *Spec) { s.Args = []string{"/nothing"} }, "no such file", ErrNotFound},
		{"not executable", func(s *Spec) { s.Args = []string{"/old/a"} }, "permission denied", nil},
		{"no program", func(s *Spec) { s.Args = nil }, "no command", nil},
		{"no such user", func(s *Spec) { s.User = "nobody" }, "unable to find user nobody: no matching entries in passwd file", nil},
		{"a mount that is not there", func(s *Spec) { s.Mounts = []Mount{{From: "/nothing/there", To: "/mnt"}} }, "no such file", nil},
		{"a relative mount", func(s *Spec) { s.Mounts = []Mount{{From: "/", To: "mnt"}} }, "not an absolute path", nil},
		{"privileged", func(s *Spec) { s.Privileged = true }, "power over its machine", nil},
	} {
		s := spec(i, nil, "echo")
		c.spec(&s)
		if _, _, err := run(t, n, s); err == nil || !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: %v, want %s", c.about, err, c.want)
		}
	}
}

func dockerStops(t *testing.T, n Network) {
	for _, c := range []struct {
		signal, do string
		code       int
		want       string
	}{
		{"", "trap", 0, "ready\ngot terminated\n"},
		{"SIGQUIT", "trap", 0, "ready\ngot quit\n"},
		{"10", "trap", 0, "ready\ngot user defined signal 1\n"},
		{"SIGWINCH", "sleep 100", 137, "ready\n"},
	} {
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
		if code, err := started.Wait(t.Context()); code != c.code || err != nil || out.String() != c.want {
			t.Errorf("%s: %d %q %v, want %d %q", c.signal, code, out, err, c.code, c.want)
		}
	}
}

func dockerMounts(t *testing.T, n Network, i v1.Image) {
	dir := t.TempDir()
	for name, content := range map[string]string{"private": "root's own", "gone": "x"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	service := spec(i, nil, "sleep", "100")
	service.Mounts = []Mount{{From: dir, To: "/shared"}}
	running, out := start(t, n, service)
	await(t, out, "ready")
	s := spec(i, nil, strings.Fields("cat /w/private then write /w/made x then cat /w/made then rm /w/gone then mkdir /w/new then symlink /etc/passwd /w/new/link then write /only y")...)
	s.Mounts = []Mount{{From: dir, To: "/w"}, {To: "/w/memory"}, {From: dir, To: "/only", ReadOnly: true}}
	code, said, err := run(t, n, s)
	if code != 1 || err != nil || !strings.HasPrefix(said, "root's ownxerror: ") {
		t.Errorf("%d %q %v", code, said, err)
	}
	var names []string
	for _, f := range must(os.ReadDir(dir)) {
		names = append(names, f.Name())
	}
	if got := strings.Join(names, " "); got != "made memory new private" {
		t.Errorf("the directory holds %s", got)
	}
	if link, err := os.Readlink(filepath.Join(dir, "new", "link")); link != "/etc/passwd" {
		t.Errorf("%q %v", link, err)
	}
	seen := &output{}
	if _, err := running.Exec(t.Context(), Process{Args: strings.Fields("/guest cat /shared/made"), Stdout: seen}); err != nil || seen.String() != "x" {
		t.Errorf("the other container sees %q %v", seen, err)
	}
	running.Stop(0)
	s.Args = strings.Fields("/guest write /w/more x then write /w/memory/x y then cat /script")
	s.Mounts = append(s.Mounts[:2:2], Mount{From: filepath.Join(dir, "private"), To: "/script", ReadOnly: true})
	l, err := n.Layer(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if got := listing(t, l); got != "" {
		t.Errorf("mounts are in the layer: %s", got)
	}
}

func dockerLayers(t *testing.T, n Network, i v1.Image) {
	for _, c := range []struct{ do, want string }{
		{"echo", ""},
		{"write /new text", "f 0644 0:0 new text\n"},
		{"write /etc/new text", "d 0751 0:0 etc/ \nf 0644 0:0 etc/new text\n"},
		{"mkdir /a/b then write /a/b/c x then chown /a/b/c 1000 2000 then chmod /a/b/c 4750", "d 0755 0:0 a/ \nd 0755 0:0 a/b/ \nf 4750 1000:2000 a/b/c x\n"},
		{"append /old/a more", "d 0755 0:0 old/ \nf 0644 0:0 old/a amore\n"},
		{"rm /old/a", "d 0755 0:0 old/ \nf 0600 0:0 old/.wh.a \n"},
		{"rm /old", "f 0600 0:0 .wh.old \n"},
		{"write /tmp1 x then rm /tmp1", ""},
		{"write /x 1 then link /x /y then symlink /x /z", "f 0644 0:0 x 1\nh 0644 0:0 y x\nl 0777 0:0 z /x\n"},
		{"append /etc/resolv.conf #", ""},
		{"rm /run/acrlocal", ""},
		{"exit 7", "exit status 7"},
	} {
		l, err := n.Layer(t.Context(), spec(i, nil, strings.Fields(c.do)...))
		if strings.HasPrefix(c.want, "exit") {
			if err == nil || err.Error() != c.want {
				t.Errorf("%s: %v", c.do, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.do, err)
			continue
		}
		if got := listing(t, l); got != c.want {
			t.Errorf("%s:\n%swant\n%s", c.do, got, c.want)
		}
	}
}

// TestDockerEngineLeavesNothing looks at the engine after a network was closed, after an executor was, and after one crashed.
func TestDockerEngineLeavesNothing(t *testing.T) {
	newDockerExecutor(t, Options{})
	e, err := findEngine(t.Context(), os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	open := func() *docker {
		d, err := newDocker(t.Context(), e, Options{Image: childImage, ChildArguments: []string{childArgument}, Limits: defaultLimits, Cache: defaultCache})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	of := func(d *docker) (found int) {
		for _, s := range shelves {
			all, err := d.list(context.Background(), s)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range all {
				if l.Labels[instanceLabel] == d.instance {
					found++
				}
			}
		}
		return found
	}
	crashed, other := open(), open()
	n := networkOf(t, crashed, NetworkOptions{})
	s := spec(image(t), nil, "sleep", "100")
	s.Mounts = []Mount{{From: t.TempDir(), To: "/w"}}
	c, out := start(t, n, s)
	await(t, out, "ready")
	if of(crashed) < 5 {
		t.Errorf("there are %d things of an executor, want gateways, a container, a volume, images", of(crashed))
	}
	for w := range crashed.networks { // what the end of its process does
		_ = w.pod.stream.Close()
	}
	for deadline := time.Now().Add(20 * time.Second); of(crashed) > 4 && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
	}
	third := open()
	if code, err := c.Wait(t.Context()); code != 137 {
		t.Errorf("the container of a crashed executor: %d %v", code, err)
	}
	t.Logf("left: %d", of(crashed))
	for _, d := range []*docker{other, third, crashed} {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if left := of(d); left != 0 {
			t.Errorf("%d things are left", left)
		}
	}
}
