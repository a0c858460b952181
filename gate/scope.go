package gate

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxScopeBytes bounds the text of a scope; Azure's longest resource IDs are
// well below it.
const maxScopeBytes = 2 << 10

// rootScope is the tenant, which holds everything.
const rootScope Scope = "/"

// Scope is the place of a role assignment: the ID of the tenant ("/"), a
// management group, a subscription, a resource group or a resource
// (acr-behaviour §5.4). A repository is not a scope.
//
// The string is the folded form that ParseScope makes, in which A to Z are
// lower case and no slash is doubled or trails. Two scopes are the same when
// the strings are. The zero Scope is nowhere: it holds nothing and is held by
// nothing.
type Scope string

// ParseScope reads a resource ID of any case, with trailing and doubled slashes
// if there are such. The shapes are
//
//	/
//	/providers/NAMESPACE/TYPE/NAME[/TYPE/NAME…]
//	/subscriptions/ID
//	/subscriptions/ID/providers/NAMESPACE/TYPE/NAME[/TYPE/NAME…]
//	/subscriptions/ID/resourceGroups/NAME
//	/subscriptions/ID/resourceGroups/NAME/providers/NAMESPACE/TYPE/NAME[/TYPE/NAME…]
//
// where a resource may be followed by /providers/… again for an extension
// resource, and a management group is of the second shape.
func ParseScope(text string) (Scope, error) {
	s, err := foldScope(text)
	if err != nil {
		return "", fmt.Errorf("scope %.120q: %w", text, err)
	}
	return s, nil
}

func foldScope(text string) (Scope, error) {
	switch {
	case len(text) > maxScopeBytes:
		return "", fmt.Errorf("longer than %d bytes", maxScopeBytes)
	case !strings.HasPrefix(text, "/"):
		return "", errors.New("does not begin with a slash")
	case !utf8.ValidString(text):
		return "", errors.New("not valid UTF-8 text")
	}
	segments := strings.FieldsFunc(lowerASCII(text), func(r rune) bool { return r == '/' })
	for _, segment := range segments {
		if err := checkScopeSegment(segment); err != nil {
			return "", err
		}
	}
	return Scope("/" + strings.Join(segments, "/")), checkScopeShape(segments)
}

// lowerASCII leaves other letters alone, as names that differ in them are not
// surely one name to Azure.
func lowerASCII(s string) string {
	folded := []byte(s)
	for i, c := range folded {
		folded[i] = lowerByte(c)
	}
	return string(folded)
}

// checkScopeSegment refuses what is no name but a means to make one ID look like
// another.
func checkScopeSegment(segment string) error {
	if segment == "." || segment == ".." {
		return fmt.Errorf("the segment %q is not a name", segment)
	}
	for _, r := range segment {
		if unicode.IsControl(r) || strings.ContainsRune(`\?#%`, r) {
			return fmt.Errorf("the character %q has no place in a resource ID", r)
		}
	}
	return nil
}

// checkScopeShape reads the segments by pairs of a key and a name.
func checkScopeShape(segments []string) error {
	if len(segments)%2 != 0 {
		return fmt.Errorf("%q has no name after it", segments[len(segments)-1])
	}
	var inProvider, wantsType bool
	for i := 0; i < len(segments); i += 2 {
		key := segments[i]
		isProvider := key == "providers"
		switch {
		case isProvider && !wantsType:
			inProvider, wantsType = true, true
		case inProvider && !isProvider:
			wantsType = false
		case i == 0 && key == "subscriptions", i == 2 && key == "resourcegroups":
		default:
			return fmt.Errorf("%q is not expected as segment %d", key, i+1)
		}
	}
	if wantsType {
		return errors.New("a type and a name are missing after the provider")
	}
	return nil
}

// Contains reports whether an assignment at s covers other: the same scope, or
// one below it by whole segments, so that a resource group rg does not contain
// rg2. Which subscriptions a management group holds is not in their IDs; the
// caller has to know.
func (s Scope) Contains(other Scope) bool {
	if s == "" || other == "" {
		return false
	}
	if s == rootScope || s == other {
		return true
	}
	return len(other) > len(s) && other[:len(s)] == s && other[len(s)] == '/'
}

// Parent returns the next scope up, or false at the root and for the zero
// Scope. The parent of a subscription or a management group is the root.
func (s Scope) Parent() (Scope, bool) {
	if s == "" || s == rootScope {
		return "", false
	}
	above, _, _ := s.cutPair()
	if upper, key, _ := above.cutPair(); key == "providers" {
		above = upper
	}
	if above == "" {
		above = rootScope
	}
	return above, true
}

// cutPair splits the last key and name off.
func (s Scope) cutPair() (above Scope, key, name string) {
	rest, name := cutSegment(string(s))
	rest, key = cutSegment(rest)
	return Scope(rest), key, name
}

func cutSegment(s string) (before, last string) {
	i := strings.LastIndexByte(s, '/')
	return s[:max(i, 0)], s[i+1:]
}

// Parents yields the scope itself and then each one above it up to the root.
// It does not allocate.
func (s Scope) Parents() iter.Seq[Scope] {
	return func(yield func(Scope) bool) {
		for at, ok := s, s != ""; ok && yield(at); at, ok = at.Parent() {
		}
	}
}

// Name returns the last segment: a resource's, a group's or a subscription's
// name, folded. The root has none.
func (s Scope) Name() string {
	_, name := cutSegment(string(s))
	return name
}

// ResourceType returns the folded type, such as
// "microsoft.containerregistry/registries/tasks". A scope that is no resource
// has the type that Resource Manager gives it: "microsoft.resources/tenants",
// "microsoft.resources/subscriptions" or "microsoft.resources/resourcegroups".
// The zero Scope has none.
func (s Scope) ResourceType() string {
	switch s {
	case "":
		return ""
	case rootScope:
		return "microsoft.resources/tenants"
	}
	at, first, _ := s.cutPair()
	kind := first
	for at != "" {
		above, key, name := at.cutPair()
		if key == "providers" {
			return name + "/" + kind
		}
		at, kind = above, key+"/"+kind
	}
	return "microsoft.resources/" + first
}
