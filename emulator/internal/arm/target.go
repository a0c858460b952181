package arm

import (
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// target is what a path names: a resource, or a word after one, which is a collection to a GET and an action to a POST.
type target struct {
	// id is the resource; zero if the path ends in a word.
	id azure.ResourceID
	// scope is what the collection or action is of; zero if the path names a resource.
	scope azure.ResourceID
	// kind is the type of the resource, or the type that the collection would be of.
	kind string
	// word is the last segment of a collection or action.
	word string
}

// target reads the call's path.
func (c *call) target() (target, error) {
	root, _, _ := strings.Cut(azure.Fold(c.path[1:]), "/")
	if root != "subscriptions" && root != "providers" {
		return target{}, errNoRoute.with(c.path) // the documents of Graph and the settings are not ARM's
	}
	id, err := azure.ParseResourceID(c.path)
	if err == nil {
		return target{id: id, kind: id.Type()}, nil
	}
	above, word := cutLast(c.path)
	if scope, namespace, found := cutProvider(above); found {
		parsed, err := azure.ParseResourceID(scope)
		return target{scope: parsed, kind: namespace + "/" + word, word: word}, refusePath(err)
	}
	scope, scopeErr := azure.ParseResourceID(above)
	if scopeErr != nil {
		return target{}, refusePath(err)
	}
	return target{scope: scope, kind: collectionType(scope, word), word: word}, nil
}

// collectionType is the type of what is below a scope.
func collectionType(scope azure.ResourceID, word string) string {
	kind := scope.Type() + "/" + word
	if azure.Fold(kind) == "microsoft.resources/subscriptions/resourcegroups" {
		return azure.TypeResourceGroup
	}
	return kind
}

func refusePath(err error) error {
	if err == nil {
		return nil
	}
	return errResourceID.with(err)
}

// cutProvider splits SCOPE/providers/NAMESPACE.
func cutProvider(path string) (scope, namespace string, found bool) {
	above, namespace := cutLast(path)
	scope, word := cutLast(above)
	if scope == "" {
		scope = "/"
	}
	return scope, namespace, azure.Fold(word) == "providers"
}

func cutLast(path string) (above, last string) {
	at := strings.LastIndexByte(path, '/')
	if at < 0 {
		return "", path
	}
	return path[:at], path[at+1:]
}

// resource reads the call's path, which must name a resource that has an API.
func (c *call) resource() (azure.ResourceID, kind, error) {
	t, err := c.target()
	if err != nil {
		return azure.ResourceID{}, kind{}, err
	}
	k := c.kindOf(t.kind)
	switch {
	case t.id.IsZero(), azure.Hidden(t.id):
		return azure.ResourceID{}, kind{}, errNoRoute.with(c.path)
	case !k.serves(c.r.Method):
		return azure.ResourceID{}, kind{}, errReadOnlyType.with(k.name, c.r.Method)
	}
	return t.id, k, c.checkSubscription(t.id)
}

// canonical is the ID by which ARM knows a new resource: what it stands below is spelt as that is kept, types are in
// Azure's spelling, and only the name is the client's. az writes resourcegroups, which no ID of Azure has. What extends a
// resource, such as an assignment, keeps the scope that its author wrote.
func (c *call) canonical(id azure.ResourceID, k kind) azure.ResourceID {
	parent, found := id.Parent()
	if !found {
		return id
	}
	above := strings.TrimSuffix(parent.String(), "/")
	own := id.String()[len(above):]
	_, _, below := cutNamespace(above)
	extends := azure.Fold(own[:min(len(own), len("/providers/"))]) == "/providers/"
	if extends && below || k.name == azure.TypeSubscription {
		return id
	}
	if d, exists := c.state.Get(parent.Key()); exists {
		above = strings.TrimSuffix(d.ID.String(), "/")
	}
	namespace, _, _ := strings.Cut(k.name, "/")
	_, last := cutLast(k.name)
	if extends {
		last = "providers/" + namespace + "/" + last
	}
	canonical, err := azure.ParseResourceID(above + "/" + last + "/" + id.Name())
	if err != nil || canonical.Key() != id.Key() {
		return id
	}
	return canonical
}

// checkSubscription refuses an ID in a subscription that does not exist.
func (c *call) checkSubscription(id azure.ResourceID) error {
	subscription := id.Subscription()
	if subscription == "" {
		return nil
	}
	_, exists := c.state.Get("/subscriptions/" + subscription)
	switch {
	case exists:
		return nil
	case !azure.IsGUID(subscription):
		return errSubscriptionID.with(subscription)
	}
	return errSubscriptionMissing.with(subscription)
}

// checkAbove refuses a path below something that does not exist: a resource group, a parent, the scope of an extension
// resource.
func (c *call) checkAbove(id azure.ResourceID, doing string) error {
	if err := c.checkGroup(id); err != nil {
		return err
	}
	parent, found := id.Parent()
	if !found || parent.Key() == "/" {
		return nil
	}
	if _, exists := c.find(parent, c.kindOf(parent.Type())); !exists {
		return errParentMissing.with(doing, id.Type(), parent)
	}
	return nil
}

// checkGroup refuses an ID inside a resource group that does not exist; the group's own is none such.
func (c *call) checkGroup(id azure.ResourceID) error {
	group := id.ResourceGroup()
	if group == "" || id.Is(azure.TypeResourceGroup) {
		return nil
	}
	if _, exists := c.state.Get("/subscriptions/" + id.Subscription() + "/resourceGroups/" + group); !exists {
		return errGroupMissing.with(group)
	}
	return nil
}

// missing is the error for a resource that does not exist.
func (c *call) missing(id azure.ResourceID, k kind) error {
	if err := c.checkGroup(id); err != nil {
		return err
	}
	switch {
	case k.name == azure.TypeResourceGroup:
		return errGroupMissing.with(id.Name())
	case k.name == azure.TypeRoleAssignment:
		return errAssignmentMissing.with(id.Name())
	case k.name == azure.TypeRoleDefinition:
		return errRoleMissing.with(id.Name())
	}
	return errResourceMissing.with(typedName(id), id.ResourceGroup())
}

// typedName is a resource's type and names by turns, as ARM's messages have it:
// Microsoft.ContainerRegistry/registries/myregistry/tokens/ci.
func typedName(id azure.ResourceID) string {
	scope, _, found := cutNamespace(id.String())
	if !found {
		return id.String()
	}
	return strings.TrimPrefix(id.String()[len(strings.TrimSuffix(scope, "/")):], "/providers/")
}
