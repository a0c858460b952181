package azure

import (
	"net/netip"
)

// AssumePrivateDNS is the quirk that a Hop names if no document says anything of private DNS, and networks with an
// approved endpoint count as linked to the zone. The settings can turn it off; see State.Quirk.
const AssumePrivateDNS = "assume-private-dns"

// Hop is the way that a place's requests take to a registry. Resource IDs in it are keys (folded).
type Hop struct {
	// EndpointID is the private endpoint connection that they come through; empty is the public endpoint.
	EndpointID string
	// Network is the virtual network that the place is in, if a private endpoint is used.
	Network string
	// Subnet is the subnet that they leave, for virtual network rules; empty outside virtual networks.
	Subnet string
	// Peer is the address that the registry sees.
	Peer netip.Addr
	// Quirk names the quirk without which the way would be another; usually empty.
	Quirk string
}

// Route returns the way from a place to a registry, which is named as in NAME.azurecr.io; it need not exist. A place in a
// virtual network goes through an approved private endpoint of the registry that stands in the network, or in one that
// is peered with it both ways, if privatelink.azurecr.io is linked to the place's network. Every other way is that to the
// public endpoint (acr-behaviour §7).
func Route(s *State, p Place, registry string) Hop {
	public := Hop{Subnet: p.Subnet, Peer: p.Address}
	if p.Network == "" {
		return public
	}
	linked, quirk := resolvesPrivately(s, p.Network)
	if !linked {
		return public
	}
	endpoint := endpointFrom(s, p.Network, registry)
	if endpoint == "" {
		return public
	}
	hop := Hop{EndpointID: endpoint, Network: p.Network, Subnet: p.Subnet, Peer: p.Private, Quirk: quirk}
	if !hop.Peer.IsValid() {
		hop.Peer = p.Address // no document says which addresses the network has
	}
	return hop
}

// resolvesPrivately reports whether a network resolves login servers to private addresses. If there is no private DNS
// zone at all, nobody has described DNS, and it is assumed unless the settings say otherwise.
func resolvesPrivately(s *State, network string) (linked bool, quirk string) {
	if len(s.OfType(TypePrivateDNSZone)) == 0 && len(s.OfType(TypePrivateDNSZoneLink)) == 0 {
		if s.Quirk(AssumePrivateDNS, "") == false {
			return false, ""
		}
		return true, AssumePrivateDNS
	}
	for _, d := range s.OfType(TypePrivateDNSZoneLink) {
		link := view(s, d.ID, ReadPrivateDNSZoneLink)
		if link.Zone() == PrivateLinkZone && link.Network.Key() == network {
			return true, ""
		}
	}
	return false, ""
}

// endpointFrom finds the connection of the approved endpoint that a network reaches; its own comes before a peered one's.
func endpointFrom(s *State, network, registry string) string {
	found := ""
	for _, d := range s.OfType(TypePrivateEndpointConnection) {
		c, err := ReadPrivateEndpointConnection(*d)
		if err != nil || Fold(c.Registry.Name()) != Fold(registry) || c.Status != StatusApproved {
			continue
		}
		standsIn := view(s, c.Endpoint, ReadPrivateEndpoint).Network().Key()
		switch {
		case standsIn == network:
			return c.ID.Key()
		case found == "" && peered(s, network, standsIn):
			found = c.ID.Key()
		}
	}
	return found
}

// peered reports whether two networks are peered in both directions.
func peered(s *State, a, b string) bool { return reaches(s, a, b) && reaches(s, b, a) }

func reaches(s *State, from, to string) bool {
	network, ok := s.Get(from)
	if !ok || to == "" {
		return false
	}
	for _, p := range s.PeeringsOf(network.ID) {
		if p.Open && p.Remote.Key() == to {
			return true
		}
	}
	return false
}
