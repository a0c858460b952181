package dockerfile

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/acrlocal/acrlocal/emulator/internal/executor"
)

var shortID = regexp.MustCompile(`\b[0-9a-f]{12}\b`)

// progressOf builds and returns what was said, with ID for every ID, and the digest of the image.
func progressOf(t *testing.T, o Options) (said string, digest v1.Hash) {
	t.Helper()
	var out strings.Builder
	o.Progress, o.Scratch = &out, t.TempDir()
	result, err := Build(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if digest, err = result.Image.Digest(); err != nil {
		t.Fatal(err)
	}
	return shortID.ReplaceAllString(out.String(), "ID"), digest
}

// TestProgress says what docker build says, as it was recorded from Docker 20.10.
func TestProgress(t *testing.T) {
	image, err := mutate.Config(empty.Image, v1.Config{OnBuild: []string{"ENV X=1", "COPY a /"}})
	if err != nil {
		t.Fatal(err)
	}
	said, _ := progressOf(t, Options{
		Context: contextOf(t, map[string]string{"Dockerfile": "FROM scratch AS one\nARG V=1\nCOPY a /x/a\nFROM scratch AS unneeded\nFROM base\nRUN x\nWORKDIR /w\n", "a": "hi\n"}),
		Pull:    pullOne(image), Run: &fakeNetwork{look: func(s executor.Spec) { s.Stdout.Write([]byte("output\n")) }}, //nolint:errcheck // it goes to a builder
		Args: map[string]string{"B": "1", "A": "2"}, Labels: map[string]string{"l": "m"}, Tags: []string{"t1:latest"},
	})
	want := `Sending build context to Docker daemon  3.072kB
Step 1/4 : FROM base
# Executing 2 build triggers
 ---> Running in ID
Removing intermediate container ID
 ---> ID
Step 2/4 : RUN x
 ---> Running in ID
output
Removing intermediate container ID
 ---> ID
Step 3/4 : WORKDIR /w
 ---> Running in ID
Removing intermediate container ID
 ---> ID
Step 4/4 : LABEL l=m
 ---> Running in ID
Removing intermediate container ID
 ---> ID
[Warning] One or more build-args [A B] were not consumed
Successfully built ID
Successfully tagged t1:latest
`
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestCache builds the same again: nothing is done twice, until something differs.
func TestCache(t *testing.T) {
	network := &fakeNetwork{}
	files := map[string]string{"a": "1", "b": "1"}
	o := Options{Run: network, Cache: &Cache{}, Source: []byte("FROM scratch\nENV E=1\nCOPY a /\nRUN x\nARG V\nWORKDIR /w\nCOPY b /\nRUN y\n")}
	build := func() (hits, runs int, digest v1.Hash) {
		before := len(network.ran)
		o.Context = contextOf(t, files)
		said, digest := progressOf(t, o)
		return strings.Count(said, " ---> Using cache\n"), len(network.ran) - before, digest
	}
	_, _, first := build()
	for _, test := range []struct {
		name       string
		change     func()
		hits, runs int
		same       bool
	}{
		{"nothing", func() {}, 7, 0, true},
		{"a file", func() { files["b"] = "2" }, 5, 1, false},
		{"the file as before", func() { files["b"] = "1" }, 7, 0, true},
		{"an argument", func() { o.Args = map[string]string{"V": "1"} }, 3, 1, false},
		{"no cache wanted", func() { o.Args, o.NoCache = nil, true }, 0, 2, false},
		{"after that", func() { o.NoCache = false }, 7, 0, false},
	} {
		test.change()
		hits, runs, digest := build()
		if hits != test.hits || runs != test.runs || (digest == first) != test.same {
			t.Errorf("%s: %d hits, %d runs, the same image: %t; want %+v", test.name, hits, runs, digest == first, test)
		}
	}
}

// BenchmarkTen builds the ten instructions of issue 4 ("in under 300 ms").
func BenchmarkTen(b *testing.B) {
	root := contextOf(b, map[string]string{"app/main": strings.Repeat("program ", 1<<18), "etc/config": "a=b", "README": "text"})
	source := []byte(`FROM scratch AS build
COPY app /src
COPY README /src/
FROM scratch
LABEL a=b
ENV C=d
WORKDIR /app
COPY --from=build /src/main /app/
ADD etc /etc
ENTRYPOINT ["/app/main"]
`)
	for b.Loop() {
		result, err := Build(b.Context(), Options{Context: root, Source: source, Scratch: b.TempDir()})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := result.Image.Digest(); err != nil {
			b.Fatal(err)
		}
		if err := result.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
