//go:build linux

package executor

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// newExecutor returns an executor of namespaces, or skips the test where there can be none.
func newExecutor(t testing.TB, o Options) Executor {
	t.Helper()
	o.Kind, o.ChildArguments = Namespaces, []string{childArgument}
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	e, err := Choose(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	if s := e.Status(); s.Kind != Namespaces {
		if os.Getenv("CI") == "true" {
			t.Fatal(s.Detail)
		}
		t.Skip(s.Detail)
	}
	return e
}

// newNetwork returns a network of a new executor.
func newNetwork(t testing.TB, o NetworkOptions) Network {
	t.Helper()
	return networkOf(t, newExecutor(t, Options{}), o)
}

func networkOf(t testing.TB, e Executor, o NetworkOptions) Network {
	t.Helper()
	n, err := e.Network(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return n
}

// entry is one of a layer: a header, and content for a file.
type entry struct {
	tar.Header
	content string
}

// archive makes a layer.
func archive(t testing.TB, entries ...entry) v1.Layer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		if e.Typeflag == 0 {
			e.Typeflag, e.Size = tar.TypeReg, int64(len(e.content))
		}
		if e.Mode == 0 {
			e.Mode = 0o755
		}
		if err := w.WriteHeader(&e.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// guestLayer is a layer that has the program of testdata/guest as /guest, built once.
var guestLayer = sync.OnceValues(func() (v1.Layer, error) {
	dir, err := os.MkdirTemp("", "guest-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "guest")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", name, "./testdata/guest")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	_ = w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "guest", Mode: 0o755, Size: int64(len(content))})
	_, _ = w.Write(content)
	_ = w.Close()
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
})

// image is the guest, and what is in other layers.
func image(t testing.TB, layers ...v1.Layer) v1.Image {
	t.Helper()
	guest, err := guestLayer()
	if err != nil {
		t.Fatal(err)
	}
	i, err := mutate.AppendLayers(empty.Image, append([]v1.Layer{guest}, layers...)...)
	if err != nil {
		t.Fatal(err)
	}
	i, err = mutate.Config(i, v1.Config{Env: []string{"FROM_IMAGE=image"}})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// output is a buffer for two streams.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// spec is a container with the guest.
func spec(i v1.Image, out io.Writer, args ...string) Spec {
	return Spec{Image: i, Process: Process{Args: append([]string{"/guest"}, args...), Stdout: out, Stderr: out}}
}

// run runs the guest in a container to its end.
func run(t testing.TB, n Network, s Spec) (int, string, error) {
	t.Helper()
	out := &output{}
	s.Stdout, s.Stderr = out, out
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c, err := n.Start(ctx, s)
	if err != nil {
		return -1, "", err
	}
	code, err := c.Wait(ctx)
	return code, out.String(), err
}

// certificate is an authority.
func certificate(t testing.TB) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// owner is who owns a file.
func owner(info os.FileInfo) []byte {
	st := info.Sys().(*syscall.Stat_t)
	return fmt.Appendf(nil, "%d:%d", st.Uid, st.Gid)
}
