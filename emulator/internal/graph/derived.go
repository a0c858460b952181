package graph

import "github.com/acrlocal/acrlocal/emulator/internal/azure"

// managed returns the service principals of managed identities: of resources with a system-assigned one, and of the
// user-assigned ones, which are resources themselves.
func (d *directory) managed(k *kind) []object {
	var found []object
	for _, document := range d.state.All() {
		if document.ID.IsGraph() {
			continue
		}
		if principal, client, explicit := identityOf(*document); principal != "" {
			found = append(found, managedObject(k, document.ID, principal, client, explicit))
		}
	}
	return found
}

// identityOf returns the object ID and application ID of the managed identity that a document is or has. An explicit one
// is a resource of its own.
func identityOf(d azure.Document) (principal, client, explicit string) {
	if azure.Fold(d.Type()) == azure.Fold(azure.TypeUserAssignedIdentity) {
		if u, err := azure.ReadUserAssignedIdentity(d); err == nil {
			return u.PrincipalID, u.ClientID, "True"
		}
	}
	if m, err := azure.ReadManagedIdentity(d); err == nil && m.System {
		return m.PrincipalID, m.ClientID, "False"
	}
	return "", "", ""
}

func managedObject(k *kind, of azure.ResourceID, principal, client, explicit string) object {
	return object{kind: k, id: principal, of: of.String(), body: map[string]any{
		"id": principal, "appId": client, "displayName": of.Name(), "servicePrincipalType": "ManagedIdentity",
		"alternativeNames":       []any{"isExplicit=" + explicit, of.String()},
		"servicePrincipalNames":  []any{client, "https://identity.azure.net/" + client},
		"appOwnerOrganizationId": nil, "signInAudience": nil,
	}}
}

// microsoftTenant owns the applications of Microsoft's services, in every tenant.
const microsoftTenant = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"

// firstParty are Azure's own services. The first two pull and push images here, and have the IDs by which the emulator
// knows them; the others are those that clients look up, with their application IDs in every tenant.
var firstParty = []struct{ name, id, appID, uri string }{
	{"Microsoft Defender for Containers", azure.DerivedID(azure.ServiceDefender), azure.DerivedID(azure.ServiceDefender + "/clientId"), ""},
	{"Azure Container Registry Import", azure.DerivedID(azure.ServiceImport), azure.DerivedID(azure.ServiceImport + "/clientId"), ""},
	{"Azure Container Registry", azure.DerivedID("service/acr"), "6a0ec4d3-30cb-4a83-91c0-ae56bc0e3d26", "https://containerregistry.azure.net"},
	{"Azure Resource Manager", azure.DerivedID("service/arm"), "797f4846-ba00-4fd7-ba43-dac1f8f63013", "https://management.azure.com/"},
	{"Microsoft Graph", azure.DerivedID("service/graph"), "00000003-0000-0000-c000-000000000000", "https://graph.microsoft.com"},
}

func services(k *kind) []object {
	var found []object
	for _, s := range firstParty {
		names := []any{s.appID}
		if s.uri != "" {
			names = append(names, s.uri)
		}
		found = append(found, object{kind: k, id: s.id, body: map[string]any{
			"id": s.id, "appId": s.appID, "displayName": s.name, "appDisplayName": s.name, "servicePrincipalNames": names,
			"appOwnerOrganizationId": microsoftTenant, "signInAudience": "AzureADMultipleOrgs",
		}})
	}
	return found
}
