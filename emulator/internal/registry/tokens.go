package registry

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/acrlocal/acrlocal/gate"
	"github.com/acrlocal/acrlocal/identity"
)

// The lifetimes of ACR's tokens (acr-behaviour §4.6).
const (
	DefaultRefreshLifetime = 3 * time.Hour
	DefaultAccessLifetime  = 75 * time.Minute
)

// Options say whose word Tokens takes, and how long its own tokens live. All without a default are necessary.
type Options struct {
	// Keys sign ACR's tokens, the same for all registries of an emulator.
	Keys *identity.Keys
	// Tenant is the ID of the tenant that the registries belong to.
	Tenant string
	// Entra verifies the tokens that are to be exchanged: an identity.Verifier with the audiences of ACR and of ARM.
	Entra EntraVerifier
	// Directory knows the service principals, which may sign in with a client secret.
	Directory identity.Directory
	// Snapshot returns the policy as it is now; it may return nil.
	Snapshot func() *gate.Snapshot
	// Running reports whether the run with a pass goes on; without it none does.
	Running func(pass string) bool
	// RefreshLifetime is how long a refresh token lives; DefaultRefreshLifetime if 0.
	RefreshLifetime time.Duration
	// AccessLifetime is how long an access token lives; DefaultAccessLifetime if 0.
	AccessLifetime time.Duration
	// Now is the clock; the default is time.Now.
	Now func() time.Time
}

// EntraVerifier checks tokens of Microsoft Entra ID. Its errors are *identity.VerifyError; any other counts as
// credential-malformed.
type EntraVerifier interface {
	Verify(token string) (identity.Claims, error)
}

// Tokens reads the credentials of requests to registries, and issues ACR's refresh and access tokens. Make one with
// NewTokens; it is safe for concurrent use.
type Tokens struct {
	options Options
	cache   identity.Cache[*presented] // our own tokens that were verified, of all registries
}

// NewTokens returns Tokens that know nothing yet.
func NewTokens(o Options) *Tokens {
	if o.RefreshLifetime == 0 {
		o.RefreshLifetime = DefaultRefreshLifetime
	}
	if o.AccessLifetime == 0 {
		o.AccessLifetime = DefaultAccessLifetime
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	t := &Tokens{options: o}
	t.cache.Now = o.Now
	return t
}

// Forget drops what is remembered of verified tokens. It is needed when a key is withdrawn before its tokens expire.
func (t *Tokens) Forget() { t.cache.Clear() }

// presented is a credential as it was presented, with what the token service needs to know of it and the gate does not.
type presented struct {
	credential gate.Credential
	proof      Proof
	// The others are set if the credential is one of our own tokens.
	token, audience string
	registry        string // resource ID
	expires         time.Time
}

// order is what a token is to be made of.
type order struct {
	registry gate.Registry
	name     string // the holder's
	proof    Proof
	notAfter time.Time // the end of the token that it is made from, of the same kind; zero if there is none
}

// orderFor makes a token for the holder of p. If p is a token of the same kind, the new one ends with it: nobody
// prolongs a token by renewing it.
func (p *presented) orderFor(registry gate.Registry, kind gate.CredentialKind) order {
	o := order{registry: registry, name: p.credential.Name, proof: p.proof}
	if p.credential.Kind == kind {
		o.notAfter = p.expires
	}
	return o
}

// RefreshToken issues a refresh token to the holder of an Entra token, as the exchange does, but without a request and
// so without the gate's word: what the token is good for is judged when it is used. The error is that of
// identity.Keys.Sign, or tells that the registry does not exist.
func (t *Tokens) RefreshToken(ctx context.Context, registry string, entra identity.Claims) (string, error) {
	r, ok := t.registry(registry)
	if !ok {
		return "", fmt.Errorf("issue a refresh token: there is no registry %q", registry)
	}
	return t.issueRefresh(ctx, order{registry: r, name: strings.ToLower(entra.ObjectID), proof: proofOfEntra(entra)})
}

// RunToken issues a refresh token to a run of ACR Tasks in a registry that logs in without an identity (acr-tasks §1.3), again
// without the gate's word. It is good for that registry alone, bypasses no rule of its network, and ends with the run of that
// pass, as does what is made from it (Options.Running). The error is that of RefreshToken.
func (t *Tokens) RunToken(ctx context.Context, registry, pass string) (string, error) {
	r, ok := t.registry(registry)
	if !ok {
		return "", fmt.Errorf("issue a refresh token: there is no registry %q", registry)
	}
	proof := proofOfHolder(gate.RunHolder)
	proof.Run = pass
	return t.issueRefresh(ctx, order{registry: r, name: gate.Tasks, proof: proof})
}

func (t *Tokens) registry(name string) (gate.Registry, bool) {
	s := t.options.Snapshot()
	if s == nil {
		return gate.Registry{}, false
	}
	return s.Registry(name)
}

func (t *Tokens) issueRefresh(ctx context.Context, o order) (string, error) {
	claims := t.claims(o, t.options.RefreshLifetime)
	claims.GrantType = refreshGrant
	claims.Permissions = &Permissions{Actions: []string{"*"}, NotActions: []string{}}
	return t.options.Keys.Sign(ctx, claims)
}

func (t *Tokens) issueAccess(ctx context.Context, o order, scopes []gate.TokenScope) (string, error) {
	claims := t.claims(o, t.options.AccessLifetime)
	claims.GrantType, claims.Access = accessGrant, accessOf(scopes)
	return t.options.Keys.Sign(ctx, claims)
}

// claims are what both kinds of token say.
func (t *Tokens) claims(o order, lifetime time.Duration) Claims {
	now := t.options.Now()
	until := now.Add(lifetime)
	if !o.notAfter.IsZero() && o.notAfter.Before(until) {
		until = o.notAfter
	}
	c := Claims{
		Registered: identity.NewRegistered(issuerName, o.name, audience(o.registry), now, until),
		Proof:      o.proof, Version: tokenVersion, Tenant: t.options.Tenant, Roles: []string{}, Mode: o.registry.Mode,
		Registry: o.registry.ID,
	}
	c.ID = rand.Text()
	return c
}

// audience is the claim aud of a registry's tokens: its login server, whatever name the client came by.
func audience(r gate.Registry) string { return strings.ToLower(r.LoginServer) }

// open reads one of our own tokens, of either kind. That of a run is worth nothing when the run is over.
func (t *Tokens) open(r gate.Registry, token string) *presented {
	p := t.believed(r, token)
	if p.credential.Holder == gate.RunHolder && (t.options.Running == nil || !t.options.Running(p.proof.Run)) {
		return disbelieved(gate.Expired, "the run that the token was given to is over")
	}
	return p
}

// believed reads a token whose word is taken. One that was verified before costs a look into the cache. The cache serves all
// registries, so that a token found there must still be one of this registry.
func (t *Tokens) believed(r gate.Registry, token string) *presented {
	if found, ok := t.cache.Get(token); ok && found.audience == audience(r) && found.registry == r.ID {
		return found
	}
	found, window, err := t.verify(token, r)
	if err != nil {
		return failed(err)
	}
	remember := func(string) (*presented, identity.Window, error) { return found, window, nil }
	found, _ = t.cache.Do(token, remember)
	return found
}

// kinds are the values of the claim grant_type.
var kinds = map[string]gate.CredentialKind{refreshGrant: gate.RefreshToken, accessGrant: gate.AccessToken}

func (t *Tokens) verify(token string, r gate.Registry) (*presented, identity.Window, error) {
	o, want := t.options, audience(r)
	claims, err := identity.VerifyAs[Claims](identity.Verifier{
		Keys: o.Keys, Issuers: []string{issuerName}, Audiences: []string{want}, Tenant: o.Tenant, Now: o.Now,
	}, token)
	if err != nil {
		return nil, identity.Window{}, err
	}
	if claims.Registry != r.ID {
		return nil, identity.Window{}, &identity.VerifyError{Code: identity.AudienceWrong, Detail: fmt.Sprintf("the token is for %.200s, which had the name before", claims.Registry)}
	}
	kind, ok := kinds[claims.GrantType]
	if !ok {
		return nil, identity.Window{}, fmt.Errorf("the token's grant_type is %.40q, neither %s nor %s", claims.GrantType, refreshGrant, accessGrant)
	}
	p := &presented{
		credential: claims.credential(kind, claims.Subject), proof: claims.Proof,
		token: strings.Clone(token), audience: want, registry: r.ID, expires: claims.ExpiresAt.Time,
	}
	p.credential.Mode, p.credential.Scopes = claims.Mode, scopesOf(claims.Access)
	return p, claims.Window(), nil
}

// maxDetail bounds what is told of a credential that is not believed, in bytes: it becomes part of a header.
const maxDetail = 300

// failed is a credential that an error speaks against. The codes of identity are reasons of the gate.
func failed(err error) *presented {
	reason, detail := gate.CredentialMalformed, err.Error()
	var refused *identity.VerifyError
	if errors.As(err, &refused) {
		reason, detail = gate.Reason(refused.Code), refused.Detail
	}
	return disbelieved(reason, "%s", detail)
}

// disbelieved is a credential that is not believed, for a reason of the gate's authentication stage.
func disbelieved(reason gate.Reason, format string, args ...any) *presented {
	detail := fmt.Sprintf(format, args...)
	if len(detail) > maxDetail {
		detail = strings.ToValidUTF8(detail[:maxDetail], "") + "…"
	}
	return &presented{credential: gate.Credential{Failure: reason, Detail: detail}}
}
