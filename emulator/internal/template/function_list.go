package template

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// listFunctions are those of lists, and those that take strings and objects as well.
func listFunctions() map[string]function {
	return map[string]function{
		"array":        of1(toList),
		"createarray":  {max: many, call: func(_ evaluator, args []any) (any, error) { return slices.Clone(args), nil }},
		"range":        try2(numbers),
		"length":       {min: 1, max: 1, part: true, call: length},
		"empty":        {min: 1, max: 1, part: true, call: empty},
		"first":        {min: 1, max: 1, part: true, call: end(0)},
		"last":         {min: 1, max: 1, part: true, call: end(-1)},
		"skip":         {min: 2, max: 2, call: cut(func(at, length int) (from, to int) { return at, length })},
		"take":         {min: 2, max: 2, call: cut(func(at, _ int) (from, to int) { return 0, at })},
		"contains":     {min: 2, max: 2, call: contains},
		"flatten":      try1(flatten),
		"union":        {min: 2, max: many, call: fold(unite, mergeDeep)},
		"intersection": {min: 2, max: many, call: fold(intersect, commonMembers)},
		"indexfromend": {min: 2, max: 2, part: true, call: fromEnd},
	}
}

func toList(value any) []any {
	if list, isList := value.([]any); isList {
		return list
	}
	return []any{value}
}

// maxRange is how many numbers range makes at most, as in ARM.
const maxRange = 10000

func numbers(from, count int64) ([]any, error) {
	switch {
	case count < 0:
		return nil, errNegative
	case count > maxRange:
		return nil, fmt.Errorf("the count '%d' is above the limit of '%d'", count, maxRange)
	case from > 2147483647-count:
		return nil, errOverflow
	}
	list := make([]any, count)
	for i := range list {
		list[i] = from + int64(i)
	}
	return list, nil
}

func lengthOf(value any) (int, bool) {
	switch v := value.(type) {
	case string:
		return utf8.RuneCountInString(v), true
	case []any:
		return len(v), true
	case map[string]any:
		return len(v), true
	}
	return 0, false
}

func length(e evaluator, args []any) (any, error) {
	count, found := lengthOf(args[0])
	if !found {
		return nil, mixed(args)
	}
	return int64(count), e.d.meter.spend(count)
}

func empty(_ evaluator, args []any) (any, error) {
	switch v := args[0].(type) {
	case nil:
		return true, nil
	case string:
		return v == "", nil
	case []any:
		return len(v) == 0, nil
	case map[string]any:
		return len(v) == 0, nil
	}
	return nil, mixed(args)
}

// end is first or last: of an empty list nothing, of an empty string an empty one.
func end(at int) func(evaluator, []any) (any, error) {
	return func(_ evaluator, args []any) (any, error) {
		switch v := args[0].(type) {
		case []any:
			if len(v) == 0 {
				return nil, nil
			}
			return v[(at+len(v))%len(v)], nil
		case string:
			letters := []rune(v)
			if len(letters) == 0 {
				return "", nil
			}
			return string(letters[(at+len(letters))%len(letters)]), nil
		}
		return nil, mixed(args)
	}
}

// cut is skip or take; a number out of the bounds is brought within them.
func cut(bounds func(at, length int) (from, to int)) func(evaluator, []any) (any, error) {
	return func(_ evaluator, args []any) (any, error) {
		number, err := as[int64](args, 1)
		if err != nil {
			return nil, err
		}
		switch v := args[0].(type) {
		case []any:
			from, to := bounds(int(min(max(number, 0), int64(len(v)))), len(v))
			return slices.Clip(v[from:to]), nil
		case string:
			letters := []rune(v)
			from, to := bounds(int(min(max(number, 0), int64(len(letters)))), len(letters))
			return string(letters[from:to]), nil
		}
		return nil, mixed(args)
	}
}

// contains asks a list for an item, an object for a member in any case, or a string for a part.
func contains(_ evaluator, args []any) (any, error) {
	switch v := args[0].(type) {
	case []any:
		return indexItem(v, args[1]) >= 0, nil
	case map[string]any:
		name, err := as[string](args, 1)
		_, found := member(v, name)
		return found, err
	case string:
		switch args[1].(type) {
		case string, int64:
			return strings.Contains(v, textOf(args[1])), nil
		}
	}
	return nil, mixed(args)
}

func flatten(lists []any) ([]any, error) {
	all := []any{}
	for i := range lists {
		list, isList := lists[i].([]any)
		if !isList {
			return nil, fmt.Errorf("the item '%d' has the type '%s', not 'Array'", i, typeName(lists[i]))
		}
		all = append(all, list...)
	}
	return all, nil
}

// fold is union or intersection: of lists, or of objects.
func fold(lists func(evaluator, []any, []any) ([]any, error), objects func(a, b map[string]any) map[string]any) func(evaluator, []any) (any, error) {
	return func(e evaluator, args []any) (any, error) {
		whole := args[0]
		for i := 1; i < len(args); i++ {
			var err error
			switch v := whole.(type) {
			case []any:
				var next []any
				if next, err = as[[]any](args, i); err == nil {
					whole, err = lists(e, v, next)
				}
			case map[string]any:
				var next map[string]any
				if next, err = as[map[string]any](args, i); err == nil {
					whole = objects(v, next)
				}
			default:
				err = mixed(args)
			}
			if err != nil {
				return nil, err
			}
		}
		return whole, nil
	}
}

func unite(e evaluator, a, b []any) ([]any, error) {
	all, size := make([]any, 0, len(a)+len(b)), 0
	for _, item := range slices.Concat(a, b) {
		size += sizeOf(item, maxValue, 0)
		if err := e.d.meter.spend(size); err != nil { // each item is compared with those before it
			return nil, err
		}
		if indexItem(all, item) < 0 {
			all = append(all, item)
		}
	}
	return all, nil
}

func intersect(e evaluator, a, b []any) ([]any, error) {
	common, size := []any{}, sizeOf(b, maxValue, 0)
	for _, item := range a {
		if err := e.d.meter.spend(size); err != nil { // each item is compared with those of b
			return nil, err
		}
		if indexItem(b, item) >= 0 && indexItem(common, item) < 0 {
			common = append(common, item)
		}
	}
	return common, nil
}

// mergeDeep puts one object over another; objects in both are merged too.
func mergeDeep(a, b map[string]any) map[string]any {
	whole := maps.Clone(a)
	if whole == nil {
		whole = map[string]any{}
	}
	for name, value := range b {
		below, isObject := whole[name].(map[string]any)
		over, overObject := value.(map[string]any)
		if isObject && overObject {
			value = mergeDeep(below, over)
		}
		whole[name] = value
	}
	return whole
}

func commonMembers(a, b map[string]any) map[string]any {
	common := map[string]any{}
	for name, value := range a {
		if other, found := b[name]; found && equal(value, other) {
			common[name] = value
		}
	}
	return common
}

// fromEnd finds an item by its distance from the end: the last is 1.
func fromEnd(_ evaluator, args []any) (any, error) {
	item, found, err := atEnd(args)
	if err == nil && !found {
		return nil, errors.New("the index is out of the array's bounds")
	}
	return item, err
}

func atEnd(args []any) (item any, found bool, err error) {
	list, err := as[[]any](args, 0)
	if err != nil {
		return nil, false, err
	}
	back, err := as[int64](args, 1)
	if err != nil || back < 1 || back > int64(len(list)) {
		return nil, false, err
	}
	return list[int64(len(list))-back], true, nil
}
