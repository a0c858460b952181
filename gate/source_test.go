package gate_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/gate"
)

// TestSource is the battery against forged addresses: X-Forwarded-For counts from trusted proxies only, Forwarded,
// X-Real-IP and X-Meta-Source-Client never (acr-behaviour §1.3, §3.3).
func TestSource(t *testing.T) {
	proxies, err := gate.ParseTrustedProxies([]string{"10.0.0.1", "10.1.0.0/16", "2001:db8::/64", "::ffff:10.2.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	many := strings.TrimSuffix(strings.Repeat("10.0.0.1,", 40), ",")
	for _, row := range []struct {
		name, peer, forwarded, want string
		trusting                    gate.TrustedProxies
	}{
		{"no header", "203.0.113.7:4000", "", "203.0.113.7", proxies},
		{"nobody is trusted", "10.0.0.1:4000", "198.51.100.1", "10.0.0.1", nil},
		{"an untrusted peer", "203.0.113.7:4000", "198.51.100.1", "203.0.113.7", proxies},
		{"a neighbour of a trusted peer", "10.0.0.2:4000", "198.51.100.1", "10.0.0.2", proxies},
		{"a trusted peer", "10.0.0.1:4000", "198.51.100.1", "198.51.100.1", proxies},
		{"a trusted range", "10.1.9.9:4000", "198.51.100.1", "198.51.100.1", proxies},
		{"a trusted peer without the header", "10.0.0.1:4000", "", "10.0.0.1", proxies},
		{"a forged first hop", "10.0.0.1:4000", "127.0.0.1, 198.51.100.1", "198.51.100.1", proxies},
		{"two trusted hops", "10.0.0.1:4000", "198.51.100.1, 10.1.0.5", "198.51.100.1", proxies},
		{"two headers", "10.0.0.1:4000", "198.51.100.1|10.1.0.5", "198.51.100.1", proxies},
		{"a forged header beside the proxy's", "10.0.0.1:4000", "192.0.2.1|198.51.100.1", "198.51.100.1", proxies},
		{"trusted hops only", "10.0.0.1:4000", "10.1.0.6, 10.1.0.5", "10.1.0.6", proxies},
		{"a malformed last hop", "10.0.0.1:4000", "198.51.100.1, nonsense", "10.0.0.1", proxies},
		{"a malformed hop behind a good one", "10.0.0.1:4000", "nonsense, 10.1.0.5", "10.1.0.5", proxies},
		{"an empty hop", "10.0.0.1:4000", "198.51.100.1,", "10.0.0.1", proxies},
		{"a hop with a port", "10.0.0.1:4000", "198.51.100.1:80", "10.0.0.1", proxies},
		{"an IPv4-mapped peer", "[::ffff:10.0.0.1]:4000", "198.51.100.1", "198.51.100.1", proxies},
		{"an IPv4-mapped hop", "10.0.0.1:4000", "::ffff:198.51.100.1", "198.51.100.1", proxies},
		{"an IPv4-mapped proxy in the settings", "10.2.0.1:4000", "198.51.100.1", "198.51.100.1", proxies},
		{"an IPv6 proxy", "[2001:db8::5]:4000", "198.51.100.1", "198.51.100.1", proxies},
		{"a zone", "[fe80::1%eth0]:4000", "", "fe80::1", proxies},
		{"a hop with a zone", "10.0.0.1:4000", "fe80::1%eth0", "fe80::1", proxies},
		{"more hops than are read", "10.0.0.1:4000", "198.51.100.1," + many, "10.0.0.1", proxies},
		{"no address", "@", "198.51.100.1", "invalid IP", proxies},
	} {
		r := httptest.NewRequest("GET", "/v2/", nil)
		r.RemoteAddr = row.peer
		r.Header.Set("Forwarded", "for=192.0.2.99")
		r.Header.Set("X-Real-Ip", "192.0.2.99")
		r.Header.Set("X-Meta-Source-Client", "azure/acr/tasks")
		if row.forwarded != "" {
			r.Header["X-Forwarded-For"] = strings.Split(row.forwarded, "|")
		}
		from := row.trusting.Source(r)
		if from.Peer.String() != row.want || from.Dialled.IsValid() || from.Endpoint+from.Network+from.Subnet != "" {
			t.Errorf("%s: got %+v, want the peer %s", row.name, from, row.want)
		}
	}
}

func TestSourceDialled(t *testing.T) {
	r := httptest.NewRequest("GET", "/v2/", nil)
	local := &net.TCPAddr{IP: net.ParseIP("::ffff:127.0.2.1"), Port: 5080}
	r = r.WithContext(context.WithValue(context.Background(), http.LocalAddrContextKey, local))
	if got := gate.TrustedProxies(nil).Source(r).Dialled; got != netip.MustParseAddr("127.0.2.1") {
		t.Errorf("dialled %v", got)
	}
}

func TestParseTrustedProxies(t *testing.T) {
	for _, bad := range []string{"", "proxy", "10.0.0.0/33", "10.0.0.1:80"} {
		if _, err := gate.ParseTrustedProxies([]string{"10.0.0.1", bad}); err == nil {
			t.Errorf("%q is taken for an address", bad)
		}
	}
}

// FuzzIPRule holds ParseIPRule against arithmetic on octets.
func FuzzIPRule(f *testing.F) {
	for _, s := range []string{"203.0.113.7", "198.51.100.0/24", "0.0.0.0/0", "::1", "::ffff:1.2.3.4", "1.2.3.4/33", "1.2.3", "01.2.3.4", "1.2.3.4/-1"} {
		f.Add(s, uint32(0xcb007107))
	}
	f.Fuzz(func(t *testing.T, rule string, number uint32) {
		prefix, err := gate.ParseIPRule(rule)
		if err != nil {
			return
		}
		if !prefix.Addr().Is4() || prefix != prefix.Masked() {
			t.Fatalf("%q gives %v", rule, prefix)
		}
		address := netip.AddrFrom4([4]byte{byte(number >> 24), byte(number >> 16), byte(number >> 8), byte(number)})
		if prefix.Contains(address) != inside(address.String(), rule) {
			t.Errorf("%q and %v: gate says %t", rule, address, prefix.Contains(address))
		}
	})
}
