package graph

import (
	"regexp"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// userName is the form of a userPrincipalName, compiled when it is first needed.
var userName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[a-zA-Z0-9.!#^~_'-]{1,64}@[a-zA-Z0-9.-]{1,48}$`)
})

// checkUser checks the name and the password of a user. Any domain will do: the tenant verifies none.
func checkUser(w *write) error {
	if name, said := w.given["userPrincipalName"].(string); said && !userName().MatchString(name) {
		return errValue.with("userPrincipalName", w.kind.resource, "it is a name, @ and a domain")
	}
	profile, said := w.given["passwordProfile"].(map[string]any)
	if !said {
		if w.old == nil {
			return errRequired.with("passwordProfile", w.kind.resource)
		}
		return nil
	}
	password, isText := profile["password"].(string)
	if (w.old == nil || profile["password"] != nil) && (!isText || !strong(password)) {
		return errPassword.with()
	}
	return nil
}

// The bounds of passwords, in characters, as in Entra.
const (
	minPassword = 8
	maxPassword = 256
)

// strong reports whether a password has characters of three of the four classes that Entra counts.
func strong(password string) bool {
	length := utf8.RuneCountInString(password)
	if length < minPassword || length > maxPassword {
		return false
	}
	var classes [4]bool
	for _, r := range password {
		switch {
		case unicode.IsLower(r):
			classes[0] = true
		case unicode.IsUpper(r):
			classes[1] = true
		case unicode.IsDigit(r):
			classes[2] = true
		default:
			classes[3] = true
		}
	}
	count := 0
	for _, has := range classes {
		if has {
			count++
		}
	}
	return count >= 3
}

// checkApplication gives a new application its application ID.
func checkApplication(w *write) error {
	if w.old == nil {
		w.body["appId"] = uuid.NewString()
	}
	return nil
}

// checkServicePrincipal wants an application of the tenant that has no service principal yet. It stays the one it is.
func checkServicePrincipal(w *write) error {
	appID := textOf(w.given, "appId")
	if w.old != nil {
		if _, said := w.given["appId"]; said && !sameID(appID, w.old.textOf("appId")) {
			return errReadOnly.with("appId")
		}
		return nil
	}
	if _, taken := w.directory.findBy(w.kind, "appId", appID); taken {
		return errSPTaken.with(appID)
	}
	app, found := w.directory.findBy(w.directory.kindNamed("application"), "appId", appID)
	if !found {
		return errNoApp.with(appID)
	}
	w.body["appId"] = app.body["appId"]
	if w.body["displayName"] == nil {
		w.body["displayName"] = app.body["displayName"]
	}
	return nil
}
