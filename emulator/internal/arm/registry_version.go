package arm

import (
	"reflect"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// keepUnknown keeps what the client's version of the API does not have: an older client that replaces a registry must not
// undo what a newer one set and it cannot see. What such a client says of it nevertheless would be lost in Azure; here
// that is refused, unless it says what is so anyway.
func (w *write) keepUnknown() error {
	for _, path := range azure.UnknownMembers(w.version) {
		was, had := w.before(path)
		if now, given := lookUp(w.body, path); given && !saysNothingNew(now, was) {
			return errVersion.about(path, w.version, path, azure.VersionsOf(path))
		}
		if had && w.old != nil {
			setAt(w.body, path, was)
		}
	}
	return nil
}

// before is what a member was, or would be in a new registry.
func (w *write) before(path string) (any, bool) {
	if w.old == nil {
		return azure.RegistryDefault(path)
	}
	return lookUp(w.old.Clone().Body, path)
}

// saysNothingNew reports whether all of what is said is so already. False, nothing and an empty list are what a missing
// member means.
func saysNothingNew(said, was any) bool {
	switch v := said.(type) {
	case nil:
		return true
	case map[string]any:
		before, _ := was.(map[string]any)
		for name, value := range v {
			if !saysNothingNew(value, before[name]) {
				return false
			}
		}
		return true
	case []any:
		return len(v) == 0 && was == nil || reflect.DeepEqual(said, was)
	case bool:
		return was == v || !v && was == nil
	case string:
		before, _ := was.(string)
		return strings.EqualFold(v, before)
	}
	return reflect.DeepEqual(said, was)
}

// hideUnknown takes away what the client's version of the API does not have.
func (c *call) hideUnknown(body map[string]any) {
	for _, path := range azure.UnknownMembers(c.version) {
		removeAt(body, path)
	}
}
