package executor

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tarOf is an archive: names that end with a slash are directories; "name -> target" a symbolic and "name = target" a hard link;
// "name | " a device; "name: content" a file.
func tarOf(t testing.TB, lines ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, line := range lines {
		h := &tar.Header{Name: line, Typeflag: tar.TypeDir, Mode: 0o755}
		content := ""
		for sign, kind := range map[string]byte{" -> ": tar.TypeSymlink, " = ": tar.TypeLink, " | ": tar.TypeBlock, ": ": tar.TypeReg} {
			if name, rest, found := strings.Cut(line, sign); found {
				h.Name, h.Typeflag = name, kind
				if kind == tar.TypeReg {
					content, h.Size = rest, int64(len(rest))
				} else {
					h.Linkname = rest
				}
			}
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(w, content)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// tree is a directory as tarOf has it.
func tree(t testing.TB, dir string) string {
	t.Helper()
	var lines []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || name == ".":
			return err
		case d.IsDir():
			lines = append(lines, name+"/")
		case d.Type() == fs.ModeSymlink:
			target, err := os.Readlink(filepath.Join(dir, name))
			lines = append(lines, name+" -> "+target)
			return err
		default:
			content, err := os.ReadFile(filepath.Join(dir, name))
			lines = append(lines, name+": "+string(content))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

// TestUnpack brings what containers wrote, which may be anything, into a directory, of which nothing leads out.
func TestUnpack(t *testing.T) {
	for _, c := range []struct {
		about   string
		archive []string
		want    string // the directory, or what the error says
	}{
		{"as it was", []string{"./", "./old: old", "./dir/", "./dir/file: x"}, "dir/\ndir/file: x\nold: old"},
		{"something new, something gone", []string{"new: new", "made/", "made/x: y"}, "made/\nmade/x: y\nnew: new"},
		{"a file in place of a directory", []string{"dir: file"}, "dir: file"},
		{"a directory in place of a file", []string{"old/", "old/x: y"}, "old/\nold/x: y"},
		{"links", []string{"a: x", "b = a", "c -> /etc/passwd"}, "a: x\nb: x\nc -> /etc/passwd"},
		{"a device", []string{"disk | ", "a: x"}, "a: x"},
		{"nothing", nil, ""},
		{"a way up", []string{"../out: x"}, "escapes"},
		{"through a link", []string{"up -> ..", "up/out: x"}, "escapes"},
		{"through an absolute link", []string{"up -> /tmp", "up/acrlocal-out: x"}, "escapes"},
		{"a link to outside", []string{"a = ../outside"}, "escapes"},
		{"too much", []string{"a: " + strings.Repeat("x", 200)}, "too large"},
	} {
		t.Run(c.about, func(t *testing.T) {
			parent := t.TempDir()
			dir := filepath.Join(parent, "dir")
			for name, content := range map[string]string{"dir/old": "old", "dir/dir/file": "x", "outside": "secret"} {
				if err := errors.Join(os.MkdirAll(filepath.Join(parent, filepath.Dir(name)), 0o755), os.WriteFile(filepath.Join(parent, name), []byte(content), 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			root, err := os.OpenRoot(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			err = unpack(root, bytes.NewReader(tarOf(t, c.archive...)), 100)
			got := ""
			if err != nil {
				got = err.Error()
			} else {
				got = tree(t, dir)
			}
			if err != nil && !strings.Contains(got, c.want) || err == nil && got != c.want {
				t.Errorf("%s\nwant\n%s", got, c.want)
			}
			if outside, _ := os.ReadFile(filepath.Join(parent, "outside")); string(outside) != "secret" {
				t.Errorf("outside is now %q", outside)
			}
			if names, _ := os.ReadDir(parent); len(names) != 2 {
				t.Errorf("there are %v beside it", names)
			}
		})
	}
}

// TestPack packs a directory and unpacks it into another.
func TestPack(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	for _, err := range []error{
		os.MkdirAll(filepath.Join(one, "a", "b"), 0o755), os.WriteFile(filepath.Join(one, "a", "file"), []byte("content"), 0o600),
		os.Symlink("/nowhere", filepath.Join(one, "link")), os.WriteFile(filepath.Join(two, "gone"), nil, 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	from, err := os.OpenRoot(one)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := os.OpenRoot(two)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	var b bytes.Buffer
	if err := errors.Join(pack(from, &b), unpack(to, &b, 100)); err != nil {
		t.Fatal(err)
	}
	if got, want := tree(t, two), tree(t, one); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if info, err := os.Stat(filepath.Join(two, "a", "file")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

// TestFilter drops what the executor put into a container from the layer that the engine makes of it.
func TestFilter(t *testing.T) {
	made := map[string]bool{"run": true, "run/acrlocal": true, "run/acrlocal/ca.pem": true, "etc": true, "etc/bundle": true}
	for _, c := range []struct{ about, layer, want string }{
		{"nothing else", "run/;run/acrlocal/;run/acrlocal/ca.pem: x;etc/;etc/bundle: y", ""},
		{"something beside it", "etc/;etc/bundle: y;etc/mine: z", "etc/;etc/mine: z"},
		{"something below it", "run/;run/acrlocal/;run/acrlocal/ca.pem: x;run/acrlocal/mine: y", "run/;run/acrlocal/;run/acrlocal/mine: y"},
		{"something after it", "run/;run/acrlocal/;run/acrlocal/ca.pem: x;run-mine: y", "run-mine: y"},
		{"a removal", "etc/;etc/.wh.passwd: ;etc/bundle: y", "etc/;etc/.wh.passwd: "},
	} {
		t.Run(c.about, func(t *testing.T) {
			var b bytes.Buffer
			if err := filter(bytes.NewReader(tarOf(t, strings.Split(c.layer, ";")...)), &b, made); err != nil {
				t.Fatal(err)
			}
			var got []string
			for r := tar.NewReader(&b); ; {
				h, err := r.Next()
				if err != nil {
					break
				}
				content, _ := io.ReadAll(r)
				if h.Typeflag == tar.TypeReg {
					h.Name += ": " + string(content)
				}
				got = append(got, h.Name)
			}
			if strings.Join(got, ";") != c.want {
				t.Errorf("%v, want %s", got, c.want)
			}
		})
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(tarOf(f, "a/", "a/b: c", "d -> ..", "e = a/b"))
	f.Fuzz(func(t *testing.T, archive []byte) {
		parent := t.TempDir()
		if err := os.Mkdir(filepath.Join(parent, "dir"), 0o755); err != nil {
			t.Fatal(err)
		}
		root, err := os.OpenRoot(filepath.Join(parent, "dir"))
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		_ = unpack(root, bytes.NewReader(archive), 1<<20)
		if names, _ := os.ReadDir(parent); len(names) != 1 {
			t.Errorf("it has made %v", names)
		}
	})
}

func FuzzSeparate(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 2, 'a', 'b', 2, 0, 0, 0, 0, 0, 0, 1, 'c'})
	f.Add([]byte{3, 0, 0, 0, 0, 0, 0, 1, 'c'})
	f.Fuzz(func(t *testing.T, stream []byte) {
		var out, complaints bytes.Buffer
		if err := separate(bytes.NewReader(stream), &out, &complaints); err == nil && len(stream)%frameHeader != 0 && out.Len()+complaints.Len() == 0 {
			t.Errorf("%v says nothing and is no error", stream)
		}
	})
}
