package gate

import (
	"net/netip"
	"time"
)

// Policy is everything a decision depends on, as plain data. The zero Policy has no registry and allows nothing.
type Policy struct {
	// Registries are the registries that the gate guards.
	Registries []Registry
	// PrivateEndpoints are the private endpoints, and their connections, of all registries.
	PrivateEndpoints []PrivateEndpoint
	// Principals are the identities that exist. A credential of any other principal is refused.
	Principals []Principal
	// Roles are the custom role definitions; the built-in ones (BuiltInRoles) need not be listed.
	Roles []RoleDefinition
	// Assignments give roles to principals and groups.
	Assignments []Assignment
	// Subscriptions place subscriptions, and management groups too, below management groups, from which they inherit
	// assignments.
	Subscriptions []Subscription
	// Services is the table of trusted services; nil trusts none. TrustedServices returns the article's.
	Services []TrustedService
}

// Removal names what a new snapshot no longer has, by the same keys that Policy uses.
type Removal struct {
	Registries       []string // registry names
	PrivateEndpoints []string // private endpoint connection IDs
	Principals       []string // object IDs
	Roles            []string // role definition GUIDs
	Assignments      []string // role assignment IDs
	Subscriptions    []string // subscription scopes
}

// Registry is one container registry and its rules (acr-behaviour §1.1). The zero value is shut: no public access,
// no bypass, no anonymous pull.
type Registry struct {
	// ID is the registry's resource ID; roles are inherited along it.
	ID string
	// Name is the registry's name, compared without case.
	Name string
	// LoginServer is the canonical host name, NAME.azurecr.io: the audience of its tokens.
	LoginServer string
	// PublicAccess is publicNetworkAccess=Enabled. False overrides every public rule (acr-behaviour §1.2 row 7).
	PublicAccess bool
	// DefaultAllow is networkRuleSet.defaultAction=Allow.
	DefaultAllow bool
	// IPRules are IPv4 addresses or CIDR ranges that the public endpoint lets in.
	IPRules []string
	// VirtualNetworkRules are subnet IDs that a service endpoint lets in. Having any excludes the registry from the
	// trusted bypass (the article, "Limitations").
	VirtualNetworkRules []string
	// BypassTrustedServices is networkRuleBypassOptions=AzureServices.
	BypassTrustedServices bool
	// BypassForTasks is networkRuleBypassAllowedForTasks; nil is unset, whose meaning is a quirk.
	BypassForTasks *bool
	// AnonymousPull is anonymousPullEnabled.
	AnonymousPull bool
	// RefuseARMAudience is policies.azureADAuthenticationAsArmPolicy.status=disabled (acr-behaviour §4.7).
	RefuseARMAudience bool
	// Mode is roleAssignmentMode.
	Mode RoleAssignmentMode
	// Admin is the admin user.
	Admin AdminUser
	// Tokens are the repository-scoped tokens with the actions of their scope maps.
	Tokens []RepositoryToken
	// Quirks are the ways in which ACR's behaviour changed over time; see Behavior.
	Quirks Quirks
}

// RoleAssignmentMode says which half of the roles counts on a registry (acr-behaviour §5.2).
type RoleAssignmentMode string

// The two modes of a registry; the empty mode means LegacyRegistryPermissions, ACR's default.
const (
	// LegacyRegistryPermissions judges by actions: AcrPull, AcrPush, Reader, Contributor.
	LegacyRegistryPermissions RoleAssignmentMode = "LegacyRegistryPermissions"
	// AbacRepositoryPermissions judges by data actions and conditions: Container Registry Repository Reader.
	AbacRepositoryPermissions RoleAssignmentMode = "AbacRepositoryPermissions"
)

// orDefault returns the mode that an unset one means.
func (m RoleAssignmentMode) orDefault() RoleAssignmentMode {
	if m == "" {
		return LegacyRegistryPermissions
	}
	return m
}

// AdminUser is a registry's admin account (acr-behaviour §4.2). Its user name is the registry's name.
type AdminUser struct {
	// Enabled is adminUserEnabled.
	Enabled bool
	// Passwords are the valid passwords, two at most in ACR.
	Passwords []string
}

// RepositoryToken is a repository-scoped token: a credential whose rights are a scope map (acr-behaviour §4.3).
type RepositoryToken struct {
	// Name is the token's name, which is also its user name.
	Name string
	// Enabled is status=enabled.
	Enabled bool
	// Passwords are the valid passwords.
	Passwords []Password
	// Actions are the scope map's entries, repositories/NAME/content/read and the like. NAME may be * or end in /*.
	Actions []string
}

// Password is one password of a repository-scoped token.
type Password struct {
	// Value is the secret.
	Value string
	// Expires is when it stops being valid; the zero time never comes.
	Expires time.Time
}

// PrivateEndpoint is a private endpoint together with its connection to a registry (acr-behaviour §7).
type PrivateEndpoint struct {
	// ID is the resource ID of the private endpoint connection; it is also the rule that a decision names.
	ID string
	// Registry is the name of the registry that the endpoint leads to.
	Registry string
	// Status is privateLinkServiceConnectionState.status. Only Approved lets anything in.
	Status ConnectionStatus
	// Addresses are the endpoint's private addresses: a connection to one of them came through it.
	Addresses []netip.Addr
	// Network is the resource ID of the virtual network that the endpoint stands in.
	Network string
	// Prefixes are that network's address prefixes: a peer inside them is in the network, if no other network fits.
	Prefixes []netip.Prefix
}

// ConnectionStatus is the state of a private endpoint connection (acr-behaviour §7).
type ConnectionStatus string

// The states of a private endpoint connection.
const (
	Pending      ConnectionStatus = "Pending"      // waits for the registry's owner
	Approved     ConnectionStatus = "Approved"     // lets requests in
	Rejected     ConnectionStatus = "Rejected"     // refused by the owner
	Disconnected ConnectionStatus = "Disconnected" // its other end is gone
)

// Principal is an identity that exists in the tenant.
type Principal struct {
	// ID is the object ID (claim oid), which role assignments name.
	ID string
	// Kind tells what the principal is; it decides what evidence must go with it.
	Kind PrincipalKind
	// Resource is the resource that a system-assigned identity belongs to; for a user-assigned one, the identity itself.
	Resource string
	// Hosts are the resources that a user-assigned identity is assigned to.
	Hosts []string
	// Service is the name of the trusted service that a first-party principal is.
	Service string
	// Groups are the object IDs of the groups that the principal is a direct member of. Groups are principals too,
	// so membership is transitive.
	Groups []string
}

// PrincipalKind is the kind of a principal.
type PrincipalKind string

// The kinds of principals.
const (
	User                   PrincipalKind = "User"
	Group                  PrincipalKind = "Group"
	ServicePrincipal       PrincipalKind = "ServicePrincipal"
	SystemAssignedIdentity PrincipalKind = "SystemAssigned"
	UserAssignedIdentity   PrincipalKind = "UserAssigned"
	FirstPartyService      PrincipalKind = "FirstParty" // a service of Azure itself, such as Defender for Cloud
)

// Assignment gives a role to a principal at a scope, and below it.
type Assignment struct {
	// ID is the assignment's resource ID; it is the rule that a decision names.
	ID string
	// PrincipalID is the object ID of a principal or group.
	PrincipalID string
	// Role is the GUID of the role definition.
	Role string
	// Scope is the resource ID that the assignment covers.
	Scope string
	// Condition narrows the assignment (acr-behaviour §5.3); empty narrows nothing.
	Condition string
}

// Subscription places a subscription, or a management group, below management groups.
type Subscription struct {
	// Scope is /subscriptions/ID, or that of a management group.
	Scope string
	// ManagementGroups are the scopes of the groups above it, nearest first.
	ManagementGroups []string
}
