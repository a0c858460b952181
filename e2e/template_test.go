package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// The registry that the example templates make, and the group that it is made in.
const (
	templated      = "bicepped.azurecr.io"
	templatedGroup = subscription + "/resourceGroups/templated"
)

// deployment is the body of a deployment of an example.
func deployment(t testing.TB, file string, parameters map[string]any) map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "template", file))
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]any{"registryName": map[string]any{"value": "bicepped"}}
	for name, value := range parameters {
		given[name] = map[string]any{"value": value}
	}
	return map[string]any{"properties": map[string]any{"mode": "Incremental", "template": json.RawMessage(text), "parameters": given}}
}

// TestTemplatePolicy deploys the environments that Bicep would, and asks the registry from inside and outside: the policy
// of the template holds for the next request, and that of the next deployment for the one after.
func TestTemplatePolicy(t *testing.T) {
	for file, opened := range map[string]map[string]any{
		"registry.json":         {"access": map[string]any{"publicNetwork": true, "allowedRanges": []string{"203.0.113.0/24"}}},
		"registry-classic.json": {"publicNetworkAccess": "Enabled", "allowedRanges": []string{"203.0.113.0/24"}},
	} {
		t.Run(file, func(t *testing.T) {
			p := up(t)
			p.arm(t, http.MethodPut, templatedGroup, map[string]any{"location": "westeurope"})
			inside, outside := p.at("virtualNetworks/hubnet/subnets/app", templated), p.at("203.0.113.7", templated)
			p.deploy(t, deployment(t, file, nil))
			p.expectExchange(t, inside, http.StatusOK, "")
			p.expectExchange(t, outside, http.StatusForbidden, "public-access-disabled")
			p.deploy(t, deployment(t, file, opened))
			p.expectExchange(t, outside, http.StatusOK, "")
			p.expectExchange(t, p.at("198.51.100.9", templated), http.StatusForbidden, "ip-not-allowed")
		})
	}
}

func (p *process) deploy(t testing.TB, body map[string]any) {
	t.Helper()
	made := p.arm(t, http.MethodPut, templatedGroup+"/providers/Microsoft.Resources/deployments/main", body)
	if state := value(made, "properties", "provisioningState"); state != "Succeeded" {
		t.Fatalf("the deployment is %v: %v", state, value(made, "properties", "error"))
	}
}

// expectExchange asks for a refresh token, which is the first thing that a client of the registry does.
func (p *process) expectExchange(t testing.TB, v visitor, status int, reason string) {
	t.Helper()
	r := v.exchange(t, p.development(t, "https://containerregistry.azure.net"))
	if r.status != status || reason != "" && r.reason() != reason {
		t.Errorf("from %s: %d %q, want %d %q: %s", v.place, r.status, r.reason(), status, reason, r.body)
	}
}
