package azure

import (
	"maps"
	"slices"
	"strings"
)

// The types of documents that the emulator models. Every other type is kept and returned as it was written.
const (
	TypeTenant                    = "Microsoft.Resources/tenants"
	TypeSubscription              = "Microsoft.Resources/subscriptions"
	TypeResourceGroup             = "Microsoft.Resources/resourceGroups"
	TypeManagementGroup           = "Microsoft.Management/managementGroups"
	TypeManagementSubscription    = "Microsoft.Management/managementGroups/subscriptions"
	TypeRegistry                  = "Microsoft.ContainerRegistry/registries"
	TypeScopeMap                  = "Microsoft.ContainerRegistry/registries/scopeMaps"
	TypeToken                     = "Microsoft.ContainerRegistry/registries/tokens"
	TypeTask                      = "Microsoft.ContainerRegistry/registries/tasks"
	TypeRun                       = "Microsoft.ContainerRegistry/registries/runs"
	TypeTaskRun                   = "Microsoft.ContainerRegistry/registries/taskRuns"
	TypeReplication               = "Microsoft.ContainerRegistry/registries/replications"
	TypeWebhook                   = "Microsoft.ContainerRegistry/registries/webhooks"
	TypeCacheRule                 = "Microsoft.ContainerRegistry/registries/cacheRules"
	TypeCredentialSet             = "Microsoft.ContainerRegistry/registries/credentialSets"
	TypeConnectedRegistry         = "Microsoft.ContainerRegistry/registries/connectedRegistries"
	TypeAgentPool                 = "Microsoft.ContainerRegistry/registries/agentPools"
	TypePrivateLinkResource       = "Microsoft.ContainerRegistry/registries/privateLinkResources"
	TypePrivateEndpointConnection = "Microsoft.ContainerRegistry/registries/privateEndpointConnections"
	// TypeCredentials is the hidden child of a registry that holds the passwords of its admin user. No API of
	// Azure shows it; Azure keeps it where nobody sees it.
	TypeCredentials = "Microsoft.ContainerRegistry/registries/credentials"
	// TypeImport is the hidden child of a registry that stands for an import under way, so that one that was interrupted is
	// known to have been.
	TypeImport = "Microsoft.ContainerRegistry/registries/imports"
	// TypeTokenCredentials is the same as TypeCredentials for the passwords of a repository-scoped token.
	TypeTokenCredentials     = "Microsoft.ContainerRegistry/registries/tokens/credentials"
	TypeRoleAssignment       = "Microsoft.Authorization/roleAssignments"
	TypeRoleDefinition       = "Microsoft.Authorization/roleDefinitions"
	TypeLock                 = "Microsoft.Authorization/locks"
	TypeUserAssignedIdentity = "Microsoft.ManagedIdentity/userAssignedIdentities"
	TypeFederatedCredential  = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials"
	TypeVirtualNetwork       = "Microsoft.Network/virtualNetworks"
	TypeSubnet               = "Microsoft.Network/virtualNetworks/subnets"
	TypePeering              = "Microsoft.Network/virtualNetworks/virtualNetworkPeerings"
	TypePrivateEndpoint      = "Microsoft.Network/privateEndpoints"
	TypePrivateDNSZone       = "Microsoft.Network/privateDnsZones"
	TypePrivateDNSZoneLink   = "Microsoft.Network/privateDnsZones/virtualNetworkLinks"
	TypePrivateDNSARecord    = "Microsoft.Network/privateDnsZones/A"
	TypeNATGateway           = "Microsoft.Network/natGateways"
	TypePublicIPAddress      = "Microsoft.Network/publicIPAddresses"
	TypeNetworkInterface     = "Microsoft.Network/networkInterfaces"
	TypePublicIPPrefix       = "Microsoft.Network/publicIPPrefixes"
	TypeSecurityGroup        = "Microsoft.Network/networkSecurityGroups"
	TypeRouteTable           = "Microsoft.Network/routeTables"
	TypeLoadBalancer         = "Microsoft.Network/loadBalancers"
	TypeDNSZoneGroup         = "Microsoft.Network/privateEndpoints/privateDnsZoneGroups"
	TypePrivateDNSSOARecord  = "Microsoft.Network/privateDnsZones/SOA"
	TypePrivateDNSCNAME      = "Microsoft.Network/privateDnsZones/CNAME"
	TypeContainerGroup       = "Microsoft.ContainerInstance/containerGroups"
	TypeVirtualMachine       = "Microsoft.Compute/virtualMachines"
	TypeScaleSet             = "Microsoft.Compute/virtualMachineScaleSets"
	TypeScaleSetInstance     = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines"
	TypeWebSite              = "Microsoft.Web/sites"
	TypeWebSlot              = "Microsoft.Web/sites/slots"
	TypeAppEnvironment       = "Microsoft.App/managedEnvironments"
	TypeContainerApp         = "Microsoft.App/containerApps"
	TypeContainerAppJob      = "Microsoft.App/jobs"
	TypeManagedCluster       = "Microsoft.ContainerService/managedClusters"
	TypeNodePool             = "Microsoft.ContainerService/managedClusters/agentPools"
	TypeBatchAccount         = "Microsoft.Batch/batchAccounts"
	TypeBatchPool            = "Microsoft.Batch/batchAccounts/pools"
	TypeMachineLearning      = "Microsoft.MachineLearningServices/workspaces"
	TypeOnlineEndpoint       = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
	TypeOnlineDeployment     = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments"
	TypeMachineLearningNode  = "Microsoft.MachineLearningServices/workspaces/computes"
	TypeEnvironment          = "Microsoft.MachineLearningServices/workspaces/environments"
	TypeEnvironmentVersion   = "Microsoft.MachineLearningServices/workspaces/environments/versions"
	TypeTrainingJob          = "Microsoft.MachineLearningServices/workspaces/jobs"
	// TypePricing is a plan of Defender for Cloud; TypeAssessment what it makes of a resource, TypeSubAssessment one of its
	// findings there.
	TypePricing          = "Microsoft.Security/pricings"
	TypeAssessment       = "Microsoft.Security/assessments"
	TypeSubAssessment    = "Microsoft.Security/assessments/subAssessments"
	TypeUser             = "Microsoft.Graph/users"
	TypeGroup            = "Microsoft.Graph/groups"
	TypeServicePrincipal = "Microsoft.Graph/servicePrincipals"
	TypeApplication      = "Microsoft.Graph/applications"
	TypeSettings         = "Acrlocal/settings"
)

// The emulator's own settings, kept as documents beside Azure's so that they are stored, reset and changed like them.
const (
	SettingsQuirks          = "quirks"          // how the imitated behaviour differs; see Quirks
	SettingsTrustedServices = "trustedServices" // additions to and removals from the table of trusted services
)

// Hidden reports whether no API of Azure may show or write the document: passwords, and the emulator's own settings.
func Hidden(id ResourceID) bool {
	return id.IsSettings() || HiddenType(id.Type())
}

// canonicalTypes are the types above by their folded form.
var canonicalTypes = foldedTypes(
	TypeTenant, TypeSubscription, TypeResourceGroup,
	TypeManagementGroup, TypeManagementSubscription, TypeRegistry,
	TypeScopeMap, TypeToken, TypeTask, TypeRun, TypeTaskRun,
	TypeReplication, TypeWebhook, TypeCacheRule, TypeCredentialSet, TypeConnectedRegistry, TypeAgentPool, TypePrivateLinkResource,
	TypePrivateEndpointConnection, TypeCredentials, TypeTokenCredentials, TypeImport,
	TypeRoleAssignment, TypeRoleDefinition, TypeLock, TypeUserAssignedIdentity, TypeFederatedCredential,
	TypeVirtualNetwork, TypeSubnet, TypePeering,
	TypePrivateEndpoint, TypePrivateDNSZone, TypePrivateDNSZoneLink,
	TypePrivateDNSARecord, TypeNATGateway, TypePublicIPAddress,
	TypeNetworkInterface, TypePublicIPPrefix, TypeSecurityGroup,
	TypeRouteTable, TypeLoadBalancer, TypeDNSZoneGroup,
	TypePrivateDNSSOARecord, TypePrivateDNSCNAME,
	TypeContainerGroup, TypeVirtualMachine, TypeScaleSet,
	TypeScaleSetInstance, TypeWebSite, TypeWebSlot,
	TypeAppEnvironment, TypeContainerApp, TypeContainerAppJob,
	TypeManagedCluster, TypeNodePool,
	TypeBatchAccount, TypeBatchPool, TypeMachineLearning,
	TypeOnlineEndpoint, TypeOnlineDeployment, TypeMachineLearningNode,
	TypeEnvironment, TypeEnvironmentVersion, TypeTrainingJob,
	TypePricing, TypeAssessment, TypeSubAssessment,
	TypeUser,
	TypeGroup, TypeServicePrincipal, TypeApplication,
	TypeSettings,
)

func foldedTypes(types ...string) map[string]string {
	folded := make(map[string]string, len(types))
	for _, t := range types {
		folded[Fold(t)] = t
	}
	return folded
}

// canonicalType returns a modelled type as Azure writes it, and any other as it is.
func canonicalType(resourceType string) string {
	if canonical := canonicalTypes[Fold(resourceType)]; canonical != "" {
		return canonical
	}
	return resourceType
}

// namespaceOf returns what stands before the first slash of a type.
func namespaceOf(resourceType string) string {
	namespace, _, _ := strings.Cut(resourceType, "/")
	return namespace
}

// Types returns the types that the emulator models, in Azure's spelling, in no particular order.
func Types() []string { return slices.Collect(maps.Values(canonicalTypes)) }

// HiddenType reports whether the documents of a type, in any case, are hidden; see Hidden.
func HiddenType(resourceType string) bool {
	kind := Fold(resourceType)
	return kind == Fold(TypeSettings) || kind == Fold(TypeCredentials) || kind == Fold(TypeTokenCredentials) || kind == Fold(TypeImport)
}
