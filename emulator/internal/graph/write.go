package graph

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// maxObjects bounds the directory, as the quota of a tenant without a domain of its own.
const maxObjects = 50_000

// write is an object on its way into the directory.
type write struct {
	*call
	kind *kind
	old  *object // nil if the object is new
	id   string
	body map[string]any // what the object will be
	// given is what the client says.
	given map[string]any
	// change is what goes with it, besides the object itself.
	change azure.Change
}

// create makes an object, with an ID of its own that no assignment can have named before.
func create(c *call) (answer, error) {
	k, err := c.collection()
	if err != nil {
		return answer{}, err
	}
	given, err := c.read()
	if err != nil {
		return answer{}, err
	}
	return c.inTurn(func() (answer, error) {
		w := &write{call: c, kind: k, id: uuid.NewString(), given: given}
		w.body = map[string]any{"createdDateTime": c.stamp()}
		if err := w.mayMake(); err != nil {
			return answer{}, err
		}
		return w.finish(http.StatusCreated)
	})
}

// mayMake refuses a caller who may make nothing, and anything once the directory is full. The owner of an application may
// make its service principal.
func (w *write) mayMake() error {
	count := 0
	for _, k := range w.kinds {
		count += len(w.directory.state.OfType("Microsoft.Graph/" + k.collection))
	}
	if count >= maxObjects {
		return errQuota.with()
	}
	app, found := w.directory.findBy(w.directory.kindNamed("application"), "appId", textOf(w.given, "appId"))
	if found && w.kind.name == "servicePrincipal" && w.owns(app) {
		return nil
	}
	return w.mayCreate()
}

// update merges into an object: objects merge, all else replaces.
func update(c *call) (answer, error) {
	given, err := c.read()
	if err != nil {
		return answer{}, err
	}
	return c.inTurn(func() (answer, error) {
		o, err := c.object()
		if err != nil {
			return answer{}, err
		}
		w, err := c.rewrite(o)
		if err != nil {
			return answer{}, err
		}
		w.given = given
		return w.finish(http.StatusNoContent)
	})
}

// rewrite begins to change an object that exists.
func (c *call) rewrite(o object) (*write, error) {
	if err := c.mayChange(o); err != nil {
		return nil, err
	}
	return &write{call: c, kind: o.kind, old: &o, id: o.id, body: o.document.Clone().Body}, nil
}

// finish checks what the client says, lets the kind look at the object, and applies the change.
func (w *write) finish(status int) (answer, error) {
	steps := []func() error{w.checkGiven, w.checkNeeded, w.merge, w.checkUnique, w.checkCredentials, w.checkKind, w.linkGiven, w.apply}
	for _, step := range steps {
		if err := step(); err != nil {
			return answer{}, err
		}
	}
	if status == http.StatusNoContent {
		return done, nil
	}
	w.directory = w.now()
	o, _ := w.directory.get(w.kind, w.id)
	return w.shown(status, o, nil)
}

// checkGiven refuses what objects of the kind do not have, what only the directory sets, and values that do not fit. A
// client may send back what it was shown.
func (w *write) checkGiven() error {
	for name, value := range w.given {
		p, known := w.kind.properties[name]
		_, isLink := strings.CutSuffix(name, "@odata.bind")
		switch {
		case strings.HasPrefix(name, "@odata.") || isLink:
			continue
		case !known || p.access == unseen && p.form == list:
			return errProperty.with(name)
		case p.access == derived && !w.repeats(name, value):
			return errReadOnly.with(name)
		}
		if problem := p.wrong(value); problem != "" {
			return errValue.with(name, w.kind.resource, problem)
		}
	}
	return nil
}

// repeats reports whether a value is what is shown already.
func (w *write) repeats(name string, value any) bool {
	shown, _ := value.(string)
	return value == nil || w.old != nil && equal(w.directory.member(*w.old, name), value) && shown != ""
}

func (w *write) checkNeeded() error {
	if w.old != nil {
		return nil
	}
	for _, name := range slices.Sorted(neededOf(w.kind)) {
		if w.given[name] == nil {
			return errRequired.with(name, w.kind.resource)
		}
	}
	return nil
}

func neededOf(k *kind) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name, p := range k.properties {
			if p.access == needed && !yield(name) {
				return
			}
		}
	}
}

// merge brings what the client says into the object.
func (w *write) merge() error {
	said := map[string]any{}
	for name, value := range w.given {
		if p, known := w.kind.properties[name]; known && p.access != derived {
			said[name] = value
		}
	}
	w.body = azure.MergePatch(w.body, said)
	return nil
}

// distinct are the properties that no two objects of a kind have in common.
var distinct = []string{"userPrincipalName", "identifierUris", "uniqueName"}

func (w *write) checkUnique() error {
	for _, name := range distinct {
		mine := valuesOf(w.given[name])
		if _, has := w.kind.properties[name]; !has || len(mine) == 0 {
			continue
		}
		for _, other := range w.directory.all(w.kind) {
			if other.id != w.id && slices.ContainsFunc(valuesOf(other.body[name]), func(v string) bool { return slices.Contains(mine, v) }) {
				return errTaken.with(name)
			}
		}
	}
	return nil
}

// valuesOf returns a text, or the texts of a list, folded.
func valuesOf(value any) []string {
	switch v := value.(type) {
	case string:
		return []string{azure.Fold(v)}
	case []any:
		var found []string
		for _, item := range v {
			found = append(found, valuesOf(item)...)
		}
		return found
	}
	return nil
}

func (w *write) checkKind() error {
	if w.kind.check == nil {
		return nil
	}
	return w.kind.check(w)
}

// apply puts the object into the directory.
func (w *write) apply() error {
	w.body["id"], w.body["@odata.type"] = w.id, "#microsoft.graph."+w.kind.name
	w.change.Put = append(w.change.Put, azure.Document{ID: w.kind.id(w.id), Body: w.body})
	return w.commit(w.change)
}

func (c *call) commit(change azure.Change) error {
	_, err := c.Backend.Apply(c.r.Context(), change)
	return err
}

// remove takes an object out of the directory, and out of everything that refers to it. Role assignments stay, as in Azure,
// and give nothing to anybody.
func remove(c *call) (answer, error) {
	return c.inTurn(func() (answer, error) {
		o, err := c.object()
		if err != nil {
			return answer{}, err
		}
		if err := c.mayChange(o); err != nil {
			return answer{}, err
		}
		var change azure.Change
		c.take(&change, o)
		if o.kind.removed != nil {
			o.kind.removed(c, o, &change)
		}
		return done, c.commit(change)
	})
}

// take adds to a change that an object goes, with the references to it.
func (c *call) take(change *azure.Change, gone object) {
	change.Delete = append(change.Delete, gone.document.ID.Key())
	for _, other := range c.directory.everything() {
		if body := unlinked(other, gone.id); body != nil && !slices.Contains(change.Delete, other.document.ID.Key()) {
			change.Put = append(change.Put, azure.Document{ID: other.document.ID, Body: body})
		}
	}
}

// unlinked is an object's body without references to another; nil if it has none.
func unlinked(o object, gone string) map[string]any {
	var body map[string]any
	for relation := range o.kind.relations {
		if !o.refers(relation, gone) {
			continue
		}
		if body == nil {
			body = o.document.Clone().Body
		}
		body[relation] = without(o.linked(relation), gone)
		delete(body, relation+"@odata.bind")
	}
	return body
}

// removeServicePrincipals: an application takes its service principal with it.
func removeServicePrincipals(c *call, app object, change *azure.Change) {
	for _, o := range c.directory.servicePrincipals(app) {
		if o.document != nil {
			c.take(change, o)
		}
	}
}

// stamp is the time as Graph writes it.
func (c *call) stamp() string { return c.Now().UTC().Format(time.RFC3339) }

func textOf(body map[string]any, name string) string {
	value, _ := body[name].(string)
	return value
}
