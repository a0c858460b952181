package azure

import (
	"net/netip"
	"strings"
	"testing"
)

func TestRoute(t *testing.T) {
	const private, assumed, public = "private", "assumed", "public"
	linked := func(networks ...string) []string {
		documents := append(geography[:len(geography):len(geography)],
			`{"id": "`+group+`Microsoft.Network/privateDnsZones/privatelink.azurecr.io"}`)
		for _, n := range networks {
			documents = append(documents, zoneLink(n))
		}
		return documents
	}
	with := func(old, replacement string) []string {
		var documents []string
		for _, d := range geography {
			documents = append(documents, strings.ReplaceAll(d, old, replacement))
		}
		return documents
	}
	for _, c := range []struct {
		about           string
		documents       []string
		place, registry string
		want            string
	}{
		{"the endpoint's own network", geography, "10.0.2.77", "myregistry", assumed},
		{"names fold", geography, "10.0.2.77", "MyRegistry", assumed},
		{"a prefix of the name is another registry", geography, "10.0.2.77", "my", public},
		{"no such registry", geography, "10.0.2.77", "nobody", public},
		{"peered both ways", geography, "containerGroups/inner", "myregistry", assumed},
		{"peered one way", geography, "10.2.0.4", "myregistry", public},
		{"the internet", geography, "203.0.113.7", "myregistry", public},
		{"a resource outside networks", geography, "containerGroups/worker", "myregistry", public},
		{"a first-party service", geography, "service/defender", "myregistry", public},
		{"zone linked", linked("hub"), "virtualMachines/jumpbox", "myregistry", private},
		{"zone linked to the endpoint's network, not the place's", linked("hub"), "containerGroups/inner", "myregistry", public},
		{"zone linked to the peered network", linked("spoke"), "containerGroups/inner", "myregistry", private},
		{"zone linked to nothing", linked(), "virtualMachines/jumpbox", "myregistry", public},
		{"pending", with(`"Approved"`, `"Pending"`), "10.0.2.77", "myregistry", public},
		{"rejected", with(`"Approved"`, `"Rejected"`), "10.0.2.77", "myregistry", public},
		{"disconnected", with(`"Approved"`, `"Disconnected"`), "10.0.2.77", "myregistry", public},
		{"peering initiated only", with(`"Connected"`, `"Initiated"`), "containerGroups/inner", "myregistry", public},
		{"another zone", []string{strings.ReplaceAll(strings.Join(linked("hub"), "\x00"), "privatelink.azurecr.io", "privatelink.azurecr.cn")}, "virtualMachines/jumpbox", "myregistry", public},
	} {
		t.Run(c.about, func(t *testing.T) {
			s := stateOf(t, strings.Split(strings.Join(c.documents, "\x00"), "\x00")...)
			p, err := ResolvePlace(s, c.place)
			if err != nil {
				t.Fatal(err)
			}
			want := Hop{Subnet: p.Subnet, Peer: p.Address}
			if c.want != public {
				want = Hop{
					EndpointID: key("Microsoft.ContainerRegistry/registries/myregistry/privateEndpointConnections/hub-endpoint.1"),
					Network:    p.Network, Subnet: p.Subnet, Peer: p.Private,
				}
			}
			if c.want == assumed {
				want.Quirk = AssumePrivateDNS
			}
			if got := Route(s, p, c.registry); got != want {
				t.Errorf("Route(%s → %s) = %+v, want %+v", c.place, c.registry, got, want)
			}
		})
	}
}

func TestDerivedAddresses(t *testing.T) {
	for _, c := range []struct {
		in       string
		reserved uint32
	}{{"198.51.100.0/24", 1}, {"198.18.0.0/15", 1}, {"10.0.0.0/29", 4}, {"0.0.0.0/0", 4}} {
		in := netip.MustParsePrefix(c.in)
		for i := range 2000 {
			name := strings.Repeat("x", i%97) + string(rune('a'+i%26))
			got := derive(in, name, c.reserved)
			if !in.Contains(got) || got == in.Addr() || got != derive(in, name, c.reserved) {
				t.Fatalf("derive(%s, %q) = %s", in, name, got)
			}
		}
	}
}
