package graph

import (
	"fmt"
	"strings"
)

// The bounds of $filter: its length in bytes, and how deep it nests.
const (
	maxFilter      = 8 << 10
	maxFilterDepth = 16
)

// fits tells whether an object is one of those that a filter selects. get looks a property up by its path.
type fits func(get func(path string) any) bool

// parseFilter reads the part of OData's filters that az and Terraform use: comparisons, in, startswith, endswith, any with
// a comparison, joined by and, or, not and parentheses. known says which properties there are. An unknown one is an error,
// since a client that narrows a list must not be given a wider one.
func parseFilter(text string, known func(name string) error) (fits, error) {
	if len(text) > maxFilter {
		return nil, errFilter.with("it is too long")
	}
	p := &filterParser{lexer: lexer{text: text}, known: known}
	p.next()
	found, err := p.any(0)
	if err != nil {
		return nil, err
	}
	if p.token != "" || p.quoted || p.broken {
		return nil, p.unexpected()
	}
	return found, nil
}

// filterParser reads a filter from left to right; token is the one it stands at.
type filterParser struct {
	lexer
	known func(name string) error
	item  string // the name of the item in any(item: …), or ""
}

func (p *filterParser) unexpected() error {
	return errFilter.with(fmt.Sprintf("Syntax error at position %d", p.start))
}

// is reports whether the next token is a word or mark, in any case.
func (p *filterParser) is(word string) bool { return !p.quoted && strings.EqualFold(p.token, word) }

// take steps over a word or mark, if it comes next.
func (p *filterParser) take(word string) bool {
	found := p.is(word)
	if found {
		p.next()
	}
	return found
}

func (p *filterParser) expect(mark string) error {
	if !p.take(mark) {
		return p.unexpected()
	}
	return nil
}

// any reads parts joined by or; all reads those joined by and, which binds closer.
func (p *filterParser) any(depth int) (fits, error) {
	return p.joined(depth, "or", p.all, func(a, b fits) fits {
		return func(get func(string) any) bool { return a(get) || b(get) }
	})
}

func (p *filterParser) all(depth int) (fits, error) {
	return p.joined(depth, "and", p.one, func(a, b fits) fits {
		return func(get func(string) any) bool { return a(get) && b(get) }
	})
}

func (p *filterParser) joined(depth int, word string, part func(int) (fits, error), join func(a, b fits) fits) (fits, error) {
	found, err := part(depth)
	for err == nil && p.take(word) {
		var other fits
		if other, err = part(depth); err == nil {
			found = join(found, other)
		}
	}
	return found, err
}

func (p *filterParser) one(depth int) (fits, error) {
	switch {
	case depth > maxFilterDepth:
		return nil, errFilter.with("it is nested too deep")
	case p.take("not"):
		inner, err := p.one(depth + 1)
		return func(get func(string) any) bool { return !inner(get) }, err
	case p.take("("):
		inner, err := p.any(depth + 1)
		if err == nil {
			err = p.expect(")")
		}
		return inner, err
	}
	return p.term(depth)
}

// term reads FUNCTION(PATH,'VALUE'), PATH/any(ITEM:FILTER), PATH in (VALUES) or PATH OPERATOR VALUE.
func (p *filterParser) term(depth int) (fits, error) {
	name := p.token
	if p.quoted || !isName(name) {
		return nil, p.unexpected()
	}
	p.next()
	if p.is("(") {
		if list, isAny := cutSuffixFold(name, "/any"); isAny {
			return p.anyItem(list, depth)
		}
		return p.function(name)
	}
	if err := p.checkPath(name); err != nil {
		return nil, err
	}
	if p.take("in") {
		return p.oneOf(name)
	}
	compare, found := comparisons[strings.ToLower(p.token)]
	if !found || p.quoted {
		return nil, p.unexpected()
	}
	p.next()
	want, err := p.value()
	return func(get func(string) any) bool { return compare(get(name), want) }, err
}

// checkPath refuses a path that begins with no known property; inside any, it begins with the item.
func (p *filterParser) checkPath(path string) error {
	first, _, _ := strings.Cut(path, "/")
	if p.item != "" && strings.EqualFold(first, p.item) {
		return nil
	}
	return p.known(first)
}

// functions compare the beginning or end of a text.
var functions = map[string]func(text, part string) bool{"startswith": strings.HasPrefix, "endswith": strings.HasSuffix}

func (p *filterParser) function(name string) (fits, error) {
	holds, found := functions[strings.ToLower(name)]
	if !found {
		return nil, errFilter.with(fmt.Sprintf("An unknown function with name '%.40s' was found", name))
	}
	p.next() // the parenthesis
	path := p.token
	if !isName(path) {
		return nil, p.unexpected()
	}
	if err := p.checkPath(path); err != nil {
		return nil, err
	}
	p.next()
	if err := p.expect(","); err != nil {
		return nil, err
	}
	value, err := p.value()
	part, isText := value.(string)
	if err != nil || !isText {
		return nil, p.unexpected()
	}
	return func(get func(string) any) bool {
		text, _ := get(path).(string)
		return text != "" && holds(strings.ToLower(text), strings.ToLower(part))
	}, p.expect(")")
}

// anyItem reads what is after PATH/any: a filter of the items of a list.
func (p *filterParser) anyItem(list string, depth int) (fits, error) {
	if err := p.checkPath(list); err != nil {
		return nil, err
	}
	if p.item != "" {
		return nil, errFilter.with(fmt.Sprintf("'%.80s' cannot be looked into", list))
	}
	p.next() // the parenthesis
	p.item = p.token
	p.next()
	if !isName(p.item) || !p.take(":") {
		return nil, p.unexpected()
	}
	item := p.item
	inner, err := p.any(depth + 1)
	p.item = ""
	if err != nil {
		return nil, err
	}
	return func(get func(string) any) bool { return anyFits(get(list), item, inner) }, p.expect(")")
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

func (p *filterParser) oneOf(path string) (fits, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	var values []any
	for {
		value, err := p.value()
		if err != nil {
			return nil, err
		}
		values = append(values, value)
		if !p.take(",") {
			break
		}
	}
	return func(get func(string) any) bool {
		have := get(path)
		for _, want := range values {
			if equal(have, want) {
				return true
			}
		}
		return false
	}, p.expect(")")
}

// literals are the values that are words.
var literals = map[string]any{"true": true, "false": false, "null": nil}

// value reads a text in single quotes, true, false, null, or a time or GUID without quotes.
func (p *filterParser) value() (any, error) {
	token, quoted := p.token, p.quoted
	if token == "" && !quoted || !quoted && strings.Contains("(),:", token) {
		return nil, p.unexpected()
	}
	p.next()
	if value, isWord := literals[strings.ToLower(token)]; isWord && !quoted {
		return value, nil
	}
	return token, nil
}
