package arm

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
)

// compareObjects lists the differences of two objects as what-if shows them: by the paths of the members in which they
// differ (WhatIfPropertyChange in ARM's API).
func compareObjects(before, after map[string]any, path string) []any {
	var delta []any
	names := slices.Concat(slices.Collect(maps.Keys(before)), slices.Collect(maps.Keys(after)))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		was, had := before[name]
		is, has := after[name]
		delta = append(delta, compareMembers(was, is, had, has, joinPath(path, name))...)
	}
	return delta
}

func joinPath(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func compareMembers(was, is any, had, has bool, path string) []any {
	switch {
	case had && has:
		return compareValues(was, is, path)
	case has:
		return []any{propertyChange(path, "Create", nil, is)}
	}
	return []any{propertyChange(path, "Delete", was, nil)}
}

// compareValues compares what both documents have at a path.
func compareValues(was, is any, path string) []any {
	if reflect.DeepEqual(was, is) {
		return nil
	}
	before, wasObject := was.(map[string]any)
	after, isObject := is.(map[string]any)
	if wasObject && isObject {
		return compareObjects(before, after, path)
	}
	wasList, first := was.([]any)
	isList, second := is.([]any)
	if first && second {
		change := propertyChange(path, "Array", wasList, isList)
		change["children"] = compareItems(wasList, isList)
		return []any{change}
	}
	return []any{propertyChange(path, "Modify", was, is)}
}

// compareItems compares lists item by item; the path of an item is its index.
func compareItems(was, is []any) []any {
	var delta []any
	for i := range max(len(was), len(is)) {
		path := strconv.Itoa(i)
		switch {
		case i >= len(was):
			delta = append(delta, propertyChange(path, "Create", nil, is[i]))
		case i >= len(is):
			delta = append(delta, propertyChange(path, "Delete", was[i], nil))
		case !reflect.DeepEqual(was[i], is[i]):
			delta = append(delta, compareItem(was[i], is[i], path))
		}
	}
	return delta
}

// compareItem shows the members of an object that is an item below the item.
func compareItem(was, is any, path string) map[string]any {
	before, wasObject := was.(map[string]any)
	after, isObject := is.(map[string]any)
	change := propertyChange(path, "Modify", was, is)
	if wasObject && isObject {
		change["children"] = compareObjects(before, after, "")
	}
	return change
}

func propertyChange(path, kind string, before, after any) map[string]any {
	change := map[string]any{"path": path, "propertyChangeType": kind}
	if before != nil {
		change["before"] = before
	}
	if after != nil {
		change["after"] = after
	}
	return change
}
