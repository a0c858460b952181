package registry

import (
	"net/http"
	"testing"

	"github.com/acrlocal/acrlocal/gate"
)

// TestRunToken: what a run is given in its own name is good for its own registry and for what runs do there, passes no rule of the
// network, and ends with the run, whatever was made from it meanwhile. (It once lived for the three hours of any refresh token.)
func TestRunToken(t *testing.T) {
	w := newWorld(t)
	running := map[string]bool{"pass": true}
	w.tokens.options.Running = func(pass string) bool { return running[pass] }
	give := func(registry string) string {
		t.Helper()
		token, err := w.tokens.RunToken(t.Context(), registry, "pass")
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	const manifest = "https://myregistry.azurecr.io/v2/team/app/manifests/v1"
	refresh := give("myregistry")
	access := w.access("myregistry", refresh, "repository:team/app:pull,push,delete")
	if status, reason := w.get(manifest, access); status != http.StatusOK {
		t.Errorf("pull: %d %s", status, reason)
	}
	login := basicAuth(RefreshTokenUser, refresh)
	for _, c := range []struct {
		about string
		ask   ask
		want  gate.Reason
	}{
		{"another registry", ask{url: "https://my.azurecr.io/v2/", auth: login}, gate.AudienceWrong},
		{"another registry's token service", tokenByForm("my", "grant_type", "refresh_token", "refresh_token", refresh), gate.AudienceWrong},
		{"in place of an Entra token", exchange("myregistry", "grant_type", "access_token", "access_token", refresh), gate.IssuerWrong},
		{"a registry that is closed", ask{url: "https://closed.azurecr.io/v2/", auth: basicAuth(RefreshTokenUser, give("closed"))}, gate.PublicAccessDisabled},
		{"a registry in ABAC mode", ask{url: "https://abac.azurecr.io/v2/team/app/manifests/v1", auth: basicAuth(RefreshTokenUser, give("abac"))}, gate.NoRole},
	} {
		if got := reasonOf(w.do(c.ask)); got != string(c.want) {
			t.Errorf("%s: %s, want %s", c.about, got, c.want)
		}
	}
	running["pass"] = false
	for about, a := range map[string]ask{
		"the login": {url: "https://myregistry.azurecr.io/v2/", auth: login}, "its access token": {url: manifest, auth: "Bearer " + access},
		"a new access token": tokenByForm("myregistry", "grant_type", "refresh_token", "refresh_token", refresh),
	} {
		if got := reasonOf(w.do(a)); got != string(gate.Expired) {
			t.Errorf("%s, after the run: %s", about, got)
		}
	}
}

// TestRunTokenUnknown: where nobody knows of runs, none goes on.
func TestRunTokenUnknown(t *testing.T) {
	w := newWorld(t)
	token, err := w.tokens.RunToken(t.Context(), "myregistry", "pass")
	if err != nil {
		t.Fatal(err)
	}
	if got := reasonOf(w.do(ask{url: "https://myregistry.azurecr.io/v2/", auth: basicAuth(RefreshTokenUser, token)})); got != string(gate.Expired) {
		t.Error(got)
	}
}
