package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator"
	"github.com/acrlocal/acrlocal/emulator/emulatortest"
	"github.com/acrlocal/acrlocal/gate"
)

// startHostile starts an emulator whose state is looked at in the end: no run may leave files, mounts or processes behind,
// nor much in its memory.
func startHostile(t *testing.T) tasksOf {
	t.Helper()
	data := t.TempDir()
	e := emulatortest.StartWith(t, emulator.Options{Behavior: gate.Article, Executable: program(), Now: time.Now, Data: data})
	t.Cleanup(func() {
		for _, pattern := range []string{"runs/*", "*/runs/*", "containers/*/runs/*"} {
			if left, err := filepath.Glob(filepath.Join(data, pattern)); len(left) > 0 || err != nil {
				t.Errorf("a run has left %v, %v", left, err)
			}
		}
		if mounts, err := os.ReadFile("/proc/self/mounts"); err == nil && strings.Contains(string(mounts), data) {
			t.Errorf("a run has left a mount below %s", data)
		}
		if running := processesOf("/hostile"); running > 0 {
			t.Errorf("%d processes of a run go on", running)
		}
		runtime.GC()
		var memory runtime.MemStats
		if runtime.ReadMemStats(&memory); memory.HeapAlloc > 256<<20 {
			t.Errorf("%d MB are in use", memory.HeapAlloc>>20)
		}
	})
	return tasksOf{t, e, group + "/providers/Microsoft.ContainerRegistry/registries/playground"}
}

// processesOf counts the processes of this machine that a program has.
func processesOf(program string) (n int) {
	names, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range names {
		if line, err := os.ReadFile(name); err == nil && strings.HasPrefix(string(line), program+"\x00") {
			n++
		}
	}
	return n
}

// packed is a source of any entries; a file has as many zeros as its header says.
func packed(t *testing.T, headers ...*tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	for _, h := range headers {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(w, noughts{}, h.Size); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

type noughts struct{}

func (noughts) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestHostileSources uploads archives that lead out of the context, or that come to more than anybody has room for (issue 4,
// "Must show" 9).
func TestHostileSources(t *testing.T) {
	r := startHostile(t)
	target := filepath.Join(t.TempDir(), "outside")
	link := func(to string) *tar.Header { return &tar.Header{Typeflag: tar.TypeSymlink, Name: "link", Linkname: to} }
	through := &tar.Header{Name: "link/outside", Mode: 0o644}
	for name, row := range map[string]struct {
		source []byte
		says   string
	}{
		"..":                            {packed(t, &tar.Header{Name: "../outside", Mode: 0o644}), "leads out of the context"},
		".. in the middle":              {packed(t, &tar.Header{Name: "a/../../outside", Mode: 0o644}), "leads out of the context"},
		"a file through a link":         {packed(t, link(filepath.Dir(target)), through), `"link/outside" cannot be unpacked`},
		"a link that leads out":         {packed(t, link("../../outside")), "leads out of the context"},
		"a hard link that leads out":    {packed(t, &tar.Header{Typeflag: tar.TypeLink, Name: "link", Linkname: "../outside"}), "leads out of the context"},
		"a hard link to a link":         {packed(t, link(target), &tar.Header{Typeflag: tar.TypeLink, Name: "again", Linkname: "link/x"}), "cannot be unpacked"},
		"a character device":            {packed(t, &tar.Header{Typeflag: tar.TypeChar, Name: "null", Devmajor: 1, Devminor: 3}), "neither a file nor a directory nor a link"},
		"a block device":                {packed(t, &tar.Header{Typeflag: tar.TypeBlock, Name: "disk", Devmajor: 8}), "neither a file nor a directory nor a link"},
		"a pipe":                        {packed(t, &tar.Header{Typeflag: tar.TypeFifo, Name: "pipe"}), "neither a file nor a directory nor a link"},
		"a zip bomb":                    {packed(t, &tar.Header{Name: "zeros", Size: 200 << 20, Mode: 0o644}), "no archive that anybody would make"},
		"deep directories":              {packed(t, &tar.Header{Name: strings.Repeat("d/", 1000) + "x", Mode: 0o644}), "too long or too deep"},
		"not an archive":                {[]byte(strings.Repeat("not an archive. ", 100)), "cannot be read"},
		"an archive without Dockerfile": {packed(t, &tar.Header{Name: filepath.Join("/", target), Mode: 0o644}), "no such file or directory"},
	} {
		t.Run(name, func(t *testing.T) {
			r.t = t
			r.mustEnd(r.do(quickBuild(r.uploadBytes(row.source))), "Failed", row.says)
			if _, err := os.Lstat(target); err == nil {
				t.Errorf("%s was written", target)
			}
		})
	}
}

// TestHostileTasks runs task files that are too large, or would be (issue 4, "Must show" 9).
func TestHostileTasks(t *testing.T) {
	r := startHostile(t)
	large := "steps: []\n#" + strings.Repeat("x", 10<<20)
	if err := r.e.ARM(t.Context(), "POST", r.registry+"/scheduleRun"+tasksVersion, quickTask(large), nil); err == nil || !strings.Contains(err.Error(), "RequestContentTooLarge") && !strings.Contains(err.Error(), "4194304") {
		t.Errorf("a task of 10 MB in a request: %v", err)
	}
	file := func(text string) map[string]any {
		return map[string]any{
			"type": "FileTaskRunRequest", "taskFilePath": "acb.yaml", "sourceLocation": r.upload(map[string]string{"acb.yaml": text}),
			"platform": map[string]any{"os": "linux"}, "credentials": map[string]any{},
		}
	}
	var laughs strings.Builder
	laughs.WriteString("x:\n  - &l0 a\n")
	for n := range 40 {
		fmt.Fprintf(&laughs, "  - &l%d [*l%d, *l%d]\n", n+1, n, n)
	}
	for name, row := range map[string]struct {
		request map[string]any
		says    string
	}{
		"a task of 10 MB":      {file(large), "more than 1048576 bytes"},
		"aliases of YAML":      {file(laughs.String() + "env: *l40\n"), "failed to"},
		"aliases that grow":    {quickTask("version: v1.1.0\nalias:\n  values:\n    a: " + strings.Repeat("x", 2000) + "\nsteps:\n" + strings.Repeat("- $a\n", 2000)), "once its aliases are replaced"},
		"a loop of a template": {quickTask("{{range 1000000000}}{{end}}"), "too much work"},
		"a template in itself": {file(`{{define "f"}}{{template "f"}}{{end}}{{template "f"}}`), "more than 500 deep"},
	} {
		t.Run(name, func(t *testing.T) {
			r.t = t
			r.mustEnd(r.do(row.request), "Failed", row.says)
		})
	}
}

// TestHostileSteps runs programs in RUN and in steps that take processes, disks, and what a later step reads (issue 4, "Must
// show" 9). The next run has all that it needs.
func TestHostileSteps(t *testing.T) {
	r := startHostile(t)
	r.needContainers()
	r.push("playground.azurecr.io/hostile:v1", programImage(t, "hostile"))
	build := func(trick string) map[string]any {
		return quickBuild(r.upload(map[string]string{"Dockerfile": "FROM playground.azurecr.io/hostile:v1\nRUN [\"/hostile\", \"" + trick + "\"]\n"}))
	}
	for _, row := range []struct {
		name    string
		request map[string]any
		says    []string
	}{
		{"a fork bomb", build("fork"), []string{"no more after", "returned a non-zero code"}},
		{"a disk filler in RUN", build("hole"), []string{`too large: "hole"`}},
		{"a disk filler in a step", quickTask("version: v1.1.0\nsteps:\n- cmd: $Registry/hostile:v1 fill\n"), []string{"no space left on device"}},
		{"a context that is a link", quickTask("version: v1.1.0\nsteps:\n- cmd: $Registry/hostile:v1 plant\n- build: context\n"), []string{"unable to prepare context"}},
		{"a context that is a pipe", quickTask("version: v1.1.0\nsteps:\n- cmd: $Registry/hostile:v1 plant\n- build: pipe\n"), []string{"unable to prepare context"}},
		{"a Dockerfile that is a pipe", quickTask("version: v1.1.0\nsteps:\n- cmd: $Registry/hostile:v1 plant\n- build: -f pipe .\n"), []string{"no regular file"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r.t = t
			r.mustEnd(r.do(row.request), "Failed", row.says...)
		})
	}
	r.t = t
	r.mustEnd(r.do(quickTask("steps:\n- cmd: bash -c 'echo all is well'\n")), "Succeeded", "all is well")
}

// TestLeftBehind starts where an emulator was killed in the middle of things: what runs and container groups had is removed,
// however deep it lies.
func TestLeftBehind(t *testing.T) {
	data := t.TempDir()
	for _, left := range []string{"runs/run-1", "workloads/workload-1"} {
		if err := os.MkdirAll(filepath.Join(data, left, strings.Repeat("d/", 1000)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	emulatortest.StartWith(t, emulator.Options{Behavior: gate.Article, Executable: program(), Now: time.Now, Data: data})
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		runs, _ := filepath.Glob(filepath.Join(data, "runs/*"))
		groups, _ := filepath.Glob(filepath.Join(data, "workloads/*"))
		if len(runs)+len(groups) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v and %v are still there", runs, groups)
		}
	}
}
