package azure

import (
	"net/netip"
	"strings"
)

// resolution is what a name server in a virtual network answers.
type resolution struct {
	// addresses are those of a private DNS zone; none if the name is public, or there is no such name.
	addresses []netip.Addr
	// blame is the key of the record set that has the addresses, or of the zone that has no such name; empty for a public one.
	blame string
}

// maxAliases bounds how many CNAME records are followed.
const maxAliases = 8

// zonesOf returns the private DNS zones that are linked to a network, by folded name.
func (s *State) zonesOf(network string) map[string]ResourceID {
	zones := map[string]ResourceID{}
	for _, d := range s.OfType(TypePrivateDNSZoneLink) {
		if link := view(s, d.ID, ReadPrivateDNSZoneLink); link.Network.Key() == network {
			zone, _ := d.ID.Parent()
			zones[link.Zone()] = zone
		}
	}
	return zones
}

// resolve answers for a name as a virtual network with these zones sees it. A private zone answers for every name below
// it, also that there is none; its nearest one counts. The public zone has the names of registries, and for those with a
// private endpoint says that they are names of privatelink.azurecr.io (acr-behaviour §7).
func (s *State) resolve(zones map[string]ResourceID, name string, hasEndpoint bool) resolution {
	blame := ""
	for range maxAliases {
		zone, at, private := nearestZone(zones, name)
		if !private {
			alias, isRegistry := strings.CutSuffix(name, registryZone)
			if !isRegistry || !hasEndpoint || strings.HasSuffix(alias, ".privatelink") {
				return resolution{}
			}
			name = alias + "." + PrivateLinkZone
			continue
		}
		var addresses []netip.Addr
		var alias string
		addresses, alias, blame = s.lookUp(zone, at)
		if alias == "" {
			return resolution{addresses: addresses, blame: blame}
		}
		name = alias
	}
	return resolution{blame: blame}
}

// nearestZone finds the zone that a name is in, and what the name is called in it.
func nearestZone(zones map[string]ResourceID, name string) (zone ResourceID, at string, found bool) {
	at = "@"
	for rest := name; rest != ""; {
		if zone, found = zones[rest]; found {
			return zone, at, true
		}
		label, above, _ := strings.Cut(rest, ".")
		if at == "@" {
			at = label
		} else {
			at += "." + label
		}
		rest = above
	}
	return ResourceID{}, "", false
}

// lookUp reads the record sets of a name in a zone: its own, or those of a wildcard above it. It says which one it read, or
// that the zone has none.
func (s *State) lookUp(zone ResourceID, name string) (addresses []netip.Addr, alias, from string) {
	for _, at := range wildcards(name) {
		if d, ok := s.Get(zone.Key() + "/a/" + at); ok {
			return parsedAddresses(recordAddresses(*d)), "", d.ID.Key()
		}
		if d, ok := s.Get(zone.Key() + "/cname/" + at); ok {
			alias = fieldsOf(*d).in("properties", "cnameRecord").text("cname")
			return nil, Fold(strings.TrimSuffix(alias, ".")), d.ID.Key()
		}
	}
	return nil, "", zone.Key()
}

// wildcards are a name, and the wildcards that cover it: a.b, *.b, *.
func wildcards(name string) []string {
	names := []string{name}
	for rest := name; rest != "@"; {
		_, above, more := strings.Cut(rest, ".")
		if !more {
			return append(names, "*")
		}
		names, rest = append(names, "*."+above), above
	}
	return names
}

func parsedAddresses(texts []string) (addresses []netip.Addr) {
	for _, text := range texts {
		addr, _ := netip.ParseAddr(text)
		addresses = appendValid(addresses, addr.Unmap())
	}
	return addresses
}
