package arm

import (
	"net/http"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// managementKinds are those of Microsoft.Management.
func managementKinds() []kind {
	return []kind{
		{
			name: azure.TypeManagementGroup, links: []link{parentGroupLink}, check: checkManagementGroup,
		},
		{
			name: azure.TypeManagementSubscription, methods: withoutPatch, check: checkManagedSubscription, created: http.StatusOK,
		},
	}
}
