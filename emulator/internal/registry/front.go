package registry

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/acrlocal/acrlocal/gate"
)

// Front serves the login servers of all registries: it has the gate judge every request, and serves those that are
// allowed, either itself or by the content of the registry. Make one with NewFront.
type Front struct {
	gate    *gate.Gate
	tokens  *Tokens
	content func(registry string) http.Handler
	guarded http.Handler
}

// NewFront returns a front. The gate must have Tokens.Authenticate for its Authenticate, and should have Answer for its
// Answer; which registry a request addresses is the gate's Options.Registry. Content returns the handler of /v2 and
// /acr/v1 of the registry of that folded name, or nil if there is none.
//
// Content finds the gate's record by gate.FromContext. The path it gets has one spelling only, by which the gate reads
// the same operation as by the path that was sent; the form of the request is its query, whatever the body claims to be.
func NewFront(g *gate.Gate, t *Tokens, content func(registry string) http.Handler) *Front {
	f := &Front{gate: g, tokens: t, content: content}
	f.guarded = g.Middleware(http.HandlerFunc(f.allowed))
	return f
}

// Answer says that the token service is where the client found the registry, by the scheme, host and port it used; it
// is a gate.Options.Answer. The service is always the login server, the audience of tokens.
func Answer(r *http.Request, registry gate.Registry) gate.Answer {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return gate.Answer{Realm: scheme + "://" + r.Host + "/oauth2/token", Service: registry.LoginServer}
}

// call is what the front learns of one request while the gate judges it.
type call struct {
	presented *presented
}

type callKey struct{}

// endpoint is one address of the token service.
type endpoint struct {
	methods []string
	grants  map[string]grant // by which a POST brings its credential
	serve   func(*Front, visit) (answer, error)
}

// endpoints are those of the token service (acr-behaviour §4.1). The exchange takes POST only (§2.5).
var endpoints = map[string]endpoint{
	"/oauth2/exchange": {[]string{http.MethodPost}, exchangeGrants, (*Front).exchange},
	"/oauth2/token":    {[]string{http.MethodGet, http.MethodPost}, tokenGrants, (*Front).token},
}

// ServeHTTP serves one request to a login server.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		w = bodiless{w}
	}
	r = r.WithContext(context.WithValue(r.Context(), callKey{}, &call{}))
	if e, ok := endpoints[r.URL.EscapedPath()]; ok && !slices.Contains(e.methods, r.Method) {
		f.unsupported(w, r)
		return
	}
	f.guarded.ServeHTTP(w, r)
}

// unsupported answers a method that the token service has not. A credential would not help, so none is asked for; but
// the network rules cover this address as any other.
func (f *Front) unsupported(w http.ResponseWriter, r *http.Request) {
	record := f.gate.Judge(r)
	if d := record.Decision; d.Verdict == gate.Deny && d.Stage() == gate.StageNetwork {
		f.gate.Refuse(w, r, record)
		return
	}
	f.fail(w, r, record, methodUnsupported)
}

// allowed serves a request that the gate allows.
func (f *Front) allowed(w http.ResponseWriter, r *http.Request) {
	record, _ := gate.FromContext(r.Context())
	gate.SetHeaders(w.Header(), record.Request.Surface, record.CorrelationID)
	serve := f.serveContent
	if record.Request.Surface == gate.TokenAPI {
		serve = f.serveToken
	}
	if err := serve(w, r, record); err != nil {
		f.fail(w, r, record, err)
	}
}

// serveContent passes a request on to the registry's content. The request is the gate's own copy.
func (f *Front) serveContent(w http.ResponseWriter, r *http.Request, record gate.Record) error {
	content := f.content(record.Request.Registry)
	if content == nil {
		return contentMissing
	}
	u, ok := canonical(r, record.Request.Operation)
	if !ok {
		return pathAmbiguous
	}
	r.URL = u
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		r.Form, r.PostForm = u.Query(), url.Values{}
	}
	content.ServeHTTP(w, r)
	return nil
}

// canonical returns the request's URL with its path in the plain spelling, and whether the gate reads the same
// operation from it. The plain spelling of team%2Fapp is team/app.
func canonical(r *http.Request, judged gate.Operation) (*url.URL, bool) {
	if r.URL.RawPath == "" {
		return r.URL, true
	}
	u := *r.URL
	u.RawPath = ""
	_, op := gate.ParseOperation(r.Method, &u)
	op.From = judged.From // the gate may have taken the mount out of the query
	return &u, op == judged
}

// bodiless leaves out the body of an answer to HEAD, also where no HTTP server does.
type bodiless struct {
	http.ResponseWriter
}

// Write swallows the body.
func (w bodiless) Write(body []byte) (int, error) { return len(body), nil }

// Unwrap is for http.ResponseController.
func (w bodiless) Unwrap() http.ResponseWriter { return w.ResponseWriter }
