package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator"
	"github.com/acrlocal/acrlocal/emulator/emulatortest"
	"github.com/acrlocal/acrlocal/gate"
)

// aci is Azure Container Instances of the sample, as a client of Resource Manager has it.
type aci struct {
	t *testing.T
	e *emulatortest.Emulator
}

// builderUser is the user-assigned identity of the sample, which may push and pull.
const builderUser = group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/builder-identity"

// containerGroup is what is asked of a group, as far as it matters.
type containerGroup struct {
	Properties struct {
		ProvisioningState string
		InstanceView      struct{ State string }
		Containers        []struct {
			Properties struct {
				InstanceView struct {
					CurrentState struct{ State, DetailStatus string }
					Events       []struct {
						Name, Message string
						Count         int
					}
				}
			}
		}
	}
}

func groupPath(name string) string {
	return group + "/providers/Microsoft.ContainerInstance/containerGroups/" + name
}

// create makes a group that pulls hello:v1, with more at its top and in its properties.
func (a aci) create(name string, top, properties map[string]any) {
	a.t.Helper()
	all := map[string]any{"osType": "Linux", "containers": []any{map[string]any{"name": "c", "properties": map[string]any{"image": hello}}}}
	for key, value := range properties {
		all[key] = value
	}
	body := map[string]any{"location": "westeurope", "properties": all}
	for key, value := range top {
		body[key] = value
	}
	if err := a.e.ARM(a.t.Context(), http.MethodPut, groupPath(name), body, nil); err != nil {
		a.t.Fatal(err)
	}
}

// settled waits until it is known whether the group pulled its image, and says so in its events.
func (a aci) settled(name string) (pulled bool, told string) {
	a.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		var g containerGroup
		if err := a.e.ARM(a.t.Context(), http.MethodGet, groupPath(name), nil, &g); err != nil {
			a.t.Fatal(err)
		}
		var all []string
		for _, e := range g.Properties.Containers[0].Properties.InstanceView.Events {
			all = append(all, fmt.Sprintf("%s: %s", e.Name, e.Message))
			pulled = pulled || e.Name == "Pulled"
		}
		if pulled || g.Properties.ProvisioningState == "Failed" {
			return pulled, strings.Join(all, "\n")
		}
	}
	a.t.Fatalf("container group %s neither pulls nor fails", name)
	return false, ""
}

func (a aci) mustPull(name string, reason gate.Reason) {
	a.t.Helper()
	if pulled, told := a.settled(name); !pulled {
		a.t.Fatalf("%s could not pull:\n%s", name, told)
	}
	mustSettle(a.t, a.e, reason)
}

// mustFail wants the group's events to say what Azure's do, and the gate to have refused for that reason.
func (a aci) mustFail(name, text string, reason gate.Reason) {
	a.t.Helper()
	want := fmt.Sprintf("Failed: Failed to pull image %q: rpc error: code = Unknown desc = Error response from daemon: %s", hello, text)
	if pulled, told := a.settled(name); pulled || !strings.Contains(told, want) {
		a.t.Errorf("%s is told\n%s\nwant\n%s", name, told, want)
	}
	denied := a.e.Decisions(1, func(d emulator.DecisionEntry) bool { return d.Verdict == gate.Deny })
	if len(denied) != 1 || denied[0].Reason != reason {
		a.t.Errorf("%s was refused by %+v; want %s", name, denied, reason)
	}
}

var (
	asSystem = map[string]any{"identity": map[string]any{"type": "SystemAssigned"}}
	asUser   = map[string]any{"identity": map[string]any{"type": "UserAssigned", "userAssignedIdentities": map[string]any{builderUser: map[string]any{}}}}
)

func login(with map[string]any) map[string]any {
	with["server"] = "myregistry.azurecr.io"
	return map[string]any{"imageRegistryCredentials": []any{with}}
}

// TestContainerInstances is row 5 of acr-behaviour §9: a container group pulls from a restricted registry as itself, with a
// role, while trusted services pass; with a password it is anybody.
// https://github.com/Azure/acr/issues/633 https://github.com/Azure/acr/issues/494 https://github.com/MicrosoftDocs/azure-docs/issues/89111
// https://github.com/MicrosoftDocs/azure-docs/issues/105488 https://github.com/Azure/azure-cli/issues/28883
func TestContainerInstances(t *testing.T) {
	a := aci{t, emulatortest.Start(t, "")}
	const kept = `Head "https://myregistry.azurecr.io/v2/hello/manifests/v1": denied: client with IP '198.1`
	password := map[string]any{"username": clientID, "password": clientSecret}

	a.create("user", asUser, login(map[string]any{"identity": builderUser}))
	a.mustPull("user", gate.TrustedServiceBypass)
	a.create("worker", asSystem, login(map[string]any{"identity": groupPath("worker")})) // it has the role in the sample
	a.mustPull("worker", gate.TrustedServiceBypass)
	a.create("password", nil, login(password))
	a.mustFail("password", kept, gate.IPNotAllowed)
	a.create("nobody", nil, nil)
	a.mustFail("nobody", kept, gate.IPNotAllowed)

	update(t, a.e, "Microsoft.ContainerRegistry/registries/myregistry", map[string]any{"networkRuleBypassOptions": "None"})
	a.create("off", asUser, login(map[string]any{"identity": builderUser}))
	a.mustFail("off", kept, gate.BypassOff)

	inside := login(password)
	inside["subnetIds"] = []any{map[string]any{"id": group + "/providers/Microsoft.Network/virtualNetworks/hub/subnets/app"}}
	a.create("inside", nil, inside)
	a.mustPull("inside", gate.PrivateEndpointApproved)
}

// TestContainerInstancesWithoutRole is a group with an identity of its own, which can have no role before the group is there.
// Once it has one, the same document written again is a group that pulls.
func TestContainerInstancesWithoutRole(t *testing.T) {
	a := aci{t, emulatortest.Start(t, "")}
	a.create("fresh", asSystem, login(map[string]any{"identity": "[system]"}))
	var g struct{ Identity struct{ PrincipalID string } }
	if err := a.e.ARM(t.Context(), http.MethodGet, groupPath("fresh"), nil, &g); err != nil {
		t.Fatal(err)
	}
	assignment := map[string]any{"properties": map[string]any{
		"principalId":      g.Identity.PrincipalID,
		"roleDefinitionId": subscription + "/providers/Microsoft.Authorization/roleDefinitions/7f951dda-4ed3-4680-a7ca-43fe172d538d",
	}}
	if err := a.e.ARM(t.Context(), http.MethodPut, myregistryID+"/providers/Microsoft.Authorization/roleAssignments/acac10ca-6400-4000-8000-000000000001", assignment, nil); err != nil {
		t.Fatal(err)
	}
	a.create("fresh", asSystem, login(map[string]any{"identity": "[system]"}))
	a.mustPull("fresh", gate.TrustedServiceBypass)
}
