package emulator

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/vantage"
	"github.com/acrlocal/acrlocal/identity"
)

const (
	pipelineApp = "22222222-0000-4000-8000-0000000000aa"
	federation  = "api://AzureADTokenExchange"
)

// signInSeed has an application with credentials of its own, an identity that trusts a cluster, and places of every kind.
const signInSeed = `
resources:
  - {type: Microsoft.ContainerRegistry/registries, name: r1registry, location: westeurope, sku: {name: Premium}}
  - {type: Microsoft.Web/sites, name: shop, location: westeurope, identity: {type: SystemAssigned}}
  - {type: Microsoft.Compute/virtualMachines, name: jumpbox, location: westeurope, identity: {type: SystemAssigned}}
  - {type: Microsoft.ManagedIdentity/userAssignedIdentities, name: builder, location: westeurope}
  - type: Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials
    name: builder/aks
    properties: {issuer: "https://oidc.example.com/", subject: "system:serviceaccount:default:builder", audiences: ["api://AzureADTokenExchange"]}
principals:
  - {"@odata.type": "#microsoft.graph.user", userPrincipalName: ada@acrlocal.onmicrosoft.com, passwordProfile: {password: "ada's"}}
  - {"@odata.type": "#microsoft.graph.user", userPrincipalName: bob@acrlocal.onmicrosoft.com, accountEnabled: false, passwordProfile: {password: "bob's"}}
  - "@odata.type": "#microsoft.graph.application"
    id: 22222222-0000-4000-8000-000000000001
    appId: 22222222-0000-4000-8000-0000000000aa
    displayName: pipeline
    passwordCredentials: [{secretText: app-secret}, {secretText: over, endDateTime: "2020-01-01T00:00:00Z"}]
    federatedIdentityCredentials: [{name: main, issuer: "https://ci.example.com", subject: "repo:x", audiences: ["api://AzureADTokenExchange"]}]
  - {"@odata.type": "#microsoft.graph.servicePrincipal", id: 22222222-0000-4000-8000-000000000002, appId: 22222222-0000-4000-8000-0000000000aa, displayName: pipeline}
`

// token asks the service listener for a token, by a bare address, as a client without DNS does.
func (e *Emulator) token(t testing.TB, path string, form url.Values) answer {
	t.Helper()
	r := request(t, http.MethodPost, e.Endpoints().Service+path, form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	return send(t, http.DefaultTransport, r)
}

func byClient(pairs ...string) url.Values {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {pipelineApp}, "scope": {"https://management.azure.com//.default"}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return form
}

// byAssertion is a client with a token of another issuer's, which the emulator makes.
func (e *Emulator) byAssertion(t testing.TB, client string, q TokenRequest) url.Values {
	t.Helper()
	token, err := e.Token(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return byClient("client_id", client, "client_assertion", token.Token, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
}

// The credentials of an application are its service principal's, those below an identity the identity's; at once, and
// until they are taken away.
func TestCredentialsOfDocuments(t *testing.T) {
	e := start(t, seeded(signInSeed))
	builder, _ := e.core.world.Load().findPrincipal("userAssignedIdentities/builder")
	const path = "/adfs/oauth2/token"
	for _, row := range []struct {
		name   string
		form   url.Values
		status int
	}{
		{"secret of the application", byClient("client_secret", "app-secret"), 200},
		{"secret that is over", byClient("client_secret", "over"), 401},
		{"no secret", byClient("client_secret", ""), 401},
		{"token of the application's issuer", e.byAssertion(t, pipelineApp, TokenRequest{Subject: "repo:x"}), 200},
		{"token of the identity's issuer", e.byAssertion(t, builder.ClientID, TokenRequest{Subject: "system:serviceaccount:default:builder"}), 200},
		{"token of another's issuer", e.byAssertion(t, builder.ClientID, TokenRequest{Subject: "repo:x"}), 401},
		{"token of another subject", e.byAssertion(t, pipelineApp, TokenRequest{Subject: "repo:y", Issuer: "https://ci.example.com"}), 401},
		{"token for another audience", e.byAssertion(t, pipelineApp, TokenRequest{Subject: "repo:x", Audience: "x"}), 401},
	} {
		if got := e.token(t, path, row.form); got.status != row.status {
			t.Errorf("%s: %d %s", row.name, got.status, got.body)
		}
	}
	application := azure.GraphID("applications", "22222222-0000-4000-8000-000000000001")
	document, _ := e.core.State().Get(application.Key())
	edited := document.Clone()
	edited.Body["passwordCredentials"] = []any{map[string]any{"secretText": "new"}}
	if err := e.change(t.Context(), azure.Change{Put: []azure.Document{edited}}); err != nil {
		t.Fatal(err)
	}
	assertion := e.byAssertion(t, pipelineApp, TokenRequest{Subject: "repo:x"})
	for secret, want := range map[string]int{"app-secret": 401, "new": 200} {
		if got := e.token(t, path, byClient("client_secret", secret)); got.status != want {
			t.Errorf("%s: %d %s", secret, got.status, got.body)
		}
	}
	credential, _ := azure.ParseResourceID(builder.Resource + "/federatedIdentityCredentials/aks")
	pod := e.byAssertion(t, builder.ClientID, TokenRequest{Subject: "system:serviceaccount:default:builder"})
	if err := e.change(t.Context(), azure.Change{Delete: []string{application.Key(), credential.Key()}}); err != nil {
		t.Fatal(err)
	}
	for name, form := range map[string]url.Values{"secret": byClient("client_secret", "new"), "assertion": assertion, "pod": pod} {
		if got := e.token(t, path, form); got.status != 401 {
			t.Errorf("%s of a document that is gone: %d %s", name, got.status, got.body)
		}
	}
}

// An application cannot give credentials to anybody but service principals, whatever client ID it claims.
func TestCredentialsStayWithTheirKind(t *testing.T) {
	e := start(t, seeded(signInSeed))
	builder, _ := e.core.world.Load().findPrincipal("userAssignedIdentities/builder")
	evil := azure.Document{ID: azure.GraphID("applications", "33333333-0000-4000-8000-000000000001"), Body: map[string]any{
		"id": "33333333-0000-4000-8000-000000000001", "@odata.type": "#microsoft.graph.application", "appId": builder.ClientID,
		"federatedIdentityCredentials": []any{map[string]any{
			"name": "evil", "issuer": "https://evil.example", "subject": "evil", "audiences": []any{federation},
		}},
	}}
	if err := e.change(t.Context(), azure.Change{Put: []azure.Document{evil}}); err != nil {
		t.Fatal(err)
	}
	form := e.byAssertion(t, builder.ClientID, TokenRequest{Subject: "evil"})
	if got := e.token(t, "/adfs/oauth2/token", form); got.status != 401 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestUsersSignIn(t *testing.T) {
	e := start(t, seeded(signInSeed))
	for user, want := range map[string]int{"ada": 200, "bob": 400, "eve": 400} {
		form := byClient("grant_type", "password", "client_id", identity.AzureCLI, "username", user+"@acrlocal.onmicrosoft.com", "password", user+"'s")
		if got := e.token(t, "/acrlocal.onmicrosoft.com/oauth2/v2.0/token", form); got.status != want {
			t.Errorf("%s: %d %s", user, got.status, got.body)
		}
	}
}

// What the paths of a bare address lead to, told by the dialect of the answer.
func TestBareAddress(t *testing.T) {
	e := start(t, seeded(signInSeed))
	service := e.Endpoints().Service
	for _, row := range []struct {
		path, want string // part of the answer
		status     int
	}{
		{"/v2/", `"UNAUTHORIZED"`, 401},
		{"/subscriptions?api-version=2022-12-01", `"AuthenticationFailed"`, 401},
		{"/Subscriptions/x/resourceGroups?api-version=2022-12-01", `"AuthenticationFailed"`, 401},
		{"/v1.0/me", `"InvalidAuthenticationToken"`, 401},
		{"/adfs/.well-known/openid-configuration", "/adfs/oauth2/token", 200},
		{"/common/discovery/keys", `"keys"`, 200},
		{"/" + azure.DevelopmentTenant + "/v2.0/.well-known/openid-configuration", "/oauth2/v2.0/token", 200},
		{"/common/oauth2/deviceauth", "<form", 200},
		{"/metadata/identity/oauth2/token?api-version=2018-02-01&resource=x", `"UNAUTHORIZED"`, 401},
		{"/commons/discovery/keys", `"UNAUTHORIZED"`, 401},
		{"//subscriptions", `"UNAUTHORIZED"`, 401},
		{"/oauth2/token?service=x", `"errors"`, 401},
	} {
		got := send(t, http.DefaultTransport, request(t, http.MethodGet, service+row.path, "", "Metadata", "true"))
		if got.status != row.status || !strings.Contains(string(got.body), row.want) {
			t.Errorf("%s: %d %s", row.path, got.status, got.body)
		}
	}
}

// Where people and clients find Entra.
func TestAuthorities(t *testing.T) {
	e := start(t, seeded(signInSeed))
	service := e.Endpoints().Service
	port := service[strings.LastIndexByte(service, ':'):]
	for host, want := range map[string]string{
		"login.azure.localhost": "https://login.azure.localhost" + port, "localhost": "https://localhost" + port,
		"login.evil.example": "", "management.azure.com": "", "r1registry.azurecr.io": "",
	} {
		if got, ok := e.otherAuthority(host); got != want || ok != (want != "") {
			t.Errorf("%s: %q", host, got)
		}
	}
	begin := func(via http.RoundTripper, base string) string {
		form := url.Values{"client_id": {identity.AzureCLI}}
		r := request(t, http.MethodPost, base+"/common/oauth2/v2.0/devicecode", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
		var body struct {
			URI string `json:"verification_uri"`
		}
		send(t, via, r).into(t, &body)
		return strings.TrimSuffix(body.URI, "/common/oauth2/deviceauth")
	}
	outside := e.at(t, "203.0.113.7", "")
	secure := strings.Replace(service, "http:", "https:", 1)
	for _, row := range []struct {
		via        http.RoundTripper
		base, want string
	}{
		{outside, "https://login.microsoftonline.com", service},
		{http.DefaultTransport, service, service},
		{&http.Transport{TLSClientConfig: outside.transport.TLSClientConfig}, secure, secure},
	} {
		if got := begin(row.via, row.base); got != row.want {
			t.Errorf("%s: people are sent to %s, want %s", row.base, got, row.want)
		}
	}
}

// The identity endpoint answers each place for its own identity, by its own secret.
func TestIdentityEndpoint(t *testing.T) {
	e := start(t, seeded(signInSeed))
	header := func(place string) string {
		answer, err := e.Place(t.Context(), place, "")
		if err != nil {
			t.Fatal(err)
		}
		return answer.IdentityHeader
	}
	shop, jumpbox := header("sites/shop"), header("virtualMachines/jumpbox")
	if shop == "" || shop == jumpbox || header("203.0.113.7") != "" {
		t.Errorf("headers %q, %q", shop, jumpbox)
	}
	for _, row := range []struct {
		place, header string
		want          int
	}{
		{"sites/shop", shop, 200},
		{"virtualMachines/jumpbox", jumpbox, 200},
		{"sites/shop", jumpbox, 401},
		{"virtualMachines/jumpbox", shop, 401},
		{"203.0.113.7", shop, 401},
		{"sites/shop", "", 401},
	} {
		r := request(t, http.MethodGet, "http://"+vantage.IdentityHost+"/msi/token?api-version=2019-08-01&resource=https://containerregistry.azure.net", "",
			"X-Identity-Header", row.header)
		if got := send(t, e.at(t, row.place, ""), r); got.status != row.want {
			t.Errorf("%s: %d %s", row.place, got.status, got.body)
		}
	}
}

func TestFederatedTokenQuestions(t *testing.T) {
	e := start(t, seeded(signInSeed))
	for want, q := range map[string]TokenRequest{
		"no federated credential": {Subject: "nobody"},
		"has no principal":        {Subject: "repo:x", As: "ada@acrlocal.onmicrosoft.com"},
	} {
		if _, err := e.Token(t.Context(), q); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", q, err)
		}
	}
	d := e.core.world.Load().people
	d.attach("other", credentials{federated: []identity.FederatedCredential{{Issuer: "https://other.example", Subject: "repo:x"}}})
	if got := d.issuersOf("repo:x"); !slices.Equal(got, []string{"https://ci.example.com", "https://other.example"}) {
		t.Errorf("issuers %q", got)
	}
	if _, err := e.Token(t.Context(), TokenRequest{Subject: "repo:x"}); err == nil || !strings.Contains(err.Error(), "name an issuer") {
		t.Errorf("%v", err)
	}
}

func TestTrustedIssuers(t *testing.T) {
	for keys, want := range map[string]string{
		"?": "invalid character", `{"keys":[]}`: "no RSA key", `{"keys":[{"kty":"EC","kid":"x"}]}`: "no RSA key",
	} {
		o := seeded(signInSeed)
		o.TrustedIssuers = []TrustedIssuer{{Issuer: "https://ci.example.com", Keys: []byte(keys)}}
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", keys, err)
		}
	}
	ci := &identity.Issuer{Keys: identity.OpenKeys("", nil)}
	set, err := ci.Keys.JWKS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	keys, _ := json.Marshal(set)
	o := seeded(signInSeed)
	o.TrustedIssuers = []TrustedIssuer{{Issuer: "https://ci.example.com", Keys: keys}}
	e := start(t, o)
	form := e.byAssertion(t, pipelineApp, TokenRequest{Subject: "repo:x"})
	if got := e.token(t, "/adfs/oauth2/token", form); got.status != 401 {
		t.Errorf("the emulator stands in for an issuer that has keys: %d %s", got.status, got.body)
	}
	token, err := ci.Federate(t.Context(), "https://ci.example.com", "repo:x", federation)
	if err != nil {
		t.Fatal(err)
	}
	form.Set("client_assertion", token)
	if got := e.token(t, "/adfs/oauth2/token", form); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// A role that a group has is the right of members of its members, by whatever token.
func TestGroupsInGroups(t *testing.T) {
	e := start(t, seeded(signInSeed+`
  - {"@odata.type": "#microsoft.graph.group", displayName: outer, members: [middle]}
  - {"@odata.type": "#microsoft.graph.group", displayName: middle, members: [inner]}
  - {"@odata.type": "#microsoft.graph.group", displayName: inner, members: [ada@acrlocal.onmicrosoft.com]}
`))
	w := e.core.world.Load()
	outer, ada := "", ""
	for _, p := range w.people.bySource {
		switch {
		case p.DisplayName == "outer":
			outer = p.ID
		case p.UserName == "ada@acrlocal.onmicrosoft.com":
			ada = p.ID
		}
	}
	registry := "/subscriptions/" + azure.DevelopmentSubscription + "/resourceGroups/acrlocal/providers/Microsoft.ContainerRegistry/registries/r1registry"
	const read = "Microsoft.ContainerRegistry/registries/read"
	if e.core.Authorize(ada, read, registry).Allowed {
		t.Fatal("allowed without a role")
	}
	e.arms(t, http.MethodPut, registry+"/providers/Microsoft.Authorization/roleAssignments/44444444-0000-4000-8000-000000000001", map[string]any{
		"principalId": outer, "principalType": "Group", "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7",
	})
	if !e.core.Authorize(ada, read, registry).Allowed {
		t.Error("a member of a member of a member has no right")
	}
	var middle *azure.Document
	for _, d := range e.core.State().OfType(azure.TypeGroup) {
		if d.Body["displayName"] == "middle" {
			middle = d
		}
	}
	edited := middle.Clone()
	edited.Body["members"] = []any{}
	if err := e.change(t.Context(), azure.Change{Put: []azure.Document{edited}}); err != nil {
		t.Fatal(err)
	}
	if e.core.Authorize(ada, read, registry).Allowed {
		t.Error("a right outlives the membership")
	}
}
