package arm

import (
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// actionTypes are the types whose actions are called otherwise than the type.
var actionTypes = map[string]string{
	azure.TypeResourceGroup:          "Microsoft.Resources/subscriptions/resourceGroups",
	azure.TypeManagementSubscription: "Microsoft.Management/managementGroups/subscriptions",
}

// action is the name of the right to do something to a resource of a type, such as
// Microsoft.ContainerRegistry/registries/write.
func (k kind) action(verb string) string {
	if name := actionTypes[k.name]; name != "" {
		return name + "/" + verb
	}
	return k.name + "/" + verb
}

// authorize refuses what no role of the principal grants. It asks anew each time, so that the next call is judged by what
// is removed in between.
func (c *call) authorize(action string, scope azure.ResourceID) error {
	if c.may(action, scope) {
		return nil
	}
	return errForbidden.with(c.clientName(), c.principal, action, scope)
}

// may reports whether a role of the principal grants an action.
func (c *call) may(action string, scope azure.ResourceID) bool {
	return c.Backend.Authorize(c.principal, action, scope.Key()).Allowed
}

// link is something that a document refers to, and that its author needs a right on: using an identity or a subnet is
// as much as having it.
type link struct {
	path   string // where the document names it
	action string
	ids    func(body map[string]any) []string
}

// identityLink is in documents of every type.
var identityLink = link{
	path: "identity.userAssignedIdentities", action: "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
	ids: usedIdentities,
}

func usedIdentities(body map[string]any) []string {
	value, _ := lookUp(body, "identity.userAssignedIdentities")
	used, _ := value.(map[string]any)
	var ids []string
	for id, entry := range used {
		if entry != nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// checkLinks asks for the rights on what the document newly refers to.
func (w *write) checkLinks() error {
	for _, l := range append([]link{identityLink}, w.kind.links...) {
		had := map[string]bool{}
		if w.old != nil {
			for _, id := range l.ids(w.old.Body) {
				had[azure.Fold(id)] = true
			}
		}
		for _, text := range l.ids(w.body) {
			if had[azure.Fold(text)] {
				continue
			}
			if err := w.checkLink(l, text); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *write) checkLink(l link, text string) error {
	id, err := azure.ParseResourceID(text)
	if err != nil {
		return errLinkMissing.about(l.path, text, l.path)
	}
	if !w.may(l.action, id) {
		return errLinkForbidden.with(w.clientName(), w.principal, w.kind.action("write"), w.id, l.action, id)
	}
	if _, exists := w.state.Get(id.Key()); !exists {
		return errLinkMissing.about(l.path, text, l.path)
	}
	return nil
}

// clientName is what ARM calls the principal in its messages: the application's ID, or the user's name.
func (c *call) clientName() string {
	if d, found := c.state.Get(azure.GraphID("servicePrincipals", c.principal).Key()); found {
		if view, err := azure.ReadServicePrincipal(*d); err == nil && view.ClientID != "" {
			return view.ClientID
		}
	}
	if d, found := c.state.Get(azure.GraphID("users", c.principal).Key()); found {
		if view, err := azure.ReadUser(*d); err == nil && view.UserName != "" {
			return view.UserName
		}
	}
	return c.principal
}
