package identity

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"
)

// grant is what a client was found to be entitled to: tokens of a principal, for what it demands.
type grant struct {
	bearer bearer
	demand demand
	client string // application ID of the client
	nonce  string // of the authorization request, for the ID token
}

// grants are the ways to a token, by grant_type.
var grants = map[string]func(protocol, *call) (grant, error){
	"client_credentials": protocol.clientCredentials,
	"password":           protocol.password,
	"refresh_token":      protocol.refresh,
	"authorization_code": protocol.redeemCode,
	"urn:ietf:params:oauth:grant-type:device_code": protocol.redeemDevice,
	"device_code": protocol.redeemDevice, // as MSAL for Go still says
}

func grantTypes() []string { return slices.Sorted(maps.Keys(grants)) }

// token is the token endpoint.
func (p protocol) token(c *call) (any, error) {
	kind, err := c.required("grant_type")
	if err != nil {
		return nil, err
	}
	redeem, ok := grants[kind]
	if !ok {
		return nil, newFault(unsupportedGrant, kind)
	}
	g, err := redeem(p, c)
	if err != nil {
		return nil, err
	}
	return p.tokens(c, g)
}

// tokenAnswer is the answer of the token endpoint. The times of expires_in are numbers: az fails on strings (az-cli §1).
type tokenAnswer struct {
	TokenType    string `json:"token_type"`
	Scope        string `json:"scope,omitempty"`
	ExpiresIn    int64  `json:"expires_in"`
	ExtExpiresIn int64  `json:"ext_expires_in"`
	ExpiresOn    string `json:"expires_on,omitempty"`
	NotBefore    string `json:"not_before,omitempty"`
	Resource     string `json:"resource,omitempty"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	ClientInfo   string `json:"client_info,omitempty"`
}

// describeV1 adds what version 1.0 tells: the times once more, and the resource.
func describeV1(a *tokenAnswer, t Token, d demand) {
	a.ExpiresOn, a.NotBefore = epoch(t.Claims.ExpiresAt.Unix()), epoch(t.Claims.NotBefore.Unix())
	a.Resource, a.Scope = d.resource, t.Claims.Scope
}

func epoch(seconds int64) string { return strconv.FormatInt(seconds, 10) }

// tokens makes the tokens of a grant: for a user also those by which the client goes on.
func (p protocol) tokens(c *call, g grant) (tokenAnswer, error) {
	ctx := c.r.Context()
	token, err := c.Issuer.issue(ctx, g.bearer, g.demand.resource)
	if errors.Is(err, ErrUnknownAudience) {
		return tokenAnswer{}, newFault(unknownResource, g.demand.resource, c.Issuer.Tenant)
	}
	if err != nil {
		return tokenAnswer{}, err
	}
	seconds := int64(token.Lifetime().Seconds())
	answer := tokenAnswer{TokenType: "Bearer", ExpiresIn: seconds, ExtExpiresIn: seconds, AccessToken: token.AccessToken}
	if p.describe != nil {
		p.describe(&answer, token, g.demand)
	}
	if g.bearer.Kind != User {
		return answer, nil
	}
	if g.demand.openID {
		answer.IDToken, err = c.idToken(ctx, g, token)
	}
	if err == nil && g.demand.offline {
		answer.RefreshToken, err = c.refreshToken(ctx, g)
	}
	if c.form.Get("client_info") == "1" {
		answer.ClientInfo = clientInfo(g.bearer.ID, c.Issuer.Tenant)
	}
	return answer, err
}

// idClaims are those of an ID token, with the names of both versions: clients read the user's from either (az-cli §3).
type idClaims struct {
	Registered
	Tenant            string `json:"tid"`
	ObjectID          string `json:"oid"`
	Name              string `json:"name,omitempty"`
	PreferredUserName string `json:"preferred_username"`
	UPN               string `json:"upn"`
	UniqueName        string `json:"unique_name"`
	Nonce             string `json:"nonce,omitempty"`
	Version           string `json:"ver"`
}

func (c *call) idToken(ctx context.Context, g grant, access Token) (string, error) {
	user := g.bearer
	return c.Issuer.Keys.Sign(ctx, idClaims{
		Registered: NewRegistered(c.Issuer.V2(), user.ID, g.client, c.now, access.Claims.ExpiresAt.Time),
		Tenant:     c.Issuer.Tenant, ObjectID: user.ID, Name: user.DisplayName, PreferredUserName: user.UserName,
		UPN: user.UserName, UniqueName: user.UserName, Nonce: g.nonce, Version: "2.0",
	})
}

// clientInfo is how MSAL tells accounts apart: object ID and tenant.
func clientInfo(objectID, tenant string) string {
	info, _ := json.Marshal(map[string]string{"uid": objectID, "utid": tenant}) // strings cannot fail
	return encode(info)
}

// refreshLifetime is how long a refresh token is good; Entra's default.
const refreshLifetime = 90 * 24 * time.Hour

// refreshAudience is the audience of refresh tokens: no service, so that one is never taken for an access token.
const refreshAudience = "urn:acrlocal:refresh-token"

// refreshClaims are those of a refresh token. Entra's is opaque to clients, and so is this one, by agreement.
type refreshClaims struct {
	Registered
	// Client is the application that may use it.
	Client string `json:"client"`
	// Seal is for the user's password as it was, so that a new one makes the token worthless.
	Seal string `json:"seal"`
	// Resource is what the client asked for, and so does without naming it.
	Resource string `json:"resource"`
}

// sealOf is what the seal of a refresh token is for.
func sealOf(user Principal, client string) string {
	return "refresh\x00" + client + "\x00" + user.ID + "\x00" + user.Password
}

func (c *call) refreshToken(ctx context.Context, g grant) (string, error) {
	seal, _ := c.Issuer.Keys.seal(ctx, sealOf(g.bearer.Principal, g.client)) // it fails as Sign does
	return c.Issuer.Keys.Sign(ctx, refreshClaims{
		Registered: NewRegistered(c.Issuer.V1(), g.bearer.ID, refreshAudience, c.now, c.now.Add(refreshLifetime)),
		Client:     g.client, Seal: seal, Resource: g.demand.resource,
	})
}

// refresh is the grant of RFC 6749 §6. The token stays good, as Entra's does; what has changed about the user since it was
// issued is found out here.
func (p protocol) refresh(c *call) (grant, error) {
	client, err := c.userClient()
	if err != nil {
		return grant{}, err
	}
	text, err := c.required("refresh_token")
	if err != nil {
		return grant{}, err
	}
	claims, err := c.openRefreshToken(text)
	if err != nil {
		return grant{}, err
	}
	user, err := c.sessionOf(claims, client)
	if err != nil {
		return grant{}, err
	}
	wanted, err := p.userDemand(c, claims.Resource)
	wanted.offline = true
	return grant{bearer: client.acting(user), demand: wanted, client: client.id}, err
}

func (c *call) openRefreshToken(text string) (refreshClaims, error) {
	claims, err := VerifyAs[refreshClaims](Verifier{
		Keys: c.Issuer.Keys, Issuers: []string{c.Issuer.V1()}, Audiences: []string{refreshAudience}, Now: c.Issuer.Now,
	}, text)
	var refused *VerifyError
	if errors.As(err, &refused) && refused.Code == Expired {
		return claims, newFault(expiredGrant)
	}
	if err != nil {
		return claims, newFault(malformedGrant)
	}
	return claims, nil
}

// sessionOf returns the user of a refresh token, if it still is one that the client may use.
func (c *call) sessionOf(claims refreshClaims, client client) (Principal, error) {
	if !sameText(claims.Client, client.id) {
		return Principal{}, newFault(malformedGrant)
	}
	user, err := c.user(ByObjectID, claims.Subject)
	if err != nil {
		return Principal{}, err
	}
	if claims.IssuedAt.Before(user.SessionsFrom) || !c.Issuer.Keys.sealed(claims.Seal, sealOf(user, client.id)) {
		return Principal{}, newFault(revokedGrant, stamp(claims.IssuedAt.Time), stamp(user.SessionsFrom))
	}
	return user, nil
}
