package azure

import (
	"errors"
	"fmt"
	"net/netip"
)

// networkInterface gives each IP configuration an address of its subnet, unless it has one.
func (w *completion) networkInterface(d *Document) error {
	p := properties(d)
	setDefaults(p, map[string]any{
		"enableAcceleratedNetworking": false, "enableIPForwarding": false, "nicType": "Standard", "primary": true,
		"resourceGuid": DerivedID(d.ID.Key()), "hostedWorkloads": []any{}, "tapConfigurations": []any{},
		"dnsSettings": map[string]any{"dnsServers": []any{}, "appliedDnsServers": []any{}},
	})
	f := fieldsOf(*d).in("properties")
	for i, item := range f.list("ipConfigurations") {
		if item.object == nil {
			continue // Validate says so
		}
		if err := w.interfaceAddress(d, item, i); err != nil {
			return err
		}
	}
	return f.err()
}

func (w *completion) interfaceAddress(d *Document, item fields, i int) error {
	setDefault(item.object, "name", fmt.Sprintf("ipconfig%d", i+1))
	item.object["id"] = d.ID.String() + "/ipConfigurations/" + item.text("name")
	item.object["type"] = TypeNetworkInterface + "/ipConfigurations"
	c := object(item.object, "properties")
	setDefaults(c, map[string]any{
		"primary": i == 0, "privateIPAddressVersion": "IPv4", "privateIPAllocationMethod": "Dynamic", "provisioningState": "Succeeded",
	})
	p := item.in("properties")
	subnet, given := p.in("subnet").idOf("id"), p.address("privateIPAddress")
	if err := w.attachPublic(p.in("publicIPAddress").idOf("id")); err != nil {
		return err
	}
	if subnet.IsZero() || item.err() != nil {
		return item.err()
	}
	view, err := ReadNetworkInterface(*d)
	if err != nil {
		return err
	}
	if p.text("privateIPAllocationMethod") == "Dynamic" && !w.by.Operator && view.PrivateEndpoint.IsZero() {
		given = w.formerAddress(d.ID, item.text("name"), subnet) // what a client says of it is not looked at
	}
	address, err := w.addressFor(holding{holder: view.holder(), subnet: subnet, address: given}, p.text("privateIPAddressVersion") == "IPv6")
	if address.IsValid() {
		c["privateIPAddress"] = address.String()
	}
	return about(err, d.ID, p.at("privateIPAddress"))
}

// about says where an error of the address book was found.
func about(err error, id ResourceID, target string) error {
	var e *Error
	if errors.As(err, &e) {
		return e.of(id, target)
	}
	return err
}

// addressFor claims the address that a holder has, or finds one for a holder that has none. A full subnet is an error to a
// client; what an operator describes has no address then.
func (w *completion) addressFor(h holding, v6 bool) (netip.Addr, error) {
	if h.address.IsValid() {
		return h.address, w.claim(h)
	}
	address := w.free(h.subnet, h.holder, v6)
	if !address.IsValid() && !w.by.Operator {
		return address, w.full(h.subnet, 1)
	}
	return address, nil
}

// formerAddress is the address that a configuration of a network interface had in the same subnet.
func (w *completion) formerAddress(id ResourceID, name string, subnet ResourceID) netip.Addr {
	d, ok := w.old.Get(id.Key())
	if !ok || w.deletes[id.Key()] {
		return netip.Addr{}
	}
	n, _ := ReadNetworkInterface(*d)
	for _, a := range n.Addresses {
		if Fold(a.Name) == Fold(name) && a.Subnet.Key() == subnet.Key() {
			return a.Private
		}
	}
	return netip.Addr{}
}

// setDefaults sets the members that are missing or null.
func setDefaults(object, defaults map[string]any) {
	for name, value := range defaults {
		setDefault(object, name, value)
	}
}
