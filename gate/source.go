package gate

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// maxForwarded bounds how many hops of X-Forwarded-For are read.
const maxForwarded = 32

// TrustedProxies are the front proxies whose word on the client's address is taken. The empty list trusts nobody:
// then the address judged is the peer's, whatever headers a client sends (acr-behaviour §1.3).
type TrustedProxies []netip.Prefix

// ParseTrustedProxies reads addresses and ranges.
func ParseTrustedProxies(values []string) (TrustedProxies, error) {
	var proxies TrustedProxies
	for _, v := range values {
		if a, err := netip.ParseAddr(v); err == nil {
			proxies = append(proxies, netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(v)
		if err != nil {
			return nil, fmt.Errorf("trusted proxy %.60q is neither an address nor a range such as 10.0.0.0/8", v)
		}
		proxies = append(proxies, p.Masked())
	}
	return proxies, nil
}

// Contains reports whether a is a trusted proxy's address.
func (t TrustedProxies) Contains(a netip.Addr) bool {
	return slices.ContainsFunc(t, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
}

// Source returns where a request comes from: the peer of its connection and the local address that it dialled. If the
// peer is a trusted proxy, X-Forwarded-For is walked from the right, hop by hop, for as long as the hops are trusted
// themselves; a hop that is no address stops the walk.
func (t TrustedProxies) Source(r *http.Request) Source {
	from := Source{Peer: addressOf(r.RemoteAddr)}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		from.Dialled = addressOf(local.String())
	}
	if !t.Contains(from.Peer) {
		return from
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && i >= len(hops)-maxForwarded && t.Contains(from.Peer); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		from.Peer = hop.Unmap().WithZone("")
	}
	return from
}

// addressOf reads the address of an address:port. What is none gives the invalid address, which no rule lets in.
func addressOf(hostport string) netip.Addr {
	ap, err := netip.ParseAddrPort(hostport)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}
