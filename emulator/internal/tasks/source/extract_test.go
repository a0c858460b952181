package source

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// entry is one of an archive of the tests.
type entry struct {
	name, content, link string
	kind                byte
	mode                int64
}

func (e entry) header() *tar.Header {
	h := &tar.Header{Name: e.name, Typeflag: e.kind, Mode: e.mode, Size: int64(len(e.content)), Linkname: e.link, ModTime: time.Unix(1_700_000_000, 0)}
	if h.Typeflag == 0 {
		h.Typeflag = tar.TypeReg
	}
	if h.Mode == 0 {
		h.Mode = 0o644
	}
	return h
}

func archiveOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		if err := w.WriteHeader(e.header()); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(data)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// newRoot makes a directory within another that has a file which nothing may touch.
func newRoot(t testing.TB) *os.Root {
	t.Helper()
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "outside"), []byte("outside"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(outside, "root"), 0o700); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(filepath.Join(outside, "root"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = root.Close()
		left, err := os.ReadDir(outside)
		if content, readErr := os.ReadFile(filepath.Join(outside, "outside")); string(content) != "outside" || len(left) != 2 || err != nil || readErr != nil {
			t.Errorf("something was written outside: %q, %v, %v, %v", content, left, err, readErr)
		}
	})
	return root
}

// listing is what is in a directory: a line for each name.
func listing(t testing.TB, root *os.Root) string {
	t.Helper()
	var b strings.Builder
	err := fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		info, err := root.Lstat(name)
		if err != nil {
			return err
		}
		b.WriteString(info.Mode().String() + " " + name)
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			target, _ := root.Readlink(name)
			b.WriteString(" -> " + target)
		case d.Type().IsRegular():
			content, err := root.ReadFile(name)
			if err != nil {
				return err
			}
			b.WriteString(" " + string(content))
		}
		b.WriteString("\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestExtract unpacks what is fine.
func TestExtract(t *testing.T) {
	for name, row := range map[string]struct {
		entries []entry
		want    string
	}{
		"as az packs a folder": {
			[]entry{{name: "/", kind: tar.TypeDir, mode: 0o755}, {name: "src", kind: tar.TypeDir, mode: 0o755}, {name: "src/a.sh", content: "a", mode: 0o755}, {name: "_Dockerfile", content: "FROM scratch"}},
			"-rw-r--r-- _Dockerfile FROM scratch\ndrwxr-xr-x src\n-rwxr-xr-x src/a.sh a\n",
		},
		"directories that are not in it":  {[]entry{{name: "a/b/c", content: "c"}}, "drwxr-xr-x a\ndrwxr-xr-x a/b\n-rw-r--r-- a/b/c c\n"},
		"absolute names are below":        {[]entry{{name: "/etc/passwd", content: "p"}}, "drwxr-xr-x etc\n-rw-r--r-- etc/passwd p\n"},
		"dots that stay within":           {[]entry{{name: "./a/../b", content: "b"}, {name: "./", kind: tar.TypeDir}}, "-rw-r--r-- b b\n"},
		"links that stay within":          {[]entry{{name: "d/a", content: "a"}, {name: "d/s", kind: tar.TypeSymlink, link: "../d/a"}, {name: "h", kind: tar.TypeLink, link: "d/a"}}, "drwxr-xr-x d\n-rw-r--r-- d/a a\nLrwxrwxrwx d/s -> ../d/a\n-rw-r--r-- h a\n"},
		"a link of the container":         {[]entry{{name: "python", kind: tar.TypeSymlink, link: "/usr/bin/python3"}}, "Lrwxrwxrwx python -> /usr/bin/python3\n"},
		"the last of a name":              {[]entry{{name: "a", content: "1"}, {name: "a", content: "2"}}, "-rw-r--r-- a 2\n"},
		"a file in a directory's place":   {[]entry{{name: "a/b", content: "1"}, {name: "a", content: "2"}}, "-rw-r--r-- a 2\n"},
		"a directory in a link's place":   {[]entry{{name: "a", kind: tar.TypeSymlink, link: "/tmp"}, {name: "a", kind: tar.TypeDir, mode: 0o755}, {name: "a/b", content: "b"}}, "drwxr-xr-x a\n-rw-r--r-- a/b b\n"},
		"a directory that is closed last": {[]entry{{name: "a", kind: tar.TypeDir, mode: 0o555}, {name: "a/b", content: "b"}}, "dr-xr-xr-x a\n-rw-r--r-- a/b b\n"},
		"no set-id bits":                  {[]entry{{name: "a", content: "a", mode: 0o6755}, {name: "d", kind: tar.TypeDir, mode: 0o1777}}, "-rwxr-xr-x a a\ndrwxrwxrwx d\n"},
		"nothing":                         {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			root := newRoot(t)
			t.Cleanup(func() { _ = root.Chmod("a", 0o755) }) // so that it can be removed
			if err := Extract(t.Context(), bytes.NewReader(gzipped(t, archiveOf(t, row.entries...))), root, Limits{}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, listing(t, root)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestExtractRefuses tries what would lead out of the directory, or is no file of a context.
func TestExtractRefuses(t *testing.T) {
	deep := strings.Repeat("a/", maxDepth+2) + "b"
	for name, row := range map[string]struct {
		entries []entry
		want    string
	}{
		"above":                      {[]entry{{name: "../outside", content: "x"}}, "leads out of the context"},
		"above, later":               {[]entry{{name: "a/../../outside", content: "x"}}, "leads out of the context"},
		"above, absolute":            {[]entry{{name: "/../outside", content: "x"}}, "leads out of the context"},
		"a directory above":          {[]entry{{name: "..", kind: tar.TypeDir}}, "leads out of the context"},
		"a link above":               {[]entry{{name: "a", kind: tar.TypeSymlink, link: "../outside"}}, "invalid symlink"},
		"a link above, from below":   {[]entry{{name: "d/a", kind: tar.TypeSymlink, link: "../../outside"}}, "invalid symlink"},
		"through an absolute link":   {[]entry{{name: "a", kind: tar.TypeSymlink, link: "/tmp"}, {name: "a/x", content: "x"}}, `"a/x" cannot be unpacked`},
		"through a link upwards":     {[]entry{{name: "a", kind: tar.TypeSymlink, link: "."}, {name: "a/b", kind: tar.TypeSymlink, link: "../outside"}, {name: "b", content: "x"}}, ""},
		"through two links":          {[]entry{{name: "d/e", kind: tar.TypeDir, mode: 0o755}, {name: "l", kind: tar.TypeSymlink, link: "d/e"}, {name: "l/up", kind: tar.TypeSymlink, link: ".."}, {name: "d/e/up/x", content: "x"}}, ""},
		"a hard link above":          {[]entry{{name: "a", kind: tar.TypeLink, link: "../outside"}}, "leads out of the context"},
		"a hard link of the machine": {[]entry{{name: "a", kind: tar.TypeLink, link: "/etc/passwd"}}, "no such file"},
		"a hard link to nothing":     {[]entry{{name: "a", kind: tar.TypeLink, link: "b"}}, "no such file"},
		"a hard link by a link":      {[]entry{{name: "l", kind: tar.TypeSymlink, link: "/etc"}, {name: "a", kind: tar.TypeLink, link: "l/passwd"}}, "cannot be unpacked"},
		"a device":                   {[]entry{{name: "a", kind: tar.TypeBlock}}, "neither a file nor a directory nor a link"},
		"another device":             {[]entry{{name: "a", kind: tar.TypeChar}}, "neither a file nor a directory nor a link"},
		"a pipe":                     {[]entry{{name: "a", kind: tar.TypeFifo}}, "neither a file nor a directory nor a link"},
		"depth":                      {[]entry{{name: deep, content: "x"}}, "too long or too deep"},
		"length":                     {[]entry{{name: strings.Repeat("a", maxName+1), content: "x"}}, "too long or too deep"},
		"a file as a directory":      {[]entry{{name: "a", content: "x"}, {name: "a/b", content: "x"}}, "cannot be unpacked"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Extract(t.Context(), bytes.NewReader(archiveOf(t, row.entries...)), newRoot(t), Limits{})
			switch {
			case row.want == "":
				t.Logf("%v", err) // whatever comes of it, newRoot looks that it is not outside
			case err == nil || !strings.Contains(err.Error(), row.want):
				t.Errorf("got %v, want %q", err, row.want)
			case strings.Contains(err.Error(), os.TempDir()):
				t.Errorf("%v names a path of the machine", err)
			}
		})
	}
}

// attributedArchive has directories whose attributes are all that there is to it.
func attributedArchive(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for range ratioFrom/1_000_000 + 8 {
		h := &tar.Header{Name: "a/", Typeflag: tar.TypeDir, Mode: 0o755, PAXRecords: map[string]string{"SCHILY.xattr.user.a": strings.Repeat("a", 1_000_000)}}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestExtractBounds tries archives that come to more than they may.
func TestExtractBounds(t *testing.T) {
	zeros := strings.Repeat("\x00", 1<<20)
	var many []entry
	for range ratioFrom>>20 + 8 {
		many = append(many, entry{name: "a", content: zeros})
	}
	bomb := gzipped(t, archiveOf(t, many...))
	for name, row := range map[string]struct {
		archive []byte
		limits  Limits
		want    error
	}{
		"bytes":      {archiveOf(t, entry{name: "a", content: zeros}, entry{name: "b", content: "x"}), Limits{Bytes: 1 << 20}, ErrTooLarge},
		"entries":    {archiveOf(t, entry{name: "a"}, entry{name: "b"}, entry{name: "c"}), Limits{Entries: 2}, ErrTooLarge},
		"a zip bomb": {bomb, Limits{}, ErrTooLarge},
		"attributes": {gzipped(t, attributedArchive(t)), Limits{}, ErrTooLarge},
		"twice":      {gzipped(t, bomb), Limits{}, tar.ErrHeader}, // what is within is no archive
	} {
		t.Run(name, func(t *testing.T) {
			if err := Extract(t.Context(), bytes.NewReader(row.archive), newRoot(t), row.limits); !errors.Is(err, row.want) {
				t.Errorf("got %v, want %v", err, row.want)
			}
		})
	}
}

// TestExtractBroken tries what is no archive, or not all of one.
func TestExtractBroken(t *testing.T) {
	whole := gzipped(t, archiveOf(t, entry{name: "a", content: strings.Repeat("abc", 1000)}))
	for name, data := range map[string][]byte{
		"a text":       []byte("this is a text and no archive"),
		"cut":          whole[:len(whole)/2],
		"bad gzip":     []byte("\x1f\x8b\x08this is not gzip"),
		"bad xz":       []byte("\xfd7zXZ\x00this is not xz"),
		"not all tar":  archiveOf(t, entry{name: "a", content: strings.Repeat("abc", 1000)})[:700],
		"no archive":   gzipped(t, []byte("text")),
		"bad checksum": append(make([]byte, 100), archiveOf(t, entry{name: "a"})...),
	} {
		if err := Extract(t.Context(), bytes.NewReader(data), newRoot(t), Limits{}); err == nil {
			t.Errorf("%s: it was accepted", name)
		}
	}
}

// TestExtractCompressions reads every form.
func TestExtractCompressions(t *testing.T) {
	plain := archiveOf(t, entry{name: "a", content: "a"})
	encoder, _ := zstd.NewWriter(nil)
	bzip, err := os.ReadFile("testdata/a.tar.bz2")
	if err != nil {
		t.Fatal(err)
	}
	xz, err := os.ReadFile("testdata/a.tar.xz")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"plain": plain, "gzip": gzipped(t, plain), "zstd": encoder.EncodeAll(plain, nil), "bzip2": bzip, "xz": xz} {
		root := newRoot(t)
		if err := Extract(t.Context(), bytes.NewReader(data), root, Limits{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := listing(t, root); got != "-rw-r--r-- a a\n" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestExtractTimes keeps them, and is not confused by strange ones.
func TestExtractTimes(t *testing.T) {
	root := newRoot(t)
	if err := Extract(t.Context(), bytes.NewReader(archiveOf(t, entry{name: "a"})), root, Limits{}); err != nil {
		t.Fatal(err)
	}
	if info, err := root.Stat("a"); err != nil || info.ModTime().Unix() != 1_700_000_000 {
		t.Errorf("%v, %v", info, err)
	}
}

// TestExtractCanceled ends with its context.
func TestExtractCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Extract(ctx, bytes.NewReader(archiveOf(t, entry{name: "a"})), newRoot(t), Limits{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// FuzzExtract unpacks anything: newRoot looks that nothing is written outside.
func FuzzExtract(f *testing.F) {
	for _, entries := range [][]entry{
		{{name: "a", content: "a"}},
		{{name: "../outside", content: "x"}},
		{{name: "a", kind: tar.TypeSymlink, link: ".."}, {name: "a/outside", content: "x"}},
		{{name: "d", kind: tar.TypeDir, mode: 0o755}, {name: "d/l", kind: tar.TypeLink, link: "../outside"}},
	} {
		f.Add(archiveOf(f, entries...))
		f.Add(gzipped(f, archiveOf(f, entries...)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		root := newRoot(t)
		t.Cleanup(func() { open(root) })
		_ = Extract(t.Context(), bytes.NewReader(data), root, Limits{Bytes: 1 << 20, Entries: 100})
	})
}

// FuzzNames unpacks archives of names and links that are made from the input, so that their headers are sound.
func FuzzNames(f *testing.F) {
	f.Add("a", "..", "a/outside", byte(tar.TypeSymlink))
	f.Add("a/b", "../../outside", "a/b", byte(tar.TypeLink))
	f.Add("a", "/tmp", "a/b/../../..", byte(tar.TypeSymlink))
	f.Fuzz(func(t *testing.T, first, link, second string, kind byte) {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, e := range []entry{{name: "d/e/f", content: "x"}, {name: first, link: link, kind: kind}, {name: second, content: "y"}} {
			h := e.header()
			if h.Typeflag != tar.TypeReg {
				h.Size = 0
			}
			if w.WriteHeader(h) != nil {
				return
			}
			_, _ = w.Write([]byte(e.content))
		}
		_ = w.Close()
		root := newRoot(t)
		t.Cleanup(func() { open(root) })
		_ = Extract(t.Context(), &b, root, Limits{Bytes: 1 << 20, Entries: 100})
	})
}

// open opens what was unpacked, so that it can be removed.
func open(root *os.Root) {
	_ = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = root.Chmod(name, 0o700)
		}
		return nil
	})
}
