package vantage

import (
	"fmt"
	"net/netip"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

func ask(t *testing.T, n *Names, name string, kind dnsmessage.Type) (dnsmessage.RCode, []netip.Addr) {
	t.Helper()
	question := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 7, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}},
	}
	packed, err := question.Pack()
	if err != nil {
		t.Fatal(err)
	}
	answered, ok := n.Answer(packed)
	var answer dnsmessage.Message
	if err := answer.Unpack(answered); err != nil || !ok || answer.ID != 7 || !answer.Response {
		t.Fatalf("%s: %v, %v", name, answer, err)
	}
	var addrs []netip.Addr
	for _, r := range answer.Answers {
		addrs = append(addrs, netip.AddrFrom4(r.Body.(*dnsmessage.AResource).A))
	}
	return answer.RCode, addrs
}

func TestNames(t *testing.T) {
	n := NewNames(firstName, nil)
	for _, c := range []struct {
		name  string
		kind  dnsmessage.Type
		rcode dnsmessage.RCode
		addr  string
	}{
		{"myregistry.azurecr.io.", dnsmessage.TypeA, dnsmessage.RCodeSuccess, "127.64.0.1"},
		{"MYREGISTRY.azurecr.io.", dnsmessage.TypeA, dnsmessage.RCodeSuccess, "127.64.0.1"},
		{"other.azurecr.io.", dnsmessage.TypeA, dnsmessage.RCodeSuccess, "127.64.0.2"},
		{"other.azurecr.io.", dnsmessage.TypeAAAA, dnsmessage.RCodeSuccess, ""},
		{"example.com.", dnsmessage.TypeA, dnsmessage.RCodeNameError, ""},
		{"169.254.169.254.", dnsmessage.TypeA, dnsmessage.RCodeNameError, ""},
		{".", dnsmessage.TypeA, dnsmessage.RCodeNameError, ""},
	} {
		rcode, addrs := ask(t, n, c.name, c.kind)
		if rcode != c.rcode || fmt.Sprint(addrs) != fmt.Sprintf("[%s]", c.addr) {
			t.Errorf("%s %s: %s %v, want %s %s", c.name, c.kind, rcode, addrs, c.rcode, c.addr)
		}
	}
	if host, ok := n.Host(netip.MustParseAddr("127.64.0.2")); !ok || host != "other.azurecr.io" {
		t.Errorf("127.64.0.2 is %q", host)
	}
	if host, ok := n.Host(netip.MustParseAddr("127.0.0.1")); ok {
		t.Errorf("127.0.0.1 is %q", host)
	}
	for i := range maxNames + 10 {
		n.address(fmt.Sprintf("r%d.azurecr.io", i))
	}
	if rcode, _ := ask(t, n, "onemore.azurecr.io.", dnsmessage.TypeA); rcode != dnsmessage.RCodeNameError {
		t.Errorf("one name too many: %s", rcode)
	}
}

func FuzzNames(f *testing.F) {
	f.Add([]byte("\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x07azurecr\x02io\x00\x00\x01\x00\x01"))
	n := NewNames(firstName, nil)
	f.Fuzz(func(t *testing.T, message []byte) {
		if answer, ok := n.Answer(message); ok && len(answer) < 12 {
			t.Errorf("%q is answered with %q", message, answer)
		}
	})
}
