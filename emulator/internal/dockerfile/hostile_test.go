package dockerfile

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// contextOf makes a context of files, by their paths.
func contextOf(t testing.TB, files map[string]string) *os.Root {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() }) //nolint:errcheck // it is only read
	return root
}

// buildFails builds what must not be built, and returns the error. Nothing may be left in the scratch directory.
func buildFails(t *testing.T, o Options) error {
	t.Helper()
	o.Scratch = t.TempDir()
	result, err := Build(t.Context(), o)
	if err == nil {
		result.Close() //nolint:errcheck // the directory is the test's
		t.Fatal("it was built")
	}
	if left, _ := os.ReadDir(o.Scratch); len(left) > 0 {
		t.Errorf("%v is left in the scratch directory", left)
	}
	return err
}

func zipped(t *testing.T, headers ...*tar.Header) string {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	archive := tar.NewWriter(z)
	for _, h := range headers {
		if err := archive.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(archive, zeros{}, h.Size); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestLimits reaches every bound, and wants an error that names it.
func TestLimits(t *testing.T) {
	many := make([]*tar.Header, 100)
	for i := range many {
		many[i] = &tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprint(i)}
	}
	deep := &tar.Header{Typeflag: tar.TypeReg, Name: strings.Repeat("a/", 100_000) + "a"}
	attributed := make([]*tar.Header, 140)
	for i := range attributed {
		attributed[i] = &tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprint(i), PAXRecords: map[string]string{xattrRecord + "user.a": strings.Repeat("a", 1_000_000)}}
	}
	doubling := "FROM scratch\nENV A=0123456789\n" + strings.Repeat("ENV A=$A$A\n", 40)
	for name, test := range map[string]struct {
		dockerfile string
		files      map[string]string
		limits     Limits
		want       string
	}{
		"large Dockerfile":      {"FROM scratch\n#" + strings.Repeat("x", 2<<20), nil, Limits{}, "bytes in Dockerfile"},
		"many instructions":     {"FROM scratch\n" + strings.Repeat("ENV a=b\n", 3000), nil, Limits{}, "instructions"},
		"many stages":           {strings.Repeat("FROM scratch\n", 3000), nil, Limits{}, "instructions"},
		"doubling":              {doubling, nil, Limits{}, "bytes in an expanded word"},
		"a word of many values": {"FROM scratch\nENV A=" + strings.Repeat("a", 60_000) + "\nENV B=" + strings.Repeat("$A", 30_000), nil, Limits{}, "bytes in an expanded word"},
		"replacements":          {"FROM scratch\nENV A=" + strings.Repeat("a", 60_000) + "\nENV B=${A//a/$A}", nil, Limits{}, "bytes in an expanded word"},
		"nested replacements":   {"FROM scratch\nENV A=aaaaaaaaaa\nENV B=" + strings.Repeat("${A//a/", 12) + "$A" + strings.Repeat("}", 12), nil, Limits{}, "bytes in an expanded word"},
		"files in the context":  {"FROM scratch\nCOPY . /", map[string]string{"a": "", "b": "", "c": ""}, Limits{Files: 2}, "files in a context"},
		"bytes in the context":  {"FROM scratch\nCOPY . /", map[string]string{"a": strings.Repeat("a", 5000)}, Limits{Bytes: 4096}, "bytes in a context"},
		"bomb":                  {"FROM scratch\nADD a /", map[string]string{"a": zipped(t, &tar.Header{Typeflag: tar.TypeReg, Name: "f", Size: 8 << 20})}, Limits{Bytes: 1 << 20}, "bytes in an archive"},
		"many bombs":            {"FROM scratch\n" + strings.Repeat("ADD a /\n", 20), map[string]string{"a": zipped(t, &tar.Header{Typeflag: tar.TypeReg, Name: "f", Size: 900_000})}, Limits{Bytes: 1 << 20}, "bytes in the files of a build"},
		"bomb of headers":       {"FROM scratch\nADD a /", map[string]string{"a": zipped(t, many...)}, Limits{Bytes: 20_000}, "bytes in an archive"},
		"files in an archive":   {"FROM scratch\nADD a /", map[string]string{"a": zipped(t, many...)}, Limits{Files: 50}, "files in an image"},
		"words of one line":     {"FROM scratch\nENV A=" + strings.Repeat("a", 60_000) + "\nENV" + strings.Repeat(" \\\nB=$A", 60_000), nil, Limits{}, "bytes in all words"},
		"a shell in every line": {"FROM scratch\nSHELL [\"" + strings.Repeat("a", 60_000) + "\"]\n" + strings.Repeat("ENV a=b\n", 200), nil, Limits{}, "bytes in the configuration"},
		"deep WORKDIR":          {"FROM scratch\nWORKDIR " + strings.Repeat("a/", 30_000), nil, Limits{}, "directories within each other"},
		"deep archive":          {"FROM scratch\nADD a /", map[string]string{"a": zipped(t, deep)}, Limits{}, "directories within each other"},
		"attributes":            {"FROM scratch\nADD a /", map[string]string{"a": zipped(t, attributed...)}, Limits{}, "bytes in the names and attributes"},
		"patterns":              {"FROM scratch", map[string]string{".dockerignore": strings.Repeat("!**/a*b\n", 10_000)}, Limits{}, "patterns in .dockerignore"},
		"trees":                 {"FROM scratch AS s\nCOPY . /\n" + strings.Repeat("FROM s AS s\nWORKDIR /x\n", 20), map[string]string{"a": "", "b": "", "c": ""}, Limits{Files: 8}, "files in all stages"},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"Dockerfile": test.dockerfile}
			for name, content := range test.files {
				files[name] = content
			}
			err := buildFails(t, Options{Context: contextOf(t, files), Limits: test.limits})
			if !errors.Is(err, ErrLimit) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want the limit of %s", err, test.want)
			}
		})
	}
}

// TestContextIsAllThereIs tries ways out of the context.
func TestContextIsAllThereIs(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	link := func(name string) func(dir string) error {
		return func(dir string) error { return os.Symlink(outside, filepath.Join(dir, name)) }
	}
	pipe := func(name string) func(dir string) error {
		return func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, name), 0o644) }
	}
	for name, test := range map[string]struct {
		o     Options
		setup func(dir string) error
		want  string
	}{
		"a Dockerfile that is a link":      {Options{Dockerfile: "link"}, link("link"), "failed to read dockerfile"},
		"a Dockerfile outside":             {Options{Dockerfile: "../secret"}, nil, "failed to read dockerfile"},
		"an absolute Dockerfile":           {Options{Dockerfile: outside}, nil, "failed to read dockerfile"},
		"a Dockerfile that is a pipe":      {Options{Dockerfile: "pipe"}, pipe("pipe"), "no regular file"},
		"a Dockerfile that is a directory": {Options{Dockerfile: "."}, nil, "no regular file"},
		"a .dockerignore that is a link":   {Options{Source: []byte("FROM scratch")}, link(".dockerignore"), "escapes"},
		"a .dockerignore that is a pipe":   {Options{Source: []byte("FROM scratch")}, pipe(".dockerignore"), "no regular file"},
		"COPY of a link":                   {Options{Source: []byte("FROM scratch\nCOPY link /")}, link("link"), "file does not exist"},
		"COPY through a link":              {Options{Source: []byte("FROM scratch\nCOPY link/../secret /")}, link("link"), "file does not exist"},
		"COPY from above":                  {Options{Source: []byte("FROM scratch\nCOPY ../secret /")}, nil, "forbidden path outside the build context"},
		"links in a circle": {
			Options{Source: []byte("FROM scratch\nCOPY a /")},
			func(dir string) error {
				return errors.Join(os.Symlink("b", filepath.Join(dir, "a")), os.Symlink("a", filepath.Join(dir, "b")))
			},
			"too many levels of symbolic links",
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.o.Context = contextOf(t, nil)
			if test.setup != nil {
				if err := test.setup(test.o.Context.Name()); err != nil {
					t.Fatal(err)
				}
			}
			if err := buildFails(t, test.o); !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret\n") {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

// TestTriggers gives images triggers that no Dockerfile could have left.
func TestTriggers(t *testing.T) {
	for trigger, want := range map[string]string{
		"ONBUILD ENV a=b":                     "isn't allowed",
		"FROM scratch":                        "isn't allowed as an ONBUILD trigger",
		"MAINTAINER x":                        "isn't allowed as an ONBUILD trigger",
		"ENV a=b\nENV c=d":                    "single expression",
		"NONE":                                "unknown instruction: NONE",
		"":                                    "file with no instructions",
		"ENV a=" + strings.Repeat("x", 2<<20): "bytes in a trigger",
	} {
		image, err := mutate.Config(empty.Image, v1.Config{OnBuild: []string{trigger}})
		if err != nil {
			t.Fatal(err)
		}
		err = buildFails(t, Options{Source: []byte("FROM base"), Pull: pullOne(image)})
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%.30q: %.200v, want %q", trigger, err, want)
		}
	}
	image, err := mutate.Config(empty.Image, v1.Config{OnBuild: strings.Split(strings.Repeat("ENV a=b;", 3000), ";")})
	if err != nil {
		t.Fatal(err)
	}
	if err := buildFails(t, Options{Source: []byte("FROM base"), Pull: pullOne(image)}); !errors.Is(err, ErrLimit) {
		t.Errorf("3,000 triggers: %v", err)
	}
}

func pullOne(image v1.Image) func(context.Context, string, v1.Platform) (v1.Image, error) {
	return func(context.Context, string, v1.Platform) (v1.Image, error) { return image, nil }
}

// layerOf is a layer of any bytes.
func layerOf(t testing.TB, content []byte) v1.Layer {
	t.Helper()
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestLayerCutShort wants an error of a base image whose layer ends too early, not a file system without the rest.
func TestLayerCutShort(t *testing.T) {
	l := layerOf(t, []byte(gunzipped(t, zipped(t, &tar.Header{Typeflag: tar.TypeReg, Name: "a", Size: 4096}, &tar.Header{Typeflag: tar.TypeReg, Name: "b", Size: 4096}))))
	image, err := mutate.AppendLayers(empty.Image, brokenLayer{l})
	if err != nil {
		t.Fatal(err)
	}
	err = buildFails(t, Options{Source: []byte("FROM base\nWORKDIR /x"), Pull: pullOne(image)})
	if !errors.Is(err, errBroken) {
		t.Errorf("%v", err)
	}
}

func gunzipped(t *testing.T, content string) string {
	t.Helper()
	z, err := gzip.NewReader(strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

var errBroken = errors.New("the connection broke")

// brokenLayer ends with a valid end of an archive, and then an error, as mutate.Extract does.
type brokenLayer struct{ v1.Layer }

func (b brokenLayer) Uncompressed() (io.ReadCloser, error) {
	stream, err := b.Layer.Uncompressed()
	return io.NopCloser(io.MultiReader(stream, failing{})), err
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errBroken }

// TestCanceled ends a build whose context is done.
func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Build(ctx, Options{Source: []byte("FROM scratch\nENV a=b"), Scratch: t.TempDir()}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
