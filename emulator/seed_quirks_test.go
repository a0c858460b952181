package emulator

import (
	"fmt"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// TestSeedQuirks: a quirk that is set alone counts more than a behaviour, and a registry's own more than everybody's.
func TestSeedQuirks(t *testing.T) {
	current, _ := gate.Current.Quirks()
	for _, row := range []struct {
		about, quirks string
		behavior      gate.Behavior
		want          gate.Quirks
	}{
		{"none", "{}", gate.Article, gate.Quirks{}},
		{"the behaviour of the command line", "{}", gate.Current, current},
		{"a behaviour for all", "{behavior: current}", gate.Article, current},
		{"a behaviour for the one", "{registries: {MyRegistry: {behavior: current}}}", gate.Article, current},
		{"a behaviour for another", "{registries: {other: {behavior: current}}}", gate.Article, gate.Quirks{}},
		{"back to the article", "{behavior: current, registries: {myregistry: {behavior: article}}}", gate.Current, gate.Quirks{}},
		{"one alone", "{deny-at-registry: true}", gate.Article, gate.Quirks{DenyAtRegistry: true}},
		{"one against the behaviour", "{tasks-need-flag: false, behavior: current}", gate.Article, gate.Quirks{CorrelationInMessage: true}},
		{"one for all, another for the one", "{tasks-need-flag: true, registries: {myregistry: {tasks-need-flag: false, correlation-in-message: true}}}", gate.Article, gate.Quirks{CorrelationInMessage: true}},
	} {
		s, err := readSeed("a.yaml", "resources: [{type: Microsoft.ContainerRegistry/registries, name: myregistry}, {type: Microsoft.ContainerRegistry/registries, name: other}]\nquirks: "+row.quirks)
		if err != nil {
			t.Fatalf("%s: %v", row.about, err)
		}
		id := azure.MustParseResourceID(defaultScope + "/providers/Microsoft.ContainerRegistry/registries/myregistry")
		if got := quirksOf(row.behavior)(s.state, id); got != row.want {
			t.Errorf("%s: got %+v, want %+v", row.about, got, row.want)
		}
	}
}

// TestSeedQuirksLater: a later file sets what it names, and leaves the rest.
func TestSeedQuirksLater(t *testing.T) {
	s, err := readSeeds([]Seed{
		{Name: "one", Data: []byte("quirks: {plain-answers: true, deny-at-registry: true, assume-private-dns: false}")},
		{Name: "two", Data: []byte("quirks: {deny-at-registry: false}\n---\ntrustedServices: {remove: [ACR Tasks]}\n---\ntrustedServices: {add: [{name: ACR Tasks, resourceTypes: [a/b], userAssigned: true}]}")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !s.plainAnswers || s.state.Quirk("deny-at-registry", "any") != false || s.state.Quirk(azure.AssumePrivateDNS, "") != false {
		t.Error("a quirk is lost")
	}
	for _, service := range servicesOf(s.state) {
		if service.Name == gate.Tasks && (service.SystemAssigned || !service.UserAssigned || service.ResourceTypes[0] != "a/b") {
			t.Errorf("tasks are %+v", service)
		}
	}
}

// TestSeedQuirksKept: settings live in the state, so that a restart on the same data has them, whatever its seed says.
func TestSeedQuirksKept(t *testing.T) {
	dir := t.TempDir()
	text := "resources: [{type: Microsoft.ContainerRegistry/registries, name: myregistry}]\nquirks: {deny-at-registry: true}\ntrustedServices: {remove: [ACR Tasks]}"
	o := seeded(text)
	o.Data = dir
	first := open(t, o)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, Options{Data: dir, Seeds: []Seed{{Name: "empty"}}})
	r, ok := again.gate.Snapshot().Registry("myregistry")
	if !ok || !r.Quirks.DenyAtRegistry {
		t.Errorf("after a restart the registry is %+v", r)
	}
	if len(servicesOf(again.core.State())) != len(gate.TrustedServices())-1 {
		t.Error("after a restart tasks are trusted again")
	}
}

// TestAssumePrivateDNS: without any zone, a network with an endpoint is linked, unless the quirk says that it is not.
func TestAssumePrivateDNS(t *testing.T) {
	text := string(sampleSeed)
	from, to := strings.Index(text, "  - type: Microsoft.Network/privateDnsZones\n"), strings.Index(text, "  # Things that pull and push.")
	text = text[:from] + text[to:]
	for _, row := range []struct {
		quirks, quirk string
		private       bool
	}{
		{"", azure.AssumePrivateDNS, true},
		{"quirks: {assume-private-dns: true}\n", azure.AssumePrivateDNS, true},
		{"quirks: {assume-private-dns: false}\n", "", false},
	} {
		s, err := readSeed("a.yaml", text+row.quirks)
		if err != nil {
			t.Fatal(err)
		}
		at, err := azure.ResolvePlace(s.state, jumpbox)
		if err != nil {
			t.Fatal(err)
		}
		if hop := azure.Route(s.state, at, "myregistry"); hop.Quirk != row.quirk || (hop.EndpointID != "") != row.private {
			t.Errorf("with %q the way is %+v", row.quirks, hop)
		}
	}
}

// TestIPRuleQuota: the quirk sets how many IP rules a registry may have; without it there are 200.
func TestIPRuleQuota(t *testing.T) {
	for _, row := range []struct {
		quirks string
		rules  int
		ok     bool
	}{
		{"{}", azure.MaxIPRules, true},
		{"{}", azure.MaxIPRules + 1, false},
		{"{ip-rule-quota: 300}", 300, true},
		{"{ip-rule-quota: 300}", 301, false},
		{"{ip-rule-quota: 0}", 1, false},
		{"{registries: {myregistry: {ip-rule-quota: 2}}}", 2, true},
		{"{ip-rule-quota: 300, registries: {MYREGISTRY: {ip-rule-quota: 2}}}", 3, false},
	} {
		var rules strings.Builder
		for i := range row.rules {
			fmt.Fprintf(&rules, "{value: 198.18.%d.%d},", i/256, i%256)
		}
		_, err := readSeed("a.yaml", "resources: [{type: Microsoft.ContainerRegistry/registries, name: myregistry, sku: {name: Premium}, networkRuleSet: {defaultAction: Deny, ipRules: ["+rules.String()+"]}}]\nquirks: "+row.quirks)
		if (err == nil) != row.ok {
			t.Errorf("%s and %d rules: %v", row.quirks, row.rules, err)
		}
	}
}
