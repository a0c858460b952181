package arm

import (
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// The refusals of role assignments.
var (
	errAssignmentMissing = refusal{404, "RoleAssignmentNotFound", "The role assignment '%s' is not found."}
	errAssignmentExists  = refusal{409, "RoleAssignmentExists", "The role assignment already exists. The ID of the conflicting" +
		" role assignment is %s."}
	errAssignmentID    = refusal{400, "InvalidRoleAssignmentId", "The role assignment ID '%.80s' is not valid. The role assignment ID must be a GUID."}
	errAssignmentFixed = refusal{
		400, "RoleAssignmentUpdateNotPermitted",
		"Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
	}
	errPrincipalMissing = refusal{400, "PrincipalNotFound", "Principal %.80s does not exist in the directory %s. Check that you" +
		" have the correct principal ID. If you are creating this principal and then immediately assigning a role, this error" +
		" might be related to a replication delay. In this case, set the role assignment principalType property to a value," +
		" such as ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype"}
	errPrincipalType = refusal{400, "UnmatchedPrincipalType", "The PrincipalId '%s' has type '%s' , which is different from" +
		" specified PrinciaplType '%.60s'."}
	errCondition        = refusal{400, "InvalidCondition", "The role assignment condition is not valid: %v."}
	errConditionVersion = refusal{400, "InvalidConditionVersion", "The condition version '%.20s' is not supported; it is 2.0."}
)

// checkAssignment checks that a role assignment means something: who, which role, under which condition. An assignment
// that exists may change its condition and description only.
func checkAssignment(w *write) error {
	steps := []func() error{w.checkAssignmentName, w.checkAssignmentFixed, w.checkPrincipal, w.checkAssignedRole, w.checkCondition, w.checkTwin}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	now := w.timestamp()
	setAt(w.body, "properties.createdOn", now)
	setAt(w.body, "properties.createdBy", w.principal)
	if w.old != nil {
		keepReadOnly(w.body, w.old, []string{"properties.createdOn", "properties.createdBy"})
	}
	setAt(w.body, "properties.updatedOn", now)
	setAt(w.body, "properties.updatedBy", w.principal)
	return nil
}

func (w *write) checkAssignmentName() error {
	if !azure.IsGUID(w.id.Name()) {
		return errAssignmentID.with(w.id.Name())
	}
	return nil
}

func (w *write) checkAssignmentFixed() error {
	if w.old == nil {
		return nil
	}
	for _, path := range []string{"properties.principalId", "properties.roleDefinitionId"} {
		if roleGUID(textAt(w.old.Body, path)) != roleGUID(textAt(w.body, path)) {
			return errAssignmentFixed.about(path)
		}
	}
	return nil
}

// principalTypes are the Graph collections with the principalType of what is in them.
var principalTypes = []struct{ collection, kind string }{
	{"users", "User"}, {"groups", "Group"}, {"servicePrincipals", "ServicePrincipal"},
}

// checkPrincipal refuses a principal that the gate does not know, and fills in its type.
func (w *write) checkPrincipal() error {
	principal := textAt(w.body, "properties.principalId")
	known := w.Backend.Authorize(principal, "*/read", "/")
	if principal == "" || known.Reason == gate.PrincipalUnknown {
		return errPrincipalMissing.about("properties.principalId", strings.ReplaceAll(principal, "-", ""), azure.DevelopmentTenant)
	}
	kind := w.principalType(principal)
	if given := textAt(w.body, "properties.principalType"); given != "" && azure.Fold(given) != azure.Fold(kind) {
		return errPrincipalType.about("properties.principalType", principal, kind, given)
	}
	setAt(w.body, "properties.principalType", kind)
	return nil
}

// principalType is what ARM calls the kind of a principal; managed identities are service principals.
func (c *call) principalType(objectID string) string {
	for _, row := range principalTypes {
		if _, found := c.state.Get(azure.GraphID(row.collection, objectID).Key()); found {
			return row.kind
		}
	}
	return "ServicePrincipal"
}

// checkAssignedRole refuses a role that does not exist, or a custom one that may not be assigned here.
func (w *write) checkAssignedRole() error {
	given := textAt(w.body, "properties.roleDefinitionId")
	role, found := w.roleByGUID(roleGUID(given))
	if !found {
		return errRoleMissing.about("properties.roleDefinitionId", given)
	}
	scope, _ := w.id.Parent()
	above, err := w.scopesAbove(scope)
	if err != nil {
		return err
	}
	if !assignable(role, above) {
		return errNotAssignable.about("properties.roleDefinitionId", textAt(role.Body, "properties.roleName"), scope)
	}
	return nil
}

func (w *write) checkCondition() error {
	condition := textAt(w.body, "properties.condition")
	if condition == "" {
		return nil
	}
	if v := textAt(w.body, "properties.conditionVersion"); v != "" && v != "2.0" {
		return errConditionVersion.about("properties.conditionVersion", v)
	}
	if _, err := gate.ParseCondition(condition); err != nil {
		return errCondition.about("properties.condition", err)
	}
	return nil
}

// checkTwin refuses a second assignment of the same role to the same principal at the same scope.
func (w *write) checkTwin() error {
	if w.old != nil {
		return nil
	}
	scope, _ := w.id.Parent()
	principal, role := textAt(w.body, "properties.principalId"), roleGUID(textAt(w.body, "properties.roleDefinitionId"))
	above, _ := cutLast(w.id.Key()) // what is assigned here has this before its name
	for _, d := range w.state.Children(above, azure.TypeRoleAssignment) {
		properties, _ := d.Body["properties"].(map[string]any) // there may be thousands: no path is parsed for each
		if holder, _ := properties["principalId"].(string); !strings.EqualFold(holder, principal) {
			continue
		}
		at, _ := d.ID.Parent()
		if at.Key() == scope.Key() && roleGUID(textAt(d.Body, "properties.roleDefinitionId")) == role {
			return errAssignmentExists.with(strings.ReplaceAll(d.ID.Name(), "-", ""))
		}
	}
	return nil
}

// roleGUID is the last segment of a role definition's ID, folded.
func roleGUID(id string) string { return azure.Fold(id[strings.LastIndexByte(id, '/')+1:]) }

// listAssignments returns the assignments at a scope, above it and below it.
func listAssignments(c *call, t target) ([]*azure.Document, error) {
	above, err := c.scopesAbove(t.scope)
	if err != nil {
		return nil, err
	}
	var found []*azure.Document
	for _, d := range c.state.OfType(azure.TypeRoleAssignment) {
		if scope, _ := d.ID.Parent(); above[scope.Key()] || t.scope.Contains(scope) {
			found = append(found, d)
		}
	}
	return found, nil
}

// scopesAbove returns the keys of a scope and of all that hold it, management groups included.
func (c *call) scopesAbove(scope azure.ResourceID) (map[string]bool, error) {
	keys := map[string]bool{"/": true}
	for at, found := scope, true; found; at, found = at.Parent() {
		keys[at.Key()] = true
		if !at.Is(azure.TypeSubscription) && !at.Is(azure.TypeManagementGroup) {
			continue
		}
		groups, err := azure.GroupsAbove(c.state, at)
		if err != nil {
			return nil, err
		}
		for _, group := range groups {
			keys[group.Key()] = true
		}
	}
	return keys, nil
}

// assignmentFields are what a list of assignments can be narrowed by (az-cli §8).
var assignmentFields = map[string]fieldOf{
	"principalid":  memberField("properties.principalId"),
	"atscope()":    assignedAbove,
	"assignedto()": assignedTo,
}

// assignedAbove leaves out what is assigned below the scope of the list.
func assignedAbove(c *call, _ string) fits {
	t, err := c.target()
	return func(d *azure.Document) bool {
		scope, _ := d.ID.Parent()
		return err == nil && (scope.Key() == t.scope.Key() || !t.scope.Contains(scope))
	}
}

// assignedTo finds what a principal has, through its groups too.
func assignedTo(c *call, principal string) fits {
	in := c.memberships(principal)
	return func(d *azure.Document) bool { return in[azure.Fold(textAt(d.Body, "properties.principalId"))] }
}

// memberships returns the principal's folded object ID and those of all groups that it is in.
func (c *call) memberships(principal string) map[string]bool {
	in := map[string]bool{azure.Fold(principal): true}
	for grown := true; grown; {
		grown = false
		for _, d := range c.state.OfType(azure.TypeGroup) {
			group, err := azure.ReadGroup(*d)
			if err == nil && !in[azure.Fold(group.ObjectID)] && anyIn(group.Members, in) {
				in[azure.Fold(group.ObjectID)], grown = true, true
			}
		}
	}
	return in
}

func anyIn(members []string, set map[string]bool) bool {
	for _, m := range members {
		if set[azure.Fold(m)] {
			return true
		}
	}
	return false
}
