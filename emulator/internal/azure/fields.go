package azure

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// fields reads the members of one object of a document. What is missing or null reads as zero; what has the wrong kind
// of value is an error with its JSON path. The first error of a document sticks, so that a view reads all it needs and
// asks once.
type fields struct {
	path   string
	object map[string]any
	first  *error
	id     ResourceID
}

// fieldsOf starts reading at the top of a document.
func fieldsOf(d Document) fields { return fields{object: d.Body, first: new(error), id: d.ID} }

// err returns the first error of the document.
func (f fields) err() error { return *f.first }

// fail keeps an error about the member called name, unless there is one already.
func (f fields) fail(code, name, format string, args ...any) {
	if *f.first == nil {
		*f.first = &Error{Code: code, Message: fmt.Sprintf(format, args...), Target: f.at(name), ID: f.id}
	}
}

func (f fields) at(name string) string {
	if f.path == "" || name == "" {
		return f.path + name
	}
	return f.path + "." + name
}

func (f fields) has(name string) bool { return f.object[name] != nil }

// in descends into objects, one name after the other.
func (f fields) in(names ...string) fields {
	for _, name := range names {
		object := member[map[string]any](f, name, "an object")
		f = fields{path: f.at(name), object: object, first: f.first, id: f.id}
	}
	return f
}

func (f fields) text(name string) string { return member[string](f, name, "a string") }

// flag reads true or false; unset is what a missing one means.
func (f fields) flag(name string, unset bool) bool {
	if !f.has(name) {
		return unset
	}
	return member[bool](f, name, "true or false")
}

// optionalFlag reads true, false or, where nothing is said, nil.
func (f fields) optionalFlag(name string) *bool {
	if !f.has(name) {
		return nil
	}
	value := f.flag(name, false)
	return &value
}

// choice reads one of some words, in any case, and returns it as the list has it; unset is what a missing one means.
func (f fields) choice(name, unset string, words ...string) string {
	given := f.text(name)
	if given == "" {
		return unset
	}
	at := slices.IndexFunc(words, func(word string) bool { return strings.EqualFold(word, given) })
	if at < 0 {
		f.fail(CodeInvalid, name, "%q is not one of %s", given, strings.Join(words, ", "))
		return unset
	}
	return words[at]
}

// idOf reads a resource ID; a missing one is the zero ResourceID.
func (f fields) idOf(name string) ResourceID {
	text := f.text(name)
	if text == "" {
		return ResourceID{}
	}
	id, err := ParseResourceID(text)
	if err != nil {
		f.fail(CodeInvalid, name, "%v", err)
	}
	return id
}

// time reads a time in the form of RFC 3339; a missing one is the zero time.
func (f fields) time(name string) time.Time {
	text := f.text(name)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		f.fail(CodeInvalid, name, "%.40q is no time such as 2026-01-31T12:00:00Z", text)
	}
	return t
}

// list reads a list of objects.
func (f fields) list(name string) []fields {
	items := member[[]any](f, name, "a list")
	objects := make([]fields, 0, len(items))
	for i, item := range items {
		at := fmt.Sprintf("%s[%d]", name, i)
		object, ok := item.(map[string]any)
		if !ok {
			f.fail(CodeInvalidContent, at, "expected an object, found %s", kindOf(item))
		}
		objects = append(objects, fields{path: f.at(at), object: object, first: f.first, id: f.id})
	}
	return objects
}

// texts reads a list of strings.
func (f fields) texts(name string) []string {
	items := member[[]any](f, name, "a list")
	texts := make([]string, 0, len(items))
	for i, item := range items {
		text, ok := item.(string)
		if !ok {
			f.fail(CodeInvalidContent, fmt.Sprintf("%s[%d]", name, i), "expected a string, found %s", kindOf(item))
		}
		texts = append(texts, text)
	}
	return texts
}

// member reads a member of kind T; want names the kind for people.
func member[T any](f fields, name, want string) T {
	value, ok := f.object[name].(T)
	if !ok && f.object[name] != nil {
		f.fail(CodeInvalidContent, name, "expected %s, found %s", want, kindOf(f.object[name]))
	}
	return value
}

func kindOf(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case bool:
		return fmt.Sprint(v)
	case float64:
		return fmt.Sprintf("the number %v", v)
	case string:
		return fmt.Sprintf("the string %.40q", v)
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return fmt.Sprintf("%T", value)
}
