package azure

import (
	"net/netip"
	"slices"
)

// AssumePrivateDNS is the quirk that a Hop names if no document says anything of private DNS, and networks with an
// approved endpoint count as linked to the zone. The settings can turn it off; see State.Quirk.
const AssumePrivateDNS = "assume-private-dns"

// StrictPrivateDNS is the quirk that private DNS alone decides, as it does in Azure: a name that a linked zone should have and
// has not, or an address that no endpoint in reach has, leads nowhere. Without it such requests go to the registry's approved
// endpoint, or to the public one. See State.Quirk.
const StrictPrivateDNS = "strict-private-dns"

// Hop is the way that a place's requests take to a registry. Resource IDs in it are keys (folded).
type Hop struct {
	// EndpointID is the private endpoint connection that they come through; empty is the public endpoint. With the quirk
	// StrictPrivateDNS it may be the record set that leads nowhere, or the zone without one: no connection that is approved.
	EndpointID string
	// Network is the virtual network that the place is in, if a private endpoint is used.
	Network string
	// Subnet is the subnet that they leave, for virtual network rules. It is empty outside virtual networks, and towards the
	// public endpoint from a subnet without a service endpoint for registries (acr-behaviour §1.2 row 12).
	Subnet string
	// Peer is the address that the registry sees.
	Peer netip.Addr
	// Quirk names the quirk without which the way would be another; usually empty.
	Quirk string
}

// RegistryService is what a subnet's service endpoints call container registries.
const RegistryService = "Microsoft.ContainerRegistry"

// Route returns the way from a place to a registry, which is named as in NAME.azurecr.io; it need not exist. A place in a
// virtual network goes through an approved private endpoint of the registry that stands in the network, or in one that is
// peered with it both ways, if privatelink.azurecr.io is linked to the place's network; through which, the record sets of
// private DNS zones say. Every other way is that to the public endpoint (acr-behaviour §7).
func Route(s *State, p Place, registry string) Hop {
	public := Hop{Peer: p.Address}
	if p.Network == "" {
		return public
	}
	if s.serves(p.Subnet, RegistryService) {
		public.Subnet = p.Subnet
	}
	endpoint, quirk := s.privateWay(p.Network, registry)
	if endpoint == "" {
		return public
	}
	hop := Hop{EndpointID: endpoint, Network: p.Network, Subnet: p.Subnet, Peer: p.Private, Quirk: quirk}
	if !hop.Peer.IsValid() {
		hop.Peer = p.Address // no document says which addresses the network has
	}
	return hop
}

// serves reports whether a subnet has a service endpoint for a service.
func (s *State) serves(key, service string) bool {
	id, err := ParseResourceID(key)
	if err != nil {
		return false
	}
	subnet, _ := s.subnet(id)
	return slices.ContainsFunc(subnet.ServiceEndpoints, func(has string) bool { return Fold(has) == Fold(service) })
}

// privateWay finds what a Hop from a network to a registry has as EndpointID. If there is no private DNS zone at all, nobody
// has described DNS, and it is assumed unless the settings say otherwise.
func (s *State) privateWay(network, registry string) (endpoint, quirk string) {
	if len(s.OfType(TypePrivateDNSZone)) == 0 && len(s.OfType(TypePrivateDNSZoneLink)) == 0 {
		if s.Quirk(AssumePrivateDNS, "") == false {
			return "", ""
		}
		if endpoint = endpointFrom(s, network, registry); endpoint != "" {
			quirk = AssumePrivateDNS
		}
		return endpoint, quirk
	}
	zones := s.zonesOf(network)
	found := s.resolve(zones, LoginServer(registry), len(s.connectionsTo(registry)) > 0)
	strict := s.Quirk(StrictPrivateDNS, "") == true
	for _, address := range found.addresses {
		if c, ok := s.endpointAt(network, registry, address); ok && (strict || c.Status == StatusApproved) {
			return c.ID.Key(), ""
		}
	}
	if _, linked := zones[PrivateLinkZone]; linked && !strict {
		return endpointFrom(s, network, registry), ""
	}
	if strict && found.blame != "" {
		return found.blame, StrictPrivateDNS
	}
	return "", ""
}

// connectionsTo returns the private endpoint connections of a registry whose endpoints are still there.
func (s *State) connectionsTo(registry string) (found []PrivateEndpointConnection) {
	for _, d := range s.OfType(TypePrivateEndpointConnection) {
		c, err := ReadPrivateEndpointConnection(*d)
		if err == nil && Fold(c.Registry.Name()) == Fold(registry) && c.Status != StatusDisconnected {
			found = append(found, c)
		}
	}
	return found
}

// endpointFrom finds the connection of the approved endpoint that a network reaches; its own comes before a peered one's.
func endpointFrom(s *State, network, registry string) string {
	found := ""
	for _, c := range s.connectionsTo(registry) {
		standsIn := view(s, c.Endpoint, ReadPrivateEndpoint).Network().Key()
		switch {
		case c.Status != StatusApproved:
		case standsIn == network:
			return c.ID.Key()
		case found == "" && peered(s, network, standsIn):
			found = c.ID.Key()
		}
	}
	return found
}

// endpointAt finds the connection of the endpoint that has an address, as a network reaches it: the registry's own if there
// is one, else another's, which the gate will refuse.
func (s *State) endpointAt(network, registry string, address netip.Addr) (at PrivateEndpointConnection, found bool) {
	for _, d := range s.OfType(TypePrivateEndpointConnection) {
		c, err := ReadPrivateEndpointConnection(*d)
		endpoint, exists := s.Get(c.Endpoint.Key())
		if err != nil || !exists || !slices.Contains(EndpointAddresses(s.Get, *endpoint), address) {
			continue
		}
		standsIn := view(s, c.Endpoint, ReadPrivateEndpoint).Network().Key()
		switch {
		case standsIn != network && !peered(s, network, standsIn):
		case Fold(c.Registry.Name()) == Fold(registry):
			return c, true
		default:
			at, found = c, true
		}
	}
	return at, found
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
