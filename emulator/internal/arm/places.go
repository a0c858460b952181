package arm

import (
	"net/http"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// kubeletLink is the link of a cluster to the identity that its nodes are to use, which is no identity of the cluster's own.
var kubeletLink = link{
	path:   "properties.identityProfile.kubeletidentity.resourceId",
	action: "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
}

// placeRows are the types that matter as places: whether they say their region, and what they use.
var placeRows = []struct {
	name    string
	located bool
	links   []link
	check   func(*write) error
	show    func(*call, azure.ResourceID, map[string]any)
}{
	{name: azure.TypeWebSite, located: true, links: []link{joinSubnet("properties.virtualNetworkSubnetId")}},
	{name: azure.TypeWebSlot, located: true, links: []link{joinSubnet("properties.virtualNetworkSubnetId")}},
	{
		name: azure.TypeAppEnvironment, located: true,
		links: []link{joinSubnet("properties.vnetConfiguration.infrastructureSubnetId")},
	},
	{name: azure.TypeContainerApp, located: true, links: []link{joinEnvironment("environmentId"), joinEnvironment("managedEnvironmentId")}},
	{name: azure.TypeContainerAppJob, located: true, links: []link{joinEnvironment("environmentId"), joinEnvironment("managedEnvironmentId")}},
	{
		name: azure.TypeVirtualMachine, located: true, show: showMachine, check: checkMachine,
		links: []link{join(interfacesPath, "networkInterfaces")},
	},
	{
		name: azure.TypeScaleSet, located: true,
		links: []link{joinSubnet("properties.virtualMachineProfile.networkProfile.networkInterfaceConfigurations[].properties.ipConfigurations[].properties.subnet.id")},
	},
	{name: azure.TypeScaleSetInstance, show: showMachine},
	{
		name: azure.TypeManagedCluster, located: true,
		links: []link{joinSubnet("properties.agentPoolProfiles[].vnetSubnetID"), kubeletLink},
	},
	{name: azure.TypeNodePool, links: []link{joinSubnet("properties.vnetSubnetID")}},
	{name: azure.TypeMachineLearning, located: true},
	{name: azure.TypeOnlineEndpoint, located: true},
	{name: azure.TypeMachineLearningNode, links: []link{joinSubnet("properties.properties.subnet.id")}},
	{name: azure.TypeBatchAccount, located: true},
	{name: azure.TypeBatchPool, links: []link{joinSubnet("properties.networkConfiguration.subnetId")}},
}

// joinEnvironment is the link of a container app to its environment, and so to the environment's subnet.
func joinEnvironment(member string) link {
	return link{path: "properties." + member, action: "Microsoft.App/managedEnvironments/join/action"}
}

// placeKinds are the rows as the engine takes them. What Azure fills in, no client chooses.
func placeKinds() []kind {
	var kinds []kind
	for _, row := range placeRows {
		kinds = append(kinds, kind{
			name: row.name, located: row.located, links: row.links, readOnly: azure.Furnished(row.name), check: row.check, show: row.show,
		})
	}
	return kinds
}

// interfacesPath is where a virtual machine names its network interfaces.
const interfacesPath = "properties.networkProfile.networkInterfaces[].id"

var errInterfaceUsed = refusal{
	http.StatusBadRequest, "NicInUse", "Network Interface %s is used by existing resource %s. A network interface is that of one virtual machine.",
}

// checkMachine refuses a network interface that another machine has: who has its address, has that machine's identity.
func checkMachine(w *write) error {
	mine := map[string]bool{}
	for _, text := range textsAt(w.body, interfacesPath) {
		id, err := azure.ParseResourceID(text)
		mine[id.Key()] = err == nil
	}
	for _, other := range w.state.OfType(azure.TypeVirtualMachine) {
		for _, text := range textsAt(other.Body, interfacesPath) {
			if id, err := azure.ParseResourceID(text); err == nil && mine[id.Key()] && other.ID.Key() != w.id.Key() {
				return errInterfaceUsed.about(interfacesPath, id, other.ID)
			}
		}
	}
	return nil
}

// showMachine shows a machine's state to who asks for it by $expand.
func showMachine(c *call, _ azure.ResourceID, body map[string]any) {
	if azure.Fold(c.query("$expand")) != "instanceview" {
		removeAt(body, "properties.instanceView")
		return
	}
	setAt(body, "properties.instanceView", map[string]any{"statuses": []any{
		map[string]any{"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded"},
		map[string]any{"code": "PowerState/running", "level": "Info", "displayStatus": "VM running"},
	}})
}
