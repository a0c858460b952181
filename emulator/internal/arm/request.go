package arm

import (
	"errors"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// The bounds of what a client may send.
const (
	maxBody     = 4 << 20 // bytes, as ARM's
	maxDepth    = 64      // nested objects and lists in a body
	maxClientID = 128     // bytes of x-ms-client-request-id that are sent back
)

// call is one request of a principal, being answered.
type call struct {
	*server
	r *http.Request
	// path is the request's path without doubled and trailing slashes, in the case in which it was written.
	path string
	// version is the api-version that the client asks for, in lower case.
	version string
	// principal is the object ID of who asks.
	principal string
	// correlation is the ID by which the client finds the call in the activity log, deed what it does.
	correlation string
	deed        deed
	// state is what the call judges by: of the moment it began, or for a write of the moment it got its turn.
	state *azure.State
	// revision is that of the change which the call made; 0 if it made none.
	revision int64
}

// open checks what every call must have: a version, and a token. ARM complains of the version first.
func (s *server) open(r *http.Request) (*call, error) {
	version, err := readVersion(r)
	if err != nil {
		return nil, err
	}
	if err := checkBearer(r); err != nil {
		return nil, err
	}
	principal, err := s.Backend.Authenticate(r)
	if err != nil {
		return nil, refuseToken(err)
	}
	return &call{
		server: s, r: r, path: cleanPath(r.URL.Path), version: version, principal: principal, state: s.Backend.State(),
	}, nil
}

var versionForm = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(-[a-z]{1,20}(\.\d{1,3})?)?$`)

// readVersion takes any version that looks like one: documents are kept the same for all of them.
func readVersion(r *http.Request) (string, error) {
	given := queryOf(r, "api-version")
	version := strings.ToLower(given)
	switch {
	case given == "":
		return "", errVersionMissing.with()
	case !versionForm.MatchString(version):
		return "", errVersionInvalid.with(given)
	}
	return version, nil
}

func checkBearer(r *http.Request) error {
	header := r.Header.Get("Authorization")
	scheme, token, _ := strings.Cut(header, " ")
	switch {
	case header == "":
		return errTokenMissing.with()
	case !strings.EqualFold(scheme, "Bearer") || strings.TrimSpace(token) == "":
		return errTokenScheme.with()
	}
	return nil
}

// refuseToken answers for a token that is not believed. Why it is not goes into the log, unless the Backend says so.
func refuseToken(err error) error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	return errTokenInvalid.with()
}

// query returns a parameter of the call's query.
func (c *call) query(name string) string { return queryOf(c.r, name) }

// queryOf returns a parameter of a query, whose name is in any case, as $filter. Of several, the first in the order of their
// spellings counts that says something.
func queryOf(r *http.Request, name string) string {
	query := r.URL.Query()
	for _, given := range slices.Sorted(maps.Keys(query)) {
		if strings.EqualFold(given, name) && query.Get(given) != "" {
			return query.Get(given)
		}
	}
	return ""
}

// segment returns the segment of the path at an index, as written, or "".
func (c *call) segment(at int) string {
	segments := strings.Split(strings.TrimPrefix(c.path, "/"), "/")
	if at >= len(segments) {
		return ""
	}
	return segments[at]
}

// cleanPath drops doubled and trailing slashes; az sends such (az-cli §1). What "." and ".." would mean is left to the
// parser of resource IDs, which refuses them.
func cleanPath(path string) string {
	segments := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	return "/" + strings.Join(segments, "/")
}

// foldPath lets the router compare paths as ARM does: cleaned and without case.
func foldPath(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		chi.RouteContext(r.Context()).RoutePath = azure.Fold(cleanPath(r.URL.Path))
		next.ServeHTTP(w, r)
	})
}

// correlate sets the headers that every answer carries, refusal or not.
func correlate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, header := uuid.NewString(), w.Header()
		header.Set("x-ms-request-id", id)
		header.Set("x-ms-correlation-request-id", id)
		if given, err := uuid.Parse(r.Header.Get("x-ms-correlation-request-id")); err == nil {
			header.Set("x-ms-correlation-request-id", given.String())
		}
		if given := r.Header.Get("x-ms-client-request-id"); given != "" && len(given) <= maxClientID {
			header.Set("x-ms-client-request-id", given)
		}
		header.Set("x-ms-routing-request-id", "LOCAL:"+id)
		header.Set(remaining(r.Method), "1199")
		header.Set("Cache-Control", "no-cache")
		header.Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// remaining is the header that says how many more requests of its kind ARM takes; the emulator takes any number.
func remaining(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead:
		return "x-ms-ratelimit-remaining-subscription-reads"
	case http.MethodDelete:
		return "x-ms-ratelimit-remaining-subscription-deletes"
	}
	return "x-ms-ratelimit-remaining-subscription-writes"
}
