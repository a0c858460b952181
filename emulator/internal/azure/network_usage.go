package azure

import "net/netip"

// Available reports whether nobody has an address of a virtual network, and Azure does not keep it to itself; and it returns
// free ones of the subnet that the address is in, at most so many.
func Available(s *State, network ResourceID, address netip.Addr, most int) (free bool, others []netip.Addr) {
	w := newCompletion(s, Author{})
	for _, subnet := range s.SubnetsOf(network) {
		free = !w.book().taken(subnet.ID, address)
		for _, p := range subnet.Prefixes {
			if !p.Contains(address) {
				continue
			}
			for len(others) < most {
				other := w.free(subnet.ID, "", p.Addr().Is6())
				if !other.IsValid() {
					break
				}
				others = append(others, other)
			}
			return free && !isReserved(p, address), others
		}
	}
	return false, nil
}

// SubnetUsage is how many addresses of a subnet are in use.
type SubnetUsage struct {
	ID   ResourceID
	Used int // by documents that show them
	Size int // without those that Azure keeps to itself; of IPv4 ranges
}

// SubnetUsages tells how full the subnets of a virtual network are.
func SubnetUsages(s *State, network ResourceID) []SubnetUsage {
	taken := newCompletion(s, Author{}).book().holders[network.Key()]
	var usages []SubnetUsage
	for _, subnet := range s.SubnetsOf(network) {
		u := SubnetUsage{ID: subnet.ID}
		for _, p := range subnet.Prefixes {
			if p.Addr().Is4() && p.Bits() <= smallestSubnet {
				u.Size += 1<<(32-p.Bits()) - firstHost - 1
			}
		}
		for address := range taken {
			if contains(subnet.Prefixes, address) {
				u.Used++
			}
		}
		usages = append(usages, u)
	}
	return usages
}
