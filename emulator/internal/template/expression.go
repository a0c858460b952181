package template

import (
	"fmt"
	"strconv"
	"strings"
)

// The bounds of one expression.
const (
	maxExpression      = 24576 // characters, as ARM's
	maxExpressionDepth = 128   // calls in one another
)

// node is a part of an expression: literal, call or access.
type node any

// literal is a string or an integer.
type literal struct{ value any }

// call is the call of a function; one of the template's own has its namespace before its name.
type call struct {
	name string // as written
	args []node
}

// access is the use of a member or an item: of.by or of[by].
type access struct{ of, by node }

// isExpression reports whether a string of a template is an expression and not just text.
func isExpression(text string) bool {
	return strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") && !strings.HasPrefix(text, "[[")
}

// plainText is what a string that is no expression says: a second bracket at its begin only says that it is none.
func plainText(text string) string {
	if strings.HasPrefix(text, "[[") {
		return text[1:]
	}
	return text
}

// parseExpression reads an expression with the brackets around it.
func parseExpression(text string) (node, error) {
	if len(text) > maxExpression {
		return nil, fmt.Errorf("the expression is longer than the limit of %d characters", maxExpression)
	}
	p := &parser{text: strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")}
	n, err := p.expression(0)
	if err != nil {
		return nil, fmt.Errorf("the language expression '%s' is not valid: %w", shorten(text), err)
	}
	if p.next(); p.at < len(p.text) {
		return nil, fmt.Errorf("the language expression '%s' is not valid: the end is expected at position '%d'", shorten(text), p.at+1)
	}
	return n, nil
}

// shorten bounds what a message repeats.
func shorten(text string) string {
	if len(text) <= 200 {
		return text
	}
	return strings.ToValidUTF8(text[:200], "") + "…"
}

// parser reads an expression by descending.
type parser struct {
	text string
	at   int
}

func (p *parser) fail(want string) error {
	return fmt.Errorf("%s is expected at position '%d'", want, p.at+1)
}

// next passes over white space and returns the byte after it; 0 at the end.
func (p *parser) next() byte {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

// take passes over one byte if it is next.
func (p *parser) take(c byte) bool {
	if p.next() != c {
		return false
	}
	p.at++
	return true
}

func (p *parser) expression(depth int) (node, error) {
	if depth > maxExpressionDepth {
		return nil, fmt.Errorf("it is nested deeper than %d levels", maxExpressionDepth)
	}
	n, err := p.primary(depth)
	for err == nil {
		switch p.next() {
		case '.':
			p.at++
			n, err = p.member(n)
		case '[':
			p.at++
			n, err = p.item(n, depth)
		default:
			return n, nil
		}
	}
	return nil, err
}

func (p *parser) primary(depth int) (node, error) {
	switch c := p.next(); {
	case c == '\'':
		return p.quoted()
	case c == '-' || '0' <= c && c <= '9':
		return p.number()
	case isNameByte(c):
		return p.call(depth)
	}
	return nil, p.fail("a function, a string or a number")
}

func (p *parser) member(of node) (node, error) {
	name := p.word()
	if name == "" {
		return nil, p.fail("the name of a property")
	}
	return access{of: of, by: literal{name}}, nil
}

func (p *parser) item(of node, depth int) (node, error) {
	by, err := p.expression(depth + 1)
	if err != nil {
		return nil, err
	}
	if !p.take(']') {
		return nil, p.fail("']'")
	}
	return access{of: of, by: by}, nil
}

func (p *parser) call(depth int) (node, error) {
	c := call{name: p.word()}
	if p.take('.') {
		p.next()
		c.name += "." + p.word()
	}
	if !p.take('(') {
		return nil, p.fail("'('")
	}
	for !p.take(')') {
		if len(c.args) > 0 && !p.take(',') {
			return nil, p.fail("',' or ')'")
		}
		arg, err := p.expression(depth + 1)
		if err != nil {
			return nil, err
		}
		c.args = append(c.args, arg)
	}
	return c, nil
}

func (p *parser) word() string {
	p.next()
	from := p.at
	for p.at < len(p.text) && isNameByte(p.text[p.at]) {
		p.at++
	}
	return p.text[from:p.at]
}

func (p *parser) number() (node, error) {
	from := p.at
	p.at++
	for p.at < len(p.text) && '0' <= p.text[p.at] && p.text[p.at] <= '9' {
		p.at++
	}
	value, err := strconv.ParseInt(p.text[from:p.at], 10, 64)
	if err != nil {
		p.at = from
		return nil, p.fail("an integer of 64 bits")
	}
	return literal{value}, nil
}

// quoted reads a string in single quotes, which are doubled inside it.
func (p *parser) quoted() (node, error) {
	var b strings.Builder
	for rest := p.text[p.at+1:]; ; {
		part, after, closed := strings.Cut(rest, "'")
		if !closed {
			return nil, p.fail("the end of the string")
		}
		b.WriteString(part)
		if !strings.HasPrefix(after, "'") {
			p.at = len(p.text) - len(after)
			return literal{b.String()}, nil
		}
		b.WriteByte('\'')
		rest = after[1:]
	}
}
