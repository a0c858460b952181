package azure

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
)

// Place is where requests come from: an address, perhaps in a subnet, perhaps belonging to a resource that has an
// identity. It is all that is simulated of the network. Resource IDs in it are keys (folded).
type Place struct {
	// Name is the shortest name that finds the place again.
	Name string
	// Kind says what the place is.
	Kind PlaceKind
	// Address is what a public endpoint sees.
	Address netip.Addr
	// Private is what a private endpoint sees; the zero Addr outside virtual networks.
	Private netip.Addr
	// Subnet and Network are the subnet and the virtual network that the place is in, or empty.
	Subnet, Network string
	// Resource is the resource that the requests come from, or empty.
	Resource string
	// System is the resource that has the system-assigned identity, Resource itself or what it is a part of; empty if it has
	// none.
	System string
	// UserAssigned are the user-assigned identities that the resource uses.
	UserAssigned []string
	// HasIMDS says that the instance metadata service can be reached. Where it cannot, connections to it are closed.
	HasIMDS bool
}

// PlaceKind says what a place is.
type PlaceKind string

// The kinds of places.
const (
	PlaceInternet PlaceKind = "internet" // an address outside all virtual networks
	PlaceNetwork  PlaceKind = "network"  // somewhere in a virtual network, on a machine without identity
	PlaceResource PlaceKind = "resource" // a resource, whose identity can be used
	PlaceService  PlaceKind = "service"  // a service of Azure itself: ServiceDefender, ServiceImport
)

// services are the first-party services that are places. Nobody but the emulator's own workers gets their tokens.
var services = []string{ServiceDefender, ServiceImport}

// Outbound addresses of what has none of its own. They are for documentation (RFC 5737) and benchmarks (RFC 2544), so
// that nobody's rule means them by accident.
var (
	subnetOutbound  = netip.MustParsePrefix("198.51.100.0/24")
	outsideOutbound = netip.MustParsePrefix("198.18.0.0/15")
)

// derive returns an address in a range that depends on nothing but the ID: always the same, and neither the range's first
// nor its last. Different IDs may share one.
func derive(in netip.Prefix, key string, reserved uint32) netip.Addr {
	hosts := uint32(1)<<(32-in.Bits()) - 1 - reserved
	sum := sha256.Sum256([]byte(key))
	base := in.Masked().Addr().As4()
	offset := reserved + binary.BigEndian.Uint32(sum[:4])%hosts
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(base[:])+offset)
	return netip.AddrFrom4(b)
}

// derivePrivate returns an address in the first IPv4 range of a subnet. Azure keeps the first four to itself.
func derivePrivate(prefixes []netip.Prefix, key string) netip.Addr {
	const reserved, smallest = 4, 29
	for _, p := range prefixes {
		if p.Addr().Is4() && p.Bits() <= smallest {
			return derive(p, key, reserved)
		}
	}
	return netip.Addr{}
}

func servicePlace(name string) Place {
	return Place{Name: name, Kind: PlaceService, Address: derive(outsideOutbound, name, 1)}
}

// networkPlace is a place in a virtual network, in no particular subnet.
func networkPlace(s *State, id ResourceID) Place {
	private := derivePrivate(view(s, id, ReadVirtualNetwork).Prefixes, id.Key())
	return Place{
		Kind: PlaceNetwork, Network: id.Key(), Private: private,
		Address: derive(subnetOutbound, id.Key(), 1), HasIMDS: true,
	}
}

// subnetPlace is a place in a subnet, on a machine without identity.
func subnetPlace(s *State, id ResourceID) Place {
	p := Place{Kind: PlaceNetwork, HasIMDS: true}
	p.attach(s, attachment{subnet: id}, id)
	return p
}

// resourcePlace is the place of a resource.
func resourcePlace(s *State, d Document) Place {
	p := Place{Kind: PlaceResource, Resource: d.ID.Key(), HasIMDS: hasIMDS(d.ID)}
	p.attach(s, attachmentOf(s, d), d.ID)
	p.identify(s, d)
	return p
}

// identify gives a place the identities that can be used there: those of its resource, or of the one that it is a part of. The
// machines of a cluster have the cluster's kubelet identity, with which they pull, and not its own.
func (p *Place) identify(s *State, d Document) {
	switch Fold(d.Type()) {
	case Fold(TypeScaleSetInstance), Fold(TypeOnlineDeployment), Fold(TypeNodePool):
		parent, _ := d.ID.Parent()
		if above, ok := s.Get(parent.Key()); ok {
			p.identify(s, *above)
		}
		return
	case Fold(TypeManagedCluster):
		if id := fieldsOf(d).in("properties", "identityProfile", "kubeletidentity").idOf("resourceId"); !id.IsZero() {
			p.UserAssigned = []string{id.Key()}
		}
		return
	}
	identity, _ := ReadManagedIdentity(d) // refused on its way into the state if malformed
	if identity.System {
		p.System = d.ID.Key()
	}
	for _, id := range identity.UserAssigned {
		p.UserAssigned = append(p.UserAssigned, id.Key())
	}
}

// attach gives a place the addresses that it has by its attachment, and derives those that no document shows.
func (p *Place) attach(s *State, a attachment, id ResourceID) {
	p.Address, p.Private = a.public, a.private
	if a.subnet.IsZero() {
		if !p.Address.IsValid() {
			p.Address = derive(outsideOutbound, id.Key(), 1)
		}
		return
	}
	network, _ := a.subnet.Parent()
	p.Subnet, p.Network = a.subnet.Key(), network.Key()
	subnet, _ := s.subnet(a.subnet)
	if nat := s.natAddress(subnet.NATGateway); nat.IsValid() {
		p.Address = nat // it goes before an address of the machine's own, as in Azure
	}
	if !p.Address.IsValid() {
		p.Address = derive(subnetOutbound, a.subnet.Key(), 1)
	}
	if !p.Private.IsValid() {
		p.Private = derivePrivate(subnet.Prefixes, id.Key())
	}
}

// OutsidePlace is a place outside all networks that a service works at for a resource, which need not exist: it has an
// address of its own, and no identity.
func OutsidePlace(id ResourceID) Place {
	address := derive(outsideOutbound, id.Key(), 1)
	return Place{Name: address.String(), Kind: PlaceInternet, Address: address}
}

// With is the place with the identities of another, and its metadata service: a machine there that works for the other's
// resource. What it is called is the other's name.
func (p Place) With(other Place) Place {
	p.Name, p.Kind, p.Resource = other.Name, other.Kind, other.Resource
	p.System, p.UserAssigned, p.HasIMDS = other.System, other.UserAssigned, other.HasIMDS
	return p
}
