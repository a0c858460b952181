//go:build linux

package layer

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// entry is one of an archive.
type entry struct {
	kind    byte
	name    string
	content string // of a file, or what a link leads to
	attrs   map[string]string
}

func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Typeflag: e.kind, Name: e.name, Mode: 0o644, Uid: os.Getuid(), Gid: os.Getgid()}
		for k, v := range e.attrs {
			if h.PAXRecords == nil {
				h.PAXRecords = map[string]string{}
			}
			h.PAXRecords[paxXattr+k] = v
		}
		switch e.kind {
		case tar.TypeReg:
			h.Size = int64(len(e.content))
		case tar.TypeDir:
			h.Mode = 0o755
		default:
			h.Linkname = e.content
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if e.kind == tar.TypeReg {
			if _, err := io.WriteString(w, e.content); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// unpack unpacks into a directory of a directory, which the archive must not leave.
func unpack(t testing.TB, content []byte, b Bounds) (string, error) {
	t.Helper()
	outer, err := os.MkdirTemp("", "layer-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := Remove(outer); err != nil {
			t.Errorf("remove: %v", err)
		}
	})
	dir := filepath.Join(outer, "root")
	for _, name := range []string{dir, filepath.Join(outer, "outside")} {
		if err := os.Mkdir(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(outer, "outside/secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	_, err = Unpack(root, bytes.NewReader(content), true, b)
	return dir, err
}

// undisturbed fails if anything beside the directory has changed.
func undisturbed(t testing.TB, dir string) {
	t.Helper()
	outer := filepath.Dir(dir)
	entries, err := os.ReadDir(outer)
	if err != nil || len(entries) != 2 {
		t.Errorf("beside the layer: %v %v", entries, err)
	}
	inside, err := os.ReadDir(filepath.Join(outer, "outside"))
	if err != nil || len(inside) != 1 {
		t.Errorf("outside: %v %v", inside, err)
	}
	secret := filepath.Join(outer, "outside/secret")
	info, err := os.Stat(secret)
	content, readErr := os.ReadFile(secret)
	if err != nil || readErr != nil || info.Mode() != 0o600 || string(content) != "secret" {
		t.Errorf("the file outside: %v %q %v", info, content, errors.Join(err, readErr))
	}
}

func TestUnpackHostile(t *testing.T) {
	f, d, l, h := byte(tar.TypeReg), byte(tar.TypeDir), byte(tar.TypeSymlink), byte(tar.TypeLink)
	many := make([]entry, 30)
	for i := range many {
		many[i] = entry{f, "file" + string(rune('a'+i)), "", nil}
	}
	deep := strings.Repeat("d/", 300)
	for _, c := range []struct {
		about   string
		entries []entry
		err     error  // nil: it is contained
		there   string // a file that exists after
		said    string
	}{
		{"up", []entry{{f, "../outside/new", "x", nil}}, ErrEscape, "", ""},
		{"up from below", []entry{{f, "a/../../outside/new", "x", nil}}, ErrEscape, "", ""},
		{"absolute", []entry{{f, "/outside/new", "x", nil}}, nil, "outside/new", ""},
		{"the root as a file", []entry{{f, ".", "x", nil}}, nil, "", "not a directory"},
		{"the root replaced by a link", []entry{{l, "/", "../outside", nil}}, nil, "", "not a directory"},
		{"through a link up", []entry{{l, "out", "../outside", nil}, {f, "out/new", "x", nil}}, nil, "", "not a directory"},
		{"through an absolute link", []entry{{d, "outside", "", nil}, {l, "out", "/outside", nil}, {f, "out/new", "x", nil}}, nil, "outside/new", ""},
		{"a file through a link", []entry{{l, "out", "../outside/secret", nil}, {f, "out", "x", nil}}, nil, "out", ""},
		{"a directory through a link", []entry{{l, "out", "../outside", nil}, {d, "out", "", nil}}, nil, "out", ""},
		{"mode and owner of a link's target", []entry{{l, "out", "../outside/secret", nil}, {l, "out", "../outside/secret", nil}}, nil, "", ""},
		{"a hard link up", []entry{{h, "out", "../outside/secret", nil}}, ErrEscape, "", ""},
		{"a hard link through a link", []entry{{l, "dir", "../outside", nil}, {h, "out", "dir/secret", nil}}, nil, "", "no such file"},
		{"a hard link to a link", []entry{{l, "out", "../outside/secret", nil}, {h, "also", "out", nil}, {f, "also", "x", nil}}, nil, "also", ""},
		{"a hard link to nothing", []entry{{h, "out", "nothing", nil}}, nil, "", "no such file"},
		{"a hard link to the root", []entry{{h, "out", "/", nil}}, ErrEscape, "", ""},
		{"a whiteout of the parent", []entry{{f, ".wh...", "", nil}}, ErrEscape, "", ""},
		{"a whiteout of nothing", []entry{{f, ".wh.", "", nil}}, ErrEscape, "", ""},
		{"a device", []entry{{tar.TypeBlock, "disk", "", nil}, {tar.TypeChar, "null", "", nil}, {f, "after", "", nil}}, nil, "after", ""},
		{"overlayfs's attributes", []entry{{d, "dir", "", map[string]string{opaqueXattr: "y", "user.overlay.redirect": "/outside"}}}, nil, "dir", ""},
		{"too much content", []entry{{f, "big", strings.Repeat("x", 2000), nil}}, ErrTooLarge, "", ""},
		{"too many entries", many, ErrTooLarge, "", ""},
		{"too deep", []entry{{f, deep + "file", "", nil}}, ErrTooLarge, "", ""},
		{"a long name", []entry{{f, strings.Repeat("n", 5000), "", nil}}, ErrTooLarge, "", ""},
		{"a loop of links", []entry{{l, "a", "b", nil}, {l, "b", "a", nil}, {f, "a/x", "", nil}}, nil, "", "too many levels"},
		{"a file as a directory", []entry{{f, "a", "", nil}, {f, "a/b", "", nil}}, nil, "", "not a directory"},
		{"a directory replaced by a file", []entry{{f, "a/b/c", "", nil}, {f, "a", "x", nil}}, nil, "a", ""},
		{"a process of this one", []entry{{l, "fd", "/proc/self/root", nil}, {f, "fd/outside", "", nil}}, nil, "", "not a directory"},
	} {
		t.Run(c.about, func(t *testing.T) {
			dir, err := unpack(t, archive(t, c.entries...), Bounds{Bytes: 1000, Entries: 20 + 400*len(c.said)})
			undisturbed(t, dir)
			switch {
			case c.err != nil && !errors.Is(err, c.err):
				t.Errorf("%v, want %v", err, c.err)
			case c.said != "" && (err == nil || !strings.Contains(err.Error(), c.said)):
				t.Errorf("%v, want %s", err, c.said)
			case c.err == nil && c.said == "" && err != nil:
				t.Error(err)
			}
			if _, err := os.Lstat(filepath.Join(dir, c.there)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestUnpackTruncated(t *testing.T) {
	whole := archive(t, entry{tar.TypeReg, "a", strings.Repeat("x", 3000), nil}, entry{tar.TypeReg, "b", "y", nil})
	for _, at := range []int{100, 700, 2000, 4000} {
		if _, err := unpack(t, whole[:at], Bounds{}); err == nil {
			t.Errorf("an archive of %d bytes, cut at %d, was taken for whole", len(whole), at)
		}
	}
}

// A tree of any depth is removed, and removing follows no link.
func TestRemove(t *testing.T) {
	dir, err := unpack(t, archive(t, entry{tar.TypeSymlink, "out", "../outside", nil}, entry{tar.TypeDir, "locked", "", nil}), Bounds{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "locked/file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "locked"), 0); err != nil {
		t.Fatal(err)
	}
	at := must(unix.Open(dir, unix.O_DIRECTORY, 0))
	for range 3000 {
		if err := unix.Mkdirat(at, "d", 0o755); err != nil {
			t.Fatal(err)
		}
		below := must(unix.Openat(at, "d", unix.O_DIRECTORY, 0))
		_ = unix.Close(at)
		at = below
	}
	_ = unix.Close(at)
	if err := Remove(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(dir), "outside/secret")); err != nil {
		t.Error(err)
	}
	if err := Remove(dir); err != nil {
		t.Errorf("removing what is gone: %v", err)
	}
}

// FuzzUnpack unpacks what it is given: nothing beside the directory may change, and what was unpacked can be walked and
// made a layer again, and removed.
func FuzzUnpack(f *testing.F) {
	f.Add(archive(f, entry{tar.TypeDir, "a", "", nil}, entry{tar.TypeReg, "a/b", "x", nil}, entry{tar.TypeReg, "a/.wh.c", "", nil}))
	f.Add(archive(f, entry{tar.TypeSymlink, "a", "../outside", nil}, entry{tar.TypeReg, "a/b", "x", nil}))
	f.Add(archive(f, entry{tar.TypeReg, "a", "x", nil}, entry{tar.TypeLink, "b", "a", nil}, entry{tar.TypeFifo, "p", "", nil}))
	f.Add(archive(f, entry{tar.TypeReg, "a/.wh..wh..opq", "", nil}, entry{tar.TypeReg, ".wh.a", "", nil}, entry{tar.TypeDir, "a", "", nil}))
	f.Fuzz(func(t *testing.T, content []byte) {
		dir, err := unpack(t, content, Bounds{Bytes: 1 << 20, Entries: 1000})
		undisturbed(t, dir)
		if err != nil {
			return
		}
		root, err := os.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		var first, second bytes.Buffer
		if err := Diff(root, nil, 0, &first); err != nil {
			return // such as a file that nobody may read
		}
		again, err := unpack(t, first.Bytes(), Bounds{})
		if err != nil {
			t.Fatalf("what was unpacked cannot be unpacked again: %v", err)
		}
		other, err := os.Open(again)
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		if err := Diff(other, nil, 0, &second); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("another layer comes out of it: %v", err)
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
