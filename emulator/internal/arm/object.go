package arm

import (
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// lookUp returns the member at a path of names separated by dots.
func lookUp(object map[string]any, path string) (any, bool) {
	name, rest, deeper := strings.Cut(path, ".")
	value, found := object[name]
	if !found || !deeper {
		return value, found
	}
	below, isObject := value.(map[string]any)
	if !isObject {
		return nil, false
	}
	return lookUp(below, rest)
}

// textAt returns the string at a path, or "".
func textAt(object map[string]any, path string) string {
	value, _ := lookUp(object, path)
	text, _ := value.(string)
	return text
}

// setAt sets the member at a path, and makes the objects on the way that are missing. What is in the way and no object
// is left for the document's own validation to refuse.
func setAt(object map[string]any, path string, value any) {
	name, rest, deeper := strings.Cut(path, ".")
	if !deeper {
		object[name] = value
		return
	}
	if object[name] == nil {
		object[name] = map[string]any{}
	}
	if below, isObject := object[name].(map[string]any); isObject {
		setAt(below, rest, value)
	}
}

// removeAt removes the member at a path.
func removeAt(object map[string]any, path string) {
	name, rest, deeper := strings.Cut(path, ".")
	if !deeper {
		delete(object, name)
		return
	}
	if below, isObject := object[name].(map[string]any); isObject {
		removeAt(below, rest)
	}
}

// textsAt returns the strings at a path, in which a name with [] after it stands for every item of a list.
func textsAt(value any, path string) []string {
	if path == "" {
		if text, isText := value.(string); isText && text != "" {
			return []string{text}
		}
		return nil
	}
	name, rest, _ := strings.Cut(path, ".")
	name, isList := strings.CutSuffix(name, "[]")
	object, _ := value.(map[string]any)
	if !isList {
		return textsAt(object[name], rest)
	}
	var texts []string
	items, _ := object[name].([]any)
	for _, item := range items {
		texts = append(texts, textsAt(item, rest)...)
	}
	return texts
}

// objectsAt returns the objects in the list at a path.
func objectsAt(object map[string]any, path string) []map[string]any {
	value, _ := lookUp(object, path)
	items, _ := value.([]any)
	var objects []map[string]any
	for _, item := range items {
		if o, isObject := item.(map[string]any); isObject {
			objects = append(objects, o)
		}
	}
	return objects
}

// keepReadOnly puts what only Azure may set back to what it was in the old document: members at the paths that the
// client sent are dropped.
func keepReadOnly(body map[string]any, old *azure.Document, paths []string) {
	for _, path := range paths {
		removeAt(body, path)
		if old == nil {
			continue
		}
		if value, found := lookUp(old.Body, path); found {
			setAt(body, path, value)
		}
	}
}
