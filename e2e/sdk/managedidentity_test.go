package sdk

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	acr "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerregistry/armcontainerregistry/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/msi/armmsi"
)

// managedIdentity is the credential of the place where the judge is.
func managedIdentity(t *testing.T, j *judge, which azidentity.ManagedIDKind) azcore.TokenCredential {
	t.Helper()
	return must[*azidentity.ManagedIdentityCredential](t)(azidentity.NewManagedIdentityCredential(
		&azidentity.ManagedIdentityCredentialOptions{ClientOptions: j.options(), ID: which}))
}

// TestManagedIdentity: a host's identity can be chosen by any of its IDs, and nobody else's can. TestDefaultCredential
// asks without an ID.
func TestManagedIdentity(t *testing.T) {
	j := newJudge(t)
	identities := client(t, j, armmsi.NewUserAssignedIdentitiesClient)
	own := must[armmsi.UserAssignedIdentitiesClientGetResponse](t)(identities.Get(t.Context(), group, "builder-identity", nil))
	j.transport = at(j.Emulator, "containerGroups/builder")
	for _, row := range []struct {
		name string
		id   azidentity.ManagedIDKind
		has  bool
	}{
		{"client ID", azidentity.ClientID(*own.Properties.ClientID), true},
		{"object ID", azidentity.ObjectID(*own.Properties.PrincipalID), true},
		{"resource ID", azidentity.ResourceID(*own.ID), true},
		{"another's client ID", azidentity.ClientID(j.Endpoints().ClientID), false},
	} {
		t.Run(row.name, func(t *testing.T) {
			j.credential = managedIdentity(t, j, row.id)
			_, err := client(t, j, acr.NewRegistriesClient).ListCredentials(t.Context(), group, "myregistry", nil)
			if !row.has {
				var failed *azidentity.AuthenticationFailedError
				if !errors.As(err, &failed) {
					t.Errorf("error %v, want an AuthenticationFailedError", err)
				}
				return
			}
			refused(t, err, http.StatusForbidden, "AuthorizationFailed")
			if !strings.Contains(err.Error(), *own.Properties.PrincipalID) {
				t.Errorf("refused as somebody else: %v", err)
			}
		})
	}
}
