package graph

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// FuzzFilter: no filter panics, and one that is understood is asked for properties that the caller may see only.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		"displayName eq 'a'", "startswith(displayName,'it''s') and not (a ne null or b eq true)", "x/any(c:c eq 'y')",
		"x/any(c:startswith(c/d,'y')) or x in ('a','b')", "createdDateTime ge 2026-01-02T03:04:05Z", "((((a eq 'b'))))", "not not a eq 'b'", "''", "a eq '", "startswith()", "startswith('a')",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		asked := func(name string) error {
			if name == "passwordProfile" {
				return errName.with(name, "user")
			}
			return nil
		}
		holds, err := parseFilter(text, asked)
		if err != nil {
			return
		}
		holds(func(path string) any {
			if name, _, _ := strings.Cut(path, "/"); name == "passwordProfile" {
				t.Errorf("%q looks at %q", text, path)
			}
			return []any{"a", map[string]any{"d": "y"}, nil, true}
		})
	})
}

// nobody is a backend without documents, which allows nothing.
type nobody struct{ Backend }

func (nobody) State() *azure.State                                 { return nil }
func (nobody) Authenticate(*http.Request) (string, error)          { return azure.DerivedID("nobody"), nil }
func (nobody) Authorize(string, string, string) gate.Authorization { return gate.Authorization{} }

// FuzzPath: no path panics, and none is answered otherwise than by Graph's JSON.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{
		"/v1.0/users/ann@contoso.com", "/v1.0/users('ann')", "/beta/servicePrincipals(appId='x')/owners", "/v1.0//groups/x/members/$ref", "/v1.0/me",
		"/v1.0/directoryObjects/getByIds", "/v1.0/applications/x/federatedIdentityCredentials/y", "/v1.0/users(')", "/v1.0/(')", "/",
	} {
		f.Add("GET", seed)
		f.Add("POST", seed)
	}
	handler := New(Options{Backend: nobody{}})
	f.Fuzz(func(t *testing.T, method, path string) {
		r := httptest.NewRequest(http.MethodGet, "https://graph.microsoft.com/", strings.NewReader("{}"))
		r.Method, r.URL = method, &url.URL{Scheme: "https", Host: "graph.microsoft.com", Path: path}
		r.Header.Set("Authorization", "Bearer x")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code >= 500 || w.Code >= 400 && !strings.Contains(w.Body.String(), `"innerError"`) {
			t.Errorf("%s %q: %d %s", method, path, w.Code, w.Body)
		}
		if w.Code < 300 && method != http.MethodGet && method != http.MethodPost {
			t.Errorf("%s %q changes something: %d", method, path, w.Code)
		}
	})
}
