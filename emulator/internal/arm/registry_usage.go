package arm

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// listUsages tells how much a registry has of what its SKU bounds. A GET, for what an action's right is asked for.
func listUsages(c *call) (answer, error) {
	d, err := c.documentAbove("listUsages/read")
	if err != nil {
		return answer{}, err
	}
	view, err := azure.ReadRegistry(*d)
	if err != nil {
		return answer{}, err
	}
	size, err := c.ContentSize(c.r.Context(), azure.Fold(d.ID.Name()))
	if err != nil {
		return answer{}, err
	}
	var items []any
	for _, u := range azure.Usages(c.state, view, size) {
		items = append(items, map[string]any{"name": u.Name, "limit": u.Limit, "currentValue": u.Value, "unit": u.Unit})
	}
	return list(items), nil
}

// dataOperations are those of the provider's rights that are of the registry's content.
var dataOperations = []struct{ name, resource, does string }{
	{"registries/pull/read", "Registry", "Pull or get images from a container registry"},
	{"registries/push/write", "Registry", "Push or write images to a container registry"},
	{"registries/artifacts/delete", "Registry", "Delete artifacts in a container registry"},
	{"registries/sign/write", "Registry", "Push or pull content trust metadata for a container registry"},
	{"registries/quarantine/read", "Registry", "Pull or get quarantined images from a container registry"},
	{"registries/quarantine/write", "Registry", "Write or modify the state of quarantined images"},
	{"registries/runs/write", "runs", "Create or update runs"},
	{"registries/listUsages/read", "Registry", "List the quota usages of a container registry"},
	{"checkNameAvailability/read", "Container registry name", "Check whether the name of a container registry is available"},
	{"registries/privateEndpointConnectionsApproval/action", "Registry", "Approve a private endpoint connection"},
}

// doing are the words by which an operation says what it does.
var doing = map[string]string{http.MethodGet: "Get or list", http.MethodPut: "Create or update", http.MethodDelete: "Delete"}

// listOperations tells the provider's rights: what each type can have done to it, and what actions there are.
func listOperations(c *call) (answer, error) {
	operations := map[string]map[string]any{}
	add := func(name, resource, does string) {
		operations[name] = map[string]any{"name": name, "isDataAction": false, "origin": "user,system", "display": map[string]any{
			"provider": "Microsoft Container Registry", "resource": resource, "operation": does, "description": does + ".",
		}}
	}
	for _, o := range dataOperations {
		add(registryProvider+"/"+o.name, o.resource, o.does)
	}
	for _, k := range registryKinds() {
		_, resource := cutLast(k.name)
		for method, verb := range map[string]string{http.MethodGet: "read", http.MethodPut: "write", http.MethodDelete: "delete"} {
			if k.serves(method) {
				add(k.action(verb), resource, doing[method]+" "+resource)
			}
		}
		for _, act := range k.actions {
			add(k.action(act.name+"/action"), resource, strings.ToUpper(act.name[:1])+act.name[1:]+" of "+resource)
		}
	}
	var items []any
	for _, name := range slices.SortedFunc(maps.Keys(operations), func(a, b string) int { return cmp.Compare(azure.Fold(a), azure.Fold(b)) }) {
		items = append(items, operations[name])
	}
	return list(items), nil
}
