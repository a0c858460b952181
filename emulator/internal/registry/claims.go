package registry

import (
	"slices"
	"strings"

	"github.com/acrlocal/acrlocal/gate"
	"github.com/acrlocal/acrlocal/identity"
)

// The constants of ACR's tokens (acr-behaviour §4.5).
const (
	issuerName   = "Azure Container Registry"
	tokenVersion = "1.0"
	refreshGrant = "refresh_token"
	accessGrant  = "access_token"
)

// Claims are those of ACR's refresh and access tokens (acr-behaviour §4.5). To what ACR is known to write they add
// evidence: what the holder's Entra token said, so that the gate can judge it again on every request.
type Claims struct {
	identity.Registered
	Proof
	// Version is 1.0.
	Version string `json:"version"`
	// GrantType is refresh_token or access_token: what the token is good for.
	GrantType string `json:"grant_type"`
	// Tenant is the tenant's ID.
	Tenant string `json:"tenant"`
	// Permissions are in refresh tokens, for form's sake.
	Permissions *Permissions `json:"permissions,omitempty"`
	// Access are the scopes of an access token: the most that it is good for. Refresh tokens have none.
	Access []Access `json:"access,omitempty"`
	// Roles are always empty.
	Roles []string `json:"roles"`
	// Mode is the role assignment mode of the registry when it issued the token; changing it voids the token
	// (acr-behaviour §5.2).
	Mode gate.RoleAssignmentMode `json:"role_assignment_mode"`
	// Registry is the resource ID of the registry: another one may get its name when it is gone.
	Registry string `json:"registry"`
}

// GetTenant returns the tenant's ID, which identity.Verifier asks for.
func (c Claims) GetTenant() string { return c.Tenant }

// Proof is what a token says about its holder. It is evidence, never a verdict. The resource IDs are as Entra wrote them.
type Proof struct {
	// Holder is principal, admin, token or anonymous. The holder's name is the claim sub.
	Holder string `json:"holder"`
	// ObjectID is the object ID of a principal.
	ObjectID string `json:"oid,omitempty"`
	// AppID is the application ID of a principal.
	AppID string `json:"appid,omitempty"`
	// IdentityType is app for all principals but users.
	IdentityType string `json:"idtyp,omitempty"`
	// ManagedIdentity is the resource that a system-assigned identity belongs to, or the user-assigned identity.
	ManagedIdentity string `json:"xms_mirid,omitempty"`
	// AzureResource is the resource that uses a user-assigned identity.
	AzureResource string `json:"xms_az_rid,omitempty"`
	// Run is the pass of a run of ACR Tasks, which is good while the run goes on.
	Run string `json:"run,omitempty"`
}

// Permissions is the claim permissions of a refresh token. In ACR it holds the rights as they were when the token was
// issued; here it is always everything and means nothing, since rights are judged as they are.
type Permissions struct {
	// Actions are the actions allowed.
	Actions []string `json:"actions"`
	// NotActions are those excepted.
	NotActions []string `json:"notActions"`
}

// Access is one scope in an access token.
type Access struct {
	// Type is repository, registry or artifact-repository.
	Type string `json:"type"`
	// Name is the repository's name, or catalog.
	Name string `json:"name"`
	// Actions are pull, push and so on, or * for the catalog.
	Actions []string `json:"actions"`
}

// holders are the values of the claim holder. What is not among them is nobody.
var holders = [...]string{
	gate.AnonymousHolder: "anonymous", gate.PrincipalHolder: "principal", gate.AdminHolder: "admin", gate.TokenHolder: "token",
	gate.RunHolder: "run",
}

// proofOfHolder is the proof of a holder that is no principal.
func proofOfHolder(holder gate.Holder) Proof { return Proof{Holder: holders[holder]} }

// proofOfEntra is what an Entra token proves.
func proofOfEntra(c identity.Claims) Proof {
	return Proof{
		Holder: "principal", ObjectID: c.ObjectID, AppID: c.ClientID(), IdentityType: c.IdentityType,
		ManagedIdentity: c.ManagedIdentity, AzureResource: c.AzureResource,
	}
}

// proofOfSecret is what a service principal's client secret proves.
func proofOfSecret(p identity.Principal) Proof {
	return Proof{Holder: "principal", ObjectID: p.ID, AppID: p.ClientID, IdentityType: "app"}
}

// credential is the proof in the gate's words. The name is the holder's; a principal's is its object ID.
func (p Proof) credential(kind gate.CredentialKind, name string) gate.Credential {
	at := slices.Index(holders[:], p.Holder)
	if at < 0 {
		return disbelieved(gate.CredentialMalformed, "the token's holder is %.40q", p.Holder).credential
	}
	holder := gate.Holder(at)
	if holder == gate.PrincipalHolder {
		name = strings.ToLower(p.ObjectID)
	}
	return gate.Credential{
		Kind: kind, Holder: holder, Name: name,
		Evidence: gate.Evidence{Identity: foldID(p.ManagedIdentity), Host: foldID(p.AzureResource)},
	}
}

// foldID brings a resource ID to the form in which the gate compares it. What is no resource ID matches none.
func foldID(id string) string {
	if id == "" {
		return ""
	}
	scope, err := gate.ParseScope(id)
	if err != nil {
		return "invalid " + id
	}
	return string(scope)
}

// accessOf lists scopes as an access token does.
func accessOf(scopes []gate.TokenScope) []Access {
	var list []Access
	for _, s := range scopes {
		list = append(list, Access{Type: s.Type, Name: s.Name, Actions: s.Actions()})
	}
	return list
}

// scopesOf reads an access token's list. An entry that the gate does not know grants nothing.
func scopesOf(list []Access) []gate.TokenScope {
	var scopes []gate.TokenScope
	for _, a := range list {
		if s, err := gate.NewTokenScope(a.Type, a.Name, a.Actions); err == nil {
			scopes = append(scopes, s)
		}
	}
	return scopes
}
