package identity

import (
	"crypto/x509"
	"strings"
	"time"
)

// Kind says what a principal is.
type Kind string

// The kinds of principal. Groups hold role assignments but no tokens; first-party services are Azure's own (Defender,
// registry import), whose tokens no secret can buy.
const (
	User             Kind = "User"
	Group            Kind = "Group"
	ServicePrincipal Kind = "ServicePrincipal"
	SystemAssigned   Kind = "SystemAssignedIdentity"
	UserAssigned     Kind = "UserAssignedIdentity"
	FirstParty       Kind = "FirstPartyService"
)

// Principal is one entry of the tenant's directory. It is plain data.
type Principal struct {
	// ID is the object ID (claim oid): what role assignments name.
	ID string
	// Kind says which of the other fields mean something.
	Kind Kind
	// DisplayName is for people.
	DisplayName string
	// ClientID is the application ID (claim appid) of everything but users and groups.
	ClientID string
	// UserName is the user principal name (claim upn) of a user.
	UserName string
	// Disabled says that the account gets no tokens, whatever it knows.
	Disabled bool
	// Password is that of a user; nobody signs in with an empty one.
	Password string
	// SessionsFrom is when the user's sessions were last revoked: refresh tokens from before are worthless.
	SessionsFrom time.Time
	// Secrets are the client secrets of a service principal, its application's included.
	Secrets []Secret
	// Certificates are those with which a service principal may sign assertions.
	Certificates []*x509.Certificate
	// Federated are the tokens of other issuers that a service principal or a user-assigned identity may show instead of a
	// credential of its own.
	Federated []FederatedCredential
	// Resource is an ARM resource ID (claim xms_mirid): of the resource a system-assigned identity lives with, or of the
	// userAssignedIdentities resource that a user-assigned identity is.
	Resource string
	// Hosts are the ARM resource IDs of the resources a user-assigned identity is assigned to.
	Hosts []string
	// Groups are the object IDs of the groups a user is in.
	Groups []string
}

// By names the property a principal is looked up by.
type By string

// The properties that tell principals apart. All are compared without regard to case.
const (
	ByObjectID By = "object ID"
	ByClientID By = "client ID"
	ByUserName By = "user name"
	ByResource By = "resource ID"
)

// Directory knows the principals of the tenant. Find reports false for a property that no principal has; it must be
// safe for concurrent use.
type Directory interface {
	Find(by By, value string) (Principal, bool)
}

// StaticDirectory is a Directory that never changes. It looks at one principal after the other, which is fast enough
// for some thousands.
type StaticDirectory []Principal

// Find returns the first principal with that property. An empty value finds nobody.
func (d StaticDirectory) Find(by By, value string) (Principal, bool) {
	for _, p := range d {
		if value != "" && strings.EqualFold(p.property(by), value) {
			return p, true
		}
	}
	return Principal{}, false
}

func (p Principal) property(by By) string {
	switch by {
	case ByObjectID:
		return p.ID
	case ByClientID:
		return p.ClientID
	case ByUserName:
		return p.UserName
	case ByResource:
		return p.Resource
	}
	return ""
}
