package identity

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func (e tenancy) get(t testing.TB, target string) (int, map[string]any) {
	t.Helper()
	answer, body := ask(t, e, httptest.NewRequest(http.MethodGet, target, nil))
	return answer.StatusCode, body
}

// Every endpoint that a discovery document names is there, below the segment that clients know.
func TestDiscoveryOfEndpoints(t *testing.T) {
	e := newTenancy()
	for _, row := range []struct{ path, issuer, base string }{
		{"/common/.well-known/openid-configuration", e.Issuer.V1(), "http://example.com/" + tenant + "/oauth2/"},
		{"/Contoso.example/V2.0/.well-known/OpenID-configuration", e.Issuer.V2(), "http://example.com/" + tenant + "/oauth2/v2.0/"},
		{"/ADFS/.well-known/openid-configuration", "http://example.com/adfs", "http://example.com/adfs/oauth2/"},
	} {
		status, body := e.get(t, row.path)
		if status != 200 || body["issuer"] != row.issuer || body["authorization_endpoint"] != row.base+"authorize" ||
			body["token_endpoint"] != row.base+"token" || body["device_authorization_endpoint"] != row.base+"devicecode" {
			t.Errorf("%s: %d %v", row.path, status, body)
		}
		if len(body["grant_types_supported"].([]any)) != len(grants) {
			t.Errorf("grants: %v", body["grant_types_supported"])
		}
		keys, _ := url.Parse(body["jwks_uri"].(string))
		if _, set := e.get(t, keys.Path); len(set["keys"].([]any)) != 1 {
			t.Errorf("key set: %v", set)
		}
		for _, name := range []string{"token_endpoint", "device_authorization_endpoint"} {
			u, _ := url.Parse(body[name].(string))
			e.refused(t, u.Path, nil, missingParameter)
		}
	}
	status, body := e.get(t, "/adfs/v2.0/.well-known/openid-configuration")
	e.isFault(t, status, body, noRoute)
}

// Who answers for an authority: Entra's own hosts, the one that is asked, and others that the endpoint is told of, whose
// port clients leave out.
func TestInstanceDiscovery(t *testing.T) {
	e := newTenancy()
	e.Elsewhere = func(host string) (string, bool) {
		return "https://" + host + ":5080", host == "login.azure.localhost"
	}
	for _, row := range []struct{ endpoint, want, network string }{
		{"https://login.microsoftonline.com/" + tenant + "/oauth2/v2.0/authorize", "https://login.microsoftonline.com/" + tenant, ""},
		{"https://Login.windows.net/common/oauth2/authorize", "https://login.windows.net/common", ""},
		{"https://login.azure.localhost/contoso.example/oauth2/v2.0/authorize", "https://login.azure.localhost:5080/contoso.example", "login.azure.localhost:5080"},
	} {
		status, body := e.get(t, "/common/discovery/instance?api-version=1.1&authorization_endpoint="+url.QueryEscape(row.endpoint))
		known := []any{map[string]any{"preferred_network": hosts[0], "preferred_cache": hosts[1], "aliases": []any{hosts[0], hosts[1], hosts[2], hosts[3]}}}
		if row.network != "" {
			known = append(known, map[string]any{"preferred_network": row.network, "preferred_cache": row.network, "aliases": []any{row.network}})
		}
		want := map[string]any{"tenant_discovery_endpoint": row.want + "/v2.0/.well-known/openid-configuration", "api-version": "1.1", "metadata": known}
		if diff := cmp.Diff(want, body); diff != "" || status != 200 {
			t.Errorf("%s: %d (-want +got):\n%s", row.endpoint, status, diff)
		}
	}
	own := httptest.NewRequest(http.MethodGet, "https://localhost:5080/common/discovery/instance?authorization_endpoint=https://localhost:5080/common/x", nil)
	if _, body := ask(t, e, own); body["tenant_discovery_endpoint"] != "https://localhost:5080/common/v2.0/.well-known/openid-configuration" {
		t.Errorf("%v", body)
	}
	for endpoint, want := range map[string]aadsts{
		"": badParameter, "login.microsoftonline.com": badParameter, "http://%zz": badParameter,
		"https://login.microsoftonline.com/" + otherTenant + "/oauth2/authorize": unknownTenant,
		"https://evil.example/common/oauth2/authorize":                           unknownInstance,
	} {
		for _, elsewhere := range []func(string) (string, bool){e.Elsewhere, nil} {
			e.Elsewhere = elsewhere
			status, body := e.get(t, "/common/discovery/instance?authorization_endpoint="+url.QueryEscape(endpoint))
			e.isFault(t, status, body, want)
		}
	}
}

func TestUserRealm(t *testing.T) {
	e := newTenancy()
	for _, path := range []string{"/common/userrealm/ada@contoso.example", "/common/UserRealm/ada%40contoso.example"} {
		status, body := e.get(t, path+"?api-version=1.0")
		want := map[string]any{
			"ver": "1.0", "account_type": "Managed", "domain_name": "contoso.example", "cloud_instance_name": "microsoftonline.com",
			"cloud_audience_urn": "urn:federation:MicrosoftOnline",
		}
		if diff := cmp.Diff(want, body); diff != "" || status != 200 {
			t.Errorf("%s: %d (-want +got):\n%s", path, status, diff)
		}
	}
}
