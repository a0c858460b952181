package emulator

import (
	"fmt"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/identity"
)

// principals reads Graph documents. One without an object ID gets one that follows from its name.
func (r *seedReader) principals(p position) error { return p.each(r.principal) }

func (r *seedReader) principal(p position) error {
	body, err := p.object()
	if err != nil {
		return err
	}
	kind, ok := graphKindOf(body)
	if !ok {
		return p.errorf("a principal has an @odata.type: #microsoft.graph.user, group, servicePrincipal or application")
	}
	if body, err = r.fit(p, "Microsoft.Graph/"+kind.collection, body); err != nil {
		return err
	}
	objectID, _ := body["id"].(string)
	name, _ := body[kind.name].(string)
	switch {
	case objectID == "" && name == "":
		return p.errorf("a principal has an id, or a %s from which one is made", kind.name)
	case objectID == "":
		objectID = azure.DerivedID("graph/" + kind.collection + "/" + name)
	}
	id := azure.GraphID(kind.collection, objectID)
	if id.IsZero() {
		return p.errorf("%.80q cannot be an object ID", objectID)
	}
	body["id"], body["@odata.type"] = objectID, kind.odata
	return r.keep(azure.Document{ID: id, Body: body}, p)
}

// graphKind is a kind of Graph document.
type graphKind struct {
	odata, collection string
	name              string   // the member that names one to people, and nobody else
	marks             []string // members that tell the kind where az printed none
}

// graphKinds are the kinds, in the order in which their marks are looked for.
var graphKinds = []graphKind{
	{"#microsoft.graph.user", "users", "userPrincipalName", []string{"userPrincipalName"}},
	{"#microsoft.graph.servicePrincipal", "servicePrincipals", "appId", []string{"servicePrincipalNames", "servicePrincipalType"}},
	{"#microsoft.graph.application", "applications", "appId", []string{"signInAudience"}},
	{"#microsoft.graph.group", "groups", "displayName", []string{"groupTypes", "securityEnabled", "members"}},
}

// graphKindOf finds the kind of a Graph document: as it says, with or without the prefix, or as its members show.
func graphKindOf(body map[string]any) (graphKind, bool) {
	said, _ := body["@odata.type"].(string)
	for _, kind := range graphKinds {
		if said != "" && strings.TrimPrefix(kind.odata, "#microsoft.graph.") == strings.TrimPrefix(said, "#microsoft.graph.") {
			return kind, true
		}
	}
	for _, kind := range graphKinds {
		for _, mark := range kind.marks {
			if _, ok := body[mark]; ok && said == "" {
				return kind, true
			}
		}
	}
	return graphKind{}, false
}

// names are the principals of a seed by the names under which role assignments and groups may mention them: object ID,
// resource ID, application ID, user name, and the display name if only one has it.
type names struct {
	people  *directory
	display map[string]string // object ID by folded display name; empty if several have it
}

// namesIn collects the names of everybody in a state.
func namesIn(s *azure.State, people *directory) names {
	n := names{people: people, display: map[string]string{}}
	for _, kind := range []string{azure.TypeUser, azure.TypeGroup, azure.TypeServicePrincipal} {
		for _, d := range s.OfType(kind) {
			name, _ := d.Body["displayName"].(string)
			name = azure.Fold(name)
			if _, twice := n.display[name]; twice {
				n.display[name] = ""
				continue
			}
			n.display[name] = d.ID.Name()
		}
	}
	return n
}

// find returns the principal that a name means.
func (n names) find(name string) (identity.Principal, bool) {
	for _, by := range []identity.By{identity.ByObjectID, identity.ByResource, identity.ByUserName, identity.ByClientID} {
		if p, ok := n.people.Find(by, name); ok {
			return p, true
		}
	}
	return n.people.Find(identity.ByObjectID, n.display[azure.Fold(name)])
}

// principalTypes are ARM's words for kinds of principals; all others are service principals.
var principalTypes = map[identity.Kind]string{identity.User: "User", identity.Group: "Group"}

// resolvePrincipals replaces the names in role assignments and groups by object IDs, and refuses those that nobody has. The
// documents are complete, and in no state yet, so that they may be changed.
func resolvePrincipals(documents []azure.Document) error {
	s, err := azure.Load(documents)
	if err != nil {
		return err
	}
	people, err := newDirectory(s)
	if err != nil {
		return err
	}
	known := namesIn(s, people)
	for _, d := range s.OfType(azure.TypeRoleAssignment) {
		if err := resolveAssignment(known, *d); err != nil {
			return err
		}
	}
	for _, d := range s.OfType(azure.TypeGroup) {
		if err := resolveGroup(known, *d); err != nil {
			return err
		}
	}
	return nil
}

func resolveAssignment(known names, d azure.Document) error {
	properties, _ := d.Body["properties"].(map[string]any)
	name, isText := properties["principalId"].(string)
	if !isText || name == "" {
		return nil // which Validate refuses
	}
	p, ok := known.find(name)
	if !ok {
		return &azure.Error{
			ID: d.ID, Target: "properties.principalId", Code: azure.CodeNotFound,
			Message: "there is no principal, and no resource with an identity, " + name,
		}
	}
	properties["principalId"], properties["principalType"] = p.ID, "ServicePrincipal"
	if kind := principalTypes[p.Kind]; kind != "" {
		properties["principalType"] = kind
	}
	return nil
}

func resolveGroup(known names, d azure.Document) error {
	g, err := azure.ReadGroup(d)
	if err != nil || len(g.Members) == 0 {
		return err
	}
	links, _ := d.Body["members@odata.bind"].([]any)
	members := make([]any, 0, len(g.Members))
	for i, name := range g.Members {
		p, ok := known.find(name)
		if !ok {
			target := fmt.Sprintf("members[%d]", i-len(links))
			if i < len(links) {
				target = fmt.Sprintf("['members@odata.bind'][%d]", i)
			}
			return &azure.Error{ID: d.ID, Target: target, Code: azure.CodeNotFound, Message: "there is no principal " + name}
		}
		members = append(members, map[string]any{"id": p.ID})
	}
	delete(d.Body, "members@odata.bind")
	d.Body["members"] = members
	return nil
}
