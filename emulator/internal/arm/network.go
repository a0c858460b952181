package arm

import (
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// networkKinds are those of Microsoft.Network.
func networkKinds() []kind {
	return []kind{
		{name: azure.TypeNetworkInterface, located: true, links: []link{joinSubnet("properties.ipConfigurations[].properties.subnet.id")}},
		{
			name: azure.TypePrivateEndpoint, located: true, links: []link{joinSubnet("properties.subnet.id")},
			readOnly: []string{"properties.provisioningState", "properties.networkInterfaces", "properties.customDnsConfigs"},
			check:    checkEndpoint, show: showEndpoint,
		},
	}
}
