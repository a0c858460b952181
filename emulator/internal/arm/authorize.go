package arm

import (
	"maps"
	"slices"
	"strings"

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
	if c.deed.action == "" && !strings.HasSuffix(action, "/read") {
		c.deed = deed{action, scope}
	}
	if c.may(action, scope) {
		return nil
	}
	return errForbidden.with(c.clientName(), c.principal, action, scope)
}

// may reports whether a role of the principal grants an action.
func (c *call) may(action string, scope azure.ResourceID) bool {
	return c.Backend.Authorize(c.principal, action, scope.Key()).Allowed
}

// authorizeSubscription asks for a right on the subscription that the path begins with, which it returns.
func (c *call) authorizeSubscription(action string) (azure.ResourceID, error) {
	id, err := azure.ParseResourceID("/subscriptions/" + c.segment(1))
	if err != nil {
		return id, refusePath(err)
	}
	if err := c.checkSubscription(id); err != nil {
		return id, err
	}
	return id, c.authorize(action, id)
}

// documentAbove finds the document that a path names before its last word, for a caller who may do something with it.
func (c *call) documentAbove(verb string) (*azure.Document, error) {
	above, _ := cutLast(c.path)
	id, err := azure.ParseResourceID(above)
	if err != nil {
		return nil, refusePath(err)
	}
	if err := c.checkSubscription(id); err != nil {
		return nil, err
	}
	k := c.kindOf(id.Type())
	if err := c.authorize(k.action(verb), id); err != nil {
		return nil, err
	}
	d, found := c.state.Get(id.Key())
	if !found {
		return nil, c.missing(id, k)
	}
	return d, nil
}

// link is something that a document refers to, and that its author needs a right on: to use an identity or a subnet is as
// much as to have it.
type link struct {
	path   string // where the document names it, as textsAt reads it
	action string
}

// joinSubnet is the link of what stands in a subnet: it is reached, and reaches others, as everything in the network does.
func joinSubnet(path string) link {
	return link{path: path, action: "Microsoft.Network/virtualNetworks/subnets/join/action"}
}

// identityLink is in documents of every type.
var identityLink = link{
	path: "identity.userAssignedIdentities", action: "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
}

// ids returns what a document refers to by the link. Identities are the names of members, all others are values.
func (l link) ids(body map[string]any) []string {
	if l != identityLink {
		return textsAt(body, l.path)
	}
	value, _ := lookUp(body, l.path)
	used, _ := value.(map[string]any)
	return slices.Sorted(maps.Keys(used))
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
	for _, row := range []struct{ collection, member string }{{"servicePrincipals", "appId"}, {"users", "userPrincipalName"}} {
		if d, found := c.state.Get(azure.GraphID(row.collection, c.principal).Key()); found && textAt(d.Body, row.member) != "" {
			return textAt(d.Body, row.member)
		}
	}
	return c.principal
}
