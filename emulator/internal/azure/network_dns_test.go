package azure

import (
	"cmp"
	"strings"
	"testing"
)

const dnsZone = group + "Microsoft.Network/privateDnsZones/"

// aRecord is a record set of type A with one address.
func aRecord(zone, name, address string) string {
	return `{"id": "` + dnsZone + zone + `/A/` + name + `", "properties": {"aRecords": [{"ipv4Address": "` + address + `"}]}}`
}

func alias(zone, name, target string) string {
	return `{"id": "` + dnsZone + zone + `/CNAME/` + name + `", "properties": {"cnameRecord": {"cname": "` + target + `"}}}`
}

func linkOf(zone, network string) string {
	return strings.ReplaceAll(zoneLink(network), PrivateLinkZone, zone)
}

// TestPrivateDNS: records lead to an approved endpoint that can be reached; where they do not, a linked network goes to the
// registry's own, or out. With the quirk, they lead nowhere.
func TestPrivateDNS(t *testing.T) {
	const (
		public = "public"
		quirk  = `{"id": "/acrlocal/settings/quirks", "properties": {"all": {"strict-private-dns": true}}}`
	)
	mine := key("Microsoft.ContainerRegistry/registries/myregistry/privateEndpointConnections/hub-endpoint.1")
	zone := key("Microsoft.Network/privateDnsZones/privatelink.azurecr.io")
	pending := strings.ReplaceAll(strings.Join(geography, "\x00"), `"Approved"`, `"Pending"`)
	for _, row := range []struct {
		about     string
		documents []string
		base      string
		place     string
		registry  string
		want      string // with the quirk
		lenient   string // without it, if otherwise
	}{
		{about: "a record with the endpoint's address", documents: []string{zoneLink("hub"), aRecord(PrivateLinkZone, "myregistry", "10.0.1.5")}, want: mine},
		{about: "a record with the other address of the endpoint", documents: []string{zoneLink("hub"), aRecord(PrivateLinkZone, "myregistry", "10.0.1.4")}, want: mine},
		{about: "from a peered network", place: "containerGroups/inner", documents: []string{zoneLink("spoke"), aRecord(PrivateLinkZone, "myregistry", "10.0.1.5")}, want: mine},
		{about: "from a network that is peered one way only", place: "10.2.0.4", documents: []string{zoneLink("island"), aRecord(PrivateLinkZone, "myregistry", "10.0.1.5")}, want: zone + "/a/myregistry", lenient: public},
		{about: "a network that is not linked", place: "containerGroups/inner", documents: []string{zoneLink("hub"), aRecord(PrivateLinkZone, "myregistry", "10.0.1.5")}, want: public},
		{about: "a stale record", documents: []string{zoneLink("hub"), aRecord(PrivateLinkZone, "myregistry", "10.0.1.99")}, want: zone + "/a/myregistry", lenient: mine},
		{about: "no record of this registry", documents: []string{zoneLink("hub"), aRecord(PrivateLinkZone, "other", "10.0.1.5")}, want: zone, lenient: mine},
		{about: "no record, and no endpoint either", registry: "my", documents: []string{zoneLink("hub"), aRecord(PrivateLinkZone, "other", "10.0.1.5")}, want: public},
		{about: "another registry's address", registry: "my", documents: []string{linkOf("azurecr.io", "hub"), aRecord("azurecr.io", "my", "10.0.1.5")}, want: mine},
		{about: "a pending endpoint", base: pending, documents: []string{zoneLink("hub"), aRecord(PrivateLinkZone, "myregistry", "10.0.1.5")}, want: mine, lenient: public},
		{about: "a wildcard", documents: []string{zoneLink("hub"), aRecord(PrivateLinkZone, "*", "10.0.1.5")}, want: mine},
		{about: "a zone of the registry's own name", documents: []string{linkOf("myregistry.azurecr.io", "hub"), aRecord("myregistry.azurecr.io", "@", "10.0.1.5")}, want: mine},
		{about: "a zone for all registries, without this one", documents: []string{linkOf("azurecr.io", "hub"), aRecord("azurecr.io", "other", "10.0.1.5")}, want: key("Microsoft.Network/privateDnsZones/azurecr.io"), lenient: public},
		{about: "an alias", documents: []string{zoneLink("hub"), linkOf("corp.example", "hub"), alias(PrivateLinkZone, "myregistry", "door.corp.example."), aRecord("corp.example", "door", "10.0.1.5")}, want: mine},
		{about: "an alias of itself", documents: []string{zoneLink("hub"), alias(PrivateLinkZone, "myregistry", "myregistry.privatelink.azurecr.io")}, want: zone + "/cname/myregistry", lenient: mine},
		{about: "names fold", registry: "MyRegistry", documents: []string{zoneLink("hub"), aRecord("PrivateLink.azurecr.io", "MYREGISTRY", "10.0.1.5")}, want: mine},
		{about: "another zone has nothing to do with it", documents: []string{linkOf("corp.example", "hub"), aRecord("corp.example", "myregistry", "10.0.1.5")}, want: public},
	} {
		t.Run(row.about, func(t *testing.T) {
			base := geography
			if row.base != "" {
				base = strings.Split(row.base, "\x00")
			}
			s := stateOf(t, append(base[:len(base):len(base)], row.documents...)...)
			place, registry := row.place, row.registry
			if place == "" {
				place = "virtualMachines/jumpbox"
			}
			if registry == "" {
				registry = "myregistry"
			}
			p := s.mustResolve(t, place)
			check := func(s *State, want string) {
				t.Helper()
				if want == public {
					want = ""
				}
				got := Route(s, p, registry)
				if got.EndpointID != want {
					t.Errorf("%s → %s goes through %q, want %q", place, registry, got.EndpointID, want)
				}
				if want == "" && got.Peer != p.Address || want != "" && got.Peer != p.Private {
					t.Errorf("the peer is %s of %+v", got.Peer, p)
				}
			}
			check(s, cmp.Or(row.lenient, row.want))
			strict, err := s.apply(Change{Put: []Document{parsed(t, quirk)}})
			if err != nil {
				t.Fatal(err)
			}
			check(strict, row.want)
		})
	}
}

// TestServiceEndpoint: a subnet is seen as such only through a service endpoint for registries.
func TestServiceEndpoint(t *testing.T) {
	const of = `"serviceEndpoints": [{"service": "microsoft.containerregistry"}]`
	for _, row := range []struct {
		endpoints string
		seen      bool
	}{
		{of, true},
		{`"serviceEndpoints": [{"service": "Microsoft.Storage"}, {"service": "Microsoft.ContainerRegistry"}]`, true},
		{`"serviceEndpoints": [{"service": "Microsoft.Storage"}]`, false},
		{`"serviceEndpoints": []`, false},
		{`"delegations": []`, false},
	} {
		s := stateOf(t, strings.Split(strings.ReplaceAll(strings.Join(geography, "\x00"), of, row.endpoints), "\x00")...)
		p := s.mustResolve(t, "virtualMachines/jumpbox")
		want := ""
		if row.seen {
			want = p.Subnet
		}
		if got := Route(s, p, "my"); got.Subnet != want || got.Peer != p.Address {
			t.Errorf("with %s: %+v, want the subnet %q", row.endpoints, got, want)
		}
	}
}

// TestOutbound: the NAT gateway's address goes before the machine's own, and that before the derived one.
func TestOutbound(t *testing.T) {
	const nic = `{"id": "` + group + `Microsoft.Network/networkInterfaces/inner-nic", "properties": {"ipConfigurations": [{"properties": {
		"subnet": {"id": "` + group + `Microsoft.Network/virtualNetworks/spoke/subnets/app"}, "privateIPAddress": "10.1.1.9",
		"publicIPAddress": {"id": "` + group + `Microsoft.Network/publicIPAddresses/jumpbox-ip"}}}]}}`
	const prefix = `{"id": "` + group + `Microsoft.Network/publicIPPrefixes/block", "properties": {"ipPrefix": "203.0.113.96/28"}}`
	gateway := func(of string) string {
		return `{"id": "` + group + `Microsoft.Network/natGateways/way-out", "properties": {` + of + `}}`
	}
	for _, row := range []struct{ gateway, want string }{
		{`"publicIpAddresses": [{"id": "` + group + `Microsoft.Network/publicIPAddresses/nat-ip"}]`, "203.0.113.50"},
		{`"publicIpPrefixes": [{"id": "` + group + `Microsoft.Network/publicIPPrefixes/block"}]`, "203.0.113.96"},
		{``, "203.0.113.60"},
	} {
		s := stateOf(t, append(geography[:len(geography):len(geography)], nic, prefix, gateway(row.gateway))...)
		if p := s.mustResolve(t, "networkInterfaces/inner-nic"); p.Address.String() != row.want {
			t.Errorf("with a gateway of {%s} the address is %s, want %s", row.gateway, p.Address, row.want)
		}
	}
}
