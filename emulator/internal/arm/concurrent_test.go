package arm_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
)

// TestEverythingAtOnce deploys, predicts, writes, tags, removes and lists beside each other. Nothing fails inside, and what was
// written last is there in the end.
func TestEverythingAtOnce(t *testing.T) {
	b := fixture(t)
	handler := newServer(b)
	const rounds = 20
	deployment := `{"properties": {"mode": "Incremental", "template": {"contentVersion": "1.0.0.0",
		"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "resources": [
		{"type": "Microsoft.ManagedIdentity/userAssignedIdentities", "apiVersion": "2023-01-31", "name": "deployed", "location": "westeurope"},
		{"type": "Microsoft.Network/virtualNetworks", "apiVersion": "2023-09-01", "name": "made", "location": "westeurope", "properties": {
		  "addressSpace": {"addressPrefixes": ["10.5.0.0/16"]}, "subnets": [{"name": "a", "properties": {"addressPrefix": "10.5.1.0/24"}}]}}]}}}`
	identities, registry := group+"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/", group+"/providers/Microsoft.ContainerRegistry/registries/first"
	work := []func(i int) (method, path, body string){
		func(i int) (string, string, string) {
			return "PUT", fmt.Sprint(group, "/providers/Microsoft.Resources/deployments/d", i), deployment
		},
		func(i int) (string, string, string) {
			return "POST", fmt.Sprint(group, "/providers/Microsoft.Resources/deployments/w", i, "/whatIf"), deployment
		},
		func(i int) (string, string, string) {
			return "PATCH", registry, fmt.Sprintf(`{"tags": {"round": "%d"}}`, i)
		},
		func(i int) (string, string, string) {
			return "PATCH", registry + "/providers/Microsoft.Resources/tags/default", fmt.Sprintf(`{"operation": "Merge", "properties": {"tags": {"also": "%d"}}}`, i)
		},
		func(int) (string, string, string) {
			return "PUT", identities + "fleeting", `{"location": "westeurope"}`
		},
		func(int) (string, string, string) { return "DELETE", identities + "fleeting", "" },
		func(int) (string, string, string) { return "GET", group + "/resources", "" },
		func(int) (string, string, string) {
			return "GET", subscription + "/providers/Microsoft.Insights/eventtypes/management/values", ""
		},
		func(int) (string, string, string) {
			return "GET", group + "/providers/Microsoft.Network/virtualNetworks", ""
		},
		func(int) (string, string, string) { return "POST", group + "/exportTemplate", `{"resources": ["*"]}` },
	}
	var all sync.WaitGroup
	for _, one := range work {
		all.Go(func() {
			for i := range rounds {
				method, path, body := one(i)
				if got := send(handler, newRequest("owner", method, path, body)); got.Code >= http.StatusInternalServerError {
					t.Errorf("%s %s: %d %s", method, path, got.Code, got.Body)
				}
			}
		})
	}
	all.Wait()
	for _, path := range []string{identities + "deployed", group + "/providers/Microsoft.Network/virtualNetworks/made/subnets/a"} {
		if got := send(handler, newRequest("owner", "GET", path, "")); got.Code != http.StatusOK {
			t.Errorf("%s: %d %s", path, got.Code, got.Body)
		}
	}
}
