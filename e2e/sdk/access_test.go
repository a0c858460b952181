package sdk

import (
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	access "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/msi/armmsi"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"

	"github.com/acrlocal/acrlocal/gate"
)

const acrPull = "/subscriptions/" + subscription + "/providers/Microsoft.Authorization/roleDefinitions/7f951dda-4ed3-4680-a7ca-43fe172d538d"

func last(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }

// TestAccess gives an identity a role, and takes it away; the pulls of a container group follow.
func TestAccess(t *testing.T) {
	j := newJudge(t)
	ctx := t.Context()
	identities := client(t, j, armmsi.NewUserAssignedIdentitiesClient)
	sent := armmsi.Identity{Location: to.Ptr("westeurope"), Tags: map[string]*string{"a": to.Ptr("b")}}
	made := must[armmsi.UserAssignedIdentitiesClientCreateOrUpdateResponse](t)(identities.CreateOrUpdate(ctx, group, "puller", sent, nil))
	kept(t, sent, made.Identity)
	got := must[armmsi.UserAssignedIdentitiesClientGetResponse](t)(identities.Get(ctx, group, "puller", nil))
	kept(t, made.Identity, got.Identity)
	j.containerGroup(t, "job", *made.ID)
	job := j.At("containerGroups/job")
	job.MustDeny("myregistry.azurecr.io/hello:v1", gate.NoRole)

	assignments := client(t, j, access.NewRoleAssignmentsClient)
	scope := *id("Microsoft.ContainerRegistry/registries", "myregistry")
	sentRole := access.RoleAssignmentCreateParameters{Properties: &access.RoleAssignmentProperties{
		PrincipalID: made.Properties.PrincipalID, RoleDefinitionID: to.Ptr(acrPull), PrincipalType: to.Ptr(access.PrincipalTypeServicePrincipal),
		Description: to.Ptr("judged"),
	}}
	role := must[access.RoleAssignmentsClientCreateResponse](t)(assignments.Create(ctx, scope, "acac10ca-7000-4000-8000-000000000009", sentRole, nil))
	kept(t, sentRole, role.RoleAssignment)
	job.MustPull("myregistry.azurecr.io/hello:v1")
	listed := all(t, assignments.NewListForScopePager(scope, &access.RoleAssignmentsClientListForScopeOptions{
		Filter: to.Ptr("principalId%20eq%20'" + *made.Properties.PrincipalID + "'"), // the SDK sends filters as they are
	}))
	if len(listed[0].Value) != 1 {
		t.Errorf("%d assignments of the identity; want 1", len(listed[0].Value))
	}
	must[access.RoleAssignmentsClientDeleteByIDResponse](t)(assignments.DeleteByID(ctx, *role.ID, nil))
	job.MustDeny("myregistry.azurecr.io/hello:v1", gate.NoRole)
	_, err := assignments.GetByID(ctx, *role.ID, nil)
	refused(t, err, http.StatusNotFound, "RoleAssignmentNotFound")
}

// containerGroup makes a container group with a user-assigned identity, as a generic resource.
func (j *judge) containerGroup(t *testing.T, name, identity string) {
	t.Helper()
	resources := client(t, j, armresources.NewClient)
	sent := armresources.GenericResource{
		Location: to.Ptr("westeurope"),
		Identity: &armresources.Identity{
			Type:                   to.Ptr(armresources.ResourceIdentityTypeUserAssigned),
			UserAssignedIdentities: map[string]*armresources.IdentityUserAssignedIdentitiesValue{identity: {}},
		},
		Properties: map[string]any{"osType": "Linux", "containers": []any{}, "unknownToUs": map[string]any{"kept": true}},
	}
	made := must[armresources.ClientCreateOrUpdateByIDResponse](t)(done(resources.BeginCreateOrUpdateByID(t.Context(),
		*id("Microsoft.ContainerInstance/containerGroups", name), "2023-05-01", sent, nil)))
	kept(t, sent, made.GenericResource)
}

// TestRoleDefinitions makes a role of one's own beside the built-in ones.
func TestRoleDefinitions(t *testing.T) {
	j := newJudge(t)
	ctx := t.Context()
	roles, err := access.NewRoleDefinitionsClient(j.credential, j.arm())
	if err != nil {
		t.Fatal(err)
	}
	scope := "/subscriptions/" + subscription
	sent := access.RoleDefinition{Properties: &access.RoleDefinitionProperties{
		RoleName: to.Ptr("Tag Reader"), Description: to.Ptr("reads tags"), AssignableScopes: []*string{to.Ptr(scope)}, RoleType: to.Ptr("CustomRole"),
		Permissions: []*access.Permission{{
			Actions: []*string{to.Ptr("Microsoft.ContainerRegistry/registries/metadata/read")}, NotActions: []*string{},
			DataActions: []*string{}, NotDataActions: []*string{},
		}},
	}}
	made := must[access.RoleDefinitionsClientCreateOrUpdateResponse](t)(roles.CreateOrUpdate(ctx, scope, "acac10ca-8000-4000-8000-000000000001", sent, nil))
	kept(t, sent, made.RoleDefinition)
	found := all(t, roles.NewListPager(scope, &access.RoleDefinitionsClientListOptions{Filter: to.Ptr("roleName eq 'AcrPull'")}))[0].Value
	if len(found) != 1 || last(*found[0].ID) != last(acrPull) {
		t.Errorf("AcrPull is %v", found)
	}
	must[access.RoleDefinitionsClientDeleteResponse](t)(roles.Delete(ctx, scope, "acac10ca-8000-4000-8000-000000000001", nil))
}
