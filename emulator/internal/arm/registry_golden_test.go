package arm_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestRegistryInVersions: one registry as three versions of the API show it, whole: the last with service endpoints, the
// one that az and the older SDKs ask for, and today's.
func TestRegistryInVersions(t *testing.T) {
	handler := newServer(fixture(t))
	const path = group + "/providers/Microsoft.ContainerRegistry/registries/versioned"
	for _, step := range []struct{ method, version, body string }{
		{"PUT", "2025-11-01", `{"location": "westeurope", "sku": {"name": "Premium"}, "tags": {"a": "b"},
			"properties": {"adminUserEnabled": true, "anonymousPullEnabled": true, "dataEndpointEnabled": true, "networkRuleBypassAllowedForTasks": true,
			"roleAssignmentMode": "AbacRepositoryPermissions", "networkRuleSet": {"defaultAction": "Deny", "ipRules": [{"value": "203.0.113.7"}]}, "unheardOf": {"kept": [1]}}}`},
		{"PATCH", "2021-08-01-preview", `{"properties": {"networkRuleSet": {"virtualNetworkRules": [{"id": "` + group + `/providers/Microsoft.Network/virtualNetworks/hub/subnets/app"}]}}}`},
		{"PATCH", "2025-06-01-preview", `{"properties": {"policies": {"softDeletePolicy": {"status": "Enabled"}}}}`},
	} {
		if got := send(handler, newRequest("owner", step.method, path+"?api-version="+step.version, step.body)); got.Code >= 300 {
			t.Fatalf("%s: %d %s", step.method, got.Code, got.Body)
		}
	}
	for _, version := range []string{"2021-08-01-preview", "2023-07-01", "2025-11-01", "2025-06-01-preview"} {
		got := send(handler, newRequest("owner", "GET", path+"?api-version="+version, ""))
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, got.Body.Bytes(), "", "  "); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", "registry", version+".json")
		if *update {
			if err := os.WriteFile(file, pretty.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), pretty.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", version, diff)
		}
	}
}
