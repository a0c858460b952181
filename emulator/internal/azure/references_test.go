package azure

import (
	"errors"
	"strings"
	"testing"
)

const testNetworks = testGroup + "/providers/Microsoft.Network/"

// world are documents that others may refer to.
func world(t *testing.T) *State {
	t.Helper()
	s, err := Load(documentsOf(t,
		`{"id":"`+testNetworks+`virtualNetworks/hub","properties":{"subnets":[{"name":"inline","properties":{"addressPrefix":"10.0.0.0/24"}}]}}`,
		`{"id":"`+testNetworks+`virtualNetworks/hub/subnets/work","properties":{"addressPrefix":"10.0.1.0/24"}}`,
		`{"id":"`+testNetworks+`virtualNetworks/spoke"}`,
		`{"id":"`+testNetworks+`natGateways/out"}`,
		`{"id":"`+testNetworks+`publicIPAddresses/out"}`,
		`{"id":"`+testNetworks+`networkInterfaces/nic"}`,
		`{"id":"`+testGroup+`/providers/Microsoft.Compute/virtualMachines/vm"}`,
		`{"id":"`+testGroup+`/providers/Microsoft.ManagedIdentity/userAssignedIdentities/builder"}`,
	))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func documentsOf(t *testing.T, texts ...string) []Document {
	t.Helper()
	var documents []Document
	for _, text := range texts {
		d, err := ParseDocument([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, d)
	}
	return documents
}

// TestReferences has a row for each member that refers to another document: what is there is taken, what is not is
// refused, by Validate or, where Azure writes the member itself, by CheckShown alone.
func TestReferences(t *testing.T) {
	for _, row := range []struct {
		kind, body, target string
		there              string // what REF may be
		shown              bool
	}{
		{"virtualNetworks/hub/subnets/s", `{"natGateway":{"id":"REF"}}`, "properties.natGateway.id", "natGateways/out", false},
		{"virtualNetworks/hub/virtualNetworkPeerings/p", `{"remoteVirtualNetwork":{"id":"REF"}}`, "properties.remoteVirtualNetwork.id", "virtualNetworks/spoke", false},
		{"privateDnsZones/z.test/virtualNetworkLinks/l", `{"virtualNetwork":{"id":"REF"}}`, "properties.virtualNetwork.id", "virtualNetworks/hub", false},
		{"natGateways/g", `{"publicIpAddresses":[{"id":"REF"}]}`, "properties.publicIpAddresses[0].id", "publicIPAddresses/out", false},
		{"networkInterfaces/n", `{"ipConfigurations":[{},{"properties":{"subnet":{"id":"REF"}}}]}`, "properties.ipConfigurations[1].properties.subnet.id", "virtualNetworks/hub/subnets/work", false},
		{"networkInterfaces/n", `{"ipConfigurations":[{"properties":{"subnet":{"id":"REF"}}}]}`, "properties.ipConfigurations[0].properties.subnet.id", "virtualNetworks/hub/subnets/inline", false},
		{"networkInterfaces/n", `{"ipConfigurations":[{"properties":{"publicIPAddress":{"id":"REF"}}}]}`, "properties.ipConfigurations[0].properties.publicIPAddress.id", "publicIPAddresses/out", false},
		{"networkInterfaces/n", `{"virtualMachine":{"id":"REF"}}`, "properties.virtualMachine.id", "../Microsoft.Compute/virtualMachines/vm", true},
		{"networkInterfaces/n", `{"privateEndpoint":{"id":"REF"}}`, "properties.privateEndpoint.id", "natGateways/out", true},
		{"privateEndpoints/e", `{"networkInterfaces":[{"id":"REF"}]}`, "properties.networkInterfaces[0].id", "networkInterfaces/nic", true},
		{"../Microsoft.Compute/virtualMachines/m", `{"networkProfile":{"networkInterfaces":[{"id":"REF"}]}}`, "properties.networkProfile.networkInterfaces[0].id", "networkInterfaces/nic", false},
		{"../Microsoft.ContainerInstance/containerGroups/c", `{"subnetIds":[{"id":"REF"}]}`, "properties.subnetIds[0].id", "virtualNetworks/hub/subnets/work", false},
		{"../Microsoft.Web/sites/shop", `{"virtualNetworkSubnetId":"REF"}`, "properties.virtualNetworkSubnetId", "virtualNetworks/hub/subnets/work", false},
	} {
		check := func(reference string) (written, shown error) {
			d := documentsOf(t, `{"id":"`+networkID(row.kind)+`","properties":`+strings.ReplaceAll(row.body, "REF", reference)+`}`)[0]
			return Validate(world(t), d), CheckShown(world(t), d)
		}
		if written, shown := check(networkID(row.there)); written != nil || shown != nil {
			t.Errorf("%s: what is there is refused: %v, %v", row.target, written, shown)
		}
		written, shown := check(networkID(row.there) + "-not")
		if row.shown {
			written, shown = shown, written
		}
		var problem *Error
		if shown != nil || !errors.As(written, &problem) || problem.Code != CodeReference || problem.Target != row.target {
			t.Errorf("%s: what is not there gives %v, and %v", row.target, written, shown)
		}
	}
}

// networkID is an ID in the group, in the namespace of networks unless it begins with another.
func networkID(tail string) string {
	if other, ok := strings.CutPrefix(tail, "../"); ok {
		return testGroup + "/providers/" + other
	}
	return testNetworks + tail
}

// TestReferencesThatNeedNotExist: a peering may outlive its other network, and an endpoint's interface says nothing that
// customDnsConfigs does not.
func TestReferencesThatNeedNotExist(t *testing.T) {
	for _, text := range []string{
		`{"id":"` + networkID("virtualNetworks/hub/virtualNetworkPeerings/p") + `","properties":{"peeringState":"Disconnected","remoteVirtualNetwork":{"id":"` + networkID("virtualNetworks/gone") + `"}}}`,
		`{"id":"` + networkID("privateEndpoints/e") + `","properties":{"customDnsConfigs":[{"ipAddresses":["10.0.0.4"]}],"networkInterfaces":[{"id":"` + networkID("networkInterfaces/gone") + `"}]}}`,
	} {
		d := documentsOf(t, text)[0]
		if err := errors.Join(Validate(world(t), d), CheckShown(world(t), d)); err != nil {
			t.Error(err)
		}
	}
}

// TestUserAssignedReferences: a resource of any type may use the identities that there are.
func TestUserAssignedReferences(t *testing.T) {
	for name, want := range map[string]string{"builder": "", "BUILDER": "", "none": CodeReference} {
		id := testGroup + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/" + name
		d := documentsOf(t, `{"id":"`+networkID("../Contoso.Things/things/t")+`","identity":{"type":"UserAssigned","userAssignedIdentities":{"`+id+`":{}}}}`)[0]
		var problem *Error
		err := Validate(world(t), d)
		if errors.As(err, &problem) != (want != "") || problem != nil && (problem.Code != want || problem.Target != "identity.userAssignedIdentities['"+id+"']") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
