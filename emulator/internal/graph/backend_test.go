package graph_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/graph"
	"github.com/acrlocal/acrlocal/gate"
)

// backend keeps documents in memory and judges by a real gate. A bearer token is the object ID itself.
type backend struct {
	mu       sync.Mutex
	state    *azure.State
	snapshot *gate.Snapshot
}

func (b *backend) State() *azure.State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}

func (b *backend) Apply(_ context.Context, c azure.Change) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	next, err := b.state.With(c)
	if err != nil {
		return 0, err
	}
	snapshot, err := gate.Compile(policyOf(next))
	if err != nil {
		return 0, err
	}
	b.state, b.snapshot = next, snapshot
	return 1, nil
}

func (b *backend) Authorize(principalID, action, scope string) gate.Authorization {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, err := gate.ParseScope(scope)
	if err != nil {
		return gate.Authorization{Reason: gate.NoRole}
	}
	return b.snapshot.Authorize(principalID, action, at)
}

func (b *backend) Authenticate(r *http.Request) (string, error) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case token == "expired":
		return "", &graph.Error{Status: 401, Code: "InvalidAuthenticationToken", Message: "Access token has expired or is not yet valid."}
	case !azure.IsGUID(token):
		return "", errors.New("no such token, said with details that no client may see")
	}
	return token, nil
}

// policyOf is the part of the projection that Graph is judged by.
func policyOf(s *azure.State) gate.Policy {
	var p gate.Policy
	for _, d := range s.All() {
		if !d.ID.IsGraph() || d.Type() == azure.TypeApplication {
			continue
		}
		principal := gate.Principal{ID: d.ID.Name(), Kind: gate.ServicePrincipal}
		if d.Type() == azure.TypeGroup {
			principal.Kind = gate.Group
		}
		for _, g := range s.OfType(azure.TypeGroup) {
			group, _ := azure.ReadGroup(*g)
			for _, member := range group.Members {
				if member == principal.ID {
					principal.Groups = append(principal.Groups, group.ObjectID)
				}
			}
		}
		p.Principals = append(p.Principals, principal)
	}
	for _, d := range s.OfType(azure.TypeRoleAssignment) {
		if a, err := azure.ReadRoleAssignment(*d); err == nil {
			p.Assignments = append(p.Assignments, gate.Assignment{
				ID: a.ID.String(), PrincipalID: a.PrincipalID, Role: a.RoleID, Scope: a.Scope.String(),
			})
		}
	}
	return p
}

const (
	subscription = "/subscriptions/" + azure.DevelopmentSubscription
	group        = subscription + "/resourceGroups/rg"
	ownerRole    = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
	pullRole     = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// people are the objects of the tests, with the role and scope that each has.
var people = []struct {
	kind, name  string
	body        map[string]any
	role, scope string
}{
	{"servicePrincipals", "admin", nil, ownerRole, subscription},
	{"servicePrincipals", "root", nil, ownerRole, ""}, // at the scope of the tenant
	{"servicePrincipals", "reader", nil, "acdd72a7-3385-48ef-bd42-f606fba81ae7", subscription},
	{"servicePrincipals", "keeper", nil, "", ""}, // owns what others made
	{"users", "ann", map[string]any{"userPrincipalName": "ann@contoso.com", "mailNickname": "ann", "passwordProfile": map[string]any{"password": "Old-secret-1"}}, "", ""},
	{"groups", "pullers", map[string]any{"members": []any{map[string]any{"id": azure.DerivedID("ann")}}, "owners": []any{azure.DerivedID("keeper")}}, pullRole, group},
	{"groups", "outer", map[string]any{"members@odata.bind": []any{"https://graph.microsoft.com/v1.0/directoryObjects/" + azure.DerivedID("pullers")}, "securityEnabled": false}, "", ""},
	{"groups", "rootgroup", nil, ownerRole, ""},
	{"applications", "tool", map[string]any{"owners": []any{azure.DerivedID("keeper")}, "identifierUris": []any{"api://tool"}, "passwordCredentials": []any{
		map[string]any{"secretText": "never-shown-1"}, map[string]any{"secretText": "never-shown-2", "keyId": "acac10ca-0000-4000-8000-000000000001", "displayName": "second"},
	}}, "", ""},
}

// fixture is a directory with everything of everything, and two managed identities.
func fixture(t testing.TB) *backend {
	t.Helper()
	change := azure.Change{Put: []azure.Document{
		put(subscription, nil), put(group, nil),
		put(group+"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/builder", nil),
		put(group+"/providers/Microsoft.ContainerInstance/containerGroups/worker", map[string]any{"identity": map[string]any{"type": "SystemAssigned"}}),
	}}
	for _, who := range people {
		body := map[string]any{"displayName": who.name}
		for name, value := range who.body {
			body[name] = value
		}
		if who.kind == "servicePrincipals" || who.kind == "applications" {
			body["appId"] = azure.DerivedID("app/" + who.name)
		}
		change.Put = append(change.Put, azure.Document{ID: azure.GraphID(who.kind, azure.DerivedID(who.name)), Body: body})
		if who.role != "" {
			change.Put = append(change.Put, put(who.scope+"/providers/Microsoft.Authorization/roleAssignments/"+azure.DerivedID(who.name+"/role"),
				map[string]any{"properties": map[string]any{
					"principalId": azure.DerivedID(who.name), "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/" + who.role,
				}}))
		}
	}
	b := &backend{}
	complete, err := b.state.Complete(change, azure.Author{Operator: true, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Apply(context.Background(), complete); err != nil {
		t.Fatal(err)
	}
	return b
}

func put(id string, body map[string]any) azure.Document {
	return azure.Document{ID: azure.MustParseResourceID(id), Body: body}
}

func newServer(b graph.Backend) http.Handler {
	return graph.New(graph.Options{Backend: b, Now: func() time.Time { return now }})
}
