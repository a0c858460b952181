package graph

import (
	"net/url"
	"slices"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// The bounds of references: those in one body, and the owners of an object, both as in Graph.
const (
	maxLinks  = 20
	maxOwners = 100
)

// link adds an object, named by the URL that refers to it, to the members or owners of the written one.
func (w *write) link(relation, reference string) error {
	other, err := w.referee(reference)
	if err != nil {
		return err
	}
	linked := w.linked(relation)
	switch {
	case !slices.Contains(w.kind.relations[relation], other.kind.name) || sameID(other.id, w.id):
		return errReferee.with(other.kind.name, relation, w.kind.name)
	case slices.ContainsFunc(linked, func(id string) bool { return sameID(id, other.id) }):
		return errReferenced.with(relation)
	case relation == "owners" && len(linked) >= maxOwners:
		return errTooMany.with(relation, maxOwners)
	}
	w.body[relation] = append(without(linked, ""), map[string]any{"id": other.id})
	delete(w.body, relation+"@odata.bind") // which a seed file may have, and which is in the list by now
	return nil
}

// linked returns what the written object refers to so far.
func (w *write) linked(relation string) []string {
	document := azure.Document{ID: w.kind.id(w.id), Body: w.body}
	return object{kind: w.kind, id: w.id, document: &document}.linked(relation)
}

// referee finds what a reference means: …/v1.0/directoryObjects/ID, or another collection instead. Only the path counts.
func (w *write) referee(reference string) (object, error) {
	u, err := url.Parse(reference)
	if err != nil || reference == "" {
		return object{}, errReference.with()
	}
	_, path := splitVersion(u.Path)
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(segments) != 2 {
		return object{}, errReference.with()
	}
	other, found := w.directory.byID(segments[1])
	if !found {
		return object{}, errMissing.with(segments[1])
	}
	return other, nil
}

// linkGiven adds what the body refers to: members@odata.bind and owners@odata.bind. Who makes an application, a service
// principal or a group owns it, unless the body names other owners.
func (w *write) linkGiven() error {
	for _, relation := range []string{"members", "owners"} {
		name := relation + "@odata.bind"
		links, err := textsIn(w.given, name, maxLinks)
		switch {
		case err != nil:
			return err
		case len(links) > 0 && w.kind.relations[relation] == nil:
			return errProperty.with(name)
		}
		for _, link := range links {
			if err := w.link(relation, link); err != nil {
				return err
			}
		}
	}
	if w.old == nil && w.kind.relations["owners"] != nil && w.body["owners"] == nil {
		w.body["owners"] = []any{map[string]any{"id": w.caller}}
	}
	return nil
}
