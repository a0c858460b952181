package sdk

import (
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	network "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v6"

	"github.com/acrlocal/acrlocal/gate"
)

// TestNetwork builds a network with a way out of its own, and a private endpoint; the next pull takes the way that it made.
func TestNetwork(t *testing.T) {
	j := newJudge(t)
	ctx := t.Context()
	addresses, gateways := client(t, j, network.NewPublicIPAddressesClient), client(t, j, network.NewNatGatewaysClient)
	sentAddress := network.PublicIPAddress{
		Location: to.Ptr("westeurope"), SKU: &network.PublicIPAddressSKU{Name: to.Ptr(network.PublicIPAddressSKUNameStandard)},
		Properties: &network.PublicIPAddressPropertiesFormat{PublicIPAllocationMethod: to.Ptr(network.IPAllocationMethodStatic)},
	}
	address := must[network.PublicIPAddressesClientCreateOrUpdateResponse](t)(done(addresses.BeginCreateOrUpdate(ctx, group, "out", sentAddress, nil)))
	kept(t, sentAddress, address.PublicIPAddress)
	if address.Properties.IPAddress == nil {
		t.Fatal("a static address was not allocated")
	}
	sentGateway := network.NatGateway{
		Location: to.Ptr("westeurope"), SKU: &network.NatGatewaySKU{Name: to.Ptr(network.NatGatewaySKUNameStandard)},
		Properties: &network.NatGatewayPropertiesFormat{PublicIPAddresses: []*network.SubResource{{ID: address.ID}}},
	}
	gateway := must[network.NatGatewaysClientCreateOrUpdateResponse](t)(done(gateways.BeginCreateOrUpdate(ctx, group, "nat", sentGateway, nil)))
	kept(t, sentGateway, gateway.NatGateway)

	networks := client(t, j, network.NewVirtualNetworksClient)
	sent := network.VirtualNetwork{Location: to.Ptr("westeurope"), Properties: &network.VirtualNetworkPropertiesFormat{
		AddressSpace: &network.AddressSpace{AddressPrefixes: []*string{to.Ptr("10.20.0.0/16")}},
		Subnets: []*network.Subnet{{Name: to.Ptr("work"), Properties: &network.SubnetPropertiesFormat{
			AddressPrefix: to.Ptr("10.20.0.0/24"), NatGateway: &network.SubResource{ID: gateway.ID},
			ServiceEndpoints: []*network.ServiceEndpointPropertiesFormat{{Service: to.Ptr("Microsoft.Storage")}},
		}}},
	}}
	lan := must[network.VirtualNetworksClientCreateOrUpdateResponse](t)(done(networks.BeginCreateOrUpdate(ctx, group, "judged", sent, nil)))
	kept(t, sent, lan.VirtualNetwork)
	place := "virtualNetworks/judged/subnets/work"
	owner := j.Endpoints().ClientID
	j.At(place).As(owner).MustDeny("myregistry.azurecr.io/hello:v1", gate.IPNotAllowed)
	if d, refused := j.At(place).As(owner).Refused(); refused {
		t.Logf("denied: %v", d.Why)
	}

	subnets := client(t, j, network.NewSubnetsClient)
	sentSubnet := network.Subnet{Properties: &network.SubnetPropertiesFormat{AddressPrefix: to.Ptr("10.20.1.0/24")}}
	doors := must[network.SubnetsClientCreateOrUpdateResponse](t)(done(subnets.BeginCreateOrUpdate(ctx, group, "judged", "doors", sentSubnet, nil)))
	kept(t, sentSubnet, doors.Subnet)
	j.endpoint(t, doors.ID)
	// A network that sees the private zone only through a link of its own, which it has not, goes on to the public side.
	j.At(place).As(owner).MustDeny("myregistry.azurecr.io/hello:v1", gate.IPNotAllowed)
	got := must[network.VirtualNetworksClientGetResponse](t)(networks.Get(ctx, group, "judged", nil))
	if len(got.Properties.Subnets) != 2 {
		t.Errorf("%d subnets; want 2", len(got.Properties.Subnets))
	}
}

// endpoint makes a private endpoint of myregistry in a subnet, and looks at what comes with it.
func (j *judge) endpoint(t *testing.T, subnet *string) {
	t.Helper()
	ctx := t.Context()
	endpoints := client(t, j, network.NewPrivateEndpointsClient)
	sent := network.PrivateEndpoint{Location: to.Ptr("westeurope"), Properties: &network.PrivateEndpointProperties{
		Subnet: &network.Subnet{ID: subnet},
		PrivateLinkServiceConnections: []*network.PrivateLinkServiceConnection{{Name: to.Ptr("door"), Properties: &network.PrivateLinkServiceConnectionProperties{
			PrivateLinkServiceID: id("Microsoft.ContainerRegistry/registries", "myregistry"), GroupIDs: []*string{to.Ptr("registry")},
		}}},
	}}
	made := must[network.PrivateEndpointsClientCreateOrUpdateResponse](t)(done(endpoints.BeginCreateOrUpdate(ctx, group, "door", sent, nil)))
	kept(t, sent, made.PrivateEndpoint)
	if state := made.Properties.PrivateLinkServiceConnections[0].Properties.PrivateLinkServiceConnectionState; *state.Status != "Approved" {
		t.Errorf("the owner's own endpoint is %s", *state.Status)
	}
	if len(made.Properties.NetworkInterfaces) != 1 {
		t.Fatalf("%d network interfaces; want 1", len(made.Properties.NetworkInterfaces))
	}
	interfaces := client(t, j, network.NewInterfacesClient)
	name := last(*made.Properties.NetworkInterfaces[0].ID)
	card := must[network.InterfacesClientGetResponse](t)(interfaces.Get(ctx, group, name, nil))
	members := map[string]bool{}
	for _, c := range card.Properties.IPConfigurations {
		members[*c.Properties.PrivateLinkConnectionProperties.RequiredMemberName] = true
	}
	if !members["registry"] || !members["registry_data_westeurope"] {
		t.Errorf("the interface has the members %v", members)
	}
	groups := client(t, j, network.NewPrivateDNSZoneGroupsClient)
	sentGroup := network.PrivateDNSZoneGroup{Properties: &network.PrivateDNSZoneGroupPropertiesFormat{
		PrivateDNSZoneConfigs: []*network.PrivateDNSZoneConfig{{Name: to.Ptr("acr"), Properties: &network.PrivateDNSZonePropertiesFormat{
			PrivateDNSZoneID: id("Microsoft.Network/privateDnsZones", "privatelink.azurecr.io"),
		}}},
	}}
	madeGroup := must[network.PrivateDNSZoneGroupsClientCreateOrUpdateResponse](t)(done(groups.BeginCreateOrUpdate(ctx, group, "door", "default", sentGroup, nil)))
	kept(t, sentGroup, madeGroup.PrivateDNSZoneGroup)
	must[network.PrivateDNSZoneGroupsClientDeleteResponse](t)(done(groups.BeginDelete(ctx, group, "door", "default", nil)))
	must[network.PrivateEndpointsClientDeleteResponse](t)(done(endpoints.BeginDelete(ctx, group, "door", nil)))
}

// TestPeering wants both sides of a peering before traffic flows.
func TestPeering(t *testing.T) {
	j := newJudge(t)
	ctx := t.Context()
	networks, peerings := client(t, j, network.NewVirtualNetworksClient), client(t, j, network.NewVirtualNetworkPeeringsClient)
	far := network.VirtualNetwork{Location: to.Ptr("westeurope"), Properties: &network.VirtualNetworkPropertiesFormat{
		AddressSpace: &network.AddressSpace{AddressPrefixes: []*string{to.Ptr("10.30.0.0/16")}},
		Subnets:      []*network.Subnet{{Name: to.Ptr("work"), Properties: &network.SubnetPropertiesFormat{AddressPrefix: to.Ptr("10.30.0.0/24")}}},
	}}
	must[network.VirtualNetworksClientCreateOrUpdateResponse](t)(done(networks.BeginCreateOrUpdate(ctx, group, "far", far, nil)))
	peer := func(from, with string) *network.VirtualNetworkPeeringPropertiesFormat {
		sent := network.VirtualNetworkPeering{Properties: &network.VirtualNetworkPeeringPropertiesFormat{
			AllowVirtualNetworkAccess: to.Ptr(true), RemoteVirtualNetwork: &network.SubResource{ID: id("Microsoft.Network/virtualNetworks", with)},
		}}
		made := must[network.VirtualNetworkPeeringsClientCreateOrUpdateResponse](t)(done(peerings.BeginCreateOrUpdate(ctx, group, from, "to-"+with, sent, nil)))
		kept(t, sent, made.VirtualNetworkPeering)
		return made.Properties
	}
	is := func(side string, p *network.VirtualNetworkPeeringPropertiesFormat, want network.VirtualNetworkPeeringState) {
		t.Helper()
		if p.PeeringState == nil || *p.PeeringState != want {
			t.Errorf("%s: %v; want %s", side, plain(t, p.PeeringState), want)
		}
	}
	is("one side alone", peer("far", "hub"), network.VirtualNetworkPeeringStateInitiated)
	is("both sides", peer("hub", "far"), network.VirtualNetworkPeeringStateConnected)
	got := must[network.VirtualNetworkPeeringsClientGetResponse](t)(peerings.Get(ctx, group, "far", "to-hub", nil))
	is("the first side after that", got.Properties, network.VirtualNetworkPeeringStateConnected)
}
