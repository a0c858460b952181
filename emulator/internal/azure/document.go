package azure

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Document is one ARM resource, Graph object or setting, as its own API would return it. Documents are immutable once
// they are in a State: change a Clone.
type Document struct {
	// ID names the document.
	ID ResourceID
	// Body is the decoded JSON object. Numbers are float64, lists []any, objects map[string]any.
	Body map[string]any
}

// ParseDocument decodes a document that names itself: by a resource ID in "id", or, if it is a Graph object, by an object
// ID in "id" and its kind in "@odata.type". It fails on anything but one JSON object that does so.
func ParseDocument(data []byte) (Document, error) {
	var body map[string]any
	if err := json.Unmarshal(data, &body); err != nil {
		return Document{}, fmt.Errorf("document: %w", err)
	}
	id, err := IDOf(body)
	return Document{ID: id, Body: body}, err
}

// graphKinds are the collections of Graph by the type of what is in them.
var graphKinds = map[string]string{
	"#microsoft.graph.user":             "users",
	"#microsoft.graph.group":            "groups",
	"#microsoft.graph.servicePrincipal": "servicePrincipals",
	"#microsoft.graph.application":      "applications",
}

// IDOf returns the ID by which a document's body names itself; see ParseDocument.
func IDOf(body map[string]any) (ResourceID, error) {
	text, _ := body["id"].(string)
	kind, isGraph := body["@odata.type"].(string)
	if !isGraph {
		return ParseResourceID(text)
	}
	id := GraphID(graphKinds[kind], text)
	if id.IsZero() {
		return id, fmt.Errorf("a Graph object has an object ID in \"id\" and #microsoft.graph.user, group, servicePrincipal or application in \"@odata.type\", not %.80q and %.80q", text, kind)
	}
	return id, nil
}

// Type returns the type that the document's ID tells.
func (d Document) Type() string { return d.ID.Type() }

// Is reports whether the document is of a type, which may be in any case.
func (d Document) Is(resourceType string) bool { return d.ID.Is(resourceType) }

// Clone returns a copy that shares nothing with the document.
func (d Document) Clone() Document { return Document{ID: d.ID, Body: cloneObject(d.Body)} }

// MarshalJSON renders the body.
func (d Document) MarshalJSON() ([]byte, error) { return json.Marshal(d.Body) }

func cloneObject(object map[string]any) map[string]any {
	clone := make(map[string]any, len(object))
	for name, value := range object {
		clone[name] = cloneValue(value)
	}
	return clone
}

func cloneValue(value any) any {
	switch v := value.(type) {
	case map[string]any:
		return cloneObject(v)
	case []any:
		clone := make([]any, len(v))
		for i, item := range v {
			clone[i] = cloneValue(item)
		}
		return clone
	}
	return value
}

// MergePatch returns body with patch merged in, as ARM's PATCH does: objects merge, arrays and plain values replace, null
// removes (RFC 7386; az-cli §6, update). Neither argument is changed or shared with the result.
func MergePatch(body, patch map[string]any) map[string]any {
	merged := cloneObject(body)
	for name, value := range patch {
		object, isObject := value.(map[string]any)
		switch {
		case value == nil:
			delete(merged, name)
		case isObject:
			below, _ := merged[name].(map[string]any)
			merged[name] = MergePatch(below, object)
		default:
			merged[name] = cloneValue(value)
		}
	}
	return merged
}

// DropNulls removes the members that are null, in place and at any depth of objects: in a whole document they mean the same as
// missing ones.
func DropNulls(object map[string]any) {
	for name, value := range object {
		if below, isObject := value.(map[string]any); isObject {
			DropNulls(below)
		} else if value == nil {
			delete(object, name)
		}
	}
}

// Change is the difference between one State and the next.
type Change struct {
	// Put adds documents, or replaces those with the same ID.
	Put []Document
	// Delete removes documents by key. A key that no document has is ignored. It goes before Put.
	Delete []string
}

// Keys returns the keys of all documents that the change touches, sorted, each once.
func (c Change) Keys() []string {
	keys := make(map[string]bool, len(c.Put)+len(c.Delete))
	for _, d := range c.Put {
		keys[d.ID.Key()] = true
	}
	for _, key := range c.Delete {
		keys[Fold(key)] = true
	}
	return slices.Sorted(maps.Keys(keys))
}
