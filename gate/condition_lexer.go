package gate

import (
	"fmt"
	"strings"
)

// conditionTokenKind is the kind of a word or sign of a condition.
type conditionTokenKind int

const (
	tokenEnd conditionTokenKind = iota
	tokenOpen
	tokenClose
	tokenBraceOpen
	tokenBraceClose
	tokenComma
	tokenAnd
	tokenOr
	tokenNot
	tokenString    // value is the text between the quotes
	tokenWord      // a function or an operator, with its ForAnyOfAnyValues: if it has one
	tokenAttribute // @Source[name]
	tokenBad       // value is the problem
)

// conditionToken is one word or sign and where it begins.
type conditionToken struct {
	kind   conditionTokenKind
	source string // as written
	value  string
	offset int
}

// found describes the token for an error message.
func (t conditionToken) found() string {
	if t.kind == tokenEnd {
		return "the end of the condition"
	}
	return fmt.Sprintf("%.60q", t.source)
}

var conditionSigns = [...]struct {
	sign string
	kind conditionTokenKind
}{
	{"&&", tokenAnd},
	{"||", tokenOr},
	{"!", tokenNot},
	{"(", tokenOpen},
	{")", tokenClose},
	{"{", tokenBraceOpen},
	{"}", tokenBraceClose},
	{",", tokenComma},
}

// conditionLexer cuts a condition into tokens.
type conditionLexer struct {
	text   string
	offset int
}

// next returns the next token; at the end, and after a bad token, it returns
// the same one for ever.
func (l *conditionLexer) next() conditionToken {
	rest := strings.TrimLeft(l.text[l.offset:], " \t\r\n")
	l.offset = len(l.text) - len(rest)
	t := scanConditionToken(rest)
	t.offset = l.offset
	l.offset += len(t.source)
	return t
}

func scanConditionToken(rest string) conditionToken {
	if rest == "" {
		return conditionToken{kind: tokenEnd}
	}
	for _, s := range conditionSigns {
		if strings.HasPrefix(rest, s.sign) {
			return conditionToken{kind: s.kind, source: s.sign}
		}
	}
	switch c := rest[0]; {
	case c == '\'':
		return scanConditionString(rest)
	case c == '@':
		return scanConditionAttribute(rest)
	case isConditionWord(c):
		return scanConditionWord(rest)
	}
	return badConditionToken("unexpected character " + fmt.Sprintf("%.1q", rest))
}

func badConditionToken(problem string) conditionToken {
	return conditionToken{kind: tokenBad, value: problem}
}

// scanConditionString reads 'text'; a quotation mark inside is doubled.
func scanConditionString(rest string) conditionToken {
	for end := 1; ; end += 2 {
		length := strings.IndexByte(rest[end:], '\'')
		if length < 0 {
			return badConditionToken("a string begins here and never ends")
		}
		end += length
		if !strings.HasPrefix(rest[end+1:], "'") {
			value := strings.ReplaceAll(rest[1:end], "''", "'")
			return conditionToken{kind: tokenString, source: rest[:end+1], value: value}
		}
	}
}

func scanConditionAttribute(rest string) conditionToken {
	end := strings.IndexByte(rest, ']')
	if end < 0 {
		return badConditionToken("an attribute begins here and has no ]")
	}
	return conditionToken{kind: tokenAttribute, source: rest[:end+1]}
}

func scanConditionWord(rest string) conditionToken {
	end := 1
	for end < len(rest) && isConditionWord(rest[end]) {
		end++
	}
	t := conditionToken{kind: tokenWord, source: rest[:end]}
	switch t.source {
	case "AND":
		t.kind = tokenAnd
	case "OR":
		t.kind = tokenOr
	case "NOT":
		t.kind = tokenNot
	}
	return t
}

func isConditionWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == ':'
}
