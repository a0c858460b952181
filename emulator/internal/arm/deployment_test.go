package arm_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// examples are templates as Bicep emits them, the same environment in both versions of the language.
const examples = "../../../e2e/testdata/template/"

// deploymentBody is the body as az sends it (az-cli §1 item 11): the name of the template's member is not quoted.
func deploymentBody(t *testing.T, template string, parameters string) string {
	t.Helper()
	text, err := os.ReadFile(examples + template)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"properties": {"parameters": %s, "mode": "Incremental", template:%s}}`, parameters, text)
}

func decodeBody(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal(body, &object); err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	return object
}

// at looks into a decoded body by names and, in lists, indexes.
func at(value any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := value.(map[string]any)
			value = object[step]
		case int:
			list, _ := value.([]any)
			if step >= len(list) {
				return nil
			}
			value = list[step]
		}
	}
	return value
}

// predicted counts the changes of a what-if by their types.
func predicted(t *testing.T, handler http.Handler, path, body string) (counts map[string]int, changes []any) {
	t.Helper()
	got := send(handler, newRequest("owner", "POST", path+"/whatIf", body))
	if got.Code != http.StatusOK {
		t.Fatalf("what-if: %d %s", got.Code, got.Body)
	}
	changes, _ = at(decodeBody(t, got.Body.Bytes()), "properties", "changes").([]any)
	counts = map[string]int{}
	for _, change := range changes {
		counts[at(change, "changeType").(string)]++
	}
	return counts, changes
}

// TestTemplate deploys an environment around a registry as Bicep would: what-if tells what will be, and after it that
// nothing changes any more.
func TestTemplate(t *testing.T) {
	for _, file := range []string{"registry.json", "registry-classic.json"} {
		t.Run(file, func(t *testing.T) {
			b := fixture(t)
			handler := newServer(b)
			path := expand("{g}/providers/Microsoft.Resources/deployments/main")
			body := deploymentBody(t, file, `{"registryName":{"value":"bicepped"}}`)

			before := b.State()
			counts, _ := predicted(t, handler, path, body)
			if want := (map[string]int{"Create": 8, "Ignore": 3}); !maps.Equal(counts, want) {
				t.Errorf("what-if before: %v, want %v", counts, want)
			}
			if b.State() != before {
				t.Error("what-if changed the state")
			}
			if got := send(handler, newRequest("owner", "POST", path+"/validate", body)); got.Code != http.StatusOK {
				t.Fatalf("validate: %d %s", got.Code, got.Body)
			}

			got := send(handler, newRequest("owner", "PUT", path, body))
			if got.Code != http.StatusCreated || at(decodeBody(t, got.Body.Bytes()), "properties", "provisioningState") != "Succeeded" {
				t.Fatalf("deploy: %d %s", got.Code, got.Body)
			}
			checkEnvironment(t, b.State(), decodeBody(t, got.Body.Bytes()))

			counts, changes := predicted(t, handler, path, body)
			if want := (map[string]int{"NoChange": 8, "Ignore": 4}); !maps.Equal(counts, want) {
				t.Errorf("what-if after: %v, want %v\n%v", counts, want, changes)
			}
		})
	}
}

// checkEnvironment looks for what the example stands for: a closed registry, a way in through the hub, and an identity that
// may pull.
func checkEnvironment(t *testing.T, state *azure.State, deployment map[string]any) {
	t.Helper()
	d, found := state.Get(group + "/providers/Microsoft.ContainerRegistry/registries/bicepped")
	if !found {
		t.Fatal("there is no registry")
	}
	registry, err := azure.ReadRegistry(*d)
	if err != nil || registry.PublicAccess || registry.SKU != azure.SKUPremium {
		t.Errorf("the registry is %+v, %v", registry, err)
	}
	outputs := at(deployment, "properties", "outputs")
	if at(outputs, "loginServer", "value") != "bicepped.azurecr.io" {
		t.Errorf("outputs are %v", outputs)
	}
	assigned := state.Children(d.ID.Key(), azure.TypeRoleAssignment)
	if len(assigned) != 1 || at(assigned[0].Body, "properties", "principalId") != at(outputs, "principalId", "value") {
		t.Errorf("role assignments are %v", assigned)
	}
	connections := state.Children(d.ID.Key(), azure.TypePrivateEndpointConnection)
	if len(connections) != 1 || at(connections[0].Body, "properties", "privateLinkServiceConnectionState", "status") != azure.StatusApproved {
		t.Errorf("connections are %v", connections)
	}
}

// TestWhatIfDelta says how what-if shows a change: members by their paths, lists by their items.
func TestWhatIfDelta(t *testing.T) {
	handler := newServer(fixture(t))
	path := expand("{g}/providers/Microsoft.Resources/deployments/main")
	parameters := `{"registryName":{"value":"bicepped"},"publicNetworkAccess":{"value":"%s"},"allowedRanges":{"value":[%s]}}`
	first := deploymentBody(t, "registry-classic.json", fmt.Sprintf(parameters, "Enabled", `"203.0.113.0/24"`))
	if got := send(handler, newRequest("owner", "PUT", path, first)); got.Code != http.StatusCreated {
		t.Fatalf("deploy: %d %s", got.Code, got.Body)
	}
	counts, changes := predicted(t, handler, path, deploymentBody(t, "registry-classic.json", fmt.Sprintf(parameters, "Disabled", `"203.0.113.0/24","198.51.100.7"`)))
	if want := (map[string]int{"Modify": 1, "NoChange": 7, "Ignore": 4}); !maps.Equal(counts, want) {
		t.Fatalf("what-if: %v, want %v", counts, want)
	}
	modified := slices.IndexFunc(changes, func(change any) bool { return at(change, "changeType") == "Modify" })
	want := `[{"children":[{"after":{"action":"Allow","value":"198.51.100.7"},"path":"1","propertyChangeType":"Create"}],` +
		`"path":"properties.networkRuleSet.ipRules","propertyChangeType":"Array"},` +
		`{"after":"Disabled","before":"Enabled","path":"properties.publicNetworkAccess","propertyChangeType":"Modify"}]`
	delta, _ := at(changes[modified], "delta").([]any)
	for _, one := range delta {
		if object := one.(map[string]any); object["propertyChangeType"] == "Array" {
			delete(object, "before")
			delete(object, "after")
		}
	}
	if got, _ := json.Marshal(delta); string(got) != want {
		t.Errorf("delta is\n%s, want\n%s", got, want)
	}
}

// TestNestingIsBounded nests a template in itself, deeper than is allowed.
func TestNestingIsBounded(t *testing.T) {
	handler := newServer(fixture(t))
	nested := `{"$schema":"s","contentVersion":"1.0.0.0","resources":[]}`
	for range 7 {
		nested = `{"$schema":"s","contentVersion":"1.0.0.0","resources":[{"type":"Microsoft.Resources/deployments","apiVersion":"2022-09-01",` +
			`"name":"inner","properties":{"mode":"Incremental","expressionEvaluationOptions":{"scope":"inner"},"template":` + nested + `}}]}`
	}
	path := expand("{g}/providers/Microsoft.Resources/deployments/main")
	got := send(handler, newRequest("owner", "PUT", path, `{"properties":{"mode":"Incremental","template":`+nested+`}}`))
	if !strings.Contains(got.Body.String(), "DeploymentActive") && !strings.Contains(got.Body.String(), "nested deeper") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}
