package emulator

import (
	"fmt"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
	"github.com/acrlocal/acrlocal/identity"
)

// assignments lets the role assignments of a seed name their roles by name or GUID, where ARM wants a whole ID.
func (r *seedReader) assignments() error {
	roles := rolesOf(r.put)
	for _, d := range r.put {
		if azure.Fold(d.Type()) != azure.Fold(azure.TypeRoleAssignment) {
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
		if azure.Fold(d.Type()) != azure.Fold(azure.TypeRoleDefinition) {
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
	properties, _ := d.Body["properties"].(map[string]any)
	given, _ := properties["roleDefinitionId"].(string)
	if given == "" {
		given, _ = properties["roleDefinitionName"].(string)
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

// resolvePrincipals replaces the resources that role assignments name by their principals, and refuses principals that
// do not exist.
func (r *seedReader) resolvePrincipals() error {
	people, err := newDirectory(r.seed.state)
	if err != nil {
		return err
	}
	var resolved []azure.Document
	for _, d := range r.seed.state.OfType(azure.TypeRoleAssignment) {
		a, err := azure.ReadRoleAssignment(*d)
		if err != nil {
			return err
		}
		p, ok := holderOf(people, a.PrincipalID)
		if !ok {
			return &azure.Error{
				ID: d.ID, Target: "properties.principalId", Code: azure.CodeNotFound,
				Message: "there is no principal, and no resource with an identity, " + a.PrincipalID,
			}
		}
		if p.ID != a.PrincipalID {
			again := d.Clone()
			again.Body["properties"].(map[string]any)["principalId"] = p.ID //nolint:forcetypeassert // it was read from there
			resolved = append(resolved, again)
		}
	}
	r.seed.state, err = r.seed.state.With(azure.Change{Put: resolved})
	return err
}

// holderOf finds the principal that an assignment names by object ID, or by the ID of its resource.
func holderOf(people *directory, name string) (identity.Principal, bool) {
	by := identity.ByObjectID
	if strings.HasPrefix(name, "/") {
		by = identity.ByResource
	}
	return people.Find(by, name)
}

// references refuses what names something that does not exist, beyond what azure.Validate does: there, documents may come
// one after the other.
func (r *seedReader) references() error {
	for _, d := range r.seed.state.All() {
		if err := r.reference(*d); err != nil {
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

func (r *seedReader) hasRegistry(name string) bool {
	for _, d := range r.seed.state.OfType(azure.TypeRegistry) {
		if azure.Fold(d.ID.Name()) == azure.Fold(name) {
			return true
		}
	}
	return false
}

func (r *seedReader) reference(d azure.Document) error {
	above, ok := d.ID.Parent()
	if ok && isResource(above) && !r.exists(above) {
		return &azure.Error{ID: d.ID, Code: azure.CodeNotFound, Message: fmt.Sprintf("there is no resource %s", above)}
	}
	m, err := azure.ReadManagedIdentity(d)
	if err != nil {
		return err
	}
	for _, used := range m.UserAssigned {
		if !r.exists(used) {
			return &azure.Error{
				ID: d.ID, Target: "identity.userAssignedIdentities", Code: azure.CodeNotFound,
				Message: fmt.Sprintf("there is no user-assigned identity %s", used),
			}
		}
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
	if azure.Fold(d.Type()) != azure.Fold(azure.TypeRoleAssignment) {
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
