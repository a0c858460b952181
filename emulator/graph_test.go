package emulator

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// graphs makes a call to Microsoft Graph as the development principal. The answer must have that status; it is decoded.
func (e *Emulator) graphs(t *testing.T, method, path, body string, status int) map[string]any {
	t.Helper()
	made, err := e.Token(t.Context(), TokenRequest{Audience: "https://graph.microsoft.com/"})
	if err != nil {
		t.Fatal(err)
	}
	r := request(t, method, "https://graph.microsoft.com/v1.0"+path, body, "Authorization", "Bearer "+made.Token)
	a := send(t, e.at(t, "203.0.113.7", anonymous), r)
	if a.status != status {
		t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	var got map[string]any
	if len(a.body) > 0 {
		a.into(t, &got)
	}
	return got
}

// pullers makes a group that has AcrPull on the sample's registry, with the worker's identity as its one member, and takes
// the worker's own role away.
func (e *Emulator) pullers(t *testing.T) (group, worker string) {
	t.Helper()
	made := e.graphs(t, http.MethodPost, "/groups", `{"displayName": "pullers", "mailNickname": "pullers", "mailEnabled": false, "securityEnabled": true}`, http.StatusCreated)
	found := e.graphs(t, http.MethodGet, "/servicePrincipals?$filter="+url.QueryEscape("displayName eq 'worker'"), "", http.StatusOK)
	group, worker = made["id"].(string), found["value"].([]any)[0].(map[string]any)["id"].(string)
	assignments := testRegistry + "/providers/Microsoft.Authorization/roleAssignments/"
	e.arms(t, http.MethodPut, assignments+azure.DerivedID("pullers"), map[string]any{
		"principalId": group, "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/7f951dda-4ed3-4680-a7ca-43fe172d538d",
	})
	e.graphs(t, http.MethodPost, "/groups/"+group+"/members/$ref", `{"@odata.id": "https://graph.microsoft.com/v1.0/directoryObjects/`+worker+`"}`, http.StatusNoContent)
	e.arms(t, http.MethodDelete, assignments+"acac10ca-6000-4000-8000-000000000001", nil)
	return group, worker
}

// TestMembershipDecides: who is in a group, directly or through another, decides the very next request with a token that
// was issued before (issue 3, "Must show" 6).
func TestMembershipDecides(t *testing.T) {
	e := start(t, Options{})
	group, member := e.pullers(t)
	held := e.accessToken(t, worker, "")
	expect := func(when string, reason gate.Reason) {
		t.Helper()
		a := send(t, held.session, request(t, http.MethodGet, manifestURL, "", "Authorization", "Bearer "+held.token))
		if a.reason() != reason || a.status != reason.Info().Status && reason != gate.RoleGrants {
			t.Errorf("%s: %d for %q, want %q: %s", when, a.status, a.reason(), reason, a.body)
		}
	}
	reference := func(id string) string {
		return `{"@odata.id": "https://graph.microsoft.com/v1.0/directoryObjects/` + id + `"}`
	}
	expect("a member", gate.RoleGrants)
	e.graphs(t, http.MethodDelete, "/groups/"+group+"/members/"+member+"/$ref", "", http.StatusNoContent)
	expect("no member any more", gate.NoRole)
	inner := e.graphs(t, http.MethodPost, "/groups", `{"displayName": "inner", "mailNickname": "inner", "mailEnabled": false, "securityEnabled": true}`, http.StatusCreated)["id"].(string)
	e.graphs(t, http.MethodPost, "/groups/"+group+"/members/$ref", reference(inner), http.StatusNoContent)
	e.graphs(t, http.MethodPost, "/groups/"+inner+"/members/$ref", reference(member), http.StatusNoContent)
	expect("a member of a member", gate.RoleGrants)
	e.graphs(t, http.MethodDelete, "/groups/"+inner, "", http.StatusNoContent)
	expect("a member of a group that is gone", gate.NoRole)
	e.graphs(t, http.MethodPost, "/groups/"+group+"/members/$ref", reference(member), http.StatusNoContent)
	expect("a member again", gate.RoleGrants)
	e.graphs(t, http.MethodDelete, "/groups/"+group, "", http.StatusNoContent)
	expect("in a group that is gone, whose role assignment stays", gate.NoRole)
}

// TestDeletedPrincipal: the role assignments of a service principal that is deleted stay and give nothing; a new one of the
// same application is somebody else.
func TestDeletedPrincipal(t *testing.T) {
	e := start(t, Options{})
	app := e.graphs(t, http.MethodPost, "/applications", `{"displayName": "ci"}`, http.StatusCreated)
	appID := app["appId"].(string)
	create := func() string {
		return e.graphs(t, http.MethodPost, "/servicePrincipals", `{"appId": "`+appID+`"}`, http.StatusCreated)["id"].(string)
	}
	first := create()
	assignment := testRegistry + "/providers/Microsoft.Authorization/roleAssignments/" + azure.DerivedID("ci")
	e.arms(t, http.MethodPut, assignment, map[string]any{
		"principalId": first, "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/7f951dda-4ed3-4680-a7ca-43fe172d538d",
	})
	held := e.accessToken(t, "203.0.113.7", appID)
	get := func() gate.Reason {
		return send(t, held.session, request(t, http.MethodGet, manifestURL, "", "Authorization", "Bearer "+held.token)).reason()
	}
	if got := get(); got != gate.RoleGrants {
		t.Fatalf("with a role: %s", got)
	}
	e.graphs(t, http.MethodDelete, "/servicePrincipals/"+first, "", http.StatusNoContent)
	if got := get(); got != gate.PrincipalUnknown {
		t.Errorf("deleted: %s, want %s", got, gate.PrincipalUnknown)
	}
	if _, stays := e.core.State().Get(assignment); !stays {
		t.Error("the role assignment went with the principal")
	}
	if second := create(); second == first {
		t.Error("a new service principal has the ID of the old one")
	}
	if e.core.Authorize(first, "Microsoft.ContainerRegistry/registries/pull/read", azure.Fold(testRegistry)).Allowed {
		t.Error("the principal that is gone is granted something")
	}
}

// TestGraphTokens: Graph takes tokens that are for Graph, of principals that are there.
func TestGraphTokens(t *testing.T) {
	e := start(t, Options{})
	token := func(audience string) string {
		made, err := e.Token(t.Context(), TokenRequest{Audience: audience})
		if err != nil {
			t.Fatal(err)
		}
		return made.Token
	}
	for _, row := range []struct {
		name, authorization, message string
		status                       int
	}{
		{"a token for Graph", "Bearer " + token("https://graph.microsoft.com/"), "", http.StatusOK},
		{"a token for ARM", "Bearer " + token("https://management.azure.com/"), "Access token validation failure. Invalid audience.", http.StatusUnauthorized},
		{"a token for ACR", "Bearer " + token("https://containerregistry.azure.net"), "Access token validation failure. Invalid audience.", http.StatusUnauthorized},
		{"no token", "", "Access token is empty.", http.StatusUnauthorized},
		{"a password", "Basic YTpi", "Access token is empty.", http.StatusUnauthorized},
		{"nonsense", "Bearer nonsense", "Access token validation failure.", http.StatusUnauthorized},
	} {
		r := request(t, http.MethodGet, "https://graph.microsoft.com/v1.0/users", "", "Authorization", row.authorization)
		a := send(t, e.at(t, "203.0.113.7", anonymous), r)
		var got struct {
			Error struct{ Message string }
		}
		a.into(t, &got)
		if a.status != row.status || got.Error.Message != row.message {
			t.Errorf("%s: %d %q, want %d %q", row.name, a.status, got.Error.Message, row.status, row.message)
		}
	}
}
