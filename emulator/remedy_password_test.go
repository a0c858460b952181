package emulator

import (
	"net/http"
	"slices"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// TestPasswordRemedies: what helps against a wrong password depends on whose it is.
func TestPasswordRemedies(t *testing.T) {
	e := start(t, Options{})
	e.arms(t, http.MethodPatch, testRegistry, map[string]any{"adminUserEnabled": true})
	e.arms(t, http.MethodPut, testRegistry+"/tokens/ci", map[string]any{"scopeMapId": testRegistry + "/scopeMaps/_repositories_pull"})
	for _, c := range []struct {
		name, user string
		want       []string
	}{
		{"the admin user", "myregistry", []string{"az acr credential show --name myregistry"}},
		{"a token", "ci", []string{"az acr token credential generate --registry myregistry --name ci"}},
		{"a service principal", azure.DevelopmentClientID, nil},
	} {
		r := request(t, http.MethodGet, "https://myregistry.azurecr.io/v2/", "")
		r.SetBasicAuth(c.user, "wrong")
		s := e.at(t, "203.0.113.7", anonymous)
		if a := send(t, s, r); a.reason() != gate.PasswordWrong {
			t.Errorf("%s: refused for %q, want %s", c.name, a.reason(), gate.PasswordWrong)
		}
		last := e.Decisions(1, func(DecisionEntry) bool { return true })
		d, err := e.Decision(last[0].ID)
		if err != nil || !slices.Equal(d.Remedy, c.want) {
			t.Errorf("%s: what helps is %q, want %q (%v)", c.name, d.Remedy, c.want, err)
		}
	}
}
