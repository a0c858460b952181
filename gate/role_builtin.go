package gate

// Prefixes of the actions below.
const (
	registryAction   = "Microsoft.ContainerRegistry/registries/"
	repositoryAction = registryAction + "repositories/"
	alertAction      = "Microsoft.Insights/AlertRules/"
	insightsAction   = registryAction + "providers/Microsoft.Insights/"
)

// builtInRoles is never written to. GUIDs and actions are those of Azure's
// reference pages "built-in roles for Containers", "… Privileged", "… General"
// and "… Identity" (acr-behaviour §5.1).
var builtInRoles = []RoleDefinition{
	// Roles of a registry in the mode LegacyRegistryPermissions.
	{
		ID: "7f951dda-4ed3-4680-a7ca-43fe172d538d", Name: "AcrPull",
		Actions: []string{registryAction + "pull/read"},
	},
	{
		ID: "8311e382-0749-4cb8-b61a-304f252e45ec", Name: "AcrPush",
		Actions: []string{registryAction + "pull/read", registryAction + "push/write"},
	},
	{
		ID: "c2f4ef07-c644-48eb-af81-4b1b4947fb11", Name: "AcrDelete",
		Actions: []string{registryAction + "artifacts/delete"},
	},

	// Roles of both modes.
	{
		ID: "6cef56e8-d556-48e5-a04f-b8e64114680f", Name: "AcrImageSigner",
		Actions:     []string{registryAction + "sign/write"},
		DataActions: []string{registryAction + "trustedCollections/write"},
	},
	{
		ID: "cdda3590-29a3-44f6-95f2-9f980659eb04", Name: "AcrQuarantineReader",
		Actions:     []string{registryAction + "quarantine/read"},
		DataActions: []string{registryAction + "quarantinedArtifacts/read"},
	},
	{
		ID: "c8d4ff99-41c3-41a8-9f60-21dfdad59608", Name: "AcrQuarantineWriter",
		Actions:     []string{registryAction + "quarantine/read", registryAction + "quarantine/write"},
		DataActions: []string{registryAction + "quarantinedArtifacts/read", registryAction + "quarantinedArtifacts/write"},
	},

	// Roles of a registry in the mode AbacRepositoryPermissions; the first three
	// may carry a condition.
	{
		ID: "b93aa761-3e63-49ed-ac28-beffa264f7ac", Name: "Container Registry Repository Reader",
		DataActions: []string{repositoryAction + "metadata/read", repositoryAction + "content/read"},
	},
	{
		ID: "2a1e307c-b015-4ebd-883e-5b7698a07328", Name: "Container Registry Repository Writer",
		DataActions: []string{
			repositoryAction + "metadata/read", repositoryAction + "content/read",
			repositoryAction + "metadata/write", repositoryAction + "content/write",
		},
	},
	{
		ID: "2efddaa5-3f1f-4df3-97df-af3f13818f4c", Name: "Container Registry Repository Contributor",
		DataActions: []string{
			repositoryAction + "metadata/read", repositoryAction + "content/read",
			repositoryAction + "metadata/write", repositoryAction + "content/write",
			repositoryAction + "metadata/delete", repositoryAction + "content/delete",
		},
	},
	{
		ID: "bfdb9389-c9a5-478a-bb2f-ba9ca092c3c7", Name: "Container Registry Repository Catalog Lister",
		DataActions: []string{registryAction + "catalog/read"},
	},
	{
		ID: "577a9874-89fd-4f24-9dbd-b5034d0ad23a", Name: "Container Registry Data Importer and Data Reader",
		Actions: []string{registryAction + "importImage/action", registryAction + "read", registryAction + "pull/read"},
		DataActions: []string{
			repositoryAction + "content/read", repositoryAction + "metadata/read", registryAction + "catalog/read",
		},
	},

	// Roles for parts of a registry's configuration.
	{
		ID: "fb382eab-e894-4461-af04-94435c366c3f", Name: "Container Registry Tasks Contributor",
		Actions: []string{
			registryAction + "agentpools/read", registryAction + "agentpools/write", registryAction + "agentpools/delete",
			registryAction + "agentpools/listQueueStatus/action",
			registryAction + "agentpools/operationResults/status/read", registryAction + "agentpools/operationStatuses/read",
			registryAction + "tasks/read", registryAction + "tasks/write", registryAction + "tasks/delete",
			registryAction + "tasks/listDetails/action",
			registryAction + "scheduleRun/action", registryAction + "listBuildSourceUploadUrl/action",
			registryAction + "runs/read", registryAction + "runs/write",
			registryAction + "runs/listLogSasUrl/action", registryAction + "runs/cancel/action",
			registryAction + "taskruns/read", registryAction + "taskruns/write", registryAction + "taskruns/delete",
			registryAction + "taskruns/listDetails/action", registryAction + "taskruns/operationStatuses/read",
			"Microsoft.Resources/deployments/*", "Microsoft.Resources/subscriptions/resourceGroups/read",
			registryAction + "read",
		},
	},
	{
		ID: "bf94e731-3a51-4a7c-8c54-a1ab9971dfc1", Name: "Container Registry Transfer Pipeline Contributor",
		Actions: []string{
			registryAction + "exportPipelines/read", registryAction + "exportPipelines/write", registryAction + "exportPipelines/delete",
			registryAction + "importPipelines/read", registryAction + "importPipelines/write", registryAction + "importPipelines/delete",
			registryAction + "pipelineRuns/read", registryAction + "pipelineRuns/write", registryAction + "pipelineRuns/delete",
			registryAction + "pipelineRuns/operationStatuses/read",
		},
	},
	{
		ID: "3bc748fc-213d-45c1-8d91-9da5725539b9", Name: "Container Registry Contributor and Data Access Configuration Administrator",
		Actions: []string{
			"Microsoft.Resources/subscriptions/resourceGroups/read",
			registryAction + "operationStatuses/read",
			registryAction + "read", registryAction + "write", registryAction + "delete",
			registryAction + "listCredentials/action", registryAction + "regenerateCredential/action",
			registryAction + "generateCredentials/action",
			registryAction + "replications/read", registryAction + "replications/write", registryAction + "replications/delete",
			registryAction + "replications/operationStatuses/read",
			registryAction + "privateEndpointConnectionsApproval/action",
			registryAction + "privateEndpointConnections/read", registryAction + "privateEndpointConnections/write",
			registryAction + "privateEndpointConnections/delete", registryAction + "privateEndpointConnections/operationStatuses/read",
			registryAction + "tokens/read", registryAction + "tokens/write", registryAction + "tokens/delete",
			registryAction + "tokens/operationStatuses/read",
			registryAction + "scopeMaps/read", registryAction + "scopeMaps/write", registryAction + "scopeMaps/delete",
			registryAction + "scopeMaps/operationStatuses/read",
			insightsAction + "diagnosticSettings/read", insightsAction + "diagnosticSettings/write",
			insightsAction + "logDefinitions/read", insightsAction + "metricDefinitions/read",
			"Microsoft.Resources/deployments/*", "Microsoft.Authorization/*/read",
			registryAction + "connectedRegistries/read", registryAction + "connectedRegistries/write",
			registryAction + "connectedRegistries/delete", registryAction + "connectedRegistries/deactivate/action",
			registryAction + "webhooks/read", registryAction + "webhooks/write", registryAction + "webhooks/delete",
			registryAction + "webhooks/getCallbackConfig/action", registryAction + "webhooks/ping/action",
			registryAction + "webhooks/listEvents/action", registryAction + "webhooks/operationStatuses/read",
			alertAction + "Write", alertAction + "Delete", alertAction + "Read", alertAction + "Activated/Action",
			alertAction + "Resolved/Action", alertAction + "Throttled/Action", alertAction + "Incidents/Read",
			"Microsoft.ContainerRegistry/locations/operationResults/read",
			"Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action",
			"Microsoft.Network/virtualNetworks/subnets/read", "Microsoft.Network/virtualNetworks/subnets/write",
			"Microsoft.Network/virtualNetworks/read", "Microsoft.Network/privateEndpoints/privateLinkServiceProxies/write",
		},
	},
	{
		ID: "69b07be0-09bf-439a-b9a6-e73de851bd59", Name: "Container Registry Configuration Reader and Data Access Configuration Reader",
		Actions: []string{
			registryAction + "operationStatuses/read", registryAction + "read",
			registryAction + "privateEndpointConnections/read", registryAction + "privateEndpointConnections/operationStatuses/read",
			registryAction + "listCredentials/action",
			registryAction + "tokens/read", registryAction + "tokens/operationStatuses/read",
			registryAction + "scopeMaps/read", registryAction + "scopeMaps/operationStatuses/read",
			registryAction + "webhooks/read", registryAction + "webhooks/getCallbackConfig/action",
			registryAction + "webhooks/listEvents/action", registryAction + "webhooks/operationStatuses/read",
			registryAction + "replications/read", registryAction + "replications/operationStatuses/read",
			registryAction + "connectedRegistries/read",
			insightsAction + "diagnosticSettings/read", insightsAction + "diagnosticSettings/write",
			insightsAction + "logDefinitions/read", insightsAction + "metricDefinitions/read",
			alertAction + "Write", alertAction + "Delete", alertAction + "Read", alertAction + "Activated/Action",
			alertAction + "Resolved/Action", alertAction + "Throttled/Action", alertAction + "Incidents/Read",
		},
	},
	{
		ID: "f094fb07-0703-4400-ad6a-e16dd8000e14", Name: "Container Registry Credential Set Administrator",
		Actions: []string{
			registryAction + "credentialSets/read", registryAction + "credentialSets/write",
			registryAction + "credentialSets/delete", registryAction + "credentialSets/operationStatuses/read",
		},
	},
	{
		ID: "29093635-9924-4f2c-913b-650a12949526", Name: "Container Registry Credential Set Reader",
		Actions: []string{registryAction + "credentialSets/read"},
	},
	{
		ID: "df87f177-bb12-4db1-9793-a413691eff94", Name: "Container Registry Cache Rule Administrator",
		Actions: []string{
			registryAction + "cacheRules/read", registryAction + "cacheRules/write",
			registryAction + "cacheRules/delete", registryAction + "cacheRules/operationStatuses/read",
		},
	},
	{
		ID: "c357b964-0002-4b64-a50d-7a28f02edc52", Name: "Container Registry Cache Rule Reader",
		Actions: []string{registryAction + "cacheRules/read"},
	},

	// Roles of any Azure resource.
	{
		ID: "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", Name: "Owner",
		Actions: []string{"*"},
	},
	{
		ID: "b24988ac-6180-42a0-ab88-20f7382dd24c", Name: "Contributor",
		Actions: []string{"*"},
		NotActions: []string{
			"Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write",
			"Microsoft.Authorization/elevateAccess/Action",
			"Microsoft.Blueprint/blueprintAssignments/write", "Microsoft.Blueprint/blueprintAssignments/delete",
			"Microsoft.Compute/galleries/share/action",
			"Microsoft.Purview/consents/write", "Microsoft.Purview/consents/delete",
			"Microsoft.Resources/deploymentStacks/manageDenySetting/action",
			"Microsoft.Subscription/cancel/action", "Microsoft.Subscription/enable/action",
		},
	},
	{
		ID: "acdd72a7-3385-48ef-bd42-f606fba81ae7", Name: "Reader",
		Actions: []string{"*/read"},
	},
	{
		ID: "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9", Name: "User Access Administrator",
		Actions: []string{"*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"},
	},
	{
		ID: "f58310d9-a9f6-439a-9e8d-f62e7b41a168", Name: "Role Based Access Control Administrator",
		Actions: []string{
			"Microsoft.Authorization/roleAssignments/write", "Microsoft.Authorization/roleAssignments/delete",
			"*/read", "Microsoft.Support/*",
		},
	},
	{
		ID: "f1a07417-d97a-45cb-824c-7a7467783830", Name: "Managed Identity Operator",
		Actions: []string{
			"Microsoft.ManagedIdentity/userAssignedIdentities/*/read",
			"Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action",
			"Microsoft.Authorization/*/read", "Microsoft.Insights/alertRules/*",
			"Microsoft.Resources/subscriptions/resourceGroups/read", "Microsoft.Resources/deployments/*",
			"Microsoft.Support/*",
		},
	},
}
