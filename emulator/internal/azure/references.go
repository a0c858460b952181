package azure

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// reference is what one member of a document says of another document.
type reference struct {
	target string // JSON path of the member
	id     ResourceID
	// shown says that Azure writes the member itself: what a client says of it is not looked at.
	shown bool
	// loose says that the document may be missing: it bears upon nothing that is emulated.
	loose bool
}

// references find, by folded type, what the documents of a type refer to. Azure refuses a write that refers to what is
// not there. References that need more than existence are in the rules of Validate.
var references = map[string]func(fields) []reference{
	Fold(TypeSubnet):              all(one("natGateway.id"), loosely(one("networkSecurityGroup.id")), loosely(one("routeTable.id"))),
	Fold(TypePeering):             peeringReferences,
	Fold(TypePrivateDNSZoneLink):  one("virtualNetwork.id"),
	Fold(TypeNATGateway):          all(each("publicIpAddresses", "id"), each("publicIpPrefixes", "id")),
	Fold(TypePublicIPAddress):     one("publicIPPrefix.id"),
	Fold(TypeNetworkInterface):    interfaceReferences,
	Fold(TypePrivateEndpoint):     endpointReferences,
	Fold(TypeDNSZoneGroup):        each("privateDnsZoneConfigs", "properties.privateDnsZoneId"),
	Fold(TypeContainerGroup):      each("subnetIds", "id"),
	Fold(TypeWebSite):             one("virtualNetworkSubnetId"),
	Fold(TypeWebSlot):             one("virtualNetworkSubnetId"),
	Fold(TypeAgentPool):           one("virtualNetworkSubnetResourceId"),
	Fold(TypeAppEnvironment):      one("vnetConfiguration.infrastructureSubnetId"),
	Fold(TypeContainerApp):        all(one("environmentId"), one("managedEnvironmentId")),
	Fold(TypeContainerAppJob):     one("environmentId"),
	Fold(TypeManagedCluster):      each("agentPoolProfiles", "vnetSubnetID"),
	Fold(TypeNodePool):            one("vnetSubnetID"),
	Fold(TypeBatchPool):           one("networkConfiguration.subnetId"),
	Fold(TypeMachineLearningNode): one("properties.subnet.id"),
	Fold(TypeScaleSet):            scaleSetReferences,
	Fold(TypeVirtualMachine):      machineReferences,
}

// all refers by all of several ways.
func all(finds ...func(fields) []reference) func(fields) []reference {
	return func(p fields) (found []reference) {
		for _, find := range finds {
			found = append(found, find(p)...)
		}
		return found
	}
}

// loosely marks what bears upon nothing that is emulated, and so need not be described.
func loosely(find func(fields) []reference) func(fields) []reference {
	return func(p fields) []reference {
		found := find(p)
		for i := range found {
			found[i].loose = true
		}
		return found
	}
}

// one refers by one member below properties.
func one(path string) func(fields) []reference {
	return func(p fields) []reference { return p.refer(path) }
}

// each refers by a member of each item of a list below properties.
func each(list, member string) func(fields) []reference {
	return func(p fields) (found []reference) {
		for _, item := range p.list(list) {
			found = append(found, item.refer(member)...)
		}
		return found
	}
}

// refer reads a reference at a dotted path; none if it is missing or no ID, which the views complain of.
func (f fields) refer(path string) []reference {
	names := strings.Split(path, ".")
	f = f.in(names[:len(names)-1]...)
	path = names[len(names)-1]
	id := f.idOf(path)
	if id.IsZero() {
		return nil
	}
	return []reference{{target: f.at(path), id: id}}
}

// peeringReferences are the other network, unless the peering says that it is disconnected, as one is whose other network
// was deleted.
func peeringReferences(p fields) []reference {
	if p.text("peeringState") == StatusDisconnected {
		return nil
	}
	return p.refer("remoteVirtualNetwork.id")
}

func interfaceReferences(p fields) []reference {
	found := shown(append(p.refer("virtualMachine.id"), p.refer("privateEndpoint.id")...))
	found = append(found, loosely(one("networkSecurityGroup.id"))(p)...)
	for _, item := range p.list("ipConfigurations") {
		c := item.in("properties")
		found = append(append(found, c.refer("subnet.id")...), c.refer("publicIPAddress.id")...)
	}
	return found
}

func machineReferences(p fields) []reference {
	return each("networkInterfaces", "id")(p.in("networkProfile"))
}

// endpointReferences are the network interfaces of a private endpoint that shows its addresses nowhere else. Its subnet
// and its registry are checked by its own rule.
func endpointReferences(p fields) []reference {
	found := one("subnet.id")(p)
	interfaces := shown(each("networkInterfaces", "id")(p))
	for i := range interfaces {
		interfaces[i].loose = len(p.list("customDnsConfigs")) > 0
	}
	return append(found, interfaces...)
}

func scaleSetReferences(p fields) (found []reference) {
	for _, nic := range p.in("virtualMachineProfile", "networkProfile").list("networkInterfaceConfigurations") {
		for _, configuration := range nic.in("properties").list("ipConfigurations") {
			found = append(found, configuration.refer("properties.subnet.id")...)
		}
	}
	return found
}

func shown(found []reference) []reference {
	for i := range found {
		found[i].shown = true
	}
	return found
}

// referencesOf returns what a document refers to. User-assigned identities may be used by any type.
func referencesOf(d Document) []reference {
	var found []reference
	f := fieldsOf(d)
	if find, ok := references[Fold(d.Type())]; ok {
		found = find(f.in("properties"))
	}
	used, _ := d.Body["identity"].(map[string]any)
	identities, _ := used["userAssignedIdentities"].(map[string]any)
	for _, text := range slices.Sorted(maps.Keys(identities)) {
		if id, err := ParseResourceID(text); err == nil {
			found = append(found, reference{target: fmt.Sprintf("identity.userAssignedIdentities['%s']", text), id: id})
		}
	}
	return found
}

// validateReferences refuses a document that refers to what is not there.
func validateReferences(s *State, d Document) error {
	return firstDangling(s, d, func(r reference) bool { return !r.shown && !r.loose })
}

// CheckShown refuses a document in which Azure itself would have written something that is not so: a reference to a
// document that is not there. Only the emulator's own configuration says such things.
func CheckShown(s *State, d Document) error {
	return firstDangling(s, d, func(r reference) bool { return r.shown && !r.loose })
}

func firstDangling(s *State, d Document, concerns func(reference) bool) error {
	for _, r := range referencesOf(d) {
		if !concerns(r) {
			continue
		}
		if err := s.exists(d, r); err != nil {
			return err
		}
	}
	return nil
}

func (s *State) exists(d Document, r reference) error {
	if _, ok := s.Get(r.id.Key()); ok {
		return nil
	}
	if _, ok := s.subnet(r.id); ok {
		return nil
	}
	return &Error{Code: CodeReference, ID: d.ID, Target: r.target, Message: fmt.Sprintf("there is no resource %s", r.id)}
}
