package identity

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// forge signs claims with key number signer, under a header changed by edit.
func forge(t testing.TB, signer int, claims any, edit func(header map[string]any)) string {
	t.Helper()
	private := rsaKeys()[signer]
	header := map[string]any{"typ": "JWT", "alg": "RS256", "kid": thumbprint(&rsaKeys()[0].PublicKey)}
	if edit != nil {
		edit(header)
	}
	unsigned := segment(t, header) + "." + segment(t, claims)
	signature, err := jwt.SigningMethodRS256.Sign(unsigned, private)
	if err != nil {
		t.Fatal(err)
	}
	return unsigned + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func segment(t testing.TB, part any) string {
	t.Helper()
	if raw, ok := part.(string); ok {
		return base64.RawURLEncoding.EncodeToString([]byte(raw))
	}
	raw, err := json.Marshal(part)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// hmacWithPublicKey is the old trick of signing by HS256 with the public key, which everybody has, as the secret.
func hmacWithPublicKey(t testing.TB, claims jwt.Claims) string {
	t.Helper()
	public := &rsaKeys()[0].PublicKey
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims)
	token.Header["kid"] = thumbprint(public)
	signed, err := token.SignedString(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func algorithm(name string) func(map[string]any) {
	return func(header map[string]any) { header["alg"] = name }
}

func with(name string, value any) func(map[string]any) {
	return func(header map[string]any) { header[name] = value }
}

// battery returns forgeries of a good token of the worker, by name, with the code each must be refused with. The good
// token and the verifier they are shown to come with it.
func battery(t testing.TB) (rows map[string]forgery, good string, v Verifier) {
	issuer, _ := newIssuer()
	token := mustIssue(t, issuer, workerSystem, ACR, worker)
	good = token.AccessToken
	parts := strings.Split(good, ".")
	ownKey := newJWK("mine", &rsaKeys()[2].PublicKey)
	edited := func(edit func(c *Claims)) Claims {
		c := token.Claims
		edit(&c)
		return c
	}
	signed := func(edit func(c *Claims)) string { return forge(t, 0, edited(edit), nil) }
	otherMethod := func(method jwt.SigningMethod) string {
		unsigned := segment(t, map[string]any{"alg": method.Alg(), "kid": thumbprint(&rsaKeys()[0].PublicKey)}) + "." + parts[1]
		signature, err := method.Sign(unsigned, rsaKeys()[0])
		if err != nil {
			t.Fatal(err)
		}
		return unsigned + "." + base64.RawURLEncoding.EncodeToString(signature)
	}
	// base64url of a 256-byte signature ends in a character of which four bits mean nothing.
	respelled := good[:len(good)-1] + string(good[len(good)-1]+1)

	return map[string]forgery{
		"no token":                        {"", CredentialMalformed},
		"words":                           {"let me in", CredentialMalformed},
		"two parts":                       {parts[0] + "." + parts[1], CredentialMalformed},
		"four parts":                      {good + ".x", CredentialMalformed},
		"dots":                            {"..", CredentialMalformed},
		"header is no base64":             {"a." + parts[1] + "." + parts[2], CredentialMalformed},
		"header is no JSON":               {segment(t, "x") + "." + parts[1] + "." + parts[2], CredentialMalformed},
		"header is a list":                {segment(t, "[]") + "." + parts[1] + "." + parts[2], CredentialMalformed},
		"claims are no JSON":              {parts[0] + "." + segment(t, "x") + "." + parts[2], CredentialMalformed},
		"claims of another type":          {forge(t, 0, `{"aud":7}`, nil), CredentialMalformed},
		"a time that is none":             {forge(t, 0, `{"exp":"tomorrow"}`, nil), CredentialMalformed},
		"a space before it":               {" " + good, CredentialMalformed},
		"a line end in the signature":     {good[:len(good)-4] + "\n" + good[len(good)-4:], CredentialMalformed},
		"padding":                         {good + "==", CredentialMalformed},
		"the signature spelt differently": {respelled, CredentialMalformed},
		"letters outside ASCII":           {good + "é", CredentialMalformed},
		"too long":                        {good + strings.Repeat("A", maxToken), CredentialMalformed},
		"no expiry":                       {signed(func(c *Claims) { c.ExpiresAt = nil }), CredentialMalformed},

		"alg none":                     {segment(t, map[string]string{"alg": "none"}) + "." + parts[1] + ".", SignatureInvalid},
		"alg None":                     {segment(t, map[string]string{"alg": "None"}) + "." + parts[1] + ".", SignatureInvalid},
		"alg none, signature kept":     {segment(t, map[string]string{"alg": "none"}) + "." + parts[1] + "." + parts[2], SignatureInvalid},
		"no alg":                       {segment(t, "{}") + "." + parts[1] + "." + parts[2], SignatureInvalid},
		"header null":                  {segment(t, "null") + "." + parts[1] + "." + parts[2], SignatureInvalid},
		"an alg there is not":          {forge(t, 0, token.Claims, algorithm("RS257")), SignatureInvalid},
		"RS512 said, RS256 done":       {forge(t, 0, token.Claims, algorithm("RS512")), SignatureInvalid},
		"PS256 by the right key":       {otherMethod(jwt.SigningMethodPS256), SignatureInvalid},
		"RS512 by the right key":       {otherMethod(jwt.SigningMethodRS512), SignatureInvalid},
		"HS256 with the public key":    {hmacWithPublicKey(t, token.Claims), SignatureInvalid},
		"unknown kid":                  {forge(t, 0, token.Claims, with("kid", "nobody")), SignatureInvalid},
		"empty kid":                    {forge(t, 0, token.Claims, with("kid", "")), SignatureInvalid},
		"kid is a number":              {forge(t, 0, token.Claims, with("kid", 0)), SignatureInvalid},
		"kid is a path":                {forge(t, 0, token.Claims, with("kid", "../../dev/null")), SignatureInvalid},
		"own key under our kid":        {forge(t, 2, token.Claims, nil), SignatureInvalid},
		"own key, embedded jwk":        {forge(t, 2, token.Claims, with("jwk", ownKey)), SignatureInvalid},
		"own key, jku":                 {forge(t, 2, token.Claims, with("jku", "https://evil.example/keys")), SignatureInvalid},
		"own key, x5u":                 {forge(t, 2, token.Claims, with("x5u", "https://evil.example/cert")), SignatureInvalid},
		"own key, x5c":                 {forge(t, 2, token.Claims, with("x5c", []string{"MIIB"})), SignatureInvalid},
		"right key, but embedded jwk":  {forge(t, 0, token.Claims, with("jwk", ownKey)), SignatureInvalid},
		"right key, but jku":           {forge(t, 0, token.Claims, with("jku", nil)), SignatureInvalid},
		"right key, but x5u":           {forge(t, 0, token.Claims, with("x5u", "https://evil.example/cert")), SignatureInvalid},
		"right key, but x5c":           {forge(t, 0, token.Claims, with("x5c", []string{"MIIB"})), SignatureInvalid},
		"right key, but crit":          {forge(t, 0, token.Claims, with("crit", []string{"b64"})), SignatureInvalid},
		"no signature":                 {parts[0] + "." + parts[1] + ".", SignatureInvalid},
		"another token's signature":    {parts[0] + "." + segment(t, token.Claims) + "." + strings.Split(forge(t, 0, `{}`, nil), ".")[2], SignatureInvalid},
		"edited audience":              {parts[0] + "." + segment(t, edited(func(c *Claims) { c.Audience = ARM })) + "." + parts[2], SignatureInvalid},
		"a trusted kind claimed":       {forge(t, 2, edited(func(c *Claims) { c.ManagedIdentity = worker }), nil), SignatureInvalid},
		"edited resource":              {parts[0] + "." + segment(t, edited(func(c *Claims) { c.ManagedIdentity = jumpbox })) + "." + parts[2], SignatureInvalid},
		"unsigned and all else wrong":  {forge(t, 2, Claims{}, nil), SignatureInvalid},
		"our kid, the other tenant":    {forge(t, 1, token.Claims, nil), SignatureInvalid},
		"claims null, other signature": {parts[0] + "." + segment(t, "null") + "." + parts[2], SignatureInvalid},

		"no issuer":                         {signed(func(c *Claims) { c.Issuer = "" }), IssuerWrong},
		"another issuer":                    {signed(func(c *Claims) { c.Issuer = "https://evil.example/" }), IssuerWrong},
		"the issuer without its slash":      {signed(func(c *Claims) { c.Issuer = strings.TrimSuffix(c.Issuer, "/") }), IssuerWrong},
		"the other tenant's issuer":         {signed(func(c *Claims) { c.Issuer = "https://sts.windows.net/" + otherTenant + "/" }), IssuerWrong},
		"a registry's own token":            {signed(func(c *Claims) { c.Issuer = "Azure Container Registry" }), IssuerWrong},
		"claims null":                       {forge(t, 0, "null", nil), IssuerWrong},
		"issuer, audience and tenant wrong": {signed(func(c *Claims) { c.Issuer, c.Audience, c.Tenant = "", "", "" }), IssuerWrong},

		"no audience":                 {signed(func(c *Claims) { c.Audience = "" }), AudienceWrong},
		"another audience":            {signed(func(c *Claims) { c.Audience = Graph }), AudienceWrong},
		"the audience with a slash":   {signed(func(c *Claims) { c.Audience = ACR + "/" }), AudienceWrong},
		"audience and tenant wrong":   {signed(func(c *Claims) { c.Audience, c.Tenant = Graph, otherTenant }), AudienceWrong},
		"no tenant":                   {signed(func(c *Claims) { c.Tenant = "" }), TenantWrong},
		"another tenant":              {signed(func(c *Claims) { c.Tenant = otherTenant }), TenantWrong},
		"another tenant, and expired": {signed(func(c *Claims) { c.Tenant, c.ExpiresAt = otherTenant, jwt.NewNumericDate(noon) }), TenantWrong},

		"expired now":                  {signed(func(c *Claims) { c.ExpiresAt = jwt.NewNumericDate(noon) }), Expired},
		"expired long ago":             {signed(func(c *Claims) { c.ExpiresAt = jwt.NewNumericDate(time.Unix(0, 0)) }), Expired},
		"expired before it was good":   {signed(func(c *Claims) { c.ExpiresAt, c.NotBefore = c.NotBefore, c.ExpiresAt }), Expired},
		"not yet valid":                {signed(func(c *Claims) { c.NotBefore = jwt.NewNumericDate(noon.Add(time.Second)) }), NotYetValid},
		"not valid in this millennium": {signed(func(c *Claims) { c.NotBefore = jwt.NewNumericDate(noon.AddDate(1000, 0, 0)) }), NotYetValid},
	}, good, issuer.Verifier(ARM, ACR)
}

type forgery struct {
	token string
	want  Code
}

func TestForgeriesAreRefused(t *testing.T) {
	rows, good, v := battery(t)
	if claims, err := v.Verify(good); err != nil || claims.ObjectID != "oid-worker" || claims.ManagedIdentity != worker {
		t.Fatalf("the good token: %+v, %v", claims, err)
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			claims, err := v.Verify(row.token)
			var refused *VerifyError
			if !errors.As(err, &refused) || refused.Code != row.want || refused.Reason() != string(row.want) || refused.Detail == "" {
				t.Errorf("got %v, want %s", err, row.want)
			}
			if err != nil && !strings.HasPrefix(err.Error(), string(row.want)+": ") {
				t.Errorf("the text %q does not begin with its code", err)
			}
			if claims.ObjectID != "" || claims.Issuer != "" {
				t.Error("claims were returned although the token was refused")
			}
		})
	}
}

func TestTokensWithoutSomeTimes(t *testing.T) {
	issuer, _ := newIssuer()
	claims := mustIssue(t, issuer, alice, ACR, "").Claims
	claims.NotBefore, claims.IssuedAt = nil, nil
	if _, err := issuer.Verifier(ACR).Verify(forge(t, 0, claims, nil)); err != nil {
		t.Errorf("RFC 7519 lets nbf and iat be left out: %v", err)
	}
}

func TestLeeway(t *testing.T) {
	issuer, at := newIssuer()
	token := mustIssue(t, issuer, alice, ACR, "")
	v := issuer.Verifier(ACR)
	v.Leeway = time.Minute
	for _, row := range []struct {
		when time.Time
		want Code
	}{
		{noon.Add(-time.Minute - 1), NotYetValid},
		{noon.Add(-time.Minute), ""},
		{noon.Add(75*time.Minute + time.Minute - 1), ""},
		{noon.Add(75*time.Minute + time.Minute), Expired},
	} {
		at.Time = row.when
		_, err := v.Verify(token.AccessToken)
		var refused *VerifyError
		if errors.As(err, &refused); (row.want == "") != (err == nil) || err != nil && refused.Code != row.want {
			t.Errorf("at %v: %v, want %q", row.when, err, row.want)
		}
	}
}

// Two tenants in one process, even with the same ID, believe nothing of each other.
func TestTwoIssuersDoNotKnowEachOther(t *testing.T) {
	ours, _ := newIssuer()
	theirs := &Issuer{Tenant: tenant, Keys: openKeys("", ours.Now, supply(1)), Now: ours.Now}
	for name, pair := range map[string][2]*Issuer{"theirs to us": {theirs, ours}, "ours to them": {ours, theirs}} {
		token := mustIssue(t, pair[0], workerSystem, ACR, "")
		_, err := pair[1].Verifier(ACR).Verify(token.AccessToken)
		var refused *VerifyError
		if !errors.As(err, &refused) || refused.Code != SignatureInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A token outlives the key that signed it by as much as the overlap allows, and no longer.
func TestTokensOverARotation(t *testing.T) {
	issuer, at := newIssuer()
	issuer.Keys.Overlap = time.Hour
	token := mustIssue(t, issuer, workerSystem, ACR, "").AccessToken
	if err := issuer.Keys.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	v := issuer.Verifier(ACR)
	if _, err := v.Verify(token); err != nil {
		t.Errorf("right after the rotation: %v", err)
	}
	at.advance(time.Hour)
	var refused *VerifyError
	if _, err := v.Verify(token); !errors.As(err, &refused) || refused.Code != SignatureInvalid {
		t.Errorf("after the overlap: %v", err)
	}
	if _, err := v.Verify(mustIssue(t, issuer, workerSystem, ACR, "").AccessToken); err != nil {
		t.Errorf("a token of the new key: %v", err)
	}
}

// The zero Verifier believes nobody, nor does one that lacks any of its lists.
func TestVerifiersThatLackSomething(t *testing.T) {
	issuer, _ := newIssuer()
	token := mustIssue(t, issuer, alice, ACR, "").AccessToken
	full := issuer.Verifier(ACR)
	for name, row := range map[string]struct {
		v    Verifier
		want Code
	}{
		"zero":         {Verifier{}, SignatureInvalid},
		"no keys":      {Verifier{Issuers: full.Issuers, Audiences: full.Audiences, Tenant: tenant}, SignatureInvalid},
		"no issuers":   {Verifier{Keys: full.Keys, Audiences: full.Audiences, Tenant: tenant}, IssuerWrong},
		"no audiences": {Verifier{Keys: full.Keys, Issuers: full.Issuers, Tenant: tenant}, AudienceWrong},
	} {
		var refused *VerifyError
		if _, err := row.v.Verify(token); !errors.As(err, &refused) || refused.Code != row.want {
			t.Errorf("%s: %v, want %s", name, err, row.want)
		}
	}
}

// registryClaims are like those of ACR's own tokens: no tenant among them.
type registryClaims struct {
	Registered
	GrantType string `json:"grant_type"`
}

// unreadableClaims fail to give one of their parts.
type unreadableClaims struct{ Registered }

func (unreadableClaims) GetNotBefore() (*jwt.NumericDate, error) {
	return nil, errors.New("unreadable")
}

func TestVerifyAsOtherClaims(t *testing.T) {
	issuer, at := newIssuer()
	claims := registryClaims{
		NewRegistered("Azure Container Registry", "alice", "myregistry.azurecr.io", noon, noon.Add(time.Hour)), "refresh_token",
	}
	token, err := issuer.Keys.Sign(t.Context(), claims)
	if err != nil {
		t.Fatal(err)
	}
	v := Verifier{Keys: issuer.Keys, Issuers: []string{"Azure Container Registry"}, Audiences: []string{"myregistry.azurecr.io"}, Now: at.Now}
	if got, err := VerifyAs[registryClaims](v, token); err != nil || got.GrantType != "refresh_token" {
		t.Errorf("got %+v, %v", got, err)
	}
	var refused *VerifyError
	if _, err := VerifyAs[unreadableClaims](v, token); !errors.As(err, &refused) || refused.Code != CredentialMalformed {
		t.Errorf("claims that cannot be read: %v", err)
	}
	if got, want := claims.Window(), (Window{noon, noon.Add(time.Hour)}); got != want {
		t.Errorf("window %v, want %v", got, want)
	}
	if got := (Registered{}).Window(); got.Contains(noon) {
		t.Error("claims without an expiry have a window")
	}

	v.Audiences = []string{"my.azurecr.io"}
	if _, err := VerifyAs[registryClaims](v, token); !errors.As(err, &refused) || refused.Code != AudienceWrong {
		t.Errorf("another registry's token: %v", err)
	}
	v.Audiences, v.Tenant = []string{"myregistry.azurecr.io"}, tenant
	if _, err := VerifyAs[registryClaims](v, token); !errors.As(err, &refused) || refused.Code != TenantWrong {
		t.Errorf("claims that cannot have a tenant, where one is wanted: %v", err)
	}
	if _, err := issuer.Verifier(ACR).Verify(token); !errors.As(err, &refused) || refused.Code != IssuerWrong {
		t.Errorf("a registry's token for one of Entra's: %v", err)
	}
}

func FuzzVerify(f *testing.F) {
	rows, good, v := battery(f)
	for _, row := range rows {
		f.Add(row.token)
	}
	f.Add(good)
	genuine := map[string]bool{good: true}
	f.Fuzz(func(t *testing.T, token string) {
		claims, err := v.Verify(token)
		if err == nil != genuine[token] {
			t.Fatalf("token %q: %v", token, err)
		}
		var refused *VerifyError
		if err != nil && (!errors.As(err, &refused) || claims.ObjectID != "") {
			t.Fatalf("refused by %T with claims %+v", err, claims)
		}
	})
}

// onlyKey is a PublicKeys of one key, without Keys' bookkeeping.
type onlyKey struct{ *rsa.PublicKey }

func (k onlyKey) Public(string) (*rsa.PublicKey, bool) { return k.PublicKey, true }

// Keys may come from anywhere: a gate of somebody's own may have them from Entra's JWKS.
func TestOtherKeys(t *testing.T) {
	issuer, _ := newIssuer()
	v := issuer.Verifier(ACR)
	v.Keys = onlyKey{&rsaKeys()[0].PublicKey}
	if _, err := v.Verify(mustIssue(t, issuer, alice, ACR, "").AccessToken); err != nil {
		t.Error(err)
	}
}

func BenchmarkVerify(b *testing.B) {
	issuer, _ := newIssuer()
	token := mustIssue(b, issuer, builderID, ACR, worker).AccessToken
	v := issuer.Verifier(ACR, ARM)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(token); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIssue(b *testing.B) {
	issuer, _ := newIssuer()
	b.ReportAllocs()
	for b.Loop() {
		mustIssue(b, issuer, builderID, ACR, worker)
	}
}
