package gate

import "net/netip"

// Request is what the gate may look at. It holds no *http.Request, so that a decision can be made from a test, a log
// line or the command line.
type Request struct {
	// Registry is the name of the registry addressed, in lower case.
	Registry string
	// Surface says which of the registry's APIs is addressed: they refuse differently.
	Surface Surface
	// Operation is what is asked for.
	Operation Operation
	// Source is where the request comes from.
	Source Source
	// Credential is who asks, as far as it could be verified.
	Credential Credential
}

// Surface is one of the APIs of a login server.
type Surface uint8

// The surfaces.
const (
	// RegistryAPI is /v2 and /acr/v1.
	RegistryAPI Surface = iota
	// TokenAPI is /oauth2/exchange and /oauth2/token.
	TokenAPI
)

// Source is where a request comes from. Resource IDs are folded to lower case.
type Source struct {
	// Peer is the address that the public rules judge.
	Peer netip.Addr
	// Dialled is the address at which the connection arrived; it tells a private endpoint.
	Dialled netip.Addr
	// Endpoint is the ID of the private endpoint connection through which a simulated network routed the request;
	// empty means the public endpoint, unless Dialled, Network or Peer tell otherwise.
	Endpoint string
	// Network is the ID of the virtual network that the request is known to come from.
	Network string
	// Subnet is the ID of the subnet that the request is known to come from, for virtual network rules.
	Subnet string
}

// Credential is what a request proved about its sender. The zero Credential is none at all.
type Credential struct {
	// Kind says how the sender presented itself.
	Kind CredentialKind
	// Failure is why the credential is not believed; empty means it was verified.
	Failure Reason
	// Detail adds to Failure what a person needs to know.
	Detail string
	// Holder says whose credential it is.
	Holder Holder
	// Name is the holder's object ID, or the name of a repository-scoped token.
	Name string
	// Evidence is what the credential says of a managed identity. It is compared with the principal as it is now.
	Evidence Evidence
	// ARMAudience says that an Entra token was made for Azure Resource Manager.
	ARMAudience bool
	// Mode is the role assignment mode in which the registry issued a refresh or access token.
	Mode RoleAssignmentMode
	// Scopes are what an access token is good for, at most.
	Scopes []TokenScope
}

// Evidence is what a managed identity's token says about where it belongs, folded to lower case (acr-behaviour §3.3).
type Evidence struct {
	// Identity is xms_mirid: the resource itself, or the user-assigned identity.
	Identity string `json:"identity,omitempty"`
	// Host is xms_az_rid: the resource that uses a user-assigned identity.
	Host string `json:"host,omitempty"`
}

// CredentialKind says how a sender presented itself.
type CredentialKind uint8

// The kinds of credentials.
const (
	NoCredential      CredentialKind = iota
	EntraToken                       // a token, or a verified client secret, of Microsoft Entra ID
	RefreshToken                     // an ACR refresh token
	AccessToken                      // an ACR access token, good for its scopes at most
	AdminPassword                    // the admin user's password
	TokenPassword                    // the password of a repository-scoped token
	unknownCredential                // one past the last kind
)

// Holder says whose credential it is.
type Holder uint8

// The holders.
const (
	AnonymousHolder Holder = iota // nobody in particular
	PrincipalHolder               // a principal of the tenant
	AdminHolder                   // the admin user
	TokenHolder                   // a repository-scoped token
	RunHolder                     // a run of ACR Tasks, which was given access to its own registry without an identity
)
