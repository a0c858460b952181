package azure

import (
	"strings"
	"time"
)

// The SKUs of a registry (acr-behaviour §1.1). What Premium alone has is in the rules of Validate.
const (
	SKUBasic    = "Basic"
	SKUStandard = "Standard"
	SKUPremium  = "Premium"
)

// Registry is the view of a container registry, with ACR's defaults for what its document leaves out
// (acr-behaviour §1.1).
type Registry struct {
	ID       ResourceID
	Name     string // as written
	Location string // name of the region of its login server and data endpoint, such as westeurope
	SKU      string // SKUBasic, SKUStandard or SKUPremium
	// PublicAccess is publicNetworkAccess=Enabled.
	PublicAccess bool
	// DefaultAllow is networkRuleSet.defaultAction=Allow.
	DefaultAllow bool
	// IPRules are IPv4 addresses and ranges, as written.
	IPRules []string
	// VirtualNetworkRules are IDs of subnets, as written.
	VirtualNetworkRules []string
	// BypassTrustedServices is networkRuleBypassOptions=AzureServices.
	BypassTrustedServices bool
	// BypassForTasks is networkRuleBypassAllowedForTasks; nil is unset.
	BypassForTasks *bool
	DataEndpoint   bool // dataEndpointEnabled
	AnonymousPull  bool // anonymousPullEnabled
	AdminUser      bool // adminUserEnabled
	// RoleAssignmentMode is LegacyRegistryPermissions or AbacRepositoryPermissions.
	RoleAssignmentMode string
	// ExportDisabled is policies.exportPolicy.status=disabled.
	ExportDisabled bool
	// RefuseARMAudience is policies.azureADAuthenticationAsArmPolicy.status=disabled (acr-behaviour §4.7).
	RefuseARMAudience bool
	ZoneRedundant     bool // zoneRedundancy=Enabled
	// Encrypted is encryption.status=enabled, with a key of the customer's; HasKey says that it names one.
	Encrypted, HasKey bool
	Retention         bool // policies.retentionPolicy.status=enabled
	SoftDelete        bool // policies.softDeletePolicy.status=enabled
	ContentTrust      bool // policies.trustPolicy.status=enabled
}

// ReadRegistry reads a document of type TypeRegistry. An *Error names the member that cannot be read.
func ReadRegistry(d Document) (Registry, error) {
	f := fieldsOf(d)
	p, policies := f.in("properties"), f.in("properties", "policies")
	r := Registry{
		ID: d.ID, Name: d.ID.Name(), Location: RegionName(f.text("location")),
		SKU:                   f.in("sku").choice("name", SKUStandard, SKUBasic, SKUStandard, SKUPremium),
		PublicAccess:          p.choice("publicNetworkAccess", "Enabled", "Enabled", "Disabled") == "Enabled",
		BypassTrustedServices: p.choice("networkRuleBypassOptions", "AzureServices", "AzureServices", "None") == "AzureServices",
		BypassForTasks:        p.optionalFlag("networkRuleBypassAllowedForTasks"),
		DataEndpoint:          p.flag("dataEndpointEnabled", false),
		AnonymousPull:         p.flag("anonymousPullEnabled", false),
		AdminUser:             p.flag("adminUserEnabled", false),
		RoleAssignmentMode: p.choice("roleAssignmentMode", "LegacyRegistryPermissions",
			"LegacyRegistryPermissions", "AbacRepositoryPermissions"),
		ExportDisabled:    policyDisabled(policies.in("exportPolicy")),
		RefuseARMAudience: policyDisabled(policies.in("azureADAuthenticationAsArmPolicy")),
		ZoneRedundant:     p.choice("zoneRedundancy", "Disabled", upperSwitch...) == "Enabled",
		Encrypted:         policyEnabled(p.in("encryption")),
		HasKey:            p.in("encryption", "keyVaultProperties").text("keyIdentifier") != "",
		Retention:         policyEnabled(policies.in("retentionPolicy")),
		SoftDelete:        policyEnabled(policies.in("softDeletePolicy")),
		ContentTrust:      policyEnabled(policies.in("trustPolicy")),
	}
	r.readRules(p.in("networkRuleSet"))
	return r, f.err()
}

// policyDisabled and policyEnabled read the status of a policy that is enabled by default, and of one that is not.
func policyDisabled(policy fields) bool {
	return policy.choice("status", "enabled", lowerSwitch...) == "disabled"
}

func policyEnabled(policy fields) bool {
	return policy.choice("status", "disabled", lowerSwitch...) == "enabled"
}

func (r *Registry) readRules(set fields) {
	r.DefaultAllow = set.choice("defaultAction", "Allow", "Allow", "Deny") == "Allow"
	for _, rule := range set.list("ipRules") {
		rule.choice("action", "Allow", "Allow")
		r.IPRules = append(r.IPRules, rule.text("value"))
	}
	for _, rule := range set.list("virtualNetworkRules") {
		rule.choice("action", "Allow", "Allow")
		r.VirtualNetworkRules = append(r.VirtualNetworkRules, rule.idOf("id").String())
	}
}

// ScopeMap is the view of a scope map: what the tokens that name it may do (acr-behaviour §4.3).
type ScopeMap struct {
	ID ResourceID
	// Actions are entries such as repositories/hello/content/read.
	Actions []string
	// Gateway are entries such as gateway/edge/config/read, which concern a connected registry and no request to this one.
	Gateway []string
}

// ReadScopeMap reads a document of type TypeScopeMap.
func ReadScopeMap(d Document) (ScopeMap, error) {
	f := fieldsOf(d)
	m := ScopeMap{ID: d.ID}
	for _, action := range f.in("properties").texts("actions") {
		if strings.HasPrefix(Fold(action), "gateway/") {
			m.Gateway = append(m.Gateway, action)
			continue
		}
		m.Actions = append(m.Actions, action)
	}
	return m, f.err()
}

// RegistryToken is the view of a repository-scoped token (acr-behaviour §4.3). Its passwords are in its Credentials.
type RegistryToken struct {
	ID       ResourceID
	ScopeMap ResourceID // properties.scopeMapId
	Enabled  bool       // properties.status=enabled
}

// ReadRegistryToken reads a document of type TypeToken.
func ReadRegistryToken(d Document) (RegistryToken, error) {
	f := fieldsOf(d)
	p := f.in("properties")
	return RegistryToken{
		ID: d.ID, ScopeMap: p.idOf("scopeMapId"),
		Enabled: p.choice("status", "enabled", "enabled", "disabled") == "enabled",
	}, f.err()
}

// Credentials is the view of the hidden document with the passwords of a registry's admin user (password, password2) or
// of a token (password1, password2).
type Credentials struct {
	ID        ResourceID
	Passwords []Password
}

// Password is one of the passwords of an admin user or token.
type Password struct {
	Name  string
	Value string
	// Expires is when it stops being valid; the zero time never comes.
	Expires time.Time
	// Created is when it was made; zero if nobody knows.
	Created time.Time
}

// Shown returns what Azure tells of a password to those who may read: everything but its value.
func (p Password) Shown() map[string]any {
	entry := map[string]any{"name": p.Name}
	for name, t := range map[string]time.Time{"expiry": p.Expires, "creationTime": p.Created} {
		if !t.IsZero() {
			entry[name] = t.UTC().Format(time.RFC3339Nano)
		}
	}
	return entry
}

// CredentialsID returns the ID of the hidden document beside a registry or token.
func CredentialsID(of ResourceID) ResourceID {
	return joinID([]string{of.written[1:], "credentials", "default"})
}

// ReadCredentials reads a document of type TypeCredentials or TypeTokenCredentials.
func ReadCredentials(d Document) (Credentials, error) {
	f := fieldsOf(d)
	c := Credentials{ID: d.ID}
	for _, p := range f.in("properties").list("passwords") {
		c.Passwords = append(c.Passwords, Password{
			Name: p.text("name"), Value: p.text("value"), Expires: p.time("expiry"), Created: p.time("creationTime"),
		})
	}
	return c, f.err()
}

// Document returns the document that ReadCredentials reads.
func (c Credentials) Document() Document {
	passwords := make([]any, 0, len(c.Passwords))
	for _, p := range c.Passwords {
		entry := p.Shown()
		entry["value"] = p.Value
		passwords = append(passwords, entry)
	}
	return Document{ID: c.ID, Body: map[string]any{
		"id": c.ID.String(), "name": c.ID.Name(), "type": c.ID.Type(),
		"properties": map[string]any{"passwords": passwords},
	}}
}

// PrivateEndpointConnection is the view of the registry's side of a private endpoint (acr-behaviour §7).
type PrivateEndpointConnection struct {
	ID ResourceID
	// Registry is the registry that it leads to.
	Registry ResourceID
	// Endpoint is the private endpoint; it need not be among the documents, as it may be another tenant's.
	Endpoint ResourceID
	// Status is privateLinkServiceConnectionState.status: Pending, Approved, Rejected or Disconnected.
	Status string
}

// The states of a private endpoint connection.
const (
	StatusPending      = "Pending"
	StatusApproved     = "Approved"
	StatusRejected     = "Rejected"
	StatusDisconnected = "Disconnected"
)

// ReadPrivateEndpointConnection reads a document of type TypePrivateEndpointConnection. Nothing said means Pending.
func ReadPrivateEndpointConnection(d Document) (PrivateEndpointConnection, error) {
	f := fieldsOf(d)
	registry, _ := d.ID.Parent()
	return PrivateEndpointConnection{
		ID: d.ID, Registry: registry,
		Endpoint: f.in("properties", "privateEndpoint").idOf("id"),
		Status: f.in("properties", "privateLinkServiceConnectionState").choice("status", StatusPending,
			StatusPending, StatusApproved, StatusRejected, StatusDisconnected),
	}, f.err()
}
