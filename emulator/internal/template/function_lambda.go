package template

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// lambdaFunctions are those that take functions, and those that make one.
func lambdaFunctions() map[string]function {
	return map[string]function{
		"lambda":          {min: 1, max: 4, lazy: makeLambda},
		"lambdavariables": {min: 1, max: 1, part: true, call: lambdaVariable},
		"map":             {min: 2, max: 2, call: mapList},
		"filter":          {min: 2, max: 2, call: filterList},
		"reduce":          {min: 3, max: 3, call: reduceList},
		"sort":            {min: 2, max: 2, call: sortList},
		"groupby":         {min: 2, max: 2, call: groupBy},
		"toobject":        {min: 2, max: 3, call: toObject},
		"mapvalues":       {min: 2, max: 2, call: mapValues},
	}
}

// makeLambda reads lambda('x', 'y', EXPRESSION).
func makeLambda(e evaluator, args []node) (any, error) {
	last := len(args) - 1
	f := &lambda{body: args[last], in: e}
	for _, arg := range args[:last] {
		quoted, _ := arg.(literal)
		name, isText := quoted.value.(string)
		if !isText {
			return nil, errors.New("the variables of a lambda are strings")
		}
		f.names = append(f.names, name)
	}
	return f, nil
}

func lambdaVariable(e evaluator, args []any) (any, error) {
	name, err := as[string](args, 0)
	if err != nil {
		return nil, err
	}
	for at := e.locals; at != nil; at = at.outer {
		if strings.EqualFold(at.name, name) {
			return at.value, nil
		}
	}
	return nil, fmt.Errorf("the lambda variable '%s' is not defined", shorten(name))
}

// listAndLambda are the arguments of most of these functions.
func listAndLambda(args []any) ([]any, *lambda, error) {
	list, err := as[[]any](args, 0)
	if err != nil {
		return nil, nil, err
	}
	f, err := as[*lambda](args, len(args)-1)
	return list, f, err
}

// indexed are the arguments that a lambda gets for an item: its index too, if it asks for it.
func indexed(f *lambda, i int, args ...any) []any {
	if len(f.names) > len(args) {
		return append(args, int64(i))
	}
	return args
}

func mapList(e evaluator, args []any) (any, error) {
	list, f, err := listAndLambda(args)
	if err != nil {
		return nil, err
	}
	mapped := make([]any, len(list))
	for i, item := range list {
		if mapped[i], err = e.callLambda(f, indexed(f, i, item)...); err != nil {
			return nil, err
		}
	}
	return mapped, nil
}

func filterList(e evaluator, args []any) (any, error) {
	list, f, err := listAndLambda(args)
	if err != nil {
		return nil, err
	}
	kept := []any{}
	for i, item := range list {
		keep, err := e.callLambda(f, indexed(f, i, item)...)
		if err != nil {
			return nil, err
		}
		is, err := as[bool]([]any{keep}, 0)
		if err != nil {
			return nil, err
		}
		if is {
			kept = append(kept, item)
		}
	}
	return kept, nil
}

func reduceList(e evaluator, args []any) (any, error) {
	list, f, err := listAndLambda(args)
	if err != nil {
		return nil, err
	}
	result := args[1]
	for i, item := range list {
		if result, err = e.callLambda(f, indexed(f, i, result, item)...); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// sortList sorts by a lambda that tells whether its first argument goes first. One that contradicts itself ends with an
// order that means nothing, as in ARM.
func sortList(e evaluator, args []any) (any, error) {
	list, f, err := listAndLambda(args)
	if err != nil {
		return nil, err
	}
	var failed error
	before := func(a, b any) bool {
		if failed != nil {
			return false
		}
		var is any
		if is, failed = e.callLambda(f, a, b); failed == nil {
			_, failed = as[bool]([]any{is}, 0)
		}
		return failed == nil && is.(bool)
	}
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b any) int {
		switch {
		case before(a, b):
			return -1
		case before(b, a):
			return 1
		}
		return 0
	})
	return sorted, failed
}

func groupBy(e evaluator, args []any) (any, error) {
	list, f, err := listAndLambda(args)
	if err != nil {
		return nil, err
	}
	groups := map[string]any{}
	for i, item := range list {
		name, err := e.nameBy(f, i, item)
		if err != nil {
			return nil, err
		}
		group, _ := groups[name].([]any)
		groups[name] = append(group, item)
	}
	return groups, nil
}

// nameBy is what a lambda calls an item.
func (e evaluator) nameBy(f *lambda, i int, item any) (string, error) {
	key, err := e.callLambda(f, indexed(f, i, item)...)
	if err != nil {
		return "", err
	}
	return as[string]([]any{key}, 0)
}

func toObject(e evaluator, args []any) (any, error) {
	list, naming, err := listAndLambda(args[:2])
	if err != nil {
		return nil, err
	}
	valuing, err := optional[*lambda](args, 2, nil)
	if err != nil {
		return nil, err
	}
	object := map[string]any{}
	for i, item := range list {
		name, err := e.nameBy(naming, i, item)
		if err != nil {
			return nil, err
		}
		if object[name] = item; valuing == nil {
			continue
		}
		if object[name], err = e.callLambda(valuing, item); err != nil {
			return nil, err
		}
	}
	return object, nil
}

func mapValues(e evaluator, args []any) (any, error) {
	object, err := as[map[string]any](args, 0)
	if err != nil {
		return nil, err
	}
	f, err := as[*lambda](args, 1)
	if err != nil {
		return nil, err
	}
	mapped := make(map[string]any, len(object))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if mapped[name], err = e.callLambda(f, object[name]); err != nil {
			return nil, err
		}
	}
	return mapped, nil
}
