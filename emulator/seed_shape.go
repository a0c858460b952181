package emulator

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// shape is what an object of a document may hold, as the table of types says it. It brings what az prints back to what
// ARM has: az lifts the members of properties up beside name and type, gives some others names, and prints null for what
// is not set.
type shape struct {
	// members are those that the object has; a nil shape may hold anything.
	members map[string]*shape
	// names are ARM's names of members that az prints under another.
	names map[string]string
	// open says that there may be others.
	open bool
}

// said are members that say something to people and to deployment tools, and nothing of the resource.
var said = map[string]bool{
	"resourceGroup": true, "systemData": true, "apiVersion": true, "dependsOn": true, "comments": true, "@odata.context": true,
	"@odata.id": true,
}

// parseShape reads a shape: names of members, each followed by {…} if its own are known; NAME=AZ where az says AZ, and …
// where there may be others.
func parseShape(text string) *shape {
	words := strings.Fields(strings.NewReplacer("{", " { ", "}", " } ").Replace(text))
	s, _ := readShape(words)
	return s
}

// readShape reads up to the end, or to the brace that closes the shape, and returns what comes after.
func readShape(words []string) (*shape, []string) {
	s := &shape{members: map[string]*shape{}, names: map[string]string{}}
	last := ""
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		switch word {
		case "{":
			s.members[last], words = readShape(words)
		case "}":
			return s, words
		case "…":
			s.open = true
		default:
			name, printed, renamed := strings.Cut(word, "=")
			if renamed {
				s.names[printed] = name
			}
			s.members[name], last = nil, name
		}
	}
	return s, nil
}

// has finds a member under either of its names.
func (s *shape) has(name string) (canonical string, found bool) {
	if s == nil {
		return "", false
	}
	if arm := s.names[name]; arm != "" {
		name = arm
	}
	_, found = s.members[name]
	return name, found
}

// stray is a member that has no place where it stands.
type stray struct {
	path, name string
	known      []string // what may stand there
}

// hint says what was perhaps meant.
func (w stray) hint() string {
	if near := azure.Near(w.name, w.known); len(near) > 0 {
		return fmt.Sprintf("did you mean %s?", near[0])
	}
	return "there are " + strings.Join(w.known, ", ")
}

// fit returns a value as ARM has it. What is null is left out.
func (s *shape) fit(value any, path string) (any, *stray) {
	if s == nil {
		return value, nil
	}
	switch v := value.(type) {
	case map[string]any:
		return s.object(v, path)
	case []any:
		for i := range v {
			var wrong *stray
			if v[i], wrong = s.fit(v[i], fmt.Sprintf("%s[%d]", path, i)); wrong != nil {
				return nil, wrong
			}
		}
	}
	return value, nil
}

func (s *shape) object(given map[string]any, path string) (map[string]any, *stray) {
	object, lifted := make(map[string]any, len(given)), map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		home, to := s.home(object, lifted, name)
		switch {
		case given[name] == nil:
			continue
		case home == nil && said[name]:
			continue
		case home == nil:
			return nil, &stray{path, name, s.known()}
		}
		canonical, _ := home.has(name)
		fitted, wrong := home.members[canonical].fit(given[name], join(path, name))
		if wrong != nil {
			return nil, wrong
		}
		to[canonical] = fitted
	}
	if properties, ok := object["properties"].(map[string]any); ok {
		maps.Copy(lifted, properties)
	}
	if _, plain := given["properties"]; len(lifted) > 0 || plain && object["properties"] == nil {
		object["properties"] = lifted
	}
	return object, nil
}

// home finds where a member belongs: into the object, or into its properties. An open place takes what nobody knows.
func (s *shape) home(object, lifted map[string]any, name string) (*shape, map[string]any) {
	below := s.members["properties"]
	if _, found := s.has(name); found {
		return s, object
	}
	if _, found := below.has(name); found {
		return below, lifted
	}
	switch {
	case said[name]:
	case s.open:
		return s, object
	case below != nil && below.open:
		return below, lifted
	}
	return nil, nil
}

// known are the names that may stand in an object, sorted.
func (s *shape) known() []string {
	names := slices.Collect(maps.Keys(s.members))
	if below := s.members["properties"]; below != nil {
		names = append(names, slices.Collect(maps.Keys(below.members))...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// fit brings a document to the shape of its type, or says which member has no place in it. A misspelt member would make
// a rule silently not hold.
func (r *seedReader) fit(p position, resourceType string, body map[string]any) (map[string]any, error) {
	fitted, wrong := r.shapeOf(resourceType).object(body, "")
	if wrong == nil {
		return fitted, nil
	}
	at := deepest(p.node, wrong.path)
	return nil, p.errorAt(at.lineOf(wrong.name), "%s has no place in a document of type %s: %s", join(wrong.path, wrong.name), resourceType, wrong.hint())
}

// shapeOf returns the shape of a type; one that is not modelled may have any members in its properties.
func (r *seedReader) shapeOf(resourceType string) *shape {
	kind := azure.Fold(resourceType)
	if s := r.shapes[kind]; s != nil {
		return s
	}
	text := shapes[kind]
	switch {
	case text == "":
		text = resourceMembers + " sku properties{…}"
	case !strings.HasPrefix(kind, "microsoft.graph/"):
		text = resourceMembers + " " + text
	}
	s := parseShape(text)
	r.shapes[kind] = s
	return s
}

// lineOf returns the line of a key, or of the mapping if it does not stand there itself.
func (n *node) lineOf(key string) int {
	for _, e := range n.entries {
		if e.key == key {
			return e.line
		}
	}
	return n.line
}
