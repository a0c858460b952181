package arm

import (
	"net/netip"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// networkRoutes are what the provider of the network answers beside its resources.
func networkRoutes() []route {
	const provider = "/subscriptions/{subscription}/providers/microsoft.network/locations/{location}/"
	const network = "/subscriptions/{subscription}/resourcegroups/{group}/providers/microsoft.network/virtualnetworks/{name}/"
	return []route{
		{"GET", network + "checkipaddressavailability", checkAddress},
		{"GET", network + "usages", networkUsages},
		{"GET", provider + "usages", regionUsages},
		{"GET", provider + "virtualnetworkavailableendpointservices", endpointServices},
		{"GET", provider + "availableprivateendpointtypes", endpointTypes},
	}
}

// offered is how many free addresses are told of when the one that is asked for is taken.
const offered = 5

// checkAddress tells whether an address of a network is free.
func checkAddress(c *call) (answer, error) {
	d, err := c.documentAbove("checkIpAddressAvailability/read")
	if err != nil {
		return answer{}, err
	}
	address, err := netip.ParseAddr(c.query("ipAddress"))
	if err != nil {
		return answer{}, errAddress.about("ipAddress", c.query("ipAddress"))
	}
	free, others := azure.Available(c.state, d.ID, address, offered)
	body := map[string]any{"available": free, "isPlatformReserved": false}
	if !free {
		body["availableIPAddresses"] = texts(others)
	}
	return ok(body), nil
}

func texts(addresses []netip.Addr) []any {
	list := []any{}
	for _, a := range addresses {
		list = append(list, a.String())
	}
	return list
}

// networkUsages tells how full the subnets of a network are.
func networkUsages(c *call) (answer, error) {
	d, err := c.documentAbove("usages/read")
	if err != nil {
		return answer{}, err
	}
	var items []any
	for _, u := range azure.SubnetUsages(c.state, d.ID) {
		items = append(items, map[string]any{
			"id": u.ID.String(), "currentValue": u.Used, "limit": u.Size, "unit": "Count",
			"name": map[string]any{"value": "SubnetSpace", "localizedValue": "Subnet size and usage"},
		})
	}
	return list(items), nil
}

// quotas are how many of a type a subscription may have in a region, as Azure's usual limits are.
var quotas = []struct {
	kind, name, text string
	limit            int
}{
	{azure.TypeVirtualNetwork, "VirtualNetworks", "Virtual Networks", 1000},
	{azure.TypeNetworkInterface, "NetworkInterfaces", "Network Interfaces", 65536},
	{azure.TypePrivateEndpoint, "PrivateEndpoints", "Private Endpoints", 65536},
	{azure.TypePublicIPAddress, "PublicIPAddresses", "Public IP Addresses", 1000},
	{azure.TypeNATGateway, "NatGateways", "NAT Gateways", 500},
	{azure.TypeSecurityGroup, "NetworkSecurityGroups", "Network Security Groups", 5000},
	{azure.TypeRouteTable, "RouteTables", "Route Tables", 200},
}

// regionUsages counts what a subscription has in a region.
func regionUsages(c *call) (answer, error) {
	subscription, region, err := c.region("usages/read")
	if err != nil {
		return answer{}, err
	}
	var items []any
	for _, q := range quotas {
		count := 0
		for _, d := range c.state.Children(subscription.Key(), q.kind) {
			if azure.RegionName(textAt(d.Body, "location")) == region {
				count++
			}
		}
		items = append(items, map[string]any{
			"id": c.path + "/" + q.name, "currentValue": count, "limit": q.limit, "unit": "Count",
			"name": map[string]any{"value": q.name, "localizedValue": q.text},
		})
	}
	return list(items), nil
}

// region reads subscription and region of a call about a region, for a caller who may do the action there.
func (c *call) region(action string) (azure.ResourceID, string, error) {
	id, err := c.authorizeSubscription("Microsoft.Network/locations/" + action)
	return id, azure.RegionName(c.segment(5)), err
}

// services that a subnet may have a service endpoint for.
var withServiceEndpoints = []string{
	"Microsoft.AzureActiveDirectory", "Microsoft.AzureCosmosDB", azure.RegistryService, "Microsoft.EventHub", "Microsoft.KeyVault",
	"Microsoft.ServiceBus", "Microsoft.Sql", "Microsoft.Storage", "Microsoft.Web",
}

// endpointServices lists the services that a subnet may have a service endpoint for (az network vnet list-endpoint-services).
func endpointServices(c *call) (answer, error) {
	subscription, region, err := c.region("virtualNetworkAvailableEndpointServices/read")
	if err != nil {
		return answer{}, err
	}
	var items []any
	for _, name := range withServiceEndpoints {
		items = append(items, map[string]any{
			"name": name, "type": "Microsoft.Network/virtualNetworkEndpointServices",
			"id": subscription.String() + "/providers/Microsoft.Network/locations/" + region + "/virtualNetworkEndpointServices/" + name,
		})
	}
	return list(items), nil
}

// endpointTypes lists what a private endpoint may lead to.
func endpointTypes(c *call) (answer, error) {
	subscription, region, err := c.region("availablePrivateEndpointTypes/read")
	if err != nil {
		return answer{}, err
	}
	name := "Microsoft.ContainerRegistry.registries"
	return list([]any{map[string]any{
		"name": name, "type": "Microsoft.Network/AvailablePrivateEndpointTypes", "displayName": "Container registries",
		"id":           subscription.String() + "/providers/Microsoft.Network/locations/" + region + "/availablePrivateEndpointTypes/" + name,
		"resourceName": azure.TypeRegistry,
	}}), nil
}
