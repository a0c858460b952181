package azure

import "fmt"

// unlimited is the limit of what a SKU has without bound.
const unlimited = -1

// quota is how many of something a registry of each SKU may have (Azure's page on the tiers of a registry; acr-behaviour
// §1.2, §7).
type quota struct {
	kind   string // the type of what is counted
	plural string // as ACR's message has it
	usage  string // its name among the usages; empty is not shown
	limit  map[string]int
	// counts narrows what counts; nil counts all.
	counts func(*State, *Document) bool
}

func premiumOnly(limit int) map[string]int {
	return map[string]int{SKUBasic: 0, SKUStandard: 0, SKUPremium: limit}
}

var tokenLimits = map[string]int{SKUBasic: 100, SKUStandard: 500, SKUPremium: 50_000}

// quotas are in the order in which the usages show them.
var quotas = []quota{
	{kind: TypeWebhook, plural: "webhooks", usage: "Webhooks", limit: map[string]int{SKUBasic: 2, SKUStandard: 10, SKUPremium: 500}},
	{kind: TypeReplication, plural: "replications", usage: "Geo-replications", limit: premiumOnly(unlimited), counts: elsewhere},
	{kind: TypePrivateEndpointConnection, plural: "private endpoint connections", usage: "PrivateEndpointConnections", limit: premiumOnly(MaxPrivateEndpoints), counts: connected},
	{kind: TypeScopeMap, plural: "scopeMaps", usage: "ScopeMaps", limit: tokenLimits, counts: userDefined},
	{kind: TypeToken, plural: "tokens", usage: "Tokens", limit: tokenLimits},
	{kind: TypeCacheRule, plural: "cacheRules", limit: map[string]int{SKUBasic: 1000, SKUStandard: 1000, SKUPremium: 1000}},
	{kind: TypeAgentPool, plural: "agentPools", limit: premiumOnly(unlimited)},
	{kind: TypeConnectedRegistry, plural: "connectedRegistries", limit: premiumOnly(unlimited)},
}

// elsewhere leaves out the replication of the registry's own region.
func elsewhere(s *State, d *Document) bool {
	registry, _ := d.ID.Parent()
	r := view(s, registry, ReadRegistry)
	return ReadReplication(*d).Region != r.Location
}

func connected(_ *State, d *Document) bool {
	c, err := ReadPrivateEndpointConnection(*d)
	return err == nil && c.Status != StatusDisconnected
}

func approved(_ *State, d *Document) bool {
	c, err := ReadPrivateEndpointConnection(*d)
	return err == nil && c.Status == StatusApproved
}

func userDefined(_ *State, d *Document) bool {
	return fieldsOf(*d).in("properties").text("type") != SystemDefined
}

// count is how many of it a registry has.
func (q quota) count(s *State, registry ResourceID) int {
	all := s.Children(registry.Key(), q.kind)
	if q.counts == nil {
		return len(all)
	}
	count := 0
	for _, d := range all {
		if q.counts(s, d) {
			count++
		}
	}
	return count
}

// checkQuota refuses a document below a registry if there are more of its type than the registry's SKU allows, in ACR's
// words.
func checkQuota(s *State, d Document) error {
	parent, _ := d.ID.Parent()
	registry, found := s.Get(parent.Key())
	if !found {
		return nil // not a question of how many
	}
	sku := fieldsOf(*registry).in("sku").choice("name", SKUStandard, SKUBasic, SKUStandard, SKUPremium)
	for _, q := range quotas {
		if !d.Is(q.kind) || q.limit[sku] == unlimited || q.count(s, parent) <= q.limit[sku] {
			continue
		}
		return &Error{Code: CodeQuota, ID: d.ID, Message: fmt.Sprintf("Quota exceeded for resource type %s for the registry SKU %s."+
			" Learn more about different SKU quotas and upgrade process: https://aka.ms/acr/skus", q.plural, sku)}
	}
	return nil
}

// Usage is how much of something a registry has, and may have.
type Usage struct {
	Name  string // as ACR calls it
	Limit int64  // -1 is no limit
	Value int64
	Unit  string // Bytes or Count
}

// includedStorage is what the price of a SKU includes, in bytes, which ACR shows as the limit.
var includedStorage = map[string]int64{SKUBasic: 10 << 30, SKUStandard: 100 << 30, SKUPremium: 500 << 30}

// Usages returns how much a registry has of what its SKU bounds, as ACR's listUsages tells it; size is that of its content
// in bytes.
func Usages(s *State, r Registry, size int64) []Usage {
	all := []Usage{{"Size", includedStorage[r.SKU], size, "Bytes"}}
	for _, q := range quotas {
		if limit := q.limit[r.SKU]; q.usage != "" && limit != 0 {
			all = append(all, Usage{q.usage, int64(limit), int64(q.count(s, r.ID)), "Count"})
		}
	}
	if r.SKU == SKUPremium {
		all = append(all, Usage{"IPRules", int64(ipRuleQuota(s, r.Name)), int64(len(r.IPRules)), "Count"},
			Usage{"VNetRules", MaxVirtualNetworkRules, int64(len(r.VirtualNetworkRules)), "Count"})
	}
	return all
}
