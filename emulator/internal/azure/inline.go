package azure

import (
	"cmp"
	"slices"
)

// listedChildren are, by folded type, the members in which a document shows the documents below it.
var listedChildren = map[string]map[string]string{
	Fold(TypeVirtualNetwork): inlineChildren,
	Fold(TypeRegistry):       {"privateEndpointConnections": TypePrivateEndpointConnection},
}

// Listed reports whether a document is in a list of the one above it, so that who shows that one has shown both.
func Listed(id ResourceID) bool {
	above, _ := id.Parent()
	for _, kind := range listedChildren[Fold(above.Type())] {
		if id.Is(kind) {
			return true
		}
	}
	return false
}

// Inline returns a document as ARM shows it, with the children that it lists: the subnets and peerings of a virtual network,
// the private endpoint connections of a registry; and with what refers to it, as a subnet shows who is in it. Other
// documents are returned as they are.
func Inline(s *State, d *Document) Document {
	lists, back := listedChildren[Fold(d.Type())], backReferences[Fold(d.Type())]
	if lists == nil && back == nil {
		return *d
	}
	shown := d.Clone()
	for name, kind := range lists {
		children := []any{}
		for _, child := range s.Children(d.ID.Key(), kind) {
			children = append(children, Inline(s, child).Clone().Body)
		}
		properties(&shown)[name] = children
	}
	for _, row := range back {
		row.show(s, &shown)
	}
	return shown
}

// backReference is a member in which Azure shows what refers to a document.
type backReference struct {
	member string
	only   bool // the member is one object, and no list
	from   string
	find   func(Document) []mention
}

// mention is one place where a document refers to another.
type mention struct {
	of ResourceID // what is referred to
	by string     // the ID that the other shows: the document's, or that of a part of it
}

// backReferences are the rows of each type that has them, by folded type.
var backReferences = map[string][]backReference{
	Fold(TypeSubnet): {
		{member: "ipConfigurations", from: TypeNetworkInterface, find: configurationsBy(subnetOf)},
		{member: "privateEndpoints", from: TypePrivateEndpoint, find: mentions("subnet")},
	},
	Fold(TypePublicIPAddress): {
		{member: "ipConfiguration", only: true, from: TypeNetworkInterface, find: configurationsBy(publicOf)},
		{member: "natGateway", only: true, from: TypeNATGateway, find: listMentions("publicIpAddresses")},
	},
	Fold(TypePublicIPPrefix): {
		{member: "publicIPAddresses", from: TypePublicIPAddress, find: mentions("publicIPPrefix")},
		{member: "natGateway", only: true, from: TypeNATGateway, find: listMentions("publicIpPrefixes")},
	},
	Fold(TypeNATGateway):    {{member: "subnets", from: TypeSubnet, find: mentions("natGateway")}},
	Fold(TypeRouteTable):    {{member: "subnets", from: TypeSubnet, find: mentions("routeTable")}},
	Fold(TypeSecurityGroup): {{member: "subnets", from: TypeSubnet, find: mentions("networkSecurityGroup")}, {member: "networkInterfaces", from: TypeNetworkInterface, find: mentions("networkSecurityGroup")}},
	Fold(TypeNetworkInterface): {
		{member: "virtualMachine", only: true, from: TypeVirtualMachine, find: machineMentions},
	},
}

func subnetOf(a InterfaceAddress) ResourceID { return a.Subnet }

func publicOf(a InterfaceAddress) ResourceID { return a.Public }

func configurationsBy(which func(InterfaceAddress) ResourceID) func(Document) []mention {
	return func(d Document) (found []mention) {
		n, _ := ReadNetworkInterface(d)
		for _, a := range n.Addresses {
			found = append(found, mention{of: which(a), by: d.ID.String() + "/ipConfigurations/" + a.Name})
		}
		return found
	}
}

// mentions finds the reference {"id": …} in one member.
func mentions(member string) func(Document) []mention {
	return func(d Document) []mention {
		return []mention{{of: fieldsOf(d).in("properties", member).idOf("id"), by: d.ID.String()}}
	}
}

func listMentions(list string) func(Document) []mention {
	return func(d Document) []mention { return itemMentions(fieldsOf(d).in("properties").list(list), d) }
}

func machineMentions(d Document) []mention {
	return itemMentions(fieldsOf(d).in("properties", "networkProfile").list("networkInterfaces"), d)
}

func itemMentions(items []fields, d Document) (found []mention) {
	for _, item := range items {
		found = append(found, mention{of: item.idOf("id"), by: d.ID.String()})
	}
	return found
}

// show sets the member to what the state has, and keeps what the document says of things that the state does not have.
func (row backReference) show(s *State, d *Document) {
	p := properties(d)
	shown := []any{}
	listed := map[string]bool{}
	for _, by := range s.mentioned(row)[d.ID.Key()] {
		shown, listed[Fold(by)] = append(shown, map[string]any{"id": by}), true
	}
	for _, item := range fieldsOf(*d).in("properties").kept(row.member) {
		if id, _ := item["id"].(string); !listed[Fold(id)] && !row.within(s, id) {
			shown = append(shown, item)
		}
	}
	switch {
	case len(shown) == 0:
		delete(p, row.member)
	case row.only:
		p[row.member] = shown[0]
	default:
		p[row.member] = shown
	}
}

// kept reads a member that is an object, or a list of such.
func (f fields) kept(name string) []map[string]any {
	if one, ok := f.object[name].(map[string]any); ok {
		return []map[string]any{one}
	}
	items, _ := f.object[name].([]any)
	var objects []map[string]any
	for _, item := range items {
		if object, ok := item.(map[string]any); ok {
			objects = append(objects, object)
		}
	}
	return objects
}

// within reports whether an ID is that of a document of the row's type which the state has, or that of a part of one: then
// the document itself says whether it refers to the other.
func (row backReference) within(s *State, text string) bool {
	id, err := ParseResourceID(text)
	for found := err == nil; found; id, found = id.Parent() {
		if _, ok := s.Get(id.Key()); ok {
			return id.Is(row.from)
		}
	}
	return false
}

// mentioned returns the IDs that a row shows, by key of what is referred to. It is found out once for a state.
func (s *State) mentioned(row backReference) map[string][]string {
	index := row.from + " " + row.member
	if known, ok := s.mentions.Load(index); ok {
		return known.(map[string][]string)
	}
	found := map[string][]string{}
	for _, d := range s.OfType(row.from) {
		for _, m := range row.find(*d) {
			if !m.of.IsZero() {
				found[m.of.Key()] = append(found[m.of.Key()], m.by)
			}
		}
	}
	for _, ids := range found {
		slices.SortFunc(ids, func(a, b string) int { return cmp.Compare(Fold(a), Fold(b)) })
	}
	s.mentions.Store(index, found)
	return found
}
