package sdk

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"
)

// TestGroups takes a resource group through its life.
func TestGroups(t *testing.T) {
	j := newJudge(t)
	ctx := t.Context()
	groups := client(t, j, armresources.NewResourceGroupsClient)
	sent := armresources.ResourceGroup{Location: to.Ptr("westeurope"), Tags: map[string]*string{"team": to.Ptr("a")}}
	made := must[armresources.ResourceGroupsClientCreateOrUpdateResponse](t)(groups.CreateOrUpdate(ctx, "judged", sent, nil))
	kept(t, sent, made.ResourceGroup)
	exists := must[armresources.ResourceGroupsClientCheckExistenceResponse](t)(groups.CheckExistence(ctx, "judged", nil))
	if !exists.Success {
		t.Error("the group does not exist")
	}
	must[armresources.ResourceGroupsClientDeleteResponse](t)(done(groups.BeginDelete(ctx, "judged", nil)))
	_, err := groups.Get(ctx, "judged", nil)
	refused(t, err, http.StatusNotFound, "ResourceGroupNotFound")
}

// TestPages follows the links between the pages of a list.
func TestPages(t *testing.T) {
	const many = 25
	j := newJudge(t)
	resources := client(t, j, armresources.NewClient)
	for i := range many {
		must[armresources.ClientCreateOrUpdateByIDResponse](t)(done(resources.BeginCreateOrUpdateByID(t.Context(),
			*id("Microsoft.Web/serverFarms", fmt.Sprintf("plan%02d", i)), "2023-12-01", armresources.GenericResource{Location: to.Ptr("westeurope")}, nil)))
	}
	pages := all(t, resources.NewListPager(&armresources.ClientListOptions{
		Filter: to.Ptr("resourceType eq 'Microsoft.Web/serverFarms'"), Top: to.Ptr[int32](10), Expand: to.Ptr("createdTime,changedTime,provisioningState"),
	}))
	seen := map[string]bool{}
	for _, page := range pages {
		for _, r := range page.Value {
			seen[*r.Name] = r.CreatedTime != nil && r.ProvisioningState != nil
		}
	}
	if len(pages) != 3 || len(seen) != many || !seen["plan07"] {
		t.Errorf("%d resources in %d pages: %v; want %d in 3", len(seen), len(pages), seen, many)
	}
}

// template makes a registry whose public side is shut.
const template = `{
  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "contentVersion": "1.0.0.0",
  "parameters": {"name": {"type": "string"}},
  "resources": [{
    "type": "Microsoft.ContainerRegistry/registries", "apiVersion": "2023-07-01", "name": "[parameters('name')]",
    "location": "[resourceGroup().location]", "sku": {"name": "Premium"}, "properties": {"publicNetworkAccess": "Disabled"}
  }],
  "outputs": {"server": {"type": "string", "value": "[reference(resourceId('Microsoft.ContainerRegistry/registries', parameters('name'))).loginServer]"}}
}`

// TestDeployment foretells a deployment, and carries it out.
func TestDeployment(t *testing.T) {
	j := newJudge(t)
	ctx := t.Context()
	var parsed map[string]any
	if err := json.Unmarshal([]byte(template), &parsed); err != nil {
		t.Fatal(err)
	}
	values := map[string]any{"name": map[string]any{"value": "deployed"}}
	deployments := client(t, j, armresources.NewDeploymentsClient)
	foretell := func() *armresources.WhatIfChange {
		t.Helper()
		result := must[armresources.DeploymentsClientWhatIfResponse](t)(done(deployments.BeginWhatIf(ctx, group, "judged", armresources.DeploymentWhatIf{
			Properties: &armresources.DeploymentWhatIfProperties{Mode: to.Ptr(armresources.DeploymentModeIncremental), Template: parsed, Parameters: values},
		}, nil)))
		for _, change := range result.Properties.Changes {
			if last(*change.ResourceID) == "deployed" {
				return change
			}
		}
		t.Fatal("what-if does not name the registry")
		return nil
	}
	if change := foretell(); *change.ChangeType != armresources.ChangeTypeCreate {
		t.Errorf("before: %s", *change.ChangeType)
	}
	made := must[armresources.DeploymentsClientCreateOrUpdateResponse](t)(done(deployments.BeginCreateOrUpdate(ctx, group, "judged", armresources.Deployment{
		Properties: &armresources.DeploymentProperties{Mode: to.Ptr(armresources.DeploymentModeIncremental), Template: parsed, Parameters: values},
	}, nil)))
	if *made.Properties.ProvisioningState != armresources.ProvisioningStateSucceeded {
		t.Errorf("the deployment is %s", *made.Properties.ProvisioningState)
	}
	kept(t, map[string]any{"server": map[string]any{"value": "deployed.azurecr.io"}}, made.Properties.Outputs)
	if change := foretell(); *change.ChangeType != armresources.ChangeTypeNoChange {
		t.Errorf("after: %s %v", *change.ChangeType, change.Delta)
	}
	operations := client(t, j, armresources.NewDeploymentOperationsClient)
	if n := len(all(t, operations.NewListPager(group, "judged", nil))[0].Value); n == 0 {
		t.Error("the deployment has no operations")
	}
}
