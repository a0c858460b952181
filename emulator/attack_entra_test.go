package emulator

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/vantage"
	"github.com/acrlocal/acrlocal/identity"
)

// adaSignsIn returns the tokens of a user: for ARM, by which az goes on, and about who she is.
func adaSignsIn(t *testing.T, e *Emulator) map[string]string {
	t.Helper()
	var got struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		ID      string `json:"id_token"`
	}
	e.token(t, "/organizations/oauth2/v2.0/token", byClient(
		"grant_type", "password", "client_id", identity.AzureCLI, "username", "ada@acrlocal.onmicrosoft.com", "password", "ada's",
		"scope", "https://management.azure.com//.default openid offline_access",
	)).into(t, &got)
	return map[string]string{"access": got.Access, "refresh": got.Refresh, "id": got.ID}
}

// TestKindsOfTokens uses every kind of token that the tenant and a registry sign where another kind belongs. They have one
// key: only what they say of themselves keeps them apart.
func TestKindsOfTokens(t *testing.T) {
	e := start(t, seeded(signInSeed))
	tokens := adaSignsIn(t, e)
	for name, q := range map[string]TokenRequest{
		"graph": {Audience: identity.Graph}, "acr": {Audience: identity.ACR}, "acr refresh": {Registry: "r1registry"},
		"exchange": {Audience: identity.TokenExchange}, "federated": {Subject: "repo:x"},
	} {
		made, err := e.Token(t.Context(), q)
		if err != nil {
			t.Fatal(name, err)
		}
		tokens[name] = made.Token
	}
	bearer := func(host, path string) func(string) answer {
		return func(token string) answer {
			r := request(t, http.MethodGet, e.Endpoints().Service+path, "", "Authorization", "Bearer "+token)
			r.Host = host
			return send(t, http.DefaultTransport, r)
		}
	}
	posted := func(host, path string, form url.Values, member string) func(string) answer {
		return func(token string) answer {
			form.Set(member, token)
			r := request(t, http.MethodPost, e.Endpoints().Service+path, form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
			r.Host = host
			return send(t, http.DefaultTransport, r)
		}
	}
	const registry, entra = "r1registry.azurecr.io", "login.microsoftonline.com"
	assertion := byClient("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	for _, row := range []struct {
		place string
		use   func(token string) answer
		good  []string // all others are not
	}{
		{"ARM", bearer("management.azure.com", "/subscriptions?api-version=2022-12-01"), []string{"access"}},
		{"Graph", bearer("graph.microsoft.com", "/v1.0/users"), []string{"graph"}},
		{"the registry", bearer(registry, "/v2/"), nil},
		{"a refresh at Entra", posted(entra, "/common/oauth2/v2.0/token", url.Values{
			"grant_type": {"refresh_token"}, "client_id": {identity.AzureCLI}, "scope": {"https://management.azure.com//.default"},
		}, "refresh_token"), []string{"refresh"}},
		{"a refresh by another client", posted(entra, "/common/oauth2/v2.0/token", url.Values{
			"grant_type": {"refresh_token"}, "client_id": {pipelineApp}, "client_secret": {"app-secret"}, "scope": {"https://management.azure.com//.default"},
		}, "refresh_token"), nil},
		{"an assertion", posted(entra, "/common/oauth2/v2.0/token", assertion, "client_assertion"), []string{"federated"}},
		{"a code", posted(entra, "/common/oauth2/v2.0/token", url.Values{
			"grant_type": {"authorization_code"}, "client_id": {identity.AzureCLI}, "redirect_uri": {"http://localhost"},
		}, "code"), nil},
		{"a device code", posted(entra, "/common/oauth2/v2.0/token", url.Values{
			"grant_type": {"device_code"}, "client_id": {identity.AzureCLI},
		}, "device_code"), nil},
		{"a refresh at the registry", posted(registry, "/oauth2/token", url.Values{
			"grant_type": {"refresh_token"}, "service": {registry}, "scope": {"registry:catalog:*"},
		}, "refresh_token"), []string{"acr refresh"}},
		{"the exchange", posted(registry, "/oauth2/exchange", url.Values{"grant_type": {"access_token"}, "service": {registry}}, "access_token"), []string{"acr"}},
		{"the exchange of refresh tokens", posted(registry, "/oauth2/exchange", url.Values{
			"grant_type": {"access_token_refresh_token"}, "service": {registry},
		}, "refresh_token"), nil},
	} {
		for name, token := range tokens {
			got := row.use(token)
			if good := got.status < http.StatusBadRequest; good != slices.Contains(row.good, name) {
				t.Errorf("%s token at %s: %d %s", name, row.place, got.status, got.body)
			}
		}
	}
}

// TestSessionsEnd: what a user got to go on with is worth nothing when the password is another, or the account is gone or off.
func TestSessionsEnd(t *testing.T) {
	for name, change := range map[string]func(*azure.Document){
		"another password": func(d *azure.Document) { d.Body["passwordProfile"] = map[string]any{"password": "another"} },
		"disabled":         func(d *azure.Document) { d.Body["accountEnabled"] = false },
		"revoked":          func(d *azure.Document) { d.Body["signInSessionsValidFromDateTime"] = "2099-01-01T00:00:00Z" },
		"gone":             nil,
	} {
		t.Run(name, func(t *testing.T) {
			e := start(t, seeded(signInSeed))
			refresh := adaSignsIn(t, e)["refresh"]
			again := func() int {
				return e.token(t, "/common/oauth2/v2.0/token", url.Values{
					"grant_type": {"refresh_token"}, "client_id": {identity.AzureCLI}, "scope": {"https://management.azure.com//.default"},
					"refresh_token": {refresh},
				}).status
			}
			if got := again(); got != http.StatusOK {
				t.Fatalf("before: %d", got)
			}
			ada, _ := e.core.world.Load().findPrincipal("ada@acrlocal.onmicrosoft.com")
			key := azure.GraphID("users", ada.ID).Key()
			edit := azure.Change{Delete: []string{key}}
			if change != nil {
				document, _ := e.core.State().Get(key)
				edited := document.Clone()
				change(&edited)
				edit = azure.Change{Put: []azure.Document{edited}}
			}
			if err := e.change(t.Context(), edit); err != nil {
				t.Fatal(err)
			}
			if got := again(); got != http.StatusBadRequest {
				t.Errorf("after: %d", got)
			}
		})
	}
}

// TestSpoofedMetadata asks the service listener for a managed identity's token, from an address that is nobody's, by the host
// names of IMDS and the endpoints beside it, and with headers that name others.
func TestSpoofedMetadata(t *testing.T) {
	e := start(t, seeded(signInSeed))
	place, err := e.Place(t.Context(), "virtualMachines/jumpbox", "")
	if err != nil {
		t.Fatal(err)
	}
	const query = "resource=https://management.azure.com/&api-version="
	for _, row := range []struct{ method, host, target, body string }{
		{"GET", "169.254.169.254", "/metadata/identity/oauth2/token?" + query + "2018-02-01", ""},
		{"GET", "169.254.169.254:80", "/metadata/identity/oauth2/token?" + query + "2018-02-01", ""},
		{"GET", vantage.IdentityHost, "/msi/token?" + query + "2019-08-01", ""},
		{"GET", vantage.IdentityHost, "/msi/token?" + query + "2017-09-01", ""},
		{"POST", vantage.IdentityHost, "/oauth2/token", "resource=https://management.azure.com/"},
	} {
		for _, header := range [][2]string{
			{"X-Nothing", "x"},
			{"X-Forwarded-For", "10.0.0.4"},
			{"Forwarded", "for=10.0.0.4"},
			{"X-Real-Ip", "10.0.0.4"},
			{"Proxy-Authorization", basic("virtualMachines/jumpbox", "x")},
			{"Authorization", basic("virtualMachines/jumpbox", "x")},
		} {
			r := request(t, row.method, e.Endpoints().Service+row.target, row.body, "Content-Type", "application/x-www-form-urlencoded",
				"Metadata", "true", "X-Identity-Header", place.IdentityHeader, "Secret", place.IdentityHeader, header[0], header[1])
			r.Host = row.host
			if got := send(t, http.DefaultTransport, r); got.status < http.StatusBadRequest || strings.Contains(string(got.body), "access_token") {
				t.Errorf("%s %s%s, %s: %d %s", row.method, row.host, row.target, header[0], got.status, got.body)
			}
		}
	}
}

// TestForeignAuthority: no client is told that a stranger's address is an authority of the tenant.
func TestForeignAuthority(t *testing.T) {
	e := start(t, seeded(signInSeed))
	for host, want := range map[string]bool{
		"203.0.113.66": false, "[2001:db8::66]": false, "login.microsoftonline.com.evil.example": false, "login.microsoftonline.com@evil.example": false,
		"login.microsoftonline.com": true, "login.windows.net": true, "127.0.0.1": true, "10.1.2.3": true, "localhost": true,
	} {
		target := e.Endpoints().Service + "/common/discovery/instance?api-version=1.1&authorization_endpoint=" +
			url.QueryEscape("https://"+host+"/common/oauth2/v2.0/authorize")
		r := request(t, http.MethodGet, target, "")
		r.Host = "login.microsoftonline.com"
		if got := send(t, http.DefaultTransport, r); (got.status == http.StatusOK) != want {
			t.Errorf("%s: %d %s", host, got.status, got.body)
		}
	}
}
