package identity

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func newEndpoint() *Endpoint {
	issuer, _ := newIssuer()
	return &Endpoint{Issuer: issuer, Directory: everybody}
}

// ask sends a request and returns the answer with its decoded body.
func ask(t testing.TB, h http.Handler, r *http.Request) (*http.Response, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	answer := w.Result()
	var body map[string]any
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
		t.Fatalf("%s %s: the body is no JSON: %v", r.Method, r.URL, err)
	}
	if got := answer.Header.Get("Content-Type"); got != "application/json; charset=utf-8" {
		t.Errorf("%s %s: content type %q", r.Method, r.URL, got)
	}
	if got := answer.Header.Get("Cache-Control"); !strings.Contains(got, "no-store") {
		t.Errorf("%s %s: cache control %q", r.Method, r.URL, got)
	}
	return answer, body
}

func tokenRequest(path, form string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

const (
	v1 = "/" + tenant + "/oauth2/token"
	v2 = "/" + tenant + "/oauth2/v2.0/token"

	// login is a request of the pipeline but for what it asks for.
	login = "grant_type=client_credentials&client_id=app-pipeline&client_secret=s3cret%2B%2F+%25"
)

func TestDiscovery(t *testing.T) {
	e := newEndpoint()
	for _, row := range []struct{ path, issuer, token, jwks string }{
		{
			"/.well-known/openid-configuration", "https://sts.windows.net/" + tenant + "/",
			"/oauth2/token", "/discovery/keys",
		},
		{
			"/v2.0/.well-known/openid-configuration", "https://login.microsoftonline.com/" + tenant + "/v2.0",
			"/oauth2/v2.0/token", "/discovery/v2.0/keys",
		},
	} {
		for _, name := range []string{tenant, "common", "Organizations"} {
			answer, body := ask(t, e, httptest.NewRequest(http.MethodGet, "/"+name+row.path, nil))
			base := "http://example.com/" + tenant
			if answer.StatusCode != 200 || body["issuer"] != row.issuer || body["token_endpoint"] != base+row.token || body["jwks_uri"] != base+row.jwks {
				t.Errorf("/%s%s: %d %v", name, row.path, answer.StatusCode, body)
			}
			_, keys := ask(t, e, httptest.NewRequest(http.MethodGet, strings.TrimPrefix(body["jwks_uri"].(string), "http://example.com"), nil))
			if len(keys["keys"].([]any)) != 1 {
				t.Errorf("key set: %v", keys)
			}
		}
	}
}

// Discovery points where the asker can go: to where it asked, or where the endpoint is told that it is.
func TestAuthority(t *testing.T) {
	e := newEndpoint()
	path := "/common/.well-known/openid-configuration"
	told := &Endpoint{Issuer: e.Issuer, Authority: func(*http.Request) string { return "https://login.azure.localhost:5080" }}
	for _, row := range []struct {
		e        *Endpoint
		url      string
		wantBase string
	}{
		{e, "https://login.microsoftonline.com" + path, "https://login.microsoftonline.com/"},
		{e, "http://login.azure.localhost:5080" + path, "http://login.azure.localhost:5080/"},
		{told, "http://127.0.0.1:9" + path, "https://login.azure.localhost:5080/"},
	} {
		_, body := ask(t, row.e, httptest.NewRequest(http.MethodGet, row.url, nil))
		if got := body["authorization_endpoint"].(string); got != row.wantBase+tenant+"/oauth2/authorize" {
			t.Errorf("%s: %s", row.url, got)
		}
	}
}

func TestHead(t *testing.T) {
	server := httptest.NewServer(newEndpoint())
	defer server.Close()
	answer, err := http.Head(server.URL + "/common/discovery/keys")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, _ := io.ReadAll(answer.Body); answer.StatusCode != 200 || len(body) != 0 {
		t.Errorf("%d %q", answer.StatusCode, body)
	}
}

// The forms in which a client may ask, and the audience it gets.
func TestTokenRequests(t *testing.T) {
	for _, row := range []struct{ name, path, form, user, password, want string }{
		{"v2", v2, login + "&scope=https://containerregistry.azure.net/.default", "", "", ACR},
		{"v2, resource with a slash", v2, login + "&scope=https://management.azure.com//.default", "", "", ARM},
		{"v2, local name and port", v2, login + "&scope=https://management.azure.localhost:5080//.default", "", "", ARM},
		{"v2, as az asks", v2, login + "&client_info=1&claims=%7B%7D&scope=https://management.core.windows.net//.default+openid+profile+offline_access", "", "", ClassicARM},
		{"v2, common", "/common/oauth2/v2.0/token", login + "&scope=https://graph.microsoft.com/.default", "", "", Graph},
		{"v1", v1, login + "&resource=https://management.azure.com/", "", "", ARM},
		{"v1, organizations", "/organizations/oauth2/token", login + "&resource=" + url.QueryEscape(ACR), "", "", ACR},
		{"the other secret", v1, "grant_type=client_credentials&client_id=APP-pipeline&client_secret=old&resource=" + ACR, "", "", ACR},
		{"Basic", v2, "grant_type=client_credentials&scope=" + ACR + "/.default", "app-pipeline", "s3cret%2B%2F+%25", ACR},
		{"Basic, client named twice", v2, "grant_type=client_credentials&client_id=app-pipeline&scope=" + ACR + "/.default", "app-pipeline", "old", ACR},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := newEndpoint()
			r := tokenRequest(row.path, row.form)
			if row.user != "" {
				r.SetBasicAuth(row.user, row.password)
			}
			answer, body := ask(t, e, r)
			if answer.StatusCode != 200 {
				t.Fatalf("%d %v", answer.StatusCode, body)
			}
			claims, err := e.Issuer.Verifier(row.want).Verify(body["access_token"].(string))
			if err != nil || claims.ObjectID != "oid-pipeline" {
				t.Errorf("claims %+v, %v", claims, err)
			}
			delete(body, "access_token")
			want := map[string]any{"token_type": "Bearer", "expires_in": 4500.0, "ext_expires_in": 4500.0}
			if strings.Contains(row.form, "resource=") {
				form, _ := url.ParseQuery(row.form)
				want["resource"], want["not_before"], want["expires_on"] = form.Get("resource"), "1768478400", "1768482900"
			}
			if diff := cmp.Diff(want, body); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

// Every way to be refused, with status, OAuth error and AADSTS code.
func TestRefusedRequests(t *testing.T) {
	const scope = "&scope=https://containerregistry.azure.net/.default"
	basic := func(user, password, form string) *http.Request {
		r := tokenRequest(v2, form+scope)
		r.SetBasicAuth(user, password)
		return r
	}
	untyped := tokenRequest(v2, login+scope)
	untyped.Header.Del("Content-Type")
	for _, row := range []struct {
		name   string
		r      *http.Request
		status int
		error  string
		code   aadsts
	}{
		{"wrong secret", tokenRequest(v2, strings.Replace(login, "s3cret", "guess", 1)+scope), 401, "invalid_client", wrongSecret},
		{"beginning of the secret", tokenRequest(v2, "grant_type=client_credentials&client_id=app-pipeline&client_secret=o"+scope), 401, "invalid_client", wrongSecret},
		{"wrong secret, Basic", basic("app-pipeline", "guess", "grant_type=client_credentials"), 401, "invalid_client", wrongSecret},
		{"no secret, Basic", basic("app-pipeline", "", "grant_type=client_credentials"), 401, "invalid_client", wrongSecret},
		{"no secret", tokenRequest(v2, "grant_type=client_credentials&client_id=app-pipeline"+scope), 401, "invalid_client", missingSecret},
		{"secret in the query", tokenRequest(v2+"?client_secret=old", "grant_type=client_credentials&client_id=app-pipeline"+scope), 401, "invalid_client", missingSecret},
		{"unknown client", tokenRequest(v2, "grant_type=client_credentials&client_id=nobody&client_secret=x"+scope), 400, "unauthorized_client", unknownClient},
		{"object ID for client ID", tokenRequest(v2, "grant_type=client_credentials&client_id=oid-pipeline&client_secret=old"+scope), 400, "unauthorized_client", unknownClient},
		{"a first-party service", tokenRequest(v2, "grant_type=client_credentials&client_id=app-defender&client_secret=s"+scope), 400, "unauthorized_client", unknownClient},
		{"a managed identity", tokenRequest(v2, "grant_type=client_credentials&client_id=app-worker&client_secret=s"+scope), 400, "unauthorized_client", unknownClient},
		{"no client", tokenRequest(v2, "grant_type=client_credentials"+scope), 400, "invalid_request", missingParameter},
		{"no client, Basic", basic("", "x", "grant_type=client_credentials"), 400, "unauthorized_client", unknownClient},
		{"two clients", basic("app-pipeline", "old", "grant_type=client_credentials&client_id=other"), 400, "invalid_request", badParameter},
		{"two secrets", basic("app-pipeline", "old", "grant_type=client_credentials&client_secret=old"), 400, "invalid_request", badParameter},
		{"Basic that is not encoded", basic("app-pipeline", "100%", "grant_type=client_credentials"), 400, "invalid_request", badParameter},
		{"a parameter twice", tokenRequest(v2, login+scope+"&client_secret=old"), 400, "invalid_request", repeatedParameter},
		{"no grant", tokenRequest(v2, "client_id=app-pipeline"), 400, "invalid_request", missingParameter},
		{"no content type", untyped, 400, "invalid_request", missingParameter},
		{"empty body", tokenRequest(v2, ""), 400, "invalid_request", missingParameter},
		{"a body that is no form", tokenRequest(v2, "%zz"), 400, "invalid_request", badParameter},
		{"a body without end", tokenRequest(v2, login+scope+"&x="+strings.Repeat("x", maxBody)), 400, "invalid_request", badParameter},
		{"a grant there is not", tokenRequest(v1, "grant_type=please"), 400, "unsupported_grant_type", unsupportedGrant},
		{"v1 without resource", tokenRequest(v1, login+scope), 400, "invalid_request", missingParameter},
		{"v2 without scope", tokenRequest(v2, login+"&resource="+ACR), 400, "invalid_request", missingParameter},
		{"scope without .default", tokenRequest(v2, login+"&scope=https://containerregistry.azure.net/pull"), 400, "invalid_scope", scopeNotDefault},
		{"scope of two resources", tokenRequest(v2, login+scope+"+https://graph.microsoft.com/.default"), 400, "invalid_scope", badScope},
		{"scope of no resource", tokenRequest(v2, login+"&scope=openid+profile"), 400, "invalid_scope", badScope},
		{"v1, unknown resource", tokenRequest(v1, login+"&resource=https://vault.azure.net"), 400, "invalid_resource", unknownResource},
		{"v2, unknown resource", tokenRequest(v2, login+"&scope=https://vault.azure.net/.default"), 400, "invalid_resource", unknownResource},
		{"another tenant", tokenRequest("/"+otherTenant+"/oauth2/v2.0/token", login+scope), 400, "invalid_request", unknownTenant},
		{"another tenant's documents", httptest.NewRequest(http.MethodGet, "/contoso.com/.well-known/openid-configuration", nil), 400, "invalid_request", unknownTenant},
		{"GET for a token", httptest.NewRequest(http.MethodGet, v2+"?"+login+scope, nil), 405, "invalid_request", wrongMethod},
		{"POST for keys", tokenRequest("/common/discovery/keys", ""), 405, "invalid_request", wrongMethod},
		{"no such path", httptest.NewRequest(http.MethodGet, "/common/oauth2/logout", nil), 404, "invalid_request", noRoute},
		{"a path too long", tokenRequest(v2+"/", login+scope), 404, "invalid_request", noRoute},
		{"the root", httptest.NewRequest(http.MethodGet, "/", nil), 404, "invalid_request", noRoute},
		{"only a tenant", httptest.NewRequest(http.MethodGet, "/"+tenant, nil), 404, "invalid_request", noRoute},
	} {
		t.Run(row.name, func(t *testing.T) {
			answer, body := ask(t, newEndpoint(), row.r)
			if answer.StatusCode != row.status || body["error"] != row.error {
				t.Errorf("%d %v", answer.StatusCode, body)
			}
			wantCodes := []any{}
			if row.code != noRoute {
				wantCodes = []any{float64(row.code)}
			}
			if diff := cmp.Diff(wantCodes, body["error_codes"]); diff != "" {
				t.Errorf("codes (-want +got):\n%s%v", diff, body["error_description"])
			}
			if row.status == 405 && answer.Header.Get("Allow") == "" {
				t.Error("405 without Allow")
			}
		})
	}
}

// The body of an error to the letter, but for the IDs that are new each time.
func TestErrorBody(t *testing.T) {
	const mine = "0A0b0c0d-1111-2222-3333-444455556666"
	for _, row := range []struct{ sent, want string }{
		{mine, mine},
		{"", "ID"},
		{mine + "<script>", "ID"},
	} {
		r := tokenRequest(v2, "grant_type=client_credentials&client_id=app-pipeline&client_secret=guess&scope="+ACR+"/.default")
		r.Header.Set("Client-Request-Id", row.sent)
		w := httptest.NewRecorder()
		newEndpoint().ServeHTTP(w, r)
		text := w.Body.String()
		text = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`).ReplaceAllString(text, "ID")
		want := `{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided. Ensure the secret being sent ` +
			`in the request is the client secret value, not the client secret ID, for a secret added to app 'app-pipeline'. ` +
			`Trace ID: ID Correlation ID: ` + row.want + ` Timestamp: 2026-01-15 12:00:00Z","error_codes":[7000215],` +
			`"timestamp":"2026-01-15 12:00:00Z","trace_id":"ID","correlation_id":"` + row.want + `"}` + "\n"
		if diff := cmp.Diff(want, text); diff != "" {
			t.Errorf("correlation ID %q sent (-want +got):\n%s", row.sent, diff)
		}
	}
}

// Each row of the table can be told apart by its code, and has a status and a name.
func TestFaultTable(t *testing.T) {
	for code, row := range faults {
		args := []any{"a", "b", "c"}[:strings.Count(row.text, "%s")]
		text := newFault(code, args...).Error()
		if strings.Contains(text, "%!") || row.status < 400 || row.name == "" {
			t.Errorf("%d: %+v renders as %q", code, row, text)
		}
	}
}

// Why no token can be signed is not the client's business.
func TestEndpointWithoutKeys(t *testing.T) {
	e := &Endpoint{Issuer: &Issuer{Tenant: tenant, Keys: openKeys("", nil, supply())}, Directory: everybody}
	for _, r := range []*http.Request{
		tokenRequest(v1, login+"&resource="+ACR),
		tokenRequest(v2, login+"&scope="+ACR+"/.default"),
		httptest.NewRequest(http.MethodGet, "/common/discovery/keys", nil),
	} {
		answer, body := ask(t, e, r)
		if answer.StatusCode != 500 || body["error"] != "server_error" || strings.Contains(body["error_description"].(string), "entropy") {
			t.Errorf("%s: %d %v", r.URL, answer.StatusCode, body)
		}
	}
}

func TestClientThatLeaves(t *testing.T) {
	gone, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	e := &Endpoint{Issuer: &Issuer{Tenant: tenant, Keys: &Keys{}, Now: func() time.Time { return noon }}, Directory: everybody}
	answer, _ := ask(t, e, tokenRequest(v1, login+"&resource="+ACR).WithContext(gone))
	if answer.StatusCode != 500 {
		t.Errorf("status %d", answer.StatusCode)
	}
}

func FuzzTokenRequest(f *testing.F) {
	for _, form := range []string{
		login + "&scope=https://containerregistry.azure.net/.default",
		login + "&scope=https://management.azure.com//.default+openid",
		login + "&resource=https://management.azure.com/",
		"grant_type=password&username=a&password=b", "grant_type=%zz", "&&==", "grant_type=client_credentials&client_id=app-defender&client_secret=s",
	} {
		f.Add(form, "app-pipeline", "old", true)
		f.Add(form, "", "", false)
	}
	e := newEndpoint()
	v := e.Issuer.Verifier(ARM, ClassicARM, ACR, Graph)
	f.Fuzz(func(t *testing.T, form, user, password string, byV1 bool) {
		r := tokenRequest(map[bool]string{true: v1, false: v2}[byV1], form)
		if user != "" {
			r.SetBasicAuth(user, password)
		}
		answer, body := ask(t, e, r)
		if answer.StatusCode != 200 {
			if answer.StatusCode != 400 && answer.StatusCode != 401 || body["error"] == nil || body["access_token"] != nil {
				t.Fatalf("%q: %d %v", form, answer.StatusCode, body)
			}
			return
		}
		// A token was given: it must be the pipeline's, and its secret must have been sent.
		sent, _ := url.ParseQuery(form)
		claims, err := v.Verify(body["access_token"].(string))
		basic, _ := url.QueryUnescape(password)
		if err != nil || claims.ObjectID != "oid-pipeline" || !pipeline.HasSecret(sent.Get("client_secret"), noon) && !pipeline.HasSecret(basic, noon) {
			t.Fatalf("%q gets a token: %+v %v", form, claims, err)
		}
	})
}
