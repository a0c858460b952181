package emulator

import (
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// Exported is the state in the form of a seed file (see docs/seed.md): what was read at the start, and every change since.
// Images are not in it, nor the passwords of admin users and repository-scoped tokens, which no API of Azure shows.
type Exported struct {
	// Resources are the ARM documents, ordered by ID; Principals the Graph documents.
	Resources  []map[string]any `json:"resources"`
	Principals []map[string]any `json:"principals,omitempty"`
	// TrustedServices and Quirks are what the settings change; nil if they change nothing.
	TrustedServices any            `json:"trustedServices,omitempty"`
	Quirks          map[string]any `json:"quirks,omitempty"`
}

// Export returns the state as it is now. The secrets of applications and the passwords of users are left out, unless they
// are asked for: who reads them can log in as everybody.
func (e *Emulator) Export(secrets bool) Exported {
	state, begins := e.core.State(), map[string]bool{} // what every emulator begins with, no seed need say
	for _, d := range developmentDocuments() {
		begins[d.ID.Key()] = true
	}
	exported := Exported{Resources: []map[string]any{}}
	for _, d := range state.All() {
		switch {
		case begins[d.ID.Key()], azure.Listed(d.ID), azure.Hidden(d.ID) && !d.ID.IsSettings():
		case d.ID.IsSettings():
			exported.setting(d)
		case d.ID.IsGraph():
			body := d.Clone().Body
			if !secrets {
				dropSecrets(body)
			}
			exported.Principals = append(exported.Principals, body)
		default:
			shown := azure.Inline(state, d)
			body := shown.Clone().Body
			if !secrets {
				azure.Conceal(d.Type(), body)
			}
			exported.Resources = append(exported.Resources, body)
		}
	}
	return exported
}

// setting brings the settings back to what a seed says.
func (x *Exported) setting(d *azure.Document) {
	switch d.ID.Name() {
	case azure.SettingsTrustedServices:
		x.TrustedServices = d.Body["properties"]
	case azure.SettingsQuirks:
		properties, _ := d.Body["properties"].(map[string]any)
		all, _ := properties["all"].(map[string]any)
		x.Quirks = map[string]any{}
		for name, value := range all {
			x.Quirks[name] = value
		}
		if own, _ := properties["registries"].(map[string]any); len(own) > 0 {
			x.Quirks["registries"] = own
		}
	}
}

// secretMembers are the members of Graph documents by which one logs in.
var secretMembers = map[string]bool{"secrettext": true, "password": true}

func dropSecrets(value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			if secretMembers[strings.ToLower(name)] {
				delete(v, name)
				continue
			}
			dropSecrets(member)
		}
	case []any:
		for _, item := range v {
			dropSecrets(item)
		}
	}
}
