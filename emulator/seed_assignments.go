package emulator

import (
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
	"github.com/acrlocal/acrlocal/identity"
)

// assignment lets a role assignment of a seed name its role by name or GUID, where ARM wants a whole ID.
func (r *seedReader) assignment(d azure.Document, at position) error {
	properties, _ := d.Body["properties"].(map[string]any)
	role, _ := properties["roleDefinitionId"].(string)
	if role == "" {
		role, _ = properties["roleDefinitionName"].(string)
	}
	if strings.HasPrefix(role, "/") {
		return nil
	}
	id := roleID(role, r.put)
	if id == "" {
		return position{at.file, deepest(at.node, "properties.roleDefinitionId")}.errorf("there is no role %q: give the name or the GUID of a built-in role or of one in the seed", role)
	}
	properties["roleDefinitionId"] = "/subscriptions/" + azure.DevelopmentSubscription + "/providers/Microsoft.Authorization/roleDefinitions/" + id
	return nil
}

// roleID finds a role by name or GUID, among the built-in ones and those of the seed.
func roleID(name string, documents []azure.Document) string {
	for _, role := range gate.BuiltInRoles() {
		if strings.EqualFold(role.Name, name) || strings.EqualFold(role.ID, name) {
			return role.ID
		}
	}
	for _, d := range documents {
		if azure.Fold(d.Type()) != azure.Fold(azure.TypeRoleDefinition) {
			continue
		}
		if role, err := azure.ReadRoleDefinition(d); err == nil && (strings.EqualFold(role.Name, name) || strings.EqualFold(role.RoleID, name)) {
			return role.RoleID
		}
	}
	return ""
}

// resolvePrincipals replaces the resources that role assignments name by their principals, and refuses principals that
// do not exist.
func (r *seedReader) resolvePrincipals() error {
	people, err := newDirectory(r.seed.state)
	if err != nil {
		return r.located(err)
	}
	var resolved []azure.Document
	for _, d := range r.seed.state.OfType(azure.TypeRoleAssignment) {
		a, err := azure.ReadRoleAssignment(*d)
		if err != nil {
			return err
		}
		by := identity.ByObjectID
		if strings.HasPrefix(a.PrincipalID, "/") {
			by = identity.ByResource
		}
		p, ok := people.Find(by, a.PrincipalID)
		if !ok {
			return r.located(&azure.Error{ID: d.ID, Target: "properties.principalId", Message: "there is no principal, and no resource with an identity, " + a.PrincipalID})
		}
		if by == identity.ByResource {
			again := d.Clone()
			again.Body["properties"].(map[string]any)["principalId"] = p.ID //nolint:forcetypeassert // it was read from there
			resolved = append(resolved, again)
		}
	}
	next, err := r.seed.state.With(azure.Change{Put: resolved})
	if err != nil {
		return r.located(err)
	}
	r.seed.state = next
	return nil
}
