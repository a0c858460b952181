package graph

import (
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// giving is the right to give roles, which writing to the directory takes (see the package's comment).
const giving = "Microsoft.Authorization/roleAssignments/write"

// home is the scope at which the right is asked for always.
const home = "/subscriptions/" + azure.DevelopmentSubscription

// mayCreate refuses a caller who may not make an object.
func (c *call) mayCreate() error { return c.mayGive(home) }

func (c *call) mayGive(scope string) error {
	if !c.Backend.Authorize(c.caller, giving, azure.Fold(scope)).Allowed {
		return errDenied.with()
	}
	return nil
}

// mayChange refuses a caller who may not change an object. Who changes it might come to act as it, so that the caller needs
// the right to give whatever roles it has.
func (c *call) mayChange(o object) error {
	switch {
	case o.of != "":
		return errDerived.with(o.id, "the resource '"+o.of+"'")
	case o.document == nil:
		return errDerived.with(o.id, "Microsoft")
	case c.owns(o):
		return nil
	}
	if err := c.mayGive(home); err != nil {
		return err
	}
	for _, scope := range c.directory.reach(o) {
		if err := c.mayGive(scope.Key()); err != nil {
			return err
		}
	}
	return nil
}

// owns reports whether the caller owns an object, or the application of a service principal.
func (c *call) owns(o object) bool {
	if _, exists := c.directory.byID(c.caller); !exists {
		return false
	}
	if o.refers("owners", c.caller) {
		return true
	}
	app, found := c.directory.application(o)
	return found && o.kind.name == "servicePrincipal" && app.refers("owners", c.caller)
}

// reach returns the scopes at which an object has a role: by itself, through the groups that it is in or owns, through the
// applications that it owns, and for an application through its service principal.
func (d *directory) reach(o object) []azure.ResourceID {
	actors := map[string]bool{azure.Fold(o.id): true}
	for _, actor := range follow(o, d.actsAs) {
		actors[azure.Fold(actor.id)] = true
	}
	var scopes []azure.ResourceID
	for _, document := range d.state.OfType(azure.TypeRoleAssignment) {
		if a, err := azure.ReadRoleAssignment(*document); err == nil && actors[azure.Fold(a.PrincipalID)] {
			scopes = append(scopes, a.Scope)
		}
	}
	return scopes
}

// actsAs returns the objects whose roles an object has, or can get by changing them.
func (d *directory) actsAs(o object) []object {
	return append(append(d.groupsOf(o), d.owned(o)...), d.servicePrincipals(o)...)
}
