package registry

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/gate"
	"github.com/acrlocal/acrlocal/identity"
)

const digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// Challenges name the token service by the way the client came, and the login server by its real name.
func TestChallenge(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		ask       ask
		challenge string
		body      string
	}{
		{
			ask{url: "https://myregistry.azurecr.io/v2/"},
			`Bearer realm="https://myregistry.azurecr.io/oauth2/token",service="myregistry.azurecr.io"`,
			unauthorizedBody + "\n",
		},
		{
			ask{url: "http://myregistry.azurecr.localhost:5080/v2/"},
			`Bearer realm="http://myregistry.azurecr.localhost:5080/oauth2/token",service="myregistry.azurecr.io"`,
			unauthorizedBody + "\n",
		},
		{
			ask{url: "https://myregistry.azurecr.io/v2/hello-world/manifests/v1", auth: "Bearer rubbish"},
			`Bearer realm="https://myregistry.azurecr.io/oauth2/token",service="myregistry.azurecr.io",scope="repository:hello-world:pull",error="invalid_token"`,
			`{"errors":[{"code":"UNAUTHORIZED","message":"authentication required, visit https://aka.ms/acr/authorization for more information.","detail":[{"Type":"repository","Name":"hello-world","Action":"pull"}]}]}` + "\n",
		},
		{
			ask{url: "https://closed.azurecr.io/v2/_catalog"},
			`Bearer realm="https://closed.azurecr.io/oauth2/token",service="closed.azurecr.io",scope="registry:catalog:*"`,
			`{"errors":[{"code":"UNAUTHORIZED","message":"authentication required, visit https://aka.ms/acr/authorization for more information.","detail":[{"Type":"registry","Name":"catalog","Action":"*"}]}]}` + "\n",
		},
		{
			ask{url: "https://my.azurecr.io/v2/", auth: basicAuth("alice", "x")},
			`Bearer realm="https://my.azurecr.io/oauth2/token",service="my.azurecr.io"`,
			`{"errors":[{"code":"UNAUTHORIZED","message":"Application not registered with AAD."}]}` + "\n",
		},
	} {
		answer := w.do(c.ask)
		if got := answer.Header().Get("Www-Authenticate"); answer.Code != 401 || got != c.challenge {
			t.Errorf("%s: %d\n got %s\nwant %s", c.ask.url, answer.Code, got, c.challenge)
		}
		if answer.Body.String() != c.body {
			t.Errorf("%s:\n got %q\nwant %q", c.ask.url, answer.Body, c.body)
		}
	}
}

// In the behaviour of today the token service's messages end in the correlation ID (acr-behaviour §2.1); in that of
// 2020 the firewall speaks on /v2 itself (§2.2).
func TestBehaviors(t *testing.T) {
	w := newWorld(t)
	p := policy()
	for i := range p.Registries {
		p.Registries[i].Quirks.CorrelationInMessage = true
	}
	w.swap(p)
	for url, message := range map[string]string{
		"https://closed.azurecr.io/oauth2/token":     `client with IP \u0027203.0.113.7\u0027 is not allowed access. Refer https://aka.ms/acr/firewall to grant access.`,
		"https://myregistry.azurecr.io/oauth2/token": "authentication required, visit https://aka.ms/acr/authorization for more information.",
	} {
		answer := w.do(ask{url: url})
		want := message + " CorrelationId: " + answer.Header().Get("X-Ms-Correlation-Request-Id") + `"}]}`
		if !strings.HasSuffix(answer.Body.String(), want) {
			t.Errorf("%s: %s, want %s", url, answer.Body, want)
		}
	}
	p.Registries[2].Quirks.DenyAtRegistry = true
	w.swap(p)
	if answer := w.do(ask{url: "https://closed.azurecr.io/v2/"}); answer.Code != 403 || reasonOf(answer) != "public-access-disabled" {
		t.Errorf("%d %s", answer.Code, reasonOf(answer))
	}
}

// A path that no API has gets the gate's answer in OCI's form, never plain text.
func TestUnknownPaths(t *testing.T) {
	w := newWorld(t)
	token := w.access("myregistry", w.refresh("myregistry", pullerID))
	for _, path := range []string{"/", "/v1/", "/v2/A/manifests/v1", "/v2/a/../b/manifests/v1", "/v2//manifests/v1", "/oauth2/", "/oauth2/token/", "/oauth2%2Ftoken", "/acr/v2/a"} {
		answer := w.do(ask{url: "https://myregistry.azurecr.io" + path, auth: "Bearer " + token})
		want := `{"errors":[{"code":"UNSUPPORTED","message":"The operation is unsupported."}]}` + "\n"
		if answer.Code != 404 || answer.Body.String() != want || reasonOf(answer) != "operation-unsupported" {
			t.Errorf("%s: %d %s %q", path, answer.Code, reasonOf(answer), answer.Body)
		}
	}
	if len(w.seen) != 0 {
		t.Errorf("the content saw %q", w.seen)
	}
}

// The content is asked by one spelling of the path, and never by what the gate did not see.
func TestContent(t *testing.T) {
	pull, push := "repository:team/app:pull", "repository:team/app:pull,push"
	const upload = "/v2/team/app/blobs/uploads/"
	for _, c := range []struct {
		name   string
		who    identity.Principal
		scope  string
		ask    ask // url is the path
		status int
		seen   string
	}{
		{"ping", pullerID, "", ask{url: "/v2/"}, 200, "myregistry GET /v2/ "},
		{"pull", pullerID, pull, ask{url: "/v2/team/app/manifests/v1"}, 200, "myregistry GET /v2/team/app/manifests/v1 "},
		{"escaped slash", pullerID, pull, ask{url: "/v2/team%2Fapp/manifests/v1"}, 200, "myregistry GET /v2/team/app/manifests/v1 "},
		{"escaped slash, small", pullerID, pull, ask{url: "/v2/team%2fapp/manifests/v%31"}, 200, "myregistry GET /v2/team/app/manifests/v1 "},
		{"escaped slash in ACR's API", pullerID, "repository:team/app:metadata_read", ask{url: "/acr/v1/team%2Fapp/_tags"}, 200, "myregistry GET /acr/v1/team/app/_tags "},
		{"a scope for another repository", pullerID, pull, ask{url: "/v2/team/app2/manifests/v1"}, 401, ""},
		{"push without the right", pullerID, push, ask{method: "PUT", url: "/v2/team/app/manifests/v1"}, 401, ""},
		{"push", pusherID, push, ask{method: "PUT", url: "/v2/team/app/manifests/v1"}, 200, "myregistry PUT /v2/team/app/manifests/v1 "},
		{"mount", pusherID, push + " repository:other:pull", ask{method: "POST", url: upload + "?mount=" + digest + "&from=other"}, 200, "myregistry POST " + upload + " other"},
		{"mount of what may not be pulled", pusherID, push, ask{method: "POST", url: upload + "?mount=" + digest + "&from=other"}, 200, "myregistry POST " + upload + " "},
		{"mount, hidden in the body", pusherID, push, ask{url: upload, form: "mount=" + digest + "&from=other"}, 200, "myregistry POST " + upload + " "},
		{"mount by an escaped path", pusherID, push, ask{method: "POST", url: "/v2/team%2Fapp/blobs/uploads/?mount=" + digest + "&from=other"}, 200, "myregistry POST " + upload + " "},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			token := w.access("myregistry", w.refresh("myregistry", c.who), c.scope)
			c.ask.url, c.ask.auth = "https://myregistry.azurecr.io"+c.ask.url, "Bearer "+token
			answer := w.do(c.ask)
			if got := strings.Join(w.seen, "; "); answer.Code != c.status || got != c.seen {
				t.Errorf("%d %s, content saw %q; want %d %q", answer.Code, reasonOf(answer), got, c.status, c.seen)
			}
		})
	}
}

// Answers that are allowed carry what every answer of a registry carries.
func TestHeadersOfContent(t *testing.T) {
	w := newWorld(t)
	answer := w.do(ask{url: "https://myregistry.azurecr.io/v2/", auth: basicAuth("app-pusher", "s3cret")})
	h := answer.Header()
	if answer.Code != 200 || h.Get("Server") != "openresty" || h.Get("Docker-Distribution-Api-Version") != "registry/2.0" ||
		len(h["Strict-Transport-Security"]) != 2 || len(h.Get("X-Ms-Correlation-Request-Id")) != 36 {
		t.Errorf("%d %v", answer.Code, h)
	}
}

func TestContentMissing(t *testing.T) {
	w := newWorld(t)
	w.front = NewFront(w.gate, w.tokens, func(string) http.Handler { return nil })
	answer := w.do(ask{url: "https://myregistry.azurecr.io/v2/", auth: basicAuth("app-pusher", "s3cret")})
	if answer.Code != 404 || !strings.Contains(answer.Body.String(), "NAME_UNKNOWN") {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}

// HEAD is answered as GET, without the body.
func TestHead(t *testing.T) {
	w := newWorld(t)
	for _, url := range []string{"https://myregistry.azurecr.io/v2/a/manifests/v1", "https://closed.azurecr.io/oauth2/token"} {
		get, head := w.do(ask{url: url}), w.do(ask{method: http.MethodHead, url: url})
		if head.Body.Len() != 0 || get.Body.Len() == 0 {
			t.Errorf("%s: HEAD has %q, GET %q", url, head.Body, get.Body)
		}
		if get.Code != head.Code || get.Header().Get("Www-Authenticate") != head.Header().Get("Www-Authenticate") {
			t.Errorf("%s: GET %d, HEAD %d", url, get.Code, head.Code)
		}
	}
	if unwrapped := (bodiless{httptest.NewRecorder()}).Unwrap(); unwrapped == nil {
		t.Error("nothing below")
	}
}

// The ways to sign in without a token service, on /v2 and /acr/v1.
func TestBasicOnContent(t *testing.T) {
	w := newWorld(t)
	refresh := w.refresh("myregistry", pullerID)
	access := w.access("myregistry", refresh, "repository:team/app:pull")
	for _, c := range []struct {
		name, registry, auth string
		status               int
		reason               gate.Reason
	}{
		{"refresh token", "myregistry", basicAuth(RefreshTokenUser, refresh), 200, gate.RoleGrants},
		{"access token", "myregistry", basicAuth(RefreshTokenUser, access), 200, gate.RoleGrants},
		{"scheme in another case", "myregistry", "bASIC" + strings.TrimPrefix(basicAuth(RefreshTokenUser, access), "Basic"), 200, gate.RoleGrants},
		{"service principal", "myregistry", basicAuth("APP-pusher", "s3cret"), 200, gate.RoleGrants},
		{"wrong secret", "myregistry", basicAuth("app-pusher", "s3cret "), 401, gate.PasswordWrong},
		{"admin", "local", basicAuth("Local", "p1"), 200, gate.AdminGrants},
		{"admin, wrong password", "local", basicAuth("local", "p3"), 401, gate.PasswordWrong},
		{"admin of another registry", "my", basicAuth("local", "p1"), 401, gate.ApplicationUnknown},
		{"repository token", "local", basicAuth("ci", "ci-secret"), 200, gate.ScopeMapGrants},
		{"unknown user", "myregistry", basicAuth("alice", refresh), 401, gate.ApplicationUnknown},
		{"no user", "myregistry", basicAuth("", ""), 401, gate.ApplicationUnknown},
		{"no colon", "myregistry", "Basic YWxpY2U=", 401, gate.CredentialMalformed},
		{"no base64", "myregistry", "Basic :::", 401, gate.CredentialMalformed},
		{"empty", "myregistry", "Basic", 401, gate.CredentialMalformed},
		{"no scheme", "myregistry", access, 401, gate.CredentialMalformed},
		{"another scheme", "myregistry", "Digest username=x", 401, gate.CredentialMalformed},
		{"bearer of nothing", "myregistry", "Bearer ", 401, gate.CredentialMalformed},
		{"long user name", "myregistry", basicAuth(strings.Repeat("a", 257), "x"), 401, gate.CredentialMalformed},
		{"long header", "myregistry", "Bearer " + strings.Repeat("a", 16<<10), 401, gate.CredentialMalformed},
	} {
		answer := w.do(ask{url: "https://" + c.registry + ".azurecr.io/v2/team/app/manifests/v1", auth: c.auth})
		if answer.Code != c.status || reasonOf(answer) != string(c.reason) {
			t.Errorf("%s: %d %s, want %d %s", c.name, answer.Code, reasonOf(answer), c.status, c.reason)
		}
	}
}

func TestTwoAuthorizationHeaders(t *testing.T) {
	w := newWorld(t)
	r := httptest.NewRequest("GET", "https://local.azurecr.io/v2/", nil)
	r.Header["Authorization"] = []string{basicAuth("local", "p1"), basicAuth("local", "p1")}
	if c := w.tokens.Authenticate(r, "local"); c.Failure != gate.CredentialMalformed {
		t.Errorf("%+v", c)
	}
}

// A token already issued, and known to the cache, is worth what the rules say at the next request.
func TestRightsRemovedAfterIssue(t *testing.T) {
	change := func(edit func(*gate.Policy)) gate.Policy {
		p := policy()
		edit(&p)
		return p
	}
	registry := func(edit func(*gate.Registry)) gate.Policy {
		return change(func(p *gate.Policy) {
			for i := range p.Registries {
				edit(&p.Registries[i])
			}
		})
	}
	for _, c := range []struct {
		name     string
		policy   gate.Policy
		status   int
		reason   gate.Reason // of the registry
		refusing gate.Reason // of the token service, where the network speaks before a credential is doubted
	}{
		{"nothing changes", policy(), 200, gate.RoleGrants, gate.RoleGrants},
		{"role removed", change(func(p *gate.Policy) { p.Assignments = nil }), 401, gate.NoRole, gate.NoRole},
		{"identity deleted", change(func(p *gate.Policy) { p.Principals, p.Assignments = p.Principals[1:], p.Assignments[1:] }), 401, gate.PrincipalUnknown, gate.PublicAccessDisabled},
		{"resource replaced", change(func(p *gate.Policy) { p.Principals[0].Resource = worker + "2" }), 401, gate.PrincipalUnknown, gate.PublicAccessDisabled},
		{"switch turned off", registry(func(r *gate.Registry) { r.BypassTrustedServices = false }), 403, gate.BypassOff, gate.BypassOff},
		{"service taken off the list", change(func(p *gate.Policy) { p.Services = []gate.TrustedService{} }), 403, gate.NotATrustedService, gate.NotATrustedService},
		{"mode changed", registry(func(r *gate.Registry) { r.Mode = gate.AbacRepositoryPermissions }), 401, gate.ModeChanged, gate.PublicAccessDisabled},
		{"registry deleted", change(func(p *gate.Policy) { p.Registries = p.Registries[:2] }), 404, gate.RegistryUnknown, gate.RegistryUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			refresh := w.refresh("closed", pullerID)
			token := w.access("closed", refresh, "repository:team/app:pull")
			const pull = "https://closed.azurecr.io/v2/team/app/manifests/v1"
			if status, reason := w.get(pull, token); status != 200 {
				t.Fatalf("before: %d %s", status, reason)
			}
			w.swap(c.policy)
			if status, reason := w.get(pull, token); status != c.status || reason != string(c.reason) {
				t.Errorf("access token: %d %s, want %d %s", status, reason, c.status, c.reason)
			}
			answer := w.do(tokenByForm("closed", "grant_type", "refresh_token", "refresh_token", refresh))
			if reasonOf(answer) != string(c.refusing) {
				t.Errorf("refresh token: %d %s, want %s", answer.Code, reasonOf(answer), c.refusing)
			}
		})
	}
}

// Forgetting and the lack of a policy both fail closed.
func TestNoPolicy(t *testing.T) {
	w := newWorld(t)
	token := w.access("myregistry", w.refresh("myregistry", pullerID))
	w.tokens.Forget()
	if status, _ := w.get("https://myregistry.azurecr.io/v2/", token); status != 200 {
		t.Errorf("after Forget a good token is verified anew: %d", status)
	}
	w.gate.Swap(nil)
	if status, reason := w.get("https://myregistry.azurecr.io/v2/", token); status != 404 || reason != "registry-unknown" {
		t.Errorf("%d %s", status, reason)
	}
}

func TestAnswer(t *testing.T) {
	r := httptest.NewRequest("GET", "/v2/", nil)
	r.Host = "localhost:5080"
	to := Answer(r, registryData("playground"))
	if want := (gate.Answer{Realm: "http://localhost:5080/oauth2/token", Service: "playground.azurecr.io"}); !reflect.DeepEqual(to, want) {
		t.Errorf("%+v", to)
	}
	r.TLS = &tls.ConnectionState{}
	if got := Answer(r, gate.Registry{}).Realm; got != "https://localhost:5080/oauth2/token" {
		t.Error(got)
	}
}

// Forms that cannot be read, or could be read in two ways, bring no credential.
func TestForms(t *testing.T) {
	for name, body := range map[string]string{
		"bad escape":        "grant_type=%zz",
		"semicolon":         "grant_type=password;username=x",
		"repeated grant":    "grant_type=password&grant_type=refresh_token",
		"repeated user":     "grant_type=password&username=local&username=ci&password=p1",
		"both credentials":  "grant_type=password&username=local&password=p1&refresh_token=x",
		"larger than 64 KB": "grant_type=password&username=local&password=p1&x=" + strings.Repeat("x", 64<<10),
	} {
		w := newWorld(t)
		answer := w.do(ask{url: "https://local.azurecr.io/oauth2/token", form: body})
		if answer.Code != 401 || reasonOf(answer) != "credential-malformed" {
			t.Errorf("%s: %d %s", name, answer.Code, reasonOf(answer))
		}
	}
}

// Secrets in the URL of a POST, or in a body of another type, are not looked at.
func TestFormElsewhere(t *testing.T) {
	w := newWorld(t)
	good := form("grant_type", "password", "username", "local", "password", "p1", "service", "local.azurecr.io")
	inQuery := w.do(ask{method: "POST", url: "https://local.azurecr.io/oauth2/token?" + good})
	r := httptest.NewRequest("POST", "https://local.azurecr.io/oauth2/token", strings.NewReader(good))
	r.Header.Set("Content-Type", "text/plain")
	asText := httptest.NewRecorder()
	w.front.ServeHTTP(asText, r)
	for _, answer := range []*httptest.ResponseRecorder{inQuery, asText} {
		if answer.Code != 401 || reasonOf(answer) != "credential-malformed" {
			t.Errorf("%d %s", answer.Code, reasonOf(answer))
		}
	}
	if honest := w.do(ask{url: "https://local.azurecr.io/oauth2/token", form: good}); honest.Code != 200 {
		t.Errorf("%d %s", honest.Code, honest.Body)
	}
}
