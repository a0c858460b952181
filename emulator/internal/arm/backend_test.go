package arm_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/arm"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// backend keeps documents in memory and judges by a real gate. A bearer token is the object ID itself.
type backend struct {
	mu       sync.Mutex
	state    *azure.State
	snapshot *gate.Snapshot
	revision int64
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
	b.revision++
	return b.revision, nil
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
		return "", &arm.Error{Status: 401, Code: "ExpiredAuthenticationToken", Message: "The access token has expired."}
	case !azure.IsGUID(token):
		return "", errors.New("no such token, said with details that no client may see")
	}
	return token, nil
}

// policyOf is the part of the projection that the control plane is judged by.
func policyOf(s *azure.State) gate.Policy {
	var p gate.Policy
	for _, d := range s.All() {
		p.Principals = append(p.Principals, principalsOf(s, d)...)
	}
	for _, d := range s.OfType(azure.TypeRoleAssignment) {
		if a, err := azure.ReadRoleAssignment(*d); err == nil {
			p.Assignments = append(p.Assignments, gate.Assignment{
				ID: a.ID.String(), PrincipalID: a.PrincipalID, Role: a.RoleID, Scope: a.Scope.String(), Condition: a.Condition,
			})
		}
	}
	for _, d := range s.OfType(azure.TypeRoleDefinition) {
		if r, err := azure.ReadRoleDefinition(*d); err == nil {
			p.Roles = append(p.Roles, gate.RoleDefinition{ID: r.RoleID, Name: r.Name, Actions: r.Actions, NotActions: r.NotActions, Custom: true})
		}
	}
	placements, _ := azure.Placements(s)
	for _, one := range placements {
		entry := gate.Subscription{Scope: one.ID.String()}
		for _, group := range one.ManagementGroups {
			entry.ManagementGroups = append(entry.ManagementGroups, group.String())
		}
		p.Subscriptions = append(p.Subscriptions, entry)
	}
	return p
}

func principalsOf(s *azure.State, d *azure.Document) []gate.Principal {
	if d.ID.IsGraph() {
		p := gate.Principal{ID: d.ID.Name(), Kind: gate.ServicePrincipal}
		for _, g := range s.OfType(azure.TypeGroup) {
			group, _ := azure.ReadGroup(*g)
			for _, member := range group.Members {
				if member == p.ID {
					p.Groups = append(p.Groups, group.ObjectID)
				}
			}
		}
		if d.Type() == azure.TypeGroup {
			p.Kind = gate.Group
		}
		return []gate.Principal{p}
	}
	if u, err := azure.ReadUserAssignedIdentity(*d); err == nil && d.Type() == azure.TypeUserAssignedIdentity {
		return []gate.Principal{{ID: u.PrincipalID, Kind: gate.UserAssignedIdentity, Resource: d.ID.String()}}
	}
	if m, err := azure.ReadManagedIdentity(*d); err == nil && m.System {
		return []gate.Principal{{ID: m.PrincipalID, Kind: gate.SystemAssignedIdentity, Resource: d.ID.String()}}
	}
	return nil
}

const (
	subscription = "/subscriptions/" + azure.DevelopmentSubscription
	group        = subscription + "/resourceGroups/rg"
	victim       = "/subscriptions/acac10ca-2000-4000-8000-000000000002"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// people are the principals of the tests, with the role and scope that each has.
var people = []struct{ name, role, scope string }{
	{"owner", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", subscription},
	{"reader", "acdd72a7-3385-48ef-bd42-f606fba81ae7", subscription},
	{"contributor", "b24988ac-6180-42a0-ab88-20f7382dd24c", group},
	{"puller", "7f951dda-4ed3-4680-a7ca-43fe172d538d", group + "/providers/Microsoft.ContainerRegistry/registries/first"},
	{"nobody", "", ""},
	{"tasker", "", ""},
	{"team", "acdd72a7-3385-48ef-bd42-f606fba81ae7", group},
	{"member", "", ""},
	{"root", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", ""}, // at the scope of the tenant
}

// fixture is a subscription with a group, a registry, a network and an identity; and a second one, which nobody has a
// role in.
func fixture(t testing.TB) *backend {
	t.Helper()
	change := azure.Change{Put: []azure.Document{
		put(subscription, nil), put(victim, nil), put(group, map[string]any{"location": "westeurope"}),
		put(victim+"/resourceGroups/rg", map[string]any{"location": "westeurope"}),
		put(group+"/providers/Microsoft.ContainerRegistry/registries/First", map[string]any{
			"location": "westeurope", "sku": map[string]any{"name": "Premium"}, "properties": map[string]any{},
		}),
		put(group+"/providers/Microsoft.Network/virtualNetworks/hub", map[string]any{"location": "westeurope", "properties": map[string]any{
			"addressSpace": map[string]any{"addressPrefixes": []any{"10.0.0.0/16"}},
			"subnets":      []any{map[string]any{"name": "app", "properties": map[string]any{"addressPrefix": "10.0.1.0/24"}}},
		}}),
		put(group+"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/builder", map[string]any{"location": "westeurope"}),
	}}
	for i, who := range people {
		kind, body := "servicePrincipals", map[string]any{"appId": azure.DerivedID("app/" + who.name), "displayName": who.name}
		if who.name == "team" {
			kind, body = "groups", map[string]any{"displayName": "team", "members": []any{azure.DerivedID("member")}}
		}
		change.Put = append(change.Put, azure.Document{ID: azure.GraphID(kind, azure.DerivedID(who.name)), Body: body})
		if who.role != "" {
			change.Put = append(change.Put, put(who.scope+"/providers/Microsoft.Authorization/roleAssignments/"+azure.DerivedID(people[i].name+"/role"),
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

func newServer(b arm.Backend) http.Handler {
	options, _ := withRuntime(arm.Options{
		Backend: b, Now: func() time.Time { return now },
		TasksFlag: func(_ *azure.State, registry azure.ResourceID) bool { return registry.Name() == "current" },
		LoginServer: func(r *http.Request, name string) string {
			if r.Host == "management.azure.com" {
				return name + ".azurecr.io"
			}
			return name + ".azurecr.localhost:5080"
		},
	})
	return arm.New(options)
}
