package arm

import (
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// placeKinds are what stands in a subnet, or on another's network interface.
func placeKinds() []kind {
	return []kind{
		{name: azure.TypeContainerGroup, located: true, links: []link{joinSubnet("properties.subnetIds[].id")}},
		{name: azure.TypeWebSite, located: true, links: []link{joinSubnet("properties.virtualNetworkSubnetId")}},
		{name: azure.TypeAgentPool, located: true, links: []link{joinSubnet("properties.virtualNetworkSubnetResourceId")}},
		{
			name: azure.TypeVirtualMachine, located: true,
			links: []link{{path: "properties.networkProfile.networkInterfaces[].id", action: "Microsoft.Network/networkInterfaces/join/action"}},
		},
		{
			name: "Microsoft.App/managedEnvironments", located: true,
			links: []link{joinSubnet("properties.vnetConfiguration.infrastructureSubnetId")},
		},
		{
			name: "Microsoft.ContainerService/managedClusters", located: true,
			links: []link{joinSubnet("properties.agentPoolProfiles[].vnetSubnetID")},
		},
	}
}
