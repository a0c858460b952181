package arm

import (
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// identityKinds are those of Microsoft.ManagedIdentity.
func identityKinds() []kind {
	return []kind{
		{
			name: azure.TypeUserAssignedIdentity, located: true, instant: true,
			readOnly: []string{"properties.principalId", "properties.clientId", "properties.tenantId"},
		},
	}
}
