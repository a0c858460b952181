package sdk

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	acr "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerregistry/armcontainerregistry/v2"

	"github.com/acrlocal/acrlocal/emulator"
)

const (
	publicClient = "04b07795-8ddb-461a-bbee-02f9e1bf7b46" // az itself, which has no secret
	application  = "acac10ca-7300-4000-8000-000000000001"
)

// directory is who logs in, beside the sample environment's own: an application with a certificate and a federated
// credential, a user, and a reader's role for both.
const directory = `
principals:
  - "@odata.type": "#microsoft.graph.servicePrincipal"
    appId: ` + application + `
    displayName: pipeline
    keyCredentials: [{key: %q, type: AsymmetricX509Cert, usage: Verify}]
  - "@odata.type": "#microsoft.graph.application"
    appId: ` + application + `
    displayName: pipeline
    federatedIdentityCredentials: [{name: main, issuer: "https://ci.example.com", subject: "repo:shop", audiences: ["api://AzureADTokenExchange"]}]
  - "@odata.type": "#microsoft.graph.user"
    userPrincipalName: ada@contoso.example
    passwordProfile: {password: Correct-Horse-9}
resources:
  - type: Microsoft.Authorization/roleAssignments
    scope: ` + groupID + `
    properties: {roleDefinitionId: Reader, principalId: ` + application + `}
  - type: Microsoft.Authorization/roleAssignments
    scope: ` + groupID + `
    properties: {roleDefinitionId: Reader, principalId: ada@contoso.example}
`

// certificate makes a key with a certificate of its own.
func certificate(t *testing.T) (*x509.Certificate, crypto.PrivateKey) {
	t.Helper()
	key := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "pipeline"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der := must[[]byte](t)(x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key))
	return must[*x509.Certificate](t)(x509.ParseCertificate(der)), key
}

// sample is the sample environment, which a seed of one's own takes the place of.
func sample(t *testing.T) emulator.Seed {
	t.Helper()
	const file = "../../emulator/sample.yaml"
	return emulator.Seed{Name: file, Data: must[[]byte](t)(os.ReadFile(file))}
}

// TestCredentials logs in with each kind of credential that needs no host, and reads a registry.
func TestCredentials(t *testing.T) {
	cert, key := certificate(t)
	text := fmt.Sprintf(directory, base64.StdEncoding.EncodeToString(cert.Raw))
	e := start(t, sample(t), emulator.Seed{Name: "directory.yaml", Data: []byte(text)})
	j := &judge{Emulator: e, transport: at(e, inside)}
	tenant, o := e.Endpoints().TenantID, j.options()
	assertion := func(ctx context.Context) (string, error) {
		answer, err := e.Token(ctx, emulator.TokenRequest{Subject: "repo:shop"})
		return answer.Token, err
	}
	for _, row := range []struct {
		name   string
		create func() (azcore.TokenCredential, error)
	}{
		{"a certificate", func() (azcore.TokenCredential, error) {
			return azidentity.NewClientCertificateCredential(tenant, application, []*x509.Certificate{cert}, key,
				&azidentity.ClientCertificateCredentialOptions{ClientOptions: o})
		}},
		{"an assertion", func() (azcore.TokenCredential, error) {
			return azidentity.NewClientAssertionCredential(tenant, application, assertion, &azidentity.ClientAssertionCredentialOptions{ClientOptions: o})
		}},
		{"a workload", func() (azcore.TokenCredential, error) {
			file := filepath.Join(t.TempDir(), "token")
			if err := os.WriteFile(file, []byte(must[string](t)(assertion(t.Context()))), 0o600); err != nil {
				return nil, err
			}
			return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
				ClientOptions: o, ClientID: application, TenantID: tenant, TokenFilePath: file,
			})
		}},
		{"a password", func() (azcore.TokenCredential, error) {
			options := azidentity.UsernamePasswordCredentialOptions{ClientOptions: o}                                                 //nolint:staticcheck // users still have it
			return azidentity.NewUsernamePasswordCredential(tenant, publicClient, "ada@contoso.example", "Correct-Horse-9", &options) //nolint:staticcheck // as above
		}},
		{"a device code", func() (azcore.TokenCredential, error) {
			return azidentity.NewDeviceCodeCredential(&azidentity.DeviceCodeCredentialOptions{
				ClientOptions: o, TenantID: tenant, ClientID: publicClient,
				UserPrompt: signIn,
			})
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			j.credential = must[azcore.TokenCredential](t)(row.create())
			registries := client(t, j, acr.NewRegistriesClient)
			must[acr.RegistriesClientGetResponse](t)(registries.Get(t.Context(), group, "myregistry", nil))
			_, err := registries.ListCredentials(t.Context(), group, "myregistry", nil)
			refused(t, err, http.StatusForbidden, "AuthorizationFailed")
		})
	}
}

// signIn does what a person does with a device code in a browser, which is not at the place.
func signIn(ctx context.Context, m azidentity.DeviceCodeMessage) error {
	form := url.Values{"code": {m.UserCode}, "username": {"ada@contoso.example"}, "password": {"Correct-Horse-9"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, m.VerificationURL, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", m.VerificationURL, response.Status)
	}
	return nil
}

// TestDefaultCredential finds its credential by itself: in the environment, and at a host from the metadata service. What
// the principal may do is as with any other credential.
func TestDefaultCredential(t *testing.T) {
	j := newJudge(t)
	ends := j.Endpoints()
	for _, row := range []struct {
		name, place string
		environment map[string]string
		status      int
		code        string
	}{
		{
			"the environment", inside,
			map[string]string{
				"AZURE_TENANT_ID": ends.TenantID, "AZURE_CLIENT_ID": ends.ClientID, "AZURE_CLIENT_SECRET": ends.ClientSecret,
			},
			http.StatusBadRequest, "UnAuthorizedForCredentialOperations", // the right is there, the admin user is not
		},
		{"a container group", "containerGroups/worker", nil, http.StatusForbidden, "AuthorizationFailed"},
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
			j.credential = credential
			_, err = client(t, j, acr.NewRegistriesClient).ListCredentials(t.Context(), group, "myregistry", nil)
			refused(t, err, row.status, row.code)
		})
	}
}
