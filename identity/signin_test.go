package identity

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
)

// byPassword is how az signs a user in (az-cli §3).
var byPassword = url.Values{
	"grant_type": {"password"}, "client_id": {AzureCLI}, "username": {"Ada@contoso.example"}, "password": {"pässword"}, "scope": {acrScope},
	"client_info": {"1"},
}

func TestPasswordGrant(t *testing.T) {
	for _, row := range []struct {
		name, path string
		form       url.Values
		client     string
		proof      string
		members    string // of the answer, beside the usual
	}{
		{"az", v2, byPassword, AzureCLI, "0", "client_info id_token refresh_token"},
		{"az at ADFS", "/adfs/oauth2/token", form(byPassword, "client_info", ""), AzureCLI, "0", "id_token refresh_token"},
		{"ADFS by resource", "/adfs/oauth2/token", form(byPassword, "scope", "", "resource", ACR), AzureCLI, "0", "client_info id_token refresh_token"},
		{"no more than a token", v2, form(byPassword, "scope", ACR+"/user_impersonation", "client_info", ""), AzureCLI, "0", ""},
		{"v1", v1, form(byPassword, "scope", "", "resource", ACR, "client_info", ""), AzureCLI, "0", "expires_on id_token not_before refresh_token resource scope"},
		{"a confidential client", v2, form(byPassword, "client_id", "app-deploy", "client_secret", "good"), "app-deploy", "1", "client_info id_token refresh_token"},
		{"an application without credentials", "/contoso.example/oauth2/v2.0/token", form(byPassword, "client_id", "APP-phone"), "app-phone", "0", "client_info id_token refresh_token"},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := newTenancy()
			body := e.mustPost(t, row.path, row.form)
			claims := e.claimsOf(t, body)
			if claims.ObjectID != "oid-ada" || claims.AppID != row.client || claims.AppIDACR != row.proof || claims.IdentityType != "" || claims.Scope != "user_impersonation" {
				t.Errorf("claims %+v", claims)
			}
			if token, _ := body["id_token"].(string); token != "" {
				e.checkIDToken(t, token, row.client, "")
			}
			if info, _ := body["client_info"].(string); info != "" && string(mustDecode(info)) != `{"uid":"oid-ada","utid":"`+tenant+`"}` {
				t.Errorf("client_info %s", mustDecode(info))
			}
			for _, name := range []string{"token_type", "expires_in", "ext_expires_in", "access_token"} {
				delete(body, name)
			}
			var members []string
			for _, name := range []string{"client_info", "expires_on", "id_token", "not_before", "refresh_token", "resource", "scope"} {
				if _, ok := body[name]; ok {
					members = append(members, name)
				}
			}
			if diff := cmp.Diff(row.members, strings.Join(members, " ")); diff != "" {
				t.Errorf("members (-want +got):\n%s", diff)
			}
		})
	}
}

// checkIDToken checks who an ID token is of and for.
func (e tenancy) checkIDToken(t testing.TB, token, client, nonce string) {
	t.Helper()
	claims, err := VerifyAs[idClaims](e.Issuer.verifierOf(e.Issuer.V2(), client), token)
	if err != nil || claims.ObjectID != "oid-ada" || claims.PreferredUserName != "ada@contoso.example" || claims.UPN != "ada@contoso.example" ||
		claims.Tenant != tenant || claims.Nonce != nonce || claims.Name != "Ada" {
		t.Errorf("ID token %+v, %v", claims, err)
	}
	if _, err := e.Issuer.Verifier(ARM, ACR, Graph, ClassicARM).Verify(token); err == nil {
		t.Error("an ID token passes for an access token")
	}
}

func (i *Issuer) verifierOf(issuer, audience string) Verifier {
	return Verifier{Keys: i.Keys, Issuers: []string{issuer}, Audiences: []string{audience}, Now: i.Now}
}

func TestRefusedPasswords(t *testing.T) {
	for _, row := range []struct {
		name string
		form url.Values
		want aadsts
	}{
		{"wrong password", form(byPassword, "password", "password"), wrongPassword},
		{"beginning of the password", form(byPassword, "password", "päss"), wrongPassword},
		{"no password", form(byPassword, "password", ""), missingParameter},
		{"no user", form(byPassword, "username", ""), missingParameter},
		{"nobody", form(byPassword, "username", "eve@contoso.example"), unknownUser},
		{"the object ID for the name", form(byPassword, "username", "oid-ada"), unknownUser},
		{"a user without a password", form(byPassword, "username", "alice@example.com"), wrongPassword},
		{"a disabled user", form(byPassword, "username", "bob@contoso.example", "password", "bob's"), disabledUser},
		{"a disabled user, wrong password", form(byPassword, "username", "bob@contoso.example"), wrongPassword},
		{"no client", form(byPassword, "client_id", ""), missingParameter},
		{"an unknown client", form(byPassword, "client_id", "app-nobody"), unknownClient},
		{"a managed identity as client", form(byPassword, "client_id", "app-worker"), unknownClient},
		{"a first-party service as client", form(byPassword, "client_id", "app-defender", "client_secret", "s"), unknownClient},
		{"az with a secret", form(byPassword, "client_secret", "x"), publicWithSecret},
		{"an application without credentials, with a secret", form(byPassword, "client_id", "app-phone", "client_secret", "x"), publicWithSecret},
		{"a confidential client without its secret", form(byPassword, "client_id", "app-deploy"), missingSecret},
		{"a confidential client with another secret", form(byPassword, "client_id", "app-deploy", "client_secret", "x"), wrongSecret},
		{"a confidential client with an old secret", form(byPassword, "client_id", "app-deploy", "client_secret", "over"), expiredSecret},
		{"a disabled confidential client", form(byPassword, "client_id", "app-off", "client_secret", "good"), disabledClient},
		{"a disabled client", form(byPassword, "client_id", "app-off-too"), disabledClient},
		{"two resources", form(byPassword, "scope", ACR+"/.default "+ARM+"/.default"), badScope},
		{"an unknown resource", form(byPassword, "scope", "https://vault.azure.net/.default"), unknownResource},
	} {
		t.Run(row.name, func(t *testing.T) { newTenancy().refused(t, v2, row.form, row.want) })
	}
	e := newTenancy()
	clientToken := url.Values{"grant_type": {"client_credentials"}, "client_id": {"app-off"}, "client_secret": {"good"}, "scope": {ACR + "/.default"}}
	e.refused(t, v2, clientToken, disabledClient)
	e.refused(t, v2, form(clientToken, "client_secret", "bad"), wrongSecret)
	e.refused(t, v2, form(clientToken, "client_id", "app-deploy", "client_secret", "over"), expiredSecret)
	e.refused(t, v2, form(clientToken, "client_id", AzureCLI, "client_secret", "good"), unknownClient)
}

// Without a resource, a user's token is for Graph, as in Entra; so are scopes without one.
func TestScopesOfUsers(t *testing.T) {
	for scope, want := range map[string]string{
		"": Graph, "openid": Graph, "User.Read": Graph, "User.Read Mail.Send offline_access": Graph, "https://management.azure.com//.default": ARM,
		"https://localhost:8443//.default": Graph,
	} {
		e := newTenancy()
		body := e.mustPost(t, v2, form(byPassword, "scope", scope))
		if _, err := e.Issuer.Verifier(want).Verify(body["access_token"].(string)); err != nil {
			t.Errorf("scope %q: %v", scope, err)
		}
	}
}

// After ten wrong passwords an account rests for a minute; a right one starts the count anew.
func TestLockout(t *testing.T) {
	e := newTenancy()
	wrong := form(byPassword, "password", "guess")
	for range lockoutAfter - 1 {
		e.refused(t, v2, wrong, wrongPassword)
	}
	e.mustPost(t, v2, byPassword)
	for range lockoutAfter {
		e.refused(t, v2, wrong, wrongPassword)
	}
	e.refused(t, v2, byPassword, lockedOut)
	e.at.advance(lockoutFor - time.Second)
	e.refused(t, v2, byPassword, lockedOut)
	e.at.advance(time.Second)
	e.refused(t, v2, wrong, wrongPassword) // the count begins again
	e.mustPost(t, v2, byPassword)
}

// byRefresh goes on with the refresh token of an answer.
func byRefresh(answer map[string]any) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "client_id": {AzureCLI}, "refresh_token": {answer["refresh_token"].(string)}}
}

func TestRefresh(t *testing.T) {
	e := newTenancy()
	first := e.mustPost(t, v2, byPassword)
	for _, row := range []struct{ path, name, value, want string }{
		{v2, "scope", "https://management.azure.com//.default", ARM},
		{v2, "scope", "openid", ACR},
		{v1, "resource", Graph, Graph},
		{"/adfs/oauth2/token", "scope", "https://localhost:8443//.default", Graph},
		{v2, "scope", "", ACR}, // what was asked for first
	} {
		body := e.mustPost(t, row.path, form(byRefresh(first), row.name, row.value))
		claims, err := e.Issuer.Verifier(row.want).Verify(body["access_token"].(string))
		if err != nil || claims.ObjectID != "oid-ada" || claims.AppID != AzureCLI {
			t.Errorf("%s: %+v %v", row.value, claims, err)
		}
		e.mustPost(t, v2, byRefresh(body)) // by the new one
	}
	e.at.advance(refreshLifetime - time.Second)
	e.mustPost(t, v2, byRefresh(first))
	e.at.advance(time.Second)
	e.refused(t, v2, byRefresh(first), expiredGrant)
}

// What makes a refresh token worthless.
func TestRefusedRefresh(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(e tenancy)
		want aadsts
	}{
		{"a new password", func(e tenancy) { e.people.change("oid-ada", func(p *Principal) { p.Password = "new" }) }, revokedGrant},
		{"revoked sessions", func(e tenancy) {
			e.people.change("oid-ada", func(p *Principal) { p.SessionsFrom = noon.Add(time.Second) })
		}, revokedGrant},
		{"disabled", func(e tenancy) { e.people.change("oid-ada", func(p *Principal) { p.Disabled = true }) }, disabledUser},
		{"deleted", func(e tenancy) { e.people.remove("oid-ada") }, unknownUser},
		{"a group by its ID", func(e tenancy) { e.people.change("oid-ada", func(p *Principal) { p.Kind = Group }) }, unknownUser},
		{"new keys, and no overlap", func(e tenancy) {
			e.Issuer.Keys.Overlap = 0
			_ = e.Issuer.Keys.Rotate(context.Background())
		}, malformedGrant},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := newTenancy()
			first := e.mustPost(t, v2, byPassword)
			row.do(e)
			e.refused(t, v2, byRefresh(first), row.want)
		})
	}
	e := newTenancy()
	first := e.mustPost(t, v2, byPassword)
	good := byRefresh(first)
	token := good.Get("refresh_token")
	own := func(claims jwt.Claims) string {
		text, _ := e.Issuer.Keys.Sign(t.Context(), claims)
		return text
	}
	base := NewRegistered(e.Issuer.V1(), "oid-ada", refreshAudience, noon, noon.Add(time.Hour))
	parts := strings.Split(token, ".")
	for _, row := range []struct {
		name string
		form url.Values
		want aadsts
	}{
		{"another client", form(good, "client_id", "app-phone"), malformedGrant},
		{"a confidential client", form(good, "client_id", "app-deploy", "client_secret", "good"), malformedGrant},
		{"no client", form(good, "client_id", ""), missingParameter},
		{"no token", form(good, "refresh_token", ""), missingParameter},
		{"two resources", form(good, "scope", "a/b c/d"), badScope},
		{"no token at all", form(good, "refresh_token", "please"), malformedGrant},
		{"the access token", form(good, "refresh_token", first["access_token"].(string)), malformedGrant},
		{"the ID token", form(good, "refresh_token", first["id_token"].(string)), malformedGrant},
		{"no signature", form(good, "refresh_token", parts[0]+"."+parts[1]+"."), malformedGrant},
		{"another's seal", form(good, "refresh_token", own(refreshClaims{Registered: base, Client: AzureCLI, Seal: "x.y"})), revokedGrant},
		{"no seal", form(good, "refresh_token", own(refreshClaims{Registered: base, Client: AzureCLI})), revokedGrant},
		{"the tenant standing in for another issuer", form(good, "refresh_token", federate(t, e, e.Issuer.V1(), "oid-ada", refreshAudience)), malformedGrant},
	} {
		t.Run(row.name, func(t *testing.T) { e.refused(t, v2, row.form, row.want) })
	}
	if _, err := e.Issuer.Verifier(ACR, ARM, ClassicARM, Graph, TokenExchange).Verify(token); err == nil {
		t.Error("a refresh token passes for an access token")
	}
	if text, _ := base64.RawURLEncoding.DecodeString(parts[1]); strings.Contains(string(text), "pässword") || !json.Valid(text) {
		t.Errorf("a refresh token tells %s", text)
	}
}

// A refresh token outlives the key that signed it while that key may verify.
func TestRefreshAfterRotation(t *testing.T) {
	e := newTenancy()
	first := e.mustPost(t, v2, byPassword)
	if err := e.Issuer.Keys.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.mustPost(t, v2, byRefresh(e.mustPost(t, v2, byRefresh(first))))
}

func TestSeals(t *testing.T) {
	e := newTenancy()
	keys := e.Issuer.Keys
	seal, err := keys.seal(t.Context(), "text")
	if err != nil || !keys.sealed(seal, "text") {
		t.Fatalf("%q, %v", seal, err)
	}
	for _, other := range []string{"", ".", seal + "A", seal[:len(seal)-1], strings.Replace(seal, ".", ".A", 1), "x" + seal, seal + "="} {
		if keys.sealed(other, "text") {
			t.Errorf("%q seals the text", other)
		}
	}
	if keys.sealed(seal, "text2") || keys.sealed(seal, "") {
		t.Error("a seal is for any text")
	}
	if _, err := openKeys("", nil, supply()).seal(t.Context(), ""); err == nil {
		t.Error("keys that cannot be made make a seal")
	}
}
