package arm

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// The refusals of role definitions.
var (
	errNotAssignable = refusal{400, "RoleAssignmentScopeNotAssignableToRoleDefinition", "The role '%s' cannot be assigned at the scope" +
		" '%s', which is not below one of its assignable scopes."}
	errRoleMissing = refusal{404, "RoleDefinitionDoesNotExist", "The specified role definition with ID '%.120s' does not exist."}
	errRoleID      = refusal{400, "InvalidRoleDefinitionId", "The role definition ID '%.80s' is not valid. The role definition ID must be a GUID."}
	errRoleBuiltIn = refusal{400, "RoleDefinitionUpdateNotPermitted", "The role definition '%s' is built in and cannot be changed."}
	errRoleName    = refusal{409, "RoleDefinitionWithSameNameExists", "A custom role with the same name or ID already exists in this directory: '%s'."}
	errRoleInUse   = refusal{400, "RoleDefinitionHasAssignments", "There are existing role assignments referencing role (code: RoleDefinitionHasAssignments): %s."}
	errRoleInvalid = refusal{400, "InvalidRoleDefinition", "The role definition is not valid: %s."}
)

// roleByGUID finds a role definition, built in or custom. A GUID is one role in the whole tenant, whatever scope the ID
// has before it.
func (c *call) roleByGUID(guid string) (*azure.Document, bool) {
	if role, found := c.roles[guid]; found {
		return builtIn(role, "")
	}
	for _, d := range c.state.OfType(azure.TypeRoleDefinition) {
		if azure.Fold(d.ID.Name()) == guid {
			return d, true
		}
	}
	return nil, false
}

func findRole(c *call, id azure.ResourceID) (*azure.Document, bool) {
	guid := azure.Fold(id.Name())
	if role, found := c.roles[guid]; found {
		return builtIn(role, id.Subscription())
	}
	return c.roleByGUID(guid)
}

// builtIn renders a built-in role as ARM does. Its ID has the subscription in it through which it is read.
func builtIn(role gate.RoleDefinition, subscription string) (*azure.Document, bool) {
	id := azure.MustParseResourceID("/providers/" + azure.TypeRoleDefinition + "/" + role.ID)
	if subscription != "" {
		id, _ = azure.ParseResourceID("/subscriptions/" + subscription + id.String())
	}
	return &azure.Document{ID: id, Body: map[string]any{
		"id": id.String(), "name": role.ID, "type": azure.TypeRoleDefinition,
		"properties": map[string]any{
			"roleName": role.Name, "type": "BuiltInRole", "description": "", "assignableScopes": []any{"/"},
			"permissions": []any{map[string]any{
				"actions": anyList(role.Actions), "notActions": anyList(role.NotActions),
				"dataActions": anyList(role.DataActions), "notDataActions": anyList(role.NotDataActions),
			}},
		},
	}}, true
}

func anyList(texts []string) []any {
	items := make([]any, 0, len(texts))
	for _, text := range texts {
		items = append(items, text)
	}
	return items
}

// listRoles returns the roles that can be assigned at a scope.
func listRoles(c *call, t target) ([]*azure.Document, error) {
	var found []*azure.Document
	for _, guid := range slices.SortedFunc(maps.Keys(c.roles), func(a, b string) int {
		return cmp.Compare(c.roles[a].Name, c.roles[b].Name)
	}) {
		d, _ := builtIn(c.roles[guid], t.scope.Subscription())
		found = append(found, d)
	}
	above, err := c.scopesAbove(t.scope)
	for _, d := range c.state.OfType(azure.TypeRoleDefinition) {
		if assignable(d, above) || c.below() && assignableBelow(d, t.scope) {
			found = append(found, d)
		}
	}
	return found, err
}

// roleFields are what a list of roles can be narrowed by (az-cli §8). Every list has what is assignable at its scope, and
// with atScopeAndBelow() what is assignable below it, so that the two calls narrow nothing further.
var roleFields = map[string]fieldOf{
	"rolename":          memberField("properties.roleName"),
	"type":              memberField("properties.type"),
	"atscope()":         everyRole,
	"atscopeandbelow()": everyRole,
}

func everyRole(*call, string) fits { return func(*azure.Document) bool { return true } }

// assignable reports whether a role may be assigned at one of the scopes with these keys.
func assignable(role *azure.Document, at map[string]bool) bool {
	return slices.ContainsFunc(assignableScopes(role.Body), func(id azure.ResourceID) bool { return at[id.Key()] })
}

// assignableScopes reads the scopes at which a role may be assigned; what is no ID is left out.
func assignableScopes(body map[string]any) []azure.ResourceID {
	value, _ := lookUp(body, "properties.assignableScopes")
	items, _ := value.([]any)
	var ids []azure.ResourceID
	for _, item := range items {
		text, _ := item.(string)
		if id, err := azure.ParseResourceID(text); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// checkRole checks a custom role. Who defines one needs the right to at every scope where it can be assigned, before and
// after: otherwise a role could be widened by somebody who may not give it to anyone.
func checkRole(w *write) error {
	guid := azure.Fold(w.id.Name())
	switch {
	case !azure.IsGUID(guid):
		return errRoleID.with(w.id.Name())
	case w.builtIn(guid):
		return errRoleBuiltIn.with(w.id.Name())
	}
	if err := w.checkRoleBody(); err != nil {
		return err
	}
	scopes := assignableScopes(w.body)
	if w.old != nil {
		scopes = append(scopes, assignableScopes(w.old.Body)...)
	} else {
		w.atSubscription()
	}
	setAt(w.body, "properties.type", "CustomRole")
	return w.authorizeAll(w.kind.action("write"), scopes)
}

func (s *server) builtIn(guid string) bool {
	_, found := s.roles[guid]
	return found
}

// atSubscription gives a new role the ID that ARM gives it, whatever scope it was written at.
func (w *write) atSubscription() {
	if s := w.id.Subscription(); s != "" {
		w.id = azure.MustParseResourceID("/subscriptions/" + s + "/providers/" + azure.TypeRoleDefinition + "/" + w.id.Name())
		w.body["id"] = w.id.String()
	}
}

func (w *write) checkRoleBody() error {
	name := textAt(w.body, "properties.roleName")
	value, _ := lookUp(w.body, "properties.assignableScopes")
	given, _ := value.([]any)
	switch {
	case name == "":
		return errRoleInvalid.about("properties.roleName", "it needs a roleName")
	case len(given) == 0 || len(assignableScopes(w.body)) != len(given):
		return errRoleInvalid.about("properties.assignableScopes", "assignableScopes must list one scope or more")
	}
	for _, scope := range assignableScopes(w.body) {
		if scope.Key() == "/" {
			return errRoleInvalid.about("properties.assignableScopes", "a custom role cannot be assignable at the scope '/'")
		}
	}
	return w.checkRoleName(name)
}

func (w *write) checkRoleName(name string) error {
	for _, role := range w.roles {
		if strings.EqualFold(role.Name, name) {
			return errRoleName.with(name)
		}
	}
	for _, d := range w.state.OfType(azure.TypeRoleDefinition) {
		if strings.EqualFold(textAt(d.Body, "properties.roleName"), name) && azure.Fold(d.ID.Name()) != azure.Fold(w.id.Name()) {
			return errRoleName.with(name)
		}
	}
	return nil
}

func (c *call) authorizeAll(action string, scopes []azure.ResourceID) error {
	for _, scope := range scopes {
		if err := c.authorize(action, scope); err != nil {
			return err
		}
	}
	return nil
}

// removeRole keeps built-in roles, and those that somebody has.
func removeRole(r *removal, d *azure.Document) error {
	if r.builtIn(azure.Fold(d.ID.Name())) {
		return errRoleBuiltIn.with(d.ID.Name())
	}
	for _, assignment := range r.state.OfType(azure.TypeRoleAssignment) {
		used := roleGUID(textAt(assignment.Body, "properties.roleDefinitionId"))
		if used == azure.Fold(d.ID.Name()) && !r.gone[assignment.ID.Key()] {
			return errRoleInUse.with(assignment.ID.Name())
		}
	}
	return r.authorizeAll(azure.TypeRoleDefinition+"/delete", assignableScopes(d.Body))
}
