package arm_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

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

// TestNestingIsBounded nests templates in one another: five deep they are deployed, deeper they are refused.
func TestNestingIsBounded(t *testing.T) {
	for levels, want := range map[int]string{5: `"provisioningState":"Succeeded"`, 6: "nested deeper than the limit of 5 levels"} {
		nested := `{"$schema":"s","contentVersion":"1.0.0.0","resources":[]}`
		for i := range levels {
			nested = fmt.Sprintf(`{"$schema":"s","contentVersion":"1.0.0.0","resources":[{"type":"Microsoft.Resources/deployments","apiVersion":"2022-09-01",`+
				`"name":"inner%d","properties":{"mode":"Incremental","expressionEvaluationOptions":{"scope":"inner"},"template":%s}}]}`, i, nested)
		}
		path := expand("{g}/providers/Microsoft.Resources/deployments/main")
		got := send(newServer(fixture(t)), newRequest("owner", "PUT", path, `{"properties":{"mode":"Incremental","template":`+nested+`}}`))
		if !strings.Contains(got.Body.String(), want) {
			t.Errorf("%d levels: %d %s", levels, got.Code, got.Body)
		}
	}
}

// TestResourcesAreBounded counts the resources of a template with those that are nested in it.
func TestResourcesAreBounded(t *testing.T) {
	many := `{"$schema":"s","contentVersion":"1","resources":[{"type":"Microsoft.ManagedIdentity/userAssignedIdentities","apiVersion":"2023-01-31",` +
		`"name":"[format('x{0}',copyIndex())]","condition":false,"copy":{"name":"l","count":500}}]}`
	module := `{"type":"Microsoft.Resources/deployments","apiVersion":"2022-09-01","name":"m%d","properties":{"expressionEvaluationOptions":{"scope":"inner"},"template":%s}}`
	body := fmt.Sprintf(`{"properties":{"template":{"$schema":"s","contentVersion":"1","resources":[%s,%s]}}}`, fmt.Sprintf(module, 1, many), fmt.Sprintf(module, 2, many))
	got := send(newServer(fixture(t)), newRequest("owner", "PUT", expand("{g}/providers/Microsoft.Resources/deployments/main"), body))
	if !strings.Contains(got.Body.String(), "more than 800 resources") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

// meddling is a backend on which somebody changes a deployment as soon as its first resource is written.
type meddling struct {
	*backend
	t    *testing.T
	with func(running *azure.Document) azure.Change
}

func (m *meddling) State() *azure.State {
	state := m.backend.State()
	d, found := state.Get(expand("{g}/providers/Microsoft.Resources/deployments/main"))
	_, written := state.Get(expand("{mi}/one"))
	if found && written && at(d.Body, "properties", "provisioningState") == "Running" {
		if _, err := m.Apply(m.t.Context(), m.with(d)); err != nil {
			m.t.Error(err)
		}
	}
	return state
}

// deployTwo deploys two resources, one after the other.
func (m *meddling) deployTwo() *httptest.ResponseRecorder {
	identity := `{"type":"Microsoft.ManagedIdentity/userAssignedIdentities","apiVersion":"2023-01-31","name":"%s","location":"westeurope","dependsOn":[%s]}`
	body := fmt.Sprintf(`{"properties":{"template":{"$schema":"s","contentVersion":"1","resources":[%s,%s]}}}`,
		fmt.Sprintf(identity, "one", ""), fmt.Sprintf(identity, "two", `"one"`))
	got := send(newServer(m), newRequest("owner", "PUT", expand("{g}/providers/Microsoft.Resources/deployments/main"), body))
	if _, found := m.backend.State().Get(expand("{mi}/two")); found {
		m.t.Error("what comes after was deployed")
	}
	return got
}

// TestCancel ends a deployment after the resource that it is at.
func TestCancel(t *testing.T) {
	m := &meddling{backend: fixture(t), t: t, with: func(running *azure.Document) azure.Change {
		changed := running.Clone()
		changed.Body["properties"].(map[string]any)["provisioningState"] = "Canceled"
		return azure.Change{Put: []azure.Document{changed}}
	}}
	if state := at(decodeBody(t, m.deployTwo().Body.Bytes()), "properties", "provisioningState"); state != "Canceled" {
		t.Errorf("the deployment is %v", state)
	}
}

// TestDeletedMeanwhile keeps a deployment that is deleted while it is under way from coming back, below a resource group that
// may be gone too.
func TestDeletedMeanwhile(t *testing.T) {
	m := &meddling{backend: fixture(t), t: t, with: func(running *azure.Document) azure.Change {
		return azure.Change{Delete: []string{running.ID.Key()}}
	}}
	if got := m.deployTwo(); got.Code != http.StatusNotFound || !strings.Contains(got.Body.String(), "DeploymentNotFound") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if left := m.backend.State().OfType("Microsoft.Resources/deployments"); len(left) > 0 {
		t.Errorf("%v is there again", left[0].ID)
	}
}

// TestRunning refuses a second deployment of the name while the first is under way, lets it be canceled, and takes one that
// was interrupted for over.
func TestRunning(t *testing.T) {
	b := fixture(t)
	handler := newServer(b)
	path := expand("{g}/providers/Microsoft.Resources/deployments/main")
	put := func(begun string) int {
		running := azure.Document{ID: azure.MustParseResourceID(path), Body: map[string]any{
			"id": path, "properties": map[string]any{"provisioningState": "Running", "timestamp": begun},
		}}
		if _, err := b.Apply(t.Context(), azure.Change{Put: []azure.Document{running}}); err != nil {
			t.Fatal(err)
		}
		return send(handler, newRequest("owner", "PUT", path, `{"properties":{"template":{"$schema":"s","contentVersion":"1","resources":[]}}}`)).Code
	}
	if status := put(now.Format(time.RFC3339Nano)); status != http.StatusConflict {
		t.Errorf("a second deployment: %d", status)
	}
	if got := send(handler, newRequest("owner", "POST", path+"/cancel", "")); got.Code != http.StatusNoContent {
		t.Errorf("cancel: %d %s", got.Code, got.Body)
	}
	if got := send(handler, newRequest("owner", "GET", path, "")); at(decodeBody(t, got.Body.Bytes()), "properties", "provisioningState") != "Canceled" {
		t.Errorf("after cancel: %s", got.Body)
	}
	if status := put(now.Add(-time.Hour).Format(time.RFC3339Nano)); status != http.StatusOK {
		t.Errorf("after one that was interrupted: %d", status)
	}
}

// TestHistoryIsBounded forgets the oldest deployment of a scope when there are too many, but for those that a lock keeps.
func TestHistoryIsBounded(t *testing.T) {
	b := fixture(t)
	var old azure.Change
	for i := range 800 {
		id := fmt.Sprintf(expand("{g}/providers/Microsoft.Resources/deployments/old%d"), i)
		old.Put = append(old.Put, azure.Document{ID: azure.MustParseResourceID(id), Body: map[string]any{"id": id, "properties": map[string]any{
			"provisioningState": "Succeeded", "timestamp": now.Add(time.Duration(-i) * time.Minute).Format(time.RFC3339Nano),
		}}})
	}
	lock := func(scope string) azure.Document {
		id := azure.MustParseResourceID(expand(scope) + "/providers/Microsoft.Authorization/locks/keep")
		return azure.Document{ID: id, Body: map[string]any{"id": id.String(), "properties": map[string]any{"level": "CanNotDelete"}}}
	}
	old.Put = append(old.Put, lock("{g}/providers/Microsoft.Resources/deployments/old799"))
	if _, err := b.Apply(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	deploy := func(name string) *httptest.ResponseRecorder {
		return send(newServer(b), newRequest("owner", "PUT", expand("{g}/providers/Microsoft.Resources/deployments/"+name),
			`{"properties":{"template":{"$schema":"s","contentVersion":"1","resources":[]}}}`))
	}
	got := deploy("new")
	if got.Code != http.StatusCreated {
		t.Fatalf("%d %s", got.Code, got.Body)
	}
	_, newest := b.State().Get(expand("{g}/providers/Microsoft.Resources/deployments/new"))
	_, locked := b.State().Get(expand("{g}/providers/Microsoft.Resources/deployments/old799"))
	_, oldest := b.State().Get(expand("{g}/providers/Microsoft.Resources/deployments/old798"))
	if left := len(b.State().OfType("Microsoft.Resources/deployments")); left != 800 || !newest || oldest || !locked {
		t.Errorf("there are %d deployments; the newest: %v, the oldest: %v, a locked one: %v", left, newest, oldest, locked)
	}
	if _, err := b.Apply(t.Context(), azure.Change{Put: []azure.Document{lock("{g}")}}); err != nil {
		t.Fatal(err)
	}
	if got := deploy("other"); got.Code != http.StatusConflict || !strings.Contains(got.Body.String(), "DeploymentQuotaExceeded") {
		t.Errorf("where nothing can be forgotten: %d %s", got.Code, got.Body)
	}
	if got := deploy("new"); got.Code != http.StatusOK {
		t.Errorf("one that is remembered already: %d %s", got.Code, got.Body)
	}
}

// TestExported is a group as a template that makes the group again.
func TestExported(t *testing.T) {
	b := fixture(t)
	handler := newServer(b)
	if got := send(handler, newRequest("owner", "PUT", expand("{aci}/odd"), fmt.Sprintf(`{"location":"westeurope","tags":{"odd":"[concat('a')]"},
		"identity":{"type":"UserAssigned","userAssignedIdentities":{%q:{}}},"properties":{"containers":[],"osType":"Linux"}}`, expand("{mi}/builder")))); got.Code != http.StatusCreated {
		t.Fatalf("%d %s", got.Code, got.Body)
	}
	got := send(handler, newRequest("owner", "POST", expand("{g}/exportTemplate"), `{"resources":["*"]}`))
	exported, err := json.Marshal(at(decodeBody(t, got.Body.Bytes()), "template"))
	if err != nil {
		t.Fatal(err)
	}
	counts, changes := predicted(t, handler, expand("{g}/providers/Microsoft.Resources/deployments/again"), fmt.Sprintf(`{"properties":{"template":%s}}`, exported))
	if want := (map[string]int{"NoChange": 4}); !maps.Equal(counts, want) {
		t.Errorf("the exported template changes something: %v, want %v\n%v", counts, want, changes)
	}
}
