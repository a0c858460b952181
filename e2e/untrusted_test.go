package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/emulatortest"
	"github.com/acrlocal/acrlocal/gate"
)

// What is on nobody's list of trusted services pulls by the rules of the network, or not at all. These are the rows of the
// troubles in acr-behaviour §9 that are not about trusted services, each with where people told of it.

const (
	hello    = "myregistry.azurecr.io/hello:v1"
	pipeline = "acac10ca-7300-4000-8000-000000000001"
	// hosted is the address of a hosted build agent, which is another one tomorrow.
	hosted = "192.0.2.77"
)

func startUntrusted(t *testing.T) *emulatortest.Emulator {
	t.Helper()
	seed, err := os.ReadFile(filepath.Join("testdata", "untrusted.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return emulatortest.Start(t, string(seed))
}

// update changes properties of a resource of the group.
func update(t *testing.T, e *emulatortest.Emulator, resource string, properties map[string]any) {
	t.Helper()
	if err := e.ARM(t.Context(), http.MethodPatch, group+"/providers/"+resource, map[string]any{"properties": properties}, nil); err != nil {
		t.Fatal(err)
	}
}

// TestUntrusted lets each service pull with its own identity from where Azure has it, and from a subnet with a way to the
// private endpoint. Its role is good in both.
func TestUntrusted(t *testing.T) {
	e := startUntrusted(t)
	for _, row := range []struct {
		name, outside, inside, as string
		reason                    gate.Reason
	}{
		// §9, row 6: https://github.com/Azure/acr/issues/494 https://github.com/Azure-App-Service/app-service-linux-docs/issues/45
		// https://github.com/MicrosoftDocs/azure-docs/issues/88077 https://github.com/MicrosoftDocs/azure-docs/issues/89178
		// https://github.com/MicrosoftDocs/azure-docs/issues/64660
		{"App Service", "sites/shop", "sites/shop-inside", "", gate.NotATrustedService},
		// §9, row 7: https://github.com/microsoft/azure-container-apps/issues/379
		{"Container Apps", "containerApps/api", "containerApps/api-inside", "", gate.NotATrustedService},
		// The nodes of a cluster pull with an identity that is nobody's own.
		{"Kubernetes", "managedClusters/cluster", "managedClusters/cluster-inside", "", gate.UserAssignedNotTrusted},
		{"virtual machine", "virtualMachines/machine", "virtualMachines/machine-inside", "", gate.NotATrustedService},
		// §9, row 8: a pipeline is no resource of Azure, so that nothing but its address speaks for it.
		{"pipeline", hosted, "virtualNetworks/hub/subnets/app", pipeline, gate.IPNotAllowed},
	} {
		t.Run(row.name, func(t *testing.T) {
			outside, inside := e.At(row.outside), e.At(row.inside)
			if row.as != "" {
				outside, inside = outside.As(row.as), inside.As(row.as)
			}
			outside.MustDeny(hello, row.reason)
			inside.MustPull(hello)
			mustSettle(t, e, gate.PrivateEndpointApproved)
		})
	}
}

// mustSettle fails the test unless the network let the last request in for that reason.
func mustSettle(t *testing.T, e *emulatortest.Emulator, reason gate.Reason) {
	t.Helper()
	if d := e.Decisions(1, wasAllowed); len(d) != 1 || d[0].Steps[0].Reason != reason {
		t.Errorf("let in by %+v", d)
	}
}

// TestUntrustedWhateverIsSaid is row 6 once more: neither the setting for trusted services, nor calling itself one, lets a web
// app in. Only a rule for its address does.
// https://github.com/Azure/acr/issues/494
func TestUntrustedWhateverIsSaid(t *testing.T) {
	e := startUntrusted(t)
	shop := e.At("sites/shop")
	for _, bypass := range []string{"None", "AzureServices"} {
		update(t, e, "Microsoft.ContainerRegistry/registries/myregistry", map[string]any{"networkRuleBypassOptions": bypass})
		shop.MustDeny(hello, gate.NotATrustedService)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://myregistry.azurecr.io/oauth2/token?service=myregistry.azurecr.io&scope=repository:hello:pull", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Meta-Source-Client", "azure/aci")
	answer, err := shop.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if decided := answer.Header.Get("X-Acrlocal-Decision"); answer.StatusCode != http.StatusForbidden || !strings.Contains(decided, "; deny; network; ") {
		t.Errorf("%s, %s", answer.Status, decided)
	}
}

// TestControlPlaneOutside is row 7: the workload is in the subnet and may pull, but what logs in for it stands outside, and
// is refused with an address that nobody knows.
// https://github.com/microsoft/azure-container-apps/issues/379
func TestControlPlaneOutside(t *testing.T) {
	e := startUntrusted(t)
	app := group + "/providers/Microsoft.App/containerApps/api-inside"
	e.At(app).MustPull(hello)
	const controlPlane = "198.51.100.213"
	outside := e.At(controlPlane).As(app)
	outside.MustDeny(hello, gate.NotATrustedService)
	if d, _ := outside.Refused(); d.CallerIPAddress != controlPlane {
		t.Errorf("refused at %s", d.CallerIPAddress)
	}
}

// TestHostedAgents is row 8: an agent gets in while a rule has its address. The next agent has another.
// https://github.com/docker/build-push-action/issues/1214 https://github.com/docker/login-action/issues/705
// https://github.com/microsoft/azure-pipelines-tasks/issues/20237 https://github.com/microsoft/azure-pipelines-tasks/issues/20945
// https://github.com/MicrosoftDocs/azure-docs/issues/94727
func TestHostedAgents(t *testing.T) {
	e := startUntrusted(t)
	rules := func(addresses ...string) {
		list := []any{}
		for _, one := range addresses {
			list = append(list, map[string]any{"value": one})
		}
		update(t, e, "Microsoft.ContainerRegistry/registries/myregistry", map[string]any{"networkRuleSet": map[string]any{"defaultAction": "Deny", "ipRules": list}})
	}
	today, tomorrow := e.At(hosted).As(pipeline), e.At("192.0.2.78").As(pipeline)
	today.MustDeny(hello, gate.IPNotAllowed)
	rules(hosted)
	today.MustPull(hello)
	mustSettle(t, e, gate.IPRuleMatched)
	tomorrow.MustDeny(hello, gate.IPNotAllowed)
	rules()
	today.MustDeny(hello, gate.IPNotAllowed)
}

// TestPublicNameInside is row 12: the endpoint is there and approved, but the network's names lead to the public address, where
// the same machine is somebody from outside. Linking the zone to the network is all that it takes.
// https://github.com/Azure/acr/issues/594 https://github.com/Azure/acr/issues/533
// https://github.com/microsoft/azure-pipelines-tasks/issues/20945
func TestPublicNameInside(t *testing.T) {
	e := startUntrusted(t)
	link := group + "/providers/Microsoft.Network/privateDnsZones/privatelink.azurecr.io/virtualNetworkLinks/hub"
	machine := e.At("virtualMachines/machine-inside")
	machine.MustPull(hello)
	mustSettle(t, e, gate.PrivateEndpointApproved)
	if err := e.ARM(t.Context(), http.MethodDelete, link, nil, nil); err != nil {
		t.Fatal(err)
	}
	machine.MustDeny(hello, gate.NotATrustedService)
	body := map[string]any{"location": "global", "properties": map[string]any{"registrationEnabled": false, "virtualNetwork": map[string]any{
		"id": group + "/providers/Microsoft.Network/virtualNetworks/hub",
	}}}
	if err := e.ARM(t.Context(), http.MethodPut, link, body, nil); err != nil {
		t.Fatal(err)
	}
	machine.MustPull(hello)
	mustSettle(t, e, gate.PrivateEndpointApproved)
}
