package arm

import (
	"slices"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// endpointLists are the members of a private endpoint that name what it leads to.
var endpointLists = []string{"properties.privateLinkServiceConnections", "properties.manualPrivateLinkServiceConnections"}

// checkEndpoint looks at what a private endpoint leads to. The connections that come of it are made by azure.Complete.
func checkEndpoint(w *write) error {
	wanted := map[string]bool{}
	for _, service := range services(w.body) {
		id, err := azure.ParseResourceID(textAt(service, "properties.privateLinkServiceId"))
		if err != nil {
			return errLinkMissing.about("privateLinkServiceId", textAt(service, "properties.privateLinkServiceId"), "privateLinkServiceId")
		}
		wanted[id.Key()] = true
		if err := w.checkService(id, service); err != nil {
			return err
		}
	}
	w.dropConnections(wanted)
	return nil
}

// services are the entries of both lists of a private endpoint.
func services(body map[string]any) []map[string]any {
	var all []map[string]any
	for _, path := range endpointLists {
		all = append(all, objectsAt(body, path)...)
	}
	return all
}

// checkService checks an entry that leads to a registry: it must exist, and its only group is "registry".
func (w *write) checkService(id azure.ResourceID, service map[string]any) error {
	if !id.Is(azure.TypeRegistry) {
		return nil
	}
	if _, found := w.state.Get(id.Key()); !found {
		return errLinkMissing.about("privateLinkServiceId", id, "privateLinkServiceId")
	}
	groups, _ := lookUp(service, "properties.groupIds")
	names, _ := groups.([]any)
	if slices.ContainsFunc(names, func(name any) bool { return name != "registry" }) {
		return errGroupID.about("groupIds", id)
	}
	return nil
}

// dropConnections ends the endpoint's connections to registries that it no longer leads to; those that an endpoint of
// the same name left behind make way for new ones.
func (w *write) dropConnections(wanted map[string]bool) {
	for _, d := range w.state.OfType(azure.TypePrivateEndpointConnection) {
		view, err := azure.ReadPrivateEndpointConnection(*d)
		if err != nil || view.Endpoint.Key() != w.id.Key() {
			continue
		}
		if w.old == nil || !wanted[view.Registry.Key()] {
			w.change.Delete = append(w.change.Delete, d.ID.Key())
		}
	}
}

// showEndpoint tells for each registry what its owner says of the connection, and the entity tag.
func showEndpoint(c *call, id azure.ResourceID, body map[string]any) {
	for _, service := range services(body) {
		registry, err := azure.ParseResourceID(textAt(service, "properties.privateLinkServiceId"))
		if err != nil || !registry.Is(azure.TypeRegistry) {
			continue
		}
		setAt(service, "properties.provisioningState", "Succeeded")
		setAt(service, "properties.privateLinkServiceConnectionState", c.connectionState(registry, id))
	}
	showTag(c, id, body)
}

// connectionState is what a registry says of an endpoint: a connection that its owner removed is disconnected.
func (c *call) connectionState(registry, endpoint azure.ResourceID) any {
	for _, d := range c.state.Children(registry.Key(), azure.TypePrivateEndpointConnection) {
		view, err := azure.ReadPrivateEndpointConnection(*d)
		if err == nil && view.Endpoint.Key() == endpoint.Key() {
			state, _ := lookUp(d.Clone().Body, "properties.privateLinkServiceConnectionState")
			return state
		}
	}
	return map[string]any{"status": azure.StatusDisconnected, "description": "", "actionsRequired": "None"}
}
