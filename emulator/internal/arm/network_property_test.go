package arm_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// networkDice rolls writes of a small network, so that names, ranges and addresses meet.
type networkDice struct{ *rand.Rand }

func (d networkDice) of(words ...string) string { return words[d.IntN(len(words))] }

func (d networkDice) network() string {
	return expand("{net}/virtualNetworks/") + d.of("hub", "spoke", "island")
}

func (d networkDice) subnet() string { return d.network() + "/subnets/" + d.of("app", "tiny", "wide") }

func (d networkDice) prefix() string {
	return d.of("10.0.1.0/24", "10.0.2.0/29", "10.0.2.0/28", "10.1.0.0/29", "10.1.1.0/24", "10.2.0.0/29", "10.2.0.8/29")
}

func (d networkDice) address() string {
	return fmt.Sprintf("10.%d.%d.%d", d.IntN(3), d.IntN(3), d.IntN(10))
}

type object = map[string]any

func ref(id string) object { return object{"id": id} }

// roll makes one write: its method, its ID and its body.
func (d networkDice) roll() (method, id string, body object) {
	if d.IntN(5) == 0 {
		method = http.MethodDelete
	} else {
		method = http.MethodPut
	}
	rolls := []func() (string, object){d.rollNetwork, d.rollSubnet, d.rollPeering, d.rollInterface, d.rollInterface, d.rollEndpoint, d.rollEndpoint, d.rollGroup, d.rollReplication}
	id, body = rolls[d.IntN(len(rolls))]()
	return method, id, body
}

func (d networkDice) rollNetwork() (string, object) {
	p := object{"addressSpace": object{"addressPrefixes": []any{d.of("10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/16", "10.0.0.0/8")}}}
	if d.IntN(2) == 0 {
		p["subnets"] = []any{object{"name": d.of("app", "tiny", "wide"), "properties": object{"addressPrefix": d.prefix()}}}
	}
	return d.network(), object{"location": "westeurope", "properties": p}
}

func (d networkDice) rollSubnet() (string, object) {
	return d.subnet(), object{"properties": object{"addressPrefix": d.prefix()}}
}

func (d networkDice) rollPeering() (string, object) {
	return d.network() + "/virtualNetworkPeerings/" + d.of("a", "b"), object{"properties": object{"remoteVirtualNetwork": ref(d.network())}}
}

func (d networkDice) rollInterface() (string, object) {
	var configurations []any
	for range 1 + d.IntN(2) {
		c := object{"subnet": ref(d.subnet())}
		if d.IntN(2) == 0 {
			c["privateIPAllocationMethod"] = d.of("Static", "Dynamic")
			c["privateIPAddress"] = d.address()
		}
		configurations = append(configurations, object{"name": d.of("x", "y"), "properties": c})
	}
	return expand("{net}/networkInterfaces/") + d.of("one", "two", "three"), object{"location": "westeurope", "properties": object{"ipConfigurations": configurations}}
}

func (d networkDice) rollEndpoint() (string, object) {
	p := object{"subnet": ref(d.subnet()), "privateLinkServiceConnections": []any{
		object{"name": "c", "properties": object{"privateLinkServiceId": expand("{acr}/First"), "groupIds": []any{"registry"}}},
	}}
	if d.IntN(3) == 0 {
		p["ipConfigurations"] = []any{object{"name": "s", "properties": object{"memberName": d.of("registry", "registry_data_westeurope", "other"), "privateIPAddress": d.address()}}}
	}
	if d.IntN(3) == 0 {
		p["customNetworkInterfaceName"] = d.of("one", "custom")
	}
	return expand("{net}/privateEndpoints/") + d.of("door", "gate"), object{"location": "westeurope", "properties": p}
}

func (d networkDice) rollGroup() (string, object) {
	return expand("{aci}/") + d.of("worker", "helper"), object{"location": "westeurope", "properties": object{
		"subnetIds": []any{ref(d.subnet())}, "containers": []any{}, "ipAddress": object{"type": "Private", "ip": d.address(), "ports": []any{}},
	}}
}

func (d networkDice) rollReplication() (string, object) {
	region := d.of("northeurope", "eastus", "westus")
	return expand("{acr}/First/replications/") + region, object{"location": region}
}

// TestNetworkWrites: after any writes, whichever of them ARM takes, no address of a network has two holders, every address
// is inside its subnet, a peering is connected exactly if there is one back, and an endpoint has an interface of its own.
func TestNetworkWrites(t *testing.T) {
	const runs, writes = 40, 120
	taken := 0
	for seed := range uint64(runs) {
		b := fixture(t)
		handler, dice := newServer(b), networkDice{rand.New(rand.NewPCG(seed, 1))}
		for i := range writes {
			method, id, body := dice.roll()
			text, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			got := send(handler, newRequest("owner", method, id, string(text)))
			if got.Code >= http.StatusInternalServerError {
				t.Fatalf("seed %d, write %d: %s %s %s: %d %s", seed, i, method, id, text, got.Code, got.Body)
			}
			if got.Code < http.StatusBadRequest {
				taken++
			}
			if problem := networkProblem(b.State()); problem != "" {
				t.Fatalf("seed %d, write %d: after %s %s %s: %s", seed, i, method, id, text, problem)
			}
		}
	}
	if taken < runs*writes/4 {
		t.Errorf("ARM took only %d of %d writes", taken, runs*writes)
	}
}

// networkProblem says which promise the state breaks; empty if none.
func networkProblem(s *azure.State) string {
	holders := map[string]string{}
	for _, d := range s.OfType(azure.TypeNetworkInterface) {
		n, err := azure.ReadNetworkInterface(*d)
		if err != nil {
			return err.Error()
		}
		for i, a := range n.Addresses {
			if problem := heldProblem(s, holders, fmt.Sprintf("%s/%d", d.ID, i), a.Subnet, a.Private); problem != "" {
				return problem
			}
		}
	}
	for _, d := range s.OfType(azure.TypeContainerGroup) {
		p := d.Body["properties"].(object)
		subnet := azure.MustParseResourceID(p["subnetIds"].([]any)[0].(object)["id"].(string))
		address := netip.MustParseAddr(p["ipAddress"].(object)["ip"].(string))
		if problem := heldProblem(s, holders, d.ID.String(), subnet, address); problem != "" {
			return problem
		}
	}
	if problem := peeringProblem(s); problem != "" {
		return problem
	}
	return endpointProblem(s)
}

func heldProblem(s *azure.State, holders map[string]string, holder string, subnet azure.ResourceID, address netip.Addr) string {
	d, found := s.Get(subnet.Key())
	if !found {
		return fmt.Sprintf("%s is in the subnet %s, which is gone", holder, subnet)
	}
	view, err := azure.ReadSubnet(*d)
	if err != nil {
		return err.Error()
	}
	network, _ := subnet.Parent()
	place := network.Key() + " " + address.String()
	if other := holders[place]; other != "" {
		return fmt.Sprintf("%s and %s both have %s", holder, other, place)
	}
	holders[place] = holder
	for _, p := range view.Prefixes {
		if p.Contains(address) {
			return ""
		}
	}
	return fmt.Sprintf("%s has %s, outside %v", holder, address, view.Prefixes)
}

func peeringProblem(s *azure.State) string {
	for _, d := range s.OfType(azure.TypePeering) {
		p, err := azure.ReadPeering(*d)
		if err != nil {
			return err.Error()
		}
		network, _ := d.ID.Parent()
		back := false
		for _, other := range s.PeeringsOf(p.Remote) {
			back = back || other.Remote.Key() == network.Key()
		}
		if p.Open != back {
			return fmt.Sprintf("%s is connected: %t, there is one back: %t", d.ID, p.Open, back)
		}
	}
	return ""
}

func endpointProblem(s *azure.State) string {
	used := map[string]string{}
	for _, d := range s.OfType(azure.TypePrivateEndpoint) {
		e, err := azure.ReadPrivateEndpoint(*d)
		if err != nil {
			return err.Error()
		}
		if len(e.Interfaces) != 1 || used[e.Interfaces[0].Key()] != "" {
			return fmt.Sprintf("%s has the interfaces %v", d.ID, e.Interfaces)
		}
		used[e.Interfaces[0].Key()] = d.ID.String()
		nic, found := s.Get(e.Interfaces[0].Key())
		if !found {
			return fmt.Sprintf("%s is gone", e.Interfaces[0])
		}
		n, err := azure.ReadNetworkInterface(*nic)
		if want := 1 + len(azure.Regions(s, azure.MustParseResourceID(expand("{acr}/First")))); err != nil || n.PrivateEndpoint.Key() != d.ID.Key() || len(n.Addresses) != want {
			return fmt.Sprintf("%s is %+v, with %d addresses wanted: %v", nic.ID, n, want, err)
		}
	}
	for _, d := range s.OfType(azure.TypeNetworkInterface) {
		if n, _ := azure.ReadNetworkInterface(*d); !n.PrivateEndpoint.IsZero() && used[d.ID.Key()] == "" {
			return fmt.Sprintf("%s belongs to an endpoint that is gone", d.ID)
		}
	}
	return ""
}
