package emulator

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// TestPasswordRemedies: what helps against a wrong password depends on whose it is.
func TestPasswordRemedies(t *testing.T) {
	e := start(t, Options{})
	e.arms(t, http.MethodPatch, testRegistry, map[string]any{"adminUserEnabled": true})
	e.arms(t, http.MethodPut, testRegistry+"/tokens/robot", map[string]any{"scopeMapId": testRegistry + "/scopeMaps/_repositories_pull"})
	for _, c := range []struct {
		name, user string
		want       []string
	}{
		{"the admin user", "myregistry", []string{"az acr credential show --name myregistry"}},
		{"a token", "robot", []string{"az acr token credential generate --registry myregistry --name robot"}},
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

// TestScopeMapRemedies: every operation that a scope map of the registry's own can grant to a token is granted by the one
// that is named, and no other is named.
func TestScopeMapRemedies(t *testing.T) {
	e := start(t, Options{})
	token := testRegistry + "/tokens/robot"
	none := testRegistry + "/scopeMaps/nothing"
	e.arms(t, http.MethodPut, none, map[string]any{"actions": []any{"repositories/other/content/read"}})
	for _, kind := range gate.OperationKinds() {
		q := gate.Request{
			Registry: "myregistry", Operation: gate.Operation{Kind: kind, Repository: "hello"}, Source: gate.Source{Peer: netip.MustParseAddr("203.0.113.7")},
			Credential: gate.Credential{Kind: gate.TokenPassword, Holder: gate.TokenHolder, Name: "robot"},
		}
		e.arms(t, http.MethodPut, token, map[string]any{"scopeMapId": none})
		before := e.gate.Snapshot().Decide(q)
		_, name, named := strings.Cut(strings.Join(remediesFor(e.gate.Snapshot(), q), ""), "--scope-map ")
		if named {
			e.arms(t, http.MethodPut, token, map[string]any{"scopeMapId": testRegistry + "/scopeMaps/" + name})
		}
		after := e.gate.Snapshot().Decide(q)
		possible := kind <= gate.OpSetAttributes
		if named != (before.Verdict != gate.Allow && possible) || possible && after.Verdict != gate.Allow {
			t.Errorf("%s: %s, then with scope map %q %s for %s", kind, before.Verdict, name, after.Verdict, after.Reason())
		}
	}
}
