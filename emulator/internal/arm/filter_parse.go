package arm

import (
	"fmt"
	"slices"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// The bounds of $filter.
const (
	maxFilter      = 4 << 10 // bytes
	maxFilterDepth = 32      // nested parentheses and negations
)

// term is a filter, or a part of one.
type term struct {
	op    string // and, or, not, of terms; empty for a comparison
	terms []*term
	// name is the key of a comparison in a table of fields, value what it compares with.
	name, value string
}

// tagName and tagValue beside each other are one comparison, of one tag.
const (
	tagPair  = "tagname and tagvalue"
	pairMark = "\x00"
)

// filterParser reads the part of OData that az and the SDKs use.
type filterParser struct {
	words []string // the rest; a text in quotes begins with one, and has no other around or in it
	depth int
}

// parseFilter reads a filter. problem is empty if it can.
func parseFilter(text string) (_ *term, problem string) {
	if len(text) > maxFilter {
		return nil, "it is too long"
	}
	words, problem := filterWords(text)
	if problem != "" {
		return nil, problem
	}
	p := &filterParser{words: words}
	t, problem := p.any()
	if problem == "" && len(p.words) > 0 {
		problem = fmt.Sprintf("expected 'and' or 'or' before %.40q", p.words[0])
	}
	return t, problem
}

// filterWords splits a filter into words, marks and quoted texts.
func filterWords(text string) (words []string, problem string) {
	for text = strings.TrimLeft(text, " \t"); text != ""; text = strings.TrimLeft(text, " \t") {
		end := strings.IndexAny(text, " \t(),'")
		switch {
		case text[0] == '\'':
			var value string
			if value, text, problem = cutQuoted(text[1:]); problem != "" {
				return nil, problem
			}
			words = append(words, "'"+value)
			continue
		case end == 0:
			end = 1
		case end < 0:
			end = len(text)
		}
		words, text = append(words, text[:end]), text[end:]
	}
	return words, ""
}

// cutQuoted reads up to the closing quotation mark; a doubled one stands for itself.
func cutQuoted(text string) (value, rest, problem string) {
	var b strings.Builder
	for {
		part, after, closed := strings.Cut(text, "'")
		if !closed {
			return "", "", "a quotation mark is not closed"
		}
		b.WriteString(part)
		if !strings.HasPrefix(after, "'") {
			return b.String(), after, ""
		}
		b.WriteByte('\'')
		text = after[1:]
	}
}

// next takes a word, "" at the end.
func (p *filterParser) next() string {
	if len(p.words) == 0 {
		return ""
	}
	word := p.words[0]
	p.words = p.words[1:]
	return word
}

// took takes the next word if it is the one that is asked for.
func (p *filterParser) took(word string) bool {
	if len(p.words) == 0 || azure.Fold(p.words[0]) != word {
		return false
	}
	p.words = p.words[1:]
	return true
}

// any reads terms joined by or.
func (p *filterParser) any() (*term, string) { return p.join("or", p.all) }

// all reads terms joined by and.
func (p *filterParser) all() (*term, string) {
	t, problem := p.join("and", p.one)
	if problem == "" && t.op == "and" {
		t.terms = pairTags(t.terms)
	}
	return t, problem
}

func (p *filterParser) join(op string, read func() (*term, string)) (*term, string) {
	var terms []*term
	for {
		t, problem := read()
		if problem != "" {
			return nil, problem
		}
		if terms = append(terms, t); !p.took(op) {
			break
		}
	}
	if len(terms) == 1 {
		return terms[0], ""
	}
	return &term{op: op, terms: terms}, ""
}

// pairTags makes one comparison of each name of a tag and the value beside it.
func pairTags(terms []*term) []*term {
	for {
		name := slices.IndexFunc(terms, func(t *term) bool { return t.op == "" && t.name == "tagname" })
		value := slices.IndexFunc(terms, func(t *term) bool { return t.op == "" && t.name == "tagvalue" })
		if name < 0 || value < 0 {
			return terms
		}
		terms[name] = &term{name: tagPair, value: terms[name].value + pairMark + terms[value].value}
		terms = slices.Delete(terms, value, value+1)
	}
}

// one reads a negation, a parenthesis or a comparison.
func (p *filterParser) one() (*term, string) {
	p.depth++
	defer func() { p.depth-- }()
	switch {
	case p.depth > maxFilterDepth:
		return nil, "it is nested too deep"
	case p.took("not"):
		t, problem := p.one()
		return negate(t), problem
	case p.took("("):
		t, problem := p.any()
		if problem == "" && !p.took(")") {
			problem = "a parenthesis is not closed"
		}
		return t, problem
	}
	return p.comparison()
}

func negate(t *term) *term { return &term{op: "not", terms: []*term{t}} }

// orders are the comparisons beside eq and ne.
var orders = []string{"ge", "gt", "le", "lt"}

func (p *filterParser) comparison() (*term, string) {
	name := azure.Fold(p.next())
	if name == "" || strings.ContainsAny(name, "'(),") {
		return nil, "expected NAME eq 'VALUE' or NAME()"
	}
	if p.took("(") {
		return p.function(name)
	}
	op := azure.Fold(p.next())
	value, isValue := p.value()
	switch {
	case !isValue:
		return nil, "expected a value after '" + name + " eq'"
	case op == "ne":
		return negate(&term{name: name, value: value}), ""
	case slices.Contains(orders, op):
		return &term{name: name + " " + op, value: value}, ""
	case op != "eq":
		return nil, "the comparisons are eq, ne, ge, gt, le and lt"
	}
	return &term{name: name, value: value}, ""
}

// value takes a text in quotes, or a bare word such as a number or a time.
func (p *filterParser) value() (string, bool) {
	word := p.next()
	if text, quoted := strings.CutPrefix(word, "'"); quoted {
		return text, true
	}
	return word, word != "" && !strings.ContainsAny(word, "(),")
}

// function reads the arguments of a call: none, a text, or a text and a name in any order.
func (p *filterParser) function(name string) (*term, string) {
	t := &term{name: name + "()"}
	for i := 0; !p.took(")"); i++ {
		word := p.next()
		text, quoted := strings.CutPrefix(word, "'")
		switch {
		case word == "" || i > 1:
			return nil, "a parenthesis is not closed"
		case quoted:
			t.value = text
		case strings.ContainsAny(word, "(),"):
			return nil, "an argument of '" + name + "' is missing"
		default:
			t.name = name + "(" + azure.Fold(word) + ")"
		}
		p.took(",")
	}
	if p.took("eq") {
		switch answer := azure.Fold(p.next()); answer {
		case "true":
		case "false":
			return negate(t), ""
		default:
			return nil, "'" + name + "' is true or false"
		}
	}
	return t, ""
}
