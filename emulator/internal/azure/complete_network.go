package azure

import (
	"net/netip"
	"slices"
	"strings"
)

// inlineChildren are the members in which a virtual network's document lists children.
var inlineChildren = map[string]string{"subnets": TypeSubnet, "virtualNetworkPeerings": TypePeering}

// virtualNetwork makes documents of the subnets and peerings that a virtual network lists. A list replaces the children that
// there are; no list leaves them (az-cli §8). See Inline for the way back.
func (w *completion) virtualNetwork(d *Document) error {
	p := properties(d)
	for name, kind := range inlineChildren {
		if p[name] == nil {
			continue
		}
		f := fieldsOf(*d)
		if err := w.replaceChildren(d.ID, kind, f.in("properties").list(name)); err != nil {
			return err
		}
		if f.err() != nil {
			return f.err()
		}
		delete(p, name)
	}
	return nil
}

func (w *completion) replaceChildren(parent ResourceID, kind string, items []fields) error {
	for _, d := range w.old.Children(parent.Key(), kind) {
		if w.puts[d.ID.Key()] == nil {
			w.deletes[d.ID.Key()] = true
		}
	}
	collection := kind[strings.LastIndexByte(kind, '/')+1:]
	for _, item := range items {
		id, err := parent.Child(collection, item.text("name"))
		if err != nil {
			item.fail(CodeInvalidName, "name", "%v", err)
			continue
		}
		if w.puts[id.Key()] == nil {
			w.put(Document{ID: id, Body: cloneObject(item.object)})
		}
		delete(w.deletes, id.Key())
	}
	return nil
}

// Inline returns a document as ARM shows it, with the children that it lists: the subnets and peerings of a virtual network,
// the private endpoint connections of a registry. Other documents are returned as they are.
func Inline(s *State, d *Document) Document {
	var lists map[string]string
	switch Fold(d.Type()) {
	case Fold(TypeVirtualNetwork):
		lists = inlineChildren
	case Fold(TypeRegistry):
		lists = map[string]string{"privateEndpointConnections": TypePrivateEndpointConnection}
	default:
		return *d
	}
	shown := d.Clone()
	for name, kind := range lists {
		children := []any{}
		for _, child := range s.Children(d.ID.Key(), kind) {
			children = append(children, cloneObject(child.Body))
		}
		properties(&shown)[name] = children
	}
	return shown
}

// privateEndpoint makes the registry's side of a private endpoint, and gives the endpoint addresses of its subnet
// (acr-behaviour §7). A registry that the endpoint led to, and does not any more, keeps a disconnected connection.
func (w *completion) privateEndpoint(d *Document) error {
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
	return f.err()
}

// connect makes the connection of an endpoint to one registry, unless there is one. What is not a registry, or does not
// exist, is left to Validate.
func (w *completion) connect(d *Document, link fields, manual bool) {
	target := link.idOf("privateLinkServiceId")
	registry, ok := w.get(target.Key())
	if !ok || Fold(target.Type()) != Fold(TypeRegistry) {
		return
	}
	w.addresses(d, registry)
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
	w.dataEndpoint(registry)
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

// dataEndpoint switches the dedicated data endpoints on, as a registry's first private endpoint does.
func (w *completion) dataEndpoint(registry *Document) {
	if fieldsOf(*registry).in("properties").flag("dataEndpointEnabled", false) {
		return
	}
	changed := registry.Clone()
	properties(&changed)["dataEndpointEnabled"] = true
	w.put(changed)
}

// disconnect marks the registries' sides of an endpoint that does not lead to them any more, and leaves them for the
// registries' owners to remove.
func (w *completion) disconnect(endpoint ResourceID, leadsTo map[string]bool) {
	for _, d := range w.old.OfType(TypePrivateEndpointConnection) {
		c, err := ReadPrivateEndpointConnection(*d)
		if err != nil || c.Endpoint.Key() != endpoint.Key() || leadsTo[c.Registry.Key()] || w.deletes[d.ID.Key()] || w.puts[d.ID.Key()] != nil {
			continue
		}
		changed := d.Clone()
		properties(&changed)["privateLinkServiceConnectionState"] = connectionState(StatusDisconnected)
		w.put(changed)
	}
}

// firstHost is the first address of a subnet that Azure gives away; it keeps the ones before, and the last.
const firstHost = 4

// addresses gives an endpoint without addresses two: for the login server and for the data endpoint of its region.
func (w *completion) addresses(d, registry *Document) {
	p := properties(d)
	if len(EndpointAddresses(w.get, *d)) > 0 {
		return
	}
	subnet, ok := w.get(fieldsOf(*d).in("properties", "subnet").idOf("id").Key())
	if !ok {
		return
	}
	free := w.freeAddresses(*subnet, 2)
	if len(free) < 2 {
		return
	}
	location, _ := registry.Body["location"].(string)
	name := Fold(registry.ID.Name())
	p["customDnsConfigs"] = []any{
		map[string]any{"fqdn": LoginServer(name), "ipAddresses": []any{free[0].String()}},
		map[string]any{"fqdn": name + "." + location + ".data.azurecr.io", "ipAddresses": []any{free[1].String()}},
	}
}

// freeAddresses finds addresses of a subnet that no endpoint and no network interface has.
func (w *completion) freeAddresses(subnet Document, count int) []netip.Addr {
	used := map[netip.Addr]bool{}
	for _, kind := range []string{TypePrivateEndpoint, TypeNetworkInterface} {
		for _, d := range w.ofType("/", kind) {
			for _, address := range EndpointAddresses(w.get, *d) {
				used[address] = true
			}
		}
	}
	var free []netip.Addr
	for _, prefix := range readSubnet(fieldsOf(subnet), subnet.ID).Prefixes {
		at := prefix.Masked().Addr()
		for range firstHost {
			at = at.Next()
		}
		for ; len(free) < count && prefix.Contains(at) && prefix.Contains(at.Next()); at = at.Next() {
			if !used[at] {
				free = append(free, at)
			}
		}
	}
	return free
}

// EndpointAddresses returns the private addresses that a private endpoint or a network interface has, each once, in order:
// those that its own document shows, and those of the network interfaces that it names. get finds documents by key. A
// connection to one of them came through the endpoint. What cannot be read, which Validate refuses, is left out.
func EndpointAddresses(get func(key string) (*Document, bool), d Document) []netip.Addr {
	if Fold(d.Type()) == Fold(TypeNetworkInterface) {
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
