package graph

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/odata"
)

// fits tells whether an object is one of those that a filter selects. get looks a property up by its path.
type fits func(get func(path string) any) bool

// parseFilter reads the filters that az and Terraform use: comparisons, in, startswith, endswith, and any with one of these.
// known says which properties there are. An unknown one is an error, since a client that narrows a list must not be given a
// wider one.
func parseFilter(text string, known func(name string) error) (fits, error) {
	f, err := odata.Parse(text)
	if err != nil {
		return nil, errFilter.with(err)
	}
	holds, err := selector{known: known}.compile(f)
	var refused *Error
	if err != nil && !errors.As(err, &refused) {
		err = errFilter.with(err)
	}
	return holds, err
}

// selector makes comparisons of the parts of a filter.
type selector struct {
	known func(name string) error
	item  string // the name of the item in any(item: …), or ""
}

func (s selector) compile(f *odata.Filter) (fits, error) {
	if join, joins := joined[f.Op]; joins {
		return s.join(f.Parts, join)
	}
	switch {
	case f.Op == odata.Call && functions[f.Name] == nil:
		return nil, fmt.Errorf("An unknown function with name '%.40s' was found", f.Name)
	case f.Op == odata.Call && (f.Path == "" || len(f.Values) == 0):
		return nil, fmt.Errorf("the function '%s' takes a property and a text", f.Name)
	}
	if err := s.checkPath(f.Path); err != nil {
		return nil, err
	}
	switch f.Op {
	case odata.Call:
		return called(f), nil
	case odata.Any:
		return s.any(f)
	case "in":
		return func(get func(string) any) bool {
			have := get(f.Path)
			return slices.ContainsFunc(f.Values, func(want any) bool { return equal(have, want) })
		}, nil
	}
	compare := comparisons[f.Op]
	return func(get func(string) any) bool { return compare(get(f.Path), f.Values[0]) }, nil
}

// joined are the ways to make one comparison of several.
var joined = map[string]func(parts []fits, get func(string) any) bool{
	odata.And: func(parts []fits, get func(string) any) bool {
		return !slices.ContainsFunc(parts, func(part fits) bool { return !part(get) })
	},
	odata.Or: func(parts []fits, get func(string) any) bool {
		return slices.ContainsFunc(parts, func(part fits) bool { return part(get) })
	},
	odata.Not: func(parts []fits, get func(string) any) bool { return !parts[0](get) },
}

func (s selector) join(below []*odata.Filter, join func([]fits, func(string) any) bool) (fits, error) {
	parts := make([]fits, 0, len(below))
	for _, f := range below {
		part, err := s.compile(f)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return func(get func(string) any) bool { return join(parts, get) }, nil
}

// checkPath refuses a path that begins with no known property; inside any, it begins with the item.
func (s selector) checkPath(path string) error {
	first, _, _ := strings.Cut(path, "/")
	if s.item != "" && strings.EqualFold(first, s.item) {
		return nil
	}
	return s.known(first)
}

// functions compare the beginning or end of a text.
var functions = map[string]func(text, part string) bool{"startswith": strings.HasPrefix, "endswith": strings.HasSuffix}

func called(f *odata.Filter) fits {
	holds := functions[f.Name]
	part, _ := f.Values[0].(string)
	return func(get func(string) any) bool {
		text, _ := get(f.Path).(string)
		return text != "" && holds(strings.ToLower(text), strings.ToLower(part))
	}
}

// any makes a comparison of the items of a list.
func (s selector) any(f *odata.Filter) (fits, error) {
	if s.item != "" {
		return nil, fmt.Errorf("'%.80s' cannot be looked into", f.Path)
	}
	s.item = f.Name
	holds, err := s.compile(f.Parts[0])
	return func(get func(string) any) bool { return anyFits(get(f.Path), f.Name, holds) }, err
}

func anyFits(items any, name string, holds fits) bool {
	list, _ := items.([]any)
	for _, item := range list {
		if holds(func(path string) any {
			first, rest, _ := strings.Cut(path, "/")
			if !strings.EqualFold(first, name) {
				return nil
			}
			return below(item, rest)
		}) {
			return true
		}
	}
	return false
}
