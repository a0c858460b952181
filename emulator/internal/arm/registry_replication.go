package arm

import (
	"cmp"
	"slices"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// checkReplication dates a replication's status, and keeps what is fixed.
func checkReplication(w *write) error {
	if err := w.keepFixed("properties.zoneRedundancy"); err != nil {
		return err
	}
	if textAt(w.body, "properties.status.timestamp") == "" {
		setAt(w.body, "properties.status", map[string]any{
			"displayStatus": "Ready", "message": "", "timestamp": w.timestamp(),
		})
	}
	return nil
}

// removeReplication keeps the registry's own region.
func removeReplication(r *removal, d *azure.Document) error {
	registry, _ := d.ID.Parent()
	if r.gone[registry.Key()] {
		return nil
	}
	if azure.ReadReplication(*d).Region == azure.Regions(r.state, registry)[0] {
		return errHomeReplication.with(d.ID.Name())
	}
	return nil
}

// findReplication finds the one in the registry's own region, which nobody has to make.
func findReplication(c *call, id azure.ResourceID) (*azure.Document, bool) {
	registry, _ := id.Parent()
	for _, d := range c.homeReplication(registry) {
		if d.ID.Key() == id.Key() {
			return d, true
		}
	}
	return nil, false
}

func listReplications(c *call, t target) ([]*azure.Document, error) {
	var all []*azure.Document
	for _, registry := range c.registriesAt(t.scope) {
		all = append(all, c.homeReplication(registry.ID)...)
	}
	all = append(all, c.state.Children(t.scope.Key(), t.kind)...)
	slices.SortFunc(all, func(a, b *azure.Document) int { return cmp.Compare(a.ID.Key(), b.ID.Key()) })
	return all, nil
}

// registriesAt are the registry at a scope, or those below it.
func (c *call) registriesAt(scope azure.ResourceID) []*azure.Document {
	if d, found := c.state.Get(scope.Key()); found && scope.Is(azure.TypeRegistry) {
		return []*azure.Document{d}
	}
	return c.state.Children(scope.Key(), azure.TypeRegistry)
}

func (c *call) homeReplication(registry azure.ResourceID) []*azure.Document {
	d, found := c.state.Get(registry.Key())
	if !found {
		return nil
	}
	home, found := azure.HomeReplication(c.state, d)
	if !found {
		return nil
	}
	return []*azure.Document{&home}
}

// findLinkResource and listLinkResources tell what of a registry private endpoints lead to: the one group, and its members,
// each of which takes an address (acr-behaviour §7).
func findLinkResource(c *call, id azure.ResourceID) (*azure.Document, bool) {
	registry, _ := id.Parent()
	if _, found := c.state.Get(registry.Key()); !found || azure.Fold(id.Name()) != "registry" {
		return nil, false
	}
	members := []any{"registry"}
	for _, region := range azure.Regions(c.state, registry) {
		members = append(members, "registry_data_"+region)
	}
	return &azure.Document{ID: id, Body: map[string]any{
		"id": id.String(), "name": "registry", "type": azure.TypePrivateLinkResource, "properties": map[string]any{
			"groupId": "registry", "requiredMembers": members, "requiredZoneNames": []any{"privatelink.azurecr.io"},
		},
	}}, true
}

func listLinkResources(c *call, t target) ([]*azure.Document, error) {
	var all []*azure.Document
	for _, registry := range c.registriesAt(t.scope) {
		id, err := registry.ID.Child("privateLinkResources", "registry")
		if err != nil {
			return nil, err
		}
		if d, found := findLinkResource(c, id); found {
			all = append(all, d)
		}
	}
	return all, nil
}
