package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/acrlocal/acrlocal/emulator"
	"github.com/acrlocal/acrlocal/identity"
)

// forge has what somebody needs who makes tokens: the claims and the header of a good one, the issuer's own keys, so
// that a wrong claim is the only fault, and a key that the issuer knows nothing of.
type forge struct {
	good    string
	claims  jwt.MapClaims
	kid     string
	public  *rsa.PublicKey
	issuer  *identity.Keys
	foreign *rsa.PrivateKey
}

func newForge(t testing.TB, p *process, good string) *forge {
	t.Helper()
	f := &forge{good: good, claims: jwt.MapClaims{}}
	token, _, err := jwt.NewParser().ParseUnverified(good, f.claims)
	if err != nil {
		t.Fatal(err)
	}
	f.kid, _ = token.Header["kid"].(string)
	f.issuer = identity.OpenKeys(filepath.Join(os.Getenv("XDG_STATE_HOME"), "acrlocal"), nil)
	if f.foreign, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	f.public = publicKey(t, p, f.kid)
	return f
}

// publicKey reads the issuer's key where everybody can.
func publicKey(t testing.TB, p *process, kid string) *rsa.PublicKey {
	t.Helper()
	r := p.ask(t, call{host: "login.microsoftonline.com", path: "/" + tenantID + "/discovery/v2.0/keys"})
	var set struct {
		Keys []struct{ Kid, N, E string }
	}
	if err := json.Unmarshal([]byte(r.body), &set); err != nil {
		t.Fatal(err)
	}
	for _, k := range set.Keys {
		n, _ := base64.RawURLEncoding.DecodeString(k.N)
		e, _ := base64.RawURLEncoding.DecodeString(k.E)
		if k.Kid == kid {
			return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
		}
	}
	t.Fatalf("no key %q is published: %s", kid, r.body)
	return nil
}

// with is a token of the issuer's own making, with claims changed; nil takes a claim away.
func (f *forge) with(t testing.TB, changes jwt.MapClaims) string {
	t.Helper()
	claims := maps.Clone(f.claims)
	for name, v := range changes {
		if claims[name] = v; v == nil {
			delete(claims, name)
		}
	}
	token, err := f.issuer.Sign(t.Context(), claims)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// signed is a token with the good claims, signed by somebody else.
func (f *forge) signed(t testing.TB, method jwt.SigningMethod, key any, header map[string]any) string {
	t.Helper()
	token := jwt.NewWithClaims(method, f.claims)
	token.Header["kid"] = f.kid
	maps.Copy(token.Header, header)
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// edited is the good token with claims changed after it was signed.
func (f *forge) edited(changes jwt.MapClaims) string {
	claims := maps.Clone(f.claims)
	maps.Copy(claims, changes)
	payload, _ := json.Marshal(claims)
	parts := strings.Split(f.good, ".")
	return parts[0] + "." + base64.RawURLEncoding.EncodeToString(payload) + "." + parts[2]
}

// publicPEM is the public key as somebody would take it for a shared secret.
func (f *forge) publicPEM(t testing.TB) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(f.public)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// jwk is the foreign key, as a header may bring it along.
func (f *forge) jwk() map[string]any {
	return map[string]any{
		"kty": "RSA", "alg": "RS256", "use": "sig", "kid": f.kid,
		"n": base64.RawURLEncoding.EncodeToString(f.foreign.N.Bytes()), "e": "AQAB",
	}
}

// forgery is a token that must be refused, and the reason.
type forgery struct{ name, token, reason string }

// signatures are the forgeries that no claim can give away. They are as bad for ACR's own tokens as for Entra's.
func (f *forge) signatures(t testing.TB) []forgery {
	t.Helper()
	const reason = "signature-invalid"
	unsigned := f.signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil)
	return []forgery{
		{"alg none", unsigned, reason},
		{"alg none with the good signature", unsigned + f.good[strings.LastIndexByte(f.good, '.')+1:], reason},
		{"HS256 with the public key", f.signed(t, jwt.SigningMethodHS256, f.publicPEM(t), nil), reason},
		{"HS256 with the modulus", f.signed(t, jwt.SigningMethodHS256, f.public.N.Bytes(), nil), reason},
		{"PS256", f.signed(t, jwt.SigningMethodPS256, f.foreign, nil), reason},
		{"RS512", f.signed(t, jwt.SigningMethodRS512, f.foreign, nil), reason},
		{"another key under the good kid", f.signed(t, jwt.SigningMethodRS256, f.foreign, nil), reason},
		{"unknown kid", f.signed(t, jwt.SigningMethodRS256, f.foreign, map[string]any{"kid": "nobody"}), reason},
		{"kid is a path", f.signed(t, jwt.SigningMethodRS256, f.foreign, map[string]any{"kid": "../../dev/null"}), reason},
		{"embedded jwk", f.signed(t, jwt.SigningMethodRS256, f.foreign, map[string]any{"jwk": f.jwk()}), reason},
		{"jku", f.signed(t, jwt.SigningMethodRS256, f.foreign, map[string]any{"jku": "http://127.0.0.1:1/keys"}), reason},
		{"signature cut off", f.good[:strings.LastIndexByte(f.good, '.')+1], reason},
		{"not a token", "e2e", "credential-malformed"},
		{"three empty parts", "..", "credential-malformed"},
	}
}

// TestForgedEntraTokens tries forged Entra tokens where a registry takes them, and at Azure Resource Manager.
func TestForgedEntraTokens(t *testing.T) {
	p := up(t)
	f := newForge(t, p, p.development(t, acrAudience))
	now := time.Now()
	const other = "acac10ca-1000-4000-8000-00000000e2e0"
	forgeries := append(f.signatures(t), []forgery{
		{"edited object ID", f.edited(jwt.MapClaims{"oid": other}), "signature-invalid"},
		{"edited to a trusted kind", f.edited(jwt.MapClaims{"xms_mirid": group + "/providers/Microsoft.ContainerInstance/containerGroups/worker"}), "signature-invalid"},
		{"wrong issuer", f.with(t, jwt.MapClaims{"iss": "https://sts.windows.net/" + other + "/"}), "issuer-wrong"},
		{"issuer without its slash", f.with(t, jwt.MapClaims{"iss": "https://sts.windows.net/" + tenantID}), "issuer-wrong"},
		{"no issuer", f.with(t, jwt.MapClaims{"iss": nil}), "issuer-wrong"},
		{"made for Graph", f.with(t, jwt.MapClaims{"aud": "https://graph.microsoft.com/"}), "audience-wrong"},
		{"audience that begins like the right one", f.with(t, jwt.MapClaims{"aud": acrAudience + ".example.com"}), "audience-wrong"},
		{"wrong tenant", f.with(t, jwt.MapClaims{"tid": other}), "tenant-wrong"},
		{"no tenant", f.with(t, jwt.MapClaims{"tid": nil}), "tenant-wrong"},
		{"expired", f.with(t, jwt.MapClaims{"exp": now.Add(-time.Hour).Unix()}), "expired"},
		{"no expiry", f.with(t, jwt.MapClaims{"exp": nil}), "credential-malformed"},
		{"not yet valid", f.with(t, jwt.MapClaims{"nbf": now.Add(time.Hour).Unix()}), "not-yet-valid"},
		{"nobody's", f.with(t, jwt.MapClaims{"oid": other, "sub": other}), "principal-unknown"},
		{"a trusted kind for a principal that is none", f.with(t, jwt.MapClaims{
			"xms_mirid": group + "/providers/Microsoft.ContainerInstance/containerGroups/worker",
		}), "principal-unknown"},
	}...)
	v := p.at("", playground)
	if r := v.exchange(t, f.with(t, nil)); r.status != http.StatusOK {
		t.Fatalf("the unchanged token: %d %s", r.status, r.body)
	}
	for _, c := range forgeries {
		t.Run(c.name, func(t *testing.T) {
			if r := v.exchange(t, c.token); r.status != http.StatusUnauthorized || r.reason() != c.reason {
				t.Errorf("exchange: %d %q, want %q: %s", r.status, r.reason(), c.reason, r.body)
			}
			r := p.ask(t, call{host: "management.azure.com", path: "/subscriptions" + armVersion, header: map[string]string{"Authorization": "Bearer " + c.token}})
			if r.status != http.StatusUnauthorized {
				t.Errorf("ARM: %d %s", r.status, r.body)
			}
		})
	}
}

// TestForgedRegistryTokens tries forged refresh and access tokens, and good ones where they do not belong.
func TestForgedRegistryTokens(t *testing.T) {
	p := up(t)
	v := p.at("", playground)
	held := v.logIn(t, clientID)
	foreign := p.at("203.0.113.7", myregistry).logIn(t, clientID)
	refresh, access := newForge(t, p, held.refresh), newForge(t, p, held.access)
	if r := v.manifest(t, access.with(t, nil)); r.status != http.StatusOK {
		t.Fatalf("the unchanged access token: %d %s", r.status, r.body)
	}
	if r := v.token(t, refresh.with(t, nil), "repository:hello:pull"); r.status != http.StatusOK {
		t.Fatalf("the unchanged refresh token: %d %s", r.status, r.body)
	}
	past := time.Now().Add(-time.Hour).Unix()
	for _, c := range append(access.signatures(t), []forgery{
		{"another registry's access token", foreign.access, "audience-wrong"},
		{"a refresh token", held.refresh, "credential-malformed"},
		{"an Entra token", held.entra, "issuer-wrong"},
		{"edited scopes", access.edited(jwt.MapClaims{"access": []any{map[string]any{"type": "repository", "name": "*", "actions": []string{"*"}}}}), "signature-invalid"},
		{"of another kind", access.with(t, jwt.MapClaims{"grant_type": "password"}), "credential-malformed"},
		{"expired", access.with(t, jwt.MapClaims{"exp": past}), "expired"},
	}...) {
		t.Run("access/"+c.name, func(t *testing.T) {
			if r := v.manifest(t, c.token); r.status != http.StatusUnauthorized || r.reason() != c.reason {
				t.Errorf("%d %q, want %q: %s", r.status, r.reason(), c.reason, r.body)
			}
		})
	}
	for _, c := range append(refresh.signatures(t), []forgery{
		{"another registry's refresh token", foreign.refresh, "audience-wrong"},
		{"an access token", held.access, "credential-malformed"},
		{"an Entra token", held.entra, "issuer-wrong"},
		{"edited holder", refresh.edited(jwt.MapClaims{"oid": "acac10ca-4000-4000-8000-00000000e2e0"}), "signature-invalid"},
		{"expired", refresh.with(t, jwt.MapClaims{"exp": past}), "expired"},
	}...) {
		t.Run("refresh/"+c.name, func(t *testing.T) {
			if r := v.token(t, c.token, "repository:hello:pull"); r.status != http.StatusUnauthorized || r.reason() != c.reason {
				t.Errorf("%d %q, want %q: %s", r.status, r.reason(), c.reason, r.body)
			}
		})
	}
	for name, token := range map[string]string{"a refresh token": held.refresh, "an access token": held.access} {
		if r := v.exchange(t, token); r.status != http.StatusUnauthorized || r.reason() != "issuer-wrong" {
			t.Errorf("exchange of %s: %d %q", name, r.status, r.reason())
		}
	}
}

// TestCredentialsInTheWrongPlace tries good credentials in ways that no client of ACR may use.
func TestCredentialsInTheWrongPlace(t *testing.T) {
	p := up(t)
	v := p.at("", playground)
	held := v.logIn(t, clientID)
	basic := func(user, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	for name, c := range map[string]struct {
		authorization string
		status        int
	}{
		"nobody":                             {"", http.StatusUnauthorized},
		"the secret as bearer":               {"Bearer " + clientSecret, http.StatusUnauthorized},
		"the secret":                         {basic(clientID, clientSecret), http.StatusOK},
		"the secret, shortened":              {basic(clientID, clientSecret[:len(clientSecret)-1]), http.StatusUnauthorized},
		"no password":                        {basic(clientID, ""), http.StatusUnauthorized},
		"no name and no password":            {basic("", ""), http.StatusUnauthorized},
		"the refresh token as password":      {basic(emulator.RefreshTokenUser, held.refresh), http.StatusOK},
		"an Entra token as password":         {basic(emulator.RefreshTokenUser, held.entra), http.StatusUnauthorized},
		"the admin user, who is off":         {basic("playground", "anything"), http.StatusUnauthorized},
		"no known scheme":                    {"Digest " + held.access, http.StatusUnauthorized},
		"not base64":                         {"Basic !!", http.StatusUnauthorized},
		"the access token after a good word": {"Bearer x " + held.access, http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			header := map[string]string{}
			if c.authorization != "" {
				header["Authorization"] = c.authorization
			}
			r := p.ask(t, call{host: playground, path: "/v2/hello/tags/list", header: header})
			if r.status != c.status {
				t.Errorf("%d, want %d: %q %s", r.status, c.status, r.reason(), r.body)
			}
		})
	}
	r := p.ask(t, call{host: playground, path: "/v2/hello/tags/list?" + url.Values{"access_token": {held.access}}.Encode()})
	if r.status != http.StatusUnauthorized {
		t.Errorf("a token in the query: %d", r.status)
	}
}
