package azure

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// inlineChildren are the members in which a virtual network's document lists children.
var inlineChildren = map[string]string{"subnets": TypeSubnet, "virtualNetworkPeerings": TypePeering}

// virtualNetwork makes documents of the subnets and peerings that a virtual network lists. A list replaces the children that
// there are; no list leaves them (az-cli §8). See Inline for the way back.
func (w *completion) virtualNetwork(d *Document) error {
	p := properties(d)
	setDefaults(p, map[string]any{"enableDdosProtection": false, "resourceGuid": DerivedID(d.ID.Key())})
	for _, name := range slices.Sorted(maps.Keys(inlineChildren)) {
		if p[name] == nil {
			continue
		}
		f := fieldsOf(*d)
		if err := w.replaceChildren(d.ID, inlineChildren[name], f.in("properties").list(name)); err != nil {
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
	collection := kind[strings.LastIndexByte(kind, '/')+1:]
	for _, item := range items {
		id, err := parent.Child(collection, item.text("name"))
		if err != nil {
			item.fail(CodeInvalidName, "name", "%v", err)
			continue
		}
		if w.puts[id.Key()] == nil {
			w.put(Document{ID: id, Body: w.withKept(id, cloneObject(item.object))})
		}
	}
	for _, d := range w.old.Children(parent.Key(), kind) {
		if w.puts[d.ID.Key()] == nil {
			w.delete(d.ID.Key())
		}
	}
	return nil
}

// keptMembers are what a client cannot say of the children in a list, as of those that it writes by themselves.
var keptMembers = map[string][]string{
	Fold(TypeSubnet):  {"ipConfigurations", "privateEndpoints", "resourceNavigationLinks", "serviceAssociationLinks"},
	Fold(TypePeering): {"peeringState", "peeringSyncLevel", "resourceGuid"},
}

// withKept brings the members of a child that only Azure writes to what they were, if a client writes it.
func (w *completion) withKept(id ResourceID, body map[string]any) map[string]any {
	given, _ := body["properties"].(map[string]any)
	if w.by.Operator || given == nil {
		return body
	}
	was := map[string]any{}
	if d, ok := w.old.Get(id.Key()); ok {
		before := d.Clone()
		was = properties(&before)
	}
	for _, name := range keptMembers[Fold(id.Type())] {
		delete(given, name)
		if was[name] != nil {
			given[name] = was[name]
		}
	}
	return body
}

// subnet sets what every subnet has.
func (w *completion) subnet(d *Document) error {
	p := properties(d)
	setDefaults(p, map[string]any{
		"privateEndpointNetworkPolicies": "Disabled", "privateLinkServiceNetworkPolicies": "Enabled", "delegations": []any{},
	})
	f := fieldsOf(*d).in("properties")
	for _, item := range f.list("serviceEndpoints") {
		setDefaults(item.object, map[string]any{"provisioningState": "Succeeded", "locations": []any{"*"}})
	}
	for _, item := range f.list("delegations") {
		id := d.ID.String() + "/delegations/" + item.text("name")
		setDefaults(item.object, map[string]any{"id": id, "type": TypeSubnet + "/delegations"})
		setDefault(object(item.object, "properties"), "provisioningState", "Succeeded")
	}
	if f.err() != nil {
		return f.err()
	}
	return w.keepAllocations(d)
}

// keepAllocations refuses a client's change of a subnet's range that leaves addresses in use outside.
func (w *completion) keepAllocations(d *Document) error {
	before, found := w.old.Get(d.ID.Key())
	if !found || w.by.Operator {
		return nil
	}
	was, _ := ReadSubnet(*before)
	is, err := ReadSubnet(*d)
	if err != nil || slices.Equal(was.Prefixes, is.Prefixes) {
		return err
	}
	for _, kind := range holders {
		for _, other := range w.ofType("/", kind) {
			for _, h := range holdings[kind](*other) {
				if h.subnet.Key() == d.ID.Key() && h.address.IsValid() && !contains(is.Prefixes, h.address) {
					return (&Error{
						Code:    "InUsePrefixCannotBeDeleted",
						Message: fmt.Sprintf("IpPrefix %s on Subnet %s has active allocations, such as that of %s, and cannot be deleted.", written(was.Prefixes), d.ID.Name(), other.ID),
					}).of(d.ID, "properties.addressPrefix")
				}
			}
		}
	}
	return nil
}

// peering finds out whether a peering is connected: it is when there is one back. An operator may say what it is.
func (w *completion) peering(d *Document) error {
	view, err := ReadPeering(*d)
	if err != nil {
		return err
	}
	p := properties(d)
	setDefaults(p, map[string]any{
		"allowVirtualNetworkAccess": true, "allowForwardedTraffic": false, "allowGatewayTransit": false,
		"useRemoteGateways": false, "peeringSyncLevel": "FullyInSync",
	})
	if w.by.Operator && p["peeringState"] != nil {
		return nil
	}
	back := w.peeringBack(d.ID, view.Remote)
	switch {
	case back == nil:
		p["peeringState"] = "Initiated"
		return nil
	case peeringState(back) == StatusDisconnected && !w.by.Operator:
		return &Error{
			Code: "RemotePeeringIsDisconnected", ID: d.ID, Target: "properties.peeringState",
			Message: fmt.Sprintf("Cannot create or update peering %s. It cannot be in the state Connected since the remote peering %s"+
				" is in the state Disconnected. Update or re-create the remote peering to get it back to Initiated state.", d.ID, back.ID),
		}
	}
	p["peeringState"] = "Connected"
	w.setPeeringState(back, "Connected")
	return nil
}

// peeringBack finds the peering of the remote network with the one that the peering is of.
func (w *completion) peeringBack(id, remote ResourceID) *Document {
	network, _ := id.Parent()
	if remote.IsZero() {
		return nil
	}
	for _, d := range w.ofType(remote.Key(), TypePeering) {
		if view, err := ReadPeering(*d); err == nil && view.Remote.Key() == network.Key() {
			return d
		}
	}
	return nil
}

func peeringState(d *Document) any {
	p, _ := d.Body["properties"].(map[string]any)
	return p["peeringState"]
}

func (w *completion) setPeeringState(d *Document, state string) {
	if peeringState(d) == state {
		return
	}
	changed := d.Clone()
	properties(&changed)["peeringState"] = state
	w.amend(changed)
}

// peeringGone disconnects the peering on the other side.
func (w *completion) peeringGone(d *Document) {
	view, _ := ReadPeering(*d)
	if back := w.peeringBack(d.ID, view.Remote); back != nil && w.puts[back.ID.Key()] == nil {
		w.setPeeringState(back, StatusDisconnected)
	}
}
