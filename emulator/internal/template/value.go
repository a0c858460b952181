package template

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Values of expressions are nil, bool, int64, float64, string, []any and map[string]any. They are never changed once they
// are made, so that they can be shared.

// typeName is what ARM calls the type of a value.
func typeName(value any) string {
	switch value.(type) {
	case nil:
		return "Null"
	case bool:
		return "Boolean"
	case int64:
		return "Integer"
	case float64:
		return "Float"
	case string:
		return "String"
	case []any:
		return "Array"
	case map[string]any:
		return "Object"
	}
	return "Function"
}

// Integral returns a decoded JSON value with its whole numbers as int64, which is how expressions know them. The value
// itself stays as it is.
func Integral(value any) any {
	switch v := value.(type) {
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v)
		}
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = Integral(item)
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(v))
		for name, item := range v {
			object[name] = Integral(item)
		}
		return object
	}
	return value
}

// member looks a name up in any case; the exact one goes first, and after it the first in order.
func member(object map[string]any, name string) (any, bool) {
	if value, found := object[name]; found {
		return value, true
	}
	best, found := "", false
	for given := range object {
		if len(given) == len(name) && strings.EqualFold(given, name) && (!found || given < best) {
			best, found = given, true
		}
	}
	return object[best], found
}

// memberOf looks a member up, and insists on its type if it is there and not null.
func memberOf[T any](object map[string]any, name string) (T, error) {
	value, _ := member(object, name)
	typed, fits := value.(T)
	if value != nil && !fits {
		return typed, fmt.Errorf("the value of '%s' has the type '%s', not '%s'", name, typeName(value), typeName(any(typed)))
	}
	return typed, nil
}

// equal compares two values by what they say.
func equal(a, b any) bool {
	switch a := a.(type) {
	case []any:
		other, isList := b.([]any)
		return isList && slices.EqualFunc(a, other, equal)
	case map[string]any:
		other, isObject := b.(map[string]any)
		return isObject && maps.EqualFunc(a, other, equal)
	case int64:
		if other, isFloat := b.(float64); isFloat {
			return float64(a) == other
		}
	case float64:
		if other, isInteger := b.(int64); isInteger {
			return a == float64(other)
		}
	}
	if !isPlain(b) {
		return false
	}
	return a == b
}

// isPlain reports whether == can be asked of a value.
func isPlain(value any) bool {
	switch value.(type) {
	case []any, map[string]any:
		return false
	}
	return true
}

// textOf is a value as string() and concat() write it: true is True, and objects and lists are JSON.
func textOf(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		if v {
			return "True"
		}
		return "False"
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return jsonOf(value)
}

// jsonOf is a value as JSON, without the escapes that are for web pages.
func jsonOf(value any) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(value) != nil {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// itemsOf is an object as the list of its members, in the order of their names.
func itemsOf(object map[string]any) []any {
	items := make([]any, 0, len(object))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		items = append(items, map[string]any{"key": name, "value": object[name]})
	}
	return items
}
