package identity

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// maxBody is how much of a token request is read, in bytes.
const maxBody = 64 << 10

// Endpoint answers as login.microsoftonline.com does, under /{tenant}/ and, for clients that think it an ADFS server,
// under /adfs/: discovery, key sets, the token endpoints of both versions, the device code and authorization endpoints
// with a page on which a person signs in. Answers to programs are JSON, errors carry Entra's codes (az-cli §3).
//
// The grants are those of the table grants. Only service principals have secrets and certificates, and only users sign
// in: no request gets it a first-party service's token, and a managed identity's only by a federated credential of a
// user-assigned one, as in Entra.
//
// Sign-ins that are under way are kept in memory, some thousand at most; refresh tokens need no memory. Entra does not
// refuse an assertion that was used before, and its clients count on that (MSAL uses one for nine minutes), so that its
// jti means nothing here either. Do not copy an Endpoint after first use.
type Endpoint struct {
	// Issuer makes the tokens.
	Issuer *Issuer
	// Directory knows the principals.
	Directory Directory
	// Domains are the tenant's domain names: other names for its ID in paths.
	Domains []string
	// Trusted are issuers whose tokens federated credentials may name. For every other issuer the tenant itself stands in,
	// by [Issuer.Federate].
	Trusted []TrustedIssuer
	// Authority is scheme and host under which the asker reaches the endpoint, without a slash at the end; the documents
	// of discovery point there. If nil, the request's own are used.
	Authority func(*http.Request) string
	// Browser is the same for people, who are told to open a page there. If nil, it is the Authority.
	Browser func(*http.Request) string
	// Elsewhere is the authority that another host name means, which clients send without its port; false is none. If nil,
	// only Entra's own names are known.
	Elsewhere func(host string) (authority string, ok bool)

	devices shelf[deviceFlow]
	codes   shelf[codeFlow]
	lockout lockout
}

// call is a request to one of the endpoint's routes.
type call struct {
	*Endpoint
	r      *http.Request
	tenant string // as the path names it
	form   url.Values
	now    time.Time
}

// route is one thing below /{tenant}/. It returns what to render, or a *fault.
type route struct {
	methods []string
	serve   func(*call) (any, error)
}

var (
	reading = []string{http.MethodGet, http.MethodHead}
	posting = []string{http.MethodPost}
	both    = []string{http.MethodGet, http.MethodHead, http.MethodPost}
)

// routes are the paths below a tenant, folded.
var routes = map[string]route{
	".well-known/openid-configuration":      {reading, version1.discover},
	"v2.0/.well-known/openid-configuration": {reading, version2.discover},
	"discovery/keys":                        {reading, (*call).keys},
	"discovery/v2.0/keys":                   {reading, (*call).keys},
	"discovery/instance":                    {reading, (*call).instance},
	"userrealm/*":                           {reading, (*call).userRealm},
	"oauth2/token":                          {posting, version1.token},
	"oauth2/v2.0/token":                     {posting, version2.token},
	"oauth2/devicecode":                     {posting, version1.device},
	"oauth2/v2.0/devicecode":                {posting, version2.device},
	"oauth2/authorize":                      {both, version1.authorize},
	"oauth2/v2.0/authorize":                 {both, version2.authorize},
	"oauth2/deviceauth":                     {both, (*call).devicePage},
}

// adfsRoutes are the paths below /adfs, where one endpoint speaks both versions.
var adfsRoutes = map[string]route{
	".well-known/openid-configuration": {reading, adfs.discover},
	"discovery/keys":                   {reading, (*call).keys},
	"oauth2/token":                     {posting, adfs.token},
	"oauth2/devicecode":                {posting, adfs.device},
	"oauth2/authorize":                 {both, adfs.authorize},
	"oauth2/deviceauth":                {both, (*call).devicePage},
}

// adfsTenant is the segment that stands for the tenant where clients think the endpoint an ADFS server.
const adfsTenant = "adfs"

// tenantAliases stand for the tenant the client belongs to; here there is one.
var tenantAliases = []string{"common", "organizations"}

// responder renders itself: pages and redirections. Everything else is rendered as JSON.
type responder interface {
	respond(w http.ResponseWriter)
}

// ServeHTTP answers r. The path must start with the tenant.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	body, err := e.answer(r)
	switch answer, renders := body.(responder); {
	case err == nil && renders:
		answer.respond(w)
	case err == nil:
		writeJSON(w, http.StatusOK, body)
	default:
		writeFault(w, r, faultOf(err), clock(e.Issuer.Now))
	}
}

// faultOf is what the client is told of an error: the cause of one that is no fault is not its business.
func faultOf(err error) *fault {
	var f *fault
	if errors.As(err, &f) {
		return f
	}
	return &fault{code: issuingFailed}
}

func (e *Endpoint) answer(r *http.Request) (any, error) {
	tenant, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	found, ok := findRoute(tenant, rest)
	if !ok {
		return nil, newFault(noRoute, r.URL.Path)
	}
	if !slices.Contains(found.methods, r.Method) {
		return nil, newFault(wrongMethod, strings.Join(found.methods, ", "), r.Method)
	}
	if !e.IsTenant(tenant) {
		return nil, newFault(unknownTenant, tenant)
	}
	c := &call{Endpoint: e, r: r, tenant: strings.ToLower(tenant), now: clock(e.Issuer.Now)}
	if r.Method == http.MethodPost {
		if err := c.readForm(); err != nil {
			return nil, err
		}
	}
	return found.serve(c)
}

func findRoute(tenant, rest string) (route, bool) {
	table, name := routes, strings.ToLower(rest)
	if strings.EqualFold(tenant, adfsTenant) {
		table = adfsRoutes
	}
	if strings.HasPrefix(name, "userrealm/") {
		name = "userrealm/*"
	}
	found, ok := table[name]
	return found, ok
}

// IsTenant reports whether the first segment of a path names the tenant: by its ID or a domain name, as the one that the
// client belongs to, or as an ADFS server.
func (e *Endpoint) IsTenant(segment string) bool {
	names := append([]string{e.Issuer.Tenant, adfsTenant}, tenantAliases...)
	return slices.ContainsFunc(append(names, e.Domains...), func(name string) bool { return strings.EqualFold(name, segment) })
}

// readForm reads the body's parameters; what the query says is ignored, since secrets do not belong there.
func (c *call) readForm() error {
	if err := c.r.ParseForm(); err != nil {
		return newFault(badParameter, "request")
	}
	return c.use(c.r.PostForm)
}

// use takes parameters, of which none may stand there twice.
func (c *call) use(form url.Values) error {
	for name, values := range form {
		if len(values) > 1 {
			return newFault(repeatedParameter, name)
		}
	}
	c.form = form
	return nil
}

func (c *call) required(name string) (string, error) {
	value := c.form.Get(name)
	if value == "" {
		return "", newFault(missingParameter, name)
	}
	return value, nil
}

func (c *call) authority() string {
	switch {
	case c.Authority != nil:
		return c.Authority(c.r)
	case c.r.TLS != nil:
		return "https://" + c.r.Host
	}
	return "http://" + c.r.Host
}

// browser is the authority for people.
func (c *call) browser() string {
	if c.Browser != nil {
		return c.Browser(c.r)
	}
	return c.authority()
}
