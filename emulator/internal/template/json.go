package template

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxNesting bounds objects and lists in one another; five levels of modules fit.
const maxNesting = 128

// positionLevels is how deep objects are whose positions are remembered: those of resources and parameters.
const positionLevels = 2

// Position is a place in the text of a template. The zero Position is none.
type Position struct {
	// Line and Column count from 1; the column is in bytes.
	Line, Column int
}

// String returns the position as ARM's messages have it.
func (p Position) String() string {
	if p == (Position{}) {
		return ""
	}
	return fmt.Sprintf(" at line '%d' and column '%d'", p.Line, p.Column)
}

// span is where an object stands in a text, in bytes.
type span struct{ from, to int }

// jsonReader reads JSON with the liberties that ARM takes: comments, names without quotation marks (az sends such a body,
// az-cli §1 item 11), line breaks in strings, commas after the last item. Integers are read as int64, so that they stay
// what they are.
type jsonReader struct {
	text  string
	at    int
	path  []string
	spans map[string]span // of objects, by path: properties.template, resources[0]
}

// readJSON reads one value, and where the upper objects in it are.
func readJSON(text string) (any, map[string]span, error) {
	r := &jsonReader{text: text, spans: map[string]span{}}
	if !utf8.ValidString(text) {
		return nil, nil, r.fail("the text is not valid UTF-8")
	}
	value, err := r.value()
	if err != nil {
		return nil, nil, err
	}
	if r.skip(); r.at < len(r.text) {
		return nil, nil, r.fail("nothing is expected after the value")
	}
	return value, r.spans, nil
}

// ReadBody reads the body of a call about a deployment, and cuts out the text of its template, properties.template, which
// is empty if there is none. Numbers in body are int64 or float64.
func ReadBody(text []byte) (body map[string]any, template []byte, err error) {
	value, spans, err := readJSON(string(text))
	if err != nil {
		return nil, nil, err
	}
	body, isObject := value.(map[string]any)
	if !isObject {
		return nil, nil, &Error{Code: CodeContent, Message: "The request content was invalid: the body is not a JSON object."}
	}
	if at, found := spans["properties.template"]; found {
		template = text[at.from:at.to]
	}
	return body, template, nil
}

func (r *jsonReader) fail(format string, args ...any) error {
	at := positionOf(r.text, r.at)
	return &Error{Code: CodeContent, Message: fmt.Sprintf(
		"The request content was invalid and could not be deserialized: '%s. Line %d, position %d.'",
		fmt.Sprintf(format, args...), at.Line, at.Column)}
}

func positionOf(text string, offset int) Position {
	before := text[:min(offset, len(text))]
	return Position{Line: strings.Count(before, "\n") + 1, Column: len(before) - strings.LastIndexByte(before, '\n')}
}

// skip passes over white space and comments. A comment that is not closed ends the text.
func (r *jsonReader) skip() {
	for r.at < len(r.text) {
		rest := r.text[r.at:]
		switch {
		case strings.ContainsRune(" \t\r\n\ufeff", firstRune(rest)):
			r.at += utf8.RuneLen(firstRune(rest))
		case strings.HasPrefix(rest, "//"):
			r.passBy(rest, "\n")
		case strings.HasPrefix(rest, "/*"):
			r.passBy(rest, "*/")
		default:
			return
		}
	}
}

func firstRune(text string) rune {
	first, _ := utf8.DecodeRuneInString(text)
	return first
}

func (r *jsonReader) passBy(rest, end string) {
	if at := strings.Index(rest[2:], end); at >= 0 {
		r.at += 2 + at + len(end)
		return
	}
	r.at = len(r.text)
}

// next passes over white space and returns the byte after it; 0 at the end.
func (r *jsonReader) next() byte {
	if r.skip(); r.at < len(r.text) {
		return r.text[r.at]
	}
	return 0
}

func (r *jsonReader) value() (any, error) {
	switch c := r.next(); {
	case c == 0:
		return nil, r.fail("the text ends too early")
	case len(r.path) > maxNesting:
		return nil, r.fail("the text is nested deeper than %d levels", maxNesting)
	case c == '{':
		return r.object()
	case c == '[':
		return r.list()
	case c == '"':
		return r.quoted()
	}
	return r.bare()
}

func (r *jsonReader) object() (any, error) {
	from, object := r.at, map[string]any{}
	r.at++
	for r.next() != '}' {
		name, err := r.name()
		if err != nil {
			return nil, err
		}
		if r.next() != ':' {
			return nil, r.fail("expected a colon after the name '%.40s'", name)
		}
		r.at++
		if object[name], err = r.below(name); err != nil {
			return nil, err
		}
		if err := r.separator('}'); err != nil {
			return nil, err
		}
	}
	r.at++
	if len(r.path) <= positionLevels {
		r.spans[strings.ReplaceAll(strings.Join(r.path, "."), ".[", "[")] = span{from, r.at}
	}
	return object, nil
}

func (r *jsonReader) list() (any, error) {
	list := []any{}
	r.at++
	for r.next() != ']' {
		item, err := r.below("[" + strconv.Itoa(len(list)) + "]")
		if err != nil {
			return nil, err
		}
		list = append(list, item)
		if err := r.separator(']'); err != nil {
			return nil, err
		}
	}
	r.at++
	return list, nil
}

// below reads the value of a member or item.
func (r *jsonReader) below(name string) (any, error) {
	r.path = append(r.path, name)
	value, err := r.value()
	r.path = r.path[:len(r.path)-1]
	return value, err
}

func (r *jsonReader) separator(end byte) error {
	switch r.next() {
	case ',':
		r.at++
	case end:
	default:
		return r.fail("expected a comma or '%c'", end)
	}
	return nil
}

func (r *jsonReader) name() (string, error) {
	if r.next() == '"' {
		return r.quoted()
	}
	if name := r.word(); name != "" {
		return name, nil
	}
	return "", r.fail("expected the name of a member")
}

// word reads letters, digits and what numbers are written with.
func (r *jsonReader) word() string {
	from := r.at
	for r.at < len(r.text) && (isNameByte(r.text[r.at]) || strings.IndexByte("+-.", r.text[r.at]) >= 0) {
		r.at++
	}
	return r.text[from:r.at]
}

func isNameByte(c byte) bool {
	return c == '_' || c == '$' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// bare reads what has no quotation marks: numbers, true, false and null.
func (r *jsonReader) bare() (any, error) {
	from := r.at
	word := r.word()
	if number, err := strconv.ParseInt(word, 10, 64); err == nil && word[0] != '+' {
		return number, nil
	}
	var value any
	if err := json.Unmarshal([]byte(word), &value); err != nil {
		r.at = from
		return nil, r.fail("expected a value")
	}
	return value, nil
}

func (r *jsonReader) quoted() (string, error) {
	from := r.at
	for r.at++; r.at < len(r.text); r.at++ {
		switch r.text[r.at] {
		case '\\':
			r.at++
		case '"':
			r.at++
			return r.unquote(r.text[from:r.at], from)
		}
	}
	r.at = from
	return "", r.fail("a string is not closed")
}

// controls are the characters that JSON wants escaped and ARM does not.
var controls = strings.NewReplacer("\n", `\n`, "\r", `\r`, "\t", `\t`)

func (r *jsonReader) unquote(quoted string, from int) (string, error) {
	var text string
	if err := json.Unmarshal([]byte(controls.Replace(quoted)), &text); err != nil {
		r.at = from
		return "", r.fail("the string %.40s cannot be read", quoted)
	}
	return text, nil
}
