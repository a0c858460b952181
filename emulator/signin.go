package emulator

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/vantage"
	"github.com/acrlocal/acrlocal/identity"
)

// trustedIssuers reads the key sets of the issuers that are configured.
func trustedIssuers(given []TrustedIssuer) ([]identity.TrustedIssuer, error) {
	var trusted []identity.TrustedIssuer
	for _, g := range given {
		var keys identity.JWKS
		if err := json.Unmarshal(g.Keys, &keys); err != nil {
			return nil, fmt.Errorf("keys of issuer %s: %w", g.Issuer, err)
		}
		usable := func(k identity.JWK) bool { _, ok := keys.Public(k.ID); return ok }
		if !slices.ContainsFunc(keys.Keys, usable) {
			return nil, fmt.Errorf("keys of issuer %s: there is no RSA key for signatures", g.Issuer)
		}
		trusted = append(trusted, identity.TrustedIssuer{Issuer: g.Issuer, Keys: keys})
	}
	return trusted, nil
}

// signInAuthority is where a person's browser finds the pages of Entra: by Entra's own name only if it can reach that, and
// for who asks through the proxy at the service listener, since browsers know nothing of places.
func (e *Emulator) signInAuthority(r *http.Request) string {
	_, proxied := vantage.FromContext(r.Context())
	switch {
	case proxied:
		return "http://" + clientAddress(e.listeners.service)
	case r.TLS != nil:
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// otherAuthority is where another name of Entra's leads: to the service listener, whose port clients leave out. An address
// on the internet is somebody else's, to whom no client may be sent with its secret.
func (e *Emulator) otherAuthority(host string) (string, bool) {
	at := parseHost(host)
	addr, err := netip.ParseAddr(hostName(host))
	near := err != nil || addr.IsLoopback() || addr.IsPrivate()
	if at.service != entraService && !(at.bare && near) {
		return "", false
	}
	return "https://" + host + ":" + strconv.Itoa(int(portOf(e.listeners.service))), true
}

// identityHeader is the secret of the identity endpoint of a place, if it is a resource.
func (e *Emulator) identityHeader(ctx context.Context, at azure.Place) (string, error) {
	if at.Resource == "" {
		return "", nil
	}
	return e.msi.Header(ctx, at.Resource)
}

// federatedToken makes a token of another issuer, as a federated credential takes it.
func (e *Emulator) federatedToken(ctx context.Context, w *world, q TokenRequest) (TokenAnswer, error) {
	issuers := w.people.issuersOf(q.Subject)
	switch {
	case q.As != "" || q.From != "" || q.Registry != "":
		return TokenAnswer{}, fmt.Errorf("a token for %q is of another issuer: it has no principal, place or registry", q.Subject)
	case q.Issuer == "" && len(issuers) == 0:
		return TokenAnswer{}, fmt.Errorf("no federated credential has the subject %q: name an issuer", q.Subject)
	case q.Issuer == "" && len(issuers) > 1:
		return TokenAnswer{}, fmt.Errorf("name an issuer: %q is a subject of %s", q.Subject, strings.Join(issuers, ", "))
	case q.Issuer == "":
		q.Issuer = issuers[0]
	}
	token, err := e.issuer.Federate(ctx, q.Issuer, q.Subject, orDefault(q.Audience, identity.TokenExchange))
	return TokenAnswer{Token: token, Principal: q.Subject}, err
}

// issuersOf are the issuers that federated credentials name together with a subject.
func (d *directory) issuersOf(subject string) []string {
	issuers := map[string]bool{}
	for _, c := range d.added {
		for _, f := range c.federated {
			if f.Subject == subject {
				issuers[f.Issuer] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(issuers))
}
