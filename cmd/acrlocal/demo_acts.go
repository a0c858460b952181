package main

import (
	"slices"

	"github.com/acrlocal/acrlocal/gate"
)

// act is a state of the network and what happens in it.
type act struct {
	title string
	// behavior starts a new emulator; empty goes on with the last one.
	behavior gate.Behavior
	// change is what the owner does first, as an az command and as the ARM call that the command makes.
	change []change
	rows   []row
}

// change is a call to ARM.
type change struct {
	command, method, id string
	body                any
}

// row is one attempt, and what must come of it.
type row struct {
	who, place, as string
	push           bool
	registry       string
	verdict        gate.Verdict
	reason         gate.Reason
}

const (
	subscription = "/subscriptions/acac10ca-2000-4000-8000-000000000001"
	group        = subscription + "/resourceGroups/acrlocal"
	registries   = group + "/providers/Microsoft.ContainerRegistry/registries/"
	developer    = "acac10ca-3000-4000-8000-000000000001"
	subnetID     = group + "/providers/Microsoft.Network/virtualNetworks/spoke/subnets/work"
	acrPull      = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
)

func pull(who, place string, verdict gate.Verdict, reason gate.Reason) row {
	return row{who: who, place: place, registry: "myregistry", verdict: verdict, reason: reason}
}

func push(who, place string, verdict gate.Verdict, reason gate.Reason) row {
	r := pull(who, place, verdict, reason)
	r.push = true
	return r
}

func (r row) by(principal string) row { r.as = principal; return r }

func (r row) on(registry string) row { r.registry = registry; return r }

// patch is a change to a property of a registry.
func patch(command, registry string, properties map[string]any) change {
	return change{command: command, method: "PATCH", id: registries + registry, body: map[string]any{"properties": properties}}
}

// acts is the article as a table: its limitations, its list of services, its workflow and its worked example.
func acts() []act {
	return slices.Concat(openingActs(), switchActs(), endpointActs(), currentActs())
}

// openingActs show who gets in, with some public access and with none.
func openingActs() []act {
	return []act{
		{
			title:    "myregistry takes 203.0.113.0/24, its private endpoint, and trusted services (the default)",
			behavior: gate.Article,
			rows: []row{
				push("developer", "203.0.113.7", gate.Allow, gate.IPRuleMatched).by(developer),
				pull("developer", "198.51.100.77", gate.Deny, gate.IPNotAllowed).by(developer),
				pull("anybody", "203.0.113.7", gate.Challenge, gate.CredentialMissing).by("anonymous"),
				pull("container group, system-assigned", "containerGroups/worker", gate.Allow, gate.TrustedServiceBypass),
				push("container group, user-assigned", "containerGroups/builder", gate.Allow, gate.TrustedServiceBypass),
				push("task", "tasks/nightly", gate.Allow, gate.TrustedServiceBypass),
				pull("ML workspace", "workspaces/vision", gate.Allow, gate.TrustedServiceBypass),
				pull("Defender for Cloud, no role", "service/defender", gate.Allow, gate.TrustedServiceBypass),
				pull("import, no role", "service/import", gate.Allow, gate.TrustedServiceBypass),
				push("container group with AcrPull only", "containerGroups/worker", gate.Deny, gate.RoleLacksAction),
				pull("App Service", "sites/shop", gate.Deny, gate.NotATrustedService),
				pull("virtual machine, peered network", "virtualMachines/jumpbox", gate.Allow, gate.PrivateEndpointApproved),
			},
		},
		{
			title: "the worked example: no public access at all",
			change: []change{patch("az acr update --name myregistry --public-network-enabled false", "myregistry",
				map[string]any{"publicNetworkAccess": "Disabled", "networkRuleSet": map[string]any{"defaultAction": "Deny"}})},
			rows: []row{
				push("task", "tasks/nightly", gate.Allow, gate.TrustedServiceBypass),
				pull("developer", "203.0.113.7", gate.Deny, gate.PublicAccessDisabled).by(developer),
				pull("virtual machine, peered network", "virtualMachines/jumpbox", gate.Allow, gate.PrivateEndpointApproved),
			},
		},
	}
}

// switchActs turn the trusted-services bypass off and on again.
func switchActs() []act {
	return []act{
		{
			title: "the switch is turned off",
			change: []change{patch("az acr update --name myregistry --allow-trusted-services false", "myregistry",
				map[string]any{"networkRuleBypassOptions": "None"})},
			rows: []row{
				push("task", "tasks/nightly", gate.Deny, gate.BypassOff),
				pull("container group, system-assigned", "containerGroups/worker", gate.Deny, gate.BypassOff),
				push("container group, user-assigned", "containerGroups/builder", gate.Deny, gate.BypassOff),
				pull("ML workspace", "workspaces/vision", gate.Deny, gate.BypassOff),
				pull("Defender for Cloud, no role", "service/defender", gate.Deny, gate.BypassOff),
				pull("import, no role", "service/import", gate.Deny, gate.BypassOff),
				pull("App Service", "sites/shop", gate.Deny, gate.NotATrustedService),
				pull("virtual machine, peered network", "virtualMachines/jumpbox", gate.Allow, gate.PrivateEndpointApproved),
			},
		},
		{
			title: "and on again",
			change: []change{patch("az acr update --name myregistry --allow-trusted-services true", "myregistry",
				map[string]any{"networkRuleBypassOptions": "AzureServices"})},
			rows: []row{push("task", "tasks/nightly", gate.Allow, gate.TrustedServiceBypass)},
		},
	}
}

// endpointActs show a registry that a service endpoint excludes from the bypass.
func endpointActs() []act {
	return []act{
		{
			title: "a registry with a service endpoint knows no trusted services",
			change: []change{
				{
					command: "az acr create --name endpointed --resource-group acrlocal --sku Premium --default-action Deny",
					method:  "PUT", id: registries + "endpointed?api-version=2021-08-01-preview", body: endpointed(), // the last with service endpoints
				},
				{
					command: "az role assignment create --role AcrPull --assignee worker --scope /subscriptions/…/resourceGroups/acrlocal",
					method:  "PUT", id: group + "/providers/Microsoft.Authorization/roleAssignments/acac10ca-5000-4000-8000-000000000001",
					body: map[string]any{"properties": map[string]any{
						"principalId":      "{containerGroups/worker}",
						"roleDefinitionId": subscription + "/providers/Microsoft.Authorization/roleDefinitions/" + acrPull,
					}},
				},
			},
			rows: []row{
				push("developer, in the subnet", "virtualNetworks/spoke/subnets/work", gate.Allow, gate.VirtualNetworkRuleMatched).by(developer).on("endpointed"),
				pull("container group, system-assigned", "containerGroups/worker", gate.Deny, gate.BypassExcludedByServiceEndpoint).on("endpointed"),
			},
		},
	}
}

// currentActs show what has changed since the article was written.
func currentActs() []act {
	return []act{
		{
			title:    "ACR as it is today: tasks need a flag of their own",
			behavior: gate.Current,
			rows: []row{
				push("task", "tasks/nightly", gate.Deny, gate.TasksBypassNotAllowed),
				pull("container group, system-assigned", "containerGroups/worker", gate.Allow, gate.TrustedServiceBypass),
			},
		},
		{
			title: "the flag is set",
			change: []change{patch("az resource update --ids …/myregistry --set properties.networkRuleBypassAllowedForTasks=true", "myregistry",
				map[string]any{"networkRuleBypassAllowedForTasks": true})},
			rows: []row{push("task", "tasks/nightly", gate.Allow, gate.TrustedServiceBypass)},
		},
	}
}

func endpointed() map[string]any {
	return map[string]any{
		"location": "westeurope", "sku": map[string]any{"name": "Premium"},
		"properties": map[string]any{"networkRuleSet": map[string]any{
			"defaultAction":       "Deny",
			"virtualNetworkRules": []any{map[string]any{"action": "Allow", "id": subnetID}},
		}},
	}
}
