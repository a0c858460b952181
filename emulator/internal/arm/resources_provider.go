package arm

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// versions are the versions of each namespace's API that ARM tells of, the newest first; clients that are not told one
// take the first that is no preview. The emulator takes any other too.
var versions = map[string][]string{
	"microsoft.authorization":     {"2022-04-01", "2020-05-01", "2018-01-01-preview"},
	"microsoft.compute":           {"2024-07-01", "2022-08-01"},
	"microsoft.containerinstance": {"2023-05-01", "2021-10-01"},
	"microsoft.containerregistry": {
		"2025-11-01", "2025-05-01-preview", "2025-04-01", "2025-03-01-preview", "2024-11-01-preview", "2023-11-01-preview", "2023-07-01", "2022-12-01",
		"2022-02-01-preview", "2021-09-01", "2021-08-01-preview", "2020-11-01-preview", "2019-12-01-preview", "2019-06-01-preview",
		"2019-05-01", "2019-04-01", "2018-09-01", "2017-10-01",
	},
	"microsoft.containerservice": {"2024-02-01", "2023-04-01"},
	"microsoft.managedidentity":  {"2024-11-30", "2023-01-31", "2022-01-31-preview", "2018-11-30"},
	"microsoft.management":       {"2021-04-01", "2020-05-01"},
	"microsoft.network":          {"2024-05-01", "2023-09-01", "2022-07-01", "2022-01-01", "2020-06-01"},
	"microsoft.resources":        {"2024-03-01", "2022-09-01", "2021-04-01", "2019-10-01"},
	"microsoft.security":         {"2024-01-01", "2022-03-01", "2021-06-01", "2020-01-01", "2019-01-01-preview"},
	"microsoft.web":              {"2023-12-01", "2022-09-01"},
}

// otherVersions are those of all other namespaces.
var otherVersions = []string{"2024-03-01", "2022-01-01"}

// unlisted are namespaces of what has no provider.
var unlisted = map[string]bool{"microsoft.graph": true, "acrlocal": true}

// types returns the types of each namespace, both in Azure's spelling: those of the table of kinds, those that the domain
// knows, and those of which there are documents.
func (c *call) types() map[string][]string {
	all := map[string]string{}
	note := func(resourceType string) {
		if folded := azure.Fold(resourceType); all[folded] == "" {
			all[folded] = resourceType
		}
	}
	for _, k := range c.kinds {
		note(k.name)
	}
	for _, t := range azure.Types() {
		note(t)
	}
	for _, folded := range c.state.Types() {
		note(c.state.OfType(folded)[0].Type())
	}
	byNamespace, spelled := map[string][]string{}, map[string]string{}
	for _, folded := range slices.Sorted(maps.Keys(all)) {
		namespace, _, _ := strings.Cut(all[folded], "/")
		key := azure.Fold(namespace)
		spelled[key] = cmp.Or(spelled[key], namespace)
		if !unlisted[key] && !azure.HiddenType(folded) {
			byNamespace[spelled[key]] = append(byNamespace[spelled[key]], all[folded])
		}
	}
	return byNamespace
}

// provider is what ARM tells of a namespace; every one is registered.
func (c *call) provider(namespace string, types []string) map[string]any {
	known := otherVersions
	if own, found := versions[azure.Fold(namespace)]; found {
		known = own
	}
	items := []any{}
	for _, t := range types {
		_, below, _ := strings.Cut(t, "/")
		item := map[string]any{
			"resourceType": below, "locations": []any{}, "apiVersions": anyList(known), "defaultApiVersion": firstStable(known),
			"capabilities": "None",
		}
		if k := c.kindOf(t); k.located {
			item["locations"], item["capabilities"] = regionNames(), "SupportsTags, SupportsLocation"
		}
		items = append(items, item)
	}
	shown := map[string]any{
		"namespace": namespace, "registrationPolicy": "RegistrationRequired", "registrationState": "Registered", "resourceTypes": items,
	}
	if azure.Fold(c.segment(0)) == "subscriptions" {
		shown["id"] = "/subscriptions/" + c.segment(1) + "/providers/" + namespace
	} else {
		shown["id"] = "/providers/" + namespace
	}
	return shown
}

func firstStable(known []string) string {
	for _, version := range known {
		if !strings.Contains(version, "preview") {
			return version
		}
	}
	return known[0]
}

// findProvider finds a namespace in any case. Every namespace is registered, and has what was made in it.
func (c *call) findProvider(namespace string) map[string]any {
	for known, types := range c.types() {
		if azure.Fold(known) == azure.Fold(namespace) {
			return c.provider(known, types)
		}
	}
	return c.provider(namespace, nil)
}

const readProviders = "Microsoft.Resources/subscriptions/providers/read"

func listProviders(c *call) (answer, error) {
	if _, err := c.authorizeSubscription(readProviders); err != nil {
		return answer{}, err
	}
	return listTenantProviders(c)
}

// listTenantProviders tells anyone what there is in Azure.
func listTenantProviders(c *call) (answer, error) {
	types := c.types()
	var items []any
	for _, namespace := range slices.Sorted(maps.Keys(types)) {
		items = append(items, c.provider(namespace, types[namespace]))
	}
	return list(items), nil
}

func getProvider(c *call) (answer, error) {
	if _, err := c.authorizeSubscription(readProviders); err != nil {
		return answer{}, err
	}
	return ok(c.findProvider(c.segment(3))), nil
}

func getTenantProvider(c *call) (answer, error) { return ok(c.findProvider(c.segment(1))), nil }

func registerProvider(c *call) (answer, error) {
	if _, err := c.authorizeSubscription(c.segment(3) + "/register/action"); err != nil {
		return answer{}, err
	}
	return ok(c.findProvider(c.segment(3))), nil
}

func unregisterProvider(c *call) (answer, error) {
	if _, err := c.authorizeSubscription(c.segment(3) + "/unregister/action"); err != nil {
		return answer{}, err
	}
	return answer{}, errUnregister.with(c.segment(3))
}

// providerRoutes are where clients ask which types there are.
func providerRoutes() []route {
	return []route{
		{"GET", "/providers", listTenantProviders},
		{"GET", "/providers/{namespace}", getTenantProvider},
		{"GET", "/providers/microsoft.authorization/provideroperations", listProviderOperations},
		{"GET", "/providers/microsoft.authorization/provideroperations/{namespace}", getProviderOperations},
		{"POST", "/providers/microsoft.resources/checkresourcename", checkResourceName},
		{"GET", "/subscriptions/{subscription}/providers", listProviders},
		{"GET", "/subscriptions/{subscription}/providers/{namespace}", getProvider},
		{"POST", "/subscriptions/{subscription}/providers/{namespace}/register", registerProvider},
		{"POST", "/subscriptions/{subscription}/providers/{namespace}/unregister", unregisterProvider},
	}
}

func listProviderOperations(c *call) (answer, error) {
	types := c.types()
	var items []any
	for _, namespace := range slices.Sorted(maps.Keys(types)) {
		items = append(items, c.providerOperations(namespace, types[namespace]))
	}
	return list(items), nil
}

func getProviderOperations(c *call) (answer, error) {
	for namespace, types := range c.types() {
		if azure.Fold(namespace) == azure.Fold(c.segment(3)) {
			return ok(c.providerOperations(namespace, types)), nil
		}
	}
	return answer{}, errProviderMissing.with(c.segment(3))
}

// providerOperations are the actions that roles can grant in a namespace, as far as the emulator asks for them (az provider
// operation show).
func (c *call) providerOperations(namespace string, types []string) map[string]any {
	items := []any{}
	for _, t := range types {
		_, below, _ := strings.Cut(t, "/")
		operations := []any{}
		for _, name := range c.kindOf(t).rights() {
			operations = append(operations, map[string]any{"name": name, "displayName": name, "description": "", "isDataAction": false})
		}
		items = append(items, map[string]any{"name": below, "displayName": below, "operations": operations})
	}
	return map[string]any{
		"id": "/providers/Microsoft.Authorization/providerOperations/" + namespace, "name": namespace, "displayName": namespace,
		"type": "Microsoft.Authorization/providerOperations", "resourceTypes": items, "operations": []any{},
	}
}

// rights are the names of what can be done to a type.
func (k kind) rights() []string {
	names := []string{k.action("read")}
	if k.serves("PUT") || k.serves("PATCH") {
		names = append(names, k.action("write"))
	}
	if k.serves("DELETE") {
		names = append(names, k.action("delete"))
	}
	for _, act := range slices.Sorted(maps.Keys(k.actions)) {
		names = append(names, k.action(k.actions[act].name+"/action"))
	}
	return names
}

// checkResourceName answers that a name is allowed; ARM keeps trademarks to itself, of which there are none here.
func checkResourceName(c *call) (answer, error) {
	given, err := c.object()
	if err != nil {
		return answer{}, err
	}
	name, kind := textAt(given, "name"), textAt(given, "type")
	if name == "" || kind == "" {
		return answer{}, errContent.with("a name and a type are needed")
	}
	return ok(map[string]any{"name": name, "type": kind, "status": "Allowed"}), nil
}
