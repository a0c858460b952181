package identity

import (
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Registered are the claims every token here has. It differs from jwt.RegisteredClaims in one thing: aud is written as
// a string, as Entra and ACR write it, not as a list of one. Embed it in the claims of other tokens.
type Registered struct {
	jwt.RegisteredClaims
	// Audience is the one service the token is for.
	Audience string `json:"aud"`
}

// GetAudience returns the audience the way jwt.Claims wants it.
func (r Registered) GetAudience() (jwt.ClaimStrings, error) {
	return jwt.ClaimStrings{r.Audience}, nil
}

// Window is the time in which the token is good, for a [Cache]. Without an expiry it is empty.
func (r Registered) Window() Window {
	var w Window
	if r.NotBefore != nil {
		w.NotBefore = r.NotBefore.Time
	}
	if r.ExpiresAt != nil {
		w.Expires = r.ExpiresAt.Time
	}
	return w
}

// Claims are those of an Entra access token (acr-behaviour §3.3). They are evidence of who the caller is; none says
// what the caller may do.
type Claims struct {
	Registered
	// Tenant is the tenant's ID.
	Tenant string `json:"tid"`
	// ObjectID is the principal's object ID, which is also sub.
	ObjectID string `json:"oid"`
	// AppID and AppIDACR are the client ID and how the client proved itself (0 not at all, 1 secret, 2 certificate), in
	// tokens of version 1.0.
	AppID    string `json:"appid,omitempty"`
	AppIDACR string `json:"appidacr,omitempty"`
	// AZP and AZPACR are the same in tokens of version 2.0.
	AZP    string `json:"azp,omitempty"`
	AZPACR string `json:"azpacr,omitempty"`
	// IdentityType is "app" for everything but users.
	IdentityType string `json:"idtyp,omitempty"`
	// ManagedIdentity is the ARM resource ID of a system-assigned identity's resource, or of the user-assigned identity.
	ManagedIdentity string `json:"xms_mirid,omitempty"`
	// AzureResource is the ARM resource ID of the resource that uses a user-assigned identity.
	AzureResource string `json:"xms_az_rid,omitempty"`
	// Name is the display name of a user.
	Name string `json:"name,omitempty"`
	// UPN and UniqueName are the user name, in tokens of version 1.0.
	UPN        string `json:"upn,omitempty"`
	UniqueName string `json:"unique_name,omitempty"`
	// PreferredUserName is the user name in tokens of version 2.0.
	PreferredUserName string `json:"preferred_username,omitempty"`
	// Scope is user_impersonation in tokens of users.
	Scope string `json:"scp,omitempty"`
	// Groups are the object IDs of a user's groups; left out when there are more than 200, as Entra does.
	Groups []string `json:"groups,omitempty"`
	// TokenID is unique to the token.
	TokenID string `json:"uti,omitempty"`
	// Version is 1.0 or 2.0.
	Version string `json:"ver"`
}

// GetTenant returns the tenant's ID; [Verifier] asks for it.
func (c Claims) GetTenant() string { return c.Tenant }

// ClientID returns the client's application ID, whatever the token's version.
func (c Claims) ClientID() string {
	if c.AppID != "" {
		return c.AppID
	}
	return c.AZP
}

// Resource returns the ARM resource ID of the resource the token speaks for: the one that uses the identity if the
// identity is user-assigned, else the one it belongs to. Empty for users, service principals and user-assigned
// identities taken from nowhere in particular.
func (c Claims) Resource() string {
	if c.UserAssigned() {
		return c.AzureResource
	}
	return c.ManagedIdentity
}

// UserAssigned reports whether the token is of a user-assigned managed identity: one that is a resource of its own.
func (c Claims) UserAssigned() bool {
	segments := strings.Split(c.ManagedIdentity, "/")
	if len(segments) < 3 {
		return false
	}
	kind := segments[len(segments)-3 : len(segments)-1]
	return strings.EqualFold(strings.Join(kind, "/"), "Microsoft.ManagedIdentity/userAssignedIdentities")
}

// NewRegistered returns the claims of a token that is good between two moments, which are cut to whole seconds. It was
// issued at the first.
func NewRegistered(issuer, subject, audience string, from, until time.Time) Registered {
	return Registered{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    issuer,
			Subject:   subject,
			IssuedAt:  jwt.NewNumericDate(from),
			NotBefore: jwt.NewNumericDate(from),
			ExpiresAt: jwt.NewNumericDate(until),
		},
		Audience: audience,
	}
}
