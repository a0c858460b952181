package graph

import (
	"maps"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// member returns what is shown of an object under a name. It is the one way to an object's body, for answers and filters
// alike: what it does not tell, nobody learns.
func (d *directory) member(o object, name string) any {
	switch {
	case !o.kind.has(name):
		return o.stranger(name)
	case name == "id":
		return o.id
	case name == "@odata.type":
		return "#microsoft.graph." + o.kind.name
	}
	if o.kind.name == "servicePrincipal" && o.document != nil {
		if value, found := d.ofApplication(o, name); found {
			return value
		}
	}
	value := o.body[name]
	if value == nil {
		value = o.kind.properties[name].value()
	}
	if redact, secret := redactions[name]; secret {
		return redact(o, value)
	}
	return value
}

// stranger is a member that the table does not have: a seed file holds what az printed, which may be newer. What is an
// OData annotation, or unseen, is not shown.
func (o object) stranger(name string) any {
	if _, ours := o.kind.properties[name]; ours || strings.Contains(name, "@") {
		return nil
	}
	return o.body[name]
}

// ofApplication is what a service principal shows of its application.
func (d *directory) ofApplication(o object, name string) (any, bool) {
	switch name {
	case "servicePrincipalNames":
		return d.servicePrincipalNames(o), true
	case "appDisplayName", "displayName":
		app, found := d.application(o)
		if o.body[name] != nil || !found {
			return o.body["displayName"], true
		}
		return app.body["displayName"], true
	}
	return nil, false
}

func (d *directory) servicePrincipalNames(o object) []any {
	names := []any{}
	if appID, _ := o.body["appId"].(string); appID != "" {
		names = append(names, appID)
	}
	if app, found := d.application(o); found {
		uris, _ := app.body["identifierUris"].([]any)
		return append(names, uris...)
	}
	given, _ := o.body["servicePrincipalNames"].([]any)
	for _, name := range given {
		if name != o.body["appId"] {
			names = append(names, name)
		}
	}
	return names
}

// redactions take the secrets out of credentials.
var redactions = map[string]func(object, any) any{
	"passwordCredentials": showPasswords,
	"keyCredentials":      func(_ object, value any) any { return shownKeys(value, false) },
}

func showPasswords(o object, _ any) any {
	shown := []any{}
	for _, p := range passwordsOf(o) {
		p["secretText"] = nil
		shown = append(shown, p)
	}
	return shown
}

// shownKeys returns key credentials without the certificates, unless they are asked for by name.
func shownKeys(value any, whole bool) []any {
	shown := []any{}
	items, _ := value.([]any)
	for _, item := range items {
		if key, isObject := item.(map[string]any); isObject {
			key = maps.Clone(key)
			if !whole {
				key["key"] = nil
			}
			shown = append(shown, key)
		}
	}
	return shown
}

// show returns an object's body as a client sees it: what it selects, or what Graph shows without being told.
func (d *directory) show(o object, selected []string) map[string]any {
	body := map[string]any{}
	if selected != nil {
		for _, name := range selected {
			body[name] = d.member(o, name)
			if name == "keyCredentials" && o.kind.hasCredentials() {
				body[name] = shownKeys(o.body[name], true)
			}
		}
		return body
	}
	names := o.kind.basic
	if names == nil {
		names = o.names()
	}
	for _, name := range names {
		body[name] = d.member(o, name)
	}
	body["id"] = o.id
	return body
}

// names are the members that an object has.
func (o object) names() []string {
	names := make([]string, 0, len(o.kind.properties))
	for name, p := range o.kind.properties {
		if p.access != unseen {
			names = append(names, name)
		}
	}
	for name := range o.body {
		if _, ours := o.kind.properties[name]; !ours && !strings.Contains(name, "@") {
			names = append(names, name)
		}
	}
	return names
}

// showAmong returns an object in a list of several kinds, where each says of which kind it is.
func (d *directory) showAmong(o object, selected []string) map[string]any {
	body := d.show(o, selected)
	body["@odata.type"] = "#microsoft.graph." + o.kind.name
	return body
}

// textOf returns a string of an object's body, or "".
func (o object) textOf(name string) string {
	value, _ := o.body[name].(string)
	return value
}

// sameID reports whether two object IDs are one.
func sameID(a, b string) bool { return azure.Fold(a) == azure.Fold(b) }
