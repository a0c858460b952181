package graph

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// Backend is what Graph stands on. Its methods may be called from any number of goroutines.
type Backend interface {
	// State returns the documents as they are now.
	State() *azure.State
	// Apply makes a change, or refuses it as a whole, with an *azure.Error if the client is to know why. When it returns,
	// State and the registry's gate have the change.
	Apply(ctx context.Context, change azure.Change) (revision int64, err error)
	// Authorize reports whether a principal may do an action of the control plane at a scope, which is a folded resource ID.
	Authorize(principalID, action, scope string) gate.Authorization
	// Authenticate returns the object ID of the principal whose bearer token a request carries. It has verified the token,
	// its audience included. An *Error chooses the answer; any other error is answered with InvalidAuthenticationToken.
	Authenticate(r *http.Request) (principalID string, err error)
}

// Options say what Graph stands on. Only Backend is necessary.
type Options struct {
	Backend Backend
	// Writing is held from reading what a change is made of until it is made. Whoever else writes shares it; the default is
	// a lock of its own.
	Writing sync.Locker
	// Now is the clock; the default is time.Now.
	Now func() time.Time
	// Log takes the causes of internal errors; the default discards them.
	Log *slog.Logger
}

// server answers requests.
type server struct {
	Options
	kinds []*kind
}

// New returns the handler of Graph's host.
func New(o Options) http.Handler {
	if o.Writing == nil {
		o.Writing = &sync.Mutex{}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &server{Options: o, kinds: kinds()}
	return s.router()
}

// handler answers one call, with what to render or an error.
type handler func(*call) (answer, error)

// route is a path below the version. Paths are folded before routing, and keys in parentheses are segments by then.
type route struct {
	method, path string
	serve        handler
}

// routes are Graph's. What begins with {collection}/{id} is of one object, and served for /me too.
func routes() []route {
	return []route{
		{"GET", "/organization", listOrganizations},
		{"GET", "/domains", listDomains},
		{"GET", "/oauth2permissiongrants", listNothing},
		{"GET", "/directoryroles", listNothing},
		{"GET", "/directory/deleteditems/{deleted}", noDeleted},
		{"GET", "/directory/deleteditems/{deleted}/{type}", noDeleted},
		{"DELETE", "/directory/deleteditems/{deleted}", noDeleted},
		{"POST", "/directoryobjects/getbyids", getByIDs},
		{"GET", "/{collection}", listCollection},
		{"POST", "/{collection}", create},
		{"GET", "/{collection}/$count", countCollection},
		{"GET", "/{collection}/{id}", getObject},
		{"PATCH", "/{collection}/{id}", update},
		{"DELETE", "/{collection}/{id}", remove},
		{"POST", "/{collection}/{id}/{action}", act},
		{"GET", "/{collection}/{id}/{relation}", listRelation},
		{"GET", "/{collection}/{id}/{relation}/{cast}", listRelation},
		{"POST", "/{collection}/{id}/{relation}/$ref", addReference},
		{"DELETE", "/{collection}/{id}/{relation}/{other}/$ref", removeReference},
		{"GET", "/{collection}/{id}/federatedidentitycredentials", listFederated},
		{"GET", "/{collection}/{id}/federatedidentitycredentials/{credential}", getFederated},
		{"PATCH", "/{collection}/{id}/federatedidentitycredentials/{credential}", updateFederated},
		{"DELETE", "/{collection}/{id}/federatedidentitycredentials/{credential}", removeFederated},
	}
}

func (s *server) router() http.Handler {
	router := chi.NewRouter()
	router.Use(correlate, s.guard, s.routePath)
	for _, route := range routes() {
		router.Method(route.method, route.path, s.adapt(route.serve))
		if rest, ofOne := strings.CutPrefix(route.path, "/{collection}/{id}"); ofOne {
			router.Method(route.method, "/me"+rest, s.adapt(route.serve))
		}
	}
	router.NotFound(s.adapt(noSegment).ServeHTTP)
	router.MethodNotAllowed(s.adapt(noMethod).ServeHTTP)
	return router
}

func noSegment(c *call) (answer, error) { return answer{}, errSegment.with(lastSegment(c.r.URL.Path)) }

func noMethod(c *call) (answer, error) { return answer{}, errMethod.with() }

// adapt makes a handler speak HTTP: it opens the call, and renders what comes of it.
func (s *server) adapt(serve handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		c, err := s.open(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		a, err := serve(c)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		a.write(w)
	})
}

// guard answers an internal error if a handler panics, so that a client of Graph never sees anything but Graph's JSON.
func (s *server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if cause := recover(); cause != nil {
				s.Log.Error("graph panicked", "path", r.URL.Path, "cause", cause)
				s.fail(w, r, errInternal.with())
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// routePath lets the router compare paths as Graph does.
func (s *server) routePath(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, path := splitVersion(r.URL.Path)
		if path == "" {
			s.adapt(noSegment).ServeHTTP(w, r)
			return
		}
		chi.RouteContext(r.Context()).RoutePath = path
		next.ServeHTTP(w, r)
	})
}
