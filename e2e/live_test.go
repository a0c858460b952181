package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/emulator"
)

// turn is a change to the state that shuts somebody out who was let in before.
type turn struct {
	name      string
	place, as string
	method    string
	// document finds the document that changes.
	document func(testing.TB, *process) string
	body     any
	reason   string
}

func fixed(id string) func(testing.TB, *process) string {
	return func(testing.TB, *process) string { return id }
}

func registryWith(properties map[string]any) map[string]any {
	return map[string]any{"properties": properties}
}

var turns = []turn{
	{
		name: "the switch is turned off", place: "containerGroups/worker", method: http.MethodPatch, document: fixed(myregistryID),
		body: registryWith(map[string]any{"networkRuleBypassOptions": "None"}), reason: "bypass-off",
	},
	{
		name: "the role is removed", place: "containerGroups/worker", method: http.MethodDelete,
		document: assignmentOf("containerGroups/worker"), reason: "no-role",
	},
	{
		name: "the IP rule is deleted", place: "203.0.113.7", as: clientID, method: http.MethodPatch, document: fixed(myregistryID),
		body:   registryWith(map[string]any{"networkRuleSet": map[string]any{"defaultAction": "Deny", "ipRules": []any{}}}),
		reason: "ip-not-allowed",
	},
	{
		name: "public access is disabled", place: "203.0.113.7", as: clientID, method: http.MethodPatch, document: fixed(myregistryID),
		body: registryWith(map[string]any{"publicNetworkAccess": "Disabled"}), reason: "public-access-disabled",
	},
	{
		name: "the endpoint is rejected", place: "virtualMachines/jumpbox", as: clientID, method: http.MethodPut, document: connection,
		body: registryWith(map[string]any{"privateLinkServiceConnectionState": map[string]any{
			"status": "Rejected", "description": "no longer wanted",
		}}), reason: "ip-not-allowed",
	},
}

// TestNextRequest shows that a change acts on the very next request, at each step of a client's way, also with tokens
// that were issued before; and that the same tokens are good again once it is undone.
func TestNextRequest(t *testing.T) {
	for _, c := range turns {
		t.Run(c.name, func(t *testing.T) {
			p := up(t)
			v := p.at(c.place, myregistry)
			held := v.logIn(t, c.as)
			for step, r := range v.steps(t, held) {
				if r.status != http.StatusOK {
					t.Fatalf("before, %s: %d %s", step, r.status, r.body)
				}
			}
			id := c.document(t, p)
			before := p.arm(t, http.MethodGet, id, nil)
			p.arm(t, c.method, id, c.body)
			for step, r := range v.steps(t, held) {
				if r.status != http.StatusForbidden && r.status != http.StatusUnauthorized || r.reason() != c.reason {
					t.Errorf("after, %s: %d %q, want %q: %s", step, r.status, r.reason(), c.reason, r.body)
				}
			}
			p.arm(t, http.MethodPut, id, before)
			for step, r := range v.steps(t, held) {
				if r.status != http.StatusOK {
					t.Errorf("undone, %s: %d %q %s", step, r.status, r.reason(), r.body)
				}
			}
		})
	}
}

// steps tries everything that the papers are good for.
func (v visitor) steps(t testing.TB, held papers) map[string]reply {
	t.Helper()
	return map[string]reply{
		"exchange": v.exchange(t, held.entra),
		"token":    v.token(t, held.refresh, "repository:hello:pull"),
		"pull":     v.manifest(t, held.access),
	}
}

// assignmentOf finds the role assignment of a place's identity on the registry.
func assignmentOf(place string) func(testing.TB, *process) string {
	return func(t testing.TB, p *process) string {
		t.Helper()
		var answer emulator.TokenAnswer
		p.management(t, "/api/token", emulator.TokenRequest{From: place}, &answer)
		list := p.arm(t, http.MethodGet, myregistryID+"/providers/Microsoft.Authorization/roleAssignments", nil)
		for _, a := range items(list) {
			if value(a, "properties", "principalId") == answer.Principal {
				return value(a, "id").(string)
			}
		}
		t.Fatalf("%s has no role on myregistry: %v", place, list)
		return ""
	}
}

// connection finds the private endpoint connection of the sample environment.
func connection(t testing.TB, p *process) string {
	t.Helper()
	list := items(p.arm(t, http.MethodGet, myregistryID+"/privateEndpointConnections", nil))
	if len(list) != 1 {
		t.Fatalf("myregistry has %d private endpoint connections, not one", len(list))
	}
	return value(list[0], "id").(string)
}

func items(list map[string]any) []any {
	all, _ := list["value"].([]any)
	return all
}

// TestScopesShrinkAndGrow shows that an access token gives no more than its holder's live rights, and that a new right
// needs a new access token.
func TestScopesShrinkAndGrow(t *testing.T) {
	p := up(t)
	v := p.at("containerGroups/worker", myregistry)
	held := v.logIn(t, "")
	push := func(access string) reply {
		return p.ask(t, call{
			place: v.place, host: v.host, method: http.MethodPost, path: "/v2/hello/blobs/uploads/",
			header: map[string]string{"Authorization": "Bearer " + access},
		})
	}
	pullPush := v.token(t, held.refresh, "repository:hello:pull,push").field("access_token")
	if r := push(pullPush); r.status != http.StatusUnauthorized || !strings.Contains(r.header.Get("Www-Authenticate"), `error="insufficient_scope"`) {
		t.Errorf("AcrPull pushes: %d %s", r.status, r.header.Get("Www-Authenticate"))
	}
	id := assignmentOf("containerGroups/worker")(t, p)
	assignment := p.arm(t, http.MethodGet, id, nil)
	grown := strings.TrimSuffix(id, id[strings.LastIndexByte(id, '/')+1:]) + "acac10ca-5000-4000-8000-00000000e2e0"
	p.arm(t, http.MethodPut, grown, map[string]any{"properties": map[string]any{
		"principalId":      value(assignment, "properties", "principalId"),
		"roleDefinitionId": subscription + "/providers/Microsoft.Authorization/roleDefinitions/8311e382-0749-4cb8-b61a-304f252e45ec",
	}})
	if r := push(pullPush); r.status != http.StatusUnauthorized {
		t.Errorf("the old access token grew with the role: %d", r.status)
	}
	pullPush = v.token(t, held.refresh, "repository:hello:pull,push").field("access_token")
	if r := push(pullPush); r.status != http.StatusAccepted {
		t.Errorf("AcrPush with a new access token: %d %q %s", r.status, r.reason(), r.body)
	}
	p.arm(t, http.MethodDelete, grown, nil)
	if r := push(pullPush); r.status != http.StatusUnauthorized || r.reason() != "role-lacks-action" {
		t.Errorf("after AcrPush was removed: %d %q", r.status, r.reason())
	}
}

// TestDeletedResource shows that the tokens of a resource's identity end with the resource.
func TestDeletedResource(t *testing.T) {
	p := up(t, "--config", seed(t, "alike.yaml"), "--default-registry", "shop11")
	v := p.at("", "shop11.azurecr.io")
	held := v.papersFor(t, "virtualMachines/buyer", "registry:catalog:*")
	if r := v.catalog(t, held.access); r.status != http.StatusOK {
		t.Fatalf("before: %d %s", r.status, r.body)
	}
	p.arm(t, http.MethodDelete, group+"/providers/Microsoft.Compute/virtualMachines/buyer", nil)
	for step, r := range map[string]reply{
		"exchange": v.exchange(t, held.entra), "token": v.token(t, held.refresh, "registry:catalog:*"), "catalog": v.catalog(t, held.access),
	} {
		if r.status != http.StatusUnauthorized || r.reason() != "principal-unknown" {
			t.Errorf("%s: %d %q %s", step, r.status, r.reason(), r.body)
		}
	}
}
