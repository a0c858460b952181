package azure_test

import (
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

func TestCutRegistryDomain(t *testing.T) {
	for _, tc := range []struct {
		host, name string
		found      bool
	}{
		{"myregistry.azurecr.io", "myregistry", true},
		{"MyRegistry.AzureCR.io:443", "myregistry", true},
		{"myregistry.azurecr.localhost:5080", "myregistry", true},
		{"myregistry.westeurope.data.azurecr.io", "myregistry.westeurope.data", true},
		{"azurecr.io", "", false},
		{"myregistryazurecr.io", "", false},
		{"myregistry.azurecr.io.example.com", "", false},
		{"mcr.microsoft.com", "", false},
		{"", "", false},
	} {
		if name, found := azure.CutRegistryDomain(tc.host); name != tc.name || found != tc.found {
			t.Errorf("%q: %q, %t", tc.host, name, found)
		}
	}
}
