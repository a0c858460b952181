package arm

import (
	"net/http"
	"slices"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// kind is a row of the table of resource types: what the engine does differently for one. The zero row, but for its name,
// is a type that is kept as it is written.
type kind struct {
	// name is the type in Azure's spelling.
	name string
	// methods are those that the type has; nil means all.
	methods []string
	// located types must say their region, when they are new.
	located bool
	// readOnly are the paths of members that only Azure sets; what a client says of them is ignored.
	readOnly []string
	// links are what a document of the type refers to by right of its author.
	links []link
	// check looks at a document on its way, may fill it in, and may add to the change.
	check func(*write) error
	// remove refuses, or adds to, the removal of a document, its own or that of something above it.
	remove func(*removal, *azure.Document) error
	// show brings a document's body, which is a copy, to what a client sees now.
	show func(*call, azure.ResourceID, map[string]any)
	// find and list look for documents elsewhere than in the state.
	find func(*call, azure.ResourceID) (*azure.Document, bool)
	list func(*call, target) ([]*azure.Document, error)
	// fields are what $filter may compare, by folded name.
	fields map[string]fieldOf
	// returned says that DELETE answers with what it removed.
	returned bool
	// created and replaced are the statuses of PUT where clients insist on others than 201 and 200.
	created, replaced int
	// actions are what POST does, by folded name.
	actions map[string]action
}

// action is something that POST does with a resource.
type action struct {
	name string // in Azure's spelling
	// changes says that serve makes a change, and must not be run beside another.
	changes bool
	serve   func(*call, *azure.Document, map[string]any) (answer, error)
}

var (
	readingOnly   = []string{http.MethodGet, http.MethodHead}
	withoutPatch  = []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete}
	registryReads = []string{
		"properties.loginServer", "properties.creationDate", "properties.provisioningState",
		"properties.privateEndpointConnections", "properties.dataEndpointHostNames", "properties.status", "sku.tier",
	}
	childReads = []string{"properties.creationDate", "properties.provisioningState"}
)

// kinds is the table of resource types. It is a function since its rows refer to handlers that refer to it.
func kinds() []kind {
	return slices.Concat(hierarchyKinds(), registryKinds(), accessKinds(), placeKinds())
}

// hierarchyKinds hold everything else.
func hierarchyKinds() []kind {
	return []kind{
		{name: azure.TypeSubscription, methods: readingOnly},
		{name: azure.TypeTenant, methods: readingOnly},
		{name: azure.TypeResourceGroup, located: true, readOnly: []string{"properties"}},
		{
			name: azure.TypeManagementGroup, links: []link{parentGroupLink}, check: checkManagementGroup,
		},
		{
			name: azure.TypeManagementSubscription, methods: withoutPatch, check: checkManagedSubscription, created: http.StatusOK,
		},
	}
}

// registryKinds are the registry, what belongs to it, and the way to it.
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
		{
			name: azure.TypePrivateEndpoint, located: true, links: []link{joinSubnet("properties.subnet.id")},
			readOnly: []string{"properties.provisioningState", "properties.networkInterfaces", "properties.customDnsConfigs"},
			check:    checkEndpoint, show: showEndpoint,
		},
	}
}

// accessKinds say who may do what.
func accessKinds() []kind {
	return []kind{
		{
			name: azure.TypeRoleAssignment, methods: withoutPatch, returned: true,
			check: checkAssignment, list: listAssignments, fields: assignmentFields,
		},
		{
			name: azure.TypeRoleDefinition, methods: withoutPatch, returned: true, replaced: http.StatusCreated,
			check: checkRole, remove: removeRole, find: findRole, list: listRoles, fields: roleFields,
		},
		{
			name: azure.TypeUserAssignedIdentity, located: true,
			readOnly: []string{"properties.principalId", "properties.clientId", "properties.tenantId"},
		},
	}
}

// placeKinds are what stands in a subnet, or on another's network interface.
func placeKinds() []kind {
	return []kind{
		{name: azure.TypeNetworkInterface, located: true, links: []link{joinSubnet("properties.ipConfigurations[].properties.subnet.id")}},
		{name: azure.TypeContainerGroup, located: true, links: []link{joinSubnet("properties.subnetIds[].id")}},
		{name: azure.TypeWebSite, located: true, links: []link{joinSubnet("properties.virtualNetworkSubnetId")}},
		{name: azure.TypeAgentPool, located: true, links: []link{joinSubnet("properties.virtualNetworkSubnetResourceId")}},
		{
			name: azure.TypeVirtualMachine, located: true,
			links: []link{{path: "properties.networkProfile.networkInterfaces[].id", action: "Microsoft.Network/networkInterfaces/join/action"}},
		},
		{
			name: "Microsoft.App/managedEnvironments", located: true,
			links: []link{joinSubnet("properties.vnetConfiguration.infrastructureSubnetId")},
		},
		{
			name: "Microsoft.ContainerService/managedClusters", located: true,
			links: []link{joinSubnet("properties.agentPoolProfiles[].vnetSubnetID")},
		},
	}
}

// kindOf returns the row of a type in any case; a type without a row has its name only.
func (s *server) kindOf(resourceType string) kind {
	if k, found := s.kinds[azure.Fold(resourceType)]; found {
		return k
	}
	return kind{name: resourceType}
}

// serves reports whether the type has a method.
func (k kind) serves(method string) bool {
	return k.methods == nil || slices.Contains(k.methods, method)
}
