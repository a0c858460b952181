package emulator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/store"
	"github.com/acrlocal/acrlocal/emulator/internal/store/sqlite"
	"github.com/acrlocal/acrlocal/gate"
	"github.com/acrlocal/acrlocal/identity"
)

// testCore is a core with nothing around it. A setting named after a registry turns the quirk of tasks on.
func testCore(t testing.TB, documents []azure.Document) *core {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	c := &core{store: db, projection: testProjection(), swapped: func(*gate.Snapshot) {}, removed: func(azure.ResourceID) {}, changed: func([]string) {}}
	if err := c.replace(t.Context(), documents); err != nil {
		t.Fatal(err)
	}
	return c
}

func testProjection() projection {
	return projection{
		quirks: func(s *azure.State, registry azure.ResourceID) gate.Quirks {
			_, on := s.Get(azure.SettingsID(registry.Name()).Key())
			return gate.Quirks{TasksNeedFlag: on}
		},
		services: func(s *azure.State) []gate.TrustedService {
			if _, none := s.Get(azure.SettingsID("services").Key()); none {
				return []gate.TrustedService{}
			}
			return gate.TrustedServices()
		},
	}
}

// dice makes random changes to a small Azure: few names, so that what is put, replaced and removed meets again.
type dice struct {
	*rand.Rand
	*testing.T
}

func (d dice) of(names ...string) string { return names[d.IntN(len(names))] }

func (d dice) id(text string) azure.ResourceID {
	d.Helper()
	id, err := azure.ParseResourceID(text)
	if err != nil {
		d.Fatal(err)
	}
	return id
}

const (
	managementGroups = "/providers/Microsoft.Management/managementGroups/"
	registriesBelow  = testGroup + "/providers/Microsoft.ContainerRegistry/registries/"
	networkBelow     = testGroup + "/providers/Microsoft.Network/"
	customRole       = "acac10ca-7000-4000-8000-00000000000"
	graphObject      = "acac10ca-8000-4000-8000-00000000000"
)

func (d dice) registry() string {
	return registriesBelow + d.of("first", "second", "firstsecond")
}

func (d dice) host() string {
	return testGroup + "/providers/" + d.of("Microsoft.ContainerInstance/containerGroups/a", "Microsoft.ContainerInstance/containerGroups/b",
		"Microsoft.Web/sites/a", "Microsoft.ContainerRegistry/registries/first/tasks/a")
}

func (d dice) identity() string {
	return testGroup + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/" + d.of("a", "b")
}

// principal is an object ID that may or may not exist.
func (d dice) principal() string {
	return d.of(graphObject+d.of("1", "2", "3", "4", "5"), azure.DerivedID(d.host()), azure.DerivedID(d.identity()))
}

func (d dice) scope() string {
	return d.of("", managementGroups+d.of("top", "low"), "/subscriptions/"+azure.DevelopmentSubscription, testGroup, d.registry())
}

// roll is one document, new or a new version of one that exists, and the ID to delete it by.
func (d dice) roll() azure.Document {
	kinds := []func() (string, map[string]any){
		d.rollRegistry, d.rollRegistry, d.rollHost, d.rollHost, d.rollAssignment, d.rollAssignment, d.rollAssignment, d.rollRole,
		d.rollScopeMap, d.rollToken, d.rollNetwork, d.rollEndpoint, d.rollConnection, d.rollInterface, d.rollGroups, d.rollPlace,
		d.rollSetting, d.rollUserAssigned, d.rollPassword,
	}
	if n := d.IntN(len(kinds) + 3); n < len(kinds) {
		id, body := kinds[n]()
		body["id"] = id
		return azure.Document{ID: d.id(id), Body: body}
	}
	if d.IntN(2) == 0 {
		return d.rollGroup()
	}
	name := graphObject + d.of("1", "2")
	return azure.Document{ID: azure.GraphID("users", name), Body: map[string]any{"id": name, "userPrincipalName": d.of("ann", "bob", "cleo")}}
}

func (d dice) rollGroup() azure.Document {
	name := graphObject + d.of("4", "5")
	members := []any{d.principal(), d.principal()}
	return azure.Document{ID: azure.GraphID("groups", name), Body: map[string]any{"id": name, "members": members}}
}

func (d dice) rollRegistry() (string, map[string]any) {
	rules := map[string]any{"defaultAction": d.of("Allow", "Deny", "Deny"), "ipRules": []any{map[string]any{"value": d.of("203.0.113.0/24", "198.51.100.7")}}}
	if d.IntN(4) == 0 {
		rules["virtualNetworkRules"] = []any{map[string]any{"id": networkBelow + "virtualNetworks/net/subnets/a"}}
	}
	return d.registry(), map[string]any{"location": "westeurope", "sku": map[string]any{"name": "Premium"}, "properties": map[string]any{
		"networkRuleSet": rules, "publicNetworkAccess": d.of("Enabled", "Disabled"), "networkRuleBypassOptions": d.of("AzureServices", "None"),
		"roleAssignmentMode": d.of("LegacyRegistryPermissions", "AbacRepositoryPermissions"), "adminUserEnabled": d.IntN(2) == 0,
	}}
}

func (d dice) rollHost() (string, map[string]any) {
	used := map[string]any{"type": "UserAssigned", "userAssignedIdentities": map[string]any{d.identity(): map[string]any{}}}
	switch d.IntN(3) {
	case 0:
		used = map[string]any{"type": "SystemAssigned"}
	case 1:
		used["type"] = "SystemAssigned, UserAssigned"
	}
	return d.host(), map[string]any{"location": "westeurope", "identity": used}
}

func (d dice) rollUserAssigned() (string, map[string]any) {
	return d.identity(), map[string]any{"location": "westeurope"}
}

func (d dice) rollAssignment() (string, map[string]any) {
	role := d.of("7f951dda-4ed3-4680-a7ca-43fe172d538d", "8311e382-0749-4cb8-b61a-304f252e45ec", customRole+d.of("1", "2"),
		"b93aa761-3e63-49ed-ac28-beffa264f7ac")
	properties := map[string]any{
		"principalId": d.principal(), "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/" + role,
	}
	if d.IntN(4) == 0 {
		properties["condition"] = "@Request[Microsoft.ContainerRegistry/registries/repositories:name] StringEquals 'hello'"
	}
	name := fmt.Sprintf("acac10ca-9000-4000-8000-%012d", d.IntN(12))
	return d.scope() + "/providers/Microsoft.Authorization/roleAssignments/" + name, map[string]any{"properties": properties}
}

func (d dice) rollRole() (string, map[string]any) {
	name := customRole + d.of("1", "2")
	return "/subscriptions/" + azure.DevelopmentSubscription + "/providers/Microsoft.Authorization/roleDefinitions/" + name, map[string]any{
		"properties": map[string]any{"roleName": "custom " + name[len(name)-1:], "permissions": []any{map[string]any{
			"actions": []any{d.of("*", "Microsoft.ContainerRegistry/registries/*/read", "Microsoft.ContainerRegistry/registries/pull/read")},
			"notActions": []any{
				d.of("Microsoft.ContainerRegistry/registries/push/write", "Microsoft.ContainerRegistry/registries/pull/*"),
			},
		}}, "assignableScopes": []any{"/subscriptions/" + azure.DevelopmentSubscription}},
	}
}

func (d dice) rollScopeMap() (string, map[string]any) {
	return d.registry() + "/scopeMaps/map", map[string]any{"properties": map[string]any{
		"actions": []any{"repositories/" + d.of("hello", "other") + "/content/" + d.of("read", "write")},
	}}
}

func (d dice) rollToken() (string, map[string]any) {
	registry := d.registry()
	return registry + "/tokens/" + d.of("a", "b"), map[string]any{"properties": map[string]any{
		"scopeMapId": registry + "/scopeMaps/map", "status": d.of("enabled", "disabled"),
	}}
}

func (d dice) rollPassword() (string, map[string]any) {
	return d.registry() + d.of("", "/tokens/a", "/tokens/b") + "/credentials/default", map[string]any{"properties": map[string]any{
		"passwords": []any{map[string]any{"name": "password1", "value": d.of("first", "second")}},
	}}
}

func (d dice) rollNetwork() (string, map[string]any) {
	return networkBelow + "virtualNetworks/" + d.of("net", "other"), map[string]any{"location": "westeurope", "properties": map[string]any{
		"addressSpace": map[string]any{"addressPrefixes": []any{d.of("10.0.0.0/16", "10.0.0.0/8")}},
		"subnets":      []any{map[string]any{"name": "a", "properties": map[string]any{"addressPrefix": "10.0.0.0/24"}}},
	}}
}

// doors are private endpoints, each with the registry that it leads to and addresses of its own.
var doors = []struct{ name, registry, shown, interface1, interface2 string }{
	{"door", "first", "10.0.0.4", "10.0.0.6", "10.0.0.8"},
	{"gate", "second", "10.0.0.5", "10.0.0.7", "10.0.0.9"},
}

func (d dice) rollEndpoint() (string, map[string]any) {
	door := doors[d.IntN(len(doors))]
	return networkBelow + "privateEndpoints/" + door.name, map[string]any{"location": "westeurope", "properties": map[string]any{
		"networkInterfaces": []any{map[string]any{"id": networkBelow + "networkInterfaces/" + door.name}},
		"subnet":            map[string]any{"id": networkBelow + "virtualNetworks/" + d.of("net", "other") + "/subnets/a"},
		"privateLinkServiceConnections": []any{map[string]any{"name": "c", "properties": map[string]any{
			"privateLinkServiceId": registriesBelow + door.registry, "groupIds": []any{"registry"},
			"privateLinkServiceConnectionState": map[string]any{"status": d.of("Approved", "Pending", "Rejected")},
		}}},
		"customDnsConfigs": []any{map[string]any{"fqdn": door.registry + ".azurecr.io", "ipAddresses": []any{d.of(door.shown, door.interface2)}}},
	}}
}

func (d dice) rollConnection() (string, map[string]any) {
	door := doors[d.IntN(len(doors))]
	return registriesBelow + door.registry + "/privateEndpointConnections/" + d.of("x", "y"), map[string]any{"properties": map[string]any{
		"privateEndpoint":                   map[string]any{"id": networkBelow + "privateEndpoints/" + d.of(door.name, "elsewhere")},
		"privateLinkServiceConnectionState": map[string]any{"status": d.of("Approved", "Approved", "Pending", "Rejected", "Disconnected")},
	}}
}

func (d dice) rollInterface() (string, map[string]any) {
	door := doors[d.IntN(len(doors))]
	return networkBelow + "networkInterfaces/" + door.name, map[string]any{"location": "westeurope", "properties": map[string]any{
		"privateEndpoint": map[string]any{"id": networkBelow + "privateEndpoints/" + door.name},
		"ipConfigurations": []any{map[string]any{"name": "a", "properties": map[string]any{
			"privateIPAddress": d.of(door.interface1, door.interface2), "subnet": map[string]any{"id": networkBelow + "virtualNetworks/net/subnets/a"},
		}}},
	}}
}

func (d dice) rollGroups() (string, map[string]any) {
	if d.IntN(2) == 0 {
		return managementGroups + "top", map[string]any{"properties": map[string]any{"displayName": "top"}}
	}
	return managementGroups + "low", map[string]any{"properties": map[string]any{
		"details": map[string]any{"parent": map[string]any{"id": managementGroups + d.of("top", "root")}},
	}}
}

func (d dice) rollPlace() (string, map[string]any) {
	return managementGroups + d.of("top", "low") + "/subscriptions/" + azure.DevelopmentSubscription, map[string]any{}
}

func (d dice) rollSetting() (string, map[string]any) {
	return azure.SettingsID(d.of("first", "second", "services")).String(), map[string]any{}
}

// change is up to three documents put and up to two removed.
func (d dice) change() azure.Change {
	var c azure.Change
	for range 1 + d.IntN(3) {
		put := d.roll()
		c.Put = append(c.Put, put)
		if put.Type() == azure.TypeManagementSubscription { // it is in one group at a time
			for _, group := range []string{"top", "low"} {
				c.Delete = append(c.Delete, azure.Fold(managementGroups+group+"/subscriptions/"+azure.DevelopmentSubscription))
			}
		}
	}
	for range d.IntN(3) {
		c.Delete = append(c.Delete, d.roll().ID.Key())
	}
	return c
}

// TestProjectionIncremental: whatever changes came before, the world is the one that its documents alone would make.
func TestProjectionIncremental(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			d := dice{rand.New(rand.NewPCG(seed, 7)), t}
			c := testCore(t, developmentDocuments())
			applied := 0
			var former []string // everybody who ever existed
			for range 300 {
				before := c.world.Load()
				change, err := before.state.Complete(d.change(), azure.Author{Operator: true})
				if err != nil {
					continue
				}
				if _, err := c.Apply(t.Context(), change); err != nil {
					if c.world.Load() != before {
						t.Fatalf("a change that failed took effect: %v", err)
					}
					continue
				}
				applied++
				former = slices.Compact(slices.Sorted(slices.Values(append(former, idsIn(before.people)...))))
				if !sameAsCompiled(t, c, former) {
					t.Fatalf("after %d changes, the last of which put %v and deleted %v", applied, idsOf(change.Put), change.Delete)
				}
			}
			if applied < 150 {
				t.Errorf("only %d of 300 changes were applied: the test shows little", applied)
			}
			stored(t, c)
		})
	}
}

func idsIn(d *directory) (ids []string) {
	for _, p := range d.bySource {
		ids = append(ids, p.ID)
	}
	return ids
}

func idsOf(documents []azure.Document) (ids []string) {
	for _, d := range documents {
		ids = append(ids, d.ID.String())
	}
	return ids
}

// sameAsCompiled compares the world with one compiled from scratch.
func sameAsCompiled(t *testing.T, c *core, former []string) bool {
	t.Helper()
	now := c.world.Load()
	var documents []azure.Document
	for _, d := range now.state.All() {
		documents = append(documents, *d)
	}
	fresh, err := c.compile(documents, now.revision)
	if err != nil {
		t.Errorf("what was applied in steps cannot be compiled: %v", err)
		return false
	}
	if diff := cmp.Diff(fresh.people, now.people, cmp.AllowUnexported(directory{})); diff != "" {
		t.Errorf("directory (-compiled +applied):\n%s", diff)
	}
	for _, id := range slices.Concat(former, idsIn(fresh.people)) {
		want, was := fresh.snapshot.Principal(id)
		if got, is := now.snapshot.Principal(id); is != was || !reflect.DeepEqual(got, want) {
			t.Errorf("principal %s is %+v, compiled %+v", id, got, want)
		}
	}
	for _, q := range probes(fresh) {
		got, want := now.snapshot.Decide(q), fresh.snapshot.Decide(q)
		if got.Verdict != want.Verdict || got.Reason() != want.Reason() {
			t.Errorf("%+v\napplied:  %v\ncompiled: %v", q, got.Steps(), want.Steps())
		}
	}
	compareRegistries(t, now, fresh)
	return !t.Failed()
}

func compareRegistries(t *testing.T, now, fresh *world) {
	t.Helper()
	for _, name := range []string{"first", "second", "firstsecond"} {
		got, is := now.snapshot.Registry(name)
		want, was := fresh.snapshot.Registry(name)
		if is != was || !reflect.DeepEqual(got, want) {
			t.Errorf("registry %s: %+v\ncompiled: %+v", name, got, want)
		}
		for _, token := range got.Tokens {
			for _, p := range token.Passwords {
				a, okA := now.snapshot.Password(name, token.Name, p.Value, time.Now())
				b, okB := fresh.snapshot.Password(name, token.Name, p.Value, time.Now())
				if okA != okB || !reflect.DeepEqual(a, b) {
					t.Errorf("token %s: %+v, compiled %+v", token.Name, a, b)
				}
			}
		}
	}
	for _, address := range []string{"10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8"} {
		got, _ := now.snapshot.RegistryAt(netip.MustParseAddr(address))
		if want, _ := fresh.snapshot.RegistryAt(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s leads to %q, compiled to %q", address, got, want)
		}
	}
}

// everybody are the object IDs of all who may exist.
var everybody = []string{graphObject + "1", graphObject + "2", graphObject + "3", graphObject + "4", graphObject + "9"}

// probes ask as everybody, from everywhere, for a little.
func probes(w *world) []gate.Request {
	var all []gate.Request
	callers := []gate.Credential{{}}
	for _, name := range everybody {
		callers = append(callers, gate.Credential{Kind: gate.EntraToken, Holder: gate.PrincipalHolder, Name: name})
	}
	for _, p := range w.people.bySource {
		who := caller{principal: p, known: true}
		if len(p.Hosts) > 0 {
			who.host = p.Hosts[0]
		}
		callers = append(callers, who.credential())
	}
	for _, registry := range []string{"first", "second", "firstsecond"} {
		for _, from := range probeSources(w) {
			for _, credential := range callers {
				for _, kind := range []gate.OperationKind{gate.OpPull, gate.OpPush} {
					all = append(all, gate.Request{
						Registry: registry, Surface: gate.RegistryAPI, Source: from, Credential: credential,
						Operation: gate.Operation{Kind: kind, Repository: "hello"},
					})
				}
			}
		}
	}
	return all
}

func probeSources(w *world) []gate.Source {
	sources := []gate.Source{
		{Peer: netip.MustParseAddr("203.0.113.9")},
		{Peer: netip.MustParseAddr("198.51.100.7")},
		{Peer: netip.MustParseAddr("10.0.0.9")},
		{Peer: netip.MustParseAddr("10.9.0.9"), Dialled: netip.MustParseAddr("10.0.0.4")},
		{Peer: netip.MustParseAddr("192.0.2.1"), Dialled: netip.MustParseAddr("10.0.0.6")},
		{Peer: netip.MustParseAddr("192.0.2.1"), Subnet: azure.Fold(networkBelow + "virtualNetworks/net/subnets/a")},
		{Peer: netip.MustParseAddr("192.0.2.1"), Network: azure.Fold(networkBelow + "virtualNetworks/net")},
	}
	for _, d := range w.state.OfType(azure.TypePrivateEndpointConnection) {
		sources = append(sources, gate.Source{Peer: netip.MustParseAddr("10.0.0.9"), Endpoint: d.ID.Key()})
	}
	return sources
}

// stored checks that the store holds what the world holds: a core that loads it is the same.
func stored(t *testing.T, c *core) {
	t.Helper()
	again := &core{store: c.store, projection: c.projection, swapped: func(*gate.Snapshot) {}, changed: func([]string) {}}
	if kept, err := again.load(t.Context()); err != nil || !kept {
		t.Fatalf("load: %v, %v", kept, err)
	}
	a, b := c.world.Load(), again.world.Load()
	if a.revision != b.revision || a.snapshot.Revision() != b.snapshot.Revision() {
		t.Errorf("revision %d is stored as %d", a.revision, b.revision)
	}
	if diff := cmp.Diff(bodies(a), bodies(b)); diff != "" {
		t.Errorf("stored documents differ (-world +store):\n%s", diff)
	}
}

func bodies(w *world) map[string]map[string]any {
	all := map[string]map[string]any{}
	for _, d := range w.state.All() {
		all[d.ID.Key()] = d.Body
	}
	return all
}

// brokenStore refuses writes.
type brokenStore struct{ store.Store }

var errDisk = errors.New("the disk is full")

func (brokenStore) Apply(context.Context, []store.Change) (int64, error) { return 0, errDisk }

// TestApplyFails: what cannot be stored, projected or compiled changes nothing.
func TestApplyFails(t *testing.T) {
	documents := func(t *testing.T, id, properties string) azure.Change {
		t.Helper()
		d, err := azure.ParseDocument([]byte(`{"id": "` + id + `", "location": "westeurope", "properties": ` + properties + `}`))
		if err != nil {
			t.Fatal(err)
		}
		return azure.Change{Put: []azure.Document{d}}
	}
	for _, c := range []struct {
		name       string
		id         string
		properties string
		broken     bool
	}{
		{"an IP rule that is none", registriesBelow + "first", `{"networkRuleSet": {"ipRules": [{"value": "nowhere"}]}}`, false},
		{"a member of the wrong type", registriesBelow + "first", `{"publicNetworkAccess": "Perhaps"}`, false},
		{
			"a condition that cannot be read", registriesBelow + "first/providers/Microsoft.Authorization/roleAssignments/" + graphObject + "1",
			`{"principalId": "` + graphObject + `1", "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/7f951dda-4ed3-4680-a7ca-43fe172d538d", "condition": "@@"}`, false,
		},
		{"a store that fails", registriesBelow + "first", `{}`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			core := testCore(t, developmentDocuments())
			if c.broken {
				core.store = brokenStore{core.store}
			}
			core.swapped = func(*gate.Snapshot) { t.Error("a snapshot was put into force") }
			before := core.world.Load()
			if _, err := core.Apply(t.Context(), documents(t, c.id, c.properties)); err == nil {
				t.Fatal("the change was applied")
			}
			if core.world.Load() != before {
				t.Error("the world changed")
			}
			stored(t, core)
		})
	}
}

// TestPrincipalMoves: an object ID that one document gives up and another takes in the same change goes on to exist.
func TestPrincipalMoves(t *testing.T) {
	host := func(name string) azure.Document {
		id, err := azure.ParseResourceID(testGroup + "/providers/Microsoft.ContainerInstance/containerGroups/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return azure.Document{ID: id, Body: map[string]any{
			"id": id.String(), "location": "westeurope", "identity": map[string]any{"type": "SystemAssigned", "principalId": graphObject + "7"},
		}}
	}
	for _, names := range [][2]string{{"a", "b"}, {"b", "a"}} {
		c := testCore(t, append(developmentDocuments(), host(names[0])))
		_, err := c.Apply(t.Context(), azure.Change{Delete: []string{host(names[0]).ID.Key()}, Put: []azure.Document{host(names[1])}})
		if err != nil {
			t.Fatal(err)
		}
		sameAsCompiled(t, c, []string{graphObject + "7"})
		if p, ok := c.world.Load().people.Find(identity.ByObjectID, graphObject+"7"); !ok || p.DisplayName != names[1] {
			t.Errorf("the identity belongs to %+v", p)
		}
	}
}
