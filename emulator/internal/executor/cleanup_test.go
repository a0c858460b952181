//go:build linux

package executor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// A process that is killed takes its containers with it; the next one in its place removes what it has left on the disk.
func TestKilled(t *testing.T) {
	newExecutor(t, Options{}) // or skip
	dir := t.TempDir()
	holder := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run", "^TestHolder$")
	holder.Env = append(os.Environ(), "EXECUTOR_HOLD="+dir)
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "ready"; {
	}
	if n := guests(t, "sleep\x001000"); n != 1 {
		t.Fatalf("%d containers run, want 1", n)
	}
	left := runs(t, dir)
	if len(left) == 0 {
		t.Error("a network that runs has no directory")
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait()
	deadline := time.Now().Add(5 * time.Second)
	for guests(t, "sleep\x001000") != 0 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	if n := guests(t, "sleep\x001000"); n != 0 {
		t.Errorf("%d containers run without their emulator", n)
	}
	n := networkOf(t, newExecutor(t, Options{Dir: dir}), NetworkOptions{})
	for _, l := range left {
		if _, err := os.Stat(l); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left", l)
		}
		groups, _ := filepath.Glob("/sys/fs/cgroup/*/acrlocal/" + filepath.Base(l) + "*")
		if len(groups) > 0 {
			t.Errorf("%v are left", groups)
		}
	}
	if code, out, err := run(t, n, spec(image(t), nil, "echo", "again")); code != 0 || err != nil {
		t.Errorf("the next one: %d %q %v", code, out, err)
	}
}

// TestHolder is the process that TestKilled kills.
func TestHolder(t *testing.T) {
	dir := os.Getenv("EXECUTOR_HOLD")
	if dir == "" {
		t.Skip("TestKilled starts it")
	}
	n := networkOf(t, newExecutor(t, Options{Dir: dir}), NetworkOptions{})
	_, out := start(t, n, spec(image(t), nil, "sleep", "1000"))
	await(t, out, "ready")
	_, _ = os.Stdout.WriteString("ready\n")
	<-t.Context().Done()
}

func runs(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*", runsDir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// When everything is closed, nothing is left but the unpacked layers.
func TestNothingIsLeft(t *testing.T) {
	dir := t.TempDir()
	e := newExecutor(t, Options{Dir: dir})
	n := networkOf(t, e, NetworkOptions{CA: certificate(t)})
	i := image(t, base(t)...)
	if _, err := n.Layer(t.Context(), spec(i, nil, "write", "/x", "y")); err != nil {
		t.Fatal(err)
	}
	_, out := start(t, n, spec(i, nil, "spawn", "sleep", "1000", "then", "sleep", "1000"))
	await(t, out, "ready\nready")
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if left := runs(t, dir); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
	if mounts := must(os.ReadFile("/proc/self/mounts")); strings.Contains(string(mounts), dir) {
		t.Errorf("mounts are left: %s", mounts)
	}
	if n := guests(t, "sleep\x001000"); n != 0 {
		t.Errorf("%d processes are left", n)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if _, err := e.Network(t.Context(), NetworkOptions{}); err == nil {
		t.Error("an executor that was closed makes a network")
	}
}

// When the context of a piece of work ends, so does its container.
func TestCancel(t *testing.T) {
	n := newNetwork(t, NetworkOptions{})
	out := &output{}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	i := image(t)
	go func() {
		_, err := n.Layer(ctx, spec(i, out, "sleep", "1000"))
		done <- err
	}()
	await(t, out, "ready")
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
	if n := guests(t, "sleep\x001000"); n != 0 {
		t.Errorf("%d processes are left", n)
	}
}

// Two emulators may share a directory: each has a slot of it.
func TestSharedDirectory(t *testing.T) {
	dir := t.TempDir()
	one, two := newExecutor(t, Options{Dir: dir}), newExecutor(t, Options{Dir: dir})
	for _, e := range []Executor{one, two} {
		if code, out, err := run(t, networkOf(t, e, NetworkOptions{}), spec(image(t), nil, "echo")); code != 0 || err != nil {
			t.Errorf("%d %q %v", code, out, err)
		}
	}
}

func TestCache(t *testing.T) {
	dir := t.TempDir()
	e := newExecutor(t, Options{Dir: dir, Cache: 10 << 20})
	n := networkOf(t, e, NetworkOptions{})
	big := strings.Repeat("x", 4<<20)
	images := make([]v1.Image, 4)
	for k := range images {
		images[k] = image(t, archive(t, entry{content: big + string(rune('a'+k))}.named("big")))
		if code, out, err := run(t, n, spec(images[k], nil, "echo")); code != 0 || err != nil {
			t.Fatalf("%d %q %v", code, out, err)
		}
	}
	layers := unpackedLayers(t, dir)
	if len(layers) > 3 { // the guest, which was used last, and what there is room for
		t.Errorf("%d layers are kept, of 4 MiB each, in 10 MiB: %v", len(layers), layers)
	}
	if code, out, err := run(t, n, spec(images[0], nil, "echo")); code != 0 || err != nil {
		t.Errorf("an image whose layer was evicted: %d %q %v", code, out, err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	before := unpackedLayers(t, dir)
	again := networkOf(t, newExecutor(t, Options{Dir: dir}), NetworkOptions{})
	if code, out, err := run(t, again, spec(images[0], nil, "echo")); code != 0 || err != nil {
		t.Errorf("%d %q %v", code, out, err)
	}
	if after := unpackedLayers(t, dir); len(after) != len(before) {
		t.Errorf("the next process unpacks anew: %v, %v", before, after)
	}
}

func (e entry) named(name string) entry {
	e.Name = name
	return e
}

func unpackedLayers(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*", layersDir, "*"+sizeSuffix))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// liar says another digest than its content has.
type liar struct{ v1.Layer }

func (liar) DiffID() (v1.Hash, error) {
	return v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("ab", 32)}, nil
}

type lyingImage struct {
	v1.Image
	layers []v1.Layer
}

func (i lyingImage) Layers() ([]v1.Layer, error) { return i.layers, nil }

// What does not have the digest that it should have is not kept under it.
func TestWrongDigest(t *testing.T) {
	dir := t.TempDir()
	n := networkOf(t, newExecutor(t, Options{Dir: dir}), NetworkOptions{})
	i := image(t)
	layers := must(i.Layers())
	_, _, err := run(t, n, spec(lyingImage{i, []v1.Layer{liar{layers[0]}}}, nil, "echo"))
	if err == nil || !strings.Contains(err.Error(), "its content has the digest sha256:") {
		t.Errorf("%v", err)
	}
	if left := append(unpackedLayers(t, dir), must(filepath.Glob(filepath.Join(dir, "*", layersDir, "ab*")))...); len(left) > 0 {
		t.Errorf("%v are kept", left)
	}
}

func BenchmarkLayer(b *testing.B) {
	n := newNetwork(b, NetworkOptions{})
	i := image(b)
	for b.Loop() {
		if _, err := n.Layer(b.Context(), spec(i, nil, "write", "/x", "y")); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNetwork(b *testing.B) {
	e := newExecutor(b, Options{})
	for b.Loop() {
		n, err := e.Network(b.Context(), NetworkOptions{})
		if err != nil {
			b.Fatal(err)
		}
		if err := n.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// Without a directory of its own, an emulator uses one that others of the account find again, and keeps nothing there. One
// that is somebody else's is not used.
func TestTemporaryDirectory(t *testing.T) {
	newExecutor(t, Options{}) // or skip
	t.Setenv("TMPDIR", t.TempDir())
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("acrlocal-containers-%d", os.Geteuid()))
	for range 2 {
		e := must(Choose(t.Context(), Options{Kind: Namespaces, ChildArguments: []string{childArgument}}))
		if code, out, err := run(t, networkOf(t, e, NetworkOptions{}), spec(image(t), nil, "echo")); code != 0 || err != nil {
			t.Errorf("%d %q %v", code, out, err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if left := must(os.ReadDir(dir)); len(left) != 1 { // the lock
			t.Errorf("%v are left", left)
		}
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if s := must(Choose(t.Context(), Options{Kind: Namespaces})).Status(); s.Kind != None || !strings.Contains(s.Detail, "not a directory of this account's alone") {
		t.Errorf("a directory where everybody may write is used: %+v", s)
	}
}
