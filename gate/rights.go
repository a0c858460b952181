package gate

import "strings"

// rightSet is a set of rights on a registry, one bit for each action or data action that the gate knows.
type rightSet uint32

// The rights. The first group are actions, which legacy mode judges; the second are data actions, which ABAC mode
// judges (acr-behaviour §4.4, §5.1).
const (
	rightPull rightSet = 1 << iota
	rightPush
	rightDelete
	rightMetadataRead
	rightMetadataWrite
	rightDeletedRead
	rightDeletedRestore
	rightQuarantineRead
	rightQuarantineWrite

	rightContentRead
	rightContentWrite
	rightContentDelete
	rightDataMetadataRead
	rightDataMetadataWrite
	rightDataMetadataDelete
	rightCatalogRead
	rightQuarantinedRead
	rightQuarantinedWrite
)

const (
	legacyRights rightSet = rightContentRead - 1
	dataRights            = (rightQuarantinedWrite<<1 - 1) &^ legacyRights
	rightCount            = 18
)

// rightActions are the actions behind the bits, in their order.
var rightActions = [rightCount]string{
	"Microsoft.ContainerRegistry/registries/pull/read",
	"Microsoft.ContainerRegistry/registries/push/write",
	"Microsoft.ContainerRegistry/registries/artifacts/delete",
	"Microsoft.ContainerRegistry/registries/metadata/read",
	"Microsoft.ContainerRegistry/registries/metadata/write",
	"Microsoft.ContainerRegistry/registries/deleted/read",
	"Microsoft.ContainerRegistry/registries/deleted/restore/action",
	"Microsoft.ContainerRegistry/registries/quarantine/read",
	"Microsoft.ContainerRegistry/registries/quarantine/write",
	"Microsoft.ContainerRegistry/registries/repositories/content/read",
	"Microsoft.ContainerRegistry/registries/repositories/content/write",
	"Microsoft.ContainerRegistry/registries/repositories/content/delete",
	"Microsoft.ContainerRegistry/registries/repositories/metadata/read",
	"Microsoft.ContainerRegistry/registries/repositories/metadata/write",
	"Microsoft.ContainerRegistry/registries/repositories/metadata/delete",
	"Microsoft.ContainerRegistry/registries/catalog/read",
	"Microsoft.ContainerRegistry/registries/quarantinedArtifacts/read",
	"Microsoft.ContainerRegistry/registries/quarantinedArtifacts/write",
}

// operationRow is a row of the table of operations.
type operationRow struct {
	name   string
	token  tokenActions // any of these in an access token's scope will do
	grants tokenActions // what the token service puts into a scope on account of the operation
	legacy rightSet     // any of these in LegacyRegistryPermissions mode
	data   rightSet     // any of these in AbacRepositoryPermissions mode
	scopes mapRights    // all of these in a scope map; none at all means that no scope map grants it
	open   bool         // anonymous pull covers it
}

// operations is the table of acr-behaviour §4.4 and §5.2.
var operations = [operationKinds]operationRow{
	OpUnknown: {name: "unknown"},
	OpSignIn:  {name: "sign-in", token: anyTokenAction, legacy: legacyRights, data: dataRights, open: true},
	OpPull: {
		name: "pull", token: tokenPull, grants: tokenPull, legacy: rightPull, data: rightContentRead,
		scopes: mapContentRead, open: true,
	},
	OpPush: {
		name: "push", token: tokenPush, grants: tokenPush, legacy: rightPush, data: rightContentWrite,
		scopes: mapContentWrite | mapContentRead,
	},
	OpDelete: {
		name: "delete", token: tokenDelete, grants: tokenDelete, legacy: rightDelete, data: rightContentDelete,
		scopes: mapContentDelete,
	},
	OpDeleteReferrer: {
		name: "delete-referrer", token: tokenDelete, grants: tokenDelete, legacy: rightDelete | rightPush, data: rightContentDelete,
		scopes: mapContentDelete,
	},
	OpUntag: {
		name: "untag", token: tokenDelete, grants: tokenDelete, legacy: rightPush | rightDelete, data: rightDataMetadataWrite,
		scopes: mapContentDelete,
	},
	OpListTags: {
		name: "list-tags", token: tokenMetadataRead | tokenPull, grants: tokenMetadataRead, legacy: rightMetadataRead | rightPull,
		data: rightDataMetadataRead, scopes: mapMetadataRead, open: true,
	},
	OpViewAttributes: {
		name: "view-attributes", token: tokenMetadataRead, grants: tokenMetadataRead, legacy: rightMetadataRead, data: rightDataMetadataRead,
		scopes: mapMetadataRead, open: true,
	},
	OpSetAttributes: {
		name: "set-attributes", token: tokenMetadataWrite, grants: tokenMetadataWrite, legacy: rightMetadataWrite, data: rightDataMetadataWrite,
		scopes: mapMetadataWrite,
	},
	OpCatalog:        {name: "catalog", token: tokenCatalog, grants: tokenCatalog, legacy: rightPull, data: rightCatalogRead},
	OpListDeleted:    {name: "list-deleted", token: tokenDeletedRead, grants: tokenDeletedRead, legacy: rightDeletedRead},
	OpRestoreDeleted: {name: "restore-deleted", token: tokenDeletedRestore, grants: tokenDeletedRestore, legacy: rightDeletedRestore},
	OpViewQuarantined: {
		name: "view-quarantined", token: tokenPull | tokenMetadataRead,
		legacy: rightQuarantineRead | rightQuarantinedRead, data: rightQuarantinedRead,
	},
	OpSetQuarantine: {
		name: "set-quarantine", token: tokenMetadataWrite,
		legacy: rightQuarantineWrite | rightQuarantinedWrite, data: rightQuarantinedWrite,
	},
}

// needs returns the rights of which any grants the operation in that mode.
func (k OperationKind) needs(mode RoleAssignmentMode) rightSet {
	if mode == AbacRepositoryPermissions {
		return operations[k].data
	}
	return operations[k].legacy
}

// NeededAction returns the action or data action that, first of all, grants the operation in that mode; empty if
// none does.
func (k OperationKind) NeededAction(mode RoleAssignmentMode) string {
	return k.needs(mode.orDefault()).first()
}

// first returns the action of the lowest right in the set.
func (s rightSet) first() string {
	for i, action := range rightActions {
		if s&(1<<i) != 0 {
			return action
		}
	}
	return ""
}

// rightsOf returns the rights that a role grants.
func rightsOf(role RoleDefinition) rightSet {
	var set rightSet
	for i, action := range rightActions {
		bit := rightSet(1) << i
		if bit&legacyRights != 0 && role.Allows(action) || bit&dataRights != 0 && role.AllowsData(action) {
			set |= bit
		}
	}
	return set
}

// mapRights is a set of scope map actions (acr-behaviour §4.3).
type mapRights uint8

const (
	mapContentRead mapRights = 1 << iota
	mapContentWrite
	mapContentDelete
	mapMetadataRead
	mapMetadataWrite
)

var mapActions = map[string]mapRights{
	"content/read": mapContentRead, "content/write": mapContentWrite, "content/delete": mapContentDelete,
	"metadata/read": mapMetadataRead, "metadata/write": mapMetadataWrite,
}

// scopeMap is a compiled scope map: rights for named repositories, and for prefixes. The rights of all entries that
// match a repository add up.
type scopeMap struct {
	exact    map[string]mapRights
	prefixes []scopePrefix
	all      mapRights
}

type scopePrefix struct {
	prefix string // ends in a slash
	rights mapRights
}

// rights returns what the scope map grants on the repository.
func (m scopeMap) rights(repository string) mapRights {
	set := m.all | m.exact[repository]
	for _, p := range m.prefixes {
		if strings.HasPrefix(repository, p.prefix) {
			set |= p.rights
		}
	}
	return set
}

// any reports whether the scope map grants anything at all.
func (m scopeMap) any() bool { return m.all != 0 || len(m.exact) > 0 || len(m.prefixes) > 0 }
