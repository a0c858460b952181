package registry

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/gate"
	"github.com/acrlocal/acrlocal/identity"
)

const (
	tenant = "acac10ca-1000-4000-8000-000000000001"

	group    = "/subscriptions/s1/resourceGroups/rg/providers/"
	worker   = group + "Microsoft.ContainerInstance/containerGroups/worker"
	builder  = group + "Microsoft.ManagedIdentity/userAssignedIdentities/builder"
	acrPull  = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
	acrPush  = "8311e382-0749-4cb8-b61a-304f252e45ec"
	reader   = "b93aa761-3e63-49ed-ac28-beffa264f7ac" // Container Registry Repository Reader
	outsider = "203.0.113.7:4711"
)

var noon = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)

// The principals of the tests: a puller with a system-assigned identity, a pusher with a secret, one with no role, and
// a user-assigned identity that may pull.
var (
	pullerID  = identity.Principal{ID: "OID-worker", Kind: identity.SystemAssigned, ClientID: "app-worker", Resource: worker}
	pusherID  = identity.Principal{ID: "oid-pusher", Kind: identity.ServicePrincipal, ClientID: "app-pusher", Secrets: []identity.Secret{{Value: "s3cret"}}}
	idleID    = identity.Principal{ID: "oid-idle", Kind: identity.ServicePrincipal, ClientID: "app-idle", Secrets: []identity.Secret{{Value: "idle"}}}
	builderID = identity.Principal{ID: "oid-builder", Kind: identity.UserAssigned, ClientID: "app-builder", Resource: builder, Hosts: []string{worker}}
	people    = identity.StaticDirectory{pullerID, pusherID, idleID, builderID}
)

// registryData is an open registry of that name, where the puller may pull, the pusher push and the builder pull.
func registryData(name string) gate.Registry {
	return gate.Registry{
		ID: group + "Microsoft.ContainerRegistry/registries/" + name, Name: name, LoginServer: name + ".azurecr.io",
		PublicAccess: true, DefaultAllow: true,
	}
}

// policy has the open registries myregistry and my; closed, which lets nobody in but trusted services; anon, with
// anonymous pull; abac, in the other mode; and local, with an admin user and a repository-scoped token.
func policy() gate.Policy {
	closed, anon, abac, local := registryData("closed"), registryData("anon"), registryData("abac"), registryData("local")
	closed.PublicAccess, closed.BypassTrustedServices = false, true
	anon.AnonymousPull = true
	abac.Mode = gate.AbacRepositoryPermissions
	local.Admin = gate.AdminUser{Enabled: true, Passwords: []string{"p1", "p2"}}
	local.Tokens = []gate.RepositoryToken{{
		Name: "ci", Enabled: true, Passwords: []gate.Password{{Value: "ci-secret", Expires: noon.Add(time.Hour)}},
		Actions: []string{"repositories/team/app/content/read"},
	}}
	p := gate.Policy{
		Registries: []gate.Registry{registryData("myregistry"), registryData("my"), closed, anon, abac, local},
		Services:   gate.TrustedServices(),
		Principals: []gate.Principal{
			{ID: pullerID.ID, Kind: gate.SystemAssignedIdentity, Resource: worker},
			{ID: pusherID.ID, Kind: gate.ServicePrincipal},
			{ID: idleID.ID, Kind: gate.ServicePrincipal},
			{ID: builderID.ID, Kind: gate.UserAssignedIdentity, Resource: builder, Hosts: []string{worker}},
		},
	}
	rg := "/subscriptions/s1/resourceGroups/rg"
	p.Assignments = []gate.Assignment{
		{ID: "/a/pull", PrincipalID: pullerID.ID, Role: acrPull, Scope: rg},
		{ID: "/a/push", PrincipalID: pusherID.ID, Role: acrPush, Scope: rg},
		{ID: "/a/build", PrincipalID: builderID.ID, Role: acrPull, Scope: rg},
		{ID: "/a/read", PrincipalID: pusherID.ID, Role: reader, Scope: rg},
	}
	return p
}

// testClock is a clock that its test moves.
type testClock struct{ at atomic.Int64 }

func (c *testClock) Now() time.Time          { return noon.Add(time.Duration(c.at.Load())) }
func (c *testClock) advance(d time.Duration) { c.at.Add(int64(d)) }

// keys are made once; making them is the slow part of every test here.
var (
	ourKeys   = sync.OnceValue(func() *identity.Keys { return identity.OpenKeys("", nil) })
	otherKeys = sync.OnceValue(func() *identity.Keys { return identity.OpenKeys("", nil) })
)

// world is a tenant and the login servers of its registries.
type world struct {
	t      testing.TB
	clock  *testClock
	issuer *identity.Issuer
	tokens *Tokens
	gate   *gate.Gate
	front  *Front
	seen   []string // what the content was asked for
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, clock: &testClock{}}
	w.issuer = &identity.Issuer{Tenant: tenant, Keys: ourKeys(), Now: w.clock.Now}
	w.tokens = NewTokens(Options{
		Keys: ourKeys(), Tenant: tenant, Entra: w.issuer.Verifier(identity.ACR, identity.ARM, identity.ClassicARM),
		Directory: people, Snapshot: func() *gate.Snapshot { return w.gate.Snapshot() }, Now: w.clock.Now,
	})
	w.gate = gate.New(gate.Options{Authenticate: w.tokens.Authenticate, Answer: Answer, Now: w.clock.Now})
	w.swap(policy())
	w.front = NewFront(w.gate, w.tokens, func(name string) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			w.seen = append(w.seen, name+" "+r.Method+" "+r.URL.EscapedPath()+" "+r.FormValue("from"))
			rw.WriteHeader(http.StatusOK)
		})
	})
	return w
}

func (w *world) swap(p gate.Policy) {
	w.t.Helper()
	s, err := gate.Compile(p)
	if err != nil {
		w.t.Fatal(err)
	}
	w.gate.Swap(s)
}

// entra is an Entra token for ACR.
func (w *world) entra(p identity.Principal, host string) string {
	return w.entraFor(p, identity.ACR, host)
}

func (w *world) entraFor(p identity.Principal, audience, host string) string {
	w.t.Helper()
	token, err := w.issuer.Issue(context.Background(), p, audience, host)
	if err != nil {
		w.t.Fatal(err)
	}
	return token.AccessToken
}

// ask is a request in a test.
type ask struct {
	method string // GET by default, POST with a form
	url    string // https://HOST/PATH
	auth   string
	form   string
	from   string // address and port of the peer
}

func (w *world) do(a ask) *httptest.ResponseRecorder {
	method := a.method
	if method == "" {
		method = map[bool]string{true: http.MethodGet, false: http.MethodPost}[a.form == ""]
	}
	r := httptest.NewRequest(method, a.url, strings.NewReader(a.form))
	r.RemoteAddr = outsider
	if a.from != "" {
		r.RemoteAddr = a.from
	}
	if a.form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if a.auth != "" {
		r.Header.Set("Authorization", a.auth)
	}
	answer := httptest.NewRecorder()
	w.front.ServeHTTP(answer, r)
	return answer
}

// get is a request with a bearer token; the reason is that of the decision.
func (w *world) get(url, token string) (status int, reason string) {
	answer := w.do(ask{url: url, auth: "Bearer " + token})
	return answer.Code, reasonOf(answer)
}

// reasonOf reads the reason of the decision from an answer.
func reasonOf(answer *httptest.ResponseRecorder) string {
	parts := strings.Split(answer.Header().Get("X-Acrlocal-Decision"), "; ")
	return parts[len(parts)-1]
}

func basicAuth(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// form encodes name, value, name, value…
func form(pairs ...string) string {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return values.Encode()
}

// refresh exchanges an Entra token of p at a registry.
func (w *world) refresh(registry string, p identity.Principal) string {
	w.t.Helper()
	answer := w.do(ask{url: "https://" + registry + ".azurecr.io/oauth2/exchange", form: form(
		"grant_type", "access_token", "service", registry+".azurecr.io", "access_token", w.entra(p, ""))})
	return w.read(answer).RefreshToken
}

// access gets an access token for scopes by a refresh token.
func (w *world) access(registry, refresh string, scopes ...string) string {
	w.t.Helper()
	answer := w.do(ask{url: "https://" + registry + ".azurecr.io/oauth2/token", form: form(
		"grant_type", "refresh_token", "service", registry+".azurecr.io", "refresh_token", refresh, "scope", strings.Join(scopes, " "))})
	return w.read(answer).AccessToken
}

func (w *world) read(answer *httptest.ResponseRecorder) (body struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
},
) {
	w.t.Helper()
	if answer.Code != http.StatusOK {
		w.t.Fatalf("status %d: %s (%s)", answer.Code, answer.Body, answer.Header().Get("X-Acrlocal-Why"))
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &body); err != nil {
		w.t.Fatal(err)
	}
	return body
}

// payload decodes what a token says, without verifying it.
func payload(t testing.TB, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no token", token)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{}
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}
