package identity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Host is the resource that asks IMDS, with the identities assigned to it.
type Host struct {
	// Resource is its ARM resource ID.
	Resource string
	// Location is its region, such as westeurope.
	Location string
	// System is its system-assigned identity, nil if it has none.
	System *Principal
	// UserAssigned are its user-assigned identities.
	UserAssigned []Principal
}

// IMDS answers as the instance metadata service at 169.254.169.254 does: tokens for the asker's managed identities at
// /metadata/identity/oauth2/token, and what the asker is at /metadata/instance.
//
// It never answers with 404, 410, 429 or 5xx, which clients take as "try again, up to twelve times" (az-cli §4): what
// cannot be had is a 400.
type IMDS struct {
	// Issuer makes the tokens.
	Issuer *Issuer
	// Place says which resource r comes from; false means none that has identities. It must decide by the connection, not
	// by what the client says.
	Place func(r *http.Request) (Host, bool)
}

// imdsError is the body of a refusal: IMDS's dialect of OAuth errors, always with status 400.
type imdsError struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

// Error returns code and description.
func (e imdsError) Error() string { return e.Code + ": " + e.Description }

// The refusals, in the order in which a request meets them. Where the real service has words for one, it begins with
// them.
var (
	errForwarded  = imdsError{"invalid_request", "Requests with the header X-Forwarded-For are refused: they come through a proxy, not from the host"}
	errNoMetadata = imdsError{"invalid_request", "Required metadata header not specified: send Metadata: true"}
	errNoPath     = imdsError{"invalid_request", "There is no such metadata: ask GET /metadata/identity/oauth2/token or /metadata/instance"}
	errQuery      = imdsError{"invalid_request", "The query cannot be read, or has a variable twice"}
	errVersion    = imdsError{"invalid_request", "Required query variable 'api-version' is missing or no date: send api-version=2018-02-01"}
	errNoResource = imdsError{"invalid_request", "Required query variable 'resource' is missing"}
	errChoices    = imdsError{"invalid_request", "Only one of client_id, object_id, msi_res_id and mi_res_id may choose the identity"}
	errNotFound   = imdsError{"invalid_request", "Identity not found"}
	errAmbiguous  = imdsError{"invalid_request", "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request"}
	errIssuing    = imdsError{"unknown_error", "Failed to make a token"}
)

type imdsRoute func(*IMDS, *http.Request, url.Values) (any, error)

var imdsRoutes = map[string]imdsRoute{
	"GET /metadata/identity/oauth2/token": (*IMDS).token,
	"GET /metadata/instance":              (*IMDS).instance,
}

// ServeHTTP answers r.
func (m *IMDS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := m.answer(r)
	if err == nil {
		writeJSON(w, http.StatusOK, body)
		return
	}
	refusal := errIssuing // the cause is not the client's business
	_ = errors.As(err, &refusal)
	writeJSON(w, http.StatusBadRequest, refusal)
}

func (m *IMDS) answer(r *http.Request) (any, error) {
	if len(r.Header.Values("X-Forwarded-For")) > 0 {
		return nil, errForwarded
	}
	if !strings.EqualFold(r.Header.Get("Metadata"), "true") {
		return nil, errNoMetadata
	}
	serve, ok := imdsRoutes[r.Method+" "+r.URL.Path]
	if !ok {
		return nil, errNoPath
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || repeats(query) {
		return nil, errQuery
	}
	if _, err := time.Parse(time.DateOnly, query.Get("api-version")); err != nil {
		return nil, errVersion
	}
	return serve(m, r, query)
}

func repeats(query url.Values) bool {
	for _, values := range query {
		if len(values) > 1 {
			return true
		}
	}
	return false
}

// imdsToken is the token answer of IMDS: all strings, as the real one's.
type imdsToken struct {
	AccessToken  string `json:"access_token"`
	ClientID     string `json:"client_id"`
	ExpiresIn    string `json:"expires_in"`
	ExpiresOn    string `json:"expires_on"`
	ExtExpiresIn string `json:"ext_expires_in"`
	NotBefore    string `json:"not_before"`
	Resource     string `json:"resource"`
	TokenType    string `json:"token_type"`

	expires time.Time
}

func (m *IMDS) token(r *http.Request, query url.Values) (any, error) {
	resource := query.Get("resource")
	if resource == "" {
		return nil, errNoResource
	}
	host, ok := m.Place(r)
	if !ok {
		return nil, errNotFound
	}
	return host.token(r.Context(), m.Issuer, query, choices)
}

// token makes a token of the identity that query names, for the resource that it names.
func (h Host) token(ctx context.Context, issuer *Issuer, query url.Values, by []choice) (imdsToken, error) {
	identity, err := h.choose(query, by)
	if err != nil {
		return imdsToken{}, err
	}
	resource := query.Get("resource")
	token, err := issuer.Issue(ctx, identity, resource, h.Resource)
	if errors.Is(err, ErrUnknownAudience) {
		return imdsToken{}, imdsError{"invalid_resource", newFault(unknownResource, resource, issuer.Tenant).Error()}
	}
	if err != nil {
		return imdsToken{}, err
	}
	seconds := fmt.Sprintf("%.0f", token.Lifetime().Seconds())
	return imdsToken{
		AccessToken:  token.AccessToken,
		ClientID:     identity.ClientID,
		ExpiresIn:    seconds,
		ExpiresOn:    epoch(token.Claims.ExpiresAt.Unix()),
		ExtExpiresIn: seconds,
		NotBefore:    epoch(token.Claims.NotBefore.Unix()),
		Resource:     resource,
		TokenType:    "Bearer",
		expires:      token.Claims.ExpiresAt.Time,
	}, nil
}

// choice is a variable by which a client names one of its host's identities.
type choice struct {
	variable string
	property func(Principal) string
}

// The properties that variables name.
var (
	byClient = func(p Principal) string { return p.ClientID }
	byObject = func(p Principal) string { return p.ID }
)

// choices are the variables of IMDS.
var choices = []choice{
	{"client_id", byClient},
	{"object_id", byObject},
	{"msi_res_id", identityResource},
	{"mi_res_id", identityResource},
}

// identityResource is the resource that an identity is; a system-assigned one is none.
func identityResource(p Principal) string {
	if p.Kind != UserAssigned {
		return ""
	}
	return p.Resource
}

// choose returns the identity that query names; unnamed, the system-assigned one or the only user-assigned one.
func (h Host) choose(query url.Values, by []choice) (Principal, error) {
	named := 0
	candidates := h.identities()
	for _, choice := range by {
		value := query.Get(choice.variable)
		if value == "" {
			continue
		}
		named++
		candidates = slices.DeleteFunc(candidates, func(p Principal) bool {
			return !strings.EqualFold(choice.property(p), value)
		})
	}
	switch {
	case named > 1:
		return Principal{}, errChoices
	case len(candidates) == 0:
		return Principal{}, errNotFound
	case named == 0 && h.System == nil && len(candidates) > 1:
		return Principal{}, errAmbiguous
	}
	return candidates[0], nil
}

// identities are all identities of the host, the system-assigned one first.
func (h Host) identities() []Principal {
	var all []Principal
	if h.System != nil {
		all = append(all, *h.System)
	}
	return append(all, h.UserAssigned...)
}

// instance is the part of the instance document that clients look at.
type instance struct {
	Compute compute `json:"compute"`
}

type compute struct {
	Location   string `json:"location"`
	Name       string `json:"name"`
	ResourceID string `json:"resourceId"`
}

func (m *IMDS) instance(r *http.Request, _ url.Values) (any, error) {
	host, ok := m.Place(r)
	if !ok {
		return nil, errNotFound
	}
	name := host.Resource[strings.LastIndex(host.Resource, "/")+1:]
	return instance{compute{Location: host.Location, Name: name, ResourceID: host.Resource}}, nil
}
