package azure

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// MaxIPRules is how many IP rules a registry may have (acr-behaviour §1.2 row 2).
const MaxIPRules = 200

// Validate checks what a document means, next to the others of its state: the rules that Azure enforces on a write. The
// error is an *Error that names the member at fault. Types that are not modelled have no rules.
func Validate(s *State, d Document) error {
	kind := Fold(d.Type())
	if namespace := Fold(namespaceOf(d.Type())); (namespace == "microsoft.graph" && !d.ID.IsGraph()) || (namespace == "acrlocal" && !d.ID.IsSettings()) {
		return &Error{Code: CodeInvalid, ID: d.ID, Message: namespaceOf(d.Type()) + " is no namespace of resources"}
	}
	if err := checkHome(d.ID); err != nil {
		return err
	}
	if _, err := ReadManagedIdentity(d); err != nil {
		return err
	}
	if rule, ok := rules[kind]; ok {
		if err := rule(s, d); err != nil {
			return err
		}
	}
	return validateReferences(s, d)
}

// homes say at what the resources of a namespace stand, or the topmost above them.
var homes = map[string]string{
	"microsoft.containerregistry": TypeResourceGroup,
	"microsoft.network":           TypeResourceGroup,
	"microsoft.managedidentity":   TypeResourceGroup,
	"microsoft.management":        TypeTenant,
}

// checkHome refuses a document that stands elsewhere. A document is believed by its type: an approved connection of a registry
// of the same name, or a management group above somebody's subscription, must not hide below another resource.
func checkHome(id ResourceID) error {
	home, bound := homes[Fold(namespaceOf(id.Type()))]
	if !bound {
		return nil
	}
	for at, found := id, true; found; {
		above, _ := at.Parent()
		if above.Type() == home && !strings.Contains(above.Key(), "/providers/") {
			return nil
		}
		found = strings.HasPrefix(Fold(at.Type()), Fold(above.Type())+"/") // else at extends another resource
		at = above
	}
	return &Error{Code: CodeInvalid, ID: id, Target: "id", Message: fmt.Sprintf("%s is no place for a resource of type %s", id, id.Type())}
}

// rules are the checks by folded type.
var rules = map[string]func(*State, Document) error{
	Fold(TypeRegistry):                  validateRegistry,
	Fold(TypeScopeMap):                  validateScopeMap,
	Fold(TypeToken):                     validateToken,
	Fold(TypePrivateEndpointConnection): readable(ReadPrivateEndpointConnection),
	Fold(TypeCredentials):               readable(ReadCredentials),
	Fold(TypeTokenCredentials):          readable(ReadCredentials),
	Fold(TypeRoleAssignment):            validateAssignment,
	Fold(TypeRoleDefinition):            readable(ReadRoleDefinition),
	Fold(TypeUserAssignedIdentity):      readable(ReadUserAssignedIdentity),
	Fold(TypeFederatedCredential):       validateFederatedCredential,
	Fold(TypeManagementGroup):           validateManagementGroup,
	Fold(TypeVirtualNetwork):            readable(ReadVirtualNetwork),
	Fold(TypeSubnet):                    readable(ReadSubnet),
	Fold(TypePeering):                   readable(ReadPeering),
	Fold(TypePrivateEndpoint):           validatePrivateEndpoint,
	Fold(TypePrivateDNSZoneLink):        readable(ReadPrivateDNSZoneLink),
	Fold(TypeNATGateway):                readable(ReadNATGateway),
	Fold(TypePublicIPAddress):           readable(ReadPublicIPAddress),
	Fold(TypeNetworkInterface):          readable(ReadNetworkInterface),
	Fold(TypeUser):                      readable(ReadUser),
	Fold(TypeGroup):                     readable(ReadGroup),
	Fold(TypeServicePrincipal):          readable(ReadServicePrincipal),
	Fold(TypeApplication):               validateApplication,
}

// readable is the rule that a document can be read at all.
func readable[T any](read func(Document) (T, error)) func(*State, Document) error {
	return func(_ *State, d Document) error {
		_, err := read(d)
		return err
	}
}

var registryName = regexp.MustCompile(`^[a-zA-Z0-9]{5,50}$`)

// ValidRegistryName reports whether a registry may be called so: 5 to 50 letters and digits (acr-behaviour §1.1).
func ValidRegistryName(name string) bool { return registryName.MatchString(name) }

// requirement is a rule on a registry that is broken when the condition holds.
type requirement struct {
	broken                func(Registry) bool
	code, target, message string
}

// requirements are the rules between the settings of a registry (acr-behaviour §1.1, §1.2).
var requirements = []requirement{
	{
		func(r Registry) bool { return !ValidRegistryName(r.Name) }, CodeInvalidName, "name",
		"a registry's name has 5 to 50 letters and digits, and nothing else",
	},
	{
		func(r Registry) bool {
			return r.SKU != SKUPremium && (!r.DefaultAllow || len(r.IPRules)+len(r.VirtualNetworkRules) > 0)
		},
		CodeSKU, "properties.networkRuleSet", "network rules need the SKU Premium",
	},
	{
		func(r Registry) bool { return r.SKU != SKUPremium && !r.PublicAccess }, CodeSKU,
		"properties.publicNetworkAccess", "disabling public network access needs the SKU Premium",
	},
	{
		func(r Registry) bool { return r.SKU != SKUPremium && r.DataEndpoint }, CodeSKU,
		"properties.dataEndpointEnabled", "dedicated data endpoints need the SKU Premium",
	},
	{
		func(r Registry) bool { return r.SKU == SKUBasic && r.AnonymousPull }, CodeSKU,
		"properties.anonymousPullEnabled", "anonymous pull needs the SKU Standard or Premium",
	},
	{
		func(r Registry) bool { return r.ExportDisabled && (r.SKU != SKUPremium || r.PublicAccess) }, CodeBadRequest,
		"properties.policies.exportPolicy.status", "exports can be disabled only in the SKU Premium with publicNetworkAccess Disabled",
	},
}

func validateRegistry(s *State, d Document) error {
	r, err := ReadRegistry(d)
	if err != nil {
		return err
	}
	for _, rule := range requirements {
		if rule.broken(r) {
			return &Error{Code: rule.code, Message: rule.message, Target: rule.target, ID: d.ID}
		}
	}
	if quota := ipRuleQuota(s, r.Name); len(r.IPRules) > quota {
		return &Error{
			Code: CodeBadRequest, ID: d.ID, Target: "properties.networkRuleSet.ipRules",
			Message: fmt.Sprintf("The requested feature IP rule exceeds allowed quota %d for the SKU Premium.", quota),
		}
	}
	return validateRules(d, r)
}

func validateRules(d Document, r Registry) error {
	for i, value := range r.IPRules {
		if !isIPv4Rule(value) {
			return &Error{
				Code: CodeBadRequest, ID: d.ID, Target: fmt.Sprintf("properties.networkRuleSet.ipRules[%d].value", i),
				Message: fmt.Sprintf("%q is neither an IPv4 address nor an IPv4 range such as 203.0.113.0/24", value),
			}
		}
	}
	for i, value := range r.VirtualNetworkRules {
		if id, err := ParseResourceID(value); err != nil || Fold(id.Type()) != Fold(TypeSubnet) {
			return &Error{
				Code: "NetworkRuleValidationError", ID: d.ID, Target: fmt.Sprintf("properties.networkRuleSet.virtualNetworkRules[%d].id", i),
				Message: fmt.Sprintf("%q is not the ID of a subnet", value),
			}
		}
	}
	return nil
}

// isIPv4Rule accepts an IPv4 address or range, as acr-behaviour §1.2 row 4.
func isIPv4Rule(value string) bool {
	if a, err := netip.ParseAddr(value); err == nil {
		return a.Is4()
	}
	p, err := netip.ParsePrefix(value)
	return err == nil && p.Addr().Is4()
}

// scopeMapAction is an entry of a scope map: a repository, a prefix ending in /*, or * alone (acr-behaviour §4.3).
var scopeMapAction = regexp.MustCompile(`^repositories/(\*|[a-zA-Z0-9]+(?:[._/-]+[a-zA-Z0-9]+)*(?:/\*)?)/(content/read|content/write|content/delete|metadata/read|metadata/write)$`)

func validateScopeMap(_ *State, d Document) error {
	m, err := ReadScopeMap(d)
	if err != nil {
		return err
	}
	for i, action := range m.Actions {
		if !scopeMapAction.MatchString(action) {
			return &Error{
				Code: CodeBadRequest, ID: d.ID, Target: fmt.Sprintf("properties.actions[%d]", i),
				Message: fmt.Sprintf("%q is not of the form repositories/NAME/content/read, where NAME may be * or end in /*", action),
			}
		}
	}
	return nil
}

func validateToken(s *State, d Document) error {
	t, err := ReadRegistryToken(d)
	if err != nil {
		return err
	}
	if err := mustExist(s, d, "properties.scopeMapId", t.ScopeMap); err != nil {
		return err
	}
	of, _ := d.ID.Parent()
	if above, _ := t.ScopeMap.Parent(); Fold(t.ScopeMap.Type()) != Fold(TypeScopeMap) || above.Key() != of.Key() {
		return &Error{
			Code: CodeInvalid, ID: d.ID, Target: "properties.scopeMapId",
			Message: fmt.Sprintf("%s is no scope map of the registry %s", t.ScopeMap, of.Name()),
		}
	}
	return nil
}

// mustExist refuses a reference to a document that is not there.
func mustExist(s *State, d Document, target string, id ResourceID) error {
	if id.IsZero() {
		return &Error{Code: CodeInvalid, ID: d.ID, Target: target, Message: "a resource ID is expected here"}
	}
	if _, ok := s.Get(id.Key()); ok {
		return nil
	}
	return &Error{Code: CodeNotFound, ID: d.ID, Target: target, Message: fmt.Sprintf("there is no resource %s", id)}
}

func validateAssignment(_ *State, d Document) error {
	a, err := ReadRoleAssignment(d)
	switch {
	case err != nil:
		return err
	case a.PrincipalID == "":
		return &Error{Code: CodeInvalid, ID: d.ID, Target: "properties.principalId", Message: "a role assignment names a principal"}
	case a.RoleID == "":
		return &Error{Code: CodeInvalid, ID: d.ID, Target: "properties.roleDefinitionId", Message: "a role assignment names a role definition"}
	}
	return nil
}

func validateManagementGroup(s *State, d Document) error {
	if _, err := ReadManagementGroup(d); err != nil {
		return err
	}
	_, err := groupsFrom(s, d.ID)
	return err
}

// validatePrivateEndpoint wants the subnet that an endpoint stands in, and the Premium registry that it leads to, if it
// leads to one of this subscription.
func validatePrivateEndpoint(s *State, d Document) error {
	e, err := ReadPrivateEndpoint(d)
	if err != nil {
		return err
	}
	if !e.Subnet.IsZero() {
		network, _ := e.Subnet.Parent()
		if !slices.ContainsFunc(s.SubnetsOf(network), func(n Subnet) bool { return n.ID.Key() == e.Subnet.Key() }) {
			return &Error{Code: CodeNotFound, ID: d.ID, Target: "properties.subnet.id", Message: fmt.Sprintf("there is no subnet %s", e.Subnet)}
		}
	}
	return validateTargets(s, d)
}

func validateTargets(s *State, d Document) error {
	p := fieldsOf(d).in("properties")
	for _, member := range []string{"privateLinkServiceConnections", "manualPrivateLinkServiceConnections"} {
		for i, connection := range p.list(member) {
			id := connection.in("properties").idOf("privateLinkServiceId")
			if Fold(id.Type()) != Fold(TypeRegistry) {
				continue
			}
			target := fmt.Sprintf("properties.%s[%d].properties.privateLinkServiceId", member, i)
			if err := mustExist(s, d, target, id); err != nil {
				return err
			}
			if r := view(s, id, ReadRegistry); !strings.EqualFold(r.SKU, SKUPremium) {
				return &Error{Code: CodeSKU, ID: d.ID, Target: target, Message: "private endpoints need a registry of the SKU Premium"}
			}
		}
	}
	return p.err()
}
