package registry

import (
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"github.com/acrlocal/acrlocal/gate"
	"github.com/acrlocal/acrlocal/identity"
)

const (
	// RefreshTokenUser is the user name that says that the password is a token of the registry (acr-behaviour §4.1).
	RefreshTokenUser = "00000000-0000-0000-0000-000000000000"
	// maxAuthorization is the longest Authorization header that is read, in bytes.
	maxAuthorization = 16 << 10
	// maxUserName is the longest user name that is looked up, in bytes.
	maxUserName = 256
)

// nobody is the sender of a request without a credential.
var nobody = &presented{proof: proofOfHolder(gate.AnonymousHolder)}

// Authenticate reads the credential of a request; it is a gate.Options.Authenticate. On the token service the
// credential is in the form or, for GET, in the Basic header; elsewhere it is in the header: an access token as bearer,
// or user name and password (acr-behaviour §4.1, §4.2). The form of a token request is parsed, so that r.Form is there
// for who comes next. What cannot be read or believed comes back as a credential with a failure.
func (t *Tokens) Authenticate(r *http.Request, registry string) gate.Credential {
	p := t.read(r, registry)
	if c, ok := r.Context().Value(callKey{}).(*call); ok {
		c.presented = p
	}
	return p.credential
}

func (t *Tokens) read(r *http.Request, name string) *presented {
	snapshot := t.options.Snapshot()
	if snapshot == nil {
		return nobody
	}
	registry, ok := snapshot.Registry(name)
	if !ok {
		return nobody // the gate knows no such registry either
	}
	a := asker{Tokens: t, snapshot: snapshot, registry: registry}
	if e, ok := endpoints[r.URL.EscapedPath()]; ok {
		return a.request(r, e)
	}
	return a.header(r.Header, bearerOrBasic)
}

// asker reads the credentials of one request to one registry.
type asker struct {
	*Tokens
	snapshot *gate.Snapshot
	registry gate.Registry
}

// scheme reads what stands after the name of an authentication scheme.
type scheme func(asker, string) *presented

// schemes are the authentication schemes of an API, by folded name.
type schemes map[string]scheme

var (
	bearerOrBasic = schemes{"bearer": asker.bearer, "basic": asker.basic}
	basicOnly     = schemes{"basic": asker.basic}
)

// header reads the Authorization header.
func (a asker) header(h http.Header, known schemes) *presented {
	values := h["Authorization"]
	switch {
	case len(values) == 0:
		return nobody
	case len(values) > 1:
		return disbelieved(gate.CredentialMalformed, "there are %d Authorization headers", len(values))
	case len(values[0]) > maxAuthorization:
		return disbelieved(gate.CredentialMalformed, "the Authorization header has more than %d bytes", maxAuthorization)
	}
	name, rest, _ := strings.Cut(values[0], " ")
	read, ok := known[strings.ToLower(name)]
	if !ok {
		return disbelieved(gate.CredentialMalformed, "the Authorization header has the scheme %.20q, which is not known here", name)
	}
	return read(a, strings.TrimSpace(rest))
}

// bearer reads an access token.
func (a asker) bearer(token string) *presented { return a.own(token, gate.AccessToken) }

// own reads one of our own tokens where only one kind belongs.
func (a asker) own(token string, want gate.CredentialKind) *presented {
	p := a.open(a.registry, token)
	if got := p.credential.Kind; p.credential.Failure == "" && got != want {
		return disbelieved(gate.CredentialMalformed, "%s stands where %s belongs", kindNames[got], kindNames[want])
	}
	return p
}

var kindNames = map[gate.CredentialKind]string{
	gate.RefreshToken: "an ACR refresh token", gate.AccessToken: "an ACR access token",
}

// basic reads a user name and password.
func (a asker) basic(encoded string) *presented {
	plain, err := base64.StdEncoding.DecodeString(encoded)
	user, password, ok := strings.Cut(string(plain), ":")
	if err != nil || !ok {
		return disbelieved(gate.CredentialMalformed, "the Basic credentials are not USER:PASSWORD in base64")
	}
	return a.password(user, password)
}

// password judges a user name and password: a token under the null GUID, an account that the registry keeps itself, or
// a service principal. The first that knows the name decides.
func (a asker) password(user, password string) *presented {
	if user == RefreshTokenUser {
		return a.open(a.registry, password)
	}
	if len(user) > maxUserName {
		return disbelieved(gate.CredentialMalformed, "the user name has more than %d bytes", maxUserName)
	}
	if c, ok := a.snapshot.Password(a.registry.Name, user, password, a.options.Now()); ok {
		return &presented{credential: c, proof: proofOfHolder(c.Holder)}
	}
	p, ok := a.options.Directory.Find(identity.ByClientID, user)
	if !ok || p.Kind != identity.ServicePrincipal {
		return disbelieved(gate.ApplicationUnknown, "%.80q", user)
	}
	return clientSecret(p, password, a.options.Now())
}

// clientSecret judges a service principal's secret.
func clientSecret(p identity.Principal, secret string, now time.Time) *presented {
	if !p.HasSecret(secret, now) || p.Disabled {
		return disbelieved(gate.PasswordWrong, "service principal %s", p.ClientID)
	}
	proof := proofOfSecret(p)
	return &presented{credential: proof.credential(gate.EntraToken, ""), proof: proof}
}

// entra reads the Entra token that is to be exchanged.
func (a asker) entra(token string) *presented {
	claims, err := a.options.Entra.Verify(token)
	if err != nil {
		return failed(err)
	}
	proof := proofOfEntra(claims)
	p := &presented{credential: proof.credential(gate.EntraToken, ""), proof: proof}
	p.credential.ARMAudience = identity.IsARM(claims.Audience)
	return p
}
