package arm

import (
	"net/http"
	"slices"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// authorizationKinds are those of Microsoft.Authorization: roles, who has them, and locks.
func authorizationKinds() []kind {
	return append([]kind{
		{
			name: azure.TypeRoleAssignment, methods: withoutPatch, returned: true,
			check: checkAssignment, list: listAssignments, fields: assignmentFields,
		},
		{
			name: azure.TypeRoleDefinition, methods: withoutPatch, returned: true, replaced: http.StatusCreated,
			check: checkRole, remove: removeRole, find: findRole, list: listRoles, fields: roleFields,
		},
		lockKind(),
		{name: "Microsoft.Authorization/permissions", methods: readingOnly, list: listPermissions},
		{
			name: "Microsoft.Authorization/roleAssignmentScheduleInstances", methods: readingOnly,
			list: listScheduleInstances, fields: assignmentFields,
		},
	}, neverKinds()...)
}

// never are types of which there is nothing here, as in a subscription that does not use them: Azure's own denials,
// assignments that somebody has to ask for, and administrators of the time before roles. Clients list them.
var never = []string{
	"classicAdministrators", "denyAssignments", "eligibleChildResources", "roleAssignmentApprovals", "roleAssignmentScheduleRequests",
	"roleAssignmentSchedules", "roleEligibilityScheduleInstances", "roleEligibilityScheduleRequests", "roleEligibilitySchedules",
	"roleManagementPolicies", "roleManagementPolicyAssignments",
}

func neverKinds() []kind {
	var kinds []kind
	for _, name := range never {
		kinds = append(kinds, kind{name: "Microsoft.Authorization/" + name, methods: readingOnly, fields: neverFields})
	}
	return kinds
}

// neverFields are what lists of nothing can be narrowed by.
var neverFields = map[string]fieldOf{
	"principalid": memberField("properties.principalId"), "roledefinitionid": memberField("properties.roleDefinitionId"),
	"atscope()": everyRole, "asapprover()": everyRole, "asrequestor()": everyRole, "astarget()": everyRole, "assignedto()": everyRole,
}

// listPermissions returns what the principal may do at a scope: what each of its roles there, at the scope or above it,
// grants.
func listPermissions(c *call, t target) ([]*azure.Document, error) {
	above, err := c.scopesAbove(t.scope)
	if err != nil {
		return nil, err
	}
	own := c.memberships(c.principal)
	var found []*azure.Document
	for _, d := range c.state.OfType(azure.TypeRoleAssignment) {
		a, err := azure.ReadRoleAssignment(*d)
		role, known := c.roleByGUID(azure.Fold(a.RoleID))
		if err != nil || !known || !own[azure.Fold(a.PrincipalID)] || !above[a.Scope.Key()] {
			continue
		}
		for _, granted := range objectsAt(role.Body, "properties.permissions") {
			body := azure.Document{Body: granted}.Clone().Body
			if a.Condition != "" {
				body["condition"], body["conditionVersion"] = a.Condition, "2.0"
			}
			found = append(found, &azure.Document{ID: d.ID, Body: body})
		}
	}
	return found, nil
}

// listScheduleInstances shows every assignment as one that is in force and was not asked for, as privileged identity
// management does.
func listScheduleInstances(c *call, t target) ([]*azure.Document, error) {
	assignments, err := listAssignments(c, t)
	var found []*azure.Document
	for _, d := range assignments {
		a, err := azure.ReadRoleAssignment(*d)
		if err != nil {
			return nil, err
		}
		id, err := a.Scope.Extension("Microsoft.Authorization/roleAssignmentScheduleInstances", d.ID.Name())
		if err != nil {
			return nil, err
		}
		found = append(found, &azure.Document{ID: id, Body: map[string]any{
			"id": id.String(), "name": id.Name(), "type": id.Type(), "properties": map[string]any{
				"scope": a.Scope.String(), "roleDefinitionId": textAt(d.Body, "properties.roleDefinitionId"), "principalId": a.PrincipalID,
				"principalType": textAt(d.Body, "properties.principalType"), "originRoleAssignmentId": d.ID.String(),
				"status": "Provisioned", "assignmentType": "Assigned", "memberType": "Direct",
				"createdOn": textAt(d.Body, "properties.createdOn"),
			},
		}})
	}
	return found, err
}

// below reports whether a list of roles asks for those of the scopes below too.
func (c *call) below() bool {
	return strings.Contains(azure.Fold(c.query("$filter")), "atscopeandbelow()")
}

// assignableBelow reports whether a role can be assigned somewhere below a scope.
func assignableBelow(role *azure.Document, scope azure.ResourceID) bool {
	return slices.ContainsFunc(assignableScopes(role.Body), scope.Contains)
}
