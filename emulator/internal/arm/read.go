package arm

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
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
	shown := azure.Inline(c.state, d)
	body := shown.Clone().Body
	if show := c.kindOf(d.Type()).show; show != nil {
		show(c, d.ID, body)
	}
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
	documents, err := c.documentsOf(t, k)
	if err != nil {
		return answer{}, err
	}
	documents, err = c.filter(documents, k.fields)
	if err != nil {
		return answer{}, err
	}
	return c.listReadable(documents, k, t.scope)
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
	if _, exists := c.state.Get(scope.Key()); exists || scope.Key() == "/" {
		return nil
	}
	if err := c.authorize("Microsoft.Resources/subscriptions/resources/read", scope); err != nil {
		return err // existence is not told to those who may not know
	}
	return c.missing(scope, c.kindOf(scope.Type()))
}

func (c *call) documentsOf(t target, k kind) ([]*azure.Document, error) {
	if k.list != nil {
		return k.list(c, t)
	}
	return c.state.Children(t.scope.Key(), t.kind), nil
}

// listReadable renders what the principal may read. One who may read neither the scope nor anything in it is refused.
func (c *call) listReadable(documents []*azure.Document, k kind, scope azure.ResourceID) (answer, error) {
	refused := c.authorize(k.action("read"), scope)
	var items []any
	for _, d := range documents {
		if refused == nil || c.may(k.action("read"), d.ID) {
			items = append(items, c.show(d))
		}
	}
	if refused != nil && items == nil {
		return answer{}, refused
	}
	return list(items), nil
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
	var located []*azure.Document
	for _, d := range c.state.Below(id.Key()) {
		if textAt(d.Body, "location") != "" && d.Type() != azure.TypeResourceGroup && !azure.Hidden(d.ID) {
			located = append(located, d)
		}
	}
	slices.SortFunc(located, func(a, b *azure.Document) int { return cmp.Compare(a.ID.Key(), b.ID.Key()) })
	located, err = c.filter(located, resourceFields)
	if err != nil {
		return answer{}, err
	}
	var items []any
	for _, d := range located {
		if c.may(c.kindOf(d.Type()).action("read"), d.ID) {
			items = append(items, summary(d.Body))
		}
	}
	return list(items), nil
}

// summary is what a list of resources shows of one.
func summary(body map[string]any) map[string]any {
	item := map[string]any{}
	for _, name := range []string{"id", "name", "type", "kind", "location", "tags", "sku", "identity", "managedBy", "zones"} {
		if value, found := body[name]; found {
			item[name] = value
		}
	}
	return item
}
