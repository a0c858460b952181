package graph

import (
	"net/http"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// relation is a row of the table of what can be listed of an object.
type relation struct {
	of   []string // the kinds that have it; nil means all
	find func(*directory, object) []object
}

// relations is the table, by folded name.
var relations = map[string]relation{
	"members":            {[]string{"group"}, (*directory).members},
	"transitivemembers":  {[]string{"group"}, func(d *directory, o object) []object { return follow(o, d.members) }},
	"owners":             {[]string{"application", "servicePrincipal", "group"}, func(d *directory, o object) []object { return d.resolve(o.linked("owners")) }},
	"memberof":           {nil, (*directory).groupsOf},
	"transitivememberof": {nil, func(d *directory, o object) []object { return follow(o, d.groupsOf) }},
	"ownedobjects":       {people, (*directory).owned},
	"createdobjects":     {people, none},
	"approleassignments": {nil, none},
	"approleassignedto":  {[]string{"servicePrincipal"}, none},
	"oauth2permissiongrants": {
		people, none,
	},
}

func none(*directory, object) []object { return nil }

// has reports whether objects of a kind have the relation.
func (r relation) has(k *kind) bool {
	if r.of == nil {
		return true
	}
	for _, name := range r.of {
		if name == k.name {
			return true
		}
	}
	return false
}

// listRelation lists what an object is related to, perhaps only what is of one type: …/memberOf/microsoft.graph.group.
func listRelation(c *call) (answer, error) {
	o, err := c.object()
	if err != nil {
		return answer{}, err
	}
	r, found := relations[c.param("relation")]
	if !found || !r.has(o.kind) {
		return answer{}, errSegment.with(c.param("relation"))
	}
	l := listing{objects: r.find(c.directory, o), kinds: c.kinds, mixed: true, context: "directoryObjects"}
	if cast := c.param("cast"); cast != "" {
		if l, err = c.only(l, cast); err != nil {
			return answer{}, err
		}
	}
	return c.list(l)
}

// only keeps the objects of one type.
func (c *call) only(l listing, cast string) (listing, error) {
	name, ours := strings.CutPrefix(cast, "microsoft.graph.")
	k := c.directory.kindNamed(name)
	if !ours || k == nil {
		return l, errSegment.with(cast)
	}
	kept := listing{kinds: []*kind{k}, context: k.collection}
	for _, o := range l.objects {
		if o.kind == k {
			kept.objects = append(kept.objects, o)
		}
	}
	return kept, nil
}

// actions are what POST does with an object, by folded name.
var actions = map[string]handler{
	"addpassword":                  addPassword,
	"removepassword":               removePassword,
	"federatedidentitycredentials": addFederated,
	"checkmembergroups":            checkMembership("groupIds"),
	"checkmemberobjects":           checkMembership("ids"),
	"getmembergroups":              listMemberships,
	"getmemberobjects":             listMemberships,
}

func act(c *call) (answer, error) {
	do, found := actions[c.param("action")]
	if !found {
		return answer{}, errSegment.with(c.param("action"))
	}
	return do(c)
}

// maxChecked is how many groups a membership is checked in at once, as in Graph.
const maxChecked = 20

// checkMembership tells which of the groups that the body lists an object is in, also through other groups.
func checkMembership(member string) handler {
	return func(c *call) (answer, error) {
		o, err := c.object()
		if err != nil {
			return answer{}, err
		}
		body, err := c.read()
		if err != nil {
			return answer{}, err
		}
		given, err := textsIn(body, member, maxChecked)
		if err != nil {
			return answer{}, err
		}
		in := map[string]bool{}
		for _, group := range follow(o, c.directory.groupsOf) {
			in[azure.Fold(group.id)] = true
		}
		found := []any{}
		for _, id := range unique(given) {
			if in[azure.Fold(id)] {
				found = append(found, id)
			}
		}
		return c.values("Collection(Edm.String)", found), nil
	}
}

// listMemberships lists the IDs of the groups that an object is in, also through other groups.
func listMemberships(c *call) (answer, error) {
	o, err := c.object()
	if err != nil {
		return answer{}, err
	}
	body, err := c.read()
	if err != nil {
		return answer{}, err
	}
	found := []any{}
	for _, group := range follow(o, c.directory.groupsOf) {
		if body["securityEnabledOnly"] != true || group.body["securityEnabled"] != false {
			found = append(found, group.id)
		}
	}
	return c.values("Collection(Edm.String)", found), nil
}

// addReference adds an object to the members or owners of another.
func addReference(c *call) (answer, error) {
	body, err := c.read()
	if err != nil {
		return answer{}, err
	}
	link, _ := body["@odata.id"].(string)
	return c.relink(func(w *write, name string) error { return w.link(name, link) })
}

// removeReference takes an object out of them.
func removeReference(c *call) (answer, error) {
	return c.relink(func(w *write, name string) error {
		other := c.param("other")
		if !w.old.refers(name, other) {
			return errMissing.with(other)
		}
		w.body[name] = without(w.old.linked(name), other)
		return nil
	})
}

// relink changes the members or owners of an object.
func (c *call) relink(change func(w *write, name string) error) (answer, error) {
	return c.inTurn(func() (answer, error) {
		o, err := c.object()
		if err != nil {
			return answer{}, err
		}
		name := c.param("relation")
		if o.kind.relations[name] == nil {
			return answer{}, errSegment.with(name)
		}
		w, err := c.rewrite(o)
		if err != nil {
			return answer{}, err
		}
		if err := change(w, name); err != nil {
			return answer{}, err
		}
		return answer{status: http.StatusNoContent}, w.apply()
	})
}

// without returns references to all objects but one.
func without(ids []string, gone string) []any {
	kept := []any{}
	for _, id := range ids {
		if !sameID(id, gone) {
			kept = append(kept, map[string]any{"id": id})
		}
	}
	return kept
}
