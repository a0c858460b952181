package identity

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// byAssertionOf is a request of a client with an assertion.
func byAssertionOf(client, assertion string) url.Values {
	return url.Values{
		"grant_type": {"client_credentials"}, "client_id": {client}, "scope": {ACR + "/.default"},
		"client_assertion_type": {assertionType}, "client_assertion": {assertion},
	}
}

// ownClaims are those of a good assertion of the deploy client's own, which each test edits.
func ownClaims() jwt.MapClaims {
	return jwt.MapClaims{
		"iss": "app-deploy", "sub": "app-deploy", "aud": "https://login.microsoftonline.com/" + tenant + "/oauth2/v2.0/token",
		"nbf": noon.Unix(), "exp": noon.Add(10 * time.Minute).Unix(), "jti": "1",
	}
}

func edited(claims jwt.MapClaims, pairs ...any) jwt.MapClaims {
	claims = maps.Clone(claims)
	for i := 0; i < len(pairs); i += 2 {
		claims[pairs[i].(string)] = pairs[i+1]
		if pairs[i+1] == nil {
			delete(claims, pairs[i].(string))
		}
	}
	return claims
}

// How clients name their certificate, which algorithms they use, and how they spell the endpoint.
func TestCertificateAssertions(t *testing.T) {
	good := certificates()["good"]
	sum := base64.StdEncoding.EncodeToString(mustDecode(sha256Of(good)))
	x5t := map[string]any{"x5t": sha1Of(good)}
	for _, row := range []struct {
		name   string
		method jwt.SigningMethod
		header map[string]any
		claims jwt.MapClaims
	}{
		{"x5t", jwt.SigningMethodRS256, x5t, ownClaims()},
		{"x5t with padding, as MSAL for Python", jwt.SigningMethodRS256, map[string]any{"x5t": sha1Of(good) + "="}, ownClaims()},
		{"x5t#S256 in the other alphabet, as MSAL for Go", jwt.SigningMethodPS256, map[string]any{"x5t#S256": sum}, ownClaims()},
		{"kid", jwt.SigningMethodRS256, map[string]any{"kid": strings.ToUpper(fmt.Sprintf("%x", mustDecode(sha1Of(good))))}, ownClaims()},
		{"a chain beside", jwt.SigningMethodRS256, map[string]any{"x5t": sha1Of(good), "x5c": []string{"what ever"}}, ownClaims()},
		{"other case of the client", jwt.SigningMethodRS256, x5t, edited(ownClaims(), "iss", "APP-deploy", "sub", "APP-deploy")},
		{"no nbf, no jti", jwt.SigningMethodRS256, x5t, edited(ownClaims(), "nbf", nil, "jti", nil)},
		{"a clock that is ahead", jwt.SigningMethodRS256, x5t, edited(ownClaims(), "nbf", noon.Add(clockSkew).Unix())},
		{"a day", jwt.SigningMethodRS256, x5t, edited(ownClaims(), "exp", noon.Add(maxAssertionLife).Unix())},
		{"the other endpoint", jwt.SigningMethodRS256, x5t, edited(ownClaims(), "aud", "https://login.microsoftonline.com/"+tenant+"/oauth2/token")},
		{"the issuer", jwt.SigningMethodRS256, x5t, edited(ownClaims(), "aud", "https://login.microsoftonline.com/"+tenant+"/v2.0")},
		{"the tenant's domain, another host", jwt.SigningMethodRS256, x5t, edited(ownClaims(), "aud", []string{"x", "https://LOGIN.windows.net/Contoso.example/oauth2/token"})},
		{"ADFS, as it was asked", jwt.SigningMethodRS256, x5t, edited(ownClaims(), "aud", "http://example.com/adfs/oauth2/token")},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := newTenancy()
			token := assert(t, row.method, good.key, row.header, row.claims)
			claims := e.claimsOf(t, e.mustPost(t, v2, byAssertionOf("app-deploy", token)))
			if claims.ObjectID != "oid-deploy" || claims.AppID != "app-deploy" || claims.AppIDACR != "2" {
				t.Errorf("claims %+v", claims)
			}
			e.mustPost(t, v2, byAssertionOf("app-deploy", " "+token+"\n")) // once more, and as a file has it
		})
	}
}

// Every way to forge an assertion, or to have it wrong.
func TestRefusedAssertions(t *testing.T) {
	certs := certificates()
	good, foreign := certs["good"], certs["foreign"]
	x5t := map[string]any{"x5t": sha1Of(good)}
	own := func(header map[string]any, claims jwt.MapClaims) string {
		return assert(t, jwt.SigningMethodRS256, good.key, header, claims)
	}
	named := func(name string, value any) map[string]any { return map[string]any{"x5t": sha1Of(good), name: value} }
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: good.Raw})
	publicDER, _ := x509.MarshalPKIXPublicKey(good.PublicKey)
	audience := func(aud any) string { return own(x5t, edited(ownClaims(), "aud", aud)) }
	valid := own(x5t, ownClaims())
	for _, row := range []struct {
		name, assertion string
		want            aadsts
	}{
		{"no algorithm", assert(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, x5t, ownClaims()), badSignature},
		{"the public key as a shared secret", assert(t, jwt.SigningMethodHS256, publicDER, x5t, ownClaims()), badSignature},
		{"the certificate as a shared secret", assert(t, jwt.SigningMethodHS256, publicPEM, x5t, ownClaims()), badSignature},
		{"RS512", assert(t, jwt.SigningMethodRS512, good.key, x5t, ownClaims()), badSignature},
		{"another's key under our thumbprint", assert(t, jwt.SigningMethodRS256, foreign.key, x5t, ownClaims()), badSignature},
		{"another's certificate", assert(t, jwt.SigningMethodRS256, foreign.key, map[string]any{"x5t": sha1Of(foreign)}, ownClaims()), badSignature},
		{"no thumbprint", own(nil, ownClaims()), badSignature},
		{"a thumbprint that is no text", own(map[string]any{"x5t": 1}, ownClaims()), badSignature},
		{"two thumbprints, of which the stronger is wrong", own(named("x5t#S256", sha256Of(foreign)), ownClaims()), badSignature},
		{"the tenant's own key", assert(t, jwt.SigningMethodRS256, rsaKeys()[0], x5t, ownClaims()), badSignature},
		{"a certificate that is over", own(map[string]any{"x5t": sha1Of(certs["over"])}, ownClaims()), badSignature},
		{"an elliptic key", own(map[string]any{"x5t": sha1Of(certs["ecdsa"])}, ownClaims()), badSignature},
		{"an elliptic signature", assert(t, jwt.SigningMethodES256, certs["ecdsa"].key, map[string]any{"x5t": sha1Of(certs["ecdsa"])}, ownClaims()), badSignature},
		{"a key brought along", own(named("jwk", map[string]any{"kty": "RSA"}), ownClaims()), badSignature},
		{"a key elsewhere", own(named("jku", "https://evil.example/keys"), ownClaims()), badSignature},
		{"a certificate elsewhere", own(named("x5u", "https://evil.example/cert"), ownClaims()), badSignature},
		{"unknown rules", own(named("crit", []string{"b64"}), ownClaims()), badSignature},
		{"an edited claim", valid[:strings.LastIndexByte(valid, '.')-4] + "AAAA" + valid[strings.LastIndexByte(valid, '.'):], malformedToken},
		{"a cut signature", valid[:strings.LastIndexByte(valid, '.')+1], badSignature},
		{"no token", "please", malformedToken},
		{"two parts", "e30.e30", malformedToken},
		{"odd characters", valid + "=", malformedToken},
		{"too long", valid + strings.Repeat("A", maxToken), malformedToken},
		{"claims that are none", "eyJhbGciOiJSUzI1NiJ9.W10." + "AAAA", malformedToken},
		{"of another subject", own(x5t, edited(ownClaims(), "sub", "app-pipeline")), foreignAssertion},
		{"of no subject", own(x5t, edited(ownClaims(), "sub", nil)), foreignAssertion},
		{"for nobody", audience(nil), wrongAudience},
		{"for another tenant", audience("https://login.microsoftonline.com/" + otherTenant + "/oauth2/v2.0/token"), wrongAudience},
		{"for another host", audience("https://login.evil.example/" + tenant + "/oauth2/v2.0/token"), wrongAudience},
		{"for a host that only begins so", audience("https://login.microsoftonline.com.evil.example/" + tenant + "/oauth2/v2.0/token"), wrongAudience},
		{"for a host behind a user", audience("https://login.microsoftonline.com@evil.example/" + tenant + "/v2.0"), wrongAudience},
		{"for Entra without TLS", audience("http://login.microsoftonline.com/" + tenant + "/oauth2/v2.0/token"), wrongAudience},
		{"for another path", audience("https://login.microsoftonline.com/" + tenant + "/oauth2/v2.0/authorize"), wrongAudience},
		{"for a path with a query", audience("https://login.microsoftonline.com/" + tenant + "/oauth2/v2.0/token?x"), wrongAudience},
		{"for what is no URL", audience("http://%zz"), wrongAudience},
		{"for a service", audience(ACR), wrongAudience},
		{"over", own(x5t, edited(ownClaims(), "exp", noon.Unix())), assertionTime},
		{"without an end", own(x5t, edited(ownClaims(), "exp", nil)), assertionTime},
		{"for too long", own(x5t, edited(ownClaims(), "exp", noon.Add(maxAssertionLife+time.Second).Unix())), assertionTime},
		{"not yet", own(x5t, edited(ownClaims(), "nbf", noon.Add(clockSkew+time.Second).Unix())), assertionTime},
		{"a time that is none", own(x5t, edited(ownClaims(), "exp", "tomorrow")), malformedToken},
		{"an access token", mustIssue(t, newTenancy().Issuer, pipeline, ACR, "").AccessToken, noFederatedIssuer},
	} {
		t.Run(row.name, func(t *testing.T) {
			newTenancy().refused(t, v2, byAssertionOf("app-deploy", row.assertion), row.want)
		})
	}
	asked := byAssertionOf("app-deploy", valid)
	e := newTenancy()
	e.refused(t, v2, form(asked, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"), badParameter)
	e.refused(t, v2, form(asked, "client_assertion_type", ""), badParameter)
	e.refused(t, v2, form(asked, "client_secret", "good"), badParameter)
	e.refused(t, v2, form(asked, "client_id", "app-pipeline"), noFederatedIssuer) // it has no such certificate, and trusts nobody
	e.refused(t, v2, form(asked, "client_id", "app-uami"), noFederatedIssuer)     // nor does an identity sign for itself
	e.refused(t, v2, form(asked, "client_id", "app-worker"), unknownClient)
	e.refused(t, v2, form(asked, "client_id", "app-defender"), unknownClient)
	basic := tokenRequest(v2, form(asked, "client_id", "").Encode())
	basic.SetBasicAuth("app-deploy", "good")
	answer, body := ask(t, e, basic)
	e.isFault(t, answer.StatusCode, body, badParameter)
	e.people.change("oid-uami", func(p *Principal) { p.ClientID = "app-deploy-2" })
	claims := edited(ownClaims(), "iss", "app-deploy-2", "sub", "app-deploy-2")
	e.refused(t, v2, byAssertionOf("app-deploy-2", own(x5t, claims)), badSignature)
}

func mustDecode(text string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return b
}

// clusterToken is what a cluster whose keys are configured gives to a pod.
func clusterToken(t testing.TB, pairs ...any) string {
	return assert(t, jwt.SigningMethodRS256, rsaKeys()[2], map[string]any{"kid": "cluster-key"}, edited(jwt.MapClaims{
		"iss": cluster, "sub": inCluster, "aud": []string{"other", TokenExchange}, "exp": noon.Add(365 * 24 * time.Hour).Unix(),
	}, pairs...))
}

func federate(t testing.TB, e tenancy, issuer, subject, audience string) string {
	t.Helper()
	token, err := e.Issuer.Federate(t.Context(), issuer, subject, audience)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// Who gets in with another issuer's token: by configured keys, or by the tenant's, which stand in for all others.
func TestFederatedCredentials(t *testing.T) {
	e := newTenancy()
	for _, row := range []struct{ client, token, want string }{
		{"app-deploy", clusterToken(t), "oid-deploy"},
		{"app-deploy", federate(t, e, github, onMain, TokenExchange), "oid-deploy"},
		{"app-uami", clusterToken(t), "oid-uami"},
	} {
		claims := e.claimsOf(t, e.mustPost(t, v2, byAssertionOf(row.client, row.token)))
		if claims.ObjectID != row.want || claims.AppIDACR != "2" || claims.Resource() != "" {
			t.Errorf("claims %+v", claims)
		}
	}
	e.people.change("oid-deploy", func(p *Principal) {
		p.Federated = []FederatedCredential{{Issuer: e.Issuer.V2(), Subject: "oid-worker", Audiences: []string{TokenExchange}}}
	})
	token := mustIssue(t, e.Issuer, workerSystem, TokenExchange, worker).AccessToken
	e.mustPost(t, v2, byAssertionOf("app-deploy", token)) // a managed identity's token is as good as another issuer's
}

func TestRefusedFederatedTokens(t *testing.T) {
	e := newTenancy()
	byTenant := map[string]any{"kid": thumbprint(&rsaKeys()[0].PublicKey)}
	claims := jwt.MapClaims{"iss": cluster, "sub": inCluster, "aud": TokenExchange, "exp": noon.Add(time.Hour).Unix()}
	for _, row := range []struct {
		name, token string
		want        aadsts
	}{
		{"of an issuer that nobody trusts", federate(t, e, "https://evil.example", onMain, TokenExchange), noFederatedIssuer},
		{"of an issuer with another slash", federate(t, e, github+"/", onMain, TokenExchange), noFederatedIssuer},
		{"of no issuer", federate(t, e, "", onMain, TokenExchange), noFederatedIssuer},
		{"of another subject", federate(t, e, github, onMain+"2", TokenExchange), noFederatedSubject},
		{"of the subject in another case", federate(t, e, github, strings.ToUpper(onMain), TokenExchange), noFederatedSubject},
		{"of another issuer's subject", federate(t, e, github, inCluster, TokenExchange), noFederatedSubject},
		{"of no subject", federate(t, e, github, "", TokenExchange), noFederatedSubject},
		{"for another audience", federate(t, e, github, onMain, "sts.amazonaws.com"), noFederatedAudience},
		{"for no audience", federate(t, e, github, onMain, ""), noFederatedAudience},
		{"over", clusterToken(t, "exp", noon.Unix()), assertionTime},
		{"without an end", clusterToken(t, "exp", nil), assertionTime},
		{"not yet", clusterToken(t, "nbf", noon.Add(time.Hour).Unix()), assertionTime},
		{"by the tenant, of an issuer that has keys", federate(t, e, cluster, inCluster, TokenExchange), badSignature},
		{"by a key that the issuer does not have", assert(t, jwt.SigningMethodRS256, rsaKeys()[1], map[string]any{"kid": "cluster-key"}, claims), badSignature},
		{"by no named key", assert(t, jwt.SigningMethodRS256, rsaKeys()[2], nil, claims), badSignature},
		{"PS256", assert(t, jwt.SigningMethodPS256, rsaKeys()[2], map[string]any{"kid": "cluster-key"}, claims), badSignature},
		{"no algorithm", assert(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, map[string]any{"kid": "cluster-key"}, claims), badSignature},
		{"by the tenant under its own key's name", assert(t, jwt.SigningMethodRS256, rsaKeys()[0], byTenant, claims), badSignature},
	} {
		t.Run(row.name, func(t *testing.T) {
			newTenancy().refused(t, v2, byAssertionOf("app-deploy", row.token), row.want)
		})
	}
}

// FuzzAssertion: whatever is sent, nobody gets in who does not hold a key.
func FuzzAssertion(f *testing.F) {
	e := newTenancy()
	good := certificates()["good"]
	valid := assert(f, jwt.SigningMethodRS256, good.key, map[string]any{"x5t": sha1Of(good)}, ownClaims())
	fromCluster := clusterToken(f)
	for _, token := range []string{valid, fromCluster, "", "..", "e30.e30.", valid[:40], "eyJhbGciOiJub25lIn0.e30."} {
		f.Add(token, "app-deploy", assertionType)
		f.Add(token, "app-uami", assertionType)
	}
	f.Fuzz(func(t *testing.T, token, client, kind string) {
		status, body := e.post(t, v2, form(byAssertionOf(client, token), "client_assertion_type", kind))
		proven := token != "" && (strings.TrimSpace(token) == valid || strings.TrimSpace(token) == fromCluster)
		if status == 200 && !proven || status >= 500 || status != 200 && body["error"] == nil {
			t.Fatalf("%q of %q: %d %v", token, client, status, body)
		}
	})
}
