package vantage

import (
	"net"
	"net/netip"
)

// Guard wraps a listener whose addresses mean a network: it closes connections to a protected address that crossed from
// another network of this machine. A kernel that follows the weak host model of RFC 1122 §3.3.4.2, as Linux does, answers
// at each interface for the addresses of all of them, so that a neighbour on one network reaches what was opened for
// another, whatever the networks' own isolation.
func Guard(inner net.Listener, protected func(dialled netip.Addr) bool) net.Listener {
	return &guarded{Listener: inner, protected: protected}
}

type guarded struct {
	net.Listener
	protected func(netip.Addr) bool
}

// Accept waits for a connection that may have come.
func (g *guarded) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		peer, dialled := addressOf(c.RemoteAddr()), addressOf(c.LocalAddr())
		if !g.protected(dialled) || !crossed(peer, dialled) {
			return c, nil
		}
		_ = c.Close()
	}
}

func addressOf(a net.Addr) netip.Addr {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr().Unmap().WithZone("")
}

// crosses reports whether a neighbour on one network of a machine dialled the machine's address in another one; networks
// are the machine's addresses by interface. Who is no neighbour was routed here, which is for the routers to judge; and an
// address with no room for neighbours is in no network.
func crosses(peer, dialled netip.Addr, networks [][]netip.Prefix) bool {
	neighbour := false
	for _, link := range networks {
		near, own := false, false
		for _, p := range link {
			if p.Addr() == peer || p.Addr() == dialled && p.IsSingleIP() {
				return false
			}
			near = near || p.Contains(peer)
			own = own || p.Addr() == dialled
		}
		if near && own {
			return false
		}
		neighbour = neighbour || near
	}
	return neighbour
}

// crossed is crosses on this machine. Where its addresses cannot be read, nobody is let across.
func crossed(peer, dialled netip.Addr) bool {
	if peer.IsLoopback() {
		return false
	}
	all, err := net.InterfaceAddrs()
	if err == nil && !crosses(peer, dialled, apart(prefixes(all))) {
		return false // what is usual takes a single question to the kernel
	}
	links, err := net.Interfaces()
	if err != nil {
		return true
	}
	var networks [][]netip.Prefix
	for _, link := range links {
		addresses, err := link.Addrs()
		if err != nil {
			return true
		}
		networks = append(networks, prefixes(addresses))
	}
	return crosses(peer, dialled, networks)
}

// apart takes each address for an interface of its own.
func apart(all []netip.Prefix) [][]netip.Prefix {
	networks := make([][]netip.Prefix, len(all))
	for i, p := range all {
		networks[i] = []netip.Prefix{p}
	}
	return networks
}

func prefixes(addresses []net.Addr) []netip.Prefix {
	var all []netip.Prefix
	for _, a := range addresses {
		p, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		all = append(all, p)
	}
	return all
}
