package registry

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
)

// discard is a ResponseWriter that costs nothing.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

// BenchmarkFront measures what the front adds to a pull with an access token that is known: gate, record, headers. The
// content does nothing. The bar is 15 µs.
func BenchmarkFront(b *testing.B) {
	w := newWorld(b)
	token := w.access("myregistry", w.refresh("myregistry", pullerID), "repository:team/app:pull")
	w.front = NewFront(w.gate, w.tokens, func(string) http.Handler { return http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}) })
	r := httptest.NewRequestWithContext(context.Background(), "GET", "https://myregistry.azurecr.io/v2/team/app/manifests/v1", nil)
	r.RemoteAddr = outsider
	r.Header.Set("Authorization", "Bearer "+token)
	b.ReportAllocs()
	for b.Loop() {
		w.front.ServeHTTP(discard{http.Header{}}, r)
	}
}

// BenchmarkAuthenticate measures an access token that is known; the bar is 1 µs.
func BenchmarkAuthenticate(b *testing.B) {
	w := newWorld(b)
	token := w.access("myregistry", w.refresh("myregistry", pullerID), "repository:team/app:pull")
	r := httptest.NewRequest("GET", "https://myregistry.azurecr.io/v2/team/app/manifests/v1", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	b.ReportAllocs()
	for b.Loop() {
		if c := w.tokens.Authenticate(r, "myregistry"); c.Failure != "" {
			b.Fatal(c.Detail)
		}
	}
}

// BenchmarkVerify measures an access token that is seen for the first time.
func BenchmarkVerify(b *testing.B) {
	w := newWorld(b)
	token := w.access("myregistry", w.refresh("myregistry", pullerID), "repository:team/app:pull")
	registry, _ := w.tokens.registry("myregistry")
	for b.Loop() {
		if _, _, err := w.tokens.verify(token, registry); err != nil {
			b.Fatal(err)
		}
	}
}
