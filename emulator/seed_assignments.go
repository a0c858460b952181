package emulator

import (
	"fmt"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// assignments lets the role assignments of a seed name their roles by name or GUID, where ARM wants a whole ID.
func (r *seedReader) assignments() error {
	roles := rolesOf(r.put)
	for _, d := range r.put {
		if !d.Is(azure.TypeRoleAssignment) {
			continue
		}
		if err := nameRole(d, roles); err != nil {
			return err
		}
	}
	return nil
}

// rolesOf returns the GUIDs of roles by folded name and by GUID: of the built-in ones, and of those among documents.
func rolesOf(documents []azure.Document) map[string]string {
	roles := map[string]string{}
	for _, role := range gate.BuiltInRoles() {
		roles[azure.Fold(role.Name)], roles[azure.Fold(role.ID)] = role.ID, role.ID
	}
	for _, d := range documents {
		if !d.Is(azure.TypeRoleDefinition) {
			continue
		}
		if role, err := azure.ReadRoleDefinition(d); err == nil {
			roles[azure.Fold(role.Name)], roles[azure.Fold(role.RoleID)] = role.RoleID, role.RoleID
		}
	}
	return roles
}

// nameRole completes the role definition that an assignment names: by ID, by GUID, or by name. The document is not in a
// state yet, so that it may be changed.
func nameRole(d azure.Document, roles map[string]string) error {
	properties, ok := d.Body["properties"].(map[string]any)
	if !ok {
		return &azure.Error{ID: d.ID, Code: azure.CodeInvalid, Message: "a role assignment has properties: principalId and roleDefinitionId"}
	}
	given, _ := properties["roleDefinitionId"].(string)
	if given == "" {
		given, _ = properties["roleDefinitionName"].(string)
	}
	if named := properties["principalName"]; properties["principalId"] == nil && named != nil {
		properties["principalId"] = named
	}
	id := roles[azure.Fold(given[strings.LastIndexByte(given, '/')+1:])]
	if id == "" {
		return &azure.Error{
			ID: d.ID, Target: "properties.roleDefinitionId", Code: azure.CodeNotFound,
			Message: fmt.Sprintf("there is no role %q: give the name or the GUID of a built-in role or of one in the seed", given),
		}
	}
	properties["roleDefinitionId"] = "/subscriptions/" + azure.DevelopmentSubscription + "/providers/" + azure.TypeRoleDefinition + "/" + id
	delete(properties, "roleDefinitionName") // az prints these two, ARM does not
	delete(properties, "principalName")
	return nil
}

// references refuses what names something that does not exist, beyond what azure.Validate does: there, documents may come
// one after the other.
func (r *seedReader) references() error {
	ours := r.subscriptions()
	for _, d := range r.seed.state.All() {
		if err := r.reference(*d, ours); err != nil {
			return err
		}
	}
	for _, named := range r.named {
		if !r.hasRegistry(named.name) {
			return named.at.errorf("there is no registry %q", named.name)
		}
	}
	return nil
}

// subscriptions are those of which the seed tells more than who may do what there, by folded GUID.
func (r *seedReader) subscriptions() map[string]bool {
	ours := map[string]bool{azure.DevelopmentSubscription: true}
	for _, d := range r.put {
		kind := azure.Fold(d.Type())
		if !isGroup(d.ID) && kind != azure.Fold(azure.TypeRoleAssignment) && kind != azure.Fold(azure.TypeRoleDefinition) {
			ours[azure.Fold(d.ID.Subscription())] = true
		}
	}
	return ours
}

func (r *seedReader) hasRegistry(name string) bool {
	for _, d := range r.seed.state.OfType(azure.TypeRegistry) {
		if azure.Fold(d.ID.Name()) == azure.Fold(name) {
			return true
		}
	}
	return false
}

// reference checks what a document stands at, and what Azure itself would have written in it. A role may be assigned in a
// subscription of which the seed knows nothing.
func (r *seedReader) reference(d azure.Document, ours map[string]bool) error {
	above, ok := d.ID.Parent()
	foreign := d.Is(azure.TypeRoleAssignment) && !ours[azure.Fold(above.Subscription())]
	if ok && isResource(above) && !foreign && !r.exists(above) {
		return &azure.Error{ID: d.ID, Target: "scope", Code: azure.CodeNotFound, Message: fmt.Sprintf("there is no resource %s", above)}
	}
	if err := azure.CheckShown(r.seed.state, d); err != nil {
		return err
	}
	return checkCondition(d)
}

func (r *seedReader) exists(id azure.ResourceID) bool {
	_, ok := r.seed.state.Get(id.Key())
	return ok
}

// isResource reports whether an ID is that of a resource, and not of the tenant or of a group of some kind.
func isResource(id azure.ResourceID) bool {
	kind := azure.Fold(id.Type())
	return !isGroup(id) && kind != azure.Fold(azure.TypeTenant) && kind != azure.Fold(azure.TypeManagementGroup)
}

func checkCondition(d azure.Document) error {
	properties, _ := d.Body["properties"].(map[string]any)
	if properties["condition"] == nil || !d.Is(azure.TypeRoleAssignment) {
		return nil
	}
	a, err := azure.ReadRoleAssignment(d)
	if err != nil || a.Condition == "" {
		return err
	}
	if _, err = gate.ParseCondition(a.Condition); err != nil {
		return &azure.Error{ID: d.ID, Target: "properties.condition", Code: azure.CodeInvalid, Message: err.Error()}
	}
	return nil
}
