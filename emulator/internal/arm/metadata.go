package arm

import (
	"net/http"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// cloud is where the services of an Azure are: the public one's own names for whoever asks management.azure.com, and else
// those of the emulator, on the port that was asked (az-cli §2.3).
type cloud struct {
	name, manager, login, graph string
	registries                  string // the domain of login servers
}

func cloudOf(r *http.Request) cloud {
	port, found := strings.CutPrefix(azure.Fold(r.Host), "management.azure.localhost")
	if !found {
		return cloud{"AzureCloud", "https://management.azure.com/", "https://login.microsoftonline.com", "https://graph.microsoft.com/", "azurecr.io"}
	}
	return cloud{
		// The authority is ADFS's, since no client asks Microsoft who answers for one of those (az-cli §1).
		"acrlocal", origin(r) + "/", "https://login.azure.localhost" + port + "/adfs", "https://graph.azure.localhost" + port + "/",
		"azurecr.localhost" + port,
	}
}

// authority is what ARM's challenges name, which in the public cloud is the login page's older name.
func authority(r *http.Request) string {
	login := cloudOf(r).login
	if login == "https://login.microsoftonline.com" {
		login = "https://login.windows.net"
	}
	return login + "/" + azure.DevelopmentTenant
}

// getEndpoints tells a client where everything is, before it has a token (az-cli §2.4): in the oldest form an object, later
// a list of clouds, and since 2022 the one cloud, which Terraform reads.
func (s *server) getEndpoints(w http.ResponseWriter, r *http.Request) {
	version, err := readVersion(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	var body any
	switch c := cloudOf(r); {
	case version < "2018":
		body = c.oldForm()
	case version < "2022":
		body = []any{c.form()}
	default:
		body = c.form()
	}
	ok(body).write(w)
}

func (c cloud) oldForm() map[string]any {
	return map[string]any{
		"galleryEndpoint": c.manager, "graphEndpoint": c.graph, "portalEndpoint": c.manager,
		"authentication": map[string]any{"loginEndpoint": c.login, "audiences": c.audiences()},
	}
}

// audiences are what tokens for ARM are for, whatever name it is asked by.
func (cloud) audiences() []any {
	return []any{"https://management.core.windows.net/", "https://management.azure.com/"}
}

func (c cloud) form() map[string]any {
	return map[string]any{
		"name": c.name, "resourceManager": c.manager, "portal": "https://portal.azure.com", "gallery": c.manager,
		"graph": c.graph, "graphAudience": c.graph, "microsoftGraphResourceId": c.graph,
		"authentication": map[string]any{
			"loginEndpoint": c.login, "audiences": c.audiences(), "tenant": "common", "identityProvider": "AAD",
		},
		"suffixes": map[string]any{
			"acrLoginServer": c.registries, "storage": "core.windows.net", "keyVaultDns": "vault.azure.net",
			"sqlServerHostname": "database.windows.net", "mhsmDns": "managedhsm.azure.net",
		},
		"batch": "https://batch.core.windows.net/", "media": "https://rest.media.azure.net",
		"appInsightsResourceId": "https://api.applicationinsights.io", "logAnalyticsResourceId": "https://api.loganalytics.io",
		"attestationResourceId": "https://attest.azure.net", "synapseAnalyticsResourceId": "https://dev.azuresynapse.net",
		"ossrDbmsResourceId": "https://ossrdbms-aad.database.windows.net", "sqlManagement": "https://management.core.windows.net:8443/",
	}
}
