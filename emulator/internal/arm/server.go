package arm

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// Backend is what the control plane stands on. Its methods may be called from any number of goroutines.
type Backend interface {
	// State returns the documents as they are now.
	State() *azure.State
	// Apply makes a change, or refuses it as a whole, with an *azure.Error or an *Error if the client is to know why. When
	// it returns, State and the registry's gate have the change.
	Apply(ctx context.Context, change azure.Change) (revision int64, err error)
	// Authorize reports whether a principal may do an action of the control plane at a scope, which is a folded resource ID.
	Authorize(principalID, action, scope string) gate.Authorization
	// Authenticate returns the object ID of the principal whose bearer token a request carries. It has verified the token,
	// its audience included. An *Error chooses the answer; any other error is answered with InvalidAuthenticationToken.
	Authenticate(r *http.Request) (principalID string, err error)
}

// Options say what a control plane stands on. Only Backend is necessary.
type Options struct {
	Backend Backend
	// LoginServer renders a registry's login server for the way it is asked for; the default is NAME.azurecr.io.
	LoginServer func(r *http.Request, name string) string
	// Authority is the URL of the tenant's login page, which a challenge names; the default is that of the cloud that is asked.
	Authority func(r *http.Request) string
	// TasksFlag tells what answers say of a registry that leaves networkRuleBypassAllowedForTasks unset: false if it
	// returns true, else nothing (design.md, "Behaviour over time"). The default says nothing.
	TasksFlag func(state *azure.State, registry azure.ResourceID) bool
	// Spell gives the members of a modelled type, in what a client sends, the names that Azure has for them, in place. It
	// refuses a member that is there in two spellings. The default leaves all as it is.
	Spell func(resourceType string, body map[string]any) error
	// ContentSize tells how many bytes the content of the registry of a folded name has; the default tells 0.
	ContentSize func(ctx context.Context, name string) (int64, error)
	// Instances runs container groups; nil keeps them as documents.
	Instances Instances
	// Learning runs jobs and deployments of Machine Learning; nil keeps them as documents.
	Learning Learning
	// Tasks carries out ACR Tasks; nil has what would run anything answered with an error that says so.
	Tasks Tasks
	// BlobURL renders the URL of a blob, https://ACCOUNT.blob.core.windows.net/CONTAINER/NAME?SIGNATURE, for the way it is
	// asked for. The default leaves it as it is.
	BlobURL func(r *http.Request, blob *url.URL) *url.URL
	// Importer copies images into registries; without one importImage says that nobody does.
	Importer Importer
	// Writing is held from reading what a change is made of until it is made. Whoever else writes shares it; the default is
	// a lock of its own.
	Writing sync.Locker
	// Now is the clock; the default is time.Now.
	Now func() time.Time
	// Log takes the causes of internal errors; the default discards them.
	Log *slog.Logger
}

// server answers requests. Documents are the Backend's; its own state is what is under way.
type server struct {
	Options
	kinds      map[string]kind                // by folded type
	roles      map[string]gate.RoleDefinition // the built-in ones, by GUID
	operations *operations
	activity   activity
	terminals  terminals
	handler    http.Handler // itself, for the calls that a deployment makes
}

// New returns the handler of the control plane's host.
func New(o Options) http.Handler { return newServer(o).handler }

func newServer(o Options) *server {
	if o.LoginServer == nil {
		o.LoginServer = func(_ *http.Request, name string) string { return name + ".azurecr.io" }
	}
	if o.Authority == nil {
		o.Authority = authority
	}
	if o.TasksFlag == nil {
		o.TasksFlag = func(*azure.State, azure.ResourceID) bool { return false }
	}
	if o.Spell == nil {
		o.Spell = func(string, map[string]any) error { return nil }
	}
	if o.ContentSize == nil {
		o.ContentSize = func(context.Context, string) (int64, error) { return 0, nil }
	}
	if o.BlobURL == nil {
		o.BlobURL = func(_ *http.Request, blob *url.URL) *url.URL { return blob }
	}
	if o.Writing == nil {
		o.Writing = &sync.Mutex{}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &server{Options: o, kinds: map[string]kind{}, roles: map[string]gate.RoleDefinition{}, operations: newOperations()}
	for _, k := range kinds() {
		s.kinds[azure.Fold(k.name)] = k
	}
	for _, role := range gate.BuiltInRoles() {
		s.roles[role.ID] = role
	}
	s.handler = s.router()
	return s
}

// handler answers one call, with what to render or an error.
type handler func(*call) (answer, error)

// route is a path that is not simply a resource or a collection of resources. Paths are folded before routing.
type route struct {
	method, path string
	serve        handler
}

// routes are those of the providers, and after them the engine's own for everything else.
func routes() []route {
	return slices.Concat(resourcesRoutes(), managementRoutes(), registryRoutes(), networkRoutes(), instancesRoutes(), operationRoutes(), providerRoutes(), deploymentRoutes(), []route{
		{"GET", "/*", ownOr(getAny)},
		{"HEAD", "/*", ownOr(headAny)},
		{"PUT", "/*", ownOr(putAny)},
		{"PATCH", "/*", ownOr(patchAny)},
		{"DELETE", "/*", ownOr(deleteAny)},
		{"POST", "/*", ownOr(postAny)},
	})
}

// ownOr lets a type's own handler answer, if it has one for the method, and else the engine.
func ownOr(engine handler) handler {
	return func(c *call) (answer, error) {
		if t, err := c.target(); err == nil && !t.id.IsZero() {
			if own := c.kindOf(t.kind).serve[c.r.Method]; own != nil {
				return own(c)
			}
		}
		return engine(c)
	}
}

func (s *server) router() http.Handler {
	router := chi.NewRouter()
	router.Use(correlate, s.guard, foldPath)
	for _, route := range routes() {
		router.Method(route.method, route.path, s.adapt(route.serve))
	}
	router.Get("/metadata/endpoints", s.getEndpoints) // for anyone
	router.Get(containerPath+"/exec/{terminal}", s.serveTerminal)
	router.NotFound(s.adapt(noRoute).ServeHTTP)
	router.MethodNotAllowed(s.adapt(noMethod).ServeHTTP)
	return router
}

func noRoute(c *call) (answer, error) { return answer{}, errNoRoute.with(c.path) }

func noMethod(c *call) (answer, error) { return answer{}, errMethod.with(c.r.Method) }

// adapt makes a handler speak HTTP: it opens the call, and renders what comes of it.
func (s *server) adapt(serve handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		c, err := s.open(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		c.correlation = w.Header().Get("x-ms-correlation-request-id")
		a, err := serve(c)
		c.record(a.status, err)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		if c.revision != 0 {
			w.Header().Set("X-Acrlocal-Revision", strconv.FormatInt(c.revision, 10))
		}
		a.write(w)
	})
}

// guard answers an internal error if a handler panics, so that a client of ARM never sees anything but ARM's JSON.
func (s *server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if cause := recover(); cause != nil {
				s.Log.Error("control plane panicked", "path", r.URL.Path, "cause", cause)
				s.fail(w, r, errInternal.with())
			}
		}()
		next.ServeHTTP(w, r)
	})
}
