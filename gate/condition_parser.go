package gate

import (
	"fmt"
	"strings"
)

// conditionParser reads this grammar by recursive descent, a token ahead:
//
//	condition  = factor { "AND" factor } | factor { "OR" factor }
//	factor     = ( "NOT" | "!" ) factor | "(" condition ")" | test
//	test       = "ActionMatches" "{" string "}" | "SubOperationMatches" "{" string "}"
//	           | ( "Exists" | "NotExists" ) attribute
//	           | attribute operator string
//	           | attribute quantifier ":" operator "{" string { "," string } "}"
type conditionParser struct {
	lexer conditionLexer
	token conditionToken // the one to be read next
	depth int
	nodes int
}

func newConditionParser(text string) *conditionParser {
	p := &conditionParser{lexer: conditionLexer{text: text}}
	p.advance()
	return p
}

func (p *conditionParser) advance() {
	p.token = p.lexer.next()
}

// fail reports a problem with the token to be read next.
func (p *conditionParser) fail(problem string) error {
	if p.token.kind == tokenBad {
		problem = p.token.value
	}
	return conditionErrorAt(p.lexer.text, p.token.offset, problem)
}

func (p *conditionParser) expected(what string) error {
	return p.fail("expected " + what + ", found " + p.token.found())
}

// take reads a token of the given kind and returns its value.
func (p *conditionParser) take(kind conditionTokenKind, what string) (string, error) {
	if p.token.kind != kind {
		return "", p.expected(what)
	}
	value := p.token.value
	p.advance()
	return value, nil
}

// count pays for one more node of the tree.
func (p *conditionParser) count() error {
	if p.nodes++; p.nodes > maxConditionNodes {
		return p.fail(fmt.Sprintf("the condition has more than %d parts", maxConditionNodes))
	}
	return nil
}

// nested calls parse one level down.
func (p *conditionParser) nested(parse func() (conditionExpression, error)) (conditionExpression, error) {
	if p.depth++; p.depth > maxConditionDepth {
		return nil, p.fail(fmt.Sprintf("the condition is nested more than %d levels deep", maxConditionDepth))
	}
	defer func() { p.depth-- }()
	return parse()
}

func (p *conditionParser) condition() (conditionExpression, error) {
	root, err := p.group()
	if err == nil && p.token.kind != tokenEnd {
		err = p.expected("AND, OR or the end of the condition")
	}
	return root, err
}

// group reads factors joined by AND, or by OR. Azure wants parentheses where
// the two mix, and gives neither the stronger bond.
func (p *conditionParser) group() (conditionExpression, error) {
	first, err := p.factor()
	connective := p.token.kind
	if err != nil || connective != tokenAnd && connective != tokenOr {
		return first, err
	}
	members := []conditionExpression{first}
	for p.token.kind == connective {
		p.advance()
		next, err := p.factor()
		if err != nil {
			return nil, err
		}
		members = append(members, next)
	}
	if p.token.kind == tokenAnd || p.token.kind == tokenOr {
		return nil, p.fail("AND and OR mix here: group one of them with parentheses, as in (a AND b) OR c")
	}
	return conditionGroup{any: connective == tokenOr, members: members}, p.count()
}

func (p *conditionParser) factor() (conditionExpression, error) {
	switch p.token.kind {
	case tokenNot:
		p.advance()
		return p.negation(p.operand)
	case tokenOpen:
		return p.nested(p.parentheses)
	case tokenWord:
		return p.function()
	case tokenAttribute:
		return p.comparison()
	}
	return nil, p.expected("NOT, (, ActionMatches{'…'}, Exists or " + repositoryNameAttribute)
}

// operand is what follows NOT. Its parentheses are no further level, so that a
// condition is as deep as the same one written by String.
func (p *conditionParser) operand() (conditionExpression, error) {
	if p.token.kind == tokenOpen {
		return p.parentheses()
	}
	return p.factor()
}

func (p *conditionParser) negation(parse func() (conditionExpression, error)) (conditionExpression, error) {
	of, err := p.nested(parse)
	if err != nil {
		return nil, err
	}
	return conditionNot{of: of}, p.count()
}

func (p *conditionParser) parentheses() (conditionExpression, error) {
	p.advance()
	inside, err := p.group()
	if err == nil {
		_, err = p.take(tokenClose, "AND, OR or )")
	}
	return inside, err
}

func (p *conditionParser) function() (conditionExpression, error) {
	name := p.token
	p.advance()
	switch name.source {
	case "ActionMatches":
		pattern, err := p.braced()
		return actionTest{pattern: pattern}, err
	case "SubOperationMatches":
		pattern, err := p.braced()
		return subOperationTest{pattern: pattern}, err
	case "Exists":
		return p.exists()
	case "NotExists":
		return p.negation(p.exists)
	}
	p.token = name
	return nil, p.expected("NOT, ActionMatches, SubOperationMatches, Exists or NotExists")
}

// braced reads the {'pattern'} of a function.
func (p *conditionParser) braced() (string, error) {
	if _, err := p.take(tokenBraceOpen, "{"); err != nil {
		return "", err
	}
	pattern, err := p.take(tokenString, "a string in single quotes")
	if err != nil {
		return "", err
	}
	if _, err := p.take(tokenBraceClose, "}"); err != nil {
		return "", err
	}
	return pattern, p.count()
}

func (p *conditionParser) exists() (conditionExpression, error) {
	if err := p.attribute(); err != nil {
		return nil, err
	}
	return existsTest{}, p.count()
}

// attribute reads the one attribute there is.
func (p *conditionParser) attribute() error {
	const source = "@Request["
	if p.token.kind != tokenAttribute {
		return p.expected(repositoryNameAttribute)
	}
	name, isRequest := strings.CutPrefix(p.token.source, source)
	if !isRequest || !sameText(name, repositoryNameAttribute[len(source):], true) {
		return p.fail(fmt.Sprintf("Container Registry has no attribute %s, its only one is %s",
			p.token.found(), repositoryNameAttribute))
	}
	p.advance()
	return nil
}

func (p *conditionParser) comparison() (conditionExpression, error) {
	if err := p.attribute(); err != nil {
		return nil, err
	}
	test, known := nameTestOf(p.token.source)
	if !known {
		return nil, p.expected("a string operator such as StringEqualsIgnoreCase, StringStartsWithIgnoreCase, " +
			"StringLike or ForAnyOfAnyValues:StringEquals")
	}
	p.advance()
	values, err := p.values(test.quantifier != "")
	if err != nil {
		return nil, err
	}
	test.values = values
	return test, p.count()
}

// values reads the right-hand side: a set after a quantifier, else one string.
func (p *conditionParser) values(set bool) ([]string, error) {
	if !set {
		value, err := p.take(tokenString, "a string in single quotes (a set of values needs ForAnyOfAnyValues: or the like before the operator)")
		return []string{value}, err
	}
	if _, err := p.take(tokenBraceOpen, "{ and a set of strings"); err != nil {
		return nil, err
	}
	var values []string
	for {
		value, err := p.take(tokenString, "a string in single quotes")
		if err != nil {
			return nil, err
		}
		if values = append(values, value); p.token.kind != tokenComma {
			break
		}
		p.advance()
		if err := p.count(); err != nil {
			return nil, err
		}
	}
	_, err := p.take(tokenBraceClose, ", or }")
	return values, err
}
