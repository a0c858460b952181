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
	var section struct {
		Add []struct {
			Name                         string
			ResourceTypes                []string
			SystemAssigned, UserAssigned bool
		}
		Remove []string
	}
	if err := p.value(&section); err != nil {
		return err
	}
	for _, name := range section.Remove {
		before := len(r.seed.services)
		r.seed.services = slices.DeleteFunc(r.seed.services, func(s gate.TrustedService) bool { return s.Name == name })
		if len(r.seed.services) == before {
			return p.errorf("there is no trusted service %q to remove; there are %s", name, r.serviceNames())
		}
	}
	for _, row := range section.Add {
		if row.Name == "" || len(row.ResourceTypes) == 0 || !row.SystemAssigned && !row.UserAssigned {
			return p.errorf("a trusted service has a name, resourceTypes, and systemAssigned or userAssigned")
		}
		r.seed.services = append(r.seed.services, gate.TrustedService{
			Name: row.Name, ResourceTypes: row.ResourceTypes, SystemAssigned: row.SystemAssigned, UserAssigned: row.UserAssigned,
		})
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
	entries, ok := mapping(p.node)
	if !ok {
		return p.errorf("expected quirks by name: %s", quirkNames())
	}
	for _, entry := range entries {
		name, at := entry.Key.GetToken().Value, position{p.file, entry.Value}
		var err error
		switch name {
		case "plain-answers":
			err = at.value(&r.seed.plainAnswers)
		case "registries":
			err = r.registryQuirks(at)
		default:
			var v quirkValue
			v, err = at.quirk(name)
			r.seed.quirks.all = append(r.seed.quirks.all, v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *seedReader) registryQuirks(p position) error {
	registries, ok := mapping(p.node)
	if !ok {
		return p.errorf("expected the names of registries")
	}
	r.seed.quirks.registries = map[string][]quirkValue{}
	for _, registry := range registries {
		name := azure.Fold(registry.Key.GetToken().Value)
		entries, ok := mapping(registry.Value)
		if !ok {
			return position{p.file, registry.Value}.errorf("expected quirks by name: %s", quirkNames())
		}
		for _, entry := range entries {
			v, err := position{p.file, entry.Value}.quirk(entry.Key.GetToken().Value)
			if err != nil {
				return err
			}
			r.seed.quirks.registries[name] = append(r.seed.quirks.registries[name], v)
		}
	}
	return nil
}

func (p position) quirk(name string) (quirkValue, error) {
	q, ok := quirks[name]
	if !ok {
		return quirkValue{}, p.errorf("there is no quirk %q; there are plain-answers, registries, %s", name, quirkNames())
	}
	v := quirkValue{name: name}
	if err := p.value(&v.value); err != nil {
		return v, err
	}
	if !q.set(&gate.Quirks{}, v.value) {
		return v, p.errorf("%v is no value of quirk %s: %s", v.value, name, q.meaning)
	}
	return v, nil
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
