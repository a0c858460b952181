package gate

import (
	"slices"
	"strings"
)

// RoleDefinition is a named set of rights: actions on the control plane and
// data actions on the data plane (acr-behaviour §5.1). In each of the four lists
// a * stands for any text.
type RoleDefinition struct {
	// ID is the GUID, without the path of the resource.
	ID string
	// Name is what people call the role, such as AcrPull.
	Name string
	// Actions less NotActions are the rights on the control plane, to which the
	// older registry roles count pulling and pushing too.
	Actions, NotActions []string
	// DataActions less NotDataActions are the rights on the data plane.
	DataActions, NotDataActions []string
	// Custom tells a definition of the tenant's own from a built-in one.
	Custom bool
}

// Allows reports whether the role grants an action of the control plane.
// NotActions narrow this role alone: they deny nothing that another one grants.
func (r RoleDefinition) Allows(action string) bool {
	return grants(r.Actions, r.NotActions, action)
}

// AllowsData reports whether the role grants a data action.
func (r RoleDefinition) AllowsData(action string) bool {
	return grants(r.DataActions, r.NotDataActions, action)
}

// grants says no to the empty action, which is a question nobody meant to ask.
func grants(patterns, except []string, action string) bool {
	matches := func(pattern string) bool { return ActionMatches(pattern, action) }
	return action != "" && slices.ContainsFunc(patterns, matches) && !slices.ContainsFunc(except, matches)
}

// ActionMatches reports whether an action fits a pattern, in which every *
// stands for any text, slashes included. Case is ignored, as everywhere in
// Azure's access control. It does not allocate.
func ActionMatches(pattern, action string) bool {
	if !strings.Contains(pattern, "*") {
		return sameText(pattern, action, true) // most patterns, and the faster way
	}
	return wildcards{ignoreCase: true}.match(pattern, action)
}

// BuiltInRoles returns Azure's built-in roles that bear on a registry, AcrPull
// first. The caller owns the result and everything in it.
func BuiltInRoles() []RoleDefinition {
	roles := slices.Clone(builtInRoles)
	for i := range roles {
		r := &roles[i]
		r.Actions, r.NotActions = slices.Clone(r.Actions), slices.Clone(r.NotActions)
		r.DataActions, r.NotDataActions = slices.Clone(r.DataActions), slices.Clone(r.NotDataActions)
	}
	return roles
}
