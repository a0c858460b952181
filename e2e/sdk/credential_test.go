package sdk

import (
	"net/http"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	acr "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerregistry/armcontainerregistry/v2"
)

// managedIdentity is the credential of the place where the judge is.
func managedIdentity(t *testing.T, j *judge, which azidentity.ManagedIDKind) azcore.TokenCredential {
	t.Helper()
	c, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{ClientOptions: j.options(), ID: which})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestDefaultCredential finds its credential by itself: in the environment, and at a host from the metadata service.
func TestDefaultCredential(t *testing.T) {
	j := newJudge(t)
	ends := j.Endpoints()
	for _, row := range []struct {
		name, place string
		environment map[string]string
		may         bool
	}{
		{"the environment", inside, map[string]string{
			"AZURE_TENANT_ID": ends.TenantID, "AZURE_CLIENT_ID": ends.ClientID, "AZURE_CLIENT_SECRET": ends.ClientSecret,
		}, true},
		{"a container group", "containerGroups/worker", nil, false},
		{"a virtual machine", "virtualMachines/jumpbox", nil, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			for name, value := range row.environment {
				t.Setenv(name, value)
			}
			j.transport = at(j.Emulator, row.place)
			credential, err := azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: j.options()})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://management.azure.com/.default"}}); err != nil {
				t.Fatal(err)
			}
			j.credential = credential
			_, err = client(t, j, acr.NewRegistriesClient).ListCredentials(t.Context(), group, "myregistry", nil)
			if row.may {
				refused(t, err, http.StatusBadRequest, "UnAuthorizedForCredentialOperations") // the right is there, the admin user is not
			} else {
				refused(t, err, http.StatusForbidden, "AuthorizationFailed")
			}
		})
	}
}
