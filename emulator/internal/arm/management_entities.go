package arm

import (
	"slices"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// rootGroup is the tenant's root management group, which is there without a document.
func rootGroup() *azure.Document {
	id := azure.RootManagementGroup
	return &azure.Document{ID: id, Body: map[string]any{
		"id": id.String(), "name": id.Name(), "type": azure.TypeManagementGroup,
		"properties": map[string]any{"displayName": "Tenant Root Group", "tenantId": azure.DevelopmentTenant},
	}}
}

func findManagementGroup(_ *call, id azure.ResourceID) (*azure.Document, bool) {
	return rootGroup(), id.Key() == azure.RootManagementGroup.Key()
}

// listManagementGroups returns all of them, with the root group.
func listManagementGroups(c *call, _ target) ([]*azure.Document, error) {
	found := slices.Clone(c.state.OfType(azure.TypeManagementGroup))
	if _, stored := c.state.Get(azure.RootManagementGroup.Key()); !stored {
		found = append(found, rootGroup())
	}
	return found, nil
}

// displayName is what people call a subscription or a management group.
func (c *call) displayName(id azure.ResourceID) string {
	d, found := c.find(id, c.kindOf(id.Type()))
	if !found {
		return id.Name()
	}
	for _, path := range []string{"properties.displayName", "displayName"} {
		if name := textAt(d.Body, path); name != "" {
			return name
		}
	}
	return id.Name()
}

// showManagementGroup says where the group stands, and for $expand=children what stands below it, with $recurse at any
// depth.
func showManagementGroup(c *call, id azure.ResourceID, body map[string]any) {
	setAt(body, "properties.tenantId", azure.DevelopmentTenant)
	if above, err := azure.GroupsAbove(c.state, id); err == nil && len(above) > 0 {
		setAt(body, "properties.details.parent", map[string]any{
			"id": above[0].String(), "name": above[0].Name(), "displayName": c.displayName(above[0]),
		})
	}
	if !strings.EqualFold(c.query("$expand"), "children") {
		return
	}
	if placements, err := azure.Placements(c.state); err == nil { // else refused on its way into the state
		setAt(body, "properties.children", c.childrenOf(id, placements, strings.EqualFold(c.query("$recurse"), "true")))
	}
}

// childrenOf returns what stands right below a group; nil for none, as in Azure.
func (c *call) childrenOf(group azure.ResourceID, placements []azure.Placement, recurse bool) any {
	var children []any
	for _, at := range placements {
		if len(at.ManagementGroups) == 0 || at.ManagementGroups[0].Key() != group.Key() {
			continue
		}
		child := map[string]any{"id": at.ID.String(), "name": at.ID.Name(), "displayName": c.displayName(at.ID), "type": entityType(at.ID)}
		if recurse {
			child["children"] = c.childrenOf(at.ID, placements, true)
		}
		children = append(children, child)
	}
	if children == nil {
		return nil
	}
	return children
}

// entityType is what Microsoft.Management calls the type of what stands below its groups.
func entityType(id azure.ResourceID) string {
	if id.Is(azure.TypeSubscription) {
		return "/subscriptions"
	}
	return azure.TypeManagementGroup
}

// listManagedSubscriptions returns the subscriptions right below a group, also those of the root group, which were placed
// nowhere.
func listManagedSubscriptions(c *call, t target) ([]*azure.Document, error) {
	placements, err := azure.Placements(c.state)
	var found []*azure.Document
	for _, at := range placements {
		if at.ID.Is(azure.TypeSubscription) && at.ManagementGroups[0].Key() == t.scope.Key() {
			found = append(found, managedSubscription(t.scope, at.ID.Name()))
		}
	}
	return found, err
}

func managedSubscription(group azure.ResourceID, name string) *azure.Document {
	id := azure.MustParseResourceID(group.String() + "/subscriptions/" + name)
	return &azure.Document{ID: id, Body: map[string]any{"id": id.String(), "name": name, "type": azure.TypeManagementSubscription}}
}

func findManagedSubscription(c *call, id azure.ResourceID) (*azure.Document, bool) {
	group, _ := id.Parent()
	found, err := listManagedSubscriptions(c, target{scope: group})
	at := slices.IndexFunc(found, func(d *azure.Document) bool { return d.ID.Key() == id.Key() })
	if err != nil || at < 0 {
		return nil, false
	}
	return found[at], true
}

func showManagedSubscription(c *call, id azure.ResourceID, body map[string]any) {
	group, _ := id.Parent()
	body["properties"] = map[string]any{
		"tenant": azure.DevelopmentTenant, "state": "Active", "parent": map[string]any{"id": group.String()},
		"displayName": c.displayName(azure.MustParseResourceID("/subscriptions/" + id.Name())),
	}
}

// listDescendants returns what stands below a group at any depth.
func listDescendants(c *call, t target) ([]*azure.Document, error) {
	placements, err := azure.Placements(c.state)
	var found []*azure.Document
	for _, at := range placements {
		if slices.ContainsFunc(at.ManagementGroups, func(g azure.ResourceID) bool { return g.Key() == t.scope.Key() }) {
			found = append(found, &azure.Document{ID: at.ID, Body: c.entity(at)})
		}
	}
	return found, err
}

// entity is a subscription or management group as lists of both have it.
func (c *call) entity(at azure.Placement) map[string]any {
	properties := map[string]any{"displayName": c.displayName(at.ID)}
	if len(at.ManagementGroups) > 0 {
		properties["parent"] = map[string]any{"id": at.ManagementGroups[0].String()}
	}
	return map[string]any{"id": at.ID.String(), "name": at.ID.Name(), "type": entityType(at.ID), "properties": properties}
}

// getEntities lists the management groups and subscriptions that the principal may read, with what is above each.
func getEntities(c *call) (answer, error) {
	placements, err := azure.Placements(c.state)
	if err != nil {
		return answer{}, err
	}
	var items []any
	for _, at := range placements {
		if !c.may(c.kindOf(at.ID.Type()).action("read"), at.ID) {
			continue
		}
		item := c.entity(at)
		names, displayed := []any{}, []any{}
		for _, group := range slices.Backward(at.ManagementGroups) {
			names, displayed = append(names, group.Name()), append(displayed, c.displayName(group))
		}
		for name, value := range map[string]any{
			"tenantId": azure.DevelopmentTenant, "parentNameChain": names, "parentDisplayNameChain": displayed, "permissions": c.permission(at.ID),
		} {
			setAt(item, "properties."+name, value)
		}
		items = append(items, item)
	}
	return list(items), nil
}

// permission is what getEntities says of the principal's rights.
func (c *call) permission(id azure.ResourceID) string {
	if c.may(c.kindOf(id.Type()).action("write"), id) {
		return "edit"
	}
	return "view"
}

// checkGroupName tells whether a management group may be called so.
func checkGroupName(c *call) (answer, error) {
	given, err := c.object()
	if err != nil {
		return answer{}, err
	}
	name := textAt(given, "name")
	id, err := azure.ParseResourceID("/providers/" + azure.TypeManagementGroup + "/" + name)
	if err != nil || !managementGroupName().MatchString(name) {
		return ok(map[string]any{"nameAvailable": false, "reason": "Invalid", "message": errGroupName.with(name).Message}), nil
	}
	if _, taken := c.find(id, c.kindOf(azure.TypeManagementGroup)); taken {
		return ok(map[string]any{"nameAvailable": false, "reason": "AlreadyExists", "message": "The management group '" + name + "' exists already."}), nil
	}
	return ok(map[string]any{"nameAvailable": true}), nil
}
