package arm

import (
	"slices"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// exportGroup shows the resources of a group as a template that would make them (az group export). Their names stay what
// they are, as with the option SkipResourceNameParameterization.
func exportGroup(c *call) (answer, error) {
	group, err := c.documentAbove("exportTemplate/action")
	if err != nil {
		return answer{}, err
	}
	given, err := c.optionalObject()
	if err != nil {
		return answer{}, err
	}
	wanted, resources := textsAt(given, "resources[]"), []any{}
	for _, d := range groupResources(c.state, group.ID) {
		if c.may(c.kindOf(d.Type()).action("read"), d.ID) && exported(d, wanted) {
			resources = append(resources, c.exportResource(d))
		}
	}
	return ok(map[string]any{"template": map[string]any{
		"$schema":        "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
		"contentVersion": "1.0.0.0", "parameters": map[string]any{}, "variables": map[string]any{}, "resources": resources,
	}}), nil
}

// exported reports whether a list of IDs names the document; none, or *, is all.
func exported(d *azure.Document, wanted []string) bool {
	return len(wanted) == 0 || slices.ContainsFunc(wanted, func(id string) bool {
		return id == "*" || azure.Fold(id) == d.ID.Key()
	})
}

// exportResource is a resource as a template writes it: without what only Azure sets.
func (c *call) exportResource(d *azure.Document) map[string]any {
	body := c.show(d)
	for _, path := range append([]string{"properties.provisioningState", "systemData", "etag", "id"}, c.kindOf(d.Type()).readOnly...) {
		removeAt(body, path)
	}
	if identity, has := body["identity"].(map[string]any); has {
		delete(identity, "principalId")
		delete(identity, "tenantId")
		used, _ := identity["userAssignedIdentities"].(map[string]any)
		for id := range used {
			used[id] = map[string]any{}
		}
	}
	body["apiVersion"] = latestVersion
	return escapeExpressions(body).(map[string]any)
}

// escapeExpressions keeps what looks like an expression from being one.
func escapeExpressions(value any) any {
	switch v := value.(type) {
	case string:
		if strings.HasPrefix(v, "[") {
			return "[" + v
		}
	case []any:
		for i, item := range v {
			v[i] = escapeExpressions(item)
		}
	case map[string]any:
		for name, item := range v {
			v[name] = escapeExpressions(item)
		}
	}
	return value
}
