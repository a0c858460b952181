package graph

import (
	"maps"
	"slices"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// directory is everybody and everything that Graph shows, as the documents of one state say.
type directory struct {
	state *azure.State
	kinds []*kind
	// derived are the service principals that no Graph document makes, once somebody has asked for them; by folded ID.
	derived map[string]object
	// applications are those by folded application ID, once somebody has asked for them.
	applications map[string]object
}

// object is one of them.
type object struct {
	kind *kind
	id   string // object ID
	body map[string]any
	// document holds it; nil for a managed identity and for Azure's own services, which cannot be written.
	document *azure.Document
	// of is the resource ID of a managed identity's resource.
	of string
}

// kindNamed returns the kind of a type, such as user.
func (d *directory) kindNamed(name string) *kind {
	for _, k := range d.kinds {
		if strings.EqualFold(k.name, name) {
			return k
		}
	}
	return nil
}

// all returns the objects of a kind, by object ID.
func (d *directory) all(k *kind) []object {
	var found []object
	for _, document := range d.state.OfType("Microsoft.Graph/" + k.collection) {
		found = append(found, object{kind: k, id: document.ID.Name(), body: document.Body, document: document})
	}
	if k.collection != "servicePrincipals" {
		return found
	}
	found = slices.AppendSeq(found, maps.Values(d.derivedOnes(k)))
	slices.SortFunc(found, func(a, b object) int { return strings.Compare(azure.Fold(a.id), azure.Fold(b.id)) })
	return found
}

// everything returns the objects of all kinds.
func (d *directory) everything() []object {
	var found []object
	for _, k := range d.kinds {
		found = append(found, d.all(k)...)
	}
	return found
}

// get finds an object of a kind by its ID.
func (d *directory) get(k *kind, objectID string) (object, bool) {
	if document, found := d.state.Get(k.id(objectID).Key()); found {
		return object{kind: k, id: document.ID.Name(), body: document.Body, document: document}, true
	}
	if k.collection != "servicePrincipals" {
		return object{}, false
	}
	o, found := d.derivedOnes(k)[azure.Fold(objectID)]
	return o, found
}

// derivedOnes are the managed identities and Azure's own services. To find them takes a look at every document, so that it
// is done once.
func (d *directory) derivedOnes(k *kind) map[string]object {
	if d.derived == nil {
		d.derived = map[string]object{}
		for _, o := range append(services(k), d.managed(k)...) {
			d.derived[azure.Fold(o.id)] = o
		}
	}
	return d.derived
}

// byID finds an object of any kind.
func (d *directory) byID(objectID string) (object, bool) {
	for _, k := range d.kinds {
		if o, found := d.get(k, objectID); found {
			return o, true
		}
	}
	return object{}, false
}

// find finds an object by what a path may name it by: its ID, PROPERTY='VALUE', or the name of a user.
func (d *directory) find(k *kind, key string) (object, bool) {
	if property, value, alternate := alternateKey(key); alternate {
		return d.findBy(k, property, value)
	}
	if o, found := d.get(k, key); found || k.collection != "users" {
		return o, found
	}
	return d.findBy(k, "userPrincipalName", key)
}

// keys are the properties besides the ID that name one object.
var keys = []string{"appId", "uniqueName", "userPrincipalName"}

func (d *directory) findBy(k *kind, property, value string) (object, bool) {
	at := slices.IndexFunc(keys, func(name string) bool { return strings.EqualFold(name, property) })
	if at < 0 || value == "" || !k.has(keys[at]) {
		return object{}, false
	}
	for _, o := range d.all(k) {
		if given, _ := o.body[keys[at]].(string); strings.EqualFold(given, value) {
			return o, true
		}
	}
	return object{}, false
}

// linked returns the IDs of what an object refers to: members or owners.
func (o object) linked(relation string) []string {
	if o.document == nil || o.kind.relations[relation] == nil {
		return nil
	}
	read := azure.ReadOwners
	if relation == "members" {
		read = membersOf
	}
	ids, err := read(*o.document)
	if err != nil {
		return nil // refused on its way into the state
	}
	return ids
}

func membersOf(d azure.Document) ([]string, error) {
	g, err := azure.ReadGroup(d)
	return g.Members, err
}

// refers reports whether an object has another among its members or owners.
func (o object) refers(relation, objectID string) bool {
	return slices.ContainsFunc(o.linked(relation), func(id string) bool { return strings.EqualFold(id, objectID) })
}

// resolve returns the objects with these IDs; what is gone is left out.
func (d *directory) resolve(ids []string) []object {
	var found []object
	for _, id := range ids {
		if o, exists := d.byID(id); exists {
			found = append(found, o)
		}
	}
	return found
}

// follow returns everything that is reached from an object by steps, without the object itself, each once.
func follow(from object, step func(object) []object) []object {
	seen := map[string]bool{azure.Fold(from.id): true}
	found := []object{from}
	for i := 0; i < len(found); i++ {
		for _, next := range step(found[i]) {
			if id := azure.Fold(next.id); !seen[id] {
				seen[id] = true
				found = append(found, next)
			}
		}
	}
	return found[1:]
}

// groupsOf returns the groups that have an object as a direct member.
func (d *directory) groupsOf(o object) []object {
	var found []object
	for _, group := range d.all(d.kindNamed("group")) {
		if group.refers("members", o.id) {
			found = append(found, group)
		}
	}
	return found
}

// members returns the direct members of a group.
func (d *directory) members(o object) []object { return d.resolve(o.linked("members")) }

// owned returns what an object owns.
func (d *directory) owned(o object) []object {
	var found []object
	for _, other := range d.everything() {
		if other.refers("owners", o.id) {
			found = append(found, other)
		}
	}
	return found
}

// application returns the application of a service principal of the tenant.
func (d *directory) application(o object) (object, bool) {
	if d.applications == nil {
		d.applications = map[string]object{}
		for _, app := range d.all(d.kindNamed("application")) {
			d.applications[azure.Fold(app.textOf("appId"))] = app
		}
	}
	app, found := d.applications[azure.Fold(o.textOf("appId"))]
	return app, found && app.textOf("appId") != ""
}

// servicePrincipals returns those of an application.
func (d *directory) servicePrincipals(app object) []object {
	var found []object
	if o, exists := d.findBy(d.kindNamed("servicePrincipal"), "appId", app.textOf("appId")); exists && app.kind.name == "application" {
		found = append(found, o)
	}
	return found
}
