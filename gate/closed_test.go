package gate_test

import (
	"net/http"
	"net/netip"
	"testing"

	"github.com/acrlocal/acrlocal/gate"
)

// FuzzClosedPolicy asks anything of registries that let nobody in.
func FuzzClosedPolicy(f *testing.F) {
	p, err := parsePolicy(`
registry myregistry
registry selected public bypass tasks=true ip=203.0.113.7
principal ann kind=User
principal aci kind=SystemAssigned resource=Microsoft.ContainerInstance/containerGroups/worker
principal team kind=Group
assign team role=Owner at=/
endpoint waiting of=myregistry status=Pending address=10.0.0.4 network=hub prefix=10.0.0.0/8`)
	if err != nil {
		f.Fatal(err)
	}
	s, err := gate.Compile(p)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("GET", "/v2/a/manifests/v1", "aci", uint8(1), uint8(1), []byte{10, 0, 0, 4}, "microsoft.containerinstance/containergroups/worker")
	f.Add("POST", "/oauth2/token", "ann", uint8(3), uint8(2), []byte{203, 0, 113, 7}, "")
	f.Fuzz(func(t *testing.T, method, target, name string, kind, holder uint8, peer []byte, evidence string) {
		r, err := http.NewRequest(method, target, nil)
		if err != nil {
			return
		}
		q := gate.Request{Source: gate.Source{Subnet: evidence, Network: evidence}}
		q.Surface, q.Operation = gate.ParseOperation(method, r.URL)
		q.Source.Peer, _ = netip.AddrFromSlice(peer)
		q.Source.Dialled, q.Source.Peer = q.Source.Peer, q.Source.Peer.Unmap()
		q.Credential = gate.Credential{
			Kind: gate.CredentialKind(kind), Holder: gate.Holder(holder), Name: name,
			Evidence: gate.Evidence{Identity: evidence, Host: evidence},
		}
		for _, registry := range []string{"myregistry", "selected", target, ""} {
			q.Registry = registry
			if d := s.Decide(q); d.Verdict == gate.Allow {
				t.Errorf("%+v was let in: %v", q, d.Steps())
			} else if got := gate.Refuse(q, d, gate.Answer{}).Status; got < 400 || got > 499 {
				t.Errorf("%+v was refused with %d", q, got)
			}
		}
	})
}
