package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// loopback is a transport that reaches this machine alone.
func loopback(host string) http.RoundTripper {
	if host != "127.0.0.1" && host != "localhost" {
		return nil
	}
	return http.DefaultTransport
}

// fetch fetches a context and returns what is there then.
func fetch(t *testing.T, f *Fetcher, context string) (Result, string, error) {
	t.Helper()
	l, err := Parse(context)
	if err != nil {
		return Result{}, "", err
	}
	root := newRoot(t)
	result, err := f.Fetch(t.Context(), l, root)
	return result, listing(t, root), err
}

// TestParse understands contexts.
func TestParse(t *testing.T) {
	for context, want := range map[string]string{
		"":                                     "none",
		"/dev/null":                            "none",
		".":                                    "path .",
		"source/202401/a.tar.gz":               "path source/202401/a.tar.gz",
		"oci://contoso.azurecr.io/src:v1":      "artifact contoso.azurecr.io/src:v1",
		"OCI://contoso.azurecr.io/src":         "artifact contoso.azurecr.io/src",
		"http://localhost:1/a.tar.gz":          "archive http://localhost:1/a.tar.gz",
		"https://a.b/a.tgz?sig=c#d":            "archive https://a.b/a.tgz?sig=c",
		"https://a.b/r.git":                    "git https://a.b/r.git",
		"https://a.b/r.git#main":               "git https://a.b/r.git main",
		"https://a.b/r.git#feature/x:sub/dir":  "git https://a.b/r.git feature/x sub/dir",
		"https://a.b/r.git#:sub":               "git https://a.b/r.git  sub",
		"https://a.b/r.git#main:/../../sub/":   "git https://a.b/r.git main sub",
		"github.com/ada/app":                   "git https://github.com/ada/app",
		"https://dev.azure.com/o/p/_git/r#b":   "git https://dev.azure.com/o/p/_git/r b",
		"https://o.visualstudio.com/p/_git/r":  "git https://o.visualstudio.com/p/_git/r",
		"https://dev.azure.com/o/_git/r?a=b":   "archive https://dev.azure.com/o/_git/r?a=b",
		"file:///srv/app#v1":                   "git file:///srv/app v1",
		"https://token@a.b/r.git":              "git https://token@a.b/r.git",
		"git@github.com:ada/app.git":           "error",
		"ssh://git@github.com/ada/app.git":     "error",
		"git://github.com/ada/app.git":         "error",
		"https://a.b/r.git#--upload-pack=x":    "error",
		"https://a.b/r.git#+a":                 "error",
		"https://a.b/r.git#a..b":               "error",
		"https://a.b/r.git#a b":                "error",
		"https://a.b/r.git#main:--output=x":    "error",
		"http://":                              "error",
		"http://[::1":                          "error",
		"https://a.b/r.git#" + string(rune(0)): "error",
	} {
		l, err := Parse(context)
		if got := describe(l, err); got != want {
			t.Errorf("%q is %q, want %q (%v)", context, got, want, err)
		}
	}
}

func describe(l Location, err error) string {
	switch {
	case err != nil:
		return "error"
	case l.Kind == Path:
		return "path " + l.Path
	case l.Kind == Artifact:
		return "artifact " + l.Reference
	case l.Kind == Archive:
		return "archive " + l.URL.String()
	case l.Kind == Git:
		return strings.TrimRight(fmt.Sprintf("git %s %s %s", l.URL, l.Ref, l.Dir), " ")
	default:
		return "none"
	}
}

// TestUpload unpacks what a client uploaded.
func TestUpload(t *testing.T) {
	f := &Fetcher{Upload: func(path string) (io.ReadCloser, error) {
		if path != "source/a.tar.gz" {
			return nil, errors.New("BlobNotFound")
		}
		return io.NopCloser(bytes.NewReader(gzipped(t, archiveOf(t, entry{name: "a", content: "a"})))), nil
	}}
	if _, got, err := fetch(t, f, "source/a.tar.gz"); err != nil || got != "-rw-r--r-- a a\n" {
		t.Errorf("%q, %v", got, err)
	}
	if _, _, err := fetch(t, f, "source/b.tar.gz"); err == nil || err.Error() != "BlobNotFound" {
		t.Errorf("got %v", err)
	}
	if _, _, err := fetch(t, &Fetcher{}, "source/b.tar.gz"); err == nil {
		t.Error("there is nowhere to find it")
	}
	if result, got, err := fetch(t, &Fetcher{}, "/dev/null"); err != nil || got != "" || result.Dir != "." {
		t.Errorf("%v, %q, %v", result, got, err)
	}
}

// TestArchive fetches from a server, also after a redirection, and from no other.
func TestArchive(t *testing.T) {
	archive := gzipped(t, archiveOf(t, entry{name: "a", content: "a"}))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/a.tar.gz":
			_, _ = w.Write(archive)
		case "/moved":
			http.Redirect(w, r, "/a.tar.gz", http.StatusFound)
		case "/away":
			http.Redirect(w, r, "http://192.0.2.1/a.tar.gz", http.StatusFound)
		case "/to-a-file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		case "/around":
			http.Redirect(w, r, "/around", http.StatusFound)
		case "/text":
			_, _ = io.WriteString(w, "hello")
		default:
			http.Error(w, "no such archive", http.StatusNotFound)
		}
	}))
	defer server.Close()
	var lines []string
	f := &Fetcher{Transport: loopback, Log: func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }}
	for path, want := range map[string]string{
		"/a.tar.gz":  "-rw-r--r-- a a\n",
		"/moved":     "-rw-r--r-- a a\n",
		"/away":      "unable to download remote context: 192.0.2.1 is outside this emulator",
		"/to-a-file": "is outside this emulator",
		"/around":    "stopped after 10 redirects",
		"/text":      "failed to untar context: the archive cannot be read",
		"/nowhere":   "with status 404 Not Found: no such archive",
	} {
		_, got, err := fetch(t, f, server.URL+path)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	if !strings.Contains(strings.Join(lines, "\n"), fmt.Sprintf("Getting context from URL\nRead context with status code 200\nRead context of %d bytes\n", len(archive))) {
		t.Errorf("it said %q", lines)
	}
}

// TestOutside refuses every host that the caller does not know, and tells no password.
func TestOutside(t *testing.T) {
	for _, context := range []string{"https://ada:hidden@example.com/a.tar.gz", "https://ada:hidden@example.com/a.git", "http://169.254.169.254/a.tar.gz", "http://ada:hidden@127.0.0.1:1/a.tar.gz", "file:///etc"} {
		_, _, err := fetch(t, &Fetcher{}, context)
		if err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", context, err)
		}
	}
	_, _, err := fetch(t, &Fetcher{Transport: loopback}, "http://ada:hidden@127.0.0.1:1/a.tar.gz")
	if err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("%v", err)
	}
}

// artifactOf makes an artifact; a layer's name that ends in / is a packed directory.
func artifactOf(t *testing.T, layers map[string][]byte) v1.Image {
	t.Helper()
	image := empty.Image
	for title, content := range layers {
		annotations := map[string]string{}
		if title != "" {
			annotations[titleAnnotation] = strings.TrimSuffix(title, "/")
		}
		if strings.HasSuffix(title, "/") {
			annotations[unpackAnnotation] = "true"
		}
		var err error
		image, err = mutate.Append(image, mutate.Addendum{Layer: static.NewLayer(content, types.OCILayer), Annotations: annotations, MediaType: types.OCILayer})
		if err != nil {
			t.Fatal(err)
		}
	}
	return image
}

// TestArtifact writes layers under their titles.
func TestArtifact(t *testing.T) {
	large := bytes.Repeat([]byte("x"), 2<<20)
	for name, row := range map[string]struct {
		layers     map[string][]byte
		want, fail string
	}{
		"files and directories": {
			layers: map[string][]byte{"a.txt": []byte("a"), "d/b.txt": []byte("b"), "src/": gzipped(t, archiveOf(t, entry{name: "src/c", content: "c"})), "": []byte("no title")},
			want:   "-rw-r--r-- a.txt a\ndrwxr-xr-x d\n-rw-r--r-- d/b.txt b\ndrwxr-xr-x src\n-rw-r--r-- src/c c\n",
		},
		"above":         {layers: map[string][]byte{"../outside": []byte("x")}, fail: "leads out of the context"},
		"above, packed": {layers: map[string][]byte{"src/": archiveOf(t, entry{name: "../outside", content: "c"})}, fail: "leads out of the context"},
		"the root":      {layers: map[string][]byte{"/": []byte("x")}, want: ""},
		"dot":           {layers: map[string][]byte{".": []byte("x")}, fail: "without a name"},
		"large":         {layers: map[string][]byte{"a": large}, fail: "too large"},
		"large in all":  {layers: map[string][]byte{"a": large[:1<<19], "b": large[:1<<19+1]}, fail: "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &Fetcher{Limits: Limits{Bytes: 1 << 20}, Image: func(_ context.Context, reference string) (v1.Image, error) {
				if reference != "contoso.azurecr.io/src:v1" {
					t.Errorf("asked for %q", reference)
				}
				return artifactOf(t, row.layers), nil
			}}
			_, got, err := fetch(t, f, "oci://contoso.azurecr.io/src:v1")
			if row.fail != "" {
				if err == nil || !strings.Contains(err.Error(), row.fail) {
					t.Errorf("got %v, want %q", err, row.fail)
				}
				return
			}
			if diff := cmp.Diff(row.want, got); err != nil || diff != "" {
				t.Error(err, diff)
			}
		})
	}
	if _, _, err := fetch(t, &Fetcher{}, "oci://contoso.azurecr.io/src"); err == nil || !strings.Contains(err.Error(), "outside this emulator") {
		t.Errorf("got %v", err)
	}
	denied := &Fetcher{Image: func(context.Context, string) (v1.Image, error) { return nil, errors.New("DENIED") }}
	if _, _, err := fetch(t, denied, "oci://contoso.azurecr.io/src"); err == nil || err.Error() != "failed to pull artifact from registry: DENIED" {
		t.Errorf("got %v", err)
	}
}

// FuzzParse understands anything, and what it gives to git has no option in it.
func FuzzParse(f *testing.F) {
	for _, context := range []string{"https://a.b/r.git#main:sub", "file:///a#-b", "oci://a/b", "git@a:b", "github.com/a/b#c:d"} {
		f.Add(context)
	}
	f.Fuzz(func(t *testing.T, context string) {
		l, err := Parse(context)
		if err != nil || l.Kind != Git {
			return
		}
		if strings.HasPrefix(l.Ref, "-") || strings.HasPrefix(l.Dir, "-") || strings.HasPrefix(l.Dir, "..") || strings.ContainsAny(l.Ref, ":^~?*[\\ ") || l.URL.Fragment != "" {
			t.Errorf("%q became %+v", context, l)
		}
	})
}
