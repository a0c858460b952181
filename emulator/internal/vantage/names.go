package vantage

import (
	"net"
	"net/netip"
	"sync"

	"golang.org/x/net/dns/dnsmessage"
)

// Bounds of an isolated program's name service.
const (
	maxNames      = 4096
	maxDNSMessage = 512 // bytes, as without EDNS
	dnsTTL        = 60  // seconds
)

// firstName is the first of the loopback addresses that stand for emulated hosts: each host has its own, so that a
// connection to it tells which host is meant.
var firstName = netip.MustParseAddr("127.64.0.1")

// Names gives each emulated host that a program in a network of its own asks for an address inside that network.
type Names struct {
	local     func(host string) (netip.Addr, bool)
	mu        sync.Mutex
	next      netip.Addr
	addresses map[string]netip.Addr
	hosts     map[netip.Addr]string
}

// NewNames returns the names of a network, whose emulated hosts have the addresses from first on. local knows the other
// hosts of the network, by folded name; it may be nil.
func NewNames(first netip.Addr, local func(host string) (netip.Addr, bool)) *Names {
	imds := netip.MustParseAddr(IMDSHost)
	return &Names{local: local, next: first, addresses: map[string]netip.Addr{}, hosts: map[netip.Addr]string{imds: IMDSHost}}
}

// Host returns the emulated host that an address stands for.
func (n *Names) Host(addr netip.Addr) (string, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	host, ok := n.hosts[addr.Unmap()]
	return host, ok
}

// address returns the address of a folded host; false means that there is no such host, or no address left.
func (n *Names) address(host string) (netip.Addr, bool) {
	if n.local != nil {
		if addr, ok := n.local(host); ok {
			return addr, true
		}
	}
	if _, err := netip.ParseAddr(host); err == nil || !InZone(host) {
		return netip.Addr{}, false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	addr, ok := n.addresses[host]
	if ok || len(n.addresses) >= maxNames {
		return addr, ok
	}
	addr, n.next = n.next, n.next.Next()
	n.addresses[host], n.hosts[addr] = addr, host
	return addr, true
}

// Serve answers DNS questions until c is closed.
func (n *Names) Serve(c net.PacketConn) {
	question := make([]byte, maxDNSMessage)
	for {
		size, peer, err := c.ReadFrom(question)
		if err != nil {
			return
		}
		if answer, ok := n.Answer(question[:size]); ok {
			_, _ = c.WriteTo(answer, peer)
		}
	}
}

// Answer makes the answer to a DNS message; what is none has none.
func (n *Names) Answer(message []byte) ([]byte, bool) {
	var parser dnsmessage.Parser
	header, err := parser.Start(message)
	if err != nil || header.Response {
		return nil, false
	}
	question, err := parser.Question()
	if err != nil {
		return nil, false
	}
	answer := dnsmessage.Message{
		Header: dnsmessage.Header{
			ID: header.ID, Response: true, Authoritative: true,
			RecursionDesired: header.RecursionDesired, RecursionAvailable: true,
		},
		Questions: []dnsmessage.Question{question},
	}
	n.resolve(&answer, question)
	packed, err := answer.Pack()
	return packed, err == nil
}

// resolve fills in the answer: an A record for a host in one of the zones, "no such name" for every other host.
func (n *Names) resolve(answer *dnsmessage.Message, q dnsmessage.Question) {
	host, _, err := FoldHost(q.Name.String())
	addr, ok := n.address(host)
	if err != nil || !ok {
		answer.RCode = dnsmessage.RCodeNameError
		return
	}
	if q.Type == dnsmessage.TypeA && q.Class == dnsmessage.ClassINET {
		answer.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: dnsTTL},
			Body:   &dnsmessage.AResource{A: addr.As4()},
		}}
	}
}
