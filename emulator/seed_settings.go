package emulator

import (
	"maps"
	"slices"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// trustedServices changes the table of trusted services: `add` takes rows, `remove` names of services.
func (r *seedReader) trustedServices(p position) error {
	entries, err := p.entries("add and remove")
	if err != nil {
		return err
	}
	for _, e := range entries {
		change := serviceChanges[e.key]
		if change == nil {
			return p.errorAt(e.line, "there is no %q here; there are add and remove", e.key)
		}
		items, err := p.at(e.value).items()
		if err != nil {
			return err
		}
		for _, item := range items {
			if err := change(r, item); err != nil {
				return err
			}
		}
	}
	return nil
}

// serviceChanges are what a seed can do to the table of trusted services.
var serviceChanges = map[string]func(*seedReader, position) error{
	"add": (*seedReader).addService, "remove": (*seedReader).removeService,
}

func (r *seedReader) addService(p position) error {
	var row struct {
		Name                         string
		ResourceTypes                []string
		SystemAssigned, UserAssigned bool
	}
	if err := p.into(&row); err != nil {
		return err
	}
	if row.Name == "" || len(row.ResourceTypes) == 0 || !row.SystemAssigned && !row.UserAssigned {
		return p.errorf("a trusted service has a name, resourceTypes, and systemAssigned or userAssigned")
	}
	if slices.ContainsFunc(r.seed.services, func(s gate.TrustedService) bool { return s.Name == row.Name }) {
		return p.errorf("%q is a trusted service already; remove it to say something else of it", row.Name)
	}
	r.seed.services = append(r.seed.services, gate.TrustedService{
		Name: row.Name, ResourceTypes: row.ResourceTypes, SystemAssigned: row.SystemAssigned, UserAssigned: row.UserAssigned,
	})
	return nil
}

func (r *seedReader) removeService(p position) error {
	var name string
	if err := p.into(&name); err != nil {
		return err
	}
	before := len(r.seed.services)
	r.seed.services = slices.DeleteFunc(r.seed.services, func(s gate.TrustedService) bool { return s.Name == name })
	if len(r.seed.services) == before {
		return p.errorf("there is no trusted service %q to remove; there are %s", name, r.serviceNames())
	}
	return nil
}

func (r *seedReader) serviceNames() string {
	var names []string
	for _, s := range r.seed.services {
		names = append(names, s.Name)
	}
	return strings.Join(names, ", ")
}

// seedQuirks are how the imitated behaviour differs: for every registry, and for some.
type seedQuirks struct {
	all        []quirkValue
	registries map[string][]quirkValue // by folded name
}

// quirkValue sets one quirk.
type quirkValue struct {
	name  string
	value any
}

// quirk is a named, documented deviation: what it means, and how it is set.
type quirk struct {
	meaning string
	set     func(*gate.Quirks, any) bool
}

// quirks is the table of quirks that a registry can have.
var quirks = map[string]quirk{
	"behavior": {"article or current: a set of the others", func(q *gate.Quirks, v any) bool {
		name, _ := v.(string)
		set, ok := gate.Behavior(name).Quirks()
		*q = set
		return ok
	}},
	"tasks-need-flag":        {"an unset networkRuleBypassAllowedForTasks means false", flag(func(q *gate.Quirks) *bool { return &q.TasksNeedFlag })},
	"correlation-in-message": {"messages of the token service end in the correlation ID", flag(func(q *gate.Quirks) *bool { return &q.CorrelationInMessage })},
	"deny-at-registry":       {"the firewall answers 403 on /v2 before it asks for a credential, as until 2021", flag(func(q *gate.Quirks) *bool { return &q.DenyAtRegistry })},
}

func flag(field func(*gate.Quirks) *bool) func(*gate.Quirks, any) bool {
	return func(q *gate.Quirks, v any) bool {
		on, ok := v.(bool)
		*field(q) = on
		return ok
	}
}

// readQuirks reads quirks by name. `plain-answers` concerns the whole emulator; `registries` holds quirks of single
// ones.
func (r *seedReader) readQuirks(p position) error {
	entries, err := p.entries("quirks by name: " + quirkNames())
	if err != nil {
		return err
	}
	for _, e := range entries {
		at := p.at(e.value)
		switch e.key {
		case "plain-answers":
			err = at.into(&r.seed.plainAnswers)
		case "registries":
			err = r.registryQuirks(at)
		default:
			r.seed.quirks.all, err = p.quirk(e, r.seed.quirks.all)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *seedReader) registryQuirks(p position) error {
	registries, err := p.entries("quirks by the names of registries")
	if err != nil {
		return err
	}
	if r.seed.quirks.registries == nil {
		r.seed.quirks.registries = map[string][]quirkValue{}
	}
	for _, registry := range registries {
		at, name := p.at(registry.value), azure.Fold(registry.key)
		r.named = append(r.named, namedRegistry{registry.key, at})
		entries, err := at.entries("quirks by name: " + quirkNames())
		if err != nil {
			return err
		}
		for _, e := range entries {
			if r.seed.quirks.registries[name], err = at.quirk(e, r.seed.quirks.registries[name]); err != nil {
				return err
			}
		}
	}
	return nil
}

// quirk adds a quirk to those set before.
func (p position) quirk(e entry, before []quirkValue) ([]quirkValue, error) {
	q, ok := quirks[e.key]
	if !ok {
		return nil, p.errorAt(e.line, "there is no quirk %q; there are %s, plain-answers and registries", e.key, quirkNames())
	}
	value, err := p.at(e.value).value()
	if err != nil {
		return nil, err
	}
	if !q.set(&gate.Quirks{}, value) {
		return nil, p.errorAt(e.line, "%v is no value of the quirk %s: %s", value, e.key, q.meaning)
	}
	return append(before, quirkValue{e.key, value}), nil
}

func quirkNames() string { return strings.Join(slices.Sorted(maps.Keys(quirks)), ", ") }

// quirksOf returns the function that tells a registry's quirks: those of the default behaviour, with the seed's changes
// for all, and then for the one. A behaviour is set before single quirks.
func (s seed) quirksOf(b gate.Behavior) func(*azure.State, azure.ResourceID) gate.Quirks {
	return func(_ *azure.State, registry azure.ResourceID) gate.Quirks {
		q, _ := b.Quirks()
		for _, values := range [][]quirkValue{s.quirks.all, s.quirks.registries[azure.Fold(registry.Name())]} {
			for _, first := range []bool{true, false} {
				for _, v := range values {
					if (v.name == "behavior") == first {
						quirks[v.name].set(&q, v.value)
					}
				}
			}
		}
		return q
	}
}

// developmentDocuments are the identities that every emulator has: a subscription, and a service principal that owns it.
func developmentDocuments() []azure.Document {
	subscription := "/subscriptions/" + azure.DevelopmentSubscription
	documents := []map[string]any{
		{"id": subscription, "subscriptionId": azure.DevelopmentSubscription, "displayName": "acrlocal", "state": "Enabled", "tenantId": azure.DevelopmentTenant},
		{
			"id": subscription + "/providers/Microsoft.Authorization/roleAssignments/" + azure.DevelopmentPrincipal,
			"properties": map[string]any{
				"principalId": azure.DevelopmentPrincipal, "principalType": "ServicePrincipal",
				"roleDefinitionId": subscription + "/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
			},
		},
	}
	var all []azure.Document
	for _, body := range documents {
		id, _ := azure.ParseResourceID(body["id"].(string)) //nolint:forcetypeassert,errcheck // written above
		all = append(all, azure.Document{ID: id, Body: body})
	}
	return append(all, azure.Document{
		ID: azure.GraphID("servicePrincipals", azure.DevelopmentPrincipal),
		Body: map[string]any{
			"id": azure.DevelopmentPrincipal, "@odata.type": "#microsoft.graph.servicePrincipal", "appId": azure.DevelopmentClientID,
			"displayName": "acrlocal development", "passwordCredentials": []any{map[string]any{"secretText": azure.DevelopmentSecret}},
		},
	})
}
