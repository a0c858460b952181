package emulator

import "github.com/acrlocal/acrlocal/emulator/internal/azure"

// developmentDocuments are the identities that every emulator has: a subscription, and a service principal that owns it.
func developmentDocuments() []azure.Document {
	subscription := "/subscriptions/" + azure.DevelopmentSubscription
	documents := []map[string]any{
		{"id": subscription, "subscriptionId": azure.DevelopmentSubscription, "displayName": "acrlocal", "state": "Enabled", "tenantId": azure.DevelopmentTenant},
		{
			"id": subscription + "/providers/Microsoft.Authorization/roleAssignments/" + azure.DevelopmentPrincipal,
			"properties": map[string]any{
				"principalId": azure.DevelopmentPrincipal, "principalType": "ServicePrincipal",
				"roleDefinitionId": subscription + "/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
			},
		},
	}
	var all []azure.Document
	for _, body := range documents {
		id, _ := azure.ParseResourceID(body["id"].(string)) //nolint:forcetypeassert,errcheck // written above
		all = append(all, azure.Document{ID: id, Body: body})
	}
	return append(all, azure.Document{
		ID: azure.GraphID("servicePrincipals", azure.DevelopmentPrincipal),
		Body: map[string]any{
			"id": azure.DevelopmentPrincipal, "@odata.type": "#microsoft.graph.servicePrincipal", "appId": azure.DevelopmentClientID,
			"displayName": "acrlocal development", "passwordCredentials": []any{map[string]any{"secretText": azure.DevelopmentSecret}},
		},
	})
}
