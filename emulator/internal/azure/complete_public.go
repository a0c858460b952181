package azure

import (
	"fmt"
	"net/netip"
)

// The addresses on the internet that public IP addresses get: for documentation (RFC 5737, RFC 3849), so that they are
// nobody's, and others than those that places without an address of their own have.
var (
	publicPool   = netip.MustParsePrefix("192.0.2.0/24")
	publicPoolV6 = netip.MustParsePrefix("2001:db8:acac::/120")
)

// publicBook is which addresses on the internet are taken.
type publicBook struct {
	addresses map[netip.Addr]bool
	prefixes  []netip.Prefix
}

func (w *completion) publicBook() *publicBook {
	if w.public != nil {
		return w.public
	}
	w.public = &publicBook{addresses: map[netip.Addr]bool{}}
	for _, d := range w.ofType("/", TypePublicIPAddress) {
		view, _ := ReadPublicIPAddress(*d)
		w.public.addresses[view.Address] = true
	}
	for _, d := range w.ofType("/", TypePublicIPPrefix) {
		if view, _ := ReadPublicIPPrefix(*d); view.Prefix.IsValid() {
			w.public.prefixes = append(w.public.prefixes, view.Prefix)
		}
	}
	return w.public
}

// publicIPAddress gives a static address its address. A dynamic one gets it when something is attached to it.
func (w *completion) publicIPAddress(d *Document) error {
	sku := object(d.Body, "sku")
	setDefaults(sku, map[string]any{"name": "Basic", "tier": "Regional"})
	method := "Dynamic"
	if sku["name"] != "Basic" {
		method = "Static"
	}
	p := properties(d)
	setDefaults(p, map[string]any{
		"publicIPAddressVersion": "IPv4", "publicIPAllocationMethod": method, "idleTimeoutInMinutes": 4.0,
		"ipTags": []any{}, "resourceGuid": DerivedID(d.ID.Key()),
	})
	if p["publicIPAllocationMethod"] != "Static" {
		return nil
	}
	return w.givePublic(d)
}

// givePublic gives a public IP address an address of its prefix, or of the pool, unless it has one.
func (w *completion) givePublic(d *Document) error {
	f := fieldsOf(*d).in("properties")
	if f.text("ipAddress") != "" {
		return nil
	}
	from, mayBeReserved := publicPool, false
	if f.text("publicIPAddressVersion") == "IPv6" {
		from = publicPoolV6
	}
	if id := f.in("publicIPPrefix").idOf("id"); !id.IsZero() {
		prefix, ok := w.get(id.Key())
		if !ok {
			return nil // Validate says so
		}
		view, _ := ReadPublicIPPrefix(*prefix)
		from, mayBeReserved = view.Prefix, true
	}
	address := w.publicBook().free(from, mayBeReserved)
	if !address.IsValid() {
		return &Error{
			Code: "PublicIPCountLimitReached", ID: d.ID, Target: "properties.ipAddress",
			Message: fmt.Sprintf("Cannot create more public IP addresses: all of %s are taken.", from),
		}
	}
	properties(d)["ipAddress"] = address.String()
	return nil
}

// free takes an address of a range: of one that is set aside, or of what no prefix sets aside.
func (b *publicBook) free(from netip.Prefix, setAside bool) netip.Addr {
	at := from.Addr()
	if !setAside {
		at = at.Next() // a range's first address looks like the range
	}
	for ; from.Contains(at) && at.IsValid(); at = at.Next() {
		if !b.addresses[at] && (setAside || !contains(b.prefixes, at)) {
			b.addresses[at] = true
			return at
		}
	}
	return netip.Addr{}
}

// attachPublic gives a dynamic public IP address its address, since something is attached to it.
func (w *completion) attachPublic(id ResourceID) error {
	d, ok := w.get(id.Key())
	if !ok || !d.Is(TypePublicIPAddress) || fieldsOf(*d).in("properties").text("ipAddress") != "" {
		return nil
	}
	attached := d.Clone()
	err := w.givePublic(&attached)
	w.put(attached)
	return err
}

// publicIPPrefix sets a range of addresses aside.
func (w *completion) publicIPPrefix(d *Document) error {
	setDefaults(object(d.Body, "sku"), map[string]any{"name": "Standard", "tier": "Regional"})
	p := properties(d)
	setDefaults(p, map[string]any{"publicIPAddressVersion": "IPv4", "ipTags": []any{}, "resourceGuid": DerivedID(d.ID.Key())})
	pool, longest, usual := publicPool, 31, 28.0
	if p["publicIPAddressVersion"] == "IPv6" {
		pool, longest, usual = publicPoolV6, 127, 124
	}
	setDefault(p, "prefixLength", usual)
	length, _ := p["prefixLength"].(float64)
	if int(length) < int(usual) || int(length) > longest {
		return &Error{
			Code: "PublicIpPrefixLengthInvalid", ID: d.ID, Target: "properties.prefixLength",
			Message: fmt.Sprintf("the length of a public IP prefix is between %v and %d", usual, longest),
		}
	}
	if p["ipPrefix"] != nil {
		return nil
	}
	prefix := w.publicBook().block(pool, int(length))
	if !prefix.IsValid() {
		return &Error{
			Code: "PublicIPPrefixCountLimitReached", ID: d.ID, Target: "properties.ipPrefix",
			Message: fmt.Sprintf("Cannot create more public IP prefixes: %s has no free range of the length %d.", pool, int(length)),
		}
	}
	p["ipPrefix"] = prefix.String()
	return nil
}

// block takes a range of some length in which nothing is taken.
func (b *publicBook) block(pool netip.Prefix, length int) netip.Prefix {
	for at := pool.Addr(); pool.Contains(at); {
		block := netip.PrefixFrom(at, length)
		if b.isFree(block) {
			b.prefixes = append(b.prefixes, block)
			return block
		}
		for block.Contains(at) {
			at = at.Next()
		}
	}
	return netip.Prefix{}
}

func (b *publicBook) isFree(block netip.Prefix) bool {
	for _, p := range b.prefixes {
		if p.Overlaps(block) {
			return false
		}
	}
	for a := range b.addresses {
		if block.Contains(a) {
			return false
		}
	}
	return true
}

// natGateway sets what every NAT gateway has.
func (w *completion) natGateway(d *Document) error {
	setDefaults(object(d.Body, "sku"), map[string]any{"name": "Standard", "tier": "Regional"})
	setDefaults(properties(d), map[string]any{"idleTimeoutInMinutes": 4.0, "resourceGuid": DerivedID(d.ID.Key())})
	return nil
}
