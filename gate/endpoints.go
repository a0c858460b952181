package gate

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"
)

// endpointIndex finds private endpoints by each of the things that tell that a request came through one.
type endpointIndex struct {
	byID      map[string]*PrivateEndpoint
	byAddress map[netip.Addr]*PrivateEndpoint
	byNetwork map[networkKey]*PrivateEndpoint // approved ones only
	networks  *bart.Table[string]             // network of a peer, or "" where several fit
}

// networkKey is a registry as seen from a virtual network; both are folded.
type networkKey struct{ registry, network string }

func (b *builder) changeEndpoints(c Change) error {
	if len(c.Put.PrivateEndpoints)+len(c.Remove.PrivateEndpoints) == 0 {
		return nil
	}
	byID := edit(b.next.endpoints.byID)
	for _, id := range c.Remove.PrivateEndpoints {
		delete(byID, fold(id))
	}
	for _, e := range c.Put.PrivateEndpoints {
		byID[fold(e.ID)] = &e
	}
	index, err := newEndpointIndex(byID)
	b.next.endpoints = index
	return err
}

func newEndpointIndex(byID map[string]*PrivateEndpoint) (endpointIndex, error) {
	index := endpointIndex{
		byID: byID, byAddress: map[netip.Addr]*PrivateEndpoint{}, byNetwork: map[networkKey]*PrivateEndpoint{},
	}
	prefixes := map[netip.Prefix]map[string]bool{}
	for _, id := range slices.Sorted(maps.Keys(byID)) { // in order, so that the same endpoint is named each time
		e := byID[id]
		if err := index.addAddresses(e); err != nil {
			return endpointIndex{}, err
		}
		if e.Status == Approved && e.Network != "" {
			index.byNetwork[networkKey{fold(e.Registry), fold(e.Network)}] = e
			notePrefixes(prefixes, e)
		}
	}
	index.networks = networkTable(prefixes)
	return index, nil
}

// addAddresses notes the addresses of an endpoint. A disconnected one lost its other end, and keeps an address only until
// another has it.
func (x endpointIndex) addAddresses(e *PrivateEndpoint) error {
	for _, a := range e.Addresses {
		if a = a.Unmap(); !a.IsValid() {
			return fmt.Errorf("private endpoint %q has an invalid address", e.ID)
		}
		switch other := x.byAddress[a]; {
		case other == nil, other.Status == Disconnected:
			x.byAddress[a] = e
		case e.Status != Disconnected:
			return fmt.Errorf("private endpoints %q and %q both have the address %s", other.ID, e.ID, a)
		}
	}
	return nil
}

func notePrefixes(prefixes map[netip.Prefix]map[string]bool, e *PrivateEndpoint) {
	for _, p := range e.Prefixes {
		p = p.Masked()
		if prefixes[p] == nil {
			prefixes[p] = map[string]bool{}
		}
		prefixes[p][fold(e.Network)] = true
	}
}

// networkTable maps each prefix to the one network that fits an address inside it. Where prefixes of several networks
// overlap, nobody can tell, and the entry is empty.
func networkTable(prefixes map[netip.Prefix]map[string]bool) *bart.Table[string] {
	all := new(bart.Table[map[string]bool])
	for p, networks := range prefixes {
		all.Insert(p, networks)
	}
	table := new(bart.Table[string])
	for p := range prefixes {
		fitting := map[string]bool{}
		for _, networks := range all.Supernets(p) {
			for n := range networks {
				fitting[n] = true
			}
		}
		table.Insert(p, only(fitting))
	}
	return table
}

// only returns the one member of a set, or "" if there are several.
func only(set map[string]bool) string {
	for n := range set {
		if len(set) == 1 {
			return n
		}
	}
	return ""
}

// find returns the private endpoint through which a request to the registry came; nil is the public endpoint. The
// endpoint may belong to another registry, or not be approved.
func (x endpointIndex) find(registry string, from Source) (e *PrivateEndpoint, found bool) {
	if from.Endpoint != "" {
		return x.byID[from.Endpoint], true
	}
	if e := x.byAddress[from.Dialled]; e != nil {
		return e, true
	}
	network := from.Network
	if network == "" && x.networks != nil {
		network, _ = x.networks.Lookup(from.Peer)
	}
	if network == "" {
		return nil, false
	}
	e = x.byNetwork[networkKey{registry, network}]
	return e, e != nil
}

// RegistryAt returns the folded name of the registry whose private endpoint has the address.
func (s *Snapshot) RegistryAt(address netip.Addr) (string, bool) {
	e := s.orEmpty().endpoints.byAddress[address.Unmap()]
	if e == nil {
		return "", false
	}
	return fold(e.Registry), true
}
