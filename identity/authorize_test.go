package identity

import (
	"crypto/sha256"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

const verifier = "a-verifier-that-nobody-else-knows-0123456789"

func challenge() string { sum := sha256.Sum256([]byte(verifier)); return encode(sum[:]) }

// asked is an authorization request as MSAL makes it.
var asked = url.Values{
	"client_id": {AzureCLI}, "response_type": {"code"}, "redirect_uri": {"http://localhost:8400"}, "scope": {acrScope}, "state": {"s"},
	"nonce": {"n"}, "code_challenge": {challenge()}, "code_challenge_method": {"S256"}, "client_info": {"1"}, "login_hint": {"ada@contoso.example"},
}

func authorizePath(query url.Values) string {
	return "/organizations/oauth2/v2.0/authorize?" + query.Encode()
}

var v2Authorize = authorizePath(asked)

var signingIn = url.Values{"username": {"ada@contoso.example"}, "password": {"pässword"}, "action": {"sign-in"}}

// redeem is what the client asks with the code that its redirect URI got.
func (e tenancy) redeem(t testing.TB, query url.Values) url.Values {
	t.Helper()
	answer, body := e.page(t, authorizePath(query), signingIn)
	back, err := url.Parse(answer.Header.Get("Location"))
	if answer.StatusCode != 302 || err != nil || back.Host != "localhost:8400" || back.Query().Get("state") != query.Get("state") {
		t.Fatalf("%d %s %s", answer.StatusCode, back, body)
	}
	return url.Values{
		"grant_type": {"authorization_code"}, "client_id": {query.Get("client_id")}, "code": {back.Query().Get("code")},
		"redirect_uri": {query.Get("redirect_uri")}, "code_verifier": {verifier}, "client_info": {"1"},
	}
}

func TestAuthorizationCode(t *testing.T) {
	e := newTenancy()
	answer, body := e.page(t, v2Authorize, nil)
	if answer.StatusCode != 200 || !strings.Contains(body, `value="ada@contoso.example"`) || strings.Contains(body, "Code") {
		t.Errorf("%d %s", answer.StatusCode, body)
	}
	for name, want := range map[string]string{"X-Frame-Options": "DENY", "Content-Security-Policy": "frame-ancestors 'none'", "Cache-Control": "no-store"} {
		if !strings.Contains(answer.Header.Get(name), want) {
			t.Errorf("%s: %s", name, answer.Header.Get(name))
		}
	}
	wanted := e.redeem(t, asked)
	tokens := e.mustPost(t, v2, wanted)
	if claims := e.claimsOf(t, tokens); claims.ObjectID != "oid-ada" {
		t.Errorf("claims %+v", claims)
	}
	e.checkIDToken(t, tokens["id_token"].(string), AzureCLI, "n")
	e.mustPost(t, v2, byRefresh(tokens))
	e.refused(t, v2, wanted, usedCode)

	e.mustPost(t, "/adfs/oauth2/token", e.redeem(t, form(asked, "state", "", "client_info", "", "redirect_uri", "http://localhost:8400/x?y=z")))
	e.mustPost(t, v2, form(e.redeem(t, form(asked, "client_id", "app-deploy")), "client_secret", "good"))
}

// Where a code must not lead, and what must not be asked: it is told to the person.
func TestRefusedAuthorization(t *testing.T) {
	for _, row := range []struct {
		name string
		form url.Values
		want string
	}{
		{"no client", form(asked, "client_id", ""), "AADSTS900144"},
		{"an unknown client", form(asked, "client_id", "app-nobody"), "AADSTS700016"},
		{"a managed identity", form(asked, "client_id", "app-uami"), "AADSTS700016"},
		{"no way back", form(asked, "redirect_uri", ""), "AADSTS50011"},
		{"a way to somebody else", form(asked, "redirect_uri", "https://evil.example"), "AADSTS50011"},
		{"a way to somebody else, by the name", form(asked, "redirect_uri", "http://localhost.evil.example"), "AADSTS50011"},
		{"a way to somebody else, by the user", form(asked, "redirect_uri", "http://localhost@evil.example"), "AADSTS50011"},
		{"a way to somebody else, on this network", form(asked, "redirect_uri", "http://10.0.0.4"), "AADSTS50011"},
		{"a script", form(asked, "redirect_uri", "javascript:alert(1)//localhost"), "AADSTS50011"},
		{"a fragment", form(asked, "redirect_uri", "http://localhost/#x"), "AADSTS50011"},
		{"no URL", form(asked, "redirect_uri", "http://%zz"), "AADSTS50011"},
		{"a token at once", form(asked, "response_type", "token"), "AADSTS90100"},
		{"by POST", form(asked, "response_mode", "form_post"), "AADSTS90100"},
		{"no challenge", form(asked, "code_challenge", ""), "AADSTS9002325"},
		{"a plain challenge", form(asked, "code_challenge_method", "plain"), "AADSTS9002325"},
		{"two resources", form(asked, "scope", "a/b c/d"), "AADSTS70011"},
		{"two clients", url.Values{"client_id": {AzureCLI, AzureCLI}}, "AADSTS9000411"},
		{"markup", form(asked, "client_id", "<script>"), "&lt;script&gt;"},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, sent := range []url.Values{nil, signingIn} {
				answer, body := newTenancy().page(t, authorizePath(row.form), sent)
				if answer.StatusCode != 200 || !strings.Contains(body, row.want) || answer.Header.Get("Location") != "" {
					t.Errorf("%d %s", answer.StatusCode, body)
				}
			}
		})
	}
}

func TestSignInPage(t *testing.T) {
	e := newTenancy()
	answer, body := e.page(t, v2Authorize, form(signingIn, "password", "guess", "username", `"><b>`))
	if answer.StatusCode != 200 || !strings.Contains(body, "AADSTS50034") || strings.Contains(body, "<b>") {
		t.Errorf("%d %s", answer.StatusCode, body)
	}
	answer, _ = e.page(t, v2Authorize, form(signingIn, "action", actionDecline))
	if back, _ := url.Parse(answer.Header.Get("Location")); answer.StatusCode != 302 || back.Query().Get("error") != "access_denied" || back.Query().Get("state") != "s" {
		t.Errorf("%d %s", answer.StatusCode, back)
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, tokenRequest(v2Authorize, "username=a&username=b"))
	if w.Code != 400 {
		t.Errorf("status %d", w.Code)
	}
}

// What a stolen code is worth without the rest: nothing, and it is used up.
func TestRefusedCodes(t *testing.T) {
	for _, row := range []struct {
		name  string
		pairs []string
		want  aadsts
	}{
		{"another client", []string{"client_id", "app-phone"}, malformedGrant},
		{"another verifier", []string{"code_verifier", verifier + "x"}, wrongVerifier},
		{"no verifier", []string{"code_verifier", ""}, wrongVerifier},
		{"the challenge for the verifier", []string{"code_verifier", challenge()}, wrongVerifier},
		{"another way back", []string{"redirect_uri", "http://localhost:8401"}, otherRedirect},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := newTenancy()
			good := e.redeem(t, asked)
			e.refused(t, v2, form(good, row.pairs...), row.want)
			e.refused(t, v2, good, usedCode)
		})
	}
	e := newTenancy()
	good := e.redeem(t, asked)
	e.refused(t, v2, form(good, "code", ""), missingParameter)
	e.refused(t, v2, form(good, "client_id", ""), missingParameter)
	e.refused(t, v2, form(good, "code", "guess"), expiredGrant)
	e.people.remove("oid-ada")
	e.refused(t, v2, good, unknownUser)
	e = newTenancy()
	good = e.redeem(t, asked)
	e.at.advance(codeLifetime)
	e.refused(t, v2, good, expiredGrant)
}

// FuzzAuthorize: whatever is asked, a code goes nowhere but to this machine.
func FuzzAuthorize(f *testing.F) {
	for _, redirect := range []string{"http://localhost:8400", "http://127.0.0.1/x?y", "http://[::1]:1", "https://evil.example", "http://localhost@evil.example", "//evil"} {
		f.Add(redirect, "s", acrScope, challenge())
	}
	e := newTenancy()
	f.Fuzz(func(t *testing.T, redirect, state, scope, challenge string) {
		answer, _ := e.page(t, authorizePath(form(asked, "redirect_uri", redirect, "state", state, "scope", scope, "code_challenge", challenge)), signingIn)
		to := answer.Header.Get("Location")
		if to == "" {
			return
		}
		u, err := url.Parse(to)
		if err != nil || u.Scheme != "http" || u.Hostname() != "localhost" && u.Hostname() != "::1" && !strings.HasPrefix(u.Hostname(), "127.") &&
			!strings.HasPrefix(u.Hostname(), "::ffff:127.") {
			t.Fatalf("%q leads to %q", redirect, to)
		}
	})
}
