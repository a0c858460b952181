package odata

import (
	"errors"
	"strings"
)

// lexer cuts a filter into tokens: texts in single quotes, marks, and everything else up to a blank or mark.
type lexer struct {
	text   string
	at     int
	start  int    // where the token begins
	token  string // "" at the end; a quoted one is without its marks
	quoted bool
	err    error // the first one
}

const (
	marks  = "(),:"
	blanks = " \t"
)

// fail ends the filter here.
func (l *lexer) fail(err error) {
	if l.err == nil {
		l.err = err
	}
	l.at, l.token, l.quoted = len(l.text), "", false
}

// next steps to the next token.
func (l *lexer) next() {
	rest := strings.TrimLeft(l.text[l.at:], blanks)
	l.at = len(l.text) - len(rest)
	l.start, l.token, l.quoted = l.at, "", false
	switch {
	case rest == "":
	case rest[0] == '\'':
		l.quote(rest[1:])
	case strings.IndexByte(marks, rest[0]) >= 0:
		l.token = rest[:1]
		l.at++
	default:
		l.token = rest[:wordEnd(rest)]
		l.at += len(l.token)
	}
}

// wordEnd is where a word ends. A time has colons in it, which are part of what begins with a digit.
func wordEnd(text string) int {
	stops := blanks + marks + "'"
	if '0' <= text[0] && text[0] <= '9' {
		stops = strings.ReplaceAll(stops, ":", "")
	}
	if end := strings.IndexAny(text, stops); end >= 0 {
		return end
	}
	return len(text)
}

// quote reads up to the closing quotation mark; a doubled one stands for itself.
func (l *lexer) quote(rest string) {
	var b strings.Builder
	for {
		part, after, closed := strings.Cut(rest, "'")
		if !closed {
			l.fail(errors.New("a quotation mark is not closed"))
			return
		}
		b.WriteString(part)
		if !strings.HasPrefix(after, "'") {
			l.token, l.quoted, l.at = b.String(), true, len(l.text)-len(after)
			return
		}
		b.WriteByte('\'')
		rest = after[1:]
	}
}
