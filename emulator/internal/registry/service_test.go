package registry

import (
	"context"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/gate"
	"github.com/acrlocal/acrlocal/identity"
)

const unauthorizedBody = `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required, visit https://aka.ms/acr/authorization for more information."}]}`

func exchange(registry string, pairs ...string) ask {
	return ask{url: "https://" + registry + ".azurecr.io/oauth2/exchange", form: form(append(pairs, "service", registry+".azurecr.io")...)}
}

func tokenByForm(registry string, pairs ...string) ask {
	return ask{url: "https://" + registry + ".azurecr.io/oauth2/token", form: form(append(pairs, "service", registry+".azurecr.io")...)}
}

func tokenByBasic(registry, auth, query string) ask {
	return ask{url: "https://" + registry + ".azurecr.io/oauth2/token?service=" + registry + ".azurecr.io&" + query, auth: auth}
}

// The claims are those of acr-behaviour §4.5, the evidence, and of which registry they are; nothing else.
func TestTokenClaims(t *testing.T) {
	w := newWorld(t)
	refresh := w.refresh("myregistry", pullerID)
	common := func(life time.Duration) map[string]any {
		return map[string]any{
			"iss": "Azure Container Registry", "aud": "myregistry.azurecr.io", "version": "1.0", "tenant": tenant, "roles": []any{},
			"sub": "oid-worker", "oid": "OID-worker", "appid": "app-worker", "idtyp": "app", "xms_mirid": worker, "holder": "principal",
			"nbf": float64(noon.Unix()), "iat": float64(noon.Unix()), "exp": float64(noon.Add(life).Unix()),
			"role_assignment_mode": "LegacyRegistryPermissions", "registry": group + "Microsoft.ContainerRegistry/registries/myregistry",
		}
	}
	want := common(3 * time.Hour)
	want["grant_type"], want["permissions"] = "refresh_token", map[string]any{"actions": []any{"*"}, "notActions": []any{}}
	compareClaims(t, refresh, want)

	want = common(75 * time.Minute)
	want["grant_type"] = "access_token"
	want["access"] = []any{
		map[string]any{"type": "repository", "name": "team/app", "actions": []any{"pull"}},
		map[string]any{"type": "registry", "name": "catalog", "actions": []any{"*"}},
	}
	compareClaims(t, w.access("myregistry", refresh, "repository:team/app:pull,push", "registry:catalog:*"), want)
}

func compareClaims(t *testing.T, token string, want map[string]any) {
	t.Helper()
	got := payload(t, token)
	if id, _ := got["jti"].(string); len(id) < 16 {
		t.Errorf("jti is %q", id)
	}
	delete(got, "jti")
	if !reflect.DeepEqual(got, want) {
		t.Errorf("claims\n got %v\nwant %v", got, want)
	}
}

func TestUserAssignedEvidence(t *testing.T) {
	w := newWorld(t)
	body := w.read(w.do(exchange("closed", "grant_type", "access_token", "access_token", w.entra(builderID, worker))))
	claims := payload(t, body.RefreshToken)
	if claims["xms_mirid"] != builder || claims["xms_az_rid"] != worker {
		t.Errorf("the refresh token has %v and %v", claims["xms_mirid"], claims["xms_az_rid"])
	}
	token := w.access("closed", body.RefreshToken, "repository:team/app:pull")
	if status, reason := w.get("https://closed.azurecr.io/v2/team/app/manifests/v1", token); status != 200 {
		t.Errorf("a user-assigned identity of a container group: %d %s", status, reason)
	}
}

// fill puts tokens for the placeholders of a table's request.
func (w *world) fill(a ask) ask {
	fill := strings.NewReplacer(
		"{entra}", w.entra(pullerID, ""), "{entra-arm}", w.entraFor(pullerID, identity.ARM, ""),
		"{entra-idle}", w.entra(idleID, ""), "{refresh}", w.refresh("myregistry", pullerID),
	)
	a.form, a.auth = fill.Replace(a.form), fill.Replace(a.auth)
	if plain, ok := strings.CutPrefix(a.auth, "Plain "); ok {
		user, password, _ := strings.Cut(plain, ":")
		a.auth = basicAuth(user, password)
	}
	return a
}

// plainAuth is basicAuth for a table: fill encodes it when the placeholders are gone.
func plainAuth(user, password string) string { return "Plain " + user + ":" + password }

// withBraces keeps placeholders readable in an encoded form.
func withBraces(a ask) ask {
	a.form = strings.NewReplacer("%7B", "{", "%7D", "}").Replace(a.form)
	return a
}

// What the token service answers, by request. Bodies of refusals are ACR's to the byte.
func TestTokenService(t *testing.T) {
	for _, c := range []struct {
		name   string
		ask    ask
		status int
		reason gate.Reason
		body   string // the whole body of a refusal; for a success the name of the token in it
	}{
		{"exchange", exchange("myregistry", "grant_type", "access_token", "access_token", "{entra}"), 200, "role", "refresh_token"},
		{"exchange with tenant", exchange("myregistry", "grant_type", "access_token", "tenant", tenant, "access_token", "{entra}"), 200, "role", "refresh_token"},
		{"exchange with ARM's audience", exchange("myregistry", "grant_type", "access_token", "access_token", "{entra-arm}"), 200, "role", "refresh_token"},
		{"exchange, both tokens", exchange("myregistry", "grant_type", "access_token_refresh_token", "access_token", "{entra}", "refresh_token", "x"), 200, "role", "refresh_token"},
		{"exchange, refresh token", exchange("myregistry", "grant_type", "refresh_token", "refresh_token", "{refresh}"), 200, "role", "refresh_token"},
		{"exchange for another tenant", exchange("myregistry", "grant_type", "access_token", "tenant", "contoso.com", "access_token", "{entra}"), 401, gate.TenantWrong, unauthorizedBody},
		{"exchange without a role", exchange("myregistry", "grant_type", "access_token", "access_token", "{entra-idle}"), 401, gate.NoRole, unauthorizedBody},
		{"exchange of nothing", exchange("myregistry", "grant_type", "access_token"), 401, gate.CredentialMissing, unauthorizedBody},
		{"exchange of nothing, anonymous pull", exchange("anon", "grant_type", "access_token"), 401, gate.CredentialMissing, unauthorizedBody},
		{"exchange of rubbish", exchange("myregistry", "grant_type", "access_token", "access_token", "rubbish"), 401, gate.CredentialMalformed, unauthorizedBody},
		{"exchange, other grant", exchange("myregistry", "grant_type", "password", "username", "app-pusher", "password", "s3cret"), 401, gate.CredentialMalformed, unauthorizedBody},
		{"exchange behind the firewall", exchange("closed", "grant_type", "access_token", "access_token", "{entra-idle}"), 403, gate.PublicAccessDisabled, `{"errors":[{"code":"DENIED","message":"client with IP \u0027203.0.113.7\u0027 is not allowed access. Refer https://aka.ms/acr/firewall to grant access."}]}`},
		{"exchange of a trusted service", exchange("closed", "grant_type", "access_token", "access_token", "{entra}"), 200, "role", "refresh_token"},

		{"refresh grant", tokenByForm("myregistry", "grant_type", "refresh_token", "refresh_token", "{refresh}", "scope", "repository:a:pull"), 200, "role", "access_token"},
		{"refresh grant, no token", tokenByForm("myregistry", "grant_type", "refresh_token", "refresh_token", ""), 401, gate.CredentialMissing, unauthorizedBody},
		{"refresh grant, no token, anonymous pull", tokenByForm("anon", "grant_type", "refresh_token", "refresh_token", ""), 401, gate.CredentialMissing, unauthorizedBody},
		{"password grant", tokenByForm("myregistry", "grant_type", "password", "username", "app-pusher", "password", "s3cret"), 200, "role", "access_token"},
		{"password grant, null GUID", tokenByForm("myregistry", "grant_type", "password", "username", RefreshTokenUser, "password", "{refresh}"), 200, "role", "access_token"},
		{"password grant, wrong secret", tokenByForm("myregistry", "grant_type", "password", "username", "app-pusher", "password", "wrong"), 401, gate.PasswordWrong, unauthorizedBody},
		{"password grant, empty secret", tokenByForm("myregistry", "grant_type", "password", "username", "app-pusher", "password", ""), 401, gate.PasswordWrong, unauthorizedBody},
		{"password grant, admin", tokenByForm("local", "grant_type", "password", "username", "local", "password", "p2"), 200, "admin", "access_token"},
		{"no grant", tokenByForm("myregistry", "username", "app-pusher", "password", "s3cret"), 401, gate.CredentialMalformed, unauthorizedBody},

		{"anonymous GET", tokenByBasic("anon", "", "scope=repository:a:pull"), 200, "anonymous-pull", "access_token"},
		{"anonymous POST as Azure's SDKs do", tokenByForm("anon", "grant_type", "password", "refresh_token", ""), 200, "anonymous-pull", "access_token"},
		{"anonymous GET where it is off", tokenByBasic("myregistry", "", "scope=repository:a:pull"), 401, gate.CredentialMissing, unauthorizedBody},
		{"anonymous POST where it is off", tokenByForm("myregistry", "grant_type", "password", "refresh_token", ""), 401, gate.CredentialMissing, unauthorizedBody},
		{"stale credential, anonymous pull", tokenByBasic("anon", plainAuth("app-pusher", "stale"), ""), 401, gate.PasswordWrong, unauthorizedBody},

		{"Basic, refresh token", tokenByBasic("myregistry", plainAuth(RefreshTokenUser, "{refresh}"), "account="+RefreshTokenUser), 200, "role", "access_token"},
		{"Basic, rubbish as a token", tokenByBasic("myregistry", plainAuth(RefreshTokenUser, "rubbish"), ""), 401, gate.CredentialMalformed, unauthorizedBody},
		{"Basic, service principal", tokenByBasic("myregistry", plainAuth("app-pusher", "s3cret"), "client_id=docker"), 200, "role", "access_token"},
		{"Basic, principal without role", tokenByBasic("myregistry", plainAuth("app-idle", "idle"), ""), 401, gate.NoRole, unauthorizedBody},
		{"Basic, managed identity's client ID", tokenByBasic("myregistry", plainAuth("app-worker", ""), ""), 401, gate.ApplicationUnknown, `{"errors":[{"code":"UNAUTHORIZED","message":"Application not registered with AAD."}]}`},
		{"Basic, unknown user", tokenByBasic("myregistry", plainAuth("alice", "{refresh}"), ""), 401, gate.ApplicationUnknown, `{"errors":[{"code":"UNAUTHORIZED","message":"Application not registered with AAD."}]}`},
		{"Basic, repository token", tokenByBasic("local", plainAuth("ci", "ci-secret"), ""), 200, "scope-map", "access_token"},
		{"Basic, repository token elsewhere", tokenByBasic("my", plainAuth("ci", "ci-secret"), ""), 401, gate.ApplicationUnknown, `{"errors":[{"code":"UNAUTHORIZED","message":"Application not registered with AAD."}]}`},
		{"Basic, admin switched off", tokenByBasic("my", plainAuth("my", "p1"), ""), 401, gate.AdminUserDisabled, unauthorizedBody},
		{"Bearer", tokenByBasic("myregistry", "Bearer {refresh}", ""), 401, gate.CredentialMalformed, unauthorizedBody},

		{"no service", ask{url: "https://anon.azurecr.io/oauth2/token"}, 400, "anonymous-pull", `{"errors":[{"code":"BAD_REQUEST","message":"the parameter service is missing: it is the login server\u0027s name"}]}`},
		{"another service", ask{url: "https://anon.azurecr.io/oauth2/token?service=my.azurecr.io"}, 400, "anonymous-pull", `{"errors":[{"code":"BAD_REQUEST","message":"the parameter service names another login server"}]}`},
		{"service in other case", ask{url: "https://anon.azurecr.io/oauth2/token?service=ANON.AzureCR.io"}, 200, "anonymous-pull", "access_token"},
		{"scopes without end", tokenByBasic("anon", "", strings.Repeat("scope=repository:a:pull&", 33)), 400, "anonymous-pull", `{"errors":[{"code":"BAD_REQUEST","message":"the request has too many scopes, or too long ones"}]}`},

		{"GET /oauth2/exchange", ask{url: "https://myregistry.azurecr.io/oauth2/exchange"}, 404, "", `{"errors":[{"code":"UNSUPPORTED","message":"The operation is unsupported."}]}`},
		{"PUT /oauth2/token", ask{method: http.MethodPut, url: "https://myregistry.azurecr.io/oauth2/token"}, 404, "", `{"errors":[{"code":"UNSUPPORTED","message":"The operation is unsupported."}]}`},
		{"GET /oauth2/exchange behind the firewall", ask{url: "https://closed.azurecr.io/oauth2/exchange"}, 403, gate.PublicAccessDisabled, `{"errors":[{"code":"DENIED","message":"client with IP \u0027203.0.113.7\u0027 is not allowed access. Refer https://aka.ms/acr/firewall to grant access."}]}`},
		{"no such registry", ask{url: "https://nowhere.azurecr.io/oauth2/token"}, 404, gate.RegistryUnknown, `{"errors":[{"code":"NAME_UNKNOWN","message":"registry is not known to this login server"}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			answer := w.do(w.fill(withBraces(c.ask)))
			if answer.Code != c.status || reasonOf(answer) != string(c.reason) {
				t.Fatalf("%d %s, want %d %s\n%s", answer.Code, reasonOf(answer), c.status, c.reason, answer.Header().Get("X-Acrlocal-Why"))
			}
			checkTokenAnswer(t, answer.Header(), answer.Body.String(), c.status, c.body)
		})
	}
}

func checkTokenAnswer(t *testing.T, h http.Header, body string, status int, want string) {
	t.Helper()
	if status == http.StatusOK {
		if !strings.HasPrefix(body, `{"`+want+`":"ey`) || !strings.HasSuffix(body, `"}`) || strings.Count(body, ":") != 1 {
			t.Errorf("the body is %.80s, want one %s", body, want)
		}
	} else if body != want {
		t.Errorf("the body is\n%s, want\n%s", body, want)
	}
	if got := h.Get("Content-Type"); got != "application/json; charset=utf-8" {
		t.Errorf("Content-Type: %s", got)
	}
	if h.Get("Server") != "openresty" || h.Get("Www-Authenticate") != "" || h.Get("Docker-Distribution-Api-Version") != "" {
		t.Errorf("headers of the token service: %v", h)
	}
	if len(h.Get("X-Ms-Correlation-Request-Id")) != 36 {
		t.Errorf("no correlation ID: %v", h)
	}
}

// Which of the scopes asked for are granted, to whom.
func TestScopes(t *testing.T) {
	for _, c := range []struct {
		name, registry string
		auth, scope    string
		want           []string // type:name:actions
	}{
		{"puller asks for push", "myregistry", "puller", "repository:team/app:pull,push", []string{"repository:team/app:pull"}},
		{"several, in one parameter", "myregistry", "puller", "repository:a:pull repository:b:delete repository:c:metadata_read", []string{"repository:a:pull", "repository:c:metadata_read"}},
		{"everywhere", "myregistry", "pusher", "repository:*:*", []string{"repository:*:pull,push,delete,metadata_read"}},
		{"none", "myregistry", "puller", "", nil},
		{"az check-health", "myregistry", "puller", "registry:None:*", nil},
		{"plugins and rubbish", "myregistry", "puller", "repository(plugin):a:pull repository:A:pull x :: registry:catalog:*", []string{"registry:catalog:*"}},
		{"anonymous", "anon", "", "repository:a:pull,push registry:catalog:*", []string{"repository:a:pull"}},
		{"repository token", "local", "ci", "repository:team/app:pull,push repository:team/other:pull", []string{"repository:team/app:pull"}},
		{"admin", "local", "admin", "repository:a:pull,push,delete", []string{"repository:a:pull,push,delete"}},
		{"ABAC", "abac", "pusher", "repository:a:pull,push registry:catalog:*", []string{"repository:a:pull"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			body := w.read(w.do(tokenByBasic(c.registry, w.login(c.registry, c.auth), "scope="+strings.ReplaceAll(c.scope, " ", "%20"))))
			var got []string
			list, _ := payload(t, body.AccessToken)["access"].([]any)
			for _, entry := range list {
				got = append(got, scopeText(entry.(map[string]any)))
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func scopeText(entry map[string]any) string {
	var actions []string
	for _, a := range entry["actions"].([]any) {
		actions = append(actions, a.(string))
	}
	return entry["type"].(string) + ":" + entry["name"].(string) + ":" + strings.Join(actions, ",")
}

// login is the Basic header of somebody known.
func (w *world) login(registry, who string) string {
	switch who {
	case "puller":
		return basicAuth(RefreshTokenUser, w.refresh(registry, pullerID))
	case "pusher":
		return basicAuth("app-pusher", "s3cret")
	case "ci":
		return basicAuth("ci", "ci-secret")
	case "admin":
		return basicAuth("local", "p1")
	}
	return ""
}

// In ABAC mode asking for every repository is refused outright, and the log is told (acr-behaviour §4.4).
func TestWildcardInABAC(t *testing.T) {
	w := newWorld(t)
	answer := w.do(tokenByBasic("abac", w.login("abac", "pusher"), "scope=repository:*:*"))
	if answer.Code != 401 || answer.Body.String() != unauthorizedBody || reasonOf(answer) != "role-lacks-action" {
		t.Errorf("%d %s: %s", answer.Code, reasonOf(answer), answer.Body)
	}
}

// Docker keeps a refresh token at login if it is given one. It gets its own back, so that nothing is prolonged.
func TestOfflineToken(t *testing.T) {
	w := newWorld(t)
	refresh := w.refresh("myregistry", pullerID)
	for name, c := range map[string]struct {
		ask  ask
		want string
	}{
		"docker login with a refresh token": {tokenByBasic("myregistry", basicAuth(RefreshTokenUser, refresh), "offline_token=true"), refresh},
		"docker's POST":                     {tokenByForm("myregistry", "grant_type", "refresh_token", "access_type", "offline", "refresh_token", refresh), refresh},
		"not asked for":                     {tokenByBasic("myregistry", basicAuth(RefreshTokenUser, refresh), "offline_token=false"), ""},
		"docker login with a secret":        {tokenByBasic("myregistry", basicAuth("app-pusher", "s3cret"), "offline_token=true"), ""},
		"anonymous":                         {tokenByBasic("anon", "", "offline_token=true"), ""},
	} {
		body := w.read(w.do(c.ask))
		if body.RefreshToken != c.want || body.AccessToken == "" {
			t.Errorf("%s: refresh token %.20q, want %.20q", name, body.RefreshToken, c.want)
		}
	}
}

// A token made from a token of its kind ends with it, however often that is repeated.
func TestRenewalProlongsNothing(t *testing.T) {
	w := newWorld(t)
	refresh := w.refresh("myregistry", pullerID)
	access := w.access("myregistry", refresh, "repository:a:pull")
	w.clock.advance(time.Hour)
	again := w.read(w.do(exchange("myregistry", "grant_type", "refresh_token", "refresh_token", refresh))).RefreshToken
	if payload(t, again)["exp"] != payload(t, refresh)["exp"] {
		t.Error("a refresh token was prolonged")
	}
	narrowed := w.read(w.do(tokenByBasic("myregistry", basicAuth(RefreshTokenUser, access), "scope=repository:a:pull,metadata_read"))).AccessToken
	if payload(t, narrowed)["exp"] != payload(t, access)["exp"] {
		t.Error("an access token was prolonged")
	}
	if list := payload(t, narrowed)["access"].([]any); len(list) != 1 || scopeText(list[0].(map[string]any)) != "repository:a:pull,metadata_read" {
		t.Errorf("the scopes became %v", list)
	}
	other := w.read(w.do(tokenByBasic("myregistry", basicAuth(RefreshTokenUser, access), "scope=repository:b:pull"))).AccessToken
	if list, ok := payload(t, other)["access"]; ok {
		t.Errorf("an access token for another repository was got from one for a: %v", list)
	}
}

// Tokens end to the second, on the injected clock, also those that the cache knows.
func TestLifetimes(t *testing.T) {
	w := newWorld(t)
	refresh := w.refresh("myregistry", pullerID)
	access := w.access("myregistry", refresh, "repository:a:pull")
	const pull = "https://myregistry.azurecr.io/v2/a/manifests/v1"
	w.clock.advance(75*time.Minute - time.Second)
	if status, reason := w.get(pull, access); status != 200 {
		t.Errorf("in its last second: %d %s", status, reason)
	}
	w.clock.advance(time.Second)
	if status, reason := w.get(pull, access); status != 401 || reason != "expired" {
		t.Errorf("at its end: %d %s", status, reason)
	}
	w.clock.advance(105*time.Minute - time.Second)
	w.access("myregistry", refresh, "repository:a:pull")
	w.clock.advance(time.Second)
	answer := w.do(tokenByForm("myregistry", "grant_type", "refresh_token", "refresh_token", refresh))
	if answer.Code != 401 || reasonOf(answer) != "expired" {
		t.Errorf("the refresh token at its end: %d %s", answer.Code, reasonOf(answer))
	}
}

func TestRefreshTokenWithoutRequest(t *testing.T) {
	w := newWorld(t)
	entra, err := w.issuer.Issue(context.Background(), pullerID, identity.ACR, "")
	if err != nil {
		t.Fatal(err)
	}
	refresh, err := w.tokens.RefreshToken(context.Background(), "MyRegistry", entra.Claims)
	if err != nil {
		t.Fatal(err)
	}
	if status, reason := w.get("https://myregistry.azurecr.io/v2/a/manifests/v1", w.access("myregistry", refresh, "repository:a:pull")); status != 200 {
		t.Errorf("%d %s", status, reason)
	}
	if _, err := w.tokens.RefreshToken(context.Background(), "nowhere", entra.Claims); err == nil {
		t.Error("a refresh token for a registry that does not exist")
	}
	w.gate.Swap(nil)
	if _, err := w.tokens.RefreshToken(context.Background(), "myregistry", entra.Claims); err == nil {
		t.Error("a refresh token without a policy")
	}
}

// Without a key that signs there is an internal error, and no token.
func TestNoKey(t *testing.T) {
	w := newWorld(t)
	w.tokens.options.Keys = identity.OpenKeys("/dev/null/keys", nil)
	answer := w.do(tokenByBasic("anon", "", ""))
	if answer.Code != 500 || answer.Body.String() != `{"errors":[{"code":"UNKNOWN","message":"unknown error"}]}` {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}
