package template

import (
	"context"
	"time"
)

// Host is what a template can ask about while it is deployed: the resources, seen with the rights of who deploys.
type Host interface {
	// Get returns a resource as a client sees it.
	Get(ctx context.Context, id, apiVersion string) (map[string]any, error)
	// Post does one of a resource's list actions; given is nil if the template gives nothing.
	Post(ctx context.Context, id, action, apiVersion string, given map[string]any) (any, error)
}

// Environment is where and by whom a template is deployed. All objects are as ARM's functions of the same name show them;
// one that the scope does not have is nil.
type Environment struct {
	// Scope is the ID that the deployment is made at: of a resource group, a subscription, a management group, or "/".
	Scope string
	// Deployment, Deployer, Tenant, ManagementGroup, Subscription and ResourceGroup are what deployment() and so on return.
	Deployment, Deployer, Tenant, ManagementGroup, Subscription, ResourceGroup map[string]any
	// Host answers reference() and list*(); nil refuses them.
	Host Host
	// Now is the clock and NewGUID makes a random GUID; both are for defaults of parameters.
	Now     func() time.Time
	NewGUID func() string
	// Outer makes the template's expressions part of the template that it is nested in
	// (expressionEvaluationOptions: outer); nil makes them its own.
	Outer *Outer
}

// Outer is the place in a template where another one is nested.
type Outer struct {
	d     *Deployment
	loops []loop
}

// cloud is what environment() shows of the public cloud.
func cloud() map[string]any {
	return map[string]any{
		"name": "AzureCloud", "gallery": "https://gallery.azure.com/", "graph": "https://graph.windows.net/",
		"portal": "https://portal.azure.com", "graphAudience": "https://graph.windows.net/",
		"activeDirectoryDataLake": "https://datalake.azure.net/", "batch": "https://batch.core.windows.net/",
		"media": "https://rest.media.azure.net", "sqlManagement": "https://management.core.windows.net:8443/",
		"vmImageAliasDoc": "https://raw.githubusercontent.com/Azure/azure-rest-api-specs/master/arm-compute/quickstart-templates/aliases.json",
		"resourceManager": "https://management.azure.com/",
		"authentication": map[string]any{
			"loginEndpoint": "https://login.microsoftonline.com/", "identityProvider": "AAD", "tenant": "common",
			"audiences": []any{"https://management.core.windows.net/", "https://management.azure.com/"},
		},
		"suffixes": map[string]any{
			"acrLoginServer": ".azurecr.io", "keyvaultDns": ".vault.azure.net", "storage": "core.windows.net",
			"sqlServerHostname": ".database.windows.net", "azureDatalakeStoreFileSystem": "azuredatalakestore.net",
			"azureDatalakeAnalyticsCatalogAndJob": "azuredatalakeanalytics.net", "azureFrontDoorEndpointSuffix": "azurefd.net",
		},
	}
}
