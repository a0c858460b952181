package azure

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	hub      = testGroup + "/providers/Microsoft.Network/virtualNetworks/hub"
	door     = testGroup + "/providers/Microsoft.Network/privateEndpoints/door"
	worker   = testGroup + "/providers/Microsoft.ContainerInstance/containerGroups/worker"
	uses     = testGroup + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/uses"
	aSubnet  = hub + "/subnets/a"
	premium  = `{"id": "` + testRegistry + `", "sku": {"name": "Premium"}, "location": "westeurope"}`
	aNetwork = `{"id": "` + hub + `", "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
		"subnets": [{"name": "a", "properties": {"addressPrefix": "10.0.0.0/29"}}, {"name": "b", "properties": {"addressPrefix": "10.0.1.0/24"}}]}}`
	aDoor = `{"id": "` + door + `", "properties": {"subnet": {"id": "` + aSubnet + `"},
		"privateLinkServiceConnections": [{"name": "x", "properties": {"privateLinkServiceId": "` + testRegistry + `", "groupIds": ["registry"]}}]}}`
)

// operator writes as the author of a seed does; client as anybody else.
var (
	operator = Author{Operator: true, NewPassword: func() string { return "secret" }, Now: func() time.Time { return time.Unix(0, 0) }}
	client   = Author{NewPassword: operator.NewPassword, Now: operator.Now}
	approver = Author{NewPassword: operator.NewPassword, Now: operator.Now, MayApprove: func(ResourceID) bool { return true }}
)

// write completes and applies a change of documents given as JSON.
func write(t *testing.T, s *State, by Author, documents ...string) *State {
	t.Helper()
	var c Change
	for _, text := range documents {
		d, err := ParseDocument([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		c.Put = append(c.Put, d)
	}
	return apply(t, s, by, c)
}

func apply(t *testing.T, s *State, by Author, c Change) *State {
	t.Helper()
	before, err := json.Marshal(s.All())
	if err != nil {
		t.Fatal(err)
	}
	c, err = s.Complete(c, by)
	if err != nil {
		t.Fatal(err)
	}
	next, err := s.With(c)
	if err != nil {
		t.Fatal(err)
	}
	if after, err := json.Marshal(s.All()); err != nil || string(after) != string(before) {
		t.Errorf("a document of the state changed: %v\n%s\n%s", err, before, after)
	}
	return next
}

// at returns a member of a document at a path such as properties.loginServer, as JSON.
func at(t *testing.T, s *State, id, path string) string {
	t.Helper()
	d, ok := s.Get(id)
	if !ok {
		return "no document"
	}
	var value any = d.Body
	for _, name := range strings.Split(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[name]
		case []any:
			value = v[name[0]-'0']
		}
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestComplete: what Azure adds to a document that says little.
func TestComplete(t *testing.T) {
	s := write(t, nil, operator,
		`{"id": "/subscriptions/`+DevelopmentSubscription+`"}`, `{"id": "`+testGroup+`", "location": "northeurope"}`,
		`{"id": "`+testGroup+`/providers/microsoft.containerregistry/Registries/Standard1"}`, premium, aNetwork, aDoor,
		`{"id": "`+worker+`", "identity": {"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {"`+uses+`": {}}}}`,
		`{"id": "`+uses+`"}`,
		`{"id": "`+testRegistry+`/tokens/ci", "properties": {"scopeMapId": "`+testRegistry+`/scopeMaps/_repositories_pull",
			"credentials": {"passwords": [{"name": "password1", "value": "hush", "expiry": "2030-01-31T12:00:00Z"}]}}}`,
		`{"id": "`+testRegistry+`/providers/Microsoft.Authorization/roleAssignments/a", "properties": {"principalId": "p",
			"roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/r", "condition": "true"}}`,
		`{"@odata.type": "#microsoft.graph.user", "id": "u"}`,
	)
	plain := testGroup + "/providers/Microsoft.ContainerRegistry/registries/standard1"
	connection := s.OfType(TypePrivateEndpointConnection)[0].ID.String()
	for _, row := range []struct{ id, path, want string }{
		{"/subscriptions/" + DevelopmentSubscription, "state", `"Enabled"`},
		{testGroup, "properties.provisioningState", `"Succeeded"`},
		{plain, "type", `"Microsoft.ContainerRegistry/registries"`},
		{plain, "name", `"Standard1"`},
		{plain, "location", `"northeurope"`},
		{plain, "sku.name", `"Standard"`},
		{plain, "properties.loginServer", `"standard1.azurecr.io"`},
		{plain, "properties.publicNetworkAccess", `"Enabled"`},
		{plain, "properties.networkRuleBypassOptions", `"AzureServices"`},
		{plain, "properties.networkRuleBypassAllowedForTasks", `null`},
		{plain, "properties.networkRuleSet", `null`},
		{testRegistry, "properties.networkRuleSet.defaultAction", `"Allow"`},
		{testRegistry, "properties.dataEndpointEnabled", `true`},
		{testRegistry + "/scopeMaps/_repositories_push", "properties.actions", `["repositories/*/content/read","repositories/*/content/write"]`},
		{testRegistry + "/credentials/default", "properties.passwords.1", `{"name":"password2","value":"secret"}`},
		{testRegistry + "/tokens/ci", "properties.credentials.passwords", `null`},
		{testRegistry + "/tokens/ci", "properties.status", `"enabled"`},
		{testRegistry + "/tokens/ci/credentials/default", "properties.passwords.0.value", `"hush"`},
		{hub, "properties.subnets", `null`},
		{aSubnet, "properties.addressPrefix", `"10.0.0.0/29"`},
		{door, "properties.customDnsConfigs.0", `{"fqdn":"myregistry.azurecr.io","ipAddresses":["10.0.0.4"]}`},
		{door, "properties.customDnsConfigs.1", `{"fqdn":"myregistry.westeurope.data.azurecr.io","ipAddresses":["10.0.0.5"]}`},
		{door, "properties.privateLinkServiceConnections.0.properties.privateLinkServiceConnectionState.status", `"Approved"`},
		{connection, "properties.privateEndpoint.id", `"` + door + `"`},
		{connection, "properties.privateLinkServiceConnectionState.status", `"Approved"`},
		{worker, "identity.principalId", `"` + DerivedID(worker) + `"`},
		{worker, "identity.tenantId", `"` + DevelopmentTenant + `"`},
		{uses, "properties.principalId", `"` + DerivedID(uses) + `"`},
		{uses, "properties.clientId", `"` + DerivedID(uses+"/clientId") + `"`},
		{testRegistry + "/providers/Microsoft.Authorization/roleAssignments/a", "properties.scope", `"` + testRegistry + `"`},
		{testRegistry + "/providers/Microsoft.Authorization/roleAssignments/a", "properties.conditionVersion", `"2.0"`},
		{"/graph/users/u", "id", `"u"`},
	} {
		if got := at(t, s, row.id, row.path); got != row.want {
			t.Errorf("%s of %s is %s, want %s", row.path, row.id, got, row.want)
		}
	}
	if got, want := at(t, s, worker, "identity.userAssignedIdentities"), `{"`+uses+`":{"clientId":"`+DerivedID(uses+"/clientId")+`","principalId":"`+DerivedID(uses)+`"}}`; got != want {
		t.Errorf("the user-assigned identities are %s, want %s", got, want)
	}
}

// TestCompleteTwice: to complete what is complete changes nothing.
func TestCompleteTwice(t *testing.T) {
	s := write(t, nil, operator, premium, aNetwork, aDoor, `{"id": "`+worker+`", "identity": {"type": "SystemAssigned"}}`)
	var again Change
	for _, d := range s.All() {
		again.Put = append(again.Put, *d)
	}
	for name, by := range map[string]Author{"operator": operator, "client": client} {
		next := apply(t, s, by, again)
		a, _ := json.Marshal(s.All())
		b, _ := json.Marshal(next.All())
		if string(a) != string(b) {
			t.Errorf("completed again by the %s:\n%s\nbefore:\n%s", name, b, a)
		}
	}
}

// TestClientsCannotSay: what only Azure may say, a client says in vain.
func TestClientsCannotSay(t *testing.T) {
	base := write(t, nil, operator, premium, aNetwork)
	for _, row := range []struct {
		about, document, id, path string
		want, notWant             string
	}{
		{
			"whose identity a resource has", `{"id": "` + worker + `", "identity": {"type": "SystemAssigned", "principalId": "` + DevelopmentPrincipal + `"}}`,
			worker, "identity.principalId", "", `"` + DevelopmentPrincipal + `"`,
		},
		{
			"whose identity a user-assigned identity is", `{"id": "` + uses + `", "properties": {"principalId": "` + DevelopmentPrincipal + `", "clientId": "` + DevelopmentClientID + `"}}`,
			uses, "properties", "", DevelopmentPrincipal,
		},
		{
			"which application it is", `{"id": "` + uses + `", "properties": {"clientId": "` + DevelopmentClientID + `"}}`,
			uses, "properties.clientId", `"` + DerivedID(uses+"/clientId") + `"`, "",
		},
		{
			"what a token's password is", `{"id": "` + testRegistry + `/tokens/t", "properties": {"scopeMapId": "` + testRegistry + `/scopeMaps/_repositories_admin", "credentials": {"passwords": [{"name": "password1", "value": "mine"}]}}}`,
			testRegistry + "/tokens/t/credentials/default", "properties", "no document", "",
		},
		{
			"that a connection is approved", strings.Replace(aDoor, `"groupIds"`, `"privateLinkServiceConnectionState": {"status": "Approved"}, "groupIds"`, 1),
			door, "properties.privateLinkServiceConnections.0.properties.privateLinkServiceConnectionState.status", `"Pending"`, "",
		},
		{
			"what its login server is", `{"id": "` + testRegistry + `", "sku": {"name": "Premium"}, "properties": {"loginServer": "other.azurecr.io"}}`,
			testRegistry, "properties.loginServer", `"myregistry.azurecr.io"`, "",
		},
		{
			"which connections a registry has", `{"id": "` + testRegistry + `", "sku": {"name": "Premium"}, "properties": {"privateEndpointConnections": [{"name": "x"}]}}`,
			testRegistry, "properties.privateEndpointConnections", "null", "",
		},
	} {
		got := at(t, write(t, base, client, row.document), row.id, row.path)
		if row.want != "" && got != row.want || row.notWant != "" && strings.Contains(got, row.notWant) {
			t.Errorf("a client says %s: %s", row.about, got)
		}
	}
}

// TestIdentityStays: as long as the resource does, and no longer.
func TestIdentityStays(t *testing.T) {
	document := `{"id": "` + worker + `", "identity": {"type": "SystemAssigned"}}`
	first := write(t, nil, client, document)
	principal := at(t, first, worker, "identity.principalId")
	if second := write(t, first, client, strings.Replace(document, "{", `{"tags": {}, `, 1)); at(t, second, worker, "identity.principalId") != principal {
		t.Error("a write gave the resource another identity")
	}
	gone := apply(t, first, client, Change{Delete: []string{worker}})
	if at(t, write(t, gone, client, document), worker, "identity.principalId") == principal {
		t.Error("a resource made again has the identity, and so the roles, of the old one")
	}
	again := apply(t, first, client, Change{Delete: []string{worker}, Put: []Document{{ID: MustParseResourceID(worker), Body: map[string]any{"identity": map[string]any{"type": "SystemAssigned"}}}}})
	if at(t, again, worker, "identity.principalId") == principal {
		t.Error("a resource replaced in one change has the identity of the old one")
	}
	without := write(t, first, client, `{"id": "`+worker+`", "identity": {"type": "None", "principalId": "p"}}`)
	if got := at(t, without, worker, "identity.principalId"); got != "null" {
		t.Errorf("the identity that was taken away is %s", got)
	}
}

// connections tells the state of the connections of the registry.
func connections(t *testing.T, s *State) string {
	t.Helper()
	var all []string
	for _, d := range s.Children(testRegistry, TypePrivateEndpointConnection) {
		c, err := ReadPrivateEndpointConnection(*d)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c.Endpoint.Name()+" "+c.Status)
	}
	return strings.Join(all, ", ")
}

// TestConnections: the registry's side of a private endpoint follows it, but only its owner opens it.
func TestConnections(t *testing.T) {
	base := write(t, nil, operator, premium, aNetwork, `{"id": "`+testGroup+`/providers/Microsoft.ContainerRegistry/registries/other", "sku": {"name": "Premium"}}`)
	manual := strings.Replace(aDoor, "privateLinkServiceConnections", "manualPrivateLinkServiceConnections", 1)
	elsewhere := strings.Replace(aDoor, testRegistry, testGroup+"/providers/Microsoft.ContainerRegistry/registries/other", 1)
	open := write(t, base, operator, aDoor)
	shut := apply(t, open, client, Change{Delete: []string{door}})
	for _, row := range []struct {
		about string
		state *State
		want  string
	}{
		{"by a client", write(t, base, client, aDoor), "door Pending"},
		{"by who may approve", write(t, base, approver, aDoor), "door Approved"},
		{"by who may approve, but asks", write(t, base, approver, manual), "door Pending"},
		{"in a seed", open, "door Approved"},
		{"asked for in a seed", write(t, base, operator, manual), "door Pending"},
		{"written again by a client", write(t, open, client, aDoor), "door Approved"},
		{"when the endpoint goes", shut, ""},
		{"when it comes back", write(t, shut, client, aDoor), "door Pending"},
		{"when it is replaced", apply(t, open, client, Change{Delete: []string{door}, Put: []Document{parsed(t, aDoor)}}), "door Pending"},
		{"when it leads elsewhere", write(t, open, client, elsewhere), ""},
		{"when its group goes", apply(t, open, client, Change{Delete: []string{testGroup}}), ""},
		{"when the registry goes", apply(t, open, client, Change{Delete: []string{testRegistry}}), ""},
	} {
		if got := connections(t, row.state); got != row.want {
			t.Errorf("the connection %s is %q, want %q", row.about, got, row.want)
		}
	}
}

func parsed(t *testing.T, text string) Document {
	t.Helper()
	d, err := ParseDocument([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestAddressesAreFree: no two endpoints get one address, and a full subnet gives none.
func TestAddressesAreFree(t *testing.T) {
	s := write(t, nil, operator, premium, aNetwork, aDoor)
	inB := strings.NewReplacer("/subnets/a", "/subnets/b", "privateEndpoints/door", "privateEndpoints/")
	var taken []string
	for i := range 3 {
		s = write(t, s, operator, strings.Replace(inB.Replace(aDoor), `privateEndpoints/"`, fmt.Sprintf(`privateEndpoints/door%d"`, i), 1))
		d, _ := s.Get(fmt.Sprintf("%s%d", door, i))
		for _, a := range EndpointAddresses(s.Get, *d) {
			taken = append(taken, a.String())
		}
	}
	if want := "10.0.1.4 10.0.1.5 10.0.1.6 10.0.1.7 10.0.1.8 10.0.1.9"; strings.Join(taken, " ") != want {
		t.Errorf("the addresses are %s", taken)
	}
	s = write(t, s, operator, strings.Replace(aDoor, "privateEndpoints/door", "privateEndpoints/last", 1)) // one address is left of eight
	d, _ := s.Get(testGroup + "/providers/Microsoft.Network/privateEndpoints/last")
	if got := EndpointAddresses(s.Get, *d); len(got) != 0 {
		t.Errorf("a full subnet gives %s", got)
	}
}

// TestInline: a network shows its children, and a list replaces them.
func TestInline(t *testing.T) {
	s := write(t, nil, operator, premium, aNetwork, aDoor)
	d, _ := s.Get(hub)
	shown := Inline(s, d)
	var listed []string
	for _, item := range fieldsOf(shown).in("properties").list("subnets") {
		listed = append(listed, item.text("name"))
	}
	if !slices.Equal(listed, []string{"a", "b"}) {
		t.Errorf("the network shows %s", listed)
	}
	registry, _ := s.Get(testRegistry)
	if shown := Inline(s, registry); len(fieldsOf(shown).in("properties").list("privateEndpointConnections")) != 1 {
		t.Error("the registry does not show its connection")
	}
	next := write(t, s, client, strings.Replace(aNetwork, `, {"name": "b", "properties": {"addressPrefix": "10.0.1.0/24"}}`, "", 1))
	if got := names(next.OfType(TypeSubnet)); got != "[a]" {
		t.Errorf("the subnets are %s", got)
	}
	next = write(t, s, client, `{"id": "`+hub+`", "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}}`)
	if got := names(next.OfType(TypeSubnet)); got != "[a b]" {
		t.Errorf("the subnets are %s", got)
	}
}

// TestCompleteRefuses: what cannot be read is an error with its path, not a panic.
func TestCompleteRefuses(t *testing.T) {
	for _, text := range []string{
		`{"id": "` + hub + `", "properties": {"subnets": [{"name": "a/b"}]}}`,
		`{"id": "` + hub + `", "properties": {"subnets": [{}]}}`,
		`{"id": "` + hub + `", "properties": {"subnets": [1]}}`,
		`{"id": "` + door + `", "properties": {"privateLinkServiceConnections": [{"properties": {"privateLinkServiceId": 1}}]}}`,
		`{"id": "` + worker + `", "identity": 1}`,
		`{"id": "` + worker + `", "identity": {"type": "UserAssigned", "userAssignedIdentities": []}}`,
		`{"id": "` + worker + `", "identity": {"type": "UserAssigned", "userAssignedIdentities": {"x": {}}}}`,
		`{"id": "` + testRegistry + `", "properties": 1}`,
		`{"id": "` + testRegistry + `", "sku": 1}`,
		`{"id": "` + testRegistry + `", "properties": {"policies": 1}}`,
		`{"id": "` + testRegistry + `/tokens/t", "properties": {"credentials": 1}}`,
		`{"id": "` + testRegistry + `/tokens/t", "properties": {"credentials": {"passwords": [{"value": "x", "expiry": "soon"}]}}}`,
	} {
		c, err := (*State)(nil).Complete(Change{Put: []Document{parsed(t, text)}}, operator)
		if err == nil {
			_, err = (*State)(nil).With(c)
		}
		if err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}

func TestMergePatch(t *testing.T) {
	for _, row := range []struct{ body, patch, want string }{
		{`{"a": 1}`, `{"b": 2}`, `{"a":1,"b":2}`},
		{`{"a": {"b": 1, "c": 2}}`, `{"a": {"b": 3}}`, `{"a":{"b":3,"c":2}}`},
		{`{"a": [1, 2]}`, `{"a": [3]}`, `{"a":[3]}`},
		{`{"a": [1, 2]}`, `{"a": []}`, `{"a":[]}`},
		{`{"a": 1, "b": 2}`, `{"a": null}`, `{"b":2}`},
		{`{"a": 1}`, `{"a": {"b": {"c": null, "d": 1}}}`, `{"a":{"b":{"d":1}}}`},
		{`{"a": {"b": 1}}`, `{"a": 2}`, `{"a":2}`},
	} {
		var body, patch map[string]any
		if err := json.Unmarshal([]byte(row.body), &body); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(row.patch), &patch); err != nil {
			t.Fatal(err)
		}
		got, _ := json.Marshal(MergePatch(body, patch))
		if string(got) != row.want {
			t.Errorf("%s with %s is %s, want %s", row.body, row.patch, got, row.want)
		}
		if after, _ := json.Marshal(body); strings.ReplaceAll(row.body, " ", "") != string(after) {
			t.Errorf("%s became %s", row.body, after)
		}
	}
}

// BenchmarkWith writes one role assignment among 10,000.
func BenchmarkWith(b *testing.B) {
	var c Change
	for i := range 10_000 {
		c.Put = append(c.Put, assignmentNumber(i))
	}
	s, err := (*State)(nil).With(c)
	if err != nil {
		b.Fatal(err)
	}
	one := Change{Put: []Document{assignmentNumber(5_000)}}
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			completed, err := s.Complete(one, client)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := s.With(completed); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			if _, err := (*State)(nil).With(c); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func assignmentNumber(i int) Document {
	id := MustParseResourceID(fmt.Sprintf("%s/providers/Microsoft.Authorization/roleAssignments/acac10ca-9000-4000-8000-%012d", testGroup, i))
	return Document{ID: id, Body: map[string]any{"id": id.String(), "properties": map[string]any{
		"principalId": fmt.Sprintf("acac10ca-8000-4000-8000-%012d", i%1000), "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/r",
	}}}
}
