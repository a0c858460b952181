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
	Fold(TypeContainerGroup):      attachContainerGroup,
	Fold(TypeVirtualMachine):      attachVirtualMachine,
	Fold(TypeNetworkInterface):    attachInterface,
	Fold(TypeWebSite):             attachBy("virtualNetworkSubnetId"),
	Fold(TypeWebSlot):             attachBy("virtualNetworkSubnetId"),
	Fold(TypeAgentPool):           attachBy("virtualNetworkSubnetResourceId"),
	Fold(TypeAppEnvironment):      attachEnvironment,
	Fold(TypeBatchPool):           attachBy("networkConfiguration", "subnetId"),
	Fold(TypeMachineLearningNode): attachBy("properties", "subnet", "id"),
	Fold(TypeContainerApp):        attachByEnvironment,
	Fold(TypeContainerAppJob):     attachByEnvironment,
	Fold(TypeManagedCluster):      attachCluster,
	Fold(TypeNodePool):            attachNodePool,
	Fold(TypeScaleSet):            attachScaleSet,
	Fold(TypeScaleSetInstance):    attachByParent(attachScaleSet),
}

func attachmentOf(s *State, d Document) attachment {
	read, ok := attachments[Fold(d.Type())]
	if !ok {
		return attachment{}
	}
	return read(s, d)
}

// attachBy reads the subnet's ID at a path below properties.
func attachBy(path ...string) func(*State, Document) attachment {
	above, member := path[:len(path)-1], path[len(path)-1]
	return func(_ *State, d Document) attachment {
		return attachment{subnet: fieldsOf(d).in("properties").in(above...).idOf(member)}
	}
}

var attachEnvironment = attachBy("vnetConfiguration", "infrastructureSubnetId")

// attachByEnvironment is for container apps, which stand where their environment does.
func attachByEnvironment(s *State, d Document) attachment {
	p := fieldsOf(d).in("properties")
	for _, member := range []string{"environmentId", "managedEnvironmentId"} {
		if environment, ok := s.Get(p.idOf(member).Key()); ok {
			return attachEnvironment(s, *environment)
		}
	}
	return attachment{}
}

func attachByParent(read func(*State, Document) attachment) func(*State, Document) attachment {
	return func(s *State, d Document) attachment {
		parent, _ := d.ID.Parent()
		above, ok := s.Get(parent.Key())
		if !ok {
			return attachment{}
		}
		return read(s, *above)
	}
}

func attachCluster(_ *State, d Document) attachment {
	return firstSubnet(fieldsOf(d).in("properties").list("agentPoolProfiles"), "vnetSubnetID")
}

// attachNodePool reads the pool's own subnet, or else the cluster's.
func attachNodePool(s *State, d Document) attachment {
	if id := fieldsOf(d).in("properties").idOf("vnetSubnetID"); !id.IsZero() {
		return attachment{subnet: id}
	}
	return attachByParent(attachCluster)(s, d)
}

// attachScaleSet reads the first subnet of the network interfaces that a scale set gives its instances.
func attachScaleSet(_ *State, d Document) attachment {
	profile := fieldsOf(d).in("properties", "virtualMachineProfile", "networkProfile")
	for _, nic := range profile.list("networkInterfaceConfigurations") {
		for _, configuration := range nic.in("properties").list("ipConfigurations") {
			if id := configuration.in("properties", "subnet").idOf("id"); !id.IsZero() {
				return attachment{subnet: id}
			}
		}
	}
	return attachment{}
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
	for _, d := range s.showing()[addr] {
		if d.Is(TypeNetworkInterface) {
			d = machineOf(s, d, view(s, d.ID, ReadNetworkInterface))
		}
		owners[d.ID.Key()] = d
	}
	for _, d := range owners {
		return d, len(owners) == 1
	}
	return nil, false
}

// showing returns the container groups and network interfaces by the addresses that they show. It is found out once for a
// state, since every connection asks.
func (s *State) showing() map[netip.Addr][]*Document {
	if s == nil {
		return nil
	}
	s.shownOnce.Do(func() {
		s.shown = map[netip.Addr][]*Document{}
		for _, d := range s.OfType(TypeContainerGroup) {
			a := attachContainerGroup(s, *d)
			s.show(d, a.private, a.public)
		}
		for _, d := range s.OfType(TypeNetworkInterface) {
			n := view(s, d.ID, ReadNetworkInterface)
			if !n.PrivateEndpoint.IsZero() {
				continue
			}
			for _, a := range n.Addresses {
				s.show(d, a.Private, s.publicAddress(a.Public))
			}
		}
	})
	return s.shown
}

func (s *State) show(d *Document, addresses ...netip.Addr) {
	for _, addr := range addresses {
		if addr.IsValid() {
			s.shown[addr] = append(s.shown[addr], d)
		}
	}
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
