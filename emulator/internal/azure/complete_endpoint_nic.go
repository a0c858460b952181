package azure

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// linkMember is one address of a registry behind a private endpoint (acr-behaviour §7).
type linkMember struct {
	registry ResourceID
	name     string // requiredMemberName: registry, registry_data_REGION
	fqdn     string
	address  netip.Addr // the zero Addr is not chosen yet
}

// linkMembers are the addresses that an endpoint needs: for the login server, and for the data of each region that the registry
// is in.
func (w *completion) linkMembers(registry *Document) []linkMember {
	members := []linkMember{{registry: registry.ID, name: groupRegistry, fqdn: LoginServer(registry.ID.Name())}}
	for _, region := range w.regions(registry) {
		fqdn := DataEndpoint(registry.ID.Name(), region)
		members = append(members, linkMember{registry: registry.ID, name: "registry_data_" + region, fqdn: fqdn})
	}
	return members
}

// groupRegistry is the only group of a registry's private link, and the member that is its login server.
const groupRegistry = "registry"

// endpointInterface gives an endpoint the addresses that it needs, on a network interface of its own.
func (w *completion) endpointInterface(d *Document) error {
	view, err := ReadPrivateEndpoint(*d)
	if err != nil || view.Subnet.IsZero() {
		return err
	}
	nic, err := w.interfaceOf(d, view)
	if err != nil {
		return err
	}
	members, err := w.membersOf(d, view, nic)
	if err != nil || len(members) == 0 {
		return err
	}
	p := properties(&nic)
	p["privateEndpoint"] = map[string]any{"id": d.ID.String()}
	p["ipConfigurations"] = w.memberConfigurations(nic, view.Subnet, members)
	w.put(nic)
	own := properties(d)
	own["networkInterfaces"] = []any{map[string]any{"id": nic.ID.String()}}
	own["customDnsConfigs"] = customDNS(members)
	for _, group := range w.ofType(d.ID.Key(), TypeDNSZoneGroup) {
		w.put(group.Clone())
	}
	return nil
}

// membersOf are the addresses of an endpoint: those that an operator says it has, or those that its registries need. None if
// the subnet has not enough for an endpoint that an operator describes.
func (w *completion) membersOf(d *Document, view PrivateEndpoint, nic Document) ([]linkMember, error) {
	given := fieldsOf(*d).in("properties").list("customDnsConfigs")
	needed := w.neededMembers(view)
	if w.by.Operator && len(given) > 0 {
		return saidMembers(given, needed), nil
	}
	if w.by.Operator && len(needed) > 0 && len(EndpointAddresses(w.get, *d)) > 0 && len(view.Static) == 0 {
		return nil, nil // its network interface says which
	}
	keepAddresses(needed, view, nic)
	for i := range needed {
		h := holding{holder: d.ID.Key(), subnet: view.Subnet, address: needed[i].address}
		address, err := w.addressFor(h, false)
		if err != nil {
			return nil, about(err, d.ID, "properties.subnet.id")
		}
		if !address.IsValid() {
			return nil, nil
		}
		needed[i].address = address
	}
	return needed, checkStatic(d.ID, view, needed)
}

// checkStatic refuses an address for what the registries have not.
func checkStatic(id ResourceID, view PrivateEndpoint, needed []linkMember) error {
	for _, name := range slices.Sorted(maps.Keys(view.Static)) {
		if !slices.ContainsFunc(needed, func(m linkMember) bool { return Fold(m.name) == name }) {
			return &Error{
				Code: "PrivateEndpointIpConfigurationMemberNameInvalid", ID: id, Target: "properties.ipConfigurations",
				Message: fmt.Sprintf("%q is no member that the private endpoint leads to: there are %s", name, memberNames(needed)),
			}
		}
	}
	return nil
}

func memberNames(members []linkMember) string {
	var names []string
	for _, m := range members {
		names = append(names, m.name)
	}
	return strings.Join(names, ", ")
}

// keepAddresses chooses for each member the address that the endpoint's author chose, or that the member has already, or that
// another had which the endpoint does not need any more.
func keepAddresses(needed []linkMember, view PrivateEndpoint, nic Document) {
	had := formerMembers(nic, view.Subnet)
	for i := range needed {
		m := &needed[i]
		m.address = had[Fold(m.fqdn)]
		if static := view.Static[Fold(m.name)]; static.IsValid() {
			m.address = static
		}
		delete(had, Fold(m.fqdn))
	}
	spare := slices.SortedFunc(maps.Values(had), netip.Addr.Compare)
	for i := range needed {
		if !needed[i].address.IsValid() && len(spare) > 0 {
			needed[i].address, spare = spare[0], spare[1:]
		}
	}
}

func (w *completion) neededMembers(view PrivateEndpoint) (needed []linkMember) {
	for _, id := range view.Registries {
		if registry, ok := w.get(id.Key()); ok && registry.Is(TypeRegistry) {
			needed = append(needed, w.linkMembers(registry)...)
		}
	}
	return needed
}

// saidMembers are the members with the addresses that a document shows by name.
func saidMembers(given []fields, needed []linkMember) (said []linkMember) {
	for _, item := range given {
		m := linkMember{name: groupRegistry, fqdn: item.text("fqdn")}
		for _, n := range needed {
			if Fold(n.fqdn) == Fold(m.fqdn) {
				m = n
			}
		}
		for _, address := range item.addresses("ipAddresses") {
			m.address = address
			said = append(said, m)
		}
	}
	return said
}

// formerMembers are the addresses that an endpoint's network interface has so far in the subnet, by folded name.
func formerMembers(nic Document, subnet ResourceID) map[string]netip.Addr {
	had := map[string]netip.Addr{}
	for _, item := range fieldsOf(nic).in("properties").list("ipConfigurations") {
		c := item.in("properties")
		address := c.address("privateIPAddress")
		if c.in("subnet").idOf("id").Key() != subnet.Key() || !address.IsValid() {
			continue
		}
		for _, fqdn := range c.in("privateLinkConnectionProperties").texts("fqdns") {
			had[Fold(fqdn)] = address
		}
	}
	return had
}

// interfaceOf is the network interface of an endpoint, which is made if there is none. It cannot be what is there already and
// belongs to nobody, or to another.
func (w *completion) interfaceOf(d *Document, view PrivateEndpoint) (Document, error) {
	id, err := interfaceID(d)
	if err != nil {
		return Document{}, (&Error{Code: CodeInvalidName, Message: err.Error()}).of(d.ID, "properties.customNetworkInterfaceName")
	}
	if len(view.Interfaces) > 0 {
		id = view.Interfaces[0]
	}
	there, found := w.get(id.Key())
	if !found {
		return Document{ID: id, Body: map[string]any{"location": d.Body["location"]}}, nil
	}
	if n, _ := ReadNetworkInterface(*there); !w.by.Operator && n.PrivateEndpoint.Key() != d.ID.Key() {
		return *there, &Error{
			Code: CodeConflict, ID: d.ID, Target: "properties.customNetworkInterfaceName",
			Message: fmt.Sprintf("the network interface %s exists already, and is not that of this private endpoint", id),
		}
	}
	return there.Clone(), nil
}

func interfaceID(d *Document) (ResourceID, error) {
	name, _ := properties(d)["customNetworkInterfaceName"].(string)
	if name == "" {
		name = d.ID.Name() + ".nic." + DerivedID(d.ID.Key()+"/nic")
	}
	group, _ := d.ID.Parent()
	if strings.Contains(name, "/") {
		return group, fmt.Errorf("%.80q is no name of a network interface", name)
	}
	return group.Extension(TypeNetworkInterface, name)
}

// memberConfigurations are the IP configurations of an endpoint's network interface. Those that it has keep their names.
func (w *completion) memberConfigurations(nic Document, subnet ResourceID, members []linkMember) []any {
	names := map[string]string{}
	for _, item := range fieldsOf(nic).in("properties").list("ipConfigurations") {
		for _, fqdn := range item.in("properties", "privateLinkConnectionProperties").texts("fqdns") {
			names[Fold(fqdn)] = item.text("name")
		}
	}
	var configurations []any
	for i, m := range members {
		name := names[Fold(m.fqdn)]
		if name == "" {
			name = "privateEndpointIpConfig." + DerivedID(nic.ID.Key()+m.fqdn+m.address.String())
		}
		configurations = append(configurations, map[string]any{"name": name, "properties": map[string]any{
			"privateIPAddress": m.address.String(), "subnet": map[string]any{"id": subnet.String()}, "primary": i == 0,
			"privateLinkConnectionProperties": map[string]any{
				"groupId": groupRegistry, "requiredMemberName": m.name, "fqdns": []any{m.fqdn},
			},
		}})
	}
	return configurations
}

func customDNS(members []linkMember) []any {
	var configs []any
	for _, m := range members {
		configs = append(configs, map[string]any{"fqdn": m.fqdn, "ipAddresses": []any{m.address.String()}})
	}
	return configs
}

// replication gives the endpoints of a replication's registry an address more, for the data of its region (acr-behaviour §7).
func (w *completion) replication(d *Document) error {
	registry, _ := d.ID.Parent()
	w.renewEndpoints(registry)
	return w.registryChild(d)
}

// replicationGone takes the address away again.
func (w *completion) replicationGone(d *Document) {
	if registry, _ := d.ID.Parent(); !w.deletes[registry.Key()] {
		w.renewEndpoints(registry)
	}
}

// renewEndpoints completes the endpoints of a registry again.
func (w *completion) renewEndpoints(registry ResourceID) {
	for _, d := range w.ofType(registry.Key(), TypePrivateEndpointConnection) {
		c, err := ReadPrivateEndpointConnection(*d)
		if endpoint, ok := w.get(c.Endpoint.Key()); err == nil && ok {
			w.put(endpoint.Clone())
		}
	}
}
