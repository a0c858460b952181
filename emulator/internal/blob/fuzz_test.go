package blob_test

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/blob"
)

// FuzzRequest: whatever path, query and range a client sends, it is given the one blob that its signature is of, a part of
// that, or an error of Storage's.
func FuzzRequest(f *testing.F) {
	s, _ := open(f, blob.Options{Key: []byte("key")})
	if err := s.Create(runLog); err != nil {
		f.Fatal(err)
	}
	if err := s.Append(runLog, []byte("secret")); err != nil {
		f.Fatal(err)
	}
	signed := s.Sign(runLog, blob.Read, time.Hour)
	f.Add(signed.Path, signed.RawQuery, "bytes=0-4095")
	f.Add("/logs/../logs/ca1.log", signed.RawQuery, "bytes=1-")
	f.Add("//", "sp=r&sig=x", "bytes=-1")
	f.Add("/logs/ca1.log", "sv=2018-11-09&sr=b&sp=rcw&se=2030-01-01T00:00:00Z&sig=", "")
	f.Fuzz(func(t *testing.T, path, query, part string) {
		r := httptest.NewRequest("GET", "https://acrtasks.blob.core.windows.net/", nil)
		r.URL = &url.URL{Path: path, RawQuery: query}
		r.Header.Set("x-ms-range", part)
		w := httptest.NewRecorder()
		s.ServeAccount(w, r, "acrtasks")
		given, _ := url.ParseQuery(query)
		own := signed.Query()
		mine := path == signed.Path && given.Get("sig") == own.Get("sig") && given.Get("sp") == own.Get("sp") && given.Get("se") == own.Get("se")
		switch {
		case w.Code < 300 && (!mine || !strings.Contains("secret", w.Body.String())):
			t.Errorf("%q %q %q: %d %q", path, query, part, w.Code, w.Body)
		case w.Code >= 500 || w.Code >= 300 && w.Header().Get("x-ms-error-code") == "":
			t.Errorf("%q %q %q: %d", path, query, part, w.Code)
		}
	})
}
