package oci_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

// benchmarkGet measures a request over a kept connection, client and server together.
func benchmarkGet(b *testing.B, f *fixture, path string) {
	b.Helper()
	server := httptest.NewServer(f)
	defer server.Close()
	for b.Loop() {
		response, err := http.Get(server.URL + path)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
	}
}

// benchmarkHandler measures the handler alone.
func benchmarkHandler(b *testing.B, f *fixture, path string) {
	b.Helper()
	r := httptest.NewRequest("GET", path, nil)
	for b.Loop() {
		f.ServeHTTP(&discard{header: http.Header{}}, r)
	}
}

type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }

func benchmarkBoth(b *testing.B, f *fixture, path string) {
	f.events = nil
	b.Run("http", func(b *testing.B) { benchmarkGet(b, f, path) })
	b.Run("handler", func(b *testing.B) { benchmarkHandler(b, f, path) })
}

func BenchmarkManifestByTag(b *testing.B) {
	f := newFixture(b, nil)
	pushImage(b, f, "app", "v1", "layer", nil)
	benchmarkBoth(b, f, "/v2/app/manifests/v1")
}

func BenchmarkBlob1K(b *testing.B) {
	f := newFixture(b, nil)
	benchmarkBoth(b, f, "/v2/app/blobs/"+pushBlob(b, f, "app", strings.Repeat("x", 1024)))
}

func BenchmarkBlob1M(b *testing.B) {
	f := newFixture(b, nil)
	benchmarkBoth(b, f, "/v2/app/blobs/"+pushBlob(b, f, "app", strings.Repeat("x", 1<<20)))
}

func BenchmarkTagsPageOf10000(b *testing.B) {
	f := newFixture(b, nil)
	body := pushImage(b, f, "app", "v1", "layer", nil)
	tagged(b, f, body, 10_000)
	b.Run("n=100", func(b *testing.B) { benchmarkBoth(b, f, "/v2/app/tags/list?n=100&last=t05000") })
	b.Run("n=1000", func(b *testing.B) { benchmarkBoth(b, f, "/v2/app/tags/list?n=1000&last=t05000") })
	b.Run("delete", func(b *testing.B) {
		for b.Loop() {
			want(b, f, 202, "DELETE /v2/app/manifests/"+sha(body), "")
			b.StopTimer()
			tagged(b, f, body, 10_000)
			b.StartTimer()
		}
	})
}

// BenchmarkAttributesOf10000 lists what ACR tells of 10,000 tags and of their one manifest. A page costs the same wherever it
// is and whatever the order.
func BenchmarkAttributesOf10000(b *testing.B) {
	f := newFixture(b, nil)
	body := pushImage(b, f, "app", "v1", "layer", nil)
	tagged(b, f, body, 10_000)
	for _, query := range []string{"n=100&last=t05000", "n=100&last=t05000&orderby=timedesc", "n=100&last=t09800&orderby=timeasc", "n=1000"} {
		b.Run(query, func(b *testing.B) { benchmarkHandler(b, f, "/acr/v1/app/_tags?"+query) })
	}
	b.Run("manifest", func(b *testing.B) { benchmarkHandler(b, f, "/acr/v1/app/_manifests/"+sha(body)) })
	b.Run("repository", func(b *testing.B) { benchmarkHandler(b, f, "/acr/v1/app") })
}

// BenchmarkManifestsOf10000 lists what ACR tells of 10,000 manifests.
func BenchmarkManifestsOf10000(b *testing.B) {
	f := newFixture(b, nil)
	for i := range 10_000 {
		body := fmt.Sprintf(`{"schemaVersion":2,"n":%d}`, i)
		m := store.Manifest{Digest: sha(body), MediaType: imageType, Body: []byte(body), Image: &store.Image{}}
		if _, err := f.content.PutManifest(b.Context(), "app", m, fmt.Sprint("t", i)); err != nil {
			b.Fatal(err)
		}
	}
	for _, query := range []string{"n=100&last=" + sha("x"), "n=100&last=" + sha("x") + "&orderby=timedesc"} {
		b.Run(query[:5]+query[len(query)-7:], func(b *testing.B) { benchmarkHandler(b, f, "/acr/v1/app/_manifests?"+query) })
	}
}

func BenchmarkPushBlob1K(b *testing.B) {
	f := newFixture(b, nil)
	for i := 0; b.Loop(); i++ {
		pushBlob(b, f, "app", fmt.Sprintf("%01024d", i))
	}
}

func BenchmarkPushManifest(b *testing.B) {
	f := newFixture(b, nil)
	body := pushImage(b, f, "app", "v1", "layer", nil)
	for i := 0; b.Loop(); i++ {
		want(b, f, 201, fmt.Sprintf("PUT /v2/app/manifests/t%d", i), body, "Content-Type: "+imageType)
	}
}

func BenchmarkPut(b *testing.B) {
	f := newFixture(b, nil)
	for b.Loop() {
		b.StopTimer()
		img := randomImage(b, 1)
		b.StartTimer()
		if err := f.Put(b.Context(), "app", "v1", img); err != nil {
			b.Fatal(err)
		}
	}
}
