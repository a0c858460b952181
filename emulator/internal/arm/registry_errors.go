package arm

// The rows of the table of errors that are the container registry's own.
var (
	errRegistryName = refusal{409, "AlreadyInUse", "The registry DNS name %s.azurecr.io is already in use. You can check if the" +
		" name is already claimed using following API: https://docs.microsoft.com/rest/api/containerregistry/registries/checknameavailability"}
	errHasEndpoints = refusal{409, "Conflict", "The registry '%s' has private endpoint connections and cannot be deleted before" +
		" they are: %s."}
	errAdminDisabled = refusal{400, "UnAuthorizedForCredentialOperations", "Cannot perform credential operations for %s as admin" +
		" user is disabled. Kindly enable admin user as per docs: https://docs.microsoft.com/azure/container-registry/container-registry-authentication#admin-account"}
	errPasswordName   = refusal{400, "InvalidParameter", "The password name '%.60s' is not one of %s."}
	errSystemScopeMap = refusal{400, "SystemScopeMapNotModifiable", "The scope map '%s' is defined by the system and cannot be changed."}
	errScopeMapInUse  = refusal{409, "Conflict", "The scope map '%s' is used by the token '%s'."}
	errDisconnected   = refusal{400, "InvalidParameter", "The connection '%s' is disconnected: its private endpoint is gone."}
	errGroupID        = refusal{400, "InvalidGroupId", "The only group of the registry '%s' is 'registry'."}
	errStatus         = refusal{400, "InvalidParameter", "The status '%.60s' is not one of Approved, Rejected, Pending."}

	errChildName = refusal{400, "InvalidResourceName", "The name '%.80s' is not one for a resource of type '%s': it does not match %s."}
	errSKU       = refusal{400, "InvalidRequestContent", "The request content was invalid: 'sku.name' is missing. It is Basic, Standard or Premium."}
	errVersion   = refusal{400, "InvalidRequestContent", "The api-version '%s' has no '%s', and would leave it as it is. The versions that" +
		" have it are %s."}
	errImmutable = refusal{400, "PropertyChangeNotAllowed", "Changing property '%s' is not allowed after the resource was created."}
	errNameType  = refusal{400, "InvalidParameter", "The type '%.80s' is not Microsoft.ContainerRegistry/registries."}

	errHomeReplication = refusal{400, "CannotDeleteHomeReplication", "The replication '%s' is in the registry's own region and cannot be deleted."}
	errCredentialSet   = refusal{409, "Conflict", "The credential set '%s' is used by the cache rule '%s'."}

	errImport        = refusal{400, "InvalidParameter", "%s."}
	errImportExports = refusal{403, "Forbidden", "The registry '%s' has exports disabled."}
	errImportUnmoved = refusal{501, "ImportNotCarriedOut", "The import of '%s' was checked, but there is no service here that copies content" +
		" between registries. Push the image instead."}
	errImportInterrupted = refusal{500, "OperationInterrupted", "Operation registries-%s failed. Resource %s The emulator stopped while the image" +
		" was being copied. A tag is there with all that belongs to it, or is not there: import the image again."}
)
