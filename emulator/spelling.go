package emulator

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/acrlocal/acrlocal/emulator/internal/arm"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// speller returns the function that gives members the names of the table of types: ARM takes names in any case, and a
// firewall rule whose name is spelt otherwise must not be a rule that silently does not hold.
func speller() func(resourceType string, body map[string]any) error {
	known := make(map[string]*shape, len(shapes))
	for kind, text := range shapes {
		known[kind] = parseShape(text)
	}
	return func(resourceType string, body map[string]any) error {
		return known[azure.Fold(resourceType)].spell(body, "")
	}
}

// spell renames, in place, the members that the shape knows. A member that is there in two spellings is refused.
func (s *shape) spell(value any, path string) error {
	if s == nil {
		return nil
	}
	switch v := value.(type) {
	case map[string]any:
		return s.spellObject(v, path)
	case []any:
		for i, item := range v {
			if err := s.spell(item, fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *shape) spellObject(object map[string]any, path string) error {
	byName := make(map[string]string, len(s.members))
	for name := range s.members {
		byName[azure.Fold(name)] = name
	}
	for _, given := range slices.Sorted(maps.Keys(object)) {
		name := byName[azure.Fold(given)]
		if name == "" {
			continue
		}
		if name != given {
			if _, twice := object[name]; twice {
				return &arm.Error{
					Status: http.StatusBadRequest, Code: "InvalidRequestContent", Target: join(path, name),
					Message: fmt.Sprintf("The request content was invalid: the members '%.80s' and '%.80s' are the same.", given, name),
				}
			}
			object[name] = object[given]
			delete(object, given)
		}
		if err := s.members[name].spell(object[name], join(path, name)); err != nil {
			return err
		}
	}
	return nil
}
