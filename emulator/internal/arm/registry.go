package arm

import (
	"regexp"
	"sync"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

const registryProvider = "Microsoft.ContainerRegistry"

var (
	registryReads = []string{
		"properties.loginServer", "properties.creationDate", "properties.provisioningState", "properties.status", "sku.tier",
		"properties.privateEndpointConnections", "properties.dataEndpointHostNames", "properties.regionalEndpointHostNames",
		"properties.policies.retentionPolicy.lastUpdatedTime", "properties.policies.softDeletePolicy.lastUpdatedTime",
	}
	childReads = []string{"properties.creationDate", "properties.provisioningState", "properties.status"}
	// statedReads are of children whose status is a client's to set.
	statedReads    = []string{"properties.creationDate", "properties.provisioningState"}
	connectedReads = append([]string{
		"properties.connectionState", "properties.version", "properties.lastActivityTime", "properties.activation", "properties.statusDetails",
	}, childReads...)
)

// The forms of names below a registry, as the API's specification has them.
var (
	plainName  = formOf(`[a-zA-Z0-9]{5,50}`)
	dashedName = formOf(`[a-zA-Z0-9-]{5,50}`)
	mapName    = formOf(`[a-zA-Z0-9_-]{5,50}`)
	poolName   = formOf(`[a-zA-Z0-9-]{3,20}`)
)

// formOf compiles the form of a whole text when it is first needed: counts make forms large, and most are never asked for.
func formOf(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^` + pattern + `$`) })
}

// registryKinds are those of Microsoft.ContainerRegistry: the registry, and what belongs to it.
func registryKinds() []kind {
	rows := []kind{
		{
			name: azure.TypeRegistry, located: true, steady: true, readOnly: registryReads,
			links: []link{{
				path: "properties.networkRuleSet.virtualNetworkRules[].id", action: azure.TypeSubnet + "/joinViaServiceEndpoint/action",
			}},
			check: checkRegistry, remove: removeRegistry, show: showRegistry, actions: registryActions(),
		},
		{
			name: azure.TypeScopeMap, readOnly: append([]string{"properties.type"}, childReads...),
			check: called(mapName, checkScopeMap), remove: removeScopeMap,
		},
		{name: azure.TypeToken, readOnly: statedReads, check: called(dashedName, checkToken), show: showToken},
		{name: azure.TypePrivateEndpointConnection, methods: withoutPatch, check: checkConnection},
		{name: azure.TypePrivateLinkResource, methods: readingOnly, find: findLinkResource, list: listLinkResources},
		{
			name: azure.TypeReplication, located: true, readOnly: childReads, check: called(plainName, checkReplication),
			remove: removeReplication, find: findReplication, list: listReplications,
		},
		{
			name: azure.TypeWebhook, located: true, readOnly: append([]string{eventsMember}, statedReads...), check: called(plainName, nil),
			show: showWebhook, actions: webhookActions(),
		},
		{name: azure.TypeCacheRule, readOnly: childReads, check: called(dashedName, checkCacheRule)},
		{name: azure.TypeCredentialSet, readOnly: childReads, check: called(dashedName, nil), remove: removeCredentialSet},
		{
			name: azure.TypeConnectedRegistry, readOnly: connectedReads, check: called(plainName, nil),
			actions: map[string]action{"deactivate": {name: "deactivate", changes: true, serve: deactivate}},
		},
	}
	rows = append(rows, taskKinds()...)
	for i := range rows {
		rows[i].spell = azure.Normalize
	}
	return rows
}

func registryActions() map[string]action {
	return map[string]action{
		"listcredentials":      {name: "listCredentials", serve: listCredentials},
		"regeneratecredential": {name: "regenerateCredential", changes: true, serve: regenerateCredential},
		"generatecredentials":  {name: "generateCredentials", changes: true, serve: generateCredentials},
		"importimage":          {name: "importImage", serve: importImage},

		"schedulerun":              {name: "scheduleRun", serve: scheduleRun},
		"listbuildsourceuploadurl": {name: "listBuildSourceUploadUrl", serve: listSourceUpload},
	}
}

func webhookActions() map[string]action {
	return map[string]action{
		"getcallbackconfig": {name: "getCallbackConfig", serve: getCallbackConfig},
		"ping":              {name: "ping", changes: true, serve: pingWebhook},
		"listevents":        {name: "listEvents", serve: webhookEvents},
	}
}

// registryRoutes are the paths of the provider that are neither a resource nor what POST does with one.
func registryRoutes() []route {
	const registry = "/subscriptions/{subscription}/resourcegroups/{group}/providers/microsoft.containerregistry/registries/{registry}"
	return []route{
		{"POST", "/subscriptions/{subscription}/providers/microsoft.containerregistry/checknameavailability", checkName},
		{"GET", "/providers/microsoft.containerregistry/operations", listOperations},
		{"GET", registry + "/listusages", listUsages},
		{"GET", registry + "/runs", listRuns},
	}
}

// called keeps a client from giving something new a name that Azure would not take.
func called(form func() *regexp.Regexp, check func(*write) error) func(*write) error {
	return func(w *write) error {
		if w.old == nil && !form().MatchString(w.id.Name()) {
			return errChildName.about("name", w.id.Name(), w.kind.name, form())
		}
		if check == nil {
			return nil
		}
		return check(w)
	}
}
