package azure

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// The most rules that a registry's firewall may have (acr-behaviour §1.2 row 2).
const (
	MaxIPRules             = 200
	MaxVirtualNetworkRules = 100
)

// MaxPrivateEndpoints is how many private endpoints may lead to a registry (acr-behaviour §7).
const MaxPrivateEndpoints = 200

var registryName = regexp.MustCompile(`^[a-zA-Z0-9]{5,50}$`)

// ValidRegistryName reports whether a registry may be called so: 5 to 50 letters and digits (acr-behaviour §1.1).
func ValidRegistryName(name string) bool { return registryName.MatchString(name) }

// requirement is a rule on a registry that is broken when the condition holds. In its message %s is the SKU, and %n the name.
type requirement struct {
	broken                func(Registry) bool
	code, target, message string
}

// requirements are the rules between the settings of a registry (acr-behaviour §1.1, §1.2). Where an answer of ACR to
// a broken one is public, it is ACR's code and text; elsewhere it says what to do.
var requirements = []requirement{
	{
		func(r Registry) bool { return !ValidRegistryName(r.Name) }, CodeInvalidName, "name",
		"a registry's name has 5 to 50 letters and digits, and nothing else",
	},
	{
		func(r Registry) bool { return r.SKU != SKUPremium && !r.PublicAccess }, "DisablingPublicNetworkAccessNotSupported",
		"properties.publicNetworkAccess", "Disabling public network access is not supported for the SKU %s. For more information, please visit https://aka.ms/acr/private-link.",
	},
	{
		func(r Registry) bool {
			return r.SKU != SKUPremium && (!r.DefaultAllow || len(r.IPRules)+len(r.VirtualNetworkRules) > 0)
		},
		CodeSKU, "properties.networkRuleSet", "network rules need the SKU Premium, not %s",
	},
	{
		func(r Registry) bool { return r.SKU != SKUPremium && r.DataEndpoint }, CodeSKU,
		"properties.dataEndpointEnabled", "dedicated data endpoints need the SKU Premium, not %s",
	},
	{
		func(r Registry) bool { return r.SKU == SKUBasic && r.AnonymousPull }, CodeSKU,
		"properties.anonymousPullEnabled", "anonymous pull needs the SKU Standard or Premium, not %s",
	},
	{
		func(r Registry) bool { return r.SKU != SKUPremium && r.ZoneRedundant }, CodeSKU,
		"properties.zoneRedundancy", "zone redundancy needs the SKU Premium, not %s",
	},
	{
		func(r Registry) bool { return r.SKU != SKUPremium && r.Encrypted }, CodeSKU,
		"properties.encryption", "customer-managed keys need the SKU Premium, not %s",
	},
	{
		func(r Registry) bool { return r.Encrypted && !r.HasKey }, CodeBadRequest,
		"properties.encryption.keyVaultProperties", "encryption needs a keyIdentifier and the client ID of an identity that may use it",
	},
	{
		func(r Registry) bool { return r.SKU != SKUPremium && r.Retention }, CodeSKU,
		"properties.policies.retentionPolicy", "a retention policy needs the SKU Premium, not %s",
	},
	{
		func(r Registry) bool { return r.SKU != SKUPremium && r.ContentTrust }, CodeSKU,
		"properties.policies.trustPolicy", "content trust needs the SKU Premium, not %s",
	},
	{
		func(r Registry) bool { return r.Retention && r.SoftDelete }, CodeBadRequest,
		"properties.policies.softDeletePolicy", "soft delete and the retention policy exclude each other: disable one of them",
	},
	{
		func(r Registry) bool { return r.ExportDisabled && r.SKU != SKUPremium }, CodeSKU,
		"properties.policies.exportPolicy.status", "disabling exports needs the SKU Premium, not %s",
	},
	{
		func(r Registry) bool { return r.ExportDisabled && r.PublicAccess }, CodeBadRequest,
		"properties.policies.exportPolicy.status", "Enabling public network access is not supported because the registry '%n' has exports disabled.",
	},
}

func validateRegistry(s *State, d Document) error {
	if err := checkMembers(d); err != nil {
		return err
	}
	r, err := ReadRegistry(d)
	if err != nil {
		return err
	}
	for _, rule := range requirements {
		if rule.broken(r) {
			message := strings.NewReplacer("%s", r.SKU, "%n", r.Name).Replace(rule.message)
			return &Error{Code: rule.code, Message: message, Target: rule.target, ID: d.ID}
		}
	}
	for _, check := range []func(*State, Document, Registry) error{checkQuotas, checkIPRules, checkSubnetRules, checkBeside} {
		if err := check(s, d, r); err != nil {
			return err
		}
	}
	return nil
}

// checkQuotas bounds the firewall's rules (acr-behaviour §1.2 row 3).
func checkQuotas(s *State, d Document, r Registry) error {
	for _, row := range []struct {
		feature, target string
		count, quota    int
	}{
		{"IP rule", "ipRules", len(r.IPRules), ipRuleQuota(s, r.Name)},
		{"virtual network rule", "virtualNetworkRules", len(r.VirtualNetworkRules), MaxVirtualNetworkRules},
	} {
		if row.count > row.quota {
			return &Error{
				Code: CodeBadRequest, ID: d.ID, Target: "properties.networkRuleSet." + row.target,
				Message: fmt.Sprintf("The requested feature %s exceeds allowed quota %d for the SKU %s.", row.feature, row.quota, r.SKU),
			}
		}
	}
	return nil
}

// checkIPRules takes an IPv4 address or range, each once (acr-behaviour §1.2 row 4).
func checkIPRules(_ *State, d Document, r Registry) error {
	seen := map[netip.Prefix]bool{}
	for i, value := range r.IPRules {
		p, problem := ipRule(value)
		if problem == "" && seen[p] {
			problem = "stands in the rules twice"
		}
		seen[p] = true
		if problem != "" {
			return &Error{
				Code: CodeBadRequest, ID: d.ID, Target: fmt.Sprintf("properties.networkRuleSet.ipRules[%d].value", i),
				Message: fmt.Sprintf("%.60q %s", value, problem),
			}
		}
	}
	return nil
}

// ipRule reads an IP rule, or says what is wrong with it.
func ipRule(value string) (p netip.Prefix, problem string) {
	if a, err := netip.ParseAddr(value); err == nil {
		p = netip.PrefixFrom(a, a.BitLen())
	} else if p, err = netip.ParsePrefix(value); err != nil {
		return p, "is neither an IPv4 address nor an IPv4 range such as 203.0.113.0/24"
	}
	switch {
	case !p.Addr().Is4():
		return p, "is IPv6; only IPv4 addresses and ranges are allowed"
	case p != p.Masked():
		return p, fmt.Sprintf("has bits set outside of its mask; the range is %s", p.Masked())
	}
	return p, ""
}

func checkSubnetRules(_ *State, d Document, r Registry) error {
	seen := map[string]bool{}
	for i, value := range r.VirtualNetworkRules {
		id, err := ParseResourceID(value)
		problem := ""
		switch {
		case err != nil, !id.Is(TypeSubnet):
			problem = "is not the ID of a subnet"
		case seen[id.Key()]:
			problem = "stands in the rules twice"
		}
		seen[id.Key()] = true
		if problem != "" {
			return &Error{
				Code: "NetworkRuleValidationError", ID: d.ID, Target: fmt.Sprintf("properties.networkRuleSet.virtualNetworkRules[%d].id", i),
				Message: fmt.Sprintf("%q %s", value, problem),
			}
		}
	}
	return nil
}

// checkBeside holds a registry against what is below it: what its SKU has no room for, and what its settings exclude.
func checkBeside(s *State, d Document, r Registry) error {
	for _, q := range quotas {
		if limit, count := q.limit[r.SKU], q.count(s, d.ID); limit != unlimited && count > limit {
			return &Error{
				Code: CodeSKU, ID: d.ID, Target: "sku.name",
				Message: fmt.Sprintf("the registry has %d %s, and the SKU %s allows %d: remove some first", count, q.plural, r.SKU, limit),
			}
		}
	}
	if len(r.VirtualNetworkRules) > 0 && len(liveConnections(s, d.ID)) > 0 {
		return &Error{
			Code: CodeBadRequest, ID: d.ID, Target: "properties.networkRuleSet.virtualNetworkRules",
			Message: "service endpoint rules and private endpoints exclude each other: remove the private endpoint connections first", // acr-behaviour §1.2 row 12
		}
	}
	if r.SoftDelete && len(s.Children(d.ID.Key(), TypeReplication))+len(s.Children(d.ID.Key(), TypeCacheRule)) > 0 {
		return &Error{
			Code: CodeBadRequest, ID: d.ID, Target: "properties.policies.softDeletePolicy",
			Message: "soft delete excludes replications and cache rules: remove them first", // acr-behaviour §6.2
		}
	}
	return nil
}

// liveConnections are the private endpoint connections of a registry whose other end is there.
func liveConnections(s *State, registry ResourceID) []PrivateEndpointConnection {
	var live []PrivateEndpointConnection
	for _, d := range s.Children(registry.Key(), TypePrivateEndpointConnection) {
		if c, err := ReadPrivateEndpointConnection(*d); err == nil && c.Status != StatusDisconnected {
			live = append(live, c)
		}
	}
	return live
}

// validateConnection bounds the private endpoints of a registry, and keeps them from one with service endpoint rules.
func validateConnection(s *State, d Document) error {
	c, err := ReadPrivateEndpointConnection(d)
	if err != nil || c.Status == StatusDisconnected {
		return err
	}
	if err := checkQuota(s, d); err != nil {
		return err
	}
	if r := view(s, c.Registry, ReadRegistry); len(r.VirtualNetworkRules) > 0 {
		return &Error{
			Code: CodeBadRequest, ID: d.ID,
			Message: fmt.Sprintf("the registry %s has service endpoint rules, which exclude private endpoints: remove them first", r.Name),
		}
	}
	return nil
}

// scopeMapAction is an entry of a scope map: a repository, a prefix ending in /*, or * alone, with what may be done there; or
// what may be said to the gateway of a connected registry (acr-behaviour §4.3).
var scopeMapAction = regexp.MustCompile(`^(repositories/(\*|[a-zA-Z0-9]+(?:[._/-]+[a-zA-Z0-9]+)*(?:/\*)?)/(content/read|content/write|content/delete|metadata/read|metadata/write)` +
	`|gateway/[a-zA-Z0-9]+/(config|message)/(read|write))$`)

func validateScopeMap(s *State, d Document) error {
	if err := checkMembers(d); err != nil {
		return err
	}
	actions := fieldsOf(d).in("properties").texts("actions")
	if i := slices.IndexFunc(actions, func(a string) bool { return !scopeMapAction.MatchString(a) }); i >= 0 {
		return &Error{
			Code: CodeBadRequest, ID: d.ID, Target: fmt.Sprintf("properties.actions[%d]", i),
			Message: fmt.Sprintf("%.200q is not of the form repositories/NAME/content/read, where NAME may be * or end in /*", actions[i]),
		}
	}
	return checkQuota(s, d)
}

func validateToken(s *State, d Document) error {
	if err := checkMembers(d); err != nil {
		return err
	}
	t, err := ReadRegistryToken(d)
	if err != nil {
		return err
	}
	if err := mustExist(s, d, "properties.scopeMapId", t.ScopeMap); err != nil {
		return err
	}
	of, _ := d.ID.Parent()
	if above, _ := t.ScopeMap.Parent(); !t.ScopeMap.Is(TypeScopeMap) || above.Key() != of.Key() {
		return &Error{
			Code: CodeInvalid, ID: d.ID, Target: "properties.scopeMapId",
			Message: fmt.Sprintf("%s is no scope map of the registry %s", t.ScopeMap, of.Name()),
		}
	}
	return checkQuota(s, d)
}
