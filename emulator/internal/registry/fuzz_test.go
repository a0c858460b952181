package registry

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/gate"
)

// FuzzAuthorizationHeader looks for a header that is taken for somebody without being that somebody's secret. Whatever
// is sent, the credential is none, a failure with a reason of the table, or one of those that were made here.
func FuzzAuthorizationHeader(f *testing.F) {
	w := newWorld(f)
	refresh := w.refresh("local", pullerID)
	access := w.access("local", refresh, "repository:a:pull")
	known := map[string]bool{"local": true, "ci": true, "oid-pusher": true, "oid-worker": true}
	for _, seed := range []string{
		"", "Basic", "Bearer " + access, "Bearer " + refresh, basicAuth("local", "p1"), basicAuth(RefreshTokenUser, refresh),
		basicAuth("ci", "ci-secret"), "Bearer a.b.c", "Basic ===", "\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest("GET", "https://local.azurecr.io/v2/", nil)
		r.Header["Authorization"] = []string{header}
		c := w.tokens.Authenticate(r, "local")
		checkCredential(t, c)
		honest := strings.Contains(header, access) || len(header) > 6 && strings.EqualFold(header[:6], "Basic ")
		if c.Failure == "" && (!honest || !known[c.Name]) {
			t.Errorf("%q is taken for %+v", header, c)
		}
	})
}

// FuzzTokenForm does the same for the forms of the token service.
func FuzzTokenForm(f *testing.F) {
	w := newWorld(f)
	refresh, entra := w.refresh("local", pullerID), w.entra(pullerID, "")
	for _, seed := range []string{
		"", "grant_type=password&username=local&password=p1", "grant_type=refresh_token&refresh_token=" + refresh,
		"grant_type=access_token&access_token=" + entra + "&service=local.azurecr.io&tenant=" + tenant,
		"grant_type=password&refresh_token=&service=local.azurecr.io&scope=repository:*:*", "a=%", "a;b", "grant_type=a&grant_type=b",
	} {
		f.Add(true, seed)
		f.Add(false, seed)
	}
	f.Fuzz(func(t *testing.T, exchange bool, body string) {
		path := map[bool]string{true: "/oauth2/exchange", false: "/oauth2/token"}[exchange]
		r := httptest.NewRequest("POST", "https://local.azurecr.io"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		c := w.tokens.Authenticate(r, "local")
		checkCredential(t, c)
		if exchange && c.Failure == "" && c.Kind != gate.EntraToken && c.Kind != gate.RefreshToken {
			t.Errorf("the exchange takes %+v", c)
		}
		again := httptest.NewRequest("POST", "https://local.azurecr.io"+path, strings.NewReader(body))
		again.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer := httptest.NewRecorder()
		w.front.ServeHTTP(answer, again)
		if answer.Code == http.StatusOK && c.Failure != "" || answer.Code >= 500 {
			t.Errorf("%d for %+v", answer.Code, c)
		}
	})
}

// checkCredential checks what holds of every credential.
func checkCredential(t *testing.T, c gate.Credential) {
	t.Helper()
	if c.Failure == "" {
		return
	}
	if info := c.Failure.Info(); info.Stage != gate.StageAuthentication || info.Verdict != gate.Challenge {
		t.Errorf("the failure %q is no reason of the authentication stage", c.Failure)
	}
	if c.Holder != gate.AnonymousHolder && c.Kind != gate.AdminPassword && c.Kind != gate.TokenPassword || len(c.Scopes) > 0 {
		t.Errorf("a credential that failed says who it is of: %+v", c)
	}
}
