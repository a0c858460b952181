package azure

import (
	"maps"
	"slices"
	"strings"
)

// RoleAssignment is the view of a role assignment (acr-behaviour §5).
type RoleAssignment struct {
	ID ResourceID
	// PrincipalID is the object ID of who gets the role.
	PrincipalID string
	// RoleID is the GUID of the role definition.
	RoleID string
	// Scope is what the role covers: what the assignment is an extension of.
	Scope ResourceID
	// Condition narrows the assignment; empty narrows nothing (acr-behaviour §5.3).
	Condition string
}

// ReadRoleAssignment reads a document of type TypeRoleAssignment. The scope is told by the ID, never by the body.
func ReadRoleAssignment(d Document) (RoleAssignment, error) {
	f := fieldsOf(d)
	p := f.in("properties")
	scope, _ := d.ID.Parent()
	return RoleAssignment{
		ID: d.ID, PrincipalID: p.text("principalId"), RoleID: p.idOf("roleDefinitionId").Name(),
		Scope: scope, Condition: p.text("condition"),
	}, f.err()
}

// RoleDefinition is the view of a custom role (acr-behaviour §5.1).
type RoleDefinition struct {
	ID ResourceID
	// RoleID is the GUID: the name of the document.
	RoleID string
	// Name is what people call the role.
	Name string
	// Actions, NotActions, DataActions and NotDataActions are those of all its permissions together.
	Actions, NotActions, DataActions, NotDataActions []string
}

// ReadRoleDefinition reads a document of type TypeRoleDefinition. Azure allows one entry in permissions; more would not
// mean the sum of their lists, so that more are an error.
func ReadRoleDefinition(d Document) (RoleDefinition, error) {
	f := fieldsOf(d)
	p := f.in("properties")
	r := RoleDefinition{ID: d.ID, RoleID: d.ID.Name(), Name: p.text("roleName")}
	permissions := p.list("permissions")
	if len(permissions) > 1 {
		p.fail(CodeInvalid, "permissions", "a role definition has one entry in permissions, not %d", len(permissions))
	}
	for _, granted := range permissions {
		if granted.text("condition") != "" {
			granted.fail(CodeInvalid, "condition", "conditions of a role definition are not judged here: a role assignment has them")
		}
		r.Actions, r.NotActions = granted.texts("actions"), granted.texts("notActions")
		r.DataActions, r.NotDataActions = granted.texts("dataActions"), granted.texts("notDataActions")
	}
	return r, f.err()
}

// ManagedIdentity is the view of a resource's member "identity": what it is in Microsoft Entra ID.
type ManagedIdentity struct {
	// System says that the resource has a system-assigned identity.
	System bool
	// PrincipalID and ClientID are the object ID and application ID of that identity; empty until State.Complete.
	PrincipalID, ClientID string
	// UserAssigned are the user-assigned identities that the resource uses, in the order of their IDs as written.
	UserAssigned []ResourceID
}

// identityTypes are the values of identity.type.
var identityTypes = []string{"None", "SystemAssigned", "UserAssigned", "SystemAssigned, UserAssigned"}

// ReadManagedIdentity reads the identity of a document of any type. A resource without one has the zero
// ManagedIdentity. Azure writes "SystemAssigned, UserAssigned" with and without a space.
func ReadManagedIdentity(d Document) (ManagedIdentity, error) {
	if d.Body["identity"] == nil {
		return ManagedIdentity{}, nil
	}
	f := fieldsOf(d)
	i := f.in("identity")
	kind := readIdentityType(i)
	if !strings.Contains(kind, "SystemAssigned") && !strings.Contains(kind, "UserAssigned") {
		return ManagedIdentity{}, f.err()
	}
	m := ManagedIdentity{System: strings.Contains(kind, "SystemAssigned")}
	if m.System {
		m.PrincipalID, m.ClientID = i.text("principalId"), DerivedID(d.ID.Key()+"/clientId")
	}
	if strings.Contains(kind, "UserAssigned") {
		m.UserAssigned = readUserAssigned(i)
	}
	return m, f.err()
}

func readIdentityType(i fields) string {
	given := i.text("type")
	if Fold(given) == "systemassigned,userassigned" {
		return identityTypes[3]
	}
	return i.choice("type", "None", identityTypes...)
}

func readUserAssigned(i fields) []ResourceID {
	used := i.in("userAssignedIdentities")
	ids := make([]ResourceID, 0, len(used.object))
	for _, text := range slices.Sorted(maps.Keys(used.object)) {
		id, err := ParseResourceID(text)
		if err != nil {
			used.fail(CodeInvalid, "", "%v", err)
		}
		ids = append(ids, id)
	}
	return ids
}

// UserAssignedIdentity is the view of a user-assigned identity.
type UserAssignedIdentity struct {
	ID                    ResourceID
	PrincipalID, ClientID string // empty until State.Complete
}

// ReadUserAssignedIdentity reads a document of type TypeUserAssignedIdentity.
func ReadUserAssignedIdentity(d Document) (UserAssignedIdentity, error) {
	f := fieldsOf(d)
	p := f.in("properties")
	return UserAssignedIdentity{ID: d.ID, PrincipalID: p.text("principalId"), ClientID: p.text("clientId")}, f.err()
}
