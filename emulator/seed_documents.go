package emulator

import (
	"maps"
	"slices"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// envelope are the members that stand beside properties in an ARM document. az prints some resources with the members
// of properties among them; what is none of these belongs into properties.
var envelope = map[string]bool{
	"id": true, "name": true, "type": true, "location": true, "tags": true, "sku": true, "identity": true, "kind": true,
	"zones": true, "etag": true, "systemData": true, "resourceGroup": true, "extendedLocation": true, "managedBy": true,
	"plan": true, "properties": true, "apiVersion": true, "dependsOn": true, "condition": false,
}

func (r *seedReader) resources(p position) error {
	items, err := p.items()
	if err != nil {
		return err
	}
	for _, item := range items {
		var body map[string]any
		if err := item.value(&body); err != nil {
			return err
		}
		document, err := resourceOf(body)
		if err != nil {
			return item.errorf("%v", err)
		}
		r.keep(document, item)
	}
	return nil
}

func (r *seedReader) keep(d azure.Document, at position) {
	r.lines[d.ID.Key()] = at
	r.put = append(r.put, d)
}

// resourceOf reads a resource: by its ID, or by its name, type and scope.
func resourceOf(body map[string]any) (azure.Document, error) {
	text, ok := body["id"].(string)
	if !ok {
		text = idFrom(body)
	}
	id, err := azure.ParseResourceID(text)
	if err != nil {
		return azure.Document{}, err
	}
	if !ok {
		delete(body, "scope")
	}
	body = nested(body)
	body["id"] = id.String()
	return azure.Document{ID: id, Body: body}, nil
}

// idFrom composes the ID of a resource out of its type, such as Microsoft.ContainerRegistry/registries/tasks, its name,
// with a segment for each segment of the type, and the scope that holds it; the development resource group if none does.
func idFrom(body map[string]any) string {
	scope, _ := body["scope"].(string)
	kind, _ := body["type"].(string)
	name, _ := body["name"].(string)
	if scope == "" {
		scope = "/subscriptions/" + azure.DevelopmentSubscription + "/resourceGroups/acrlocal"
	}
	types, names := strings.Split(kind, "/"), strings.Split(name, "/")
	id := strings.TrimSuffix(scope, "/") + "/providers/" + types[0]
	for i, t := range types[1:] {
		id += "/" + t + "/"
		if i < len(names) {
			id += names[i]
		}
	}
	return id
}

// nested moves what az flattened back into properties.
func nested(body map[string]any) map[string]any {
	out := map[string]any{}
	properties := map[string]any{}
	if given, ok := body["properties"].(map[string]any); ok {
		properties = maps.Clone(given)
	}
	for name, value := range body {
		if envelope[name] {
			out[name] = value
			continue
		}
		properties[name] = value
	}
	if len(properties) > 0 {
		out["properties"] = properties
	}
	return out
}

func (r *seedReader) principals(p position) error {
	items, err := p.items()
	if err != nil {
		return err
	}
	for _, item := range items {
		var body map[string]any
		if err := item.value(&body); err != nil {
			return err
		}
		kind, _ := body["@odata.type"].(string)
		objectID, _ := body["id"].(string)
		collection, ok := graphCollections[strings.TrimPrefix(kind, "#microsoft.graph.")]
		if !ok || objectID == "" {
			return item.errorf(`a principal is a Graph document with an id and an @odata.type: "#microsoft.graph.user", group, servicePrincipal or application`)
		}
		id := azure.GraphID(collection, objectID)
		if id.IsZero() {
			return item.errorf("%q cannot be an object ID", objectID)
		}
		r.keep(azure.Document{ID: id, Body: body}, item)
	}
	return nil
}

// graphCollections are the collections of Graph by the type of their members.
var graphCollections = map[string]string{
	"user": "users", "group": "groups", "servicePrincipal": "servicePrincipals", "application": "applications",
}

// addGroups adds the subscriptions and resource groups that documents are in and that the seed does not list.
func (r *seedReader) addGroups() {
	known := map[string]bool{}
	for _, d := range r.put {
		known[d.ID.Key()] = true
	}
	for _, d := range slices.Clone(r.put) {
		for at, ok := d.ID.Parent(); ok && !at.IsZero(); at, ok = at.Parent() {
			kind := azure.Fold(at.Type())
			if known[at.Key()] || kind != azure.Fold(azure.TypeResourceGroup) && kind != azure.Fold(azure.TypeSubscription) {
				continue
			}
			known[at.Key()] = true
			r.put = append(r.put, azure.Document{ID: at, Body: map[string]any{"id": at.String(), "location": d.Body["location"]}})
		}
	}
}
