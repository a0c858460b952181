package azure

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxResourceID bounds the text of a resource ID, in bytes; Azure's longest are well below it.
const maxResourceID = 2 << 10

// ResourceID is the parsed ID of a document: of an ARM resource (also a child, an extension resource such as a role
// assignment, a management group, a subscription, a resource group, or the tenant "/"), of a Graph object (GraphID), or of
// one of the emulator's own settings (SettingsID).
//
// Azure compares IDs without case, so two IDs are the same when their keys are. The zero ResourceID is no ID.
type ResourceID struct {
	written string
	key     string
}

// ParseResourceID reads a resource ID of any case. Doubled and trailing slashes are dropped. The shapes are
//
//	/
//	/providers/NAMESPACE/TYPE/NAME[/TYPE/NAME…]
//	/subscriptions/ID[/resourceGroups/NAME][/providers/NAMESPACE/TYPE/NAME[/TYPE/NAME…]]
//	/graph/KIND/OBJECT-ID
//	/acrlocal/settings/NAME
//
// where a resource may be followed by /providers/… again for an extension resource. The error says what is wrong with
// which part.
func ParseResourceID(text string) (ResourceID, error) {
	segments, err := splitID(text)
	if err == nil {
		err = checkShape(segments)
	}
	if err != nil {
		return ResourceID{}, fmt.Errorf("resource ID %.120q: %w", text, err)
	}
	return joinID(segments), nil
}

// MustParseResourceID is ParseResourceID for IDs that the program itself composes; it panics on a malformed one.
func MustParseResourceID(text string) ResourceID {
	id, err := ParseResourceID(text)
	if err != nil {
		panic(err)
	}
	return id
}

func joinID(segments []string) ResourceID {
	written := "/" + strings.Join(segments, "/")
	return ResourceID{written: written, key: Fold(written)}
}

func splitID(text string) ([]string, error) {
	switch {
	case len(text) > maxResourceID:
		return nil, fmt.Errorf("longer than %d bytes", maxResourceID)
	case !strings.HasPrefix(text, "/"):
		return nil, errors.New("does not begin with a slash")
	case !utf8.ValidString(text):
		return nil, errors.New("not valid UTF-8 text")
	}
	segments := strings.FieldsFunc(text, func(r rune) bool { return r == '/' })
	for _, segment := range segments {
		if err := checkSegment(segment); err != nil {
			return nil, err
		}
	}
	return segments, nil
}

// checkSegment refuses what is no name but a means to make one ID look like another.
func checkSegment(segment string) error {
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

// ownRoots are the first segments of documents that are not ARM's. Each has one kind and one name after it.
var ownRoots = map[string]string{"graph": "Microsoft.Graph", "acrlocal": "Acrlocal"}

func checkShape(segments []string) error {
	if len(segments) > 0 && ownRoots[Fold(segments[0])] != "" {
		if len(segments) != 3 {
			return fmt.Errorf("after /%s come one kind and one name", segments[0])
		}
		return nil
	}
	if len(segments)%2 != 0 {
		return fmt.Errorf("%q has no name after it", segments[len(segments)-1])
	}
	return checkPairs(segments)
}

// checkPairs reads the segments by pairs of a key and a name.
func checkPairs(segments []string) error {
	var inProvider, wantsType bool
	for i := 0; i < len(segments); i += 2 {
		key := Fold(segments[i])
		isProvider := key == "providers"
		switch {
		case isProvider && !wantsType:
			inProvider, wantsType = true, true
		case inProvider && !isProvider:
			wantsType = false
		case i == 0 && key == "subscriptions", i == 2 && key == "resourcegroups":
		default:
			return fmt.Errorf("%q is not expected as segment %d", segments[i], i+1)
		}
	}
	if wantsType {
		return errors.New("a type and a name are missing after the provider")
	}
	return nil
}

// Fold brings an ID, a type or a registry's name to the form in which Azure compares them: ASCII letters in lower case,
// all else as it stands, since other letters have no certain lower case.
func Fold(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			return foldBytes(s)
		}
	}
	return s
}

// equalFold reports whether two texts have the same folded form.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if a[i] != b[i] && Fold(a[i:i+1]) != Fold(b[i:i+1]) {
			return false
		}
	}
	return true
}

func foldBytes(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + ('a' - 'A')
		}
	}
	return string(b)
}

// String returns the ID as it was written, for people and for ARM's answers.
func (id ResourceID) String() string { return id.written }

// MarshalText renders the ID as String does.
func (id ResourceID) MarshalText() ([]byte, error) { return []byte(id.written), nil }

// Key returns the folded ID, by which documents are found and compared.
func (id ResourceID) Key() string { return id.key }

// IsZero reports whether the ID is none.
func (id ResourceID) IsZero() bool { return id.key == "" }

// Name returns the last segment, as written: a resource's name, a subscription's GUID. The tenant has none.
func (id ResourceID) Name() string { return id.written[strings.LastIndexByte(id.written, '/')+1:] }

// Type returns the type as written, such as Microsoft.ContainerRegistry/registries/tokens. What is no resource has
// ARM's type for it: Microsoft.Resources/tenants, Microsoft.Resources/subscriptions,
// Microsoft.Resources/resourceGroups. A Graph object has Microsoft.Graph/users and the like.
func (id ResourceID) Type() string { return typeOf(id.written) }

// Is reports whether the resource is of a type, which may be in any case.
func (id ResourceID) Is(resourceType string) bool { return equalFold(id.Type(), resourceType) }

// IsGraph reports whether the ID is that of a Graph object.
func (id ResourceID) IsGraph() bool { return strings.HasPrefix(id.key, "/graph/") }

// IsSettings reports whether the ID is that of one of the emulator's own settings, which no Azure API shows.
func (id ResourceID) IsSettings() bool { return strings.HasPrefix(id.key, "/acrlocal/") }

// Parent returns the ID that the document stands below: a child's resource, a resource's group, a group's
// subscription, an extension resource's resource. The tenant, and what is not ARM's, have none.
func (id ResourceID) Parent() (ResourceID, bool) {
	if id.key == "" || id.key == "/" || id.IsGraph() || id.IsSettings() {
		return ResourceID{}, false
	}
	above := cutPair(id.written)
	if upper := cutPair(above); Fold(above[len(upper):min(len(above), len(upper)+len("/providers/"))]) == "/providers/" {
		above = upper
	}
	if above == "" {
		above = "/"
	}
	return ResourceID{written: above, key: id.key[:len(above)]}, true
}

// cutPair drops the last key and name of an ID.
func cutPair(id string) string { return cutSegment(cutSegment(id)) }

func cutSegment(id string) string { return id[:max(strings.LastIndexByte(id, '/'), 0)] }

// Subscription returns the GUID of the subscription that the ID is in, as written, or "".
func (id ResourceID) Subscription() string { return id.segmentAfter(0, "subscriptions") }

// ResourceGroup returns the name of the resource group that the ID is in, as written, or "".
func (id ResourceID) ResourceGroup() string { return id.segmentAfter(2, "resourcegroups") }

// segmentAfter returns the name after the key at an even index of the segments.
func (id ResourceID) segmentAfter(at int, key string) string {
	segments := strings.SplitN(strings.TrimPrefix(id.written, "/"), "/", at+3)
	if len(segments) < at+2 || Fold(segments[at]) != key {
		return ""
	}
	return segments[at+1]
}

// Child returns the ID of a child: kind and name are one segment each. It fails as ParseResourceID does, and if they are
// not: a name with slashes would be the ID of something else.
func (id ResourceID) Child(kind, name string) (ResourceID, error) {
	if kind == "" || name == "" || strings.Contains(kind+name, "/") {
		return ResourceID{}, fmt.Errorf("%.40q and %.80q are not the type and the name of a child", kind, name)
	}
	return ParseResourceID(id.written + "/" + kind + "/" + name)
}

// Extension returns the ID of an extension resource, such as the role assignment called name at this scope; resourceType
// is namespace and type.
func (id ResourceID) Extension(resourceType, name string) (ResourceID, error) {
	return ParseResourceID(id.written + "/providers/" + resourceType + "/" + name)
}

// Contains reports whether other is id itself or below it, by whole segments: the resource group rg does not contain
// what is in rg2. Which subscriptions a management group holds is not in their IDs.
func (id ResourceID) Contains(other ResourceID) bool {
	if id.key == "" || other.key == "" {
		return false
	}
	return id.key == other.key || below(id.key, other.key)
}

// below reports whether the key other continues key by at least one segment.
func below(key, other string) bool {
	if key == "/" {
		return other != "/"
	}
	return len(other) > len(key) && other[:len(key)] == key && other[len(key)] == '/'
}

// typeOf finds the type in a well-formed ID, in the case in which the ID is written.
func typeOf(id string) string {
	segments := strings.Split(strings.TrimPrefix(id, "/"), "/")
	if namespace := ownRoots[Fold(segments[0])]; namespace != "" && len(segments) == 3 {
		return namespace + "/" + segments[1]
	}
	for i := len(segments) - 2; i >= 0; i -= 2 {
		if Fold(segments[i]) == "providers" {
			return typeAfter(segments[i+1], segments[i+2:])
		}
	}
	switch len(segments) {
	case 2:
		return TypeSubscription
	case 4:
		return TypeResourceGroup
	}
	return TypeTenant
}

// typeAfter joins a namespace and every other one of the segments after it.
func typeAfter(namespace string, segments []string) string {
	var b strings.Builder
	b.WriteString(namespace)
	for i := 0; i < len(segments); i += 2 {
		b.WriteByte('/')
		b.WriteString(segments[i])
	}
	return b.String()
}

// GraphID returns the ID of a Graph object: kind is users, groups, servicePrincipals or applications. A malformed object
// ID gives the zero ResourceID.
func GraphID(kind, objectID string) ResourceID { return ownID("graph", kind, objectID) }

// SettingsID returns the ID of one of the emulator's own settings, such as SettingsQuirks.
func SettingsID(name string) ResourceID { return ownID("acrlocal", "settings", name) }

func ownID(root, kind, name string) ResourceID {
	for _, segment := range []string{kind, name} {
		if segment == "" || strings.Contains(segment, "/") {
			return ResourceID{}
		}
	}
	id, err := ParseResourceID("/" + root + "/" + kind + "/" + name)
	if err != nil {
		return ResourceID{}
	}
	return id
}
