package graph

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// The bounds of what a client may send.
const (
	maxBody  = 1 << 20 // bytes
	maxDepth = 32      // nested objects and lists in a body
)

// call is one request of a principal, being answered.
type call struct {
	*server
	r *http.Request
	// version of Graph that is spoken: v1.0 or beta.
	version string
	// caller is the object ID of who asks.
	caller string
	// directory is what the call judges by: of the moment it began, or for a write of the moment it got its turn.
	directory *directory
}

// open checks what every call must have: a good token.
func (s *server) open(r *http.Request) (*call, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || strings.TrimSpace(token) == "" {
		return nil, errTokenMissing.with()
	}
	caller, err := s.Backend.Authenticate(r)
	if err != nil {
		return nil, refuseToken(err)
	}
	version, _ := splitVersion(r.URL.Path)
	return &call{server: s, r: r, version: version, caller: caller, directory: s.now()}, nil
}

// refuseToken answers for a token that is not believed. Why it is not goes into the log, unless the Backend says so.
func refuseToken(err error) error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	return errTokenInvalid.with()
}

// now is the directory at this moment.
func (s *server) now() *directory { return &directory{state: s.Backend.State(), kinds: s.kinds} }

// inTurn runs a change after those before it, on the directory that they left.
func (c *call) inTurn(change func() (answer, error)) (answer, error) {
	c.Writing.Lock()
	defer c.Writing.Unlock()
	c.directory = c.now()
	return change()
}

func (c *call) param(name string) string { return chi.URLParam(c.r, name) }

// collection is the kind of the collection that the path names.
func (c *call) collection() (*kind, error) {
	name := c.param("collection")
	for _, k := range c.kinds {
		if azure.Fold(k.collection) == name {
			return k, nil
		}
	}
	return nil, errSegment.with(name)
}

// anyObject is the collection of what stands in all others.
const anyObject = "directoryobjects"

// object finds the object that the path names: by its ID, by an alternate key, a user by the user's name, or the caller.
func (c *call) object() (object, error) {
	if strings.HasPrefix(c.routePattern(), "/me") {
		return c.me()
	}
	key := c.param("id")
	if c.param("collection") == anyObject {
		if o, found := c.directory.byID(key); found {
			return o, nil
		}
		return object{}, errMissing.with(key)
	}
	k, err := c.collection()
	if err != nil {
		return object{}, err
	}
	o, found := c.directory.find(k, key)
	if !found {
		return object{}, errMissing.with(key)
	}
	return o, nil
}

func (c *call) routePattern() string { return chi.RouteContext(c.r.Context()).RoutePattern() }

// me is the caller, who must be a user.
func (c *call) me() (object, error) {
	o, found := c.directory.byID(c.caller)
	if !found || o.kind.collection != "users" {
		return object{}, errNotUser.with()
	}
	return o, nil
}

// read decodes the body: one JSON object.
func (c *call) read() (map[string]any, error) {
	data, err := io.ReadAll(c.r.Body)
	if err != nil {
		return nil, err
	}
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return nil, errBody.with(err)
	}
	body, isObject := value.(map[string]any)
	switch {
	case !isObject:
		return nil, errBody.with("it is not an object")
	case deeper(body, maxDepth):
		return nil, errBody.with("it is nested too deep")
	}
	return body, nil
}

// deeper reports whether a value is nested deeper than that.
func deeper(value any, than int) bool {
	if than < 0 {
		return true
	}
	switch v := value.(type) {
	case map[string]any:
		for _, item := range v {
			if deeper(item, than-1) {
				return true
			}
		}
	case []any:
		for _, item := range v {
			if deeper(item, than-1) {
				return true
			}
		}
	}
	return false
}

// base is the address of the API as the client used it.
func (c *call) base() string {
	scheme := "http"
	if c.r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + c.r.Host + "/" + c.version
}
