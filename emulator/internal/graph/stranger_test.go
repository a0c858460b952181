package graph_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// writes are all ways to change something, on the objects of the fixture; {me} is who tries.
var writes = []struct{ method, path, body string }{
	{"POST", "/users", `{"accountEnabled": true, "displayName": "x", "mailNickname": "x", "userPrincipalName": "x@contoso.com", "passwordProfile": {"password": "Some-secret-1"}}`},
	{"POST", "/groups", `{"displayName": "x", "mailEnabled": false, "mailNickname": "x", "securityEnabled": true}`},
	{"POST", "/applications", `{"displayName": "x"}`},
	{"POST", "/servicePrincipals", `{"appId": "{toolapp}"}`},
	{"PATCH", "/users/{ann}", `{"passwordProfile": {"password": "Some-secret-1"}}`},
	{"PATCH", "/users/ann@contoso.com", `{"passwordProfile": {"password": "Some-secret-1"}}`},
	{"PATCH", "/users(userPrincipalName='ann@contoso.com')", `{"accountEnabled": false}`},
	{"PATCH", "/directoryObjects/{ann}", `{"passwordProfile": {"password": "Some-secret-1"}}`},
	{"DELETE", "/users/{ann}", ``},
	{"PATCH", "/groups/{pullers}", `{"members@odata.bind": ["https://graph.microsoft.com/v1.0/directoryObjects/{me}"]}`},
	{"PATCH", "/groups/{pullers}", `{"owners@odata.bind": ["https://elsewhere.example/v1.0/users/{me}"]}`},
	{"POST", "/groups/{pullers}/members/$ref", `{"@odata.id": "https://graph.microsoft.com/v1.0/directoryObjects/{me}"}`},
	{"POST", "/groups('{pullers}')/Members/$REF", `{"@odata.id": "https://graph.microsoft.com/v1.0/directoryObjects/{me}"}`},
	{"POST", "/groups/{pullers}/owners/$ref", `{"@odata.id": "https://graph.microsoft.com/v1.0/directoryObjects/{me}"}`},
	{"DELETE", "/groups/{pullers}/members/{ann}/$ref", ``},
	{"DELETE", "/groups/{pullers}", ``},
	{"PATCH", "/applications/{tool}", `{"keyCredentials": []}`},
	{"PATCH", "/applications(appId='{toolapp}')", `{"owners@odata.bind": ["https://graph.microsoft.com/v1.0/directoryObjects/{me}"]}`},
	{"POST", "/applications/{tool}/addPassword", `{}`},
	{"POST", "/applications/{tool}/removePassword", `{"keyId": "acac10ca-0000-4000-8000-000000000001"}`},
	{"POST", "/applications/{tool}/owners/$ref", `{"@odata.id": "https://graph.microsoft.com/v1.0/directoryObjects/{me}"}`},
	{"POST", "/applications/{tool}/federatedIdentityCredentials", `{"name": "mine", "issuer": "https://issuer.example", "subject": "me", "audiences": ["api://AzureADTokenExchange"]}`},
	{"DELETE", "/applications/{tool}", ``},
	{"POST", "/servicePrincipals/{admin}/addPassword", `{}`},
	{"POST", "/servicePrincipals(appId='{adminapp}')/addPassword", `{}`},
	{"POST", "/servicePrincipals/{admin}/owners/$ref", `{"@odata.id": "https://graph.microsoft.com/v1.0/directoryObjects/{me}"}`},
	{"PATCH", "/servicePrincipals/{admin}", `{"accountEnabled": false}`},
	{"PATCH", "/servicePrincipals/{admin}", `{"passwordCredentials": [{"secretText": "known"}]}`},
	{"DELETE", "/servicePrincipals/{admin}", ``},
	{"PATCH", "/servicePrincipals/{me}", `{"accountEnabled": true}`},
	{"POST", "/servicePrincipals/{me}/addPassword", `{}`},
}

// TestStrangers: who may not give roles changes nothing in the directory, in neither version; and the owner of the
// subscription changes nobody who has more.
func TestStrangers(t *testing.T) {
	for _, who := range []string{"reader", "keeper-of-nothing", "ann"} {
		b := fixture(t)
		handler, before := newServer(b), b.state
		me := azure.DerivedID(who)
		for _, w := range writes {
			if strings.Contains(w.path, "{me}") && who != "reader" {
				continue // of those only the reader is a service principal
			}
			for _, version := range []string{"/v1.0", "/beta", "/V1.0/", "//beta"} {
				if got := ask(handler, me, w.method, version+fill(w.path, me), fill(w.body, me)); got.Code != http.StatusForbidden {
					t.Errorf("%s: %s %s%s: %d %s", who, w.method, version, w.path, got.Code, got.Body)
				}
			}
		}
		if b.state != before {
			t.Errorf("%s changed something", who)
		}
	}
}

// TestSecretsStayInside: no way to read shows a secret or a password, whatever is selected, expanded, or compared.
func TestSecretsStayInside(t *testing.T) {
	handler, admin := newServer(fixture(t)), azure.DerivedID("admin")
	paths := []string{
		"/applications/{tool}", "/applications", "/directoryObjects/{tool}", "/servicePrincipals", "/users/{ann}", "/users", "/directoryObjects/{ann}",
		"/groups/{pullers}/members", "/groups/{pullers}/transitiveMembers", "/groups/{pullers}/members/microsoft.graph.user",
	}
	for _, path := range paths {
		for _, query := range []string{
			"", "?$select=passwordCredentials,passwordProfile,keyCredentials", "?$select=*", "?$expand=owners", "?$expand=*", "?$expand=members",
			"?$select=passwordProfile/password", "?$select=passwordCredentials/secretText",
		} {
			got := ask(handler, admin, "GET", "/v1.0"+fill(path, admin)+query, "")
			if body := got.Body.String(); strings.Contains(body, "never-shown") || strings.Contains(body, "Old-secret-1") {
				t.Errorf("%s%s: %s", path, query, body)
			}
		}
	}
	for _, filter := range []string{
		"startswith(passwordProfile/password,'Old')", "passwordProfile/password eq 'Old-secret-1'",
		"passwordCredentials/any(c:startswith(c/secretText,'never'))", "passwordCredentials/any(c:c/secretText eq 'never-shown-1')",
		"startsWith(passwordCredentials/secretText,'n')",
	} {
		for _, collection := range []string{"users", "applications"} {
			path := "/v1.0/" + collection + "?$count=true&$filter=" + strings.NewReplacer(" ", "%20", "'", "%27").Replace(filter)
			got := ask(handler, admin, "GET", path, "")
			if got.Code == http.StatusOK && !strings.Contains(got.Body.String(), `"value":[]`) {
				t.Errorf("%s: %s", path, got.Body)
			}
		}
	}
	got := ask(handler, admin, "POST", "/v1.0/directoryObjects/getByIds", fill(`{"ids": ["{tool}", "{ann}", "{admin}"]}`, admin))
	if body := got.Body.String(); got.Code != http.StatusOK || strings.Contains(body, "never-shown") || strings.Contains(body, "Old-secret-1") {
		t.Errorf("getByIds: %d %s", got.Code, body)
	}
}

// fill puts IDs in the place of names in braces.
func fill(text, me string) string {
	for _, name := range []string{"ann", "pullers", "tool", "admin"} {
		text = strings.NewReplacer("{"+name+"}", azure.DerivedID(name), "{"+name+"app}", azure.DerivedID("app/"+name)).Replace(text)
	}
	return strings.ReplaceAll(text, "{me}", me)
}

func ask(handler http.Handler, who, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "https://graph.microsoft.com"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+who)
	r.Header.Set("ConsistencyLevel", "eventual")
	return send(handler, r)
}
