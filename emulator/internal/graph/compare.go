package graph

import (
	"strings"
	"time"
)

// comparisons are the operators of $filter. Texts are compared without case, as Graph does.
var comparisons = map[string]func(have, want any) bool{
	"eq": equal,
	"ne": func(have, want any) bool { return !equal(have, want) },
	"ge": func(have, want any) bool { return ordered(have, want, func(c int) bool { return c >= 0 }) },
	"gt": func(have, want any) bool { return ordered(have, want, func(c int) bool { return c > 0 }) },
	"le": func(have, want any) bool { return ordered(have, want, func(c int) bool { return c <= 0 }) },
	"lt": func(have, want any) bool { return ordered(have, want, func(c int) bool { return c < 0 }) },
}

// equal compares two plain values; lists and objects equal nothing.
func equal(have, want any) bool {
	switch h := have.(type) {
	case nil:
		return want == nil
	case string:
		w, isText := want.(string)
		return isText && strings.EqualFold(h, w)
	case bool:
		return want == h
	}
	return false
}

// ordered compares two texts, as times if they are such; what is no text is neither before nor after another.
func ordered(have, want any, fits func(int) bool) bool {
	h, isText := have.(string)
	w, areTexts := want.(string)
	if !isText || !areTexts {
		return false
	}
	a, err := time.Parse(time.RFC3339, h)
	b, otherErr := time.Parse(time.RFC3339, w)
	if err == nil && otherErr == nil {
		return fits(a.Compare(b))
	}
	return fits(strings.Compare(strings.ToLower(h), strings.ToLower(w)))
}

// below looks up a path of names separated by slashes; the empty path is the value itself.
func below(value any, path string) any {
	for path != "" {
		var name string
		name, path, _ = strings.Cut(path, "/")
		object, _ := value.(map[string]any)
		value = object[name]
	}
	return value
}
