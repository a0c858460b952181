package gate

import (
	"strings"
	"unicode/utf8"
)

// wildcards is a dialect of patterns. In each of them * stands for any text,
// also none and also with slashes.
type wildcards struct {
	like       bool // ? is one character, and \ takes the meaning from *, ? and \
	ignoreCase bool // of the letters A to Z
}

// wildcardElement is the first piece of a pattern.
type wildcardElement struct {
	size    int  // bytes of the pattern
	special byte // '*', '?' or 0 for a literal
	literal byte
}

func (w wildcards) first(pattern string) wildcardElement {
	c := pattern[0]
	switch {
	case c == '*', c == '?' && w.like:
		return wildcardElement{size: 1, special: c}
	case c == '\\' && w.like && len(pattern) > 1 && strings.IndexByte(`*?\`, pattern[1]) >= 0:
		return wildcardElement{size: 2, literal: pattern[1]}
	}
	return wildcardElement{size: 1, literal: c}
}

// match compares the whole text. It walks back to the last star only, so that
// the work is at most the product of the two lengths.
func (w wildcards) match(pattern, text string) bool {
	afterStar, resume := -1, 0
	p, t := 0, 0
	for t < len(text) {
		var e wildcardElement
		if p < len(pattern) {
			e = w.first(pattern[p:])
		}
		switch {
		case e.special == '*':
			p += e.size
			afterStar, resume = p, t
		case e.special == '?':
			p += e.size
			t += characterSize(text[t:])
		case e.size > 0 && sameByte(e.literal, text[t], w.ignoreCase):
			p += e.size
			t++
		case afterStar >= 0:
			resume += characterSize(text[resume:])
			p, t = afterStar, resume
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

func characterSize(s string) int {
	_, size := utf8.DecodeRuneInString(s)
	return size
}

// sameText compares two texts, ignoring the case of A to Z if asked to. Names of
// repositories and actions have no other letters; leaving those alone keeps a
// look-alike such as the Kelvin sign from passing for a K.
func sameText(a, b string, ignoreCase bool) bool {
	if a == b || len(a) != len(b) {
		return a == b
	}
	for i := range len(a) {
		if !sameByte(a[i], b[i], ignoreCase) {
			return false
		}
	}
	return true
}

func sameByte(a, b byte, ignoreCase bool) bool {
	return a == b || ignoreCase && lowerByte(a) == lowerByte(b)
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
