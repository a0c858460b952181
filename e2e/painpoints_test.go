package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/gate"
)

// The troubles that people have with services and restricted registries (acr-behaviour §9), each with where they told of
// them. The rows are those of the table there. Row 5 is in instances_test.go, rows 6, 7, 8 and 12 are in untrusted_test.go, and
// row 13 is TestImportRefused of package emulator.

// firewall is what every client is told whom the rules keep out.
const firewall = "is not allowed access. Refer https://aka.ms/acr/firewall to grant access."

// noExchange is what a run says whose identity is kept out.
const noExchange = "failed to unmarshal task before running: failed to resolve secrets: failed to get ACR refresh token, exchange API response code: 403 Forbidden"

// tinySource makes an image without running anything.
var tinySource = map[string]string{"Dockerfile": "FROM scratch\nCOPY hello.txt /\n", "hello.txt": "hello\n"}

// helloTask is a task file that builds its context and pushes the image to a registry.
func helloTask(registry string) string {
	return fmt.Sprintf("version: v1.1.0\nsteps:\n  - build: -t %[1]s.azurecr.io/made:$ID .\n  - push: [\"%[1]s.azurecr.io/made:$ID\"]\n", registry)
}

// runWith is the request of a run of a task with a source.
func (r tasksOf) runWith(task string, source map[string]string) map[string]any {
	r.t.Helper()
	request := runTask(task)
	request["overrideTaskStepProperties"] = map[string]any{"contextPath": r.upload(source)}
	return request
}

var (
	system  = map[string]any{"type": "SystemAssigned"}
	nobody  = map[string]any{"defaultAction": "Deny", "ipRules": []any{}}
	ofTasks = "networkRuleBypassAllowedForTasks"
)

// TestBuildBlocked is row 1: a build is refused though trusted services are ticked, since it logs in without an identity of
// its own. It gets in from an address in the rules, and from an agent pool in the network.
// https://github.com/Azure/acr/issues/662 https://github.com/Azure/acr/issues/603 https://github.com/Azure/acr/issues/762
// https://github.com/Azure/acr/issues/627 https://github.com/Azure/azure-cli/issues/27253 https://github.com/Azure/azure-cli/issues/22920
func TestBuildBlocked(t *testing.T) {
	r := startTasks(t, gate.Article, "myregistry")
	blocked := r.do(quickBuild(r.upload(tinySource), "made:v1"))
	r.mustEnd(blocked, "Failed",
		`failed to login, ran out of retries: failed to set docker credentials: Error response from daemon: Get "https://myregistry.azurecr.io/v2/": denied: client with IP '198.1`, firewall)
	r.mustRefuse(gate.IPNotAllowed)
	_, after, _ := strings.Cut(blocked.log, "client with IP '")
	address, _, _ := strings.Cut(after, "'")
	r.update(map[string]any{"networkRuleSet": map[string]any{"defaultAction": "Deny", "ipRules": []any{map[string]any{"value": address}}}})
	r.mustEnd(r.do(quickBuild(r.upload(tinySource), "made:v2")), "Succeeded", "Successfully pushed image: myregistry.azurecr.io/made:v2")

	r.update(map[string]any{"networkRuleSet": nobody})
	r.arm(http.MethodPut, "/agentPools/inside"+tasksVersion, map[string]any{"location": "westeurope", "properties": map[string]any{
		"count": 1, "tier": "S1", "os": "Linux",
		"virtualNetworkSubnetResourceId": group + "/providers/Microsoft.Network/virtualNetworks/hub/subnets/app",
	}}, nil)
	build := quickBuild(r.upload(tinySource), "made:v3")
	build["agentPoolName"] = "inside"
	r.mustEnd(r.do(build), "Succeeded", "Successfully pushed image: myregistry.azurecr.io/made:v3")
}

// TestIdentityWithoutCredential is row 2: the task has an identity and the role, but no credential that uses it.
// https://github.com/MicrosoftDocs/azure-docs/issues/96504
func TestIdentityWithoutCredential(t *testing.T) {
	r := startTasks(t, gate.Article, "myregistry")
	id := r.task("builder", helloTask("myregistry"), map[string]any{"identity": system})
	r.grant("registries/myregistry/tasks/builder", "AcrPush", r.registry)
	r.mustEnd(r.do(r.runWith(id, tinySource)), "Failed", "failed to login, ran out of retries", firewall)

	r.task("builder", helloTask("myregistry"), map[string]any{"identity": system, "credentials": credentials("[system]", "myregistry")})
	r.mustEnd(r.do(r.runWith(id, tinySource)), "Succeeded", "Successfully pushed image: myregistry.azurecr.io/made:")
	if d := r.e.Decisions(1, wasAllowed); len(d) != 1 || d[0].Steps[0].Reason != gate.TrustedServiceBypass {
		t.Errorf("let in by %+v", d)
	}
}

// TestUserAssignedTask is row 3: a user-assigned identity of a task does not pass.
// https://github.com/Azure/azure-cli/issues/28151
func TestUserAssignedTask(t *testing.T) {
	r := startTasks(t, gate.Article, "myregistry")
	identity := group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/builder-identity"
	var found struct{ Properties struct{ ClientID string } }
	r.arm(http.MethodGet, identity+"?api-version=2018-11-30", nil, &found)
	id := r.task("builder", helloTask("myregistry"), map[string]any{
		"identity":    map[string]any{"type": "UserAssigned", "userAssignedIdentities": map[string]any{identity: map[string]any{}}},
		"credentials": credentials(found.Properties.ClientID, "myregistry"),
	})
	r.mustEnd(r.do(r.runWith(id, tinySource)), "Failed", noExchange)
	r.mustRefuse(gate.UserAssignedNotTrusted)

	r.update(map[string]any{"networkRuleSet": map[string]any{"defaultAction": "Allow"}}) // its role is good, once it is in
	r.mustEnd(r.do(r.runWith(id, tinySource)), "Succeeded")
}

// TestTasksSinceJune2025 is row 4: today's registries want a setting of their own before a task passes.
// https://github.com/Azure/ALZ-PowerShell-Module/issues/376 https://github.com/Azure/bicep-registry-modules/pull/7280
// https://github.com/Azure/bicep-registry-modules/pull/6990
func TestTasksSinceJune2025(t *testing.T) {
	r := startTasks(t, gate.Current, "myregistry")
	id := r.task("builder", helloTask("myregistry"), map[string]any{"identity": system, "credentials": credentials("[system]", "myregistry")})
	r.grant("registries/myregistry/tasks/builder", "AcrPush", r.registry)
	r.mustEnd(r.do(r.runWith(id, tinySource)), "Failed", noExchange)
	r.mustRefuse(gate.TasksBypassNotAllowed)
	r.update(map[string]any{ofTasks: true})
	r.mustEnd(r.do(r.runWith(id, tinySource)), "Succeeded")
	r.update(map[string]any{ofTasks: false})
	r.mustEnd(r.do(r.runWith(id, tinySource)), "Failed", noExchange)
}

// TestRolesPerRepository is row 14: in a registry whose roles are per repository a run has no access of its own any more, and a role of
// the other kind gives an identity none. That acr purge asks for too much there is TestPurgeByRepository of its package, and
// that tokens from before the change end is in gate/testdata (mode-changed).
// https://github.com/Azure/acr-cli/issues/501 https://github.com/Azure/acr-cli/issues/611 https://github.com/Azure/acr-cli/issues/641
// https://github.com/microsoft/vscode-containers/issues/303
func TestRolesPerRepository(t *testing.T) {
	r := startTasks(t, gate.Article, "playground")
	purge := quickTask("version: v1.1.0\nsteps:\n  - cmd: acr purge --registry $Registry --filter 'hello:.*' --ago 0d --dry-run\n")
	if r.e.Status().Executor.Kind != "none" {
		r.mustEnd(r.do(purge), "Succeeded", "Number of tags to be deleted: 1")
	}
	id := r.task("builder", helloTask("playground"), map[string]any{"identity": system, "credentials": credentials("[system]", "playground")})
	r.grant("registries/playground/tasks/builder", "AcrPush", r.registry)
	r.mustEnd(r.do(r.runWith(id, tinySource)), "Succeeded")

	r.update(map[string]any{"roleAssignmentMode": "AbacRepositoryPermissions"})
	r.mustEnd(r.do(purge), "Failed", "failed to login, ran out of retries", "unauthorized")
	r.mustEnd(r.do(r.runWith(id, tinySource)), "Failed", "exchange API response code: 401 Unauthorized")
	r.mustRefuse(gate.RoleLacksAction)
}
