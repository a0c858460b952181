package azure

import (
	"net/netip"
	"slices"
)

// view reads a document of the state. What is missing or cannot be read is the zero view: such documents are refused on
// their way into a State, and nothing is let in on account of one.
func view[T any](s *State, id ResourceID, read func(Document) (T, error)) T {
	var none T
	if id.IsZero() {
		return none
	}
	d, ok := s.Get(id.Key())
	if !ok {
		return none
	}
	v, err := read(*d)
	if err != nil {
		return none
	}
	return v
}

// SubnetsOf returns the subnets of a virtual network: those that have documents of their own, and those written inside
// the network's. A subnet's own document wins.
func (s *State) SubnetsOf(network ResourceID) []Subnet {
	var subnets []Subnet
	for _, d := range s.Children(network.Key(), TypeSubnet) {
		subnets = append(subnets, view(s, d.ID, ReadSubnet))
	}
	for _, inside := range view(s, network, ReadVirtualNetwork).Subnets {
		if _, ok := s.Get(inside.ID.Key()); !ok {
			subnets = append(subnets, inside)
		}
	}
	return subnets
}

// subnet finds a subnet wherever it is written.
func (s *State) subnet(id ResourceID) (Subnet, bool) {
	network, _ := id.Parent()
	for _, subnet := range s.SubnetsOf(network) {
		if subnet.ID.Key() == id.Key() {
			return subnet, true
		}
	}
	return Subnet{}, false
}

// PeeringsOf returns the peerings of a virtual network, as SubnetsOf does its subnets.
func (s *State) PeeringsOf(network ResourceID) []Peering {
	var peerings []Peering
	for _, d := range s.Children(network.Key(), TypePeering) {
		peerings = append(peerings, view(s, d.ID, ReadPeering))
	}
	for _, inside := range view(s, network, ReadVirtualNetwork).Peerings {
		if _, ok := s.Get(inside.ID.Key()); !ok {
			peerings = append(peerings, inside)
		}
	}
	return peerings
}

// publicAddress returns the first allocated one of some public IP addresses.
func (s *State) publicAddress(ids ...ResourceID) netip.Addr {
	for _, id := range ids {
		if a := view(s, id, ReadPublicIPAddress).Address; a.IsValid() {
			return a
		}
	}
	return netip.Addr{}
}

// natAddress returns the address of a NAT gateway: its first public IP address, or the first of its first prefix.
func (s *State) natAddress(id ResourceID) netip.Addr {
	gateway := view(s, id, ReadNATGateway)
	if address := s.publicAddress(gateway.Addresses...); address.IsValid() {
		return address
	}
	for _, prefix := range gateway.Prefixes {
		if p := view(s, prefix, ReadPublicIPPrefix).Prefix; p.IsValid() {
			return p.Addr()
		}
	}
	return netip.Addr{}
}

// contains reports whether one of some address ranges has an address.
func contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}
