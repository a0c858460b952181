package template

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// The bounds of a template, as ARM's.
const (
	maxTemplate   = 4 << 20 // bytes
	maxParameters = 256
	maxVariables  = 512 // twice ARM's limit, which counts otherwise
	maxOutputs    = 64
	maxResources  = 800
	maxCopies     = 800
)

// Template is a template that has been read. It is not changed any more.
type Template struct {
	text  string
	spans map[string]span
	root  map[string]any
}

// sections are the members of a template.
var sections = []string{
	"$schema", "contentVersion", "languageVersion", "apiProfile", "metadata", "definitions", "parameters", "variables",
	"functions", "resources", "outputs", "imports", "extensions",
}

// Parse reads the text of a template. It takes comments and the other liberties that ARM's reader takes; what is not JSON
// even then, or no template, is an *Error that says where.
func Parse(text []byte) (*Template, error) {
	if len(text) > maxTemplate {
		return nil, invalid("the template is larger than the limit of %d bytes", maxTemplate)
	}
	value, spans, err := readJSON(string(text))
	if err != nil {
		return nil, err
	}
	root, isObject := value.(map[string]any)
	if !isObject {
		return nil, invalid("the template is not a JSON object")
	}
	t := &Template{text: string(text), spans: spans, root: root}
	return t, t.check()
}

func (t *Template) check() error {
	for _, name := range slices.Sorted(maps.Keys(t.root)) {
		if !slices.ContainsFunc(sections, func(known string) bool { return strings.EqualFold(known, name) }) {
			return &Error{Code: CodeInvalid, Message: fmt.Sprintf("Deployment template parse failed: 'Could not find member '%s' on object of type 'Template'. Path '%s'.'.", shorten(name), shorten(name))}
		}
	}
	for _, name := range []string{"$schema", "contentVersion"} {
		if text, err := memberOf[string](t.root, name); err != nil || text == "" {
			return invalid("the template has no '%s'", name)
		}
	}
	for name, limit := range map[string]int{"parameters": maxParameters, "variables": maxVariables, "outputs": maxOutputs} {
		if section, err := t.section(name); err != nil || len(section) > limit {
			return cmpError(err, invalid("the number of template %s is '%d', above the limit of '%d'", name, len(section), limit))
		}
	}
	_, err := t.section("definitions")
	return err
}

func cmpError(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// section returns one of the template's sections that are objects.
func (t *Template) section(name string) (map[string]any, error) {
	section, err := memberOf[map[string]any](t.root, name)
	if err != nil {
		return nil, invalid("%v", err)
	}
	return section, nil
}

// symbolic reports whether resources have symbolic names: languageVersion 2.0.
func (t *Template) symbolic() bool {
	resources, _ := member(t.root, "resources")
	_, isObject := resources.(map[string]any)
	return isObject
}

// position is where the object at a path stands: resources[0], parameters.name.
func (t *Template) position(path string) Position {
	if at, found := t.spans[path]; found {
		return positionOf(t.text, at.from)
	}
	return Position{}
}

// ContentVersion returns the version that the author gave the template.
func (t *Template) ContentVersion() string {
	text, _ := memberOf[string](t.root, "contentVersion")
	return text
}

// Hash returns a number, in decimal digits, that is the same for templates that differ in white space or in the order of
// members only. Azure's numbers are others.
func (t *Template) Hash() string {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(t.Minified())) // never fails
	return strconv.FormatUint(sum.Sum64(), 10)
}

// Minified returns the template as JSON without white space and comments.
func (t *Template) Minified() string { return jsonOf(t.root) }
