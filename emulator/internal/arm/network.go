package arm

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// networkReads are the members that Azure alone writes in most documents of the network.
var networkReads = []string{"properties.provisioningState", "properties.resourceGuid", "etag"}

// reads adds members of properties to networkReads.
func reads(members ...string) []string {
	paths := slices.Clone(networkReads)
	for _, member := range members {
		paths = append(paths, "properties."+member)
	}
	return paths
}

// join is the link of what uses a resource of the network.
func join(path, collection string) link {
	return link{path: path, action: "Microsoft.Network/" + collection + "/join/action"}
}

// subnetLinks are what a subnet uses, wherever it is written.
func subnetLinks(at string) []link {
	return []link{
		join(at+"natGateway.id", "natGateways"), join(at+"networkSecurityGroup.id", "networkSecurityGroups"), join(at+"routeTable.id", "routeTables"),
	}
}

func peerLink(path string) link {
	return link{path: path, action: "Microsoft.Network/virtualNetworks/peer/action"}
}

// networkKinds are those of Microsoft.Network.
func networkKinds() []kind {
	return slices.Concat(virtualNetworkKinds(), publicKinds(), endpointKinds(), privateDNSKinds())
}

// virtualNetworkKinds are virtual networks, and what stands in their subnets.
func virtualNetworkKinds() []kind {
	return []kind{
		{
			name: azure.TypeVirtualNetwork, located: true, readOnly: networkReads, check: checkNetwork, show: showNetwork,
			links: append(subnetLinks("properties.subnets[].properties."), peerLink("properties.virtualNetworkPeerings[].properties.remoteVirtualNetwork.id")),
		},
		{
			name: azure.TypeSubnet, check: checkSubnet, show: showTag, links: subnetLinks("properties."),
			readOnly: reads("ipConfigurations", "privateEndpoints", "resourceNavigationLinks", "serviceAssociationLinks"),
		},
		{
			name: azure.TypePeering, show: showPeering, links: []link{peerLink("properties.remoteVirtualNetwork.id")},
			readOnly: reads("peeringState", "peeringSyncLevel", "remoteAddressSpace", "remoteVirtualNetworkAddressSpace"),
		},
		{
			name: azure.TypeNetworkInterface, located: true, show: showTag, check: checkInterface,
			readOnly: reads("virtualMachine", "privateEndpoint", "macAddress", "hostedWorkloads"),
			links: []link{
				joinSubnet("properties.ipConfigurations[].properties.subnet.id"), join("properties.networkSecurityGroup.id", "networkSecurityGroups"),
				join("properties.ipConfigurations[].properties.publicIPAddress.id", "publicIPAddresses"),
			},
		},
		{name: azure.TypeSecurityGroup, located: true, show: showTag, readOnly: reads("subnets", "networkInterfaces", "defaultSecurityRules")},
		{name: azure.TypeRouteTable, located: true, show: showTag, readOnly: reads("subnets")},
		{name: azure.TypeLoadBalancer, located: true, show: showTag, readOnly: networkReads, links: []link{
			joinSubnet("properties.frontendIPConfigurations[].properties.subnet.id"),
			join("properties.frontendIPConfigurations[].properties.publicIPAddress.id", "publicIPAddresses"),
		}},
	}
}

// publicKinds are where addresses on the internet come from.
func publicKinds() []kind {
	return []kind{
		{
			name: azure.TypePublicIPAddress, located: true, show: showTag, readOnly: reads("ipAddress", "ipConfiguration", "natGateway"),
			links: []link{join("properties.publicIPPrefix.id", "publicIPPrefixes")},
		},
		{
			name: azure.TypePublicIPPrefix, located: true, show: showTag, readOnly: reads("ipPrefix", "publicIPAddresses", "natGateway"),
		},
		{
			name: azure.TypeNATGateway, located: true, show: showTag, readOnly: reads("subnets"),
			links: []link{join("properties.publicIpAddresses[].id", "publicIPAddresses"), join("properties.publicIpPrefixes[].id", "publicIPPrefixes")},
		},
	}
}

// endpointKinds are private endpoints and their zone groups.
func endpointKinds() []kind {
	return []kind{
		{
			name: azure.TypePrivateEndpoint, located: true, links: []link{joinSubnet("properties.subnet.id")},
			readOnly: reads("networkInterfaces", "customDnsConfigs"), check: checkEndpoint, show: showEndpoint,
		},
		{
			name: azure.TypeDNSZoneGroup, show: showTag, readOnly: networkReads,
			links: []link{join("properties.privateDnsZoneConfigs[].properties.privateDnsZoneId", "privateDnsZones")},
		},
	}
}

// checkNetwork looks at the subnets that a network lists.
func checkNetwork(w *write) error {
	for _, subnet := range objectsAt(w.body, "properties.subnets") {
		if err := checkRange(textAt(subnet, "name"), subnet, "properties.subnets"); err != nil {
			return err
		}
	}
	return nil
}

func checkSubnet(w *write) error { return checkRange(w.id.Name(), w.body, "properties") }

// checkRange refuses a subnet that has no addresses.
func checkRange(name string, body map[string]any, target string) error {
	several, _ := lookUp(body, "properties.addressPrefixes")
	list, _ := several.([]any)
	if textAt(body, "properties.addressPrefix") == "" && len(list) == 0 {
		return errSubnetRange.about(target, name)
	}
	return nil
}

// checkInterface refuses an address in no subnet, which could be anybody's, and to change the network interface of a
// private endpoint, whose addresses are the endpoint's.
func checkInterface(w *write) error {
	for i, configuration := range objectsAt(w.body, "properties.ipConfigurations") {
		if textAt(configuration, "properties.subnet.id") == "" {
			at := fmt.Sprintf("properties.ipConfigurations[%d].properties.subnet", i)
			return errContent.about(at, "an IP configuration names its 'subnet'")
		}
	}
	if w.old == nil {
		return nil
	}
	if endpoint := textAt(w.old.Body, "properties.privateEndpoint.id"); endpoint != "" {
		return errEndpointInterface.with(w.id.Name(), endpoint)
	}
	return nil
}

// showTag shows a document with its entity tag, as the network's providers do in the body too.
func showTag(_ *call, id azure.ResourceID, body map[string]any) {
	delete(body, "etag")
	tag := azure.DerivedID(entityTag(body))
	if azure.IsPrivateDNS(id) {
		body["etag"] = tag
		return
	}
	body["etag"] = `W/"` + tag + `"`
}

// showNetwork shows a virtual network, and the children that it lists as they show themselves.
func showNetwork(c *call, id azure.ResourceID, body map[string]any) {
	for path, kind := range map[string]string{"properties.subnets": azure.TypeSubnet, "properties.virtualNetworkPeerings": azure.TypePeering} {
		for _, child := range objectsAt(body, path) {
			if childID, err := azure.ParseResourceID(textAt(child, "id")); err == nil {
				c.kindOf(kind).show(c, childID, child)
			}
		}
	}
	showTag(c, id, body)
}

// showPeering shows a peering with the addresses of the other network, as they are now.
func showPeering(c *call, id azure.ResourceID, body map[string]any) {
	remote, err := azure.ParseResourceID(textAt(body, "properties.remoteVirtualNetwork.id"))
	if d, found := c.state.Get(remote.Key()); err == nil && found {
		if space, _ := lookUp(d.Clone().Body, "properties.addressSpace"); space != nil {
			setAt(body, "properties.remoteAddressSpace", space)
			setAt(body, "properties.remoteVirtualNetworkAddressSpace", space)
		}
	}
	showTag(c, id, body)
}

var (
	errSubnetRange       = refusal{http.StatusBadRequest, "NoAddressPrefixOrPoolProvided", "Subnet '%s' doesn't have an addressPrefix or addressPrefixes."}
	errEndpointInterface = refusal{
		http.StatusBadRequest, "CannotModifyNicAttachedToPrivateEndpoint",
		"Network interface %s belongs to the private endpoint %s and can be changed only with it.",
	}
	errAddress = refusal{http.StatusBadRequest, "InvalidIPAddressFormat", "The parameter ipAddress, '%.60s', is not an IP address."}
)
