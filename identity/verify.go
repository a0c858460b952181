package identity

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Code says what is wrong with a token. The codes are public API: the reasons of a decision's authentication stage.
type Code string

// The codes, in the order in which they are found out: of a token with several faults, the first counts.
const (
	CredentialMalformed Code = "credential-malformed" // no token, too long, not JSON, no expiry
	SignatureInvalid    Code = "signature-invalid"    // wrong algorithm, unknown key, key brought along, edited
	IssuerWrong         Code = "issuer-wrong"
	AudienceWrong       Code = "audience-wrong"
	TenantWrong         Code = "tenant-wrong"
	Expired             Code = "expired"
	NotYetValid         Code = "not-yet-valid"
)

// VerifyError says why a token was refused.
type VerifyError struct {
	// Code is for programs.
	Code Code
	// Detail is for people. It may quote the token's claims, never its signature.
	Detail string
}

// Error returns code and detail.
func (e *VerifyError) Error() string { return string(e.Code) + ": " + e.Detail }

// Reason returns the code, which is the word that the decisions of a gate use for it.
func (e *VerifyError) Reason() string { return string(e.Code) }

// PublicKeys finds the key that a token's header names, if it may verify now. [Keys] does.
type PublicKeys interface {
	Public(kid string) (*rsa.PublicKey, bool)
}

// Verifier says which tokens are believed. Its zero value believes none; it is a plain value and cheap to copy, so a
// caller can set Audiences per request. Entra's tokens and ACR's own are checked by the same code with other values.
type Verifier struct {
	// Keys verify the signature; only RS256 counts.
	Keys PublicKeys
	// Issuers are the values of iss that are believed.
	Issuers []string
	// Audiences are the values of aud that are meant for us. One match is enough.
	Audiences []string
	// Tenant is the value of tid. Empty means that these tokens have none, as ACR's own.
	Tenant string
	// Now is the clock; nil means the wall clock.
	Now func() time.Time
	// Leeway stretches both ends of a token's time.
	Leeway time.Duration
}

// Verify returns the claims of an Entra token, or a *[VerifyError].
func (v Verifier) Verify(token string) (Claims, error) {
	return VerifyAs[Claims](v, token)
}

// VerifyAs is Verify for tokens with other claims, such as ACR's refresh and access tokens. If v has a tenant, C must
// have a method GetTenant() string. After an error the claims are empty, so that nothing unproven can be used by
// mistake.
func VerifyAs[C any, P interface {
	*C
	jwt.Claims
}](v Verifier, token string) (C, error) {
	var claims, none C
	if err := v.open(token, P(&claims)); err != nil {
		return none, err
	}
	now := clock(v.Now)
	for _, rule := range rules {
		if detail := rule.broken(v, P(&claims), now); detail != "" {
			return none, &VerifyError{rule.code, detail}
		}
	}
	return claims, nil
}

// maxToken is the length of the longest token looked at, in bytes.
const maxToken = 16 << 10

// parser leaves the claims to our own rules. Strict decoding keeps a token from having two spellings.
var parser = jwt.NewParser(
	jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}),
	jwt.WithStrictDecoding(),
	jwt.WithoutClaimsValidation(),
)

// open reads token into claims and checks its signature.
func (v Verifier) open(token string, claims jwt.Claims) error {
	if len(token) > maxToken {
		return &VerifyError{CredentialMalformed, fmt.Sprintf("the token has %d bytes, more than %d", len(token), maxToken)}
	}
	if strings.ContainsFunc(token, notOfToken) {
		return &VerifyError{CredentialMalformed, "the token has characters that are neither base64url nor dots"}
	}
	_, err := parser.ParseWithClaims(token, claims, v.key)
	var refused *VerifyError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return refused
	case errors.Is(err, jwt.ErrTokenMalformed):
		return &VerifyError{CredentialMalformed, err.Error()}
	}
	return &VerifyError{SignatureInvalid, err.Error()}
}

func notOfToken(r rune) bool {
	alphanumeric := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	return !alphanumeric && !strings.ContainsRune("-_.", r)
}

// foreignHeaders let a token bring or name its own key, or demand rules we do not know.
var foreignHeaders = []string{"jwk", "jku", "x5u", "x5c", "crit"}

// key finds the key for a token whose algorithm is already known to be RS256.
func (v Verifier) key(token *jwt.Token) (any, error) {
	for _, name := range foreignHeaders {
		if _, ok := token.Header[name]; ok {
			return nil, &VerifyError{SignatureInvalid, "the token's header has " + name + ", but only the issuer's own keys count"}
		}
	}
	kid, _ := token.Header["kid"].(string)
	if v.Keys != nil {
		if public, ok := v.Keys.Public(kid); ok {
			return public, nil
		}
	}
	return nil, &VerifyError{SignatureInvalid, fmt.Sprintf("the issuer has no key %.64q", kid)}
}

// rules are what a token with a good signature must still obey, in the order of the codes. Each returns what is broken.
var rules = []struct {
	code   Code
	broken func(Verifier, jwt.Claims, time.Time) string
}{
	{IssuerWrong, Verifier.brokenIssuer},
	{AudienceWrong, Verifier.brokenAudience},
	{TenantWrong, Verifier.brokenTenant},
	{CredentialMalformed, Verifier.brokenTimes},
	{Expired, Verifier.brokenExpiry},
	{NotYetValid, Verifier.brokenNotBefore},
}

func (v Verifier) brokenIssuer(c jwt.Claims, _ time.Time) string {
	issuer, err := c.GetIssuer()
	if err == nil && slices.Contains(v.Issuers, issuer) {
		return ""
	}
	return fmt.Sprintf("the token's issuer is %q, want one of %q", issuer, v.Issuers)
}

func (v Verifier) brokenAudience(c jwt.Claims, _ time.Time) string {
	audience, err := c.GetAudience()
	ours := func(a string) bool { return slices.Contains(v.Audiences, a) }
	if err == nil && slices.ContainsFunc(audience, ours) {
		return ""
	}
	return fmt.Sprintf("the token's audience is %q, want one of %q", audience, v.Audiences)
}

func (v Verifier) brokenTenant(c jwt.Claims, _ time.Time) string {
	if v.Tenant == "" {
		return ""
	}
	tenant := ""
	if tenanted, ok := c.(interface{ GetTenant() string }); ok {
		tenant = tenanted.GetTenant()
	}
	if tenant == v.Tenant {
		return ""
	}
	return fmt.Sprintf("the token's tenant is %q, want %q", tenant, v.Tenant)
}

func (v Verifier) brokenTimes(c jwt.Claims, _ time.Time) string {
	expires, expiresErr := c.GetExpirationTime()
	_, notBeforeErr := c.GetNotBefore()
	if expires == nil || expiresErr != nil || notBeforeErr != nil {
		return "the token has no expiry, or a time that cannot be read"
	}
	return ""
}

func (v Verifier) brokenExpiry(c jwt.Claims, now time.Time) string {
	expires, _ := c.GetExpirationTime() // there, by brokenTimes
	if now.Before(expires.Add(v.Leeway)) {
		return ""
	}
	return fmt.Sprintf("the token expired at %s, it is %s", stamp(expires.Time), stamp(now))
}

func (v Verifier) brokenNotBefore(c jwt.Claims, now time.Time) string {
	notBefore, _ := c.GetNotBefore() // readable, by brokenTimes
	if notBefore == nil || !now.Add(v.Leeway).Before(notBefore.Time) {
		return ""
	}
	return fmt.Sprintf("the token is good from %s, it is %s", stamp(notBefore.Time), stamp(now))
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
