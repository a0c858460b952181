package graph

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// comparisons are the operators of $filter. Texts are compared without case, as Graph does.
var comparisons = map[string]func(have, want any) bool{
	"eq": equal,
	"ne": func(have, want any) bool { return !equal(have, want) },
	"ge": func(have, want any) bool { return ordered(have, want, func(c int) bool { return c >= 0 }) },
	"gt": func(have, want any) bool { return ordered(have, want, func(c int) bool { return c > 0 }) },
	"le": func(have, want any) bool { return ordered(have, want, func(c int) bool { return c <= 0 }) },
	"lt": func(have, want any) bool { return ordered(have, want, func(c int) bool { return c < 0 }) },
}

// equal compares two plain values; lists and objects equal nothing.
func equal(have, want any) bool {
	switch h := have.(type) {
	case nil:
		return want == nil
	case string:
		w, isText := want.(string)
		return isText && strings.EqualFold(h, w)
	case bool:
		return want == h
	}
	return false
}

// ordered compares two texts, as times if they are such; what is no text is neither before nor after another.
func ordered(have, want any, fits func(int) bool) bool {
	h, isText := have.(string)
	w, areTexts := want.(string)
	if !isText || !areTexts {
		return false
	}
	a, err := time.Parse(time.RFC3339, h)
	b, otherErr := time.Parse(time.RFC3339, w)
	if err == nil && otherErr == nil {
		return fits(a.Compare(b))
	}
	return fits(strings.Compare(strings.ToLower(h), strings.ToLower(w)))
}

// below looks up a path of names separated by slashes; the empty path is the value itself.
func below(value any, path string) any {
	for path != "" {
		var name string
		name, path, _ = strings.Cut(path, "/")
		object, _ := value.(map[string]any)
		value = object[name]
	}
	return value
}

// isName reports whether a token can be a property's path or a function.
func isName(token string) bool {
	first, _ := utf8.DecodeRuneInString(token)
	return unicode.IsLetter(first)
}

func cutSuffixFold(text, suffix string) (string, bool) {
	if len(text) <= len(suffix) || !strings.EqualFold(text[len(text)-len(suffix):], suffix) {
		return text, false
	}
	return text[:len(text)-len(suffix)], true
}

// lexer cuts a filter into tokens: texts in single quotes, the marks ( ) , : and everything else up to a blank or mark.
type lexer struct {
	text   string
	at     int
	start  int    // where token begins
	token  string // "" at the end; a quoted one without its marks
	quoted bool
	broken bool // a quotation mark is not closed
}

const marks = "(),:"

// next steps to the next token.
func (l *lexer) next() {
	for l.at < len(l.text) && l.text[l.at] == ' ' {
		l.at++
	}
	l.start, l.token, l.quoted = l.at, "", false
	switch {
	case l.at == len(l.text):
	case l.text[l.at] == '\'':
		l.quote()
	case strings.IndexByte(marks, l.text[l.at]) >= 0:
		l.token = l.text[l.at : l.at+1]
		l.at++
	default:
		l.word()
	}
}

// word reads up to a blank, mark or quotation mark. A time has colons in it, which are part of it after a digit.
func (l *lexer) word() {
	digit := '0' <= l.text[l.at] && l.text[l.at] <= '9'
	for l.at < len(l.text) {
		c := l.text[l.at]
		if c == ' ' || c == '\'' || strings.IndexByte(marks, c) >= 0 && (c != ':' || !digit) {
			break
		}
		l.at++
	}
	l.token = l.text[l.start:l.at]
}

// quote reads a text in single quotes, which are doubled inside it.
func (l *lexer) quote() {
	var b strings.Builder
	l.quoted = true
	rest := l.text[l.at+1:]
	for {
		part, after, closed := strings.Cut(rest, "'")
		b.WriteString(part)
		if !closed {
			l.broken, l.at = true, len(l.text)
			break
		}
		if !strings.HasPrefix(after, "'") {
			l.at = len(l.text) - len(after)
			break
		}
		b.WriteByte('\'')
		rest = after[1:]
	}
	l.token = b.String()
}
