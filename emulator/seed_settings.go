package emulator

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// serviceChanges are how the table of trusted services differs from the article's. They are kept as settings.
type serviceChanges struct {
	Add    []serviceRow `json:"add"`
	Remove []string     `json:"remove"`
}

// serviceRow is a row that a seed adds: a kind of resource, and which of its identities pass.
type serviceRow struct {
	Name           string   `json:"name"`
	ResourceTypes  []string `json:"resourceTypes"`
	SystemAssigned bool     `json:"systemAssigned"`
	UserAssigned   bool     `json:"userAssigned"`
}

// table is the article's table with the changes.
func (c serviceChanges) table() []gate.TrustedService {
	services := slices.DeleteFunc(gate.TrustedServices(), func(s gate.TrustedService) bool { return slices.Contains(c.Remove, s.Name) })
	for _, row := range c.Add {
		services = append(services, gate.TrustedService{
			Name: row.Name, ResourceTypes: row.ResourceTypes, SystemAssigned: row.SystemAssigned, UserAssigned: row.UserAssigned,
		})
	}
	return services
}

// servicesOf is the table of trusted services as the settings have it.
func servicesOf(s *azure.State) []gate.TrustedService {
	var changes serviceChanges
	if d, ok := s.Get(azure.SettingsID(azure.SettingsTrustedServices).Key()); ok {
		_ = recode(d.Body["properties"], &changes) // it was made by recode
	}
	return changes.table()
}

// recode brings a value into another form by way of JSON.
func recode(from, to any) error {
	text, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, to)
}

// serviceMembers are what a row of trustedServices has.
var serviceMembers = parseShape("name resourceTypes systemAssigned userAssigned")

// trustedServices changes the table of trusted services: add takes rows, remove names of services. What is removed may be
// added again with other rules.
func (r *seedReader) trustedServices(p position) error {
	entries, err := p.entries("add and remove")
	if err != nil {
		return err
	}
	changes := map[string]func(*seedReader, position) error{"remove": (*seedReader).removeService, "add": (*seedReader).addService}
	for _, e := range entries {
		if changes[e.key] == nil {
			return p.errorAt(e.line, "there is no %q here; there are add and remove", e.key)
		}
	}
	for _, name := range []string{"remove", "add"} {
		if err := r.changeServices(p, name, changes[name]); err != nil {
			return err
		}
	}
	return nil
}

func (r *seedReader) changeServices(p position, name string, change func(*seedReader, position) error) error {
	list := p.node.get(name)
	if list == nil {
		return nil
	}
	items, err := p.at(list).items()
	if err != nil {
		return err
	}
	for _, item := range items {
		if err := change(r, item); err != nil {
			return err
		}
	}
	return nil
}

func (r *seedReader) addService(p position) error {
	body, err := p.fitting(serviceMembers, "a trusted service")
	if err != nil {
		return err
	}
	var row serviceRow
	if err := recode(body, &row); err != nil || row.Name == "" || len(row.ResourceTypes) == 0 || !row.SystemAssigned && !row.UserAssigned {
		return p.errorf("a trusted service has a name, resourceTypes, and systemAssigned or userAssigned")
	}
	if slices.Contains(r.serviceNames(), row.Name) {
		return p.errorf("%q is a trusted service already; remove it to say something else of it", row.Name)
	}
	r.services.Add = append(r.services.Add, row)
	return nil
}

func (r *seedReader) removeService(p position) error {
	name, _ := p.node.scalar.(string)
	if !slices.Contains(r.serviceNames(), name) {
		return p.errorf("there is no trusted service %q to remove; there are %s", name, strings.Join(r.serviceNames(), ", "))
	}
	added := len(r.services.Add)
	r.services.Add = slices.DeleteFunc(r.services.Add, func(row serviceRow) bool { return row.Name == name })
	if added == len(r.services.Add) {
		r.services.Remove = append(r.services.Remove, name)
	}
	return nil
}

func (r *seedReader) serviceNames() []string {
	var names []string
	for _, s := range r.services.table() {
		names = append(names, s.Name)
	}
	return names
}

// addSettings adds the documents that hold what the seed says of trusted services and quirks, if it does.
func (r *seedReader) addSettings() error {
	changed := len(r.services.Add)+len(r.services.Remove) > 0
	for _, setting := range []struct {
		name  string
		value any
		said  bool
	}{
		{azure.SettingsTrustedServices, r.services, changed},
		{azure.SettingsQuirks, r.quirks, len(r.quirks.All)+len(r.quirks.Registries) > 0},
	} {
		if !setting.said {
			continue
		}
		var properties any
		if err := recode(setting.value, &properties); err != nil {
			return err
		}
		r.put = append(r.put, azure.Document{ID: azure.SettingsID(setting.name), Body: map[string]any{"properties": properties}})
	}
	return nil
}
