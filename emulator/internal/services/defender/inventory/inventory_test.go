package inventory

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// entry is a file of a layer: content, or for a link its target. Names that end in a slash are folders.
type entry struct {
	name, content string
	kind          byte
	mode          int64
}

// archive makes a layer that is not compressed.
func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Mode: e.mode, Size: int64(len(e.content))}
		switch {
		case e.kind == tar.TypeLink, e.kind == tar.TypeSymlink:
			h.Linkname, h.Size, e.content = e.content, 0, ""
		case strings.HasSuffix(e.name, "/"):
			h.Typeflag = tar.TypeDir
		case e.kind == 0:
			h.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func stored(data []byte) Layer {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
}

// small are limits within which the tests stay, but for those that go beyond.
var small = Limits{Layers: 10, Bytes: 64 << 20, Entries: 1000, Text: 1 << 20, Binary: 32 << 20, Packages: 100}

// names reads the layers and returns what they hold, each as ecosystem/name@version.
func names(t testing.TB, layers ...[]byte) []string {
	t.Helper()
	var opened []Layer
	for _, data := range layers {
		opened = append(opened, stored(data))
	}
	list, err := Read(t.Context(), opened, t.TempDir(), small)
	if err != nil {
		t.Fatal(err)
	}
	all := []string{}
	for _, p := range list.Packages {
		all = append(all, fmt.Sprintf("%s/%s@%s", p.Ecosystem, p.Name, p.Version))
	}
	return all
}

const (
	bash    = "Package: bash\nStatus: install ok installed\nVersion: 5.2.15-2+b2\n\n"
	libssl  = "Package: libssl3\nStatus: install ok installed\nSource: openssl (3.0.11-1)\nVersion: 3.0.11-1+b1\n\n"
	removed = "Package: vim\nStatus: deinstall ok config-files\nVersion: 2:9.0\n\n"
	status  = "var/lib/dpkg/status"
	musl    = "C:Q1abc\nP:musl\nV:1.2.4-r2\nA:x86_64\no:musl\n\nP:ssl_client\nV:1.36.1-r5\no:busybox\n\n"
)

// TestLayers: what the layers of an image come to, with what each takes away from those below it (OCI image specification,
// "Whiteouts").
func TestLayers(t *testing.T) {
	for _, c := range []struct {
		name   string
		layers [][]entry
		want   []string
	}{
		{"nothing", nil, nil},
		{"Debian, of which one package was removed", [][]entry{{{name: status, content: bash + removed + libssl}}}, []string{"Debian/bash@5.2.15-2+b2", "Debian/libssl3@3.0.11-1+b1"}},
		{"with a release", [][]entry{{{name: status, content: bash}, {name: "etc/os-release", content: "ID=debian\nVERSION_ID=\"12\"\n"}}}, []string{"Debian:12/bash@5.2.15-2+b2"}},
		{"of a system that derives from it", [][]entry{{{name: status, content: bash}, {name: "etc/os-release", content: "ID=ubuntu\nVERSION_ID='24.04'\n"}}}, []string{"Ubuntu:24.04/bash@5.2.15-2+b2"}},
		{"without dpkg", [][]entry{{{name: "var/lib/dpkg/status.d/base", content: "Package: base-files\nVersion: 12.4\n"}, {name: "var/lib/dpkg/status.d/base.md5sums", content: bash}}}, []string{"Debian/base-files@12.4"}},
		{"Alpine", [][]entry{{{name: "lib/apk/db/installed", content: musl}, {name: "etc/os-release", content: "ID=alpine\nVERSION_ID=3.19.1\n"}}}, []string{"Alpine:v3.19/musl@1.2.4-r2", "Alpine:v3.19/ssl_client@1.36.1-r5"}},
		{"a line without end is passed over", [][]entry{{{name: status, content: "Package: bash\nDepends: " + strings.Repeat("x", 3*maxLine) + "\nStatus: install ok installed\nVersion: 1\n"}}}, []string{"Debian/bash@1"}},
		{"a name with a dot in front", [][]entry{{{name: "./" + status, content: bash}}}, []string{"Debian/bash@5.2.15-2+b2"}},
		{"a name that leads out", [][]entry{{{name: "../../" + status, content: bash}}}, []string{"Debian/bash@5.2.15-2+b2"}},
		{"a later layer counts", [][]entry{{{name: status, content: bash}}, {{name: status, content: libssl}}}, []string{"Debian/libssl3@3.0.11-1+b1"}},
		{"a layer that is silent", [][]entry{{{name: status, content: bash}}, {{name: "var/lib/dpkg/"}, {name: "etc/passwd", content: "x"}}}, []string{"Debian/bash@5.2.15-2+b2"}},
		{"a whiteout", [][]entry{{{name: status, content: bash}}, {{name: "var/lib/dpkg/.wh.status"}}}, nil},
		{"a whiteout of a folder above", [][]entry{{{name: status, content: bash}}, {{name: "var/.wh.lib"}}}, nil},
		{"a whiteout of something else", [][]entry{{{name: status, content: bash}}, {{name: "var/lib/.wh.dpk"}, {name: ".wh.status"}}}, []string{"Debian/bash@5.2.15-2+b2"}},
		{"an opaque folder, whose own files stay", [][]entry{{{name: "var/lib/dpkg/status.d/a", content: bash}}, {
			{name: "var/lib/dpkg/status.d/b", content: libssl}, {name: "var/lib/dpkg/.wh..wh..opq"},
		}}, []string{"Debian/libssl3@3.0.11-1+b1"}},
		{"the opaque root", [][]entry{{{name: status, content: bash}}, {{name: ".wh..wh..opq"}}}, nil},
		{"a whiteout of the same layer takes nothing of it", [][]entry{{{name: status, content: bash}, {name: "var/lib/dpkg/.wh.status"}}}, []string{"Debian/bash@5.2.15-2+b2"}},
		{"a file in the place of a folder", [][]entry{{{name: status, content: bash}}, {{name: "var", content: "x"}}}, nil},
		{"a folder in the place of a file", [][]entry{{{name: status, content: bash}}, {{name: status + "/"}}}, nil},
		{"a link in the place of a file", [][]entry{{{name: status, content: bash}}, {{name: status, content: "/dev/null", kind: tar.TypeSymlink}}}, nil},
		{"a link that leads out is not followed", [][]entry{{{name: status, content: "/var/lib/dpkg/status", kind: tar.TypeSymlink}}}, nil},
		{"twice in one layer", [][]entry{{{name: status, content: bash}, {name: status, content: libssl}}}, []string{"Debian/libssl3@3.0.11-1+b1"}},
		{"a device", [][]entry{{{name: status, kind: tar.TypeBlock}}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var layers [][]byte
			for _, entries := range c.layers {
				layers = append(layers, archive(t, entries...))
			}
			if got := names(t, layers...); !slices.Equal(got, c.want) && len(got)+len(c.want) > 0 {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// TestSource: advisories go by what a package was built from.
func TestSource(t *testing.T) {
	list, err := Read(t.Context(), []Layer{stored(archive(t, entry{name: status, content: bash + libssl}, entry{name: "lib/apk/db/installed", content: musl}))}, "", small)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"bash": "bash 5.2.15-2+b2", "libssl3": "openssl 3.0.11-1", "musl": "musl 1.2.4-r2", "ssl_client": "busybox 1.36.1-r5"}
	for _, p := range list.Packages {
		if got := p.Source + " " + p.SourceVersion; got != want[p.Name] {
			t.Errorf("%s is built from %s, want %s", p.Name, got, want[p.Name])
		}
	}
}

// TestCompressed: layers are stored with gzip, with zstd, or as they are.
func TestCompressed(t *testing.T) {
	plain := archive(t, entry{name: status, content: bash})
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write(plain)
	_ = z.Close()
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"as it is": plain, "gzip": zipped.Bytes(), "zstd": encoder.EncodeAll(plain, nil)} {
		if got := names(t, data); len(got) != 1 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestHostile: what is too much is refused, and what is broken is an error; neither takes long or much.
func TestHostile(t *testing.T) {
	bomb := func(n int64) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		w := tar.NewWriter(z)
		_ = w.WriteHeader(&tar.Header{Name: "zeros", Size: n, Typeflag: tar.TypeReg, Mode: 0o755})
		_, _ = io.CopyN(w, zeros{}, n)
		_ = w.Close()
		_ = z.Close()
		return b.Bytes()
	}
	many := make([]entry, small.Entries+1)
	for i := range many {
		many[i].name = fmt.Sprint(i)
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithWindowSize(512<<20), zstd.WithSingleSegment(false))
	if err != nil {
		t.Fatal(err)
	}
	var wide bytes.Buffer
	encoder.Reset(&wide)
	_, _ = io.CopyN(encoder, zeros{}, 1<<20)
	_ = encoder.Close()
	for _, c := range []struct {
		name   string
		layers [][]byte
		large  bool
	}{
		{"a bomb", [][]byte{bomb(small.Bytes + 1)}, true},
		{"a bomb in parts", [][]byte{bomb(small.Bytes/2 + 1), bomb(small.Bytes/2 + 1)}, true},
		{"too many files", [][]byte{archive(t, many...)}, true},
		{"too many layers", make([][]byte, small.Layers+1), true},
		{"a list without end", [][]byte{archive(t, entry{name: status, content: strings.Repeat(bash, 1<<20/len(bash)+1)})}, true},
		{"too many packages", [][]byte{archive(t, entry{name: status, content: strings.Repeat(bash, small.Packages+1)})}, true},
		{"the same packages by many names", [][]byte{archive(t, entry{name: status, content: strings.Repeat(bash, 40)}, again(1), again(2))}, true},
		{"programs with holes", [][]byte{holes(t, small.Binary, 3)}, true},
		{"not an archive", [][]byte{bytes.Repeat([]byte("not an archive. "), 100)}, false},
		{"cut off", [][]byte{archive(t, entry{name: status, content: bash})[:540]}, false},
		{"broken gzip", [][]byte{[]byte("\x1f\x8b\x08\x00garbage")}, false},
		{"zstd with a window of half a gigabyte", [][]byte{wide.Bytes()}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var layers []Layer
			for _, data := range c.layers {
				layers = append(layers, stored(data))
			}
			if _, err := Read(t.Context(), layers, t.TempDir(), small); err == nil || errors.Is(err, ErrTooLarge) != c.large {
				t.Errorf("%v, too large: want %v", err, c.large)
			}
		})
	}
}

// again is a hard link to the status of dpkg.
func again(n int) entry {
	return entry{name: fmt.Sprint("again", n), content: status, kind: tar.TypeLink}
}

// TestLongVersions: what is kept in memory of packages is bounded, also where a version is as long as a line may be.
func TestLongVersions(t *testing.T) {
	paragraphs := strings.Repeat("Package: a\nVersion: "+strings.Repeat("1", maxLine-100)+"\n\n", 16)
	files := make([]entry, maxKept/len(paragraphs)+1)
	for i := range files {
		files[i] = entry{name: fmt.Sprint("var/lib/dpkg/status.d/", i), content: paragraphs}
	}
	if _, err := Read(t.Context(), []Layer{stored(archive(t, files...))}, t.TempDir(), DefaultLimits); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v", err)
	}
}

// TestFrugal: a program whose list of modules would fill the memory is not read.
func TestFrugal(t *testing.T) {
	if _, err := (frugal{bytes.NewReader(nil)}).ReadAt(make([]byte, maxRead+1), 0); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v", err)
	}
}

// holes is a layer of programs that are all hole, which cost nothing to store (GNU tar manual, "Storing Sparse Files"): the map
// of a file, with its number of parts, stands before its few bytes.
func holes(t *testing.T, size int64, count int) []byte {
	t.Helper()
	var b bytes.Buffer
	for i := range count {
		parts := fmt.Sprintf("1\n0\n4\n%s\x7fELF", strings.Repeat("\x00", 512-len("1\n0\n4\n")))
		name := fmt.Sprintf("bin/%d", i)
		records := map[string]string{"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": name, "GNU.sparse.realsize": fmt.Sprint(size)}
		var extended strings.Builder
		for _, key := range slices.Sorted(maps.Keys(records)) {
			record := " " + key + "=" + records[key] + "\n"
			length := len(record) + 2
			if length+1 > 99 || len(fmt.Sprint(length)) != 2 {
				t.Fatal("a record has two digits of length")
			}
			extended.WriteString(fmt.Sprint(length) + record)
		}
		b.Write(block(t, "pax", tar.TypeXHeader, extended.String()))
		b.Write(block(t, name, tar.TypeReg, parts))
	}
	return b.Bytes()
}

// block is an entry as it stands in an archive: tar.Writer refuses to write such ones.
func block(t *testing.T, name string, kind byte, content string) []byte {
	t.Helper()
	b := make([]byte, 512)
	copy(b, name)
	copy(b[100:], "0000755\x00")
	copy(b[108:], "0000000\x000000000\x00")
	copy(b[124:], fmt.Sprintf("%011o\x00", len(content)))
	copy(b[136:], "00000000000\x00")
	copy(b[148:], "        ")
	b[156] = kind
	copy(b[257:], "ustar\x0000")
	sum := 0
	for _, c := range b {
		sum += int(c)
	}
	copy(b[148:], fmt.Sprintf("%06o\x00 ", sum))
	b = append(b, content...)
	return append(b, make([]byte, -len(b)&511)...)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestPrograms: what looks like a program and is none says nothing; and nothing is left in the scratch directory.
func TestPrograms(t *testing.T) {
	scratch := t.TempDir()
	for _, content := range []string{"\x7fELF", "\x7fELF\x02\x01\x01" + strings.Repeat("\xff", 4096), "MZ" + strings.Repeat("\xff", 4096), "#!/bin/sh\n", ""} {
		layer := archive(t, entry{name: "bin/program", content: content, mode: 0o755})
		list, err := Read(t.Context(), []Layer{stored(layer)}, scratch, small)
		if err != nil || len(list.Packages) > 0 {
			t.Errorf("%.8q: %v, %v", content, list, err)
		}
	}
	if left, _ := os.ReadDir(scratch); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestGoVersion holds the list for a Go binary against what go version -m lists (issue 4, "Must show" 7).
func TestGoVersion(t *testing.T) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("go is not installed")
	}
	program := filepath.Join(t.TempDir(), "program")
	if out, err := exec.Command(goTool, "build", "-o", program, "./testdata/program").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := exec.Command(goTool, "version", "-m", program).Output()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	got := names(t, archive(t, entry{name: "usr/bin/program", content: string(content), mode: 0o755}, entry{name: "usr/bin/again", content: "usr/bin/program", kind: tar.TypeLink}))
	want := modulesListed(string(out))
	if len(want) < 3 {
		t.Fatalf("go version -m lists only %v", want)
	}
	want = append(want, want...) // the hard link is the same program
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
}

// modulesListed reads what go version -m prints: the version of Go, and the modules.
func modulesListed(out string) []string {
	first, rest, _ := strings.Cut(out, "\n")
	list := []string{"Go/stdlib@" + strings.TrimPrefix(first[strings.LastIndex(first, " ")+1:], "go")}
	for _, line := range strings.Split(rest, "\n") {
		fields := strings.Fields(line)
		switch {
		case len(fields) < 3:
		case fields[0] == "mod", fields[0] == "dep":
			list = append(list, "Go/"+fields[1]+"@"+fields[2])
		case fields[0] == "=>":
			list[len(list)-1] = "Go/" + fields[1] + "@" + fields[2]
		}
	}
	return list
}

// TestDpkg holds the list for this machine's own packages against dpkg's, where it has some.
func TestDpkg(t *testing.T) {
	if _, err := exec.LookPath("dpkg-query"); err != nil {
		t.Skip("dpkg is not installed")
	}
	out, err := exec.Command("dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Version}\\n").Output()
	if err != nil {
		t.Skip("dpkg-query:", err)
	}
	content, err := os.ReadFile("/" + status)
	if err != nil {
		t.Skip(err)
	}
	var want []string
	for _, line := range strings.Split(string(out), "\n") {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] != "config-files" && fields[0] != "not-installed" {
			want = append(want, fields[1]+" "+fields[2])
		}
	}
	list, err := Read(t.Context(), []Layer{stored(archive(t, entry{name: status, content: string(content)}))}, "", DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range list.Packages {
		got = append(got, p.Name+" "+p.Version)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%d packages, dpkg has %d:\n%v\n%v", len(got), len(want), got, want)
	}
}

// FuzzRead: whatever a layer holds, reading it ends without a panic, within the limits.
func FuzzRead(f *testing.F) {
	f.Add(archive(f, entry{name: status, content: bash + removed}, entry{name: "etc/os-release", content: "ID=debian\n"}))
	f.Add(archive(f, entry{name: "lib/apk/db/installed", content: musl}, entry{name: "a/.wh.b"}, entry{name: ".wh..wh..opq"}))
	f.Add(archive(f, entry{name: "bin/x", content: "\x7fELF\x02\x01\x01", mode: 0o755}))
	f.Add([]byte("\x1f\x8b\x08"))
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0})
	scratch := f.TempDir()
	limits := Limits{Layers: 2, Bytes: 1 << 20, Entries: 100, Text: 1 << 16, Binary: 1 << 16, Packages: 50}
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := Read(t.Context(), []Layer{stored(data), stored(data)}, scratch, limits)
		if err == nil && len(list.Packages) > 2*limits.Packages {
			t.Errorf("%d packages", len(list.Packages))
		}
	})
}
