package azure

import (
	"net/netip"
	"strings"
)

// PrivateLinkZone is the private DNS zone that leads a network to a registry's private endpoint (acr-behaviour §7).
const PrivateLinkZone = "privatelink.azurecr.io"

// VirtualNetwork is what the emulator knows of a Microsoft.Network/virtualNetworks document.
type VirtualNetwork struct {
	ID       ResourceID
	Prefixes []netip.Prefix // properties.addressSpace.addressPrefixes
	Subnets  []Subnet       // those written inside the document; SubnetsOf has also the child documents
	Peerings []Peering      // likewise
}

// Subnet is a part of a virtual network.
type Subnet struct {
	ID         ResourceID
	Prefixes   []netip.Prefix // properties.addressPrefix or addressPrefixes
	NATGateway ResourceID     // properties.natGateway.id
	// ServiceEndpoints are the services that see the subnet itself, and not its address on the internet, such as
	// Microsoft.ContainerRegistry (acr-behaviour §1.2 row 12).
	ServiceEndpoints []string
}

// Network returns the ID of the virtual network that the subnet is in.
func (s Subnet) Network() ResourceID {
	network, _ := s.ID.Parent()
	return network
}

// Peering is one direction of a connection of two virtual networks. Traffic flows where both directions are open.
type Peering struct {
	ID     ResourceID
	Remote ResourceID // properties.remoteVirtualNetwork.id
	Open   bool       // connected, and allowed to reach the network
}

// PrivateEndpoint is a network's door to a registry. Whether it is open, the registry's connection says.
type PrivateEndpoint struct {
	ID         ResourceID
	Subnet     ResourceID
	Registries []ResourceID // what its connections lead to, automatic and manual ones
	Interfaces []ResourceID // its network interfaces
	Addresses  []netip.Addr // those that the document itself shows; EndpointAddresses has also the interfaces'
	// Static are the addresses that its author chose, by folded name of the member.
	Static map[string]netip.Addr
}

// Network returns the ID of the virtual network that the endpoint stands in.
func (e PrivateEndpoint) Network() ResourceID {
	network, _ := e.Subnet.Parent()
	return network
}

// PrivateDNSZoneLink makes the names of a private DNS zone known in a virtual network.
type PrivateDNSZoneLink struct {
	ID      ResourceID
	Network ResourceID
}

// Zone returns the zone's name, folded.
func (l PrivateDNSZoneLink) Zone() string {
	zone, _ := l.ID.Parent()
	return Fold(zone.Name())
}

// NATGateway gives the subnets that use it their address on the internet.
type NATGateway struct {
	ID        ResourceID
	Addresses []ResourceID // its Microsoft.Network/publicIPAddresses
	Prefixes  []ResourceID // its Microsoft.Network/publicIPPrefixes
}

// PublicIPAddress is an address on the internet; the zero Address is not allocated yet.
type PublicIPAddress struct {
	ID      ResourceID
	Address netip.Addr
}

// PublicIPPrefix is a range of addresses on the internet; the zero Prefix is not allocated yet.
type PublicIPPrefix struct {
	ID     ResourceID
	Prefix netip.Prefix
}

// NetworkInterface connects a virtual machine, or a private endpoint, to a subnet.
type NetworkInterface struct {
	ID              ResourceID
	VirtualMachine  ResourceID
	PrivateEndpoint ResourceID
	Addresses       []InterfaceAddress
}

// InterfaceAddress is one IP configuration of a network interface.
type InterfaceAddress struct {
	Name    string
	Private netip.Addr
	Subnet  ResourceID
	Public  ResourceID // its public IP address, if any
}

// ReadVirtualNetwork reads a virtual network. The error names the member that cannot be read.
func ReadVirtualNetwork(d Document) (VirtualNetwork, error) {
	f := fieldsOf(d)
	p := f.in("properties")
	n := VirtualNetwork{ID: d.ID, Prefixes: p.in("addressSpace").prefixes("addressPrefixes")}
	for _, item := range p.list("subnets") {
		n.Subnets = append(n.Subnets, readSubnet(item, item.childID("subnets")))
	}
	for _, item := range p.list("virtualNetworkPeerings") {
		n.Peerings = append(n.Peerings, readPeering(item, item.childID("virtualNetworkPeerings")))
	}
	return n, f.err()
}

// ReadSubnet reads a subnet's own document.
func ReadSubnet(d Document) (Subnet, error) {
	f := fieldsOf(d)
	return readSubnet(f, d.ID), f.err()
}

func readSubnet(f fields, id ResourceID) Subnet {
	p := f.in("properties")
	prefixes := p.prefixes("addressPrefixes")
	if single := p.text("addressPrefix"); single != "" {
		prefixes = append(prefixes, p.prefix("addressPrefix", single)...)
	}
	s := Subnet{ID: id, Prefixes: prefixes, NATGateway: p.in("natGateway").idOf("id")}
	for _, item := range p.list("serviceEndpoints") {
		s.ServiceEndpoints = append(s.ServiceEndpoints, item.text("service"))
	}
	return s
}

// ReadPeering reads a peering's own document. A peering that says nothing of its state is connected, and lets the other
// network in.
func ReadPeering(d Document) (Peering, error) {
	f := fieldsOf(d)
	return readPeering(f, d.ID), f.err()
}

func readPeering(f fields, id ResourceID) Peering {
	p := f.in("properties")
	connected := p.choice("peeringState", "Connected", "Connected", "Initiated", "Disconnected") == "Connected"
	return Peering{
		ID:     id,
		Remote: p.in("remoteVirtualNetwork").idOf("id"),
		Open:   connected && p.flag("allowVirtualNetworkAccess", true),
	}
}

// ReadPrivateEndpoint reads a private endpoint.
func ReadPrivateEndpoint(d Document) (PrivateEndpoint, error) {
	f := fieldsOf(d)
	p := f.in("properties")
	e := PrivateEndpoint{ID: d.ID, Subnet: p.in("subnet").idOf("id"), Static: map[string]netip.Addr{}}
	for _, name := range []string{"privateLinkServiceConnections", "manualPrivateLinkServiceConnections"} {
		for _, c := range p.list(name) {
			e.Registries = append(e.Registries, c.in("properties").idOf("privateLinkServiceId"))
		}
	}
	for _, item := range p.list("networkInterfaces") {
		e.Interfaces = append(e.Interfaces, item.idOf("id"))
	}
	for _, item := range p.list("customDnsConfigs") {
		e.Addresses = append(e.Addresses, item.addresses("ipAddresses")...)
	}
	for _, item := range p.list("ipConfigurations") {
		c := item.in("properties")
		address := c.address("privateIPAddress")
		e.Addresses = appendValid(e.Addresses, address)
		e.Static[Fold(c.text("memberName"))] = address
	}
	return e, f.err()
}

// ReadPrivateDNSZoneLink reads a link between a private DNS zone and a virtual network.
func ReadPrivateDNSZoneLink(d Document) (PrivateDNSZoneLink, error) {
	f := fieldsOf(d)
	return PrivateDNSZoneLink{ID: d.ID, Network: f.in("properties", "virtualNetwork").idOf("id")}, f.err()
}

// ReadNATGateway reads a NAT gateway.
func ReadNATGateway(d Document) (NATGateway, error) {
	f := fieldsOf(d)
	g := NATGateway{ID: d.ID}
	for _, item := range f.in("properties").list("publicIpAddresses") {
		g.Addresses = append(g.Addresses, item.idOf("id"))
	}
	for _, item := range f.in("properties").list("publicIpPrefixes") {
		g.Prefixes = append(g.Prefixes, item.idOf("id"))
	}
	return g, f.err()
}

// ReadPublicIPAddress reads a public IP address.
func ReadPublicIPAddress(d Document) (PublicIPAddress, error) {
	f := fieldsOf(d)
	return PublicIPAddress{ID: d.ID, Address: f.in("properties").address("ipAddress")}, f.err()
}

// ReadPublicIPPrefix reads a public IP prefix.
func ReadPublicIPPrefix(d Document) (PublicIPPrefix, error) {
	f := fieldsOf(d)
	p := f.in("properties")
	v := PublicIPPrefix{ID: d.ID}
	if text := p.text("ipPrefix"); text != "" {
		for _, prefix := range p.prefix("ipPrefix", text) {
			v.Prefix = prefix
		}
	}
	return v, f.err()
}

// ReadNetworkInterface reads a network interface.
func ReadNetworkInterface(d Document) (NetworkInterface, error) {
	f := fieldsOf(d)
	p := f.in("properties")
	n := NetworkInterface{
		ID:              d.ID,
		VirtualMachine:  p.in("virtualMachine").idOf("id"),
		PrivateEndpoint: p.in("privateEndpoint").idOf("id"),
	}
	for _, item := range p.list("ipConfigurations") {
		c := item.in("properties")
		n.Addresses = append(n.Addresses, InterfaceAddress{
			Name:    item.text("name"),
			Private: c.address("privateIPAddress"),
			Subnet:  c.in("subnet").idOf("id"),
			Public:  c.in("publicIPAddress").idOf("id"),
		})
	}
	return n, f.err()
}

// childID returns the ID of a child that is written inside its parent's document.
func (f fields) childID(kind string) ResourceID {
	id, err := f.id.Child(kind, f.text("name"))
	if err != nil || strings.Contains(f.text("name"), "/") {
		f.fail(CodeInvalidName, "name", "%q is not a name of %s", f.text("name"), kind)
	}
	return id
}

// address reads an IP address; a missing one is the zero Addr.
func (f fields) address(name string) netip.Addr {
	text := f.text(name)
	if text == "" {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		f.fail(CodeInvalid, name, "%q is not an IP address", text)
	}
	return addr.Unmap()
}

func (f fields) addresses(name string) []netip.Addr {
	var addrs []netip.Addr
	for _, text := range f.texts(name) {
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			f.fail(CodeInvalid, name, "%q is not an IP address", text)
		}
		addrs = appendValid(addrs, addr.Unmap())
	}
	return addrs
}

func appendValid(addrs []netip.Addr, addr netip.Addr) []netip.Addr {
	if !addr.IsValid() {
		return addrs
	}
	return append(addrs, addr)
}

func (f fields) prefixes(name string) []netip.Prefix {
	var prefixes []netip.Prefix
	for _, text := range f.texts(name) {
		prefixes = append(prefixes, f.prefix(name, text)...)
	}
	return prefixes
}

// prefix reads one address range: none if it cannot be read.
func (f fields) prefix(name, text string) []netip.Prefix {
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		f.fail(CodeInvalid, name, "%q is not an address range such as 10.0.0.0/16", text)
		return nil
	}
	return []netip.Prefix{prefix.Masked()}
}
