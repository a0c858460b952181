package emulator

import (
	"fmt"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// remedy is the smallest change that takes away one reason to refuse: the az command, and the same change to the
// policy, by which it is proved to help.
type remedy struct {
	// command renders the change as an az command; empty if there is none that helps.
	command func(situation) string
	// apply makes the change; nil if it is not the policy that must change, but what the caller does.
	apply func(situation) gate.Change
}

// situation is a refusal, with what a remedy needs to know about it.
type situation struct {
	snapshot *gate.Snapshot
	registry gate.Registry
	request  gate.Request
	decision gate.Decision
}

// maxRemedies bounds how many changes are tried in a row.
const maxRemedies = 4

// remediesFor returns the az commands that turn a refusal round, found by making each change and deciding again. The
// list stops where no change of the policy helps.
func remediesFor(s *gate.Snapshot, q gate.Request) []string {
	var commands []string
	for range maxRemedies {
		d := s.Decide(q)
		r, ok := remedies[d.Reason()]
		registry, known := s.Registry(q.Registry)
		if d.Verdict == gate.Allow || !ok || !known {
			return commands
		}
		at := situation{snapshot: s, registry: registry, request: q, decision: d}
		command := r.command(at)
		if r.apply == nil || command == "" {
			return appendSome(commands, command)
		}
		next, err := s.With(r.apply(at))
		if err != nil {
			return commands // what the registry would not take is no remedy
		}
		commands, s = append(commands, command), next
	}
	return commands
}

func appendSome(commands []string, command string) []string {
	if command == "" {
		return commands
	}
	return append(commands, command)
}

// remedies is the table of remedies. A reason without one, such as a wrong signature, cannot be turned round by a
// setting.
var remedies = map[gate.Reason]remedy{
	gate.PublicAccessDisabled:       enablePublic,
	gate.IPNotAllowed:               addIPRule,
	gate.NotATrustedService:         openTo,
	gate.UserAssignedNotTrusted:     openTo,
	gate.PrivateEndpointNotApproved: {command: approve},
	gate.BypassOff: onRegistry("az acr update --name {registry} --allow-trusted-services true",
		func(r *gate.Registry, _ situation) { r.BypassTrustedServices = true }),
	gate.BypassExcludedByServiceEndpoint: onRegistry("az acr network-rule remove --name {registry} --subnet {subnet}",
		func(r *gate.Registry, _ situation) { r.VirtualNetworkRules = r.VirtualNetworkRules[1:] }),
	gate.TasksBypassNotAllowed: onRegistry("az resource update --ids {id} --api-version 2025-06-01-preview --set properties.networkRuleBypassAllowedForTasks=true",
		func(r *gate.Registry, _ situation) { yes := true; r.BypassForTasks = &yes }),

	gate.CredentialMissing: onlyCommand("az acr login --name {registry}"),
	gate.Expired:           newPassword,
	gate.ModeChanged:       onlyCommand("az acr login --name {registry}"),
	gate.AdminUserDisabled: onlyCommand("az acr update --name {registry} --admin-enabled true"),
	gate.PasswordWrong:     newPassword,
	gate.TokenDisabled:     onlyCommand("az acr token update --registry {registry} --name {rule} --status enabled"),
	gate.ARMAudienceRefused: onRegistry("az acr config authentication-as-arm update --registry {registry} --status enabled",
		func(r *gate.Registry, _ situation) { r.RefuseARMAudience = false }),

	gate.NoRole:              assignRole,
	gate.RoleLacksAction:     assignRole,
	gate.ConditionNotMet:     assignAgain,
	gate.ScopeMissing:        onlyCommand("az acr login --name {registry}"),
	gate.ScopeMapLacksAction: widerScopeMap,
}

// newPassword shows or makes the password that belongs to an account of the registry; for a token it makes a new one.
// Who forgot the secret of a service principal gets no new one from the registry.
var newPassword = remedy{command: func(s situation) string {
	switch credential := s.request.Credential; {
	case credential.Kind == gate.AdminPassword:
		return s.fill("az acr credential show --name {registry}")
	case credential.Kind == gate.TokenPassword:
		return s.fill("az acr token credential generate --registry {registry} --name {principal}")
	case credential.Failure == gate.Expired:
		return s.fill("az acr login --name {registry}")
	}
	return ""
}}

// systemScopeMaps are the least of the scope maps on every registry (acr-behaviour §4.3) that grant an operation. No scope
// map grants the catalog.
var systemScopeMaps = map[gate.OperationKind]string{
	gate.OpSignIn: "_repositories_pull", gate.OpPull: "_repositories_pull", gate.OpPush: "_repositories_push",
	gate.OpListTags: "_repositories_pull_metadata_read", gate.OpViewAttributes: "_repositories_pull_metadata_read",
	gate.OpSetAttributes: "_repositories_push_metadata_write",
	gate.OpDelete:        "_repositories_admin", gate.OpDeleteReferrer: "_repositories_admin", gate.OpUntag: "_repositories_admin",
}

var widerScopeMap = remedy{command: func(s situation) string {
	scopeMap, ok := systemScopeMaps[s.request.Operation.Kind]
	if !ok {
		return ""
	}
	return s.fill("az acr token update --registry {registry} --name {principal} --scope-map " + scopeMap)
}}

// approve approves the connection through which the request came, if it is one to this registry.
func approve(s situation) string {
	if !s.ruleIsBelow() {
		return ""
	}
	return s.fill("az network private-endpoint-connection approve --id {rule}")
}

// ruleIsBelow reports whether the rule that settled the decision is a resource right below the registry.
func (s situation) ruleIsBelow() bool {
	rule, err := azure.ParseResourceID(s.decision.Settled().Rule)
	above, _ := rule.Parent()
	return err == nil && above.Key() == azure.Fold(s.registry.ID)
}

func onlyCommand(template string) remedy {
	return remedy{command: func(s situation) string { return s.fill(template) }}
}

// onRegistry is a remedy that changes one setting of the registry.
func onRegistry(template string, edit func(*gate.Registry, situation)) remedy {
	return remedy{
		command: func(s situation) string { return s.fill(template) },
		apply: func(s situation) gate.Change {
			r := s.registry
			edit(&r, s)
			return gate.Change{Put: gate.Policy{Registries: []gate.Registry{r}}, Revision: s.snapshot.Revision()}
		},
	}
}

var enablePublic = onRegistry("az acr update --name {registry} --public-network-enabled true",
	func(r *gate.Registry, _ situation) { r.PublicAccess = true })

var addIPRule = onRegistry("az acr network-rule add --name {registry} --ip-address {ip}",
	func(r *gate.Registry, s situation) {
		r.IPRules = append(append([]string(nil), r.IPRules...), s.request.Source.Peer.String())
	})

// openTo is the remedy for a caller whom no trust can help: the public rules must let its address in.
var openTo = remedy{
	command: func(s situation) string {
		if !s.registry.PublicAccess {
			return enablePublic.command(s)
		}
		return addIPRule.command(s)
	},
	apply: func(s situation) gate.Change {
		if !s.registry.PublicAccess {
			return enablePublic.apply(s)
		}
		return addIPRule.apply(s)
	},
}

// assignRole gives the caller the least of the built-in roles that grants the operation in the registry's mode.
var assignRole = remedy{
	command: func(s situation) string {
		name, _ := leastRole(s)
		return s.fill(`az role assignment create --assignee-object-id {principal} --assignee-principal-type {type} --role "` + name + `" --scope {id}`)
	},
	apply: func(s situation) gate.Change {
		_, id := leastRole(s)
		return gate.Change{Revision: s.snapshot.Revision(), Put: gate.Policy{Assignments: []gate.Assignment{{
			ID: s.registry.ID + "/providers/Microsoft.Authorization/roleAssignments/remedy", PrincipalID: s.request.Credential.Name,
			Role: id, Scope: s.registry.ID,
		}}}}
	},
}

// assignAgain assigns a role without a condition. At the same scope, the assignment with one stands in its way.
var assignAgain = remedy{
	command: func(s situation) string {
		if !s.ruleIsBelow() {
			return assignRole.command(s)
		}
		return s.fill("az role assignment delete --ids {rule} && ") + assignRole.command(s)
	},
	apply: assignRole.apply,
}

// candidates are the roles that are tried, the least first.
var candidates = []string{
	"AcrPull", "AcrDelete", "AcrPush", "Container Registry Repository Catalog Lister", "Container Registry Repository Reader",
	"Container Registry Repository Writer", "Container Registry Repository Contributor", "AcrQuarantineReader",
	"AcrQuarantineWriter", "Contributor",
}

func leastRole(s situation) (name, id string) {
	action := s.request.Operation.Kind.NeededAction(s.registry.Mode)
	abac := s.registry.Mode == gate.AbacRepositoryPermissions
	for _, name := range candidates {
		for _, role := range gate.BuiltInRoles() {
			if role.Name == name && (abac && role.AllowsData(action) || !abac && role.Allows(action)) {
				return role.Name, role.ID
			}
		}
	}
	return "Contributor", "b24988ac-6180-42a0-ab88-20f7382dd24c"
}

// fill puts what is known into a command.
func (s situation) fill(template string) string {
	kind := "ServicePrincipal"
	if p, _ := s.snapshot.Principal(s.request.Credential.Name); p.Kind == gate.User || p.Kind == gate.Group {
		kind = string(p.Kind)
	}
	subnet := ""
	if len(s.registry.VirtualNetworkRules) > 0 {
		subnet = s.registry.VirtualNetworkRules[0]
	}
	return strings.NewReplacer(
		"{registry}", s.registry.Name, "{id}", s.registry.ID, "{ip}", fmt.Sprint(s.request.Source.Peer),
		"{rule}", s.decision.Settled().Rule, "{principal}", s.request.Credential.Name, "{subnet}", subnet, "{type}", kind,
	).Replace(template)
}
