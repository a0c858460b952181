package azure

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// maxPlaceName bounds the name of a place, in bytes.
const maxPlaceName = 2 << 10

// UnknownPlaceError says that a name finds no place, or more than one.
type UnknownPlaceError struct {
	// Name is the name as it was given.
	Name string
	// Problem says what is wrong with it.
	Problem string
	// Near are the names of places that could have been meant, at most five.
	Near []string
}

// Error returns the problem and the near places.
func (e *UnknownPlaceError) Error() string {
	text := fmt.Sprintf("place %.120q: %s", e.Name, e.Problem)
	if len(e.Near) > 0 {
		return text + "; near: " + strings.Join(e.Near, ", ")
	}
	return text + "; a place is an IP address, a resource ID, or the end of one, such as containerGroups/worker; or " + strings.Join(services, ", ")
}

// ResolvePlace finds the place that a name means, in any case, percent-encoded or not. A name is
//
//   - an IP address, an IPv6 one perhaps with dashes for its colons. A private one must be in exactly one virtual
//     network; if a document shows the address, the place is that resource;
//   - a resource ID, or the tail of exactly one: containerGroups/worker, virtualNetworks/hub/subnets/app;
//   - a first-party service: service/defender, service/import.
//
// The error is an *UnknownPlaceError that lists the near ones.
func ResolvePlace(s *State, name string) (Place, error) {
	text, err := decodeName(name)
	if err != nil {
		return Place{}, err
	}
	if slices.Contains(services, Fold(text)) {
		return servicePlace(Fold(text)), nil
	}
	if addr, ok := parseAddress(text); ok {
		return addressPlace(s, addr)
	}
	ids := placeIDs(s)
	id, err := findTail(ids, text)
	if err != nil {
		return Place{}, err
	}
	p := placeOf(s, id)
	p.Name = shortName(ids, id)
	return p, nil
}

func decodeName(name string) (string, error) {
	if len(name) > maxPlaceName {
		return "", &UnknownPlaceError{Name: name, Problem: fmt.Sprintf("longer than %d bytes", maxPlaceName)}
	}
	text, err := url.PathUnescape(name)
	if err != nil {
		return "", &UnknownPlaceError{Name: name, Problem: "a per cent sign is not followed by two hexadecimal digits"}
	}
	return text, nil
}

// parseAddress reads an IP address. A Basic user name has no colons, so that dashes may stand for them.
func parseAddress(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		addr, err = netip.ParseAddr(strings.ReplaceAll(text, "-", ":"))
	}
	return addr.Unmap(), err == nil && addr.Zone() == ""
}

// sharedAddresses are those between a carrier and its customers (RFC 6598), which the internet does not know either.
var sharedAddresses = netip.MustParsePrefix("100.64.0.0/10")

// isInside reports whether an address means something in a network only.
func isInside(addr netip.Addr) bool {
	return addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast() || sharedAddresses.Contains(addr)
}

func addressPlace(s *State, addr netip.Addr) (Place, error) {
	if addr.IsUnspecified() || addr.IsMulticast() {
		return Place{}, &UnknownPlaceError{Name: addr.String(), Problem: "nothing has this address"}
	}
	p := Place{Kind: PlaceInternet, Address: addr}
	if isInside(addr) {
		var err error
		if p, err = insidePlace(s, addr); err != nil {
			return Place{}, err
		}
	}
	if owner, ok := ownerOf(s, addr); ok {
		p = resourcePlace(s, *owner)
	}
	p.Name = addr.String()
	return p, nil
}

// insidePlace is the place of a private address: in the one network that has it, and in its subnet, if one does.
func insidePlace(s *State, addr netip.Addr) (Place, error) {
	var networks []ResourceID
	for _, d := range s.OfType(TypeVirtualNetwork) {
		if contains(view(s, d.ID, ReadVirtualNetwork).Prefixes, addr) {
			networks = append(networks, d.ID)
		}
	}
	if len(networks) != 1 {
		problem := "a private address that no virtual network contains"
		if len(networks) > 1 {
			problem = "a private address that several virtual networks contain"
		}
		return Place{}, &UnknownPlaceError{Name: addr.String(), Problem: problem, Near: shortNames(placeIDs(s), networks)}
	}
	p := networkPlace(s, networks[0])
	for _, subnet := range s.SubnetsOf(networks[0]) {
		if contains(subnet.Prefixes, addr) {
			p = subnetPlace(s, subnet.ID)
			break
		}
	}
	p.Private = addr
	return p, nil
}

// placeTypes are, for some namespaces, the only types that are places: the others are no senders of requests. In every
// other namespace each type is one.
var placeTypes = map[string][]string{
	"microsoft.authorization":     nil,
	"microsoft.containerregistry": {Fold(TypeTask), Fold(TypeTaskRun), Fold(TypeAgentPool)},
	"microsoft.graph":             nil,
	"microsoft.machinelearningservices": {
		Fold(TypeMachineLearning), Fold(TypeOnlineEndpoint), Fold(TypeOnlineDeployment), Fold(TypeMachineLearningNode),
	},
	"microsoft.managedidentity": nil,
	"microsoft.management":      nil,
	"microsoft.network":         {Fold(TypeVirtualNetwork), Fold(TypeSubnet), Fold(TypeNetworkInterface)},
	"microsoft.resources":       nil,
	"acrlocal":                  nil,
}

func isPlaceType(folded string) bool {
	namespace, _, _ := strings.Cut(folded, "/")
	only, restricted := placeTypes[namespace]
	return !restricted || slices.Contains(only, folded)
}

// placeIDs returns the IDs of all resources that are places, subnets inside their networks' documents included.
func placeIDs(s *State) []ResourceID {
	var ids []ResourceID
	for _, kind := range s.Types() {
		if !isPlaceType(kind) {
			continue
		}
		for _, d := range s.OfType(kind) {
			if !isEndpointInterface(d) {
				ids = append(ids, d.ID)
			}
		}
	}
	for _, d := range s.OfType(TypeVirtualNetwork) {
		for _, subnet := range view(s, d.ID, ReadVirtualNetwork).Subnets {
			if _, ok := s.Get(subnet.ID.Key()); !ok {
				ids = append(ids, subnet.ID)
			}
		}
	}
	return ids
}

// isEndpointInterface reports whether a document is the network interface of a private endpoint, from which nothing is sent.
func isEndpointInterface(d *Document) bool {
	p, _ := d.Body["properties"].(map[string]any)
	return p["privateEndpoint"] != nil && d.Is(TypeNetworkInterface)
}

func placeOf(s *State, id ResourceID) Place {
	switch Fold(id.Type()) {
	case Fold(TypeVirtualNetwork):
		return networkPlace(s, id)
	case Fold(TypeSubnet):
		return subnetPlace(s, id)
	}
	d, _ := s.Get(id.Key()) // placeIDs has no others
	return resourcePlace(s, *d)
}

// findTail finds the one ID that a tail, or a whole ID, means.
func findTail(ids []ResourceID, text string) (ResourceID, error) {
	tail := Fold("/" + strings.Trim(text, "/"))
	found := withTail(ids, tail)
	switch {
	case len(tail) == 1, len(found) == 0:
		return ResourceID{}, &UnknownPlaceError{Name: text, Problem: "unknown", Near: nearNames(ids, text)}
	case len(found) > 1:
		return ResourceID{}, &UnknownPlaceError{Name: text, Problem: "more than one resource ends so", Near: shortNames(ids, found)}
	}
	return found[0], nil
}

// withTail returns the IDs that end with a folded tail of whole segments, which begins with a slash. A whole ID is found
// alone, whatever else ends with it.
func withTail(ids []ResourceID, tail string) []ResourceID {
	var found []ResourceID
	for _, id := range ids {
		if id.Key() == tail {
			return []ResourceID{id}
		}
		if strings.HasSuffix(id.Key(), tail) {
			found = append(found, id)
		}
	}
	return found
}

// shortName returns the shortest tail of types and names that finds an ID among others; or the ID.
func shortName(ids []ResourceID, id ResourceID) string {
	for rest := cutPair(id.String()); rest != ""; rest = cutPair(rest) {
		tail := id.String()[len(rest):]
		if len(withTail(ids, Fold(tail))) == 1 {
			return tail[1:]
		}
	}
	return id.String()
}
