package oci

import "strings"

// endpoint is a resource of the API.
type endpoint int

const (
	unknown   endpoint = iota
	base               // /v2/
	catalog            // /v2/_catalog
	tagList            // /v2/NAME/tags/list
	manifests          // /v2/NAME/manifests/REFERENCE
	blobs              // /v2/NAME/blobs/DIGEST
	uploads            // /v2/NAME/blobs/uploads/
	upload             // /v2/NAME/blobs/uploads/UUID
	referrers          // /v2/NAME/referrers/DIGEST

	repositoryAttributes // /acr/v1/NAME
	tagAttributes        // /acr/v1/NAME/_tags/TAG
	tagsAttributes       // /acr/v1/NAME/_tags
	manifestAttributes   // /acr/v1/NAME/_manifests/DIGEST
	manifestsAttributes  // /acr/v1/NAME/_manifests
)

// route is a parsed path. Reference is what follows the endpoint's own words: a tag, digest or upload.
type route struct {
	endpoint   endpoint
	repository string
	reference  string
}

// apis are the APIs, by the beginning of their paths: what both have is read by parse, the rest by a function for each.
var apis = [...]struct {
	prefix string
	within func(rest string) route
}{{"/v2", parseRepository}, {"/acr/v1", parseACR}}

// parse reads a path. The repository is not checked.
func parse(path string) route {
	for _, api := range apis {
		rest, ok := strings.CutPrefix(path, api.prefix)
		switch {
		case !ok:
			continue
		case rest == "", rest == "/":
			return route{endpoint: base}
		case rest == "/_catalog":
			return route{endpoint: catalog}
		case rest[0] == '/':
			return api.within(rest[1:])
		}
	}
	return route{}
}

// parseACR reads the rest of a path of ACR's own API, whose words begin with a character that no part of a name begins with.
func parseACR(rest string) route {
	name, words, within := strings.Cut(rest, "/_")
	list, reference, one := strings.Cut(words, "/")
	switch {
	case strings.HasPrefix(rest, "_"), one && reference == "":
		return route{}
	case !within:
		return route{repositoryAttributes, name, ""}
	}
	e := attributeLists[list]
	if one {
		e = attributeItems[list]
	}
	if e == unknown {
		return route{}
	}
	return route{e, name, reference}
}

// The words of ACR's own API below a repository, without and with a reference after them.
var (
	attributeLists = map[string]endpoint{"tags": tagsAttributes, "manifests": manifestsAttributes}
	attributeItems = map[string]endpoint{"tags": tagAttributes, "manifests": manifestAttributes}
)

// suffixes are the endpoints within a repository: the words before the reference. A fixed reference is part of the path.
var suffixes = [...]struct {
	words    string
	fixed    string
	endpoint endpoint
}{
	{"/tags/", "list", tagList},
	{"/blobs/uploads/", "", upload},
	{"/blobs/", "uploads", uploads},
	{"/manifests/", "", manifests},
	{"/blobs/", "", blobs},
	{"/referrers/", "", referrers},
}

// parseRepository reads the rest of a path of the OCI API from its end, since a repository name may contain any of the words.
func parseRepository(rest string) route {
	head, reference := cutLast(rest)
	for _, s := range suffixes {
		name, ok := strings.CutSuffix(head, s.words)
		if !ok || s.fixed != "" && s.fixed != reference || name == "" {
			continue
		}
		if s.endpoint == upload && reference == "" {
			return route{uploads, name, ""}
		}
		return route{s.endpoint, name, reference}
	}
	return route{}
}

// cutLast cuts s after its last slash.
func cutLast(s string) (head, last string) {
	i := strings.LastIndexByte(s, '/') + 1
	return s[:i], s[i:]
}

const (
	maxName = 255
	maxTag  = 128
)

// validName reports whether name is a repository name: path components of a-z and 0-9 with separators between them, one of
// ".", "_", "__" or dashes (OCI distribution specification, "Pulling manifests").
func validName(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	for component := range strings.SplitSeq(name, "/") {
		if !validComponent(component) {
			return false
		}
	}
	return true
}

func validComponent(s string) bool {
	separator := -1 // where the current run of separators began; -1: none
	for i := range len(s) {
		switch {
		case alphanumeric(s[i]):
			if separator == 0 || separator > 0 && !validSeparator(s[separator:i]) {
				return false
			}
			separator = -1
		case separator < 0:
			separator = i
		}
	}
	return s != "" && separator < 0
}

func validSeparator(s string) bool {
	return s == "." || s == "_" || s == "__" || strings.Trim(s, "-") == ""
}

func alphanumeric(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

// validTag reports whether tag is a tag: a letter, digit or _, then up to 127 of those, dots and dashes.
func validTag(tag string) bool {
	for i := range len(tag) {
		c := tag[i]
		word := alphanumeric(c) || 'A' <= c && c <= 'Z' || c == '_'
		if !word && (i == 0 || c != '.' && c != '-') {
			return false
		}
	}
	return tag != "" && len(tag) <= maxTag
}

// hexDigits of a digest, by algorithm. These are the algorithms the registry takes.
var hexDigits = map[string]int{"sha256": 64, "sha512": 128}

// validDigest reports whether digest is well formed and of an algorithm the registry takes.
func validDigest(digest string) bool {
	algorithm, hex, ok := strings.Cut(digest, ":")
	return ok && len(hex) == hexDigits[algorithm] && len(hex) > 0 && lowerHex(hex)
}

func lowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// validUpload reports whether id has the form of an upload's name, a UUID: it becomes a file name.
func validUpload(id string) bool {
	const form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
	if len(id) != len(form) {
		return false
	}
	for i := range len(form) {
		if dash := form[i] == '-'; dash != (id[i] == '-') || !dash && !lowerHex(id[i:i+1]) {
			return false
		}
	}
	return true
}
