package identity

import (
	"crypto/sha1" //nolint:gosec // the thumbprint by which clients name their certificate; nothing is believed for it
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// Secret is a client secret. An empty one is never good.
type Secret struct {
	// Value is the secret itself.
	Value string
	// Expires is when it ends; the zero time is never.
	Expires time.Time
}

// FederatedCredential says that a token of another issuer is as good as a credential. All three parts are compared
// exactly; one that is empty matches nothing.
type FederatedCredential struct {
	// Issuer is the claim iss.
	Issuer string
	// Subject is the claim sub.
	Subject string
	// Audiences are values of the claim aud, of which one must be there.
	Audiences []string
}

// TrustedIssuer is an issuer of tokens for federated credentials, with its keys: they are configured, and never fetched.
type TrustedIssuer struct {
	// Issuer is the claim iss.
	Issuer string
	// Keys are the issuer's, such as a [JWKS].
	Keys PublicKeys
}

// HasSecret reports whether secret is one of the principal's that has not expired.
func (p Principal) HasSecret(secret string, now time.Time) bool {
	found, expired := p.matchSecret(secret, now)
	return found && !expired
}

// matchSecret looks for a secret. It compares in constant time, and looks at every secret also after a match; the empty
// secret is nobody's. A secret that is there twice is expired when both are.
func (p Principal) matchSecret(secret string, now time.Time) (found, expired bool) {
	good := false
	for _, s := range p.Secrets {
		if sameText(secret, s.Value) {
			found, good = true, good || s.Expires.IsZero() || now.Before(s.Expires)
		}
	}
	found = found && secret != ""
	return found, found && !good
}

// HasPassword reports whether password is the principal's. The empty one is nobody's.
func (p Principal) HasPassword(password string) bool {
	return sameText(password, p.Password) && password != ""
}

// sameText compares in a time that depends on neither text.
func sameText(a, b string) bool {
	hashA, hashB := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(hashA[:], hashB[:]) == 1
}

// certificate finds the certificate that the header of an assertion names: by its SHA-256 or SHA-1 thumbprint (RFC 7515
// §4.1.7; some clients pad it or use base64's other alphabet, and Entra minds neither), or as kid by the latter in
// hexadecimal. It also returns the name.
func (p Principal) certificate(header map[string]any) (*x509.Certificate, string) {
	for _, by := range thumbprints {
		given, _ := header[by.member].(string)
		given = otherBase64.Replace(given)
		if given == "" {
			continue
		}
		at := slices.IndexFunc(p.Certificates, func(c *x509.Certificate) bool { return by.same(by.of(c.Raw), given) })
		if at >= 0 {
			return p.Certificates[at], given
		}
		return nil, given
	}
	return nil, ""
}

// otherBase64 turns base64 into base64url without padding.
var otherBase64 = strings.NewReplacer("+", "-", "/", "_", "=", "")

// thumbprints are the members of a header that name a certificate, the strongest first, and what they hold.
var thumbprints = []struct {
	member string
	of     func(der []byte) string
	same   func(a, b string) bool
}{
	{"x5t#S256", func(der []byte) string { sum := sha256.Sum256(der); return encode(sum[:]) }, equal},
	{"x5t", func(der []byte) string { sum := sha1.Sum(der); return encode(sum[:]) }, equal},                         //nolint:gosec // see the import
	{"kid", func(der []byte) string { sum := sha1.Sum(der); return hex.EncodeToString(sum[:]) }, strings.EqualFold}, //nolint:gosec // see the import
}

func equal(a, b string) bool { return a == b }

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
