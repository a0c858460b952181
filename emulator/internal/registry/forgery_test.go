package registry

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/acrlocal/acrlocal/gate"
	"github.com/acrlocal/acrlocal/identity"
)

// attackerKey is a key that nobody trusts.
var attackerKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// forge is a way to make a token that must not be believed, out of the claims of a good one.
type forge func(*world, jwt.MapClaims) string

// ours signs with the right key, as only the emulator can: what is wrong are the claims.
func ours(change func(jwt.MapClaims)) forge {
	return func(w *world, claims jwt.MapClaims) string {
		change(claims)
		return w.sign(ourKeys(), claims)
	}
}

func (w *world) sign(keys *identity.Keys, claims jwt.Claims) string {
	w.t.Helper()
	token, err := keys.Sign(context.Background(), claims)
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

// theirs signs with any key and header, as anybody can.
func theirs(method jwt.SigningMethod, key func(*world) any, header map[string]any) forge {
	return func(w *world, claims jwt.MapClaims) string {
		w.t.Helper()
		token := jwt.NewWithClaims(method, claims)
		token.Header["kid"] = w.keyID()
		maps.Copy(token.Header, header)
		signed, err := token.SignedString(key(w))
		if err != nil {
			w.t.Fatal(err)
		}
		return signed
	}
}

func (w *world) jwk() identity.JWK {
	set, err := ourKeys().JWKS(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return set.Keys[0]
}

func (w *world) keyID() string { return w.jwk().ID }

// publicPEM is our public key in the form in which a naive verifier would hold it, and take it for an HMAC secret.
func publicPEM(w *world) any {
	public, ok := ourKeys().Public(w.keyID())
	if !ok {
		w.t.Fatal("the signing key is gone")
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		w.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func attacker(*world) any  { return attackerKey() }
func unsecured(*world) any { return jwt.UnsafeAllowNoneSignatureType }
func claim(name string, value any) func(jwt.MapClaims) {
	return func(c jwt.MapClaims) { c[name] = value }
}

func without(name string) func(jwt.MapClaims) {
	return func(c jwt.MapClaims) { delete(c, name) }
}

// edited changes a claim and keeps the signature of the token as it was.
func edited(change func(jwt.MapClaims)) forge {
	return func(w *world, claims jwt.MapClaims) string {
		parts := strings.Split(w.sign(ourKeys(), claims), ".")
		change(claims)
		raw, err := json.Marshal(claims)
		if err != nil {
			w.t.Fatal(err)
		}
		return parts[0] + "." + base64.RawURLEncoding.EncodeToString(raw) + "." + parts[2]
	}
}

// forgeries are tokens of either kind that must be refused, with the reason that must be given.
var forgeries = []struct {
	name  string
	forge forge
	want  gate.Reason
}{
	{"alg none", theirs(jwt.SigningMethodNone, unsecured, nil), gate.SignatureInvalid},
	{"HS256 with the public key", theirs(jwt.SigningMethodHS256, publicPEM, nil), gate.SignatureInvalid},
	{"RS512", theirs(jwt.SigningMethodRS512, attacker, nil), gate.SignatureInvalid},
	{"another key under our key ID", theirs(jwt.SigningMethodRS256, attacker, nil), gate.SignatureInvalid},
	{"unknown key ID", theirs(jwt.SigningMethodRS256, attacker, map[string]any{"kid": "nobody"}), gate.SignatureInvalid},
	{"key ID of no string", theirs(jwt.SigningMethodRS256, attacker, map[string]any{"kid": 7}), gate.SignatureInvalid},
	{"embedded jwk", theirs(jwt.SigningMethodRS256, attacker, map[string]any{"jwk": map[string]string{"kty": "RSA"}}), gate.SignatureInvalid},
	{"embedded jku", theirs(jwt.SigningMethodRS256, attacker, map[string]any{"jku": "https://203.0.113.7/keys"}), gate.SignatureInvalid},
	{"embedded x5c", theirs(jwt.SigningMethodRS256, attacker, map[string]any{"x5c": []string{"MII"}}), gate.SignatureInvalid},
	{"keys of another emulator", func(w *world, c jwt.MapClaims) string { return w.sign(otherKeys(), c) }, gate.SignatureInvalid},
	{"edited scopes", edited(claim("access", []Access{{"repository", "team/app", []string{"push"}}})), gate.SignatureInvalid},
	{"edited holder", edited(claim("holder", "admin")), gate.SignatureInvalid},
	{"a trusted kind, claimed", edited(claim("xms_mirid", group+"Microsoft.ContainerRegistry/registries/myregistry/tasks/nightly")), gate.SignatureInvalid},
	{"a trusted kind, signed by another", func(w *world, c jwt.MapClaims) string {
		c["xms_mirid"], c["oid"] = worker, pullerID.ID
		return w.sign(otherKeys(), c)
	}, gate.SignatureInvalid},
	{"issuer of Entra", ours(claim("iss", "https://sts.windows.net/"+tenant+"/")), gate.IssuerWrong},
	{"no issuer", ours(without("iss")), gate.IssuerWrong},
	{"another registry", ours(claim("aud", "closed.azurecr.io")), gate.AudienceWrong},
	{"a registry whose name is a prefix", ours(claim("aud", "my.azurecr.io")), gate.AudienceWrong},
	{"a registry whose name is longer", ours(claim("aud", "myregistry2.azurecr.io")), gate.AudienceWrong},
	{"the login server's host elsewhere", ours(claim("aud", "myregistry.azurecr.io.example.com")), gate.AudienceWrong},
	{"no audience", ours(without("aud")), gate.AudienceWrong},
	{"another tenant", ours(claim("tenant", "acac10ca-9999-4000-8000-000000000001")), gate.TenantWrong},
	{"no tenant", ours(without("tenant")), gate.TenantWrong},
	{"expired", ours(claim("exp", noon.Add(-time.Second).Unix())), gate.Expired},
	{"expires now", ours(claim("exp", noon.Unix())), gate.Expired},
	{"not yet valid", ours(claim("nbf", noon.Add(time.Second).Unix())), gate.NotYetValid},
	{"never expires", ours(without("exp")), gate.CredentialMalformed},
	{"no kind", ours(without("grant_type")), gate.CredentialMalformed},
	{"a kind that there is not", ours(claim("grant_type", "password")), gate.CredentialMalformed},
	{"no holder", ours(without("holder")), gate.CredentialMalformed},
	{"a holder that there is not", ours(claim("holder", "root")), gate.CredentialMalformed},
	{"scopes that are no list", ours(claim("access", "repository:*:*")), gate.CredentialMalformed},
	{"the other mode", ours(claim("role_assignment_mode", "AbacRepositoryPermissions")), gate.ModeChanged},
	{"a principal that does not exist", ours(claim("oid", "oid-nobody")), gate.PrincipalUnknown},
	{"no principal", ours(without("oid")), gate.PrincipalUnknown},
	{"evidence of another resource", ours(claim("xms_mirid", worker+"2")), gate.PrincipalUnknown},
	{"evidence that is no resource", ours(claim("xms_mirid", "worker")), gate.PrincipalUnknown},
	{"no evidence", ours(without("xms_mirid")), gate.PrincipalUnknown},
}

// good are the claims of a good token of the puller, and the endpoint that takes it.
type good func(w *world) (claims jwt.MapClaims, present func(token string) (int, string))

func goodAccess(w *world) (jwt.MapClaims, func(string) (int, string)) {
	token := w.access("myregistry", w.refresh("myregistry", pullerID), "repository:team/app:pull")
	return payload(w.t, token), func(forged string) (int, string) {
		return w.get("https://myregistry.azurecr.io/v2/team/app/manifests/v1", forged)
	}
}

func goodRefresh(w *world) (jwt.MapClaims, func(string) (int, string)) {
	return payload(w.t, w.refresh("myregistry", pullerID)), func(forged string) (int, string) {
		answer := w.do(ask{url: "https://myregistry.azurecr.io/oauth2/token", form: form(
			"grant_type", "refresh_token", "service", "myregistry.azurecr.io", "refresh_token", forged)})
		return answer.Code, reasonOf(answer)
	}
}

// goodPassword is a refresh token as a password.
func goodPassword(w *world) (jwt.MapClaims, func(string) (int, string)) {
	return payload(w.t, w.refresh("myregistry", pullerID)), func(forged string) (int, string) {
		answer := w.do(ask{url: "https://myregistry.azurecr.io/v2/", auth: basicAuth(RefreshTokenUser, forged)})
		return answer.Code, reasonOf(answer)
	}
}

func TestForgedTokens(t *testing.T) {
	for kind, start := range map[string]good{"access": goodAccess, "refresh": goodRefresh, "password": goodPassword} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t)
			claims, present := start(w)
			if status, reason := present(w.sign(ourKeys(), claims)); status != 200 {
				t.Fatalf("the honest token: %d %s", status, reason)
			}
			for _, f := range forgeries {
				t.Run(f.name, func(t *testing.T) {
					status, reason := present(f.forge(w, maps.Clone(claims)))
					if status != 401 || reason != string(f.want) {
						t.Errorf("%d %s, want 401 %s", status, reason, f.want)
					}
				})
			}
		})
	}
}

// A token is good at one place only: not at another registry, not for the other purpose, not before the exchange.
func TestMisplacedTokens(t *testing.T) {
	w := newWorld(t)
	refresh := w.refresh("myregistry", pullerID)
	access := w.access("myregistry", refresh, "repository:team/app:pull")
	entra := w.entra(pullerID, "")
	token := func(registry, grant, name, value string) ask {
		return ask{url: "https://" + registry + ".azurecr.io/oauth2/token", form: form(
			"grant_type", grant, "service", registry+".azurecr.io", name, value)}
	}
	exchange := func(registry, token string) ask {
		return ask{url: "https://" + registry + ".azurecr.io/oauth2/exchange", form: form(
			"grant_type", "access_token", "service", registry+".azurecr.io", "access_token", token)}
	}
	bearer := func(registry, token string) ask {
		return ask{url: "https://" + registry + ".azurecr.io/v2/", auth: "Bearer " + token}
	}
	for _, c := range []struct {
		name string
		ask  ask
		want gate.Reason
		why  string // part of the sentence
	}{
		{"refresh token as bearer", bearer("myregistry", refresh), gate.CredentialMalformed, "an ACR refresh token stands where an ACR access token belongs"},
		{"access token as refresh token", token("myregistry", "refresh_token", "refresh_token", access), gate.CredentialMalformed, "an ACR access token stands where an ACR refresh token belongs"},
		{"Entra token as bearer", bearer("myregistry", entra), gate.IssuerWrong, "sts.windows.net"},
		{"Entra token as refresh token", token("myregistry", "refresh_token", "refresh_token", entra), gate.IssuerWrong, "sts.windows.net"},
		{"refresh token in the exchange", exchange("myregistry", refresh), gate.IssuerWrong, "Azure Container Registry"},
		{"access token in the exchange", exchange("myregistry", access), gate.IssuerWrong, "Azure Container Registry"},
		{"Entra token for Graph in the exchange", exchange("myregistry", w.entraFor(pullerID, identity.Graph, "")), gate.AudienceWrong, "graph.microsoft.com"},
		{"another registry's access token", bearer("my", access), gate.AudienceWrong, "myregistry.azurecr.io"},
		{"another registry's refresh token", token("my", "refresh_token", "refresh_token", refresh), gate.AudienceWrong, "myregistry.azurecr.io"},
		{"another registry's token as password", ask{url: "https://my.azurecr.io/v2/", auth: basicAuth(RefreshTokenUser, access)}, gate.AudienceWrong, "myregistry.azurecr.io"},
	} {
		answer := w.do(c.ask)
		why := answer.Header().Get("X-Acrlocal-Why")
		if answer.Code != 401 || reasonOf(answer) != string(c.want) || !strings.Contains(why, c.why) {
			t.Errorf("%s: %d %s (%s), want 401 %s (%s)", c.name, answer.Code, reasonOf(answer), why, c.want, c.why)
		}
	}
}

// What is said of a token in a header stays short, whatever the token holds.
func TestLongDetail(t *testing.T) {
	w := newWorld(t)
	claims, _ := goodAccess(w)
	claims["aud"] = strings.Repeat("é", 4000)
	answer := w.do(ask{url: "https://myregistry.azurecr.io/v2/", auth: "Bearer " + w.sign(ourKeys(), claims)})
	if why := answer.Header().Get("X-Acrlocal-Why"); len(why) > 2*maxDetail || reasonOf(answer) != "audience-wrong" {
		t.Errorf("%d bytes: %s", len(why), why)
	}
}
