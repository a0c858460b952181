package arm_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// TestClaimedManagementGroups: who makes a management group owns it, so that nobody may make one that holds something
// already, although it has no document.
func TestClaimedManagementGroups(t *testing.T) {
	const groups = "/providers/Microsoft.Management/managementGroups/"
	b := fixture(t)
	below := func(parent string) map[string]any {
		return map[string]any{"properties": map[string]any{"details": map[string]any{"parent": map[string]any{"id": groups + parent}}}}
	}
	if _, err := b.Apply(context.Background(), azure.Change{Put: []azure.Document{
		put(groups+"placed/subscriptions/acac10ca-2000-4000-8000-000000000002", nil),
		put(groups+"inner", below("outer")),
		put(groups+"assigned/providers/Microsoft.Authorization/roleAssignments/"+azure.DerivedID("claim"), map[string]any{"properties": map[string]any{
			"principalId": azure.DerivedID("member"), "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7",
		}}),
	}}); err != nil {
		t.Fatal(err)
	}
	handler := newServer(b)
	for name, want := range map[string]int{
		"placed": http.StatusForbidden, "PLACED": http.StatusForbidden, "outer": http.StatusForbidden, "assigned": http.StatusForbidden,
		"inner": http.StatusForbidden, azure.DevelopmentTenant: http.StatusForbidden, "free": http.StatusOK,
	} {
		if got := send(handler, newRequest("nobody", http.MethodPut, groups+name, "{}")); got.Code != want {
			t.Errorf("%s: %d, want %d: %s", name, got.Code, want, got.Body)
		}
	}
	if got := send(handler, newRequest("nobody", http.MethodGet, victim, "")); got.Code != http.StatusForbidden {
		t.Errorf("who made a group reads another's subscription: %d", got.Code)
	}
}
