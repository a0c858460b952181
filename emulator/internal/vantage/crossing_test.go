package vantage

import (
	"io"
	"net"
	"net/netip"
	"testing"
)

// twoNetworks is a machine on the internet and in a virtual network, with a second range at the latter's interface and an
// address that is in no network.
var twoNetworks = [][]netip.Prefix{
	{netip.MustParsePrefix("127.0.0.1/8"), netip.MustParsePrefix("192.0.2.77/32")},
	{netip.MustParsePrefix("203.0.113.2/24"), netip.MustParsePrefix("2001:db8::2/64")},
	{netip.MustParsePrefix("10.203.0.4/24"), netip.MustParsePrefix("10.203.1.4/24")},
}

func TestCrosses(t *testing.T) {
	for _, c := range []struct {
		name, peer, dialled string
		want                bool
	}{
		{"a neighbour dials the address in its network", "203.0.113.10", "203.0.113.2", false},
		{"a neighbour on the internet dials the virtual network", "203.0.113.10", "10.203.0.4", true},
		{"the other way round", "10.203.0.10", "203.0.113.2", true},
		{"another range of the same interface", "10.203.0.10", "10.203.1.4", false},
		{"a neighbour dials loopback, as some settings of a kernel allow", "203.0.113.10", "127.0.0.1", true},
		{"a peer that was routed here", "198.51.100.1", "10.203.0.4", false},
		{"an address in no network", "203.0.113.10", "192.0.2.77", false},
		{"this machine itself", "203.0.113.2", "10.203.0.4", false},
		{"IPv6", "2001:db8::10", "10.203.0.4", true},
	} {
		if got := crosses(netip.MustParseAddr(c.peer), netip.MustParseAddr(c.dialled), twoNetworks); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestGuardHere lets this machine in: it is a neighbour of itself on all of its networks.
func TestGuardHere(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := netip.Addr{}
	l := Guard(inner, func(dialled netip.Addr) bool {
		asked = dialled
		return true
	})
	defer l.Close()
	go func() {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err == nil {
			_, _ = io.WriteString(c, "hello")
			_ = c.Close()
		}
	}()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(c)
	if string(said) != "hello" || err != nil || asked.String() != "127.0.0.1" {
		t.Errorf("%q, %v, asked for %v", said, err, asked)
	}
}
