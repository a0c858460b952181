package gate

import (
	"fmt"
	"strings"
)

// compileScopeMap reads scope map actions, repositories/NAME/content/read and the like. NAME may be * alone, or end
// in /*; it may have capitals, as in ACR's own samples, although repositories have none (acr-behaviour §4.3).
func compileScopeMap(actions []string) (scopeMap, error) {
	m := scopeMap{exact: map[string]mapRights{}}
	for _, action := range actions {
		if err := m.add(action); err != nil {
			return scopeMap{}, err
		}
	}
	return m, nil
}

func (m *scopeMap) add(action string) error {
	name, right, err := splitScopeMapAction(fold(action))
	if err != nil {
		return err
	}
	switch prefix, isPrefix := strings.CutSuffix(name, "/*"); {
	case name == "*":
		m.all |= right
	case isPrefix && validRepository(prefix):
		m.prefixes = append(m.prefixes, scopePrefix{prefix: prefix + "/", rights: right})
	case validRepository(name):
		m.exact[name] |= right
	default:
		return fmt.Errorf("scope map action %q: %q is no repository name, nor * or NAME/*", action, name)
	}
	return nil
}

func splitScopeMapAction(action string) (string, mapRights, error) {
	rest, ok := strings.CutPrefix(action, "repositories/")
	at := strings.LastIndexByte(rest, '/')
	if at > 0 {
		at = strings.LastIndexByte(rest[:at], '/')
	}
	if !ok || at <= 0 {
		return "", 0, fmt.Errorf("scope map action %q is not of the form repositories/NAME/content/read", action)
	}
	right, ok := mapActions[rest[at+1:]]
	if !ok {
		return "", 0, fmt.Errorf("scope map action %q: %q is not one of content/read, content/write, content/delete, metadata/read, metadata/write", action, rest[at+1:])
	}
	return rest[:at], right, nil
}
