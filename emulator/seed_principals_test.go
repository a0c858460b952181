package emulator

import (
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
	"github.com/acrlocal/acrlocal/identity"
)

// people are principals without object IDs, and a resource with an identity, who mention each other by name.
const people = `
principals:
- "@odata.type": "#microsoft.graph.user"
  userPrincipalName: ada@contoso.example
  displayName: Ada
  passwordProfile: {password: acrlocal-ada, forceChangePasswordNextSignIn: false}
- {"@odata.type": group, displayName: developers, members: [Ada@contoso.example]}
- {"@odata.type": group, displayName: everybody, members: [{id: developers}, /subscriptions/acac10ca-2000-4000-8000-000000000001/resourceGroups/acrlocal/providers/Microsoft.ContainerInstance/containerGroups/worker]}
- "@odata.type": "#microsoft.graph.servicePrincipal"
  appId: acac10ca-7300-4000-8000-000000000001
  displayName: pipeline
  passwordCredentials: [{displayName: for tests, secretText: acrlocal-pipeline}]
- {"@odata.type": "#microsoft.graph.group", displayName: bound, "members@odata.bind": ["https://graph.microsoft.com/v1.0/directoryObjects/acac10ca-4000-4000-8000-000000000001"]}
resources:
- {type: Microsoft.ContainerRegistry/registries, name: myregistry}
- {type: Microsoft.ContainerInstance/containerGroups, name: worker, identity: {type: SystemAssigned}}
- {type: Microsoft.Authorization/roleAssignments, scope: /subscriptions/acac10ca-2000-4000-8000-000000000001/resourceGroups/acrlocal/providers/Microsoft.ContainerRegistry/registries/myregistry, roleDefinitionName: AcrPull, principalId: everybody}
- {type: Microsoft.Authorization/roleAssignments, scope: /subscriptions/acac10ca-2000-4000-8000-000000000001/resourceGroups/acrlocal/providers/Microsoft.ContainerRegistry/registries/myregistry, roleDefinitionName: AcrPush, principalName: ada@contoso.example}
- {type: Microsoft.Authorization/roleAssignments, scope: /subscriptions/acac10ca-2000-4000-8000-000000000001/resourceGroups/acrlocal/providers/Microsoft.ContainerRegistry/registries/myregistry, roleDefinitionName: AcrDelete, principalId: acac10ca-7300-4000-8000-000000000001}
- {type: Microsoft.Authorization/roleAssignments, scope: /subscriptions/acac10ca-2000-4000-8000-0000000000ff/resourceGroups/else/providers/Microsoft.ContainerRegistry/registries/elsewhere, roleDefinitionName: AcrPull, principalId: ada@contoso.example}
`

// TestSeedPrincipals: names are found and replaced by object IDs, groups nest, and rights come through them.
func TestSeedPrincipals(t *testing.T) {
	s, err := readSeed("people.yaml", people)
	if err != nil {
		t.Fatal(err)
	}
	c := testCore(t, s.documents())
	directory := c.world.Load().people
	registry := defaultScope + "/providers/Microsoft.ContainerRegistry/registries/myregistry"
	for _, row := range []struct {
		by     identity.By
		name   string
		action string
		want   gate.Reason
	}{
		{identity.ByUserName, "ADA@contoso.example", "Microsoft.ContainerRegistry/registries/push/write", gate.RoleGrants},
		{identity.ByUserName, "ada@contoso.example", "Microsoft.ContainerRegistry/registries/pull/read", gate.RoleGrants},
		{identity.ByUserName, "ada@contoso.example", "Microsoft.ContainerRegistry/registries/artifacts/delete", gate.RoleLacksAction},
		{identity.ByResource, defaultScope + "/providers/Microsoft.ContainerInstance/containerGroups/worker", "Microsoft.ContainerRegistry/registries/pull/read", gate.RoleGrants},
		{identity.ByResource, defaultScope + "/providers/Microsoft.ContainerInstance/containerGroups/worker", "Microsoft.ContainerRegistry/registries/push/write", gate.RoleLacksAction},
		{identity.ByClientID, "acac10ca-7300-4000-8000-000000000001", "Microsoft.ContainerRegistry/registries/artifacts/delete", gate.RoleGrants},
	} {
		p, ok := directory.Find(row.by, row.name)
		if !ok || !azure.IsGUID(p.ID) {
			t.Errorf("%s is %+v", row.name, p)
			continue
		}
		if got := c.Authorize(p.ID, row.action, registry); got.Reason != row.want {
			t.Errorf("%s, %s: %s, want %s", row.name, row.action, got.Reason, row.want)
		}
	}
}

// TestSeedPrincipalDocuments: object IDs follow from names and never change, what a user signs in with is kept, and role
// assignments say what kind of principal they are of.
func TestSeedPrincipalDocuments(t *testing.T) {
	s, err := readSeed("people.yaml", people)
	if err != nil {
		t.Fatal(err)
	}
	ada, ok := s.state.Get("/graph/users/" + azure.DerivedID("graph/users/ada@contoso.example"))
	if !ok {
		t.Fatal("the object ID of Ada changed")
	}
	profile, _ := ada.Body["passwordProfile"].(map[string]any)
	if profile["password"] != "acrlocal-ada" || ada.Body["@odata.type"] != "#microsoft.graph.user" {
		t.Errorf("Ada is %v", ada.Body)
	}
	kinds := map[any]int{}
	for _, d := range s.state.OfType(azure.TypeRoleAssignment) {
		properties, _ := d.Body["properties"].(map[string]any)
		kinds[properties["principalType"]]++
		if properties["principalName"] != nil || properties["roleDefinitionName"] != nil {
			t.Errorf("%s keeps what ARM does not have: %v", d.ID, properties)
		}
	}
	if kinds["User"] != 2 || kinds["Group"] != 1 || kinds["ServicePrincipal"] != 2 {
		t.Errorf("principal types are %v", kinds)
	}
	for _, d := range s.state.OfType(azure.TypeGroup) {
		if g, err := azure.ReadGroup(*d); err != nil || len(g.Members) == 0 || !azure.IsGUID(g.Members[0]) {
			t.Errorf("the members of %s are %v, %v", g.DisplayName, g.Members, err)
		}
	}
}

// TestSeedNamesakes: a display name that two have means neither.
func TestSeedNamesakes(t *testing.T) {
	_, err := readSeed("a.yaml", `
principals:
- {"@odata.type": group, id: acac10ca-7300-4000-8000-00000000000a, displayName: twins}
- {"@odata.type": group, id: acac10ca-7300-4000-8000-00000000000b, displayName: twins}
resources:
- {type: Microsoft.Authorization/roleAssignments, roleDefinitionName: AcrPull, principalId: twins}
`)
	if err == nil || err.Error() != "a.yaml:6: properties.principalId: there is no principal, and no resource with an identity, twins" {
		t.Errorf("got %v", err)
	}
}
