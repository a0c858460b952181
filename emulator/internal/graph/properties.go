package graph

import (
	"unicode/utf8"
)

// form is what a value may be; null is always good.
type form uint8

const (
	text   form = iota // a string
	flag               // true or false
	texts              // a list of strings
	list               // a list of objects
	record             // an object
)

// access says who writes a property, and who sees it.
type access uint8

const (
	open    access = iota
	needed         // a new object must have it
	derived        // only the directory sets it
	unseen         // it can be written, and is shown by no property of that name
)

// property is a row of the tables of properties.
type property struct {
	name    string
	form    form
	access  access
	initial any // what Graph shows where nothing was said; lists are empty then, all else is null
}

// value is what is shown of a property that nobody has set.
func (p property) value() any {
	if p.initial == nil && (p.form == texts || p.form == list) {
		return []any{}
	}
	return p.initial
}

// The bounds of values: characters of a string, items of a list.
const (
	maxText  = 2048
	maxItems = 1000
)

// maxName bounds displayName, in characters, as Graph does.
const maxName = 256

// wrong says why a value does not fit; empty if it does.
func (p property) wrong(value any) string {
	switch v := value.(type) {
	case nil:
		if p.access == needed {
			return "it cannot be null"
		}
	case string:
		return p.wrongText(v)
	case bool:
		return mismatch(p.form, flag)
	case map[string]any:
		return mismatch(p.form, record)
	case []any:
		return p.wrongList(v)
	default:
		return "it is a number"
	}
	return ""
}

func mismatch(want, have form) string {
	if want == have {
		return ""
	}
	return "it is not " + [...]string{"a string", "true or false", "a list of strings", "a list of objects", "an object"}[want]
}

func (p property) wrongText(value string) string {
	limit := maxText
	if p.name == "displayName" {
		limit = maxName
	}
	switch {
	case p.access == needed && value == "":
		return "it cannot be empty"
	case utf8.RuneCountInString(value) > limit:
		return "it is too long"
	}
	return mismatch(p.form, text)
}

func (p property) wrongList(items []any) string {
	if len(items) > maxItems {
		return "it has too many items"
	}
	for _, item := range items {
		var have form
		switch v := item.(type) {
		case string:
			have = texts
			if utf8.RuneCountInString(v) > maxText {
				return "an item is too long"
			}
		case map[string]any:
			have = list
		}
		if problem := mismatch(p.form, have); problem != "" {
			return problem
		}
	}
	if p.form != texts && p.form != list {
		return mismatch(p.form, list)
	}
	return ""
}

// propertiesOf makes a table of rows.
func propertiesOf(rows ...[]property) map[string]property {
	table := map[string]property{}
	for _, some := range rows {
		for _, p := range some {
			table[p.name] = p
		}
	}
	return table
}

// named makes rows that differ in name only.
func named(f form, a access, names ...string) []property {
	rows := make([]property, 0, len(names))
	for _, name := range names {
		rows = append(rows, property{name: name, form: f, access: a})
	}
	return rows
}
