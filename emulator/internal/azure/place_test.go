package azure

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const group = "/subscriptions/acac10ca-2000-4000-8000-000000000001/resourceGroups/demo/providers/"

// geography is a small imagined network: a hub with an endpoint of myregistry, a spoke peered with it, an island that
// is peered one way only, and two networks with the same addresses.
var geography = []string{
	`{"id": "` + group + `Microsoft.ContainerRegistry/registries/myregistry", "location": "westeurope", "sku": {"name": "Premium"}, "properties": {}}`,
	`{"id": "` + group + `Microsoft.ContainerRegistry/registries/my", "location": "westeurope", "sku": {"name": "Premium"}, "properties": {}}`,
	`{"id": "` + group + `Microsoft.ContainerRegistry/registries/myregistry/tasks/nightly", "identity": {"type": "SystemAssigned"}}`,
	`{"id": "` + group + `Microsoft.ContainerRegistry/registries/myregistry/privateEndpointConnections/hub-endpoint.1",
		"properties": {"privateEndpoint": {"id": "` + group + `Microsoft.Network/privateEndpoints/hub-endpoint"},
		"privateLinkServiceConnectionState": {"status": "Approved"}}}`,
	`{"id": "` + group + `Microsoft.Network/privateEndpoints/hub-endpoint", "properties": {
		"subnet": {"id": "` + group + `Microsoft.Network/virtualNetworks/hub/subnets/endpoints"},
		"privateLinkServiceConnections": [{"properties": {"privateLinkServiceId": "` + group + `Microsoft.ContainerRegistry/registries/myregistry"}}],
		"customDnsConfigs": [{"fqdn": "myregistry.azurecr.io", "ipAddresses": ["10.0.1.5"]}],
		"networkInterfaces": [{"id": "` + group + `Microsoft.Network/networkInterfaces/hub-endpoint-nic"}]}}`,
	`{"id": "` + group + `Microsoft.Network/networkInterfaces/hub-endpoint-nic", "properties": {
		"privateEndpoint": {"id": "` + group + `Microsoft.Network/privateEndpoints/hub-endpoint"},
		"ipConfigurations": [{"properties": {"privateIPAddress": "10.0.1.4"}}, {"properties": {"privateIPAddress": "10.0.1.5"}}]}}`,
	`{"id": "` + group + `Microsoft.Network/virtualNetworks/hub", "properties": {
		"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
		"subnets": [{"name": "endpoints", "properties": {"addressPrefix": "10.0.1.0/24"}},
			{"name": "app", "properties": {"addressPrefix": "10.0.2.0/24", "serviceEndpoints": [{"service": "microsoft.containerregistry"}]}}],
		"virtualNetworkPeerings": [
			{"name": "to-spoke", "properties": {"remoteVirtualNetwork": {"id": "` + group + `Microsoft.Network/virtualNetworks/spoke"}}},
			{"name": "to-island", "properties": {"remoteVirtualNetwork": {"id": "` + group + `Microsoft.Network/virtualNetworks/island"}}}]}}`,
	`{"id": "` + group + `Microsoft.Network/virtualNetworks/spoke", "properties": {"addressSpace": {"addressPrefixes": ["10.1.0.0/16"]}}}`,
	`{"id": "` + group + `Microsoft.Network/virtualNetworks/spoke/virtualNetworkPeerings/to-hub", "properties": {
		"remoteVirtualNetwork": {"id": "` + group + `Microsoft.Network/virtualNetworks/HUB"}, "peeringState": "Connected"}}`,
	`{"id": "` + group + `Microsoft.Network/virtualNetworks/spoke/subnets/app", "properties": {"addressPrefixes": ["10.1.1.0/24"],
		"serviceEndpoints": [{"service": "Microsoft.ContainerRegistry", "locations": ["*"]}],
		"natGateway": {"id": "` + group + `Microsoft.Network/natGateways/way-out"}}}`,
	`{"id": "` + group + `Microsoft.Network/virtualNetworks/island", "properties": {"addressSpace": {"addressPrefixes": ["10.2.0.0/16"]}}}`,
	`{"id": "` + group + `Microsoft.Network/virtualNetworks/twin-a", "properties": {"addressSpace": {"addressPrefixes": ["172.16.0.0/24"]}}}`,
	`{"id": "` + group + `Microsoft.Network/virtualNetworks/twin-b", "properties": {"addressSpace": {"addressPrefixes": ["172.16.0.0/20"]}}}`,
	`{"id": "` + group + `Microsoft.Network/natGateways/way-out", "properties": {"publicIpAddresses": [{"id": "` + group + `Microsoft.Network/publicIPAddresses/nat-ip"}]}}`,
	`{"id": "` + group + `Microsoft.Network/publicIPAddresses/nat-ip", "properties": {"ipAddress": "203.0.113.50"}}`,
	`{"id": "` + group + `Microsoft.Network/publicIPAddresses/jumpbox-ip", "properties": {"ipAddress": "203.0.113.60"}}`,
	`{"id": "` + group + `Microsoft.Network/networkInterfaces/jumpbox-nic", "properties": {"ipConfigurations": [{"properties": {
		"privateIPAddress": "10.0.2.9", "subnet": {"id": "` + group + `Microsoft.Network/virtualNetworks/hub/subnets/app"},
		"publicIPAddress": {"id": "` + group + `Microsoft.Network/publicIPAddresses/jumpbox-ip"}}}]}}`,
	`{"id": "` + group + `Microsoft.Compute/virtualMachines/jumpbox", "identity": {"type": "UserAssigned", "userAssignedIdentities": {"` + group + `Microsoft.ManagedIdentity/userAssignedIdentities/builder": {}}},
		"properties": {"networkProfile": {"networkInterfaces": [{"id": "` + group + `Microsoft.Network/networkInterfaces/jumpbox-nic"}]}}}`,
	`{"id": "` + group + `Microsoft.ManagedIdentity/userAssignedIdentities/builder"}`,
	`{"id": "` + group + `Microsoft.ContainerInstance/containerGroups/worker", "identity": {"type": "SystemAssigned"}, "properties": {"ipAddress": {"ip": "203.0.113.70", "type": "Public"}}}`,
	`{"id": "` + group + `Microsoft.ContainerInstance/containerGroups/inner", "properties": {"ipAddress": {"ip": "10.1.1.7", "type": "Private"},
		"subnetIds": [{"id": "` + group + `Microsoft.Network/virtualNetworks/spoke/subnets/app"}]}}`,
	`{"id": "` + group + `Microsoft.Web/sites/shop", "properties": {}}`,
}

// zoneLink links the private DNS zone to a network.
func zoneLink(network string) string {
	return `{"id": "` + group + `Microsoft.Network/privateDnsZones/privatelink.azurecr.io/virtualNetworkLinks/` + network +
		`", "properties": {"virtualNetwork": {"id": "` + group + `Microsoft.Network/virtualNetworks/` + network + `"}}}`
}

// stateOf makes a state of documents, later ones replacing earlier ones. It skips validation: other tests have that.
func stateOf(t *testing.T, documents ...string) *State {
	t.Helper()
	var c Change
	for _, text := range documents {
		d, err := ParseDocument([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		c.Put = append(c.Put, d)
	}
	s, err := (*State)(nil).apply(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func key(tail string) string { return Fold(group + tail) }

func TestResolvePlace(t *testing.T) {
	s := stateOf(t, geography...)
	worker := Place{
		Name: "containerGroups/worker", Kind: PlaceResource, HasIMDS: true, Address: netip.MustParseAddr("203.0.113.70"),
		Resource: key("Microsoft.ContainerInstance/containerGroups/worker"), System: key("Microsoft.ContainerInstance/containerGroups/worker"),
	}
	hub, spoke := key("Microsoft.Network/virtualNetworks/hub"), key("Microsoft.Network/virtualNetworks/spoke")
	jumpbox := Place{
		Name: "virtualMachines/jumpbox", Kind: PlaceResource, HasIMDS: true,
		Address: netip.MustParseAddr("203.0.113.60"), Private: netip.MustParseAddr("10.0.2.9"),
		Network: hub, Subnet: hub + "/subnets/app", Resource: key("Microsoft.Compute/virtualMachines/jumpbox"),
		UserAssigned: []string{key("Microsoft.ManagedIdentity/userAssignedIdentities/builder")},
	}
	known := func(p Place, name string) Place { p.Name = name; return p }
	for _, c := range []struct {
		name string
		want Place
	}{
		{"203.0.113.7", Place{Name: "203.0.113.7", Kind: PlaceInternet, Address: netip.MustParseAddr("203.0.113.7")}},
		{"2001:db8::1", Place{Name: "2001:db8::1", Kind: PlaceInternet, Address: netip.MustParseAddr("2001:db8::1")}},
		{"2001-db8--1", Place{Name: "2001:db8::1", Kind: PlaceInternet, Address: netip.MustParseAddr("2001:db8::1")}},
		{"::ffff:203.0.113.7", Place{Name: "203.0.113.7", Kind: PlaceInternet, Address: netip.MustParseAddr("203.0.113.7")}},
		{"containerGroups/worker", worker},
		{"CONTAINERGROUPS/Worker", worker},
		{"containerGroups%2Fworker", worker},
		{"worker", worker},
		{group + "Microsoft.ContainerInstance/containerGroups/worker", worker},
		{"203.0.113.70", known(worker, "203.0.113.70")},
		{"virtualMachines/jumpbox", jumpbox},
		{"10.0.2.9", known(jumpbox, "10.0.2.9")},
		{"203.0.113.60", known(jumpbox, "203.0.113.60")},
		{"10.0.2.77", Place{
			Name: "10.0.2.77", Kind: PlaceNetwork, HasIMDS: true, Network: hub, Subnet: hub + "/subnets/app",
			Private: netip.MustParseAddr("10.0.2.77"), Address: netip.MustParseAddr("198.51.100.94"),
		}},
		{"10.0.200.1", Place{
			Name: "10.0.200.1", Kind: PlaceNetwork, HasIMDS: true, Network: hub,
			Private: netip.MustParseAddr("10.0.200.1"), Address: netip.MustParseAddr("198.51.100.98"),
		}},
		{"virtualNetworks/hub/subnets/app", Place{
			Name: "virtualNetworks/hub/subnets/app", Kind: PlaceNetwork, HasIMDS: true, Network: hub, Subnet: hub + "/subnets/app",
			Private: netip.MustParseAddr("10.0.2.166"), Address: netip.MustParseAddr("198.51.100.94"),
		}},
		{"spoke/subnets/app", Place{
			Name: "virtualNetworks/spoke/subnets/app", Kind: PlaceNetwork, HasIMDS: true, Network: spoke, Subnet: spoke + "/subnets/app",
			Private: netip.MustParseAddr("10.1.1.165"), Address: netip.MustParseAddr("203.0.113.50"),
		}},
		{"containerGroups/inner", Place{
			Name: "containerGroups/inner", Kind: PlaceResource, HasIMDS: true, Network: spoke, Subnet: spoke + "/subnets/app",
			Private: netip.MustParseAddr("10.1.1.7"), Address: netip.MustParseAddr("203.0.113.50"),
			Resource: key("Microsoft.ContainerInstance/containerGroups/inner"),
		}},
		{"tasks/nightly", Place{
			Name: "tasks/nightly", Kind: PlaceResource, HasIMDS: true, Address: netip.MustParseAddr("198.19.25.57"),
			Resource: key("Microsoft.ContainerRegistry/registries/myregistry/tasks/nightly"),
			System:   key("Microsoft.ContainerRegistry/registries/myregistry/tasks/nightly"),
		}},
		{"sites/shop", Place{
			Name: "sites/shop", Kind: PlaceResource, Address: netip.MustParseAddr("198.19.165.230"),
			Resource: key("Microsoft.Web/sites/shop"),
		}},
		{"Service/Defender", Place{Name: "service/defender", Kind: PlaceService, Address: netip.MustParseAddr("198.19.73.248")}},
	} {
		got, err := ResolvePlace(s, c.name)
		if err != nil {
			t.Errorf("ResolvePlace(%q): %v", c.name, err)
		} else if diff := cmp.Diff(c.want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("ResolvePlace(%q) (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestResolvePlaceUnknown(t *testing.T) {
	s := stateOf(t, geography...)
	for _, c := range []struct {
		name, problem string
		near          []string
	}{
		{"containerGroups/wroker", "unknown", []string{"containerGroups/worker"}},
		{"Groups/worker", "unknown", []string{"containerGroups/worker"}},
		{"subnets/app", "more than one resource ends so", []string{"virtualNetworks/spoke/subnets/app", "virtualNetworks/hub/subnets/app"}},
		{"10.99.0.1", "a private address that no virtual network contains", nil},
		{"172.16.0.9", "a private address that several virtual networks contain", []string{"virtualNetworks/twin-a", "virtualNetworks/twin-b"}},
		{"127.0.0.1", "a private address that no virtual network contains", nil},
		{"169.254.169.254", "a private address that no virtual network contains", nil},
		{"100.64.0.1", "a private address that no virtual network contains", nil},
		{"fd00--1", "a private address that no virtual network contains", nil},
		{"0.0.0.0", "nothing has this address", nil},
		{"224.0.0.1", "nothing has this address", nil},
		{"fe80::1%25eth0", "unknown", nil},
		{"", "unknown", nil},
		{"/", "unknown", nil},
		{"registries/myregistry", "unknown", nil},
		{"userAssignedIdentities/builder", "unknown", nil},
		{"service/defendr", "unknown", []string{"service/defender"}},
		{"%zz", "a per cent sign is not followed by two hexadecimal digits", nil},
		{strings.Repeat("a", 3000), "longer than 2048 bytes", nil},
	} {
		_, err := ResolvePlace(s, c.name)
		unknown, ok := errors.AsType[*UnknownPlaceError](err)
		if !ok {
			t.Errorf("ResolvePlace(%.40q) = %v, want an unknown place", c.name, err)
			continue
		}
		if unknown.Problem != c.problem {
			t.Errorf("ResolvePlace(%.40q): %q, want %q", c.name, unknown.Problem, c.problem)
		}
		for _, near := range c.near {
			if !strings.Contains(err.Error(), near) {
				t.Errorf("ResolvePlace(%.40q): %v does not name %q", c.name, err, near)
			}
		}
	}
}

func TestPeerResource(t *testing.T) {
	s := stateOf(t, geography...)
	for addr, want := range map[string]string{
		"203.0.113.70": "containerGroups/worker", "10.1.1.7": "containerGroups/inner", "10.0.2.9": "virtualMachines/jumpbox",
		"203.0.113.60": "virtualMachines/jumpbox", "::ffff:10.0.2.9": "virtualMachines/jumpbox",
		"10.0.1.4": "", "10.0.2.10": "", "203.0.113.50": "",
	} {
		p, ok := PeerResource(s, netip.MustParseAddr(addr))
		if p.Name != want || ok != (want != "") {
			t.Errorf("PeerResource(%s) = %q, %t, want %q", addr, p.Name, ok, want)
		}
	}
	if _, ok := PeerResource(s, netip.Addr{}); ok {
		t.Error("the zero address belongs to a resource")
	}
	twice := append(geography[:len(geography):len(geography)], `{"id": "`+group+`Microsoft.ContainerInstance/containerGroups/other", "properties": {"ipAddress": {"ip": "203.0.113.70"}}}`)
	if p, ok := PeerResource(stateOf(t, twice...), netip.MustParseAddr("203.0.113.70")); ok {
		t.Errorf("an address that two resources show is %q", p.Name)
	}
}

func TestEndpointAddresses(t *testing.T) {
	s := stateOf(t, geography...)
	d, _ := s.Get(group + "Microsoft.Network/privateEndpoints/hub-endpoint")
	want := []netip.Addr{netip.MustParseAddr("10.0.1.4"), netip.MustParseAddr("10.0.1.5")}
	if diff := cmp.Diff(want, EndpointAddresses(s.Get, *d), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func FuzzResolvePlace(f *testing.F) {
	for _, name := range []string{"203.0.113.7", "2001-db8--1", "containerGroups/worker", "%2f", "service/import", "//", "sites"} {
		f.Add(name)
	}
	var t testing.T
	s := stateOf(&t, geography...)
	f.Fuzz(func(t *testing.T, name string) {
		p, err := ResolvePlace(s, name)
		if err != nil {
			return
		}
		if !p.Address.IsValid() {
			t.Fatalf("%q has no address: %+v", name, p)
		}
		again, err := ResolvePlace(s, p.Name)
		if err != nil || cmp.Diff(p, again, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })) != "" {
			t.Fatalf("%q is %+v, but its name %q is %+v, %v", name, p, p.Name, again, err)
		}
	})
}
