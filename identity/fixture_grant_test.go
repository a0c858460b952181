package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The credentials of the tests beside secrets.
const (
	github    = "https://token.actions.example.com"
	cluster   = "https://oidc.cluster.example.com/"
	onMain    = "repo:contoso/app:ref:refs/heads/main"
	inCluster = "system:serviceaccount:default:builder"
)

// certified is a certificate with its key.
type certified struct {
	*x509.Certificate
	key crypto.Signer
}

// certificates are made once, of the made RSA keys: good, another's, one that is over, and one of another kind of key.
var certificates = sync.OnceValue(func() map[string]certified {
	elliptical, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return map[string]certified{
		"good":    certify(rsaKeys()[1], noon.Add(24*time.Hour)),
		"foreign": certify(rsaKeys()[2], noon.Add(24*time.Hour)),
		"over":    certify(rsaKeys()[1], noon),
		"ecdsa":   certify(elliptical, noon.Add(24*time.Hour)),
	}
})

func certify(key crypto.Signer, until time.Time) certified {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(until.Unix()), Subject: pkix.Name{CommonName: "pipeline"}, NotBefore: noon.Add(-time.Hour), NotAfter: until,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	certificate, _ := x509.ParseCertificate(der)
	return certified{certificate, key}
}

func sha1Of(c certified) string   { sum := sha1.Sum(c.Raw); return encode(sum[:]) }
func sha256Of(c certified) string { sum := sha256.Sum256(c.Raw); return encode(sum[:]) }

// mutable is a directory that its test changes.
type mutable struct {
	mu  sync.Mutex
	all StaticDirectory
}

func (d *mutable) Find(by By, value string) (Principal, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.all.Find(by, value)
}

// change edits the principal with an object ID.
func (d *mutable) change(id string, edit func(*Principal)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.all {
		if d.all[i].ID == id {
			edit(&d.all[i])
		}
	}
}

// remove removes the principal with an object ID.
func (d *mutable) remove(id string) { d.change(id, func(p *Principal) { *p = Principal{} }) }

// tenancy is an endpoint whose clock and directory its test moves.
type tenancy struct {
	*Endpoint
	at     *testClock
	people *mutable
}

// newTenancy is a tenant with clients and users of every kind.
func newTenancy() tenancy {
	issuer, at := newIssuer()
	certs := certificates()
	people := &mutable{all: append(StaticDirectory{
		{
			ID: "oid-ada", Kind: User, DisplayName: "Ada", UserName: "ada@contoso.example", Password: "pässword",
		},
		{ID: "oid-bob", Kind: User, UserName: "bob@contoso.example", Password: "bob's", Disabled: true},
		{
			ID: "oid-deploy", Kind: ServicePrincipal, ClientID: "app-deploy", DisplayName: "deploy",
			Secrets:      []Secret{{Value: "good", Expires: noon.Add(48 * time.Hour)}, {Value: "over", Expires: noon}},
			Certificates: []*x509.Certificate{certs["over"].Certificate, certs["ecdsa"].Certificate, certs["good"].Certificate},
			Federated: []FederatedCredential{
				{Issuer: github, Subject: onMain, Audiences: []string{"", TokenExchange}},
				{Issuer: cluster, Subject: inCluster, Audiences: []string{TokenExchange}},
				{},
			},
		},
		{ID: "oid-off", Kind: ServicePrincipal, ClientID: "app-off", DisplayName: "off", Secrets: []Secret{{Value: "good"}}, Disabled: true},
		{ID: "oid-off-too", Kind: ServicePrincipal, ClientID: "app-off-too", Disabled: true},
		{ID: "oid-phone", Kind: ServicePrincipal, ClientID: "app-phone", DisplayName: "phone"},
		{
			ID: "oid-uami", Kind: UserAssigned, ClientID: "app-uami", Resource: builder, Hosts: []string{worker},
			Federated: []FederatedCredential{{Issuer: cluster, Subject: inCluster, Audiences: []string{TokenExchange}}},
			Secrets:   []Secret{{Value: "good"}}, Certificates: []*x509.Certificate{certs["good"].Certificate},
		},
	}, everybody...)}
	configured := JWKS{Keys: []JWK{newJWK("cluster-key", &rsaKeys()[2].PublicKey)}}
	return tenancy{&Endpoint{
		Issuer: issuer, Directory: people, Domains: []string{"contoso.example"},
		Trusted: []TrustedIssuer{{Issuer: cluster, Keys: configured}},
	}, at, people}
}

// post sends a form and returns status and answer.
func (e tenancy) post(t testing.TB, path string, sent url.Values) (int, map[string]any) {
	t.Helper()
	answer, body := ask(t, e, tokenRequest(path, sent.Encode()))
	return answer.StatusCode, body
}

// mustPost is post for what must succeed.
func (e tenancy) mustPost(t testing.TB, path string, form url.Values) map[string]any {
	t.Helper()
	status, body := e.post(t, path, form)
	if status != http.StatusOK {
		t.Fatalf("%s %v: %d %v", path, form, status, body)
	}
	return body
}

// refused sends a form and demands a fault.
func (e tenancy) refused(t testing.TB, path string, form url.Values, want aadsts) {
	t.Helper()
	status, body := e.post(t, path, form)
	e.isFault(t, status, body, want)
	if status == http.StatusOK {
		t.Fatalf("%v is not refused", form)
	}
}

func (e tenancy) isFault(t testing.TB, status int, body map[string]any, want aadsts) {
	t.Helper()
	codes, _ := body["error_codes"].([]any)
	var got aadsts
	if len(codes) == 1 {
		got = aadsts(codes[0].(float64))
	}
	if faults[want].name != body["error"] || status != faults[want].status || got != max(want, 0) || body["access_token"] != nil {
		t.Errorf("got %d %v %v, want %d", status, body["error"], body["error_description"], want)
	}
}

// claimsOf verifies an access token for ACR.
func (e tenancy) claimsOf(t testing.TB, body map[string]any) Claims {
	t.Helper()
	token, _ := body["access_token"].(string)
	claims, err := e.Issuer.Verifier(ACR).Verify(token)
	if err != nil {
		t.Fatalf("%v: %v", body, err)
	}
	return claims
}

// form returns a form with other values; an empty one takes a parameter away.
func form(given url.Values, pairs ...string) url.Values {
	edited := url.Values{}
	for name, values := range given {
		edited[name] = values
	}
	for i := 0; i < len(pairs); i += 2 {
		edited.Set(pairs[i], pairs[i+1])
		if pairs[i+1] == "" {
			edited.Del(pairs[i])
		}
	}
	return edited
}

const acrScope = ACR + "/.default openid profile offline_access"

// assert returns a token by a key, with a header of the test's choosing.
func assert(t testing.TB, method jwt.SigningMethod, key any, header map[string]any, claims jwt.Claims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	for name, value := range header {
		token.Header[name] = value
	}
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
