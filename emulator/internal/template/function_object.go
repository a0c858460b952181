package template

import (
	"errors"
	"maps"
	"slices"
)

// objectFunctions are those of objects, and the careful ways to look into a value.
func objectFunctions() map[string]function {
	return map[string]function{
		"createobject":    {max: many, call: createObject},
		"items":           of1(itemsOf),
		"objectkeys":      of1(keysOf),
		"shallowmerge":    try1(mergeAll),
		"tryget":          {min: 2, max: many, part: true, call: tryGet},
		"tryindexfromend": {min: 2, max: many, part: true, call: tryFromEnd},
		"variables":       {min: 1, max: 1, part: true, call: variable},
		"parameters":      {min: 1, max: 1, part: true, call: parameter},
		"copyindex":       {max: 2, call: copyIndex},
	}
}

func createObject(_ evaluator, args []any) (any, error) {
	if len(args)%2 != 0 {
		return nil, errors.New("names and values are expected by turns, an even number of arguments")
	}
	object := map[string]any{}
	for i := 0; i < len(args); i += 2 {
		name, err := as[string](args, i)
		if err != nil {
			return nil, err
		}
		object[name] = args[i+1]
	}
	return object, nil
}

func keysOf(object map[string]any) []any {
	names := make([]any, 0, len(object))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		names = append(names, name)
	}
	return names
}

func mergeAll(objects []any) (map[string]any, error) {
	whole := map[string]any{}
	for i := range objects {
		object, err := as[map[string]any](objects, i)
		if err != nil {
			return nil, err
		}
		maps.Copy(whole, object)
	}
	return whole, nil
}

// tryGet looks into a value, one member or item after the other; what is not there is null.
func tryGet(e evaluator, args []any) (any, error) {
	value := args[0]
	for _, by := range args[1:] {
		if value == nil {
			return nil, nil
		}
		next, found, err := e.lookUp(value, by)
		if err != nil || !found {
			return nil, err
		}
		value = next
	}
	return value, nil
}

// tryFromEnd is tryGet whose first step is the distance from the end of a list.
func tryFromEnd(e evaluator, args []any) (any, error) {
	if args[0] == nil {
		return nil, nil
	}
	item, found, err := atEnd(args)
	if err != nil || !found {
		return nil, err
	}
	return tryGet(e, append([]any{item}, args[2:]...))
}
