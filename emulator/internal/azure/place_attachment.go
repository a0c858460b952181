package azure

import (
	"net/netip"
	"strings"
)

// attachment is how a resource is attached to the network: as far as documents show it.
type attachment struct {
	subnet          ResourceID
	private, public netip.Addr
}

// attachments say, by folded type, where a document tells how its resource is attached. A type that is not here is
// outside all networks.
var attachments = map[string]func(*State, Document) attachment{
	Fold(TypeContainerGroup):   attachContainerGroup,
	Fold(TypeVirtualMachine):   attachVirtualMachine,
	Fold(TypeNetworkInterface): attachInterface,
	Fold(TypeWebSite):          attachBy("virtualNetworkSubnetId"),
	Fold(TypeAgentPool):        attachBy("virtualNetworkSubnetResourceId"),
	"microsoft.app/managedenvironments": func(_ *State, d Document) attachment {
		return attachment{subnet: fieldsOf(d).in("properties", "vnetConfiguration").idOf("infrastructureSubnetId")}
	},
	"microsoft.containerservice/managedclusters": func(_ *State, d Document) attachment {
		return firstSubnet(fieldsOf(d).in("properties").list("agentPoolProfiles"), "vnetSubnetID")
	},
}

// TypeAgentPool is a registry's pool of machines for tasks.
const TypeAgentPool = "Microsoft.ContainerRegistry/registries/agentPools"

func attachmentOf(s *State, d Document) attachment {
	read, ok := attachments[Fold(d.Type())]
	if !ok {
		return attachment{}
	}
	return read(s, d)
}

func attachBy(member string) func(*State, Document) attachment {
	return func(_ *State, d Document) attachment {
		return attachment{subnet: fieldsOf(d).in("properties").idOf(member)}
	}
}

func firstSubnet(items []fields, member string) attachment {
	for _, item := range items {
		if id := item.idOf(member); !id.IsZero() {
			return attachment{subnet: id}
		}
	}
	return attachment{}
}

// attachContainerGroup reads properties.subnetIds and properties.ipAddress, which is private in a subnet.
func attachContainerGroup(_ *State, d Document) attachment {
	p := fieldsOf(d).in("properties")
	a := firstSubnet(p.list("subnetIds"), "id")
	shown := p.in("ipAddress")
	if addr := shown.address("ip"); Fold(shown.text("type")) == "private" || isInside(addr) {
		a.private = addr
	} else {
		a.public = addr
	}
	return a
}

// attachVirtualMachine reads the first of the machine's network interfaces that is in a subnet.
func attachVirtualMachine(s *State, d Document) attachment {
	for _, item := range fieldsOf(d).in("properties", "networkProfile").list("networkInterfaces") {
		if a := attachmentBy(s, view(s, item.idOf("id"), ReadNetworkInterface)); !a.subnet.IsZero() {
			return a
		}
	}
	for _, nic := range s.OfType(TypeNetworkInterface) {
		if n := view(s, nic.ID, ReadNetworkInterface); n.VirtualMachine.Key() == d.ID.Key() {
			return attachmentBy(s, n)
		}
	}
	return attachment{}
}

func attachInterface(s *State, d Document) attachment {
	return attachmentBy(s, view(s, d.ID, ReadNetworkInterface))
}

func attachmentBy(s *State, n NetworkInterface) attachment {
	if len(n.Addresses) == 0 {
		return attachment{}
	}
	first := n.Addresses[0]
	return attachment{subnet: first.Subnet, private: first.Private, public: s.publicAddress(first.Public)}
}

// withoutIMDS are the namespaces whose resources have no instance metadata service: they get tokens by another way.
var withoutIMDS = []string{"microsoft.web", "microsoft.app"}

func hasIMDS(id ResourceID) bool {
	namespace, _, _ := strings.Cut(Fold(id.Type()), "/")
	for _, without := range withoutIMDS {
		if namespace == without {
			return false
		}
	}
	return true
}

// PeerResource finds the resource whose address a document shows: in properties.ipAddress.ip, in a network interface, or
// in a public IP address of one. It is how a peer on a real network is known. If several resources show the address,
// none is meant.
func PeerResource(s *State, addr netip.Addr) (Place, bool) {
	addr = addr.Unmap()
	owner, ok := ownerOf(s, addr)
	if !ok {
		return Place{}, false
	}
	p := resourcePlace(s, *owner)
	p.Name = shortName(placeIDs(s), owner.ID)
	return p, true
}

// ownerOf finds the one document whose resource has an address.
func ownerOf(s *State, addr netip.Addr) (*Document, bool) {
	owners := map[string]*Document{}
	for _, d := range s.OfType(TypeContainerGroup) {
		if a := attachContainerGroup(s, *d); addr.IsValid() && (a.private == addr || a.public == addr) {
			owners[d.ID.Key()] = d
		}
	}
	for _, d := range s.OfType(TypeNetworkInterface) {
		n := view(s, d.ID, ReadNetworkInterface)
		if n.PrivateEndpoint.IsZero() && n.has(s, addr) {
			owner := machineOf(s, d, n)
			owners[owner.ID.Key()] = owner
		}
	}
	for _, d := range owners {
		return d, len(owners) == 1
	}
	return nil, false
}

// has reports whether one of the interface's configurations has an address.
func (n NetworkInterface) has(s *State, addr netip.Addr) bool {
	for _, a := range n.Addresses {
		if addr.IsValid() && (a.Private == addr || s.publicAddress(a.Public) == addr) {
			return true
		}
	}
	return false
}

// machineOf returns the virtual machine of a network interface; or the interface, if it has none.
func machineOf(s *State, nic *Document, n NetworkInterface) *Document {
	if vm, ok := s.Get(n.VirtualMachine.Key()); ok {
		return vm
	}
	for _, vm := range s.OfType(TypeVirtualMachine) {
		for _, item := range fieldsOf(*vm).in("properties", "networkProfile").list("networkInterfaces") {
			if item.idOf("id").Key() == nic.ID.Key() {
				return vm
			}
		}
	}
	return nic
}
