package azure

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// validateVirtualNetwork holds a network to its subnets, and to the networks that it is peered with.
func validateVirtualNetwork(s *State, d Document) error {
	n, err := ReadVirtualNetwork(d)
	if err != nil {
		return err
	}
	for _, subnet := range s.SubnetsOf(d.ID) {
		if err := checkInside(n, subnet); err != nil {
			return err.of(d.ID, "properties.addressSpace.addressPrefixes")
		}
	}
	for _, p := range s.PeeringsOf(d.ID) {
		if err := checkApart(s, n, p); err != nil {
			return err.of(d.ID, "properties.addressSpace.addressPrefixes")
		}
	}
	return nil
}

// checkInside refuses a subnet outside its network. A network that says nothing of its addresses holds every one.
func checkInside(n VirtualNetwork, subnet Subnet) *Error {
	for _, p := range subnet.Prefixes {
		inside := func(space netip.Prefix) bool { return space.Bits() <= p.Bits() && space.Contains(p.Addr()) }
		if len(n.Prefixes) > 0 && !slices.ContainsFunc(n.Prefixes, inside) {
			return &Error{
				Code:    "NetcfgInvalidSubnet",
				Message: fmt.Sprintf("Subnet '%s' is not valid in virtual network '%s': %s is outside its address space %s.", subnet.ID.Name(), n.ID.Name(), p, written(n.Prefixes)),
			}
		}
	}
	return nil
}

// checkApart refuses to peer networks that have addresses in common.
func checkApart(s *State, n VirtualNetwork, p Peering) *Error {
	remote := view(s, p.Remote, ReadVirtualNetwork)
	for _, here := range n.Prefixes {
		for _, there := range remote.Prefixes {
			if here.Overlaps(there) {
				return &Error{
					Code: "VnetAddressSpacesOverlap",
					Message: fmt.Sprintf("Cannot create or update peering %s. Virtual networks %s and %s cannot be peered because their address"+
						" spaces overlap. Overlapping address prefixes: %s, %s", p.ID, n.ID, remote.ID, here, there),
				}
			}
		}
	}
	return nil
}

// smallestSubnet is the longest prefix of an IPv4 subnet: of eight addresses Azure leaves three.
const smallestSubnet = 29

func validateSubnet(s *State, d Document) error {
	subnet, err := ReadSubnet(d)
	if err != nil {
		return err
	}
	for _, p := range subnet.Prefixes {
		if p.Addr().Is4() && p.Bits() > smallestSubnet || p.Addr().Is6() && p.Bits() != 64 {
			return (&Error{
				Code:    "NetcfgInvalidSubnet",
				Message: fmt.Sprintf("Subnet '%s' is not valid: %s is no range of at least eight IPv4 addresses, and no /64 of IPv6.", d.ID.Name(), p),
			}).of(d.ID, "properties.addressPrefix")
		}
	}
	if err := checkInside(view(s, subnet.Network(), ReadVirtualNetwork), subnet); err != nil {
		return err.of(d.ID, "properties.addressPrefix")
	}
	for _, other := range s.SubnetsOf(subnet.Network()) {
		if other.ID.Key() != d.ID.Key() && overlap(subnet.Prefixes, other.Prefixes) {
			return (&Error{
				Code: "NetcfgSubnetRangesOverlap",
				Message: fmt.Sprintf("Subnet '%s' is not valid because its IP address range overlaps with that of an existing subnet, '%s', in virtual network '%s'.",
					d.ID.Name(), other.ID.Name(), subnet.Network().Name()),
			}).of(d.ID, "properties.addressPrefix")
		}
	}
	return nil
}

func overlap(a, b []netip.Prefix) bool {
	return slices.ContainsFunc(a, func(p netip.Prefix) bool { return slices.ContainsFunc(b, p.Overlaps) })
}

func validatePeering(s *State, d Document) error {
	p, err := ReadPeering(d)
	if err != nil {
		return err
	}
	network, _ := d.ID.Parent()
	if p.Remote.Key() == network.Key() {
		return (&Error{Code: "CannotPeerVnetWithItself", Message: "a virtual network cannot be peered with itself"}).of(d.ID, "properties.remoteVirtualNetwork.id")
	}
	for _, other := range s.PeeringsOf(network) {
		if other.ID.Key() != d.ID.Key() && !p.Remote.IsZero() && other.Remote.Key() == p.Remote.Key() {
			return (&Error{
				Code:    "AnotherPeeringAlreadyReferencesRemoteVnet",
				Message: fmt.Sprintf("Peering %s already references the remote virtual network %s. Cannot add another peering %s.", other.ID, p.Remote, d.ID),
			}).of(d.ID, "properties.remoteVirtualNetwork.id")
		}
	}
	if err := checkApart(s, view(s, network, ReadVirtualNetwork), p); err != nil {
		return err.of(d.ID, "properties.remoteVirtualNetwork.id")
	}
	return nil
}

// validateInterface refuses one address for two configurations of an interface. Those of others are looked at by Complete,
// which also finds free ones.
func validateInterface(_ *State, d Document) error {
	n, err := ReadNetworkInterface(d)
	if err != nil {
		return err
	}
	has := map[netip.Addr]string{}
	for i, a := range n.Addresses {
		if other, twice := has[a.Private]; twice && a.Private.IsValid() {
			return (&Error{
				Code:    "PrivateIPAddressIsAllocated",
				Message: fmt.Sprintf("the private IP address %s is already allocated to the configuration %q", a.Private, other),
			}).of(d.ID, fmt.Sprintf("properties.ipConfigurations[%d].properties.privateIPAddress", i))
		}
		has[a.Private] = a.Name
	}
	return nil
}

// validatePrivateEndpoint wants the subnet that an endpoint stands in, and the Premium registry that it leads to, if it
// leads to one of this subscription.
func validatePrivateEndpoint(s *State, d Document) error {
	e, err := ReadPrivateEndpoint(d)
	if err != nil {
		return err
	}
	if _, found := s.subnet(e.Subnet); !found && !e.Subnet.IsZero() {
		return &Error{Code: CodeNotFound, ID: d.ID, Target: "properties.subnet.id", Message: fmt.Sprintf("there is no subnet %s", e.Subnet)}
	}
	return validateTargets(s, d)
}

func validateTargets(s *State, d Document) error {
	p := fieldsOf(d).in("properties")
	for _, member := range []string{"privateLinkServiceConnections", "manualPrivateLinkServiceConnections"} {
		for i, connection := range p.list(member) {
			id := connection.in("properties").idOf("privateLinkServiceId")
			if !id.Is(TypeRegistry) {
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
