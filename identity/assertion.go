package identity

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// assertionType says that a client assertion is a JWT (RFC 7523 §2.2); there is no other.
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// assertionParser takes the algorithms that Entra takes. The claims are judged by our own rules.
var assertionParser = jwt.NewParser(
	jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg(), jwt.SigningMethodPS256.Alg()}),
	jwt.WithStrictDecoding(),
	jwt.WithoutClaimsValidation(),
)

// assertion is a token that a client shows instead of a secret: signed by itself with a certificate, or by another issuer
// that a federated credential names.
type assertion struct {
	*call
	client Principal
	claims jwt.RegisteredClaims
	keyErr error
}

// proveByAssertion checks an assertion: its key first, then its claims. The key comes from what is registered; what the
// assertion brings along or points to does not count.
func (c *call) proveByAssertion(p Principal, shown evidence) (string, error) {
	a := &assertion{call: c, client: p}
	if len(shown.assertion) > maxToken || strings.ContainsFunc(shown.assertion, notOfToken) {
		return "", newFault(malformedToken)
	}
	_, err := assertionParser.ParseWithClaims(shown.assertion, &a.claims, a.key)
	switch {
	case a.keyErr != nil:
		return "", a.keyErr
	case errors.Is(err, jwt.ErrTokenMalformed):
		return "", newFault(malformedToken)
	case err != nil:
		return "", newFault(badSignature, "The key or the algorithm is not that of the signature.")
	}
	if err := a.checkClaims(); err != nil {
		return "", err
	}
	return byCertificate, a.checkTimes()
}

// own reports whether the client itself says to have made the assertion.
func (a *assertion) own() bool { return strings.EqualFold(a.claims.Issuer, a.client.ClientID) }

// foreignKeys are headers by which a token names a key of its own, or demands rules we do not know. A chain of
// certificates (x5c) is no such thing: clients send it along with the thumbprint, and it is not looked at.
var foreignKeys = []string{"jwk", "jku", "x5u", "crit"}

// key finds the key of an assertion whose algorithm is known to be one of ours.
func (a *assertion) key(token *jwt.Token) (any, error) {
	for _, name := range foreignKeys {
		if _, ok := token.Header[name]; ok {
			a.keyErr = newFault(badSignature, "The header has "+name+", but only registered keys count.")
			return nil, a.keyErr
		}
	}
	var public *rsa.PublicKey
	if a.own() {
		public, a.keyErr = a.certificateKey(token)
	} else {
		public, a.keyErr = a.federatedKey(token)
	}
	return public, a.keyErr
}

// certificateKey finds the key of a registered certificate. Only a service principal has any.
func (a *assertion) certificateKey(token *jwt.Token) (*rsa.PublicKey, error) {
	found, named := a.client.certificate(token.Header)
	if found == nil || a.client.Kind != ServicePrincipal {
		return nil, newFault(badSignature, fmt.Sprintf("The key was not found., Thumbprint of key used by client: '%.100s'", named))
	}
	public, isRSA := found.PublicKey.(*rsa.PublicKey)
	switch {
	case a.now.Before(found.NotBefore) || !a.now.Before(found.NotAfter):
		return nil, newFault(badSignature, fmt.Sprintf("The key used is expired., Found key 'Start=%s, End=%s'", stamp(found.NotBefore), stamp(found.NotAfter)))
	case !isRSA:
		return nil, newFault(badSignature, "The certificate's key is no RSA key.")
	}
	return public, nil
}

// federatedKey finds the key of another issuer. Only one that a federated credential names is looked for at all.
func (a *assertion) federatedKey(token *jwt.Token) (*rsa.PublicKey, error) {
	named := func(f FederatedCredential) bool { return f.Issuer == a.claims.Issuer && f.Issuer != "" }
	if !slices.ContainsFunc(a.client.Federated, named) {
		return nil, newFault(noFederatedIssuer, clip(a.claims.Issuer))
	}
	kid, _ := token.Header["kid"].(string)
	public, ok := a.keysOf(a.claims.Issuer).Public(kid)
	if !ok || token.Method != jwt.SigningMethodRS256 {
		return nil, newFault(badSignature, fmt.Sprintf("The issuer has no RS256 key '%.100s'.", kid))
	}
	return public, nil
}

// keysOf are the keys of an issuer: those configured, or else the tenant's own, which stands in for it.
func (e *Endpoint) keysOf(issuer string) PublicKeys {
	for _, trusted := range e.Trusted {
		if trusted.Issuer == issuer {
			return trusted.Keys
		}
	}
	return e.Issuer.Keys
}

// checkClaims checks who says what to whom.
func (a *assertion) checkClaims() error {
	switch {
	case !a.own():
		return a.checkFederated()
	case !strings.EqualFold(a.claims.Subject, a.client.ClientID):
		return newFault(foreignAssertion)
	case !slices.ContainsFunc(a.claims.Audience, a.isEndpoint):
		return newFault(wrongAudience)
	}
	return nil
}

// checkFederated looks for a federated credential with issuer, subject and audience, compared exactly. The fault tells
// how far one fitted.
func (a *assertion) checkFederated() error {
	fault := newFault(noFederatedSubject, clip(a.claims.Subject))
	for _, f := range a.client.Federated {
		if f.Issuer != a.claims.Issuer || f.Subject != a.claims.Subject || f.Subject == "" {
			continue
		}
		if slices.ContainsFunc(f.Audiences, func(audience string) bool { return audience != "" && slices.Contains(a.claims.Audience, audience) }) {
			return nil
		}
		fault = newFault(noFederatedAudience, clip(strings.Join(a.claims.Audience, " ")))
	}
	return fault
}

// endpoints are what a client may call the tenant when it addresses an assertion: an endpoint, or the issuer.
var endpoints = []string{"oauth2/v2.0/token", "oauth2/token", "v2.0"}

// isEndpoint reports whether an audience is the tenant's token endpoint in any spelling: under the host that was asked or
// any of Entra's, by any name of the tenant.
func (a *assertion) isEndpoint(audience string) bool {
	u, err := url.Parse(audience)
	if err != nil || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return false
	}
	authority := u.Scheme + "://" + strings.ToLower(u.Host)
	known := slices.Contains(hosts, strings.ToLower(u.Host)) && u.Scheme == "https"
	tenant, rest, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	return (known || authority == a.authority()) && a.IsTenant(tenant) && slices.Contains(endpoints, strings.ToLower(rest))
}

// The bounds of an assertion's time: clocks may differ a little, and one that is good for more than a day is no assertion.
const (
	clockSkew        = 5 * time.Minute
	maxAssertionLife = 24 * time.Hour
)

// checkTimes checks that the assertion is good now, and not for long. Other issuers choose how long theirs are good.
func (a *assertion) checkTimes() error {
	var from, until time.Time
	if a.claims.NotBefore != nil {
		from = a.claims.NotBefore.Time
	}
	if a.claims.ExpiresAt != nil {
		until = a.claims.ExpiresAt.Time
	}
	if a.now.Before(until) && !a.now.Add(clockSkew).Before(from) && (!a.own() || until.Sub(a.now) <= maxAssertionLife) {
		return nil
	}
	return newFault(assertionTime, stamp(a.now), stamp(from), stamp(until))
}

// maxQuoted bounds what a fault quotes of a client's words, in bytes.
const maxQuoted = 200

func clip(text string) string { return text[:min(len(text), maxQuoted)] }
