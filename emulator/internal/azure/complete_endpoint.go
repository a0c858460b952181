package azure

import (
	"net/netip"
	"slices"
	"strings"
)

// privateEndpoint makes the registry's side of a private endpoint, and gives the endpoint addresses of its subnet
// (acr-behaviour §7). A registry that the endpoint led to, and does not any more, loses its connection.
func (w *completion) privateEndpoint(d *Document) error {
	setDefault(properties(d), "resourceGuid", DerivedID(d.ID.Key()))
	f := fieldsOf(*d)
	p := f.in("properties")
	leadsTo := map[string]bool{}
	for _, member := range []string{"privateLinkServiceConnections", "manualPrivateLinkServiceConnections"} {
		for _, link := range p.list(member) {
			leadsTo[link.in("properties").idOf("privateLinkServiceId").Key()] = true
			w.connect(d, link.in("properties"), member[0] == 'm')
		}
	}
	w.disconnect(d.ID, leadsTo)
	if f.err() != nil {
		return f.err()
	}
	return w.endpointInterface(d)
}

// connect makes the connection of an endpoint to one registry, unless there is one. What is not a registry, or does not
// exist, is left to Validate.
func (w *completion) connect(d *Document, link fields, manual bool) {
	target := link.idOf("privateLinkServiceId")
	_, ok := w.get(target.Key())
	if !ok || !target.Is(TypeRegistry) {
		return
	}
	connection := w.connectionOf(target, d.ID)
	if connection == nil {
		name := d.ID.Name() + "." + strings.ReplaceAll(DerivedID(d.ID.Key()+target.Key()), "-", "")
		status := w.firstStatus(link, target, manual)
		connection = &Document{ID: joinID([]string{target.written[1:], "privateEndpointConnections", name})}
		connection.Body = connectionBody(d.ID, status)
		w.put(*connection)
	}
	if view, err := ReadPrivateEndpointConnection(*connection); err == nil && link.object != nil {
		link.object["privateLinkServiceConnectionState"] = connectionState(view.Status)
	}
}

func connectionBody(endpoint ResourceID, status string) map[string]any {
	return map[string]any{"properties": map[string]any{
		"privateEndpoint":                   map[string]any{"id": endpoint.String()},
		"privateLinkServiceConnectionState": connectionState(status),
		"provisioningState":                 "Succeeded",
	}}
}

func connectionState(status string) map[string]any {
	return map[string]any{"status": status, "description": "", "actionsRequired": "None"}
}

func (w *completion) firstStatus(link fields, registry ResourceID, manual bool) string {
	given := link.in("privateLinkServiceConnectionState").choice("status", "",
		StatusPending, StatusApproved, StatusRejected, StatusDisconnected)
	switch {
	case w.by.Operator && given != "":
		return given
	case !manual && (w.by.Operator || w.by.MayApprove != nil && w.by.MayApprove(registry)):
		return StatusApproved
	}
	return StatusPending
}

// connectionOf finds the registry's side of an endpoint. One that is disconnected belonged to an endpoint that is gone,
// unless an operator says that this is how things are.
func (w *completion) connectionOf(registry, endpoint ResourceID) *Document {
	for _, d := range w.ofType(registry.Key(), TypePrivateEndpointConnection) {
		if c, err := ReadPrivateEndpointConnection(*d); err == nil && c.Endpoint.Key() == endpoint.Key() && (w.by.Operator || c.Status != StatusDisconnected) {
			return d
		}
	}
	return nil
}

// endpointConnection switches the registry's dedicated data endpoints on, as its first private endpoint does: once it is
// approved, since whoever may not do that has no say in what the registry is.
func (w *completion) endpointConnection(d *Document) error {
	id, _ := d.ID.Parent()
	registry, found := w.get(id.Key())
	if !found || !approved(nil, d) || fieldsOf(*registry).in("properties").flag("dataEndpointEnabled", false) {
		return nil
	}
	changed := registry.Clone()
	properties(&changed)["dataEndpointEnabled"] = true
	w.put(changed)
	return nil
}

// disconnect removes the registries' sides of an endpoint that does not lead to them any more.
func (w *completion) disconnect(endpoint ResourceID, leadsTo map[string]bool) {
	for _, d := range w.old.OfType(TypePrivateEndpointConnection) {
		c, err := ReadPrivateEndpointConnection(*d)
		if err != nil || c.Endpoint.Key() != endpoint.Key() || leadsTo[c.Registry.Key()] || w.puts[d.ID.Key()] != nil {
			continue
		}
		w.deletes[d.ID.Key()] = true
	}
}

// endpointGone removes what Azure made with an endpoint: its network interfaces, and the registries' sides of it.
func (w *completion) endpointGone(d *Document) {
	w.disconnect(d.ID, nil)
	view, _ := ReadPrivateEndpoint(*d)
	for _, id := range view.Interfaces {
		nic, found := w.get(id.Key())
		if !found {
			continue
		}
		if n, _ := ReadNetworkInterface(*nic); n.PrivateEndpoint.Key() == d.ID.Key() {
			w.delete(id.Key())
		}
	}
}

// EndpointAddresses returns the private addresses that a private endpoint or a network interface has, each once, in order:
// those that its own document shows, and those of the network interfaces that it names. get finds documents by key. A
// connection to one of them came through the endpoint. What cannot be read, which Validate refuses, is left out.
func EndpointAddresses(get func(key string) (*Document, bool), d Document) []netip.Addr {
	if d.Is(TypeNetworkInterface) {
		n, _ := ReadNetworkInterface(d)
		return n.privateAddresses()
	}
	e, _ := ReadPrivateEndpoint(d)
	addresses := e.Addresses
	for _, id := range e.Interfaces {
		if nic, ok := get(id.Key()); ok {
			n, _ := ReadNetworkInterface(*nic)
			addresses = append(addresses, n.privateAddresses()...)
		}
	}
	slices.SortFunc(addresses, netip.Addr.Compare)
	return slices.Compact(addresses)
}

func (n NetworkInterface) privateAddresses() []netip.Addr {
	var addresses []netip.Addr
	for _, a := range n.Addresses {
		addresses = appendValid(addresses, a.Private)
	}
	return addresses
}
