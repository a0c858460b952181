package arm

import (
	"net/http"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// authorizationKinds are those of Microsoft.Authorization: who may do what.
func authorizationKinds() []kind {
	return []kind{
		{
			name: azure.TypeRoleAssignment, methods: withoutPatch, returned: true,
			check: checkAssignment, list: listAssignments, fields: assignmentFields,
		},
		{
			name: azure.TypeRoleDefinition, methods: withoutPatch, returned: true, replaced: http.StatusCreated,
			check: checkRole, remove: removeRole, find: findRole, list: listRoles, fields: roleFields,
		},
	}
}
