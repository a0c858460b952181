package azure

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// firstHost is the first address of a subnet that Azure gives away; it keeps the ones before, and the last.
const firstHost = 4

// addressBook is who has which private address. It is made once for a change, when somebody first asks.
type addressBook struct {
	// holders are keys of documents, by key of the virtual network and by address.
	holders map[string]map[netip.Addr]string
	// next is where the search for a free address goes on, by key of the subnet and range.
	next map[string]netip.Addr
}

// holding is one address of a subnet that a document has.
type holding struct {
	holder  string
	subnet  ResourceID
	address netip.Addr
}

// holdings tell, by folded type, which addresses the document has. What has an address that no document shows has none
// here either.
var holdings = map[string]func(Document) []holding{
	Fold(TypeNetworkInterface): interfaceHoldings,
	Fold(TypePrivateEndpoint):  endpointHoldings,
	Fold(TypeContainerGroup):   groupHoldings,
}

// holders are the folded types of those, in the order in which they are asked.
var holders = slices.Sorted(maps.Keys(holdings))

// interfaceHoldings are held by the private endpoint that the interface belongs to, if it belongs to one. Networks may have
// very many interfaces, so that they are read without the views' care for errors.
func interfaceHoldings(d Document) (held []holding) {
	p, _ := d.Body["properties"].(map[string]any)
	holder := idIn(p, "privateEndpoint")
	if holder.IsZero() {
		holder = d.ID
	}
	configurations, _ := p["ipConfigurations"].([]any)
	for _, item := range configurations {
		configuration, _ := item.(map[string]any)
		c, _ := configuration["properties"].(map[string]any)
		text, _ := c["privateIPAddress"].(string)
		if address, err := netip.ParseAddr(text); err == nil {
			held = append(held, holding{holder: holder.Key(), subnet: idIn(c, "subnet"), address: address.Unmap()})
		}
	}
	return held
}

// idIn returns the ID in a member {"id": …} of a document that is known to be well-formed.
func idIn(object map[string]any, member string) ResourceID {
	of, _ := object[member].(map[string]any)
	text, _ := of["id"].(string)
	id, _ := ParseResourceID(text)
	return id
}

func (n NetworkInterface) holder() string {
	if !n.PrivateEndpoint.IsZero() {
		return n.PrivateEndpoint.Key()
	}
	return n.ID.Key()
}

func endpointHoldings(d Document) (held []holding) {
	e, _ := ReadPrivateEndpoint(d)
	for _, address := range e.Addresses {
		held = append(held, holding{holder: d.ID.Key(), subnet: e.Subnet, address: address})
	}
	return held
}

func groupHoldings(d Document) []holding {
	a := attachContainerGroup(nil, d)
	return []holding{{holder: d.ID.Key(), subnet: a.subnet, address: a.private}}
}

// book returns the address book of the change. Who had an address before the change, and is not part of it, comes first.
func (w *completion) book() *addressBook {
	if w.addresses != nil {
		return w.addresses
	}
	w.addresses = &addressBook{holders: map[string]map[netip.Addr]string{}, next: map[string]netip.Addr{}}
	for _, kind := range holders {
		for _, d := range w.old.OfType(kind) {
			if w.puts[d.ID.Key()] == nil && !w.deletes[d.ID.Key()] {
				w.addresses.noteAll(*d)
			}
		}
	}
	for _, key := range w.order {
		w.addresses.noteAll(*w.puts[key])
	}
	return w.addresses
}

// noteAll writes down what a document has.
func (b *addressBook) noteAll(d Document) {
	if held := holdings[Fold(d.Type())]; held != nil {
		for _, h := range held(d) {
			b.note(h)
		}
	}
}

// note writes an address down, and returns who has it: the first who said so.
func (b *addressBook) note(h holding) string {
	if h.subnet.IsZero() || !h.address.IsValid() {
		return h.holder
	}
	network, _ := h.subnet.Parent()
	addresses := b.holders[network.Key()]
	if addresses == nil {
		addresses = map[netip.Addr]string{}
		b.holders[network.Key()] = addresses
	}
	if addresses[h.address] == "" {
		addresses[h.address] = h.holder
	}
	return addresses[h.address]
}

// taken reports whether somebody has an address.
func (b *addressBook) taken(subnet ResourceID, address netip.Addr) bool {
	network, _ := subnet.Parent()
	_, taken := b.holders[network.Key()][address]
	return taken
}

// prefixesOf returns the ranges of a subnet as it will be.
func (w *completion) prefixesOf(subnet ResourceID) []netip.Prefix {
	d, ok := w.get(subnet.Key())
	if !ok {
		return nil
	}
	view, _ := ReadSubnet(*d)
	return view.Prefixes
}

// free finds an address that nobody has, and gives it to the holder; the zero Addr if there is none.
func (w *completion) free(subnet ResourceID, holder string, v6 bool) netip.Addr {
	book := w.book()
	for _, p := range w.prefixesOf(subnet) {
		if p.Addr().Is6() != v6 {
			continue
		}
		cursor := subnet.Key() + " " + p.String()
		at := book.next[cursor]
		if !at.IsValid() {
			at = firstAddress(p)
		}
		for ; p.Contains(at) && p.Contains(at.Next()); at = at.Next() {
			if book.taken(subnet, at) {
				continue
			}
			book.note(holding{holder, subnet, at})
			book.next[cursor] = at.Next()
			return at
		}
	}
	return netip.Addr{}
}

// firstAddress is the first address of a range that is not Azure's own.
func firstAddress(p netip.Prefix) netip.Addr {
	at := p.Masked().Addr()
	for range firstHost {
		at = at.Next()
	}
	return at
}

// isReserved reports whether an address of a range is Azure's own: the first four, and the last.
func isReserved(p netip.Prefix, addr netip.Addr) bool {
	return addr.Less(firstAddress(p)) || addr.Is4() && !p.Contains(addr.Next())
}

// claim refuses an address that the holder cannot have: another's, one outside its subnet, or one of Azure's own. An operator
// may describe a network that has addresses of another sort, such as those of a real one that the emulator stands in.
func (w *completion) claim(h holding) error {
	if other := w.book().note(h); other != h.holder {
		return &Error{
			Code:    "PrivateIPAddressIsAllocated",
			Message: fmt.Sprintf("the private IP address %s is already allocated to the resource %s", h.address, other),
		}
	}
	prefixes := w.prefixesOf(h.subnet)
	if w.by.Operator || len(prefixes) == 0 {
		return nil
	}
	at := slices.IndexFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(h.address) })
	switch {
	case at < 0:
		return &Error{
			Code:    "PrivateIPAddressNotInSubnet",
			Message: fmt.Sprintf("the private static IP address %s does not belong to the range of the subnet, %s", h.address, written(prefixes)),
		}
	case isReserved(prefixes[at], h.address):
		return &Error{
			Code:    "PrivateIPAddressInReservedRange",
			Message: fmt.Sprintf("the private static IP address %s falls within the reserved IP range of the subnet prefix %s", h.address, prefixes[at]),
		}
	}
	return nil
}

// full is the refusal of a subnet that has not enough addresses left.
func (w *completion) full(subnet ResourceID, wanted int) *Error {
	return &Error{
		Code: "SubnetIsFull",
		Message: fmt.Sprintf("Subnet %s with address prefix %s does not have enough capacity for %d IP addresses.",
			subnet.Name(), written(w.prefixesOf(subnet)), wanted),
	}
}

func written(prefixes []netip.Prefix) string {
	texts := make([]string, len(prefixes))
	for i, p := range prefixes {
		texts[i] = p.String()
	}
	return strings.Join(texts, ", ")
}

// of says which member of which document an error is about.
func (e *Error) of(id ResourceID, target string) *Error {
	e.ID, e.Target = id, target
	return e
}
