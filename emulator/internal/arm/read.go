package arm

import (
	"iter"
	"net/http"
	"slices"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/template"
)

// getAny reads one resource, or lists a collection.
func getAny(c *call) (answer, error) {
	t, err := c.target()
	if err != nil {
		return answer{}, err
	}
	if t.id.IsZero() {
		return listCollection(c)
	}
	id, k, err := c.resource()
	if err != nil {
		return answer{}, err
	}
	if err := c.authorize(k.action("read"), id); err != nil {
		return answer{}, err
	}
	d, found := c.find(id, k)
	if !found {
		return answer{}, c.missing(id, k)
	}
	return c.unlessKnown(document(http.StatusOK, c.show(d)))
}

// unlessKnown answers 304 to a client that has the document already.
func (c *call) unlessKnown(a answer) (answer, error) {
	if given := c.r.Header.Get("If-None-Match"); given != "" && (given == a.etag || given == "*") {
		return answer{status: http.StatusNotModified, etag: a.etag}, nil
	}
	return a, nil
}

// headAny tells whether a resource exists: 204 or 404 (az-cli §5, group exists).
func headAny(c *call) (answer, error) {
	id, k, err := c.resource()
	if err != nil {
		return answer{}, err
	}
	if err := c.authorize(k.action("read"), id); err != nil {
		return answer{}, err
	}
	if _, found := c.find(id, k); !found {
		return answer{}, c.missing(id, k)
	}
	return answer{status: http.StatusNoContent}, nil
}

// find looks for the document called id where its type keeps documents.
func (c *call) find(id azure.ResourceID, k kind) (*azure.Document, bool) {
	if d, found := c.state.Get(id.Key()); found || k.find == nil {
		return d, found
	}
	return k.find(c, id)
}

// show returns a document's body as a client sees it, which is a copy.
func (c *call) show(d *azure.Document) map[string]any {
	body := c.details(d)
	if show := c.kindOf(d.Type()).show; show != nil {
		show(c, d.ID, body)
	}
	return body
}

// details returns a document's body with what its type hides from most.
func (c *call) details(d *azure.Document) map[string]any {
	shown := azure.Inline(c.state, d)
	body := shown.Clone().Body
	c.hideSystem(d.Type(), body)
	if word := c.operations.word(d.ID.Key(), c.Now()); word != "" {
		setAt(body, "properties.provisioningState", word)
	}
	return body
}

// listCollection lists the resources of one type at a scope and below it, as far as the principal may read them.
func listCollection(c *call) (answer, error) {
	t, err := c.target()
	if err != nil {
		return answer{}, err
	}
	k := c.kindOf(t.kind)
	if hiddenType(t) || !c.atHome() {
		return answer{}, errNoRoute.with(c.path)
	}
	if err := c.checkScope(t.scope); err != nil {
		return answer{}, err
	}
	return c.listOf(t, k)
}

// listOf lists what of a type is at a scope and below it: one page of what fits $filter. One who may read neither the scope
// nor anything in it is refused.
func (c *call) listOf(t target, k kind) (answer, error) {
	p, err := c.page(k.page)
	if err != nil {
		return answer{}, err
	}
	selected, err := c.selects(k.fields)
	if err != nil {
		return answer{}, err
	}
	documents, err := c.documentsOf(t, k, p.after)
	if err != nil {
		return answer{}, err
	}
	refused, readable := c.authorize(k.action("read"), t.scope), false
	shown := c.render(p, only(documents, func(d *azure.Document) bool {
		if !selected(d) || refused != nil && !c.may(k.action("read"), d.ID) {
			return false
		}
		readable = true
		return true
	}), func(d *azure.Document) any { return c.show(d) })
	if refused != nil && !readable && p.after == "" {
		return answer{}, refused
	}
	return shown, nil
}

// hiddenType reports whether a collection is of documents that no API shows.
func hiddenType(t target) bool {
	id, err := azure.ParseResourceID(t.scope.String() + "/" + t.word + "/any")
	return err == nil && azure.Hidden(id)
}

// checkScope refuses to list what is below something that does not exist.
func (c *call) checkScope(scope azure.ResourceID) error {
	if err := c.checkSubscription(scope); err != nil {
		return err
	}
	if _, exists := c.find(scope, c.kindOf(scope.Type())); exists || scope.Key() == "/" {
		return nil
	}
	if err := c.authorize("Microsoft.Resources/subscriptions/resources/read", scope); err != nil {
		return err // existence is not told to those who may not know
	}
	return c.missing(scope, c.kindOf(scope.Type()))
}

// documentsOf returns what a collection holds, from after a key.
func (c *call) documentsOf(t target, k kind, after string) (iter.Seq[*azure.Document], error) {
	if k.list == nil {
		return slices.Values(azure.After(c.state.Children(t.scope.Key(), t.kind), after)), nil
	}
	documents, err := k.list(c, t)
	return sorted(documents, after), err
}

// listResources lists the resources of all types in a subscription or group, without their properties. It shows what the
// principal may read, which may be nothing (az-cli §5, L1).
func listResources(c *call) (answer, error) {
	scope, _ := cutLast(c.path)
	id, err := azure.ParseResourceID(scope)
	if err != nil {
		return answer{}, refusePath(err)
	}
	if err := c.checkScope(id); err != nil {
		return answer{}, err
	}
	p, err := c.page(pageSize)
	if err != nil {
		return answer{}, err
	}
	selected, err := c.selects(resourceFields)
	if err != nil {
		return answer{}, err
	}
	readable, expanded := c.readable(id), c.expansions()
	return c.render(p, only(c.state.Walk(id.Key(), p.after), func(d *azure.Document) bool {
		return selected(d) && isResource(d) && readable(d)
	}), func(d *azure.Document) any { return summary(d.Body, expanded) }), nil
}

// listedElsewhere are the folded types that have lists of their own only, although they stand in regions.
var listedElsewhere = map[string]bool{
	azure.Fold(azure.TypeResourceGroup): true, azure.Fold(template.DeploymentType): true,
}

// isResource reports whether lists of resources have the document: children that stand in no region are not listed.
func isResource(d *azure.Document) bool {
	return textAt(d.Body, "location") != "" && !listedElsewhere[azure.Fold(d.Type())] && !azure.Hidden(d.ID)
}

// readable tells of each document below a scope whether the principal may read it. Whoever may read a type at the scope
// may do so below; that is asked for once.
func (c *call) readable(scope azure.ResourceID) fits {
	all := map[string]bool{}
	return func(d *azure.Document) bool {
		right := c.kindOf(d.Type()).action("read")
		if _, asked := all[right]; !asked {
			all[right] = c.may(right, scope)
		}
		return all[right] || c.may(right, d.ID)
	}
}

// expansions are the members that $expand adds to each resource of a list, with where a document has them.
func (c *call) expansions() map[string]string {
	wanted := map[string]string{}
	for _, name := range strings.Split(c.query("$expand"), ",") {
		for known, path := range expandable {
			if strings.EqualFold(strings.TrimSpace(name), known) {
				wanted[known] = path
			}
		}
	}
	return wanted
}

var expandable = map[string]string{
	"createdTime": "systemData.createdAt", "changedTime": "systemData.lastModifiedAt", "provisioningState": "properties.provisioningState",
}

// summary is what a list of resources shows of one. A type whose documents do not say how making them went has made them.
func summary(body map[string]any, expanded map[string]string) map[string]any {
	item := map[string]any{}
	for _, name := range []string{"id", "name", "type", "kind", "location", "tags", "sku", "identity", "managedBy", "plan", "zones"} {
		if value, found := body[name]; found {
			item[name] = value
		}
	}
	for name, path := range expanded {
		if value, found := lookUp(body, path); found {
			item[name] = value
		} else if name == "provisioningState" {
			item[name] = stateSucceeded
		}
	}
	return item
}
