package dockerfile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/acrlocal/acrlocal/e2e/imagecase"
)

// layersOf describes the layers of what is built, without the configuration.
func layersOf(t *testing.T, o Options) string {
	t.Helper()
	o.Scratch = t.TempDir()
	result, err := Build(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer result.Close() //nolint:errcheck // the directory is the test's
	description, err := new(imagecase.Case).Describe(result.Image)
	if err != nil {
		t.Fatal(err)
	}
	_, layers, _ := strings.Cut(description, "layer:\n")
	return "layer:\n" + layers
}

// fetch answers every URL with its own text.
func fetch(_ context.Context, url string) (Download, error) {
	return Download{Body: io.NopCloser(strings.NewReader(url)), Name: "given", Modified: time.Unix(1, 0)}, nil
}

// TestAddURL adds what URLs have: with mode 600, named by the URL, else by the server.
func TestAddURL(t *testing.T) {
	got := layersOf(t, Options{Fetch: fetch, Source: []byte("FROM scratch\nADD http://h/a/b.txt?q=1 http://h/dir/ /x/\nADD --chown=1:2 --chmod=640 https://h/c /file\n")})
	want := `layer:
  x 0755 0:0 dir
  x/b.txt 0600 0:0 file 20 ` + sum("http://h/a/b.txt?q=1")[:16] + `
  x/given 0600 0:0 file 13 ` + sum("http://h/dir/")[:16] + `
layer:
  file 0640 1:2 file 11 ` + sum("https://h/c")[:16] + "\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func sum(text string) string {
	digest := sha256.Sum256([]byte(text))
	return hex.EncodeToString(digest[:])
}

// TestAddChecksum takes a download only with the digest that was asked for.
func TestAddChecksum(t *testing.T) {
	right := "sha256:" + sum("http://h/a")
	layersOf(t, Options{Fetch: fetch, Source: []byte("FROM scratch\nARG S=" + right + "\nADD --checksum=$S http://h/a /")})
	for checksum, want := range map[string]string{
		"sha256:" + sum("other"): "digest mismatch http://h/a: " + right,
		"md5:00":                 "the algorithm is none of",
	} {
		err := buildFails(t, Options{Fetch: fetch, Source: []byte("FROM scratch\nADD --checksum=" + checksum + " http://h/a /")})
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", checksum, err, want)
		}
	}
	err := buildFails(t, Options{Context: contextOf(t, map[string]string{"a": ""}), Source: []byte("FROM scratch\nADD --checksum=" + right + " a /")})
	if !strings.Contains(err.Error(), "checksum can't be specified for local sources") {
		t.Errorf("%v", err)
	}
}

// TestAddRefused wants a clear line for what cannot be reached.
func TestAddRefused(t *testing.T) {
	failing := func(context.Context, string) (Download, error) { return Download{}, errors.New("no such host") }
	nameless := func(ctx context.Context, url string) (Download, error) {
		d, err := fetch(ctx, url)
		d.Name = ""
		return d, err
	}
	for source, test := range map[string]struct {
		o    Options
		want string
	}{
		"http://h/a":              {Options{}, "ADD failed: http://h/a: URLs cannot be reached from this build"},
		"https://h/b":             {Options{Fetch: failing}, "ADD failed: no such host"},
		"https://h/":              {Options{Fetch: nameless}, "ADD failed: cannot determine filename for source https://h/"},
		"https://h/c":             {Options{Fetch: fetch, Limits: Limits{Bytes: 5}}, "limit reached"},
		"https://h/r.git#main":    {Options{Fetch: fetch}, "ADD failed: https://h/r.git#main: Git repositories cannot be reached from this build"},
		"git@github.com:a/b.git":  {Options{}, "Git repositories cannot be reached"},
		"local":                   {Options{}, "ADD failed: missing build context"},
		"git://h/r http://h/a":    {Options{Clone: func(context.Context, string, string) error { return errors.New("no repository") }}, "ADD failed: no repository"},
		"--keep-git-dir=x /a":     {Options{}, "expecting boolean value for flag --keep-git-dir, not: x"},
		"http://h/%zz":            {Options{Fetch: fetch}, "invalid URL escape"},
		"--chmod=9 http://h/a":    {Options{Fetch: fetch}, "ADD failed: invalid chmod parameter: '9'. it should be octal string and between 0 and 07777"},
		"--chmod=10000 http://h/": {Options{Fetch: fetch}, "invalid chmod parameter"},
	} {
		test.o.Source = []byte("FROM scratch\nADD " + source + " /x/")
		if err := buildFails(t, test.o); !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v\nwant %q", source, err, test.want)
		}
	}
}

// TestAddRepository adds the files of a repository, without its .git unless that is wanted.
func TestAddRepository(t *testing.T) {
	clone := func(_ context.Context, repository, dir string) error {
		if err := os.Mkdir(filepath.Join(dir, ".git"), 0o755); err != nil {
			return err
		}
		return errors.Join(
			os.WriteFile(filepath.Join(dir, ".git", "HEAD"), nil, 0o644), os.WriteFile(filepath.Join(dir, "name"), []byte(repository), 0o644))
	}
	got := layersOf(t, Options{Clone: clone, Source: []byte("FROM scratch\nADD https://h/r.git /a\nADD --keep-git-dir git@h:r.git /b/\n")})
	want := `layer:
  a 0755 0:0 dir
  a/name 0644 0:0 file 15 ` + sum("https://h/r.git")[:16] + `
layer:
  b 0755 0:0 dir
  b/.git 0755 0:0 dir
  b/.git/HEAD 0644 0:0 file 0 ` + sum("")[:16] + `
  b/name 0644 0:0 file 11 ` + sum("git@h:r.git")[:16] + "\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestIndex builds for two platforms.
func TestIndex(t *testing.T) {
	result, err := Index(t.Context(), Options{
		Scratch: t.TempDir(), Context: contextOf(t, map[string]string{"amd64": "a", "arm64": "b"}),
		Source: []byte("FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /app\n"),
	}, []v1.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64", Variant: "v8"}})
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := result.Index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"linux/amd64", "linux/arm64/v8"} {
		digest, err := result.Images[i].Image.Digest()
		if err != nil || manifest.Manifests[i].Digest != digest || manifest.Manifests[i].Platform.String() != want {
			t.Errorf("%+v, want %s %s", manifest.Manifests[i], want, digest)
		}
	}
	if err := result.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestDependencies reports what went into an image.
func TestDependencies(t *testing.T) {
	base, other := imageWith(t, "base"), imageWith(t, "other")
	pulled := map[string]int{}
	result, err := Build(t.Context(), Options{
		Scratch: t.TempDir(), Args: map[string]string{"R": "r.example.io"},
		Pull: func(_ context.Context, reference string, _ v1.Platform) (v1.Image, error) {
			pulled[reference]++
			return map[string]v1.Image{"r.example.io/base:1": base, "library/other": other}[reference], nil
		},
		Source: []byte("ARG R\nFROM $R/base:1 AS a\nFROM library/other AS b\nFROM never/pulled AS unneeded\nFROM a\nCOPY --from=b /f /b\nCOPY --from=library/other /f /c\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer result.Close() //nolint:errcheck // the directory is the test's
	digest := func(i v1.Image) string {
		d, err := i.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return d.String()
	}
	runtime := &Dependency{Registry: "r.example.io", Repository: "base", Tag: "1", Digest: digest(base), Reference: "r.example.io/base:1"}
	buildtime := []Dependency{{Registry: "index.docker.io", Repository: "library/other", Tag: "latest", Digest: digest(other), Reference: "library/other"}}
	if diff := cmp.Diff(runtime, result.Runtime) + cmp.Diff(buildtime, result.Buildtime); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"r.example.io/base:1": 1, "library/other": 1}, pulled); diff != "" {
		t.Errorf("pulls (-want +got):\n%s", diff)
	}
}

// imageWith is an image with one file, f.
func imageWith(t *testing.T, content string) v1.Image {
	t.Helper()
	result, err := Build(t.Context(), Options{
		Scratch: t.TempDir(), Context: contextOf(t, map[string]string{"f": content}), Source: []byte("FROM scratch\nCOPY f /f"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return result.Image
}
