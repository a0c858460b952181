package dockerfile

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"

	"github.com/acrlocal/acrlocal/e2e/imagecase"
	"github.com/acrlocal/acrlocal/emulator/internal/compression"
)

// FuzzBuild builds anything: there is an image, or an error. Bounds are low, so that they are met.
func FuzzBuild(f *testing.F) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range cases {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(content), "Dockerfile --\n")
		source, _, _ := strings.Cut(rest, "\n-- ")
		f.Add([]byte(source))
	}
	root := contextOf(f, map[string]string{"a": "a", "d/b": "b", "a.tar": "x"})
	f.Fuzz(func(t *testing.T, source []byte) {
		o := Options{
			Context: root, Source: source, Scratch: t.TempDir(), Run: &fakeNetwork{},
			Limits: Limits{Dockerfile: 4096, Instructions: 30, Files: 100, Bytes: 1 << 20, Word: 4096},
			Pull:   func(context.Context, string, v1.Platform) (v1.Image, error) { return empty.Image, nil },
		}
		result, err := Build(t.Context(), o)
		if err != nil {
			return
		}
		if _, err := new(imagecase.Case).Describe(result.Image); err != nil {
			t.Errorf("%v", err)
		}
		if err := result.Close(); err != nil {
			t.Errorf("%v", err)
		}
	})
}

// FuzzIgnore reads a context with any .dockerignore: what is not the context's does not appear.
func FuzzIgnore(f *testing.F) {
	for _, text := range []string{"*", "!a\n*", "**/b", "/d/", "#x\n\n[a-", "\xef\xbb\xbfa", "d\n!d/b", "../a", "!", "a/**/[b]"} {
		f.Add(text)
	}
	dir := f.TempDir()
	for _, name := range []string{"a", "d/b", "d/e/f"} {
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755), os.WriteFile(filepath.Join(dir, name), nil, 0o644)); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		patterns, err := parseIgnore([]byte(text))
		if err != nil {
			return
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close() //nolint:errcheck // it is only read
		s, err := scanContext(t.Context().Err, root, patterns, Limits{Files: 100, Bytes: 1 << 20})
		if err != nil {
			return
		}
		known := map[string]bool{".": true, "a": true, "d": true, "d/b": true, "d/e": true, "d/e/f": true}
		err = s.tree.root.walk(func(rel string, _ *node) error {
			if !known[rel] {
				t.Errorf("%q has appeared", rel)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// FuzzExtract unpacks anything, as ADD and as a layer: names stay below the root, and the result is a layer again.
func FuzzExtract(f *testing.F) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, h := range []*tar.Header{
		{Typeflag: tar.TypeDir, Name: "d/"},
		{Typeflag: tar.TypeReg, Name: "../f", Size: 1},
		{Typeflag: tar.TypeSymlink, Name: "l", Linkname: "/d"},
		{Typeflag: tar.TypeLink, Name: "h", Linkname: "f"},
		{Typeflag: tar.TypeReg, Name: "l/x"},
		{Typeflag: tar.TypeReg, Name: "d/.wh.x"},
		{Typeflag: tar.TypeReg, Name: "d/.wh..wh..opq"},
	} {
		if err := w.WriteHeader(h); err != nil {
			f.Fatal(err)
		}
		if h.Size > 0 {
			w.Write([]byte("x")) //nolint:errcheck // it goes to a buffer
		}
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(archive.Bytes(), false)
	f.Add(archive.Bytes(), true)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write(archive.Bytes()) //nolint:errcheck // it goes to a buffer
	if err := z.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(zipped.Bytes(), false)
	f.Fuzz(func(t *testing.T, content []byte, layer bool) {
		s := &scratch{dir: t.TempDir(), limit: 1 << 20, done: t.Context().Err}
		plain, err := compression.Open(bytes.NewReader(content))
		if err != nil {
			return
		}
		defer plain.Close() //nolint:errcheck // it is only read
		kept, err := s.spill()
		if err != nil {
			t.Fatal(err)
		}
		defer kept.Close() //nolint:errcheck // it is in the test's directory
		u := unpacking{
			done: t.Context().Err,
			tree: newTree(), limits: Limits{Files: 100, Bytes: 1 << 20}, layer: layer, own: map[string]bool{},
			content: func(_ *tar.Header, r io.Reader) (opener, error) { return kept.add(r) },
		}
		if err := u.all(plain); err != nil {
			return
		}
		if _, err := u.tree.layer(s); err != nil {
			t.Errorf("%v", err)
		}
	})
}
