package oci

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/distribution/distribution/v3"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

// Options says what a Registry is made of. Registry, Content and BlobDir are required.
type Options struct {
	// Registry is the name of the registry, letters and digits; its folder is called so, in lower case.
	Registry string
	// LoginServer is what ACR's own API calls the registry; empty is NAME.azurecr.io.
	LoginServer string
	// Content holds the rows of this registry.
	Content store.Content
	// BlobDir is the folder under which every registry has its own.
	BlobDir string
	// Secret signs the URLs of uploads. It has to stay the same if uploads are to go on after a restart; empty is random.
	Secret string
	// Storage counts and caps the bytes of all registries that share it; nil counts alone and has no cap.
	Storage *Storage
	// Now is the clock; nil is the system's.
	Now func() time.Time
	// WriteError answers a request that failed; nil is WriteError of this package.
	WriteError func(http.ResponseWriter, *http.Request, *Error)
	// OnEvent is told of every push, pull and deletion after it happened, on the goroutine of the request; nil is nobody.
	OnEvent func(context.Context, Event)
	// Logger hears of failures that clients see as "unknown error"; nil is silence.
	Logger *slog.Logger
}

// Registry serves the content of one registry. It is an http.Handler for /v2/ and /acr/v1/.
type Registry struct {
	options Options
	content store.Content
	files   *files
	// distribution shares no state with those of other registries, and holds none of its own.
	distribution distribution.Namespace

	// pushes is held for reading by whatever may make a file belong to a row, so that whoever holds it for writing may
	// remove files without rows.
	pushes  sync.RWMutex
	writing sync.Map // uploads that a request is writing to
}

// New returns a registry. It ends uploads whose file is shorter than was acknowledged, removes upload files that have no
// session, and reads nothing else: blobs are found by their rows.
func New(ctx context.Context, o Options) (*Registry, error) {
	if o.Registry == "" || strings.Trim(store.Fold(o.Registry), "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return nil, fmt.Errorf("the registry name %q is not made of letters and digits", o.Registry)
	}
	if o.Content == nil || o.BlobDir == "" {
		return nil, fmt.Errorf("registry %s: content and blob folder are required", o.Registry)
	}
	o.setDefaults()
	g := &Registry{options: o, content: o.Content}
	g.files = newFiles(filepath.Join(o.BlobDir, store.Fold(o.Registry)), o.Storage)
	var err error
	if g.distribution, err = newDistribution(ctx, &rows{g.content, g.files}); err != nil {
		return nil, fmt.Errorf("registry %s: %w", o.Registry, err)
	}
	if err := g.recover(ctx); err != nil {
		return nil, fmt.Errorf("registry %s: looking at what was left: %w", o.Registry, err)
	}
	return g, nil
}

func (o *Options) setDefaults() {
	if o.LoginServer == "" {
		o.LoginServer = store.Fold(o.Registry) + ".azurecr.io"
	}
	if o.Secret == "" {
		o.Secret = rand.Text()
	}
	if o.Storage == nil {
		o.Storage = NewStorage(0)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.WriteError == nil {
		o.WriteError = WriteError
	}
	if o.OnEvent == nil {
		o.OnEvent = func(context.Context, Event) {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// Close gives the registry's bytes back to the storage count; it always succeeds. Content and files stay. Nothing may be
// called afterwards.
func (g *Registry) Close() error {
	g.files.release(g.files.held.Load())
	return nil
}

// Remove closes the registry and deletes its files. The rows are the caller's (store.Store.DropContent), to be removed
// first: files without rows are harmless, rows without files are refused one by one.
func (g *Registry) Remove() error {
	return errors.Join(g.Close(), os.RemoveAll(g.files.dir))
}

// Held returns the bytes that the registry holds now: blobs, manifests and unfinished uploads. Nothing is counted for it.
func (g *Registry) Held() int64 { return g.files.held.Load() }

// call is one request, parsed.
type call struct {
	*http.Request
	route
}

// handler answers a call, or returns why not, having written nothing.
type handler func(*Registry, http.ResponseWriter, *call) error

// methods lists what can be done with an endpoint.
type methods map[string]handler

// table is the API. It is never changed.
var table = map[endpoint]methods{
	base:      {http.MethodGet: (*Registry).getBase},
	catalog:   {http.MethodGet: (*Registry).getCatalog},
	tagList:   {http.MethodGet: (*Registry).getTags},
	referrers: {http.MethodGet: (*Registry).getReferrers},
	manifests: {
		http.MethodGet: (*Registry).getManifest, http.MethodPut: (*Registry).putManifest,
		http.MethodDelete: (*Registry).deleteManifest,
	},
	blobs:   {http.MethodGet: (*Registry).getBlob, http.MethodDelete: (*Registry).deleteBlob},
	uploads: {http.MethodPost: (*Registry).startUpload},
	upload: {
		http.MethodGet: underWay((*Registry).getUpload), http.MethodPatch: underWay((*Registry).patchUpload),
		http.MethodPut: underWay((*Registry).putUpload), http.MethodDelete: underWay((*Registry).deleteUpload),
	},

	repositoryAttributes: {
		http.MethodGet: (*Registry).getRepository, http.MethodPatch: (*Registry).patchAttributes,
		http.MethodDelete: (*Registry).deleteRepository,
	},
	tagAttributes: {
		http.MethodGet: (*Registry).getTag, http.MethodPatch: (*Registry).patchAttributes, http.MethodDelete: (*Registry).deleteTag,
	},
	tagsAttributes: {http.MethodGet: (*Registry).listTags},
	manifestAttributes: {
		http.MethodGet: (*Registry).getManifestAttributes, http.MethodPatch: (*Registry).patchAttributes,
	},
	manifestsAttributes: {http.MethodGet: (*Registry).listManifests},
}

// ServeHTTP implements http.Handler.
func (g *Registry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	err := g.serve(w, r)
	if err == nil {
		return
	}
	e := asError(err)
	if r.Context().Err() != nil {
		e = interrupted.because(err) // nobody reads it
	} else if e.Status >= http.StatusInternalServerError {
		g.options.Logger.Error("registry request failed", "registry", g.options.Registry, "method", r.Method,
			"path", r.URL.Path, "error", err)
	}
	g.options.WriteError(w, r, e)
}

func (g *Registry) serve(w http.ResponseWriter, r *http.Request) error {
	c := &call{r, parse(r.URL.Path)}
	allowed, ok := table[c.endpoint]
	if !ok {
		return pathUnknown.about(nil)
	}
	if c.repository != "" && !validName(c.repository) {
		return nameInvalid.about(named{Name: c.repository})
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet // net/http leaves out the body
	}
	handle, ok := allowed[method]
	if !ok {
		return allowed.refuse()
	}
	return handle(g, w, c)
}

func (m methods) refuse() error {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	e := methodUnknown.about(nil)
	e.Allow = strings.Join(names, ", ")
	return e
}

func (g *Registry) getBase(w http.ResponseWriter, _ *call) error {
	return writeJSON(w, "application/json; charset=utf-8", struct{}{})
}
