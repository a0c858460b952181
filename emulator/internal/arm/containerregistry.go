package arm

import (
	"net/http"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

var (
	registryReads = []string{
		"properties.loginServer", "properties.creationDate", "properties.provisioningState",
		"properties.privateEndpointConnections", "properties.dataEndpointHostNames", "properties.status", "sku.tier",
	}
	childReads = []string{"properties.creationDate", "properties.provisioningState"}
)

// registryKinds are those of Microsoft.ContainerRegistry: the registry, and what belongs to it.
func registryKinds() []kind {
	return []kind{
		{
			name: azure.TypeRegistry, located: true, readOnly: registryReads,
			check: checkRegistry, remove: removeRegistry, show: showRegistry,
			actions: map[string]action{
				"listcredentials":      {name: "listCredentials", serve: listCredentials},
				"regeneratecredential": {name: "regenerateCredential", changes: true, serve: regenerateCredential},
				"generatecredentials":  {name: "generateCredentials", changes: true, serve: generateCredentials},
			},
		},
		{
			name: azure.TypeScopeMap, readOnly: append([]string{"properties.type"}, childReads...),
			check: checkScopeMap, remove: removeScopeMap,
		},
		{name: azure.TypeToken, readOnly: append([]string{"properties.credentials"}, childReads...), show: showToken},
		{name: azure.TypeTask, located: true, readOnly: childReads, created: http.StatusOK}, // az-cli §1, surprise 2
		{
			name: azure.TypePrivateEndpointConnection, methods: withoutPatch, check: checkConnection,
		},
	}
}

// registryRoutes are the actions of the provider that have no registry.
func registryRoutes() []route {
	return []route{
		{"POST", "/subscriptions/{subscription}/providers/microsoft.containerregistry/checknameavailability", checkName},
	}
}
