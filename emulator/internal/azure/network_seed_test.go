package azure

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestOperatorsNetwork: what an operator describes is taken as it is, also where Azure would have chosen otherwise.
func TestOperatorsNetwork(t *testing.T) {
	const nic = testGroup + "/providers/Microsoft.Network/networkInterfaces/"
	spoke := strings.NewReplacer("hub", "spoke", "10.0.", "10.1.").Replace(aNetwork)
	peering := func(network, remote, state string) string {
		return `{"id": "` + testGroup + `/providers/Microsoft.Network/virtualNetworks/` + network + `/virtualNetworkPeerings/p", "properties": {` + state +
			`"remoteVirtualNetwork": {"id": "` + testGroup + `/providers/Microsoft.Network/virtualNetworks/` + remote + `"}}}`
	}
	s := write(t, nil, operator,
		// what depends on others comes first
		aDoor, `{"id": "`+nic+`dynamic", "properties": {"ipConfigurations": [{"properties": {"subnet": {"id": "`+hub+`/subnets/b"}}}]}}`,
		`{"id": "`+nic+`said", "properties": {"ipConfigurations": [{"name": "x", "properties": {"privateIPAddress": "10.0.1.4", "subnet": {"id": "`+hub+`/subnets/b"}}}]}}`,
		`{"id": "`+testGroup+`/providers/Microsoft.Network/publicIPAddresses/out", "sku": {"name": "Standard"}, "properties": {"ipAddress": "203.0.113.9"}}`,
		`{"id": "`+testGroup+`/providers/Microsoft.ContainerInstance/containerGroups/inner", "properties": {"subnetIds": [{"id": "`+hub+`/subnets/b"}]}}`,
		`{"id": "`+testGroup+`/providers/Microsoft.Compute/virtualMachines/vm", "properties": {"vmId": "real"}}`,
		peering("hub", "spoke", ""), peering("spoke", "hub", ""), peering("island", "hub", `"peeringState": "Connected", `),
		premium, aNetwork, spoke, strings.NewReplacer("hub", "island", "10.0.", "10.2.").Replace(aNetwork),
	)
	door, _ := s.Get(door)
	view, err := ReadPrivateEndpoint(*door)
	if err != nil || len(view.Interfaces) != 1 {
		t.Fatal(view, err)
	}
	for _, row := range []struct{ id, path, want string }{
		{nic + "dynamic", "properties.ipConfigurations.0.properties.privateIPAddress", `"10.0.1.5"`},
		{nic + "said", "properties.ipConfigurations.0.properties.privateIPAddress", `"10.0.1.4"`},
		{view.Interfaces[0].String(), "properties.ipConfigurations.1.properties.privateIPAddress", `"10.0.0.5"`},
		{view.Interfaces[0].String(), "properties.ipConfigurations.1.properties.privateLinkConnectionProperties.requiredMemberName", `"registry_data_westeurope"`},
		{testGroup + "/providers/Microsoft.Network/publicIPAddresses/out", "properties.ipAddress", `"203.0.113.9"`},
		{testGroup + "/providers/Microsoft.ContainerInstance/containerGroups/inner", "properties.ipAddress.ip", `"10.0.1.6"`},
		{testGroup + "/providers/Microsoft.Compute/virtualMachines/vm", "properties.vmId", `"real"`},
		{hub + "/virtualNetworkPeerings/p", "properties.peeringState", `"Connected"`},
		{testGroup + "/providers/Microsoft.Network/virtualNetworks/island/virtualNetworkPeerings/p", "properties.peeringState", `"Connected"`},
	} {
		if got := at(t, s, row.id, row.path); got != row.want {
			t.Errorf("%s of %s is %s, want %s", row.path, row.id, got, row.want)
		}
	}
	var again Change
	for _, d := range s.All() {
		again.Put = append(again.Put, *d)
	}
	if twice := apply(t, s, operator, again); asText(t, twice) != asText(t, s) {
		t.Errorf("completed twice\n%s\nonce\n%s", asText(t, twice), asText(t, s))
	}
}

func asText(t *testing.T, s *State) string {
	t.Helper()
	text, err := json.Marshal(s.All())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestBackReferences: a document shows what refers to it now, and keeps what it says of things that nobody describes.
func TestBackReferences(t *testing.T) {
	const elsewhere = "/subscriptions/x/resourceGroups/y/providers/Microsoft.Network/privateEndpoints/elsewhere"
	pasted := strings.Replace(aNetwork, `"addressPrefix": "10.0.0.0/29"`, `"addressPrefix": "10.0.0.0/29", "privateEndpoints": [{"id": "`+elsewhere+`"}, {"id": "`+door+`"}]`, 1)
	s := write(t, nil, operator, premium, pasted, aDoor)
	shown := func(s *State) string {
		d, _ := s.Get(aSubnet)
		text, err := json.Marshal(Inline(s, d).Body["properties"].(map[string]any)["privateEndpoints"])
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if got, want := shown(s), `[{"id":"`+door+`"},{"id":"`+elsewhere+`"}]`; got != want {
		t.Errorf("the subnet shows %s, want %s", got, want)
	}
	moved := write(t, s, operator, strings.Replace(aDoor, aSubnet, hub+"/subnets/b", 1))
	if got, want := shown(moved), `[{"id":"`+elsewhere+`"}]`; got != want {
		t.Errorf("after the endpoint moved the subnet shows %s, want %s", got, want)
	}
}

// TestPlaceIdentities: a part of a resource uses the identity of the whole, and a cluster's nodes the kubelet's.
func TestPlaceIdentities(t *testing.T) {
	const (
		compute = testGroup + "/providers/Microsoft.Compute/virtualMachineScaleSets/fleet"
		ml      = testGroup + "/providers/Microsoft.MachineLearningServices/workspaces/vision/onlineEndpoints/score"
		aks     = testGroup + "/providers/Microsoft.ContainerService/managedClusters/aks"
		kubelet = "/subscriptions/" + DevelopmentSubscription + "/resourceGroups/MC_rg_aks_westeurope/providers/Microsoft.ManagedIdentity/userAssignedIdentities/aks-agentpool"
	)
	s := write(t, nil, operator, aNetwork,
		`{"id": "`+compute+`", "sku": {"capacity": 1}, "identity": {"type": "SystemAssigned"}, "properties": {"virtualMachineProfile": {"networkProfile": {"networkInterfaceConfigurations": [
			{"properties": {"ipConfigurations": [{"properties": {"subnet": {"id": "`+aSubnet+`"}}}]}}]}}}}`,
		`{"id": "`+ml+`", "identity": {"type": "SystemAssigned"}}`, `{"id": "`+ml+`/deployments/blue"}`,
		`{"id": "`+aks+`", "identity": {"type": "SystemAssigned"}, "properties": {"agentPoolProfiles": [{"name": "a", "vnetSubnetID": "`+aSubnet+`"}]}}`,
		`{"id": "`+aks+`/agentPools/a", "properties": {"vnetSubnetID": "`+hub+`/subnets/b"}}`, `{"id": "`+aks+`/agentPools/c"}`,
		`{"id": "`+testGroup+`/providers/Microsoft.App/managedEnvironments/apps", "properties": {"vnetConfiguration": {"infrastructureSubnetId": "`+aSubnet+`"}}}`,
		`{"id": "`+testGroup+`/providers/Microsoft.App/containerApps/api", "identity": {"type": "SystemAssigned"}, "properties": {"managedEnvironmentId": "`+testGroup+`/providers/Microsoft.App/managedEnvironments/apps"}}`,
		`{"id": "`+testGroup+`/providers/Microsoft.App/jobs/nightly", "properties": {"environmentId": "`+testGroup+`/providers/Microsoft.App/managedEnvironments/apps"}}`,
		`{"id": "`+testGroup+`/providers/Microsoft.Web/sites/shop"}`,
		`{"id": "`+testGroup+`/providers/Microsoft.Web/sites/shop/slots/staging", "properties": {"virtualNetworkSubnetId": "`+aSubnet+`"}}`,
	)
	for _, row := range []struct {
		place, system, used, subnet string
		imds                        bool
	}{
		{"virtualMachineScaleSets/fleet/virtualMachines/0", compute, "", aSubnet, true},
		{"onlineEndpoints/score/deployments/blue", ml, "", "", true},
		{"managedClusters/aks", "", kubelet, aSubnet, true},
		{"managedClusters/aks/agentPools/a", "", kubelet, hub + "/subnets/b", true},
		{"managedClusters/aks/agentPools/c", "", kubelet, aSubnet, true},
		{"containerApps/api", testGroup + "/providers/Microsoft.App/containerApps/api", "", aSubnet, false},
		{"jobs/nightly", "", "", aSubnet, false},
		{"slots/staging", "", "", aSubnet, false},
	} {
		p := s.mustResolve(t, row.place)
		if used := strings.Join(p.UserAssigned, " "); p.System != Fold(row.system) || used != Fold(row.used) || p.Subnet != Fold(row.subnet) || p.HasIMDS != row.imds {
			t.Errorf("%s is %+v", row.place, p)
		}
		if p.Resource == "" || !strings.HasSuffix(p.Resource, Fold(row.place)) {
			t.Errorf("%s is the resource %s", row.place, p.Resource)
		}
	}
}
