package emulator

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// beyondRemedy are the reasons that no setting turns round, and why.
var beyondRemedy = map[gate.Reason]string{
	gate.RegistryUnknown:      "there is nothing to set",
	gate.CredentialMalformed:  "the client sends nonsense",
	gate.SignatureInvalid:     "a forgery stays one",
	gate.IssuerWrong:          "the token is somebody else's",
	gate.AudienceWrong:        "the token is for somebody else",
	gate.TenantWrong:          "the token is of another tenant",
	gate.NotYetValid:          "only time helps",
	gate.PrincipalUnknown:     "who is gone needs no right",
	gate.ApplicationUnknown:   "the user name is wrong",
	gate.OperationUnsupported: "there is no such API",
	gate.Locked:               "the content refuses, which the gate does not know",
	gate.Quarantined:          "the content refuses, which the gate does not know",
	gate.Throttled:            "only time helps",
	gate.StorageFull:          "the emulator's own limit",
}

func TestEveryReasonHasARemedyOrNone(t *testing.T) {
	for _, info := range gate.Reasons() {
		_, has := remedies[info.Reason]
		_, none := beyondRemedy[info.Reason]
		if refuses := info.Verdict != gate.Allow; refuses && has == none || !refuses && (has || none) {
			t.Errorf("%s (%s): remedy %v, listed without one %v", info.Reason, info.Verdict, has, none)
		}
	}
}

// remedyRows are situations of the sample environment that an explanation can describe: what is refused, and the
// commands that, in this order, turn it round.
var remedyRows = []struct {
	reason   gate.Reason
	behavior gate.Behavior
	set      map[string]any // properties of myregistry
	gone     string         // what is removed before
	seed     string         // documents beside the sample's
	question ExplainRequest
	commands []string
}{
	{
		reason: gate.PublicAccessDisabled, set: map[string]any{"publicNetworkAccess": "Disabled"},
		question: ExplainRequest{From: "203.0.113.7", As: azure.DevelopmentClientID},
		commands: []string{"az acr update --name myregistry --public-network-enabled true"},
	},
	{
		reason: gate.PublicAccessDisabled, set: map[string]any{"publicNetworkAccess": "Disabled"},
		question: ExplainRequest{From: "192.0.2.7", As: azure.DevelopmentClientID},
		commands: []string{
			"az acr update --name myregistry --public-network-enabled true",
			"az acr network-rule add --name myregistry --ip-address 192.0.2.7",
		},
	},
	{
		reason:   gate.IPNotAllowed,
		question: ExplainRequest{From: "192.0.2.7", As: azure.DevelopmentClientID},
		commands: []string{"az acr network-rule add --name myregistry --ip-address 192.0.2.7"},
	},
	{ // ACR takes no IPv6 rule (acr-behaviour §1.2 row 4)
		reason:   gate.IPNotAllowed,
		question: ExplainRequest{From: "2001-db8--7", As: azure.DevelopmentClientID},
	},
	{
		reason:   gate.NotATrustedService,
		question: ExplainRequest{From: "sites/shop"},
		commands: []string{"az acr network-rule add --name myregistry --ip-address {ip}"},
	},
	{
		reason: gate.NotATrustedService, set: map[string]any{"publicNetworkAccess": "Disabled"},
		question: ExplainRequest{From: "sites/shop"},
		commands: []string{
			"az acr update --name myregistry --public-network-enabled true",
			"az acr network-rule add --name myregistry --ip-address {ip}",
		},
	},
	{
		reason: gate.UserAssignedNotTrusted,
		seed: `
resources:
  - type: Microsoft.MachineLearningServices/workspaces
    name: borrowed
    identity: {type: UserAssigned, userAssignedIdentities: {` + testGroup + `/providers/Microsoft.ManagedIdentity/userAssignedIdentities/builder-identity: {}}}
`,
		question: ExplainRequest{From: "workspaces/borrowed"},
		commands: []string{"az acr network-rule add --name myregistry --ip-address {ip}"},
	},
	{
		reason: gate.BypassOff, set: map[string]any{"networkRuleBypassOptions": "None"},
		question: ExplainRequest{From: worker},
		commands: []string{"az acr update --name myregistry --allow-trusted-services true"},
	},
	{
		reason: gate.BypassExcludedByServiceEndpoint, gone: testGroup + "/providers/Microsoft.Network/privateEndpoints/myregistry-endpoint",
		set: map[string]any{"networkRuleBypassOptions": "None", "networkRuleSet": map[string]any{
			"defaultAction":       "Deny",
			"virtualNetworkRules": []any{map[string]any{"id": spokeSubnet}},
		}},
		question: ExplainRequest{From: worker},
		commands: []string{
			"az acr network-rule remove --name myregistry --subnet " + spokeSubnet,
			"az acr update --name myregistry --allow-trusted-services true",
		},
	},
	{
		reason: gate.TasksBypassNotAllowed, behavior: gate.Current,
		question: ExplainRequest{From: "tasks/nightly", Do: "push"},
		commands: []string{"az resource update --ids " + testRegistry + " --api-version 2025-06-01-preview --set properties.networkRuleBypassAllowedForTasks=true"},
	},
	{
		reason:   gate.CredentialMissing,
		question: ExplainRequest{From: "203.0.113.7", As: anonymous},
		commands: []string{"az acr login --name myregistry"},
	},
	{
		reason:   gate.RoleLacksAction,
		question: ExplainRequest{From: worker, Do: "push"},
		commands: []string{assign("{principal}", "ServicePrincipal", "AcrPush")},
	},
	{
		reason: gate.NoRole,
		seed: `
principals:
  - {"@odata.type": "#microsoft.graph.user", id: acac10ca-8000-4000-8000-000000000001, userPrincipalName: ann@example.com}
`,
		question: ExplainRequest{From: "203.0.113.7", As: "ann@example.com"},
		commands: []string{assign("{principal}", "User", "AcrPull")},
	},
	{
		reason: gate.IPNotAllowed,
		seed: `
principals:
  - {"@odata.type": "#microsoft.graph.user", id: acac10ca-8000-4000-8000-000000000001, userPrincipalName: ann@example.com}
`,
		question: ExplainRequest{From: "192.0.2.7", As: "ann@example.com", Do: "push"},
		commands: []string{
			"az acr network-rule add --name myregistry --ip-address 192.0.2.7", assign("{principal}", "User", "AcrPush"),
		},
	},
	{
		reason: gate.ConditionNotMet, set: map[string]any{"roleAssignmentMode": "AbacRepositoryPermissions"},
		seed: `
principals:
  - {"@odata.type": "#microsoft.graph.group", id: acac10ca-8000-4000-8000-000000000004, displayName: team}
resources:
  - type: Microsoft.Authorization/roleAssignments
    name: acac10ca-9000-4000-8000-000000000001
    scope: ` + testRegistry + `
    properties:
      roleDefinitionId: Container Registry Repository Reader
      principalId: ` + workerID + `
      condition: "@Request[Microsoft.ContainerRegistry/registries/repositories:name] StringEquals 'other'"
`,
		question: ExplainRequest{From: worker},
		commands: []string{
			"az role assignment delete --ids " + testRegistry + "/providers/Microsoft.Authorization/roleAssignments/acac10ca-9000-4000-8000-000000000001 && " +
				assign("{principal}", "ServicePrincipal", "Container Registry Repository Reader"),
		},
	},
}

const spokeSubnet = testGroup + "/providers/Microsoft.Network/virtualNetworks/spoke/subnets/work"

func assign(principal, kind, role string) string {
	return "az role assignment create --assignee-object-id " + principal + " --assignee-principal-type " + kind +
		` --role "` + role + `" --scope ` + testRegistry
}

// withSample are options with the sample environment and more.
func withSample(more string) Options {
	o := Options{Seeds: []Seed{{Name: "sample.yaml", Data: sampleSeed}}}
	if more != "" {
		o.Seeds = append(o.Seeds, Seed{Name: "more.yaml", Data: []byte(more)})
	}
	return o
}

// versionFor is the query with the api-version that has what is set, if it is not that of ARM.
func versionFor(properties map[string]any) string {
	rules, _ := properties["networkRuleSet"].(map[string]any)
	if rules["virtualNetworkRules"] != nil {
		return "?api-version=2021-08-01-preview" // acr-behaviour §1.1
	}
	return ""
}

// TestRemedies: what is proposed, and that it helps: a list that is not empty, followed to its end, ends in an allowance.
func TestRemedies(t *testing.T) {
	shown := map[gate.Reason]bool{}
	for _, row := range remedyRows {
		t.Run(string(row.reason)+" from "+row.question.From, func(t *testing.T) {
			o := withSample(row.seed)
			o.Behavior = row.behavior
			e := start(t, o)
			if row.gone != "" {
				e.arms(t, http.MethodDelete, row.gone, nil)
			}
			if row.set != nil {
				e.arms(t, http.MethodPatch, testRegistry+versionFor(row.set), row.set)
			}
			row.question.Registry, row.question.Repository = "myregistry", "hello"
			x, err := e.Explain(row.question)
			if err != nil {
				t.Fatal(err)
			}
			got := x.Answers[0]
			if got.Verdict == gate.Allow || got.Reason != row.reason {
				t.Fatalf("%s for %s: %+v", got.Verdict, got.Reason, got.Steps)
			}
			known := strings.NewReplacer("{ip}", x.Place.Address, "{principal}", x.Principal)
			for i, want := range row.commands {
				row.commands[i] = known.Replace(want)
			}
			if !slices.Equal(got.Remedy, row.commands) {
				t.Errorf("remedy:\n%s\nwant:\n%s", strings.Join(got.Remedy, "\n"), strings.Join(row.commands, "\n"))
			}
			if len(got.Remedy) > 0 {
				shown[row.reason] = true
				e.follow(t, row.question)
			}
		})
	}
	for _, row := range credentialRows {
		shown[row.reason] = true
	}
	for reason := range remedies {
		if !shown[reason] {
			t.Errorf("no row shows the remedy for %s", reason)
		}
	}
}

// credentialRows are refusals that only a request can meet, as it brings the credential.
var credentialRows = []struct {
	reason     gate.Reason
	credential gate.Credential
	source     gate.Source
	commands   []string
}{
	{reason: gate.Expired, credential: gate.Credential{Kind: gate.AccessToken, Failure: gate.Expired}, commands: []string{"az acr login --name myregistry"}},
	{
		reason: gate.ModeChanged,
		credential: gate.Credential{
			Kind: gate.RefreshToken, Holder: gate.PrincipalHolder, Name: azure.DevelopmentPrincipal, Mode: gate.AbacRepositoryPermissions,
		},
		commands: []string{"az acr login --name myregistry"},
	},
	{
		reason:     gate.ScopeMissing,
		credential: gate.Credential{Kind: gate.AccessToken, Holder: gate.PrincipalHolder, Name: azure.DevelopmentPrincipal},
		commands:   []string{"az acr login --name myregistry"},
	},
	{
		reason: gate.AdminUserDisabled, credential: gate.Credential{Kind: gate.AdminPassword, Failure: gate.AdminUserDisabled},
		commands: []string{"az acr update --name myregistry --admin-enabled true"},
	},
	{
		reason: gate.PasswordWrong, credential: gate.Credential{Kind: gate.AdminPassword, Failure: gate.PasswordWrong},
		commands: []string{"az acr credential show --name myregistry"},
	},
	{
		reason:     gate.TokenDisabled,
		credential: gate.Credential{Kind: gate.TokenPassword, Holder: gate.TokenHolder, Name: "off"},
		commands:   []string{"az acr token update --registry myregistry --name off --status enabled"},
	},
	{
		reason:     gate.ScopeMapLacksAction,
		credential: gate.Credential{Kind: gate.TokenPassword, Holder: gate.TokenHolder, Name: "narrow"},
		commands:   []string{"az acr token update --registry myregistry --name narrow --scope-map _repositories_pull"},
	},
	{
		reason: gate.ARMAudienceRefused,
		credential: gate.Credential{
			Kind: gate.EntraToken, Holder: gate.PrincipalHolder, Name: azure.DevelopmentPrincipal, ARMAudience: true,
		},
		commands: []string{"az acr config authentication-as-arm update --registry myregistry --status enabled"},
	},
	{
		reason:   gate.PrivateEndpointNotApproved,
		source:   gate.Source{Endpoint: azure.Fold(testRegistry + "/privateEndpointConnections/waiting")},
		commands: []string{"az network private-endpoint-connection approve --id " + testRegistry + "/privateEndpointConnections/waiting"},
	},
	{ // another registry's endpoint: approving it again would change nothing
		reason: gate.PrivateEndpointNotApproved, source: gate.Source{Endpoint: azure.Fold(otherConnection)},
	},
}

const otherConnection = testGroup + "/providers/Microsoft.ContainerRegistry/registries/playground/privateEndpointConnections/other"

const credentialSeed = `
resources:
  - type: Microsoft.ContainerRegistry/registries
    name: myregistry
    sku: {name: Premium}
    properties:
      policies: {azureADAuthenticationAsArmPolicy: {status: disabled}}
  - {type: Microsoft.ContainerRegistry/registries, name: playground, sku: {name: Premium}}
  - {type: Microsoft.ContainerRegistry/registries/scopeMaps, name: myregistry/map, properties: {actions: [repositories/other/content/read]}}
  - {type: Microsoft.ContainerRegistry/registries/tokens, name: myregistry/off, properties: {scopeMapId: "` + testRegistry + `/scopeMaps/map", status: disabled}}
  - {type: Microsoft.ContainerRegistry/registries/tokens, name: myregistry/narrow, properties: {scopeMapId: "` + testRegistry + `/scopeMaps/map"}}
  - type: Microsoft.ContainerRegistry/registries/privateEndpointConnections
    name: myregistry/waiting
    properties: {privateEndpoint: {id: "` + elsewhere + `"}, privateLinkServiceConnectionState: {status: Pending}}
  - type: Microsoft.ContainerRegistry/registries/privateEndpointConnections
    name: playground/other
    properties: {privateEndpoint: {id: "` + elsewhere + `2"}, privateLinkServiceConnectionState: {status: Approved}}
`

const elsewhere = "/subscriptions/acac10ca-2000-4000-8000-000000000002/resourceGroups/theirs/providers/Microsoft.Network/privateEndpoints/door"

func TestRemediesOfCredentials(t *testing.T) {
	e := open(t, seeded(credentialSeed))
	for _, row := range credentialRows {
		t.Run(string(row.reason), func(t *testing.T) {
			q := gate.Request{
				Registry: "myregistry", Surface: gate.RegistryAPI, Operation: gate.Operation{Kind: gate.OpPull, Repository: "hello"},
				Source: row.source, Credential: row.credential,
			}
			q.Source.Peer = netip.MustParseAddr("192.0.2.7")
			if q.Credential.Kind == gate.NoCredential {
				q.Credential = gate.Credential{Kind: gate.EntraToken, Holder: gate.PrincipalHolder, Name: azure.DevelopmentPrincipal}
			}
			s := e.gate.Snapshot()
			if d := s.Decide(q); d.Reason() != row.reason {
				t.Fatalf("refused for %s: %+v", d.Reason(), d.Steps())
			}
			if got := remediesFor(s, q); !slices.Equal(got, row.commands) {
				t.Errorf("remedy %q, want %q", got, row.commands)
			}
		})
	}
}

// follow does what explanations propose until they propose nothing. A login is the caller's own business.
func (e *Emulator) follow(t *testing.T, question ExplainRequest) {
	t.Helper()
	for range maxRemedies + 1 {
		x, err := e.Explain(question)
		if err != nil {
			t.Fatal(err)
		}
		now := x.Answers[0]
		if len(now.Remedy) == 0 && now.Verdict == gate.Allow || slices.Equal(now.Remedy, []string{"az acr login --name myregistry"}) {
			return
		}
		if len(now.Remedy) == 0 {
			t.Fatalf("nothing more is proposed, and it is %s for %s", now.Verdict, now.Reason)
		}
		for command := range strings.SplitSeq(now.Remedy[0], " && ") {
			e.az(t, command)
		}
	}
	t.Error("the proposals never end")
}

// az makes the ARM call that az would make for one of the commands of the table of remedies.
func (e *Emulator) az(t *testing.T, command string) {
	t.Helper()
	words := strings.Fields(strings.ReplaceAll(command, `"`, ""))
	flag := func(name string) string {
		at := slices.Index(words, name)
		if at < 0 {
			t.Fatalf("%s has no %s", command, name)
		}
		end := at + 1
		for end < len(words) && !strings.HasPrefix(words[end], "--") {
			end++
		}
		return strings.Join(words[at+1:end], " ")
	}
	switch {
	case strings.HasPrefix(command, "az role assignment create"):
		id := flag("--scope") + "/providers/Microsoft.Authorization/roleAssignments/acac10ca-9000-4000-8000-00000000000f"
		e.arms(t, http.MethodPut, id, map[string]any{
			"principalId": flag("--assignee-object-id"), "principalType": flag("--assignee-principal-type"),
			"roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/" + rolesOf(nil)[azure.Fold(flag("--role"))],
		})
	case strings.HasPrefix(command, "az role assignment delete"):
		e.arms(t, http.MethodDelete, flag("--ids"), nil)
	case strings.HasPrefix(command, "az acr network-rule add"):
		rules := e.ruleSet(t)
		given, _ := rules["ipRules"].([]any)
		rules["ipRules"] = append(given, map[string]any{"value": flag("--ip-address")})
		e.arms(t, http.MethodPatch, testRegistry, map[string]any{"networkRuleSet": rules})
	case strings.HasPrefix(command, "az acr network-rule remove"):
		rules := e.ruleSet(t)
		rules["virtualNetworkRules"] = []any{}
		properties := map[string]any{"networkRuleSet": rules}
		e.arms(t, http.MethodPatch, testRegistry+versionFor(properties), properties)
	case strings.HasSuffix(command, "--public-network-enabled true"):
		e.arms(t, http.MethodPatch, testRegistry, map[string]any{"publicNetworkAccess": "Enabled"})
	case strings.HasSuffix(command, "--allow-trusted-services true"):
		e.arms(t, http.MethodPatch, testRegistry, map[string]any{"networkRuleBypassOptions": "AzureServices"})
	case strings.HasSuffix(command, "--set properties.networkRuleBypassAllowedForTasks=true"):
		e.arms(t, http.MethodPatch, testRegistry, map[string]any{"networkRuleBypassAllowedForTasks": true})
	default:
		t.Fatalf("no ARM call is known for %s", command)
	}
}

// ruleSet reads the network rules of myregistry.
func (e *Emulator) ruleSet(t *testing.T) map[string]any {
	t.Helper()
	var registry struct {
		Properties struct{ NetworkRuleSet map[string]any }
	}
	if err := e.ARM(t.Context(), http.MethodGet, testRegistry, nil, &registry); err != nil {
		t.Fatal(err)
	}
	return registry.Properties.NetworkRuleSet
}
