package identity

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Why no token is issued.
var (
	// ErrUnknownAudience says that the tenant has no such service.
	ErrUnknownAudience = errors.New("no such audience")
	// ErrNoTokens says that a principal of this kind has no tokens: a group, or a kind there is not.
	ErrNoTokens = errors.New("no tokens for this kind of principal")
	// ErrNotHosted says that the managed identity is not assigned to the resource that asks.
	ErrNotHosted = errors.New("identity is not assigned to the resource")
)

// groupLimit is how many groups Entra puts in a token before it leaves them all out.
const groupLimit = 200

// Lifetimes are how long tokens live. A zero field means its default.
type Lifetimes struct {
	// ManagedIdentity is for tokens of managed identities; 24 hours by default (acr-behaviour §3.3).
	ManagedIdentity time.Duration
	// Other is for all other tokens; 75 minutes by default, the middle of the 60 to 90 that Entra draws from.
	Other time.Duration
}

func (l Lifetimes) of(kind Kind) time.Duration {
	if kind == SystemAssigned || kind == UserAssigned {
		return orDefault(l.ManagedIdentity, 24*time.Hour)
	}
	return orDefault(l.Other, 75*time.Minute)
}

func orDefault(d, fallback time.Duration) time.Duration {
	if d == 0 {
		return fallback
	}
	return d
}

// Issuer makes the access tokens of one tenant. Its fields must not change once it is in use.
type Issuer struct {
	// Tenant is the tenant's ID, a GUID.
	Tenant string
	// Keys sign.
	Keys *Keys
	// Now is the clock; nil means the wall clock.
	Now func() time.Time
	// Lifetimes of the tokens; the zero value has the defaults.
	Lifetimes Lifetimes
	// Audiences are the services tokens can be made for; nil means [WellKnownAudiences].
	Audiences Audiences
}

// Token is an issued access token and what its holder is told about it.
type Token struct {
	// AccessToken is the signed token.
	AccessToken string
	// Claims are what it says.
	Claims Claims
}

// Lifetime is how long the token lives from the moment it was issued, in whole seconds.
func (t Token) Lifetime() time.Duration {
	return t.Claims.ExpiresAt.Sub(t.Claims.NotBefore.Time)
}

// V1 is the claim iss of tokens of version 1.0.
func (i *Issuer) V1() string { return "https://sts.windows.net/" + i.Tenant + "/" }

// V2 is the claim iss of tokens of version 2.0.
func (i *Issuer) V2() string { return "https://login.microsoftonline.com/" + i.Tenant + "/v2.0" }

// Verifier checks tokens of this issuer that are meant for one of audiences.
func (i *Issuer) Verifier(audiences ...string) Verifier {
	return Verifier{
		Keys:      i.Keys,
		Issuers:   []string{i.V1(), i.V2()},
		Audiences: audiences,
		Tenant:    i.Tenant,
		Now:       i.Now,
	}
}

// Issue makes an access token of p for an audience, in any spelling that Audiences knows. Host is the ARM resource ID of
// the resource that uses a managed identity, empty if none does; for other principals it means nothing. A user acts
// through az.
//
// The error is [ErrUnknownAudience], [ErrNoTokens], [ErrNotHosted], or that of [Keys.Sign].
func (i *Issuer) Issue(ctx context.Context, p Principal, audience, host string) (Token, error) {
	return i.issue(ctx, bearer{Principal: p, host: host}, audience)
}

// bearer is whom a token is about, and through what it is used.
type bearer struct {
	Principal
	host   string // resource ID of the resource that uses a managed identity
	client string // application ID of the client through which a user acts; empty is az
	proof  string // how the client proved itself: claim appidacr, where it is not as usual
}

func (i *Issuer) issue(ctx context.Context, b bearer, audience string) (Token, error) {
	service, ok := i.audiences().Resolve(audience)
	if !ok {
		return Token{}, fmt.Errorf("issue a token for %q: %w", audience, ErrUnknownAudience)
	}
	describe, ok := subjects[b.Kind]
	if !ok {
		return Token{}, fmt.Errorf("issue a token of %s %s: %w", b.Kind, b.ID, ErrNoTokens)
	}
	now := clock(i.Now)
	claims := Claims{
		Registered: NewRegistered(i.V1(), b.ID, service.URI, now, now.Add(i.Lifetimes.of(b.Kind))),
		Tenant:     i.Tenant,
		ObjectID:   b.ID,
		AppID:      b.ClientID,
		TokenID:    tokenID(),
		Version:    "1.0",
	}
	if err := describe(&claims, b.Principal, b.host); err != nil {
		return Token{}, fmt.Errorf("issue a token of %s for %q: %w", b.ID, b.host, err)
	}
	claims.AppID, claims.AppIDACR = orText(b.client, claims.AppID), orText(b.proof, claims.AppIDACR)
	if service.V2 {
		claims = i.version2(claims)
	}
	signed, err := i.Keys.Sign(ctx, claims)
	if err != nil {
		return Token{}, err
	}
	return Token{AccessToken: signed, Claims: claims}, nil
}

func orText(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}

func (i *Issuer) audiences() Audiences {
	if i.Audiences == nil {
		return WellKnownAudiences()
	}
	return i.Audiences
}

// version2 renames what version 2.0 names differently.
func (i *Issuer) version2(c Claims) Claims {
	c.Issuer, c.Version = i.V2(), "2.0"
	c.AZP, c.AZPACR, c.AppID, c.AppIDACR = c.AppID, c.AppIDACR, "", ""
	c.PreferredUserName, c.UPN, c.UniqueName = c.UPN, "", ""
	return c
}

// subjects adds what the claims of each kind of principal say. A kind that is missing gets no tokens.
var subjects = map[Kind]func(c *Claims, p Principal, host string) error{
	User:             describeUser,
	ServicePrincipal: describeServicePrincipal,
	FirstParty:       describeFirstParty,
	SystemAssigned:   describeSystemAssigned,
	UserAssigned:     describeUserAssigned,
}

func describeUser(c *Claims, p Principal, _ string) error {
	c.AppID, c.AppIDACR, c.Scope = AzureCLI, "0", "user_impersonation"
	c.Name, c.UPN, c.UniqueName = p.DisplayName, p.UserName, p.UserName
	if len(p.Groups) <= groupLimit {
		c.Groups = p.Groups
	}
	return nil
}

func describeServicePrincipal(c *Claims, _ Principal, _ string) error {
	c.IdentityType, c.AppIDACR = "app", "1"
	return nil
}

func describeFirstParty(c *Claims, _ Principal, _ string) error {
	c.IdentityType, c.AppIDACR = "app", "2"
	return nil
}

func describeSystemAssigned(c *Claims, p Principal, host string) error {
	if host != "" && !strings.EqualFold(host, p.Resource) {
		return ErrNotHosted
	}
	c.IdentityType, c.AppIDACR, c.ManagedIdentity = "app", "2", p.Resource
	return nil
}

func describeUserAssigned(c *Claims, p Principal, host string) error {
	if host != "" && !slices.ContainsFunc(p.Hosts, func(h string) bool { return strings.EqualFold(h, host) }) {
		return ErrNotHosted
	}
	c.IdentityType, c.AppIDACR, c.ManagedIdentity, c.AzureResource = "app", "2", p.Resource, host
	return nil
}

func tokenID() string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails: it ends the program instead
	return base64.RawURLEncoding.EncodeToString(random[:])
}
