package azure

import (
	"errors"
	"testing"
)

func TestNetworkViewsNameWhatTheyCannotRead(t *testing.T) {
	for _, c := range []struct{ tail, body, target string }{
		{"Microsoft.Network/virtualNetworks/n", `{"properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0"]}}}`, "properties.addressSpace.addressPrefixes"},
		{"Microsoft.Network/virtualNetworks/n", `{"properties": {"subnets": [{"name": "a/b"}]}}`, "properties.subnets[0].name"},
		{"Microsoft.Network/virtualNetworks/n", `{"properties": {"subnets": [{"name": "a", "properties": {"addressPrefix": "x"}}]}}`, "properties.subnets[0].properties.addressPrefix"},
		{"Microsoft.Network/virtualNetworks/n", `{"properties": {"virtualNetworkPeerings": [{"name": "a", "properties": {"peeringState": "Odd"}}]}}`, "properties.virtualNetworkPeerings[0].properties.peeringState"},
		{"Microsoft.Network/virtualNetworks/n/subnets/s", `{"properties": {"natGateway": {"id": "nat"}}}`, "properties.natGateway.id"},
		{"Microsoft.Network/virtualNetworks/n/virtualNetworkPeerings/p", `{"properties": {"allowVirtualNetworkAccess": "no"}}`, "properties.allowVirtualNetworkAccess"},
		{"Microsoft.Network/privateEndpoints/e", `{"properties": {"customDnsConfigs": [{"ipAddresses": ["10.0.0.300"]}]}}`, "properties.customDnsConfigs[0].ipAddresses"},
		{"Microsoft.Network/privateEndpoints/e", `{"properties": {"ipConfigurations": [{"properties": {"privateIPAddress": "fe80::1%eth0"}}]}}`, "properties.ipConfigurations[0].properties.privateIPAddress"},
		{"Microsoft.Network/privateDnsZones/z/virtualNetworkLinks/l", `{"properties": {"virtualNetwork": 1}}`, "properties.virtualNetwork"},
		{"Microsoft.Network/natGateways/g", `{"properties": {"publicIpAddresses": [1]}}`, "properties.publicIpAddresses[0]"},
		{"Microsoft.Network/publicIPAddresses/p", `{"properties": {"ipAddress": "x"}}`, "properties.ipAddress"},
		{"Microsoft.Network/networkInterfaces/i", `{"properties": {"ipConfigurations": {}}}`, "properties.ipConfigurations"},
	} {
		d, err := ParseDocument([]byte(`{"id": "` + group + c.tail + `", ` + c.body[1:]))
		if err != nil {
			t.Fatal(err)
		}
		wrong, ok := errors.AsType[*Error](readNetwork(d))
		if !ok || wrong.Target != c.target {
			t.Errorf("%s %s: %v, want an error about %s", c.tail, c.body, wrong, c.target)
		}
	}
}

// readNetwork reads a document with the view of its type.
func readNetwork(d Document) (err error) {
	switch d.Type() {
	case TypeVirtualNetwork:
		_, err = ReadVirtualNetwork(d)
	case TypeSubnet:
		_, err = ReadSubnet(d)
	case TypePeering:
		_, err = ReadPeering(d)
	case TypePrivateEndpoint:
		_, err = ReadPrivateEndpoint(d)
	case TypePrivateDNSZoneLink:
		_, err = ReadPrivateDNSZoneLink(d)
	case TypeNATGateway:
		_, err = ReadNATGateway(d)
	case TypePublicIPAddress:
		_, err = ReadPublicIPAddress(d)
	case TypeNetworkInterface:
		_, err = ReadNetworkInterface(d)
	}
	return err
}

func TestAttachmentsOfOtherResources(t *testing.T) {
	app := group + "Microsoft.Network/virtualNetworks/hub/subnets/app"
	s := stateOf(t, append(geography[:len(geography):len(geography)],
		`{"id": "`+group+`Microsoft.Network/networkInterfaces/lone-nic", "properties": {"ipConfigurations": [{"properties": {"privateIPAddress": "10.0.2.20", "subnet": {"id": "`+app+`"}}}]}}`,
		`{"id": "`+group+`Microsoft.Network/networkInterfaces/back-nic", "properties": {"virtualMachine": {"id": "`+group+`Microsoft.Compute/virtualMachines/back"},
			"ipConfigurations": [{"properties": {"privateIPAddress": "10.0.2.21", "subnet": {"id": "`+app+`"}}}]}}`,
		`{"id": "`+group+`Microsoft.Compute/virtualMachines/back", "properties": {}}`,
		`{"id": "`+group+`Microsoft.Web/sites/inside", "properties": {"virtualNetworkSubnetId": "`+app+`"}}`,
		`{"id": "`+group+`Microsoft.App/managedEnvironments/apps", "properties": {"vnetConfiguration": {"infrastructureSubnetId": "`+app+`"}}}`,
		`{"id": "`+group+`Microsoft.ContainerService/managedClusters/aks", "properties": {"agentPoolProfiles": [{"name": "none"}, {"vnetSubnetID": "`+app+`"}]}}`,
		`{"id": "`+group+`Microsoft.ContainerRegistry/registries/myregistry/agentPools/pool", "properties": {"virtualNetworkSubnetResourceId": "`+app+`"}}`,
	)...)
	for name, want := range map[string]struct {
		private string
		imds    bool
	}{
		"networkInterfaces/lone-nic": {"10.0.2.20", true}, "virtualMachines/back": {"10.0.2.21", true}, "sites/inside": {"", false},
		"managedEnvironments/apps": {"", false}, "managedClusters/aks": {"", true}, "agentPools/pool": {"", true},
	} {
		p, err := ResolvePlace(s, name)
		if err != nil || p.Subnet != Fold(app) || p.HasIMDS != want.imds || want.private != "" && p.Private.String() != want.private {
			t.Errorf("%s is %+v, %v", name, p, err)
		}
	}
	if p, ok := PeerResource(s, s.mustResolve(t, "virtualMachines/back").Private); !ok || p.Name != "virtualMachines/back" {
		t.Errorf("10.0.2.21 is %+v", p)
	}
}

func (s *State) mustResolve(t *testing.T, name string) Place {
	t.Helper()
	p, err := ResolvePlace(s, name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
