package arm

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// write is a document on its way into the state.
type write struct {
	*call
	kind kind
	id   azure.ResourceID
	old  *azure.Document // nil if the document is new
	body map[string]any  // what the document will be
	// change is what goes with it, besides the document itself.
	change azure.Change
}

// putAny makes a resource, or replaces one.
func putAny(c *call) (answer, error) {
	return c.write(func(w *write, given map[string]any) {
		w.body = given
		if w.old != nil && w.body["location"] == nil {
			w.body["location"] = w.old.Body["location"]
		}
	})
}

// patched are the members that PATCH changes; az sends whole resources, of which the rest stays as it is (az-cli §6).
var patched = []string{"tags", "sku", "identity", "properties"}

// patchAny merges into a resource: objects merge, lists replace. Tags replace too, as az means them: it clears them with an empty object.
func patchAny(c *call) (answer, error) {
	return c.write(func(w *write, given map[string]any) {
		changes := map[string]any{}
		for _, name := range patched {
			if value, found := given[name]; found {
				changes[name] = value
			}
		}
		if w.kind.steady {
			keepNulls(changes)
		}
		if w.old != nil {
			if w.kind.merge != nil {
				w.kind.merge(w.old.Clone().Body, changes)
			}
			w.body = azure.MergePatch(w.old.Body, changes)
			if tags, given := changes["tags"]; given {
				w.body["tags"] = tags
			}
		}
	})
}

// keepNulls takes the nulls out of the properties of a change.
func keepNulls(changes map[string]any) {
	properties, isObject := changes["properties"].(map[string]any)
	if !isObject {
		delete(changes, "properties")
	}
	azure.DropNulls(properties)
}

// write carries out PUT or PATCH. The body is read before the write gets its turn, so that a slow client holds up nobody,
// and the principal's right is asked for on both sides of that.
func (c *call) write(compose func(*write, map[string]any)) (answer, error) {
	id, k, err := c.resource()
	if err != nil {
		return answer{}, err
	}
	if err := c.authorizeWrite(id, k); err != nil {
		return answer{}, err
	}
	given, err := c.object()
	if err != nil {
		return answer{}, err
	}
	if err := c.spell(id, k, given); err != nil {
		return answer{}, err
	}
	if err := checkObjects(given); err != nil {
		return answer{}, err
	}
	c.Writing.Lock()
	defer c.Writing.Unlock()
	c.state = c.Backend.State()
	w := &write{call: c, kind: k, id: id}
	if err := w.begin(); err != nil {
		return answer{}, err
	}
	compose(w, given)
	return w.finish()
}

// authorizeWrite refuses who may not write a document, unless it is new and anyone may make it.
func (c *call) authorizeWrite(id azure.ResourceID, k kind) error {
	if _, exists := c.find(id, k); !exists && k.anyone != nil && k.anyone(c, id) {
		c.deed = deed{k.action("write"), id}
		return nil
	}
	return c.authorize(k.action("write"), id)
}

// objectMembers are the members that are objects in every resource.
var objectMembers = []string{"properties", "identity", "tags", "sku"}

func checkObjects(body map[string]any) error {
	for _, name := range objectMembers {
		if _, isObject := body[name].(map[string]any); body[name] != nil && !isObject {
			return errContent.about(name, "'"+name+"' is not an object")
		}
	}
	return nil
}

// begin checks whether the write may happen at all.
func (w *write) begin() error {
	if err := w.authorizeWrite(w.id, w.kind); err != nil {
		return err
	}
	if !w.atHome() {
		return errNoRoute.with(w.path)
	}
	if err := w.checkAbove(w.id, "write"); err != nil {
		return err
	}
	if old, found := w.find(w.id, w.kind); found {
		w.old, w.id = old, old.ID // the case in which it was first written stays
	} else {
		w.id = w.canonical(w.id, w.kind)
	}
	if w.old == nil && w.r.Method == http.MethodPatch {
		return w.missing(w.id, w.kind)
	}
	if err := w.checkLocks("write", w.id); err != nil {
		return err
	}
	return w.checkTag(w.old)
}

// checkTag holds a change against the entity tags that the client names.
func (c *call) checkTag(old *azure.Document) error {
	match, noMatch := c.r.Header.Get("If-Match"), c.r.Header.Get("If-None-Match")
	if match == "" && noMatch == "" {
		return nil
	}
	tag := ""
	if old != nil {
		tag = entityTag(c.show(old))
	}
	switch {
	case match != "" && !tagIn(match, tag):
		return errPrecondition.with("If-Match", tag)
	case noMatch != "" && tagIn(noMatch, tag):
		return errPrecondition.with("If-None-Match", tag)
	}
	return nil
}

// tagIn reports whether a list of entity tags has the tag; * has that of every document there is.
func tagIn(listed, tag string) bool {
	if tag == "" {
		return false
	}
	for _, one := range strings.Split(listed, ",") {
		if one = strings.TrimSpace(one); one == "*" || one == tag {
			return true
		}
	}
	return false
}

// finish fills in what the client may not choose, lets the type look at the document, and applies the change.
func (w *write) finish() (answer, error) {
	w.fill()
	steps := []func() error{func() error { return checkTags(w.body) }, w.checkLocation, w.checkLinks, w.checkKind, w.apply}
	for _, step := range steps {
		if err := step(); err != nil {
			return answer{}, err
		}
	}
	w.state = w.Backend.State()
	d, found := w.state.Get(w.id.Key())
	if !found {
		return answer{}, w.missing(w.id, w.kind)
	}
	return w.written(d), nil
}

// written is the answer to a write that is in force. Where operations are slow, one that Azure takes its time for is shown
// as under way; never with 202, which clients of registries do not understand (az-cli §1).
func (w *write) written(d *azure.Document) answer {
	status := w.status()
	if w.kind.settle != nil {
		return w.settled(d)
	}
	if _, reports := lookUp(d.Body, "properties.provisioningState"); !w.kind.slow() || !reports || w.delay() == 0 {
		return document(status, w.show(d))
	}
	o := w.start(w.kind.action("write"), d.ID)
	o.settle(w.Now().Add(w.delay()), outcome{})
	w.operations.show(o, w.word())
	shown := document(status, w.show(d))
	a := o.accepted(w.call, status, shown.body)
	a.etag = shown.etag
	return a
}

// word is what a resource says of itself while the write is under way.
func (w *write) word() string {
	if w.old == nil {
		return "Creating"
	}
	return "Updating"
}

// settled is the answer to a write that sets something going: clients wait for its end, unless there was none.
func (w *write) settled(d *azure.Document) answer {
	o, over := w.start(w.kind.action("write"), d.ID), make(chan error, 1)
	w.kind.settle(w.call, d.ID, func(err error) {
		o.settle(w.Now().Add(w.delay()), outcome{err: err})
		over <- err
	})
	if w.delay() > 0 {
		w.operations.show(o, w.word())
	}
	shown := document(w.status(), w.show(d))
	select {
	case err := <-over:
		if err == nil && w.delay() == 0 {
			return shown
		}
	default:
	}
	a := o.accepted(w.call, shown.status, shown.body)
	a.etag = shown.etag
	return a
}

// status tells a new document from a replaced one, where clients can stand it (az-cli §6.2).
func (w *write) status() int {
	if w.old == nil {
		return cmp.Or(w.kind.created, http.StatusCreated)
	}
	return cmp.Or(w.kind.replaced, http.StatusOK)
}

// fill sets the members by which ARM knows a resource, and brings back those that are read-only.
func (w *write) fill() {
	w.body["id"], w.body["name"], w.body["type"] = w.id.String(), w.id.Name(), w.kind.name
	keepReadOnly(w.body, w.old, w.kind.readOnly)
	if properties, isObject := w.body["properties"].(map[string]any); isObject {
		delete(properties, "provisioningState") // every write succeeds at once, which azure.Complete says
	}
	azure.DropNulls(w.body)
	w.stamp(w.body, w.old)
	if location := textAt(w.body, "location"); location != "" {
		w.body["location"] = azure.RegionName(location)
	}
}

// checkLocation wants a region, whose name becomes part of host names; and the one in which the resource is already.
func (w *write) checkLocation() error {
	location := textAt(w.body, "location")
	switch {
	case w.kind.located && location == "":
		return errLocation.about("location")
	case location != "" && !azure.ValidRegion(location):
		return errNoRegion.about("location", location, w.kind.name)
	}
	if w.old == nil {
		return nil
	}
	if was := textAt(w.old.Body, "location"); was != "" && azure.RegionName(was) != location {
		if w.kind.name == azure.TypeResourceGroup {
			return errResourceGroupMoved.with(location, was)
		}
		return errMoved.with(w.id.Name(), was, w.id.ResourceGroup(), location)
	}
	return nil
}

func (w *write) checkKind() error {
	if w.kind.check == nil {
		return nil
	}
	return w.kind.check(w)
}

func (w *write) apply() error {
	w.change.Put = append(w.change.Put, azure.Document{ID: w.id, Body: w.body})
	return w.commit(w.change)
}

// commit lets the domain complete a change as that of a client, and applies it.
func (c *call) commit(change azure.Change) error {
	complete, err := c.state.Complete(change, azure.Author{Now: c.Now, MayApprove: c.mayApprove})
	if err != nil {
		return err
	}
	if err := c.keepLocks(change, complete); err != nil {
		return err
	}
	c.revision, err = c.Backend.Apply(c.r.Context(), complete)
	return err
}

// mayApprove reports whether the principal may approve private endpoint connections to a registry (acr-behaviour §7).
func (c *call) mayApprove(registry azure.ResourceID) bool {
	return c.may(azure.TypeRegistry+"/privateEndpointConnectionsApproval/action", registry)
}
