package graph

import (
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// versions of Graph that are served, alike.
var versions = map[string]bool{"v1.0": true, "beta": true}

// splitVersion splits a path into Graph's version and the rest, folded for routing: doubled slashes are dropped, and a
// key in parentheses becomes a segment, so that users('ann') is users/ann and servicePrincipals(appId='x') is
// servicePrincipals/appid='x'. The rest is empty for a path that is none of Graph's.
func splitVersion(path string) (version, rest string) {
	segments := strings.FieldsFunc(azure.Fold(path), func(r rune) bool { return r == '/' })
	if len(segments) < 2 || !versions[segments[0]] {
		return "", ""
	}
	var b strings.Builder
	for _, segment := range segments[1:] {
		name, key, hasKey := cutKey(segment)
		b.WriteString("/" + name)
		if hasKey {
			b.WriteString("/" + key)
		}
	}
	return segments[0], b.String()
}

// cutKey splits NAME('KEY') and NAME(PROPERTY='KEY'). A key without a property is given without its quotation marks.
func cutKey(segment string) (name, key string, found bool) {
	name, inside, opened := strings.Cut(segment, "(")
	key, closed := strings.CutSuffix(inside, ")")
	if !opened || !closed || name == "" || key == "" {
		return segment, "", false
	}
	if text, quoted := unquote(key); quoted {
		key = text
	}
	return name, key, true
}

// unquote takes the quotation marks off a text that has them.
func unquote(text string) (string, bool) {
	if len(text) < 2 || text[0] != '\'' || text[len(text)-1] != '\'' {
		return text, false
	}
	return strings.ReplaceAll(text[1:len(text)-1], "''", "'"), true
}

// alternateKey reads PROPERTY='VALUE', by which an object can be named instead of by its ID.
func alternateKey(key string) (property, value string, found bool) {
	property, quoted, found := strings.Cut(key, "=")
	value, isText := unquote(quoted)
	return property, value, found && isText
}

// lastSegment is what is after the last slash of a path or URL.
func lastSegment(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
