package emulator

import (
	"fmt"
	"path"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// defaultScope holds resources that a seed gives no scope: the development subscription's resource group.
const defaultScope = "/subscriptions/" + azure.DevelopmentSubscription + "/resourceGroups/acrlocal"

func (r *seedReader) resources(p position) error { return p.each(r.resource) }

// resource reads an ARM document: named by its ID, or by its type, name and scope; as ARM returns it, or as az prints it.
func (r *seedReader) resource(p position) error {
	body, err := p.object()
	if err != nil {
		return err
	}
	text, _ := body["id"].(string)
	if text == "" {
		text = idFrom(body)
		delete(body, "scope")
	}
	id, err := azure.ParseResourceID(text)
	if err != nil {
		return p.errorf("%v", err)
	}
	if id.IsGraph() || azure.Hidden(id) {
		return p.errorf("%s is no resource", id)
	}
	if kind, _ := body["type"].(string); kind != "" && !strings.EqualFold(kind, id.Type()) && body["id"] != nil {
		return p.errorf("the type %q is not that of the ID, %s", kind, id.Type())
	}
	if name, _ := body["name"].(string); body["id"] != nil && misnamed(id, name) {
		return p.errorf("the name %q is not that of the ID, %s", name, id.Name())
	}
	if body, err = r.fit(p, id.Type(), body); err != nil {
		return err
	}
	body["id"] = id.String()
	if err := r.keep(azure.Document{ID: id, Body: body}, p); err != nil {
		return err
	}
	return r.connections(id, body, p)
}

// misnamed reports whether a document of a modelled type has another name than its ID ends in. A child's may have the
// names of all above it, and a subscription's is for people.
func misnamed(id azure.ResourceID, name string) bool {
	_, last := path.Split(name)
	kind := azure.Fold(id.Type())
	return name != "" && shapes[kind] != "" && kind != azure.Fold(azure.TypeSubscription) && !strings.EqualFold(last, id.Name())
}

// keep notes a document and where it came from. A later file replaces what an earlier one says; within a file that can only
// be a mistake.
func (r *seedReader) keep(d azure.Document, at position) error {
	key := d.ID.Key()
	if before, ok := r.here[key]; ok {
		return at.errorf("%s is in this file already, at line %d", d.ID, before)
	}
	r.here[key] = at.node.line
	r.note(d, at)
	return nil
}

func (r *seedReader) note(d azure.Document, at position) {
	r.lines[d.ID.Key()] = at
	r.put = append(r.put, d)
}

// connections makes documents of the private endpoint connections that a registry's document lists. What the file says of
// one by itself counts more.
func (r *seedReader) connections(id azure.ResourceID, body map[string]any, p position) error {
	properties, _ := body["properties"].(map[string]any)
	listed, _ := properties["privateEndpointConnections"].([]any)
	if !id.Is(azure.TypeRegistry) || len(listed) == 0 {
		return nil
	}
	for i, item := range listed {
		connection, _ := item.(map[string]any)
		name, _ := connection["name"].(string)
		child, err := id.Child("privateEndpointConnections", name)
		if err != nil {
			return p.errorf("properties.privateEndpointConnections: %v", err)
		}
		if _, said := r.here[child.Key()]; !said {
			r.note(azure.Document{ID: child, Body: connection}, p.at(deepest(p.node, fmt.Sprintf("properties.privateEndpointConnections[%d]", i))))
		}
	}
	return nil
}

// idFrom composes the ID of a resource out of its type, such as Microsoft.ContainerRegistry/registries/tasks, its name,
// with a segment for each segment of the type, and the scope that holds it. A role assignment without a name gets one that
// follows from what it says.
func idFrom(body map[string]any) string {
	scope, _ := body["scope"].(string)
	kind, _ := body["type"].(string)
	name, _ := body["name"].(string)
	if scope == "" {
		scope = defaultScope
	}
	if name == "" && strings.EqualFold(kind, azure.TypeRoleAssignment) {
		name = assignmentName(scope, body)
	}
	types, names := strings.Split(kind, "/"), strings.Split(name, "/")
	if len(types) != len(names)+1 {
		return "" // which is no ID
	}
	id := strings.TrimSuffix(scope, "/") + "/providers/" + types[0]
	for i, t := range types[1:] {
		id += "/" + t + "/" + names[i]
	}
	return id
}

func assignmentName(scope string, body map[string]any) string {
	said := scope
	for _, name := range []string{"principalId", "roleDefinitionId", "roleDefinitionName"} {
		value, _ := body[name].(string)
		if properties, ok := body["properties"].(map[string]any); ok && value == "" {
			value, _ = properties[name].(string)
		}
		said += "|" + value
	}
	return azure.DerivedID(said)
}

// addGroups adds the subscriptions and resource groups that documents are in and that the seed does not list.
func (r *seedReader) addGroups() error {
	known := map[string]bool{}
	for _, d := range r.put {
		known[d.ID.Key()] = true
	}
	listed := r.put
	for _, d := range listed {
		for at, ok := d.ID.Parent(); ok; at, ok = at.Parent() {
			if !known[at.Key()] && isGroup(at) {
				r.put = append(r.put, azure.Document{ID: at, Body: map[string]any{}})
			}
			known[at.Key()] = known[at.Key()] || isGroup(at)
		}
	}
	return nil
}

// isGroup reports whether an ID is that of a resource group or subscription.
func isGroup(id azure.ResourceID) bool {
	kind := azure.Fold(id.Type())
	return kind == azure.Fold(azure.TypeResourceGroup) || kind == azure.Fold(azure.TypeSubscription)
}
