package identity

import (
	"errors"
	"net/http"
	"slices"
	"strings"
)

// maxBody is how much of a token request is read, in bytes.
const maxBody = 64 << 10

// Endpoint answers as login.microsoftonline.com does, under /{tenant}/: discovery, key sets and the token endpoints of
// both versions. Every answer is JSON, errors carry Entra's codes (az-cli §3).
//
// It knows the grant client_credentials with a client secret, in the body or by Basic; only service principals have
// secrets, so no request gets it a managed identity's or a first-party service's token.
type Endpoint struct {
	// Issuer makes the tokens.
	Issuer *Issuer
	// Directory knows the service principals.
	Directory Directory
	// Authority is scheme and host under which the asker reaches the endpoint, without a slash at the end; the documents
	// of discovery point there. If nil, the request's own are used.
	Authority func(*http.Request) string
}

// route is one thing below /{tenant}/. It returns what to render, or a *fault.
type route struct {
	methods []string
	serve   func(*Endpoint, *http.Request) (any, error)
}

var (
	reading = []string{http.MethodGet, http.MethodHead}
	posting = []string{http.MethodPost}
)

var routes = map[string]route{
	".well-known/openid-configuration":      {reading, (*Endpoint).discoveryV1},
	"v2.0/.well-known/openid-configuration": {reading, (*Endpoint).discoveryV2},
	"discovery/keys":                        {reading, (*Endpoint).keys},
	"discovery/v2.0/keys":                   {reading, (*Endpoint).keys},
	"oauth2/token":                          {posting, (*Endpoint).tokenV1},
	"oauth2/v2.0/token":                     {posting, (*Endpoint).tokenV2},
}

// tenantAliases stand for the tenant the client belongs to; here there is one.
var tenantAliases = []string{"common", "organizations"}

// ServeHTTP answers r. The path must start with the tenant.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	body, err := e.answer(r)
	if err == nil {
		writeJSON(w, http.StatusOK, body)
		return
	}
	var f *fault
	if !errors.As(err, &f) {
		f = &fault{code: issuingFailed} // the cause is not the client's business
	}
	writeFault(w, r, f, clock(e.Issuer.Now))
}

func (e *Endpoint) answer(r *http.Request) (any, error) {
	tenant, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	found, ok := routes[rest]
	if !ok {
		return nil, newFault(noRoute, r.URL.Path)
	}
	if !slices.Contains(found.methods, r.Method) {
		return nil, newFault(wrongMethod, strings.Join(found.methods, ", "), r.Method)
	}
	if !strings.EqualFold(tenant, e.Issuer.Tenant) && !slices.Contains(tenantAliases, strings.ToLower(tenant)) {
		return nil, newFault(unknownTenant, tenant)
	}
	return found.serve(e, r)
}

// discovery is the document of OpenID Connect Discovery 1.0 §3. The authorization endpoint is named because clients
// insist on one; nothing answers there yet.
type discovery struct {
	Issuer                string   `json:"issuer"`
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	TokenEndpoint         string   `json:"token_endpoint"`
	JWKSURI               string   `json:"jwks_uri"`
	TokenAuthMethods      []string `json:"token_endpoint_auth_methods_supported"`
	GrantTypes            []string `json:"grant_types_supported"`
	ResponseTypes         []string `json:"response_types_supported"`
	ResponseModes         []string `json:"response_modes_supported"`
	SubjectTypes          []string `json:"subject_types_supported"`
	SigningAlgorithms     []string `json:"id_token_signing_alg_values_supported"`
	Scopes                []string `json:"scopes_supported"`
	CloudInstance         string   `json:"cloud_instance_name"`
}

func (e *Endpoint) discoveryV1(r *http.Request) (any, error) {
	return e.discovery(r, e.Issuer.V1(), ""), nil
}

func (e *Endpoint) discoveryV2(r *http.Request) (any, error) {
	return e.discovery(r, e.Issuer.V2(), "v2.0/"), nil
}

func (e *Endpoint) discovery(r *http.Request, issuer, version string) discovery {
	base := e.authority(r) + "/" + e.Issuer.Tenant
	return discovery{
		Issuer:                issuer,
		AuthorizationEndpoint: base + "/oauth2/" + version + "authorize",
		TokenEndpoint:         base + "/oauth2/" + version + "token",
		JWKSURI:               base + "/discovery/" + version + "keys",
		TokenAuthMethods:      []string{"client_secret_post", "client_secret_basic"},
		GrantTypes:            []string{clientCredentials},
		ResponseTypes:         []string{"code"},
		ResponseModes:         []string{"query"},
		SubjectTypes:          []string{"pairwise"},
		SigningAlgorithms:     []string{"RS256"},
		Scopes:                oidcScopes,
		CloudInstance:         "microsoftonline.com",
	}
}

func (e *Endpoint) authority(r *http.Request) string {
	switch {
	case e.Authority != nil:
		return e.Authority(r)
	case r.TLS != nil:
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func (e *Endpoint) keys(r *http.Request) (any, error) {
	return e.Issuer.Keys.JWKS(r.Context())
}
