package odata

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The bounds of a filter: its length in bytes, and how deep it nests.
const (
	MaxLength = 8 << 10
	MaxDepth  = 16
)

// The operators that are no words of comparison, beside which there are eq, ne, ge, gt, le, lt and in.
const (
	And  = "and"
	Or   = "or"
	Not  = "not"
	Any  = "any"
	Call = "()"
)

// Filter is a filter, or a part of one.
type Filter struct {
	// Op says what it is: And, Or or Not of Parts; Any item of the list at Path for which Parts[0] holds; a Call of a
	// function; or a comparison of Path with Values.
	Op string
	// Parts are filters.
	Parts []*Filter
	// Path is a property, or names separated by slashes that lead to one, as it is spelt. A Call may have none.
	Path string
	// Name is the function that is called, in lower case, or what Any calls an item.
	Name string
	// Values are what Path is compared with: one, several after in, or the text that a Call has, if it has one. Each is a
	// string, a bool, or nil for null. A number, time or GUID without quotation marks is a string.
	Values []any
}

// comparisons are the operators between a path and what it is compared with.
var comparisons = map[string]bool{"eq": true, "ne": true, "ge": true, "gt": true, "le": true, "lt": true, "in": true}

// Parse reads a filter. The error says what is wrong with it, for whoever wrote it.
func Parse(text string) (*Filter, error) {
	if len(text) > MaxLength {
		return nil, errors.New("it is too long")
	}
	p := &parser{lexer: lexer{text: text}}
	p.next()
	f := p.or()
	if p.token != "" || p.quoted {
		p.unexpected()
	}
	if p.err != nil {
		return nil, p.err
	}
	return f, nil
}

// parser reads from left to right; the lexer's token is what it stands at. After an error that is the end, so that nothing
// has to look at the error but Parse.
type parser struct {
	lexer
	depth int
}

func (p *parser) unexpected() { p.fail(fmt.Errorf("syntax error at position %d", p.start)) }

// is reports whether the token is a word or mark, in any case.
func (p *parser) is(word string) bool { return !p.quoted && strings.EqualFold(p.token, word) }

// take steps over a word or mark, if it is the token.
func (p *parser) take(word string) bool {
	found := p.is(word)
	if found {
		p.next()
	}
	return found
}

func (p *parser) expect(mark string) {
	if !p.take(mark) {
		p.unexpected()
	}
}

// or reads parts joined by or; and reads those joined by and, which binds closer.
func (p *parser) or() *Filter { return p.joined(Or, p.and) }

func (p *parser) and() *Filter { return p.joined(And, p.one) }

func (p *parser) joined(op string, part func() *Filter) *Filter {
	parts := []*Filter{part()}
	for p.take(op) {
		parts = append(parts, part())
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return &Filter{Op: op, Parts: parts}
}

// one reads a negation, a parenthesis or a comparison.
func (p *parser) one() *Filter {
	p.depth++
	defer func() { p.depth-- }()
	switch {
	case p.depth > MaxDepth:
		p.fail(errors.New("it is nested too deep"))
		return nil
	case p.take(Not):
		return negation(p.one())
	case p.take("("):
		f := p.or()
		p.expect(")")
		return f
	}
	return p.comparison()
}

func negation(f *Filter) *Filter { return &Filter{Op: Not, Parts: []*Filter{f}} }

// comparison reads PATH OPERATOR VALUE, PATH in (VALUES), PATH/any(ITEM:FILTER), or the call of a function.
func (p *parser) comparison() *Filter {
	path := p.path()
	if p.take("(") {
		if list, isAny := cutSuffixFold(path, "/"+Any); isAny {
			return p.any(list)
		}
		return p.verdict(p.call(strings.ToLower(path)))
	}
	f := &Filter{Op: strings.ToLower(p.token), Path: path}
	if p.quoted || !comparisons[f.Op] {
		p.unexpected()
	}
	p.next()
	if f.Op == "in" {
		f.Values = p.values()
	} else {
		f.Values = []any{p.value()}
	}
	return f
}

func cutSuffixFold(text, suffix string) (string, bool) {
	at := len(text) - len(suffix)
	if at <= 0 || !strings.EqualFold(text[at:], suffix) {
		return text, false
	}
	return text[:at], true
}

// any reads what is after PATH/any( up to its end.
func (p *parser) any(list string) *Filter {
	f := &Filter{Op: Any, Path: list, Name: p.path()}
	p.expect(":")
	f.Parts = []*Filter{p.or()}
	p.expect(")")
	return f
}

// textFirst is the one function whose text stands before the path (OData 3; Resource Manager still has it).
const textFirst = "substringof"

// call reads what is after NAME( up to its end: nothing, a text, or a path and a text.
func (p *parser) call(name string) *Filter {
	f := &Filter{Op: Call, Name: name}
	switch {
	case p.take(")"):
		return f
	case name == textFirst:
		f.Values = []any{p.quotation()}
		p.expect(",")
		f.Path = p.path()
	case p.quoted:
		f.Values = []any{p.quotation()}
	default:
		f.Path = p.path()
		p.expect(",")
		f.Values = []any{p.quotation()}
	}
	p.expect(")")
	return f
}

// verdict reads what a call may be compared with: true or false.
func (p *parser) verdict(f *Filter) *Filter {
	if !p.take("eq") {
		return f
	}
	switch p.value() {
	case true:
	case false:
		return negation(f)
	default:
		p.fail(fmt.Errorf("'%.40s' is true or false", f.Name))
	}
	return f
}

func (p *parser) path() string {
	first, _ := utf8.DecodeRuneInString(p.token)
	path := p.token
	if p.quoted || !unicode.IsLetter(first) {
		p.unexpected()
	}
	p.next()
	return path
}

func (p *parser) quotation() string {
	text := p.token
	if !p.quoted {
		p.unexpected()
	}
	p.next()
	return text
}

func (p *parser) values() []any {
	p.expect("(")
	values := []any{p.value()}
	for p.take(",") {
		values = append(values, p.value())
	}
	p.expect(")")
	return values
}

// literals are the values that are words.
var literals = map[string]any{"true": true, "false": false, "null": nil}

func (p *parser) value() any {
	token, quoted := p.token, p.quoted
	if !quoted && strings.Contains(marks, token) { // as it contains the end, which is empty
		p.unexpected()
	}
	p.next()
	if value, isWord := literals[strings.ToLower(token)]; isWord && !quoted {
		return value
	}
	return token
}
