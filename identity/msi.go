package identity

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// MSI answers as the endpoints beside IMDS do, of which a program is told by variables of its environment:
//
//	IDENTITY_ENDPOINT, IDENTITY_HEADER   GET  /msi/token, header X-IDENTITY-HEADER, api-version 2019-08-01:
//	                                     App Service, Container Apps, container groups
//	MSI_ENDPOINT, MSI_SECRET             GET  /msi/token, header secret, api-version 2017-09-01: App Service formerly
//	MSI_ENDPOINT alone                   POST /oauth2/token, header Metadata: true: Cloud Shell, formerly virtual machines
//
// The first two demand a secret that [MSI.Header] makes for each host; the place of the asker must fit it. What cannot be
// had is a 400 (az-cli §4).
type MSI struct {
	// Issuer makes the tokens.
	Issuer *Issuer
	// Place says which resource r comes from, as that of [IMDS] does.
	Place func(r *http.Request) (Host, bool)
}

// Header is the secret by which the programs of a host show that the endpoint was told to them: what IDENTITY_HEADER and
// MSI_SECRET hold. It follows from the signing key and the host, and is good until the key ends. The error is that of
// [Keys.Ready].
func (m *MSI) Header(ctx context.Context, resource string) (string, error) {
	return m.Issuer.Keys.seal(ctx, hostSeal(resource))
}

func hostSeal(resource string) string { return "identity header\x00" + strings.ToLower(resource) }

// msiError is a refusal of these endpoints.
type msiError struct {
	status        int
	Status        int    `json:"statusCode"`
	Message       string `json:"message"`
	CorrelationID string `json:"correlationId"`
}

// Error returns the message.
func (e msiError) Error() string { return e.Message }

// The refusals. What the choice of the identity or the issuer has to say is in the words of IMDS.
var (
	errNoEndpoint  = msiError{status: 400, Message: "There is no such endpoint: ask GET /msi/token, or POST /oauth2/token"}
	errHeader      = msiError{status: 401, Message: "The header X-IDENTITY-HEADER (or secret) is missing, or not that of this host"}
	errMSIMetadata = msiError{status: 400, Message: "Required metadata header not specified: send Metadata: true"}
	errMSIQuery    = msiError{status: 400, Message: "The parameters cannot be read, or one stands there twice"}
	errMSIVersion  = msiError{status: 400, Message: "The api-version is not supported: send 2019-08-01 or 2017-09-01"}
	errMSIResource = msiError{status: 400, Message: "Required parameter 'resource' is missing"}
	errMSIIdentity = msiError{status: 400, Message: "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId."}
)

// dialect is one of the ways in which these endpoints are asked.
type dialect struct {
	header  string // of the request, with the host's secret; empty where there is none
	choices []choice
	render  func(imdsToken) any
}

// dialects are the ways to ask for a token by GET, by api-version.
var dialects = map[string]dialect{
	"2019-08-01": {"X-IDENTITY-HEADER", []choice{
		{"client_id", byClient},
		{"principal_id", byObject},
		{"object_id", byObject},
		{"mi_res_id", identityResource},
		{"msi_res_id", identityResource},
	}, func(t imdsToken) any { return t }},
	"2017-09-01": {"secret", []choice{
		{"clientid", byClient},
		{"client_id", byClient},
		{"objectid", byObject},
		{"mi_res_id", identityResource},
	}, func(t imdsToken) any { return datedToken(t) }},
}

// plainDialect is that of the POST.
var plainDialect = dialect{"", choices, func(t imdsToken) any { return t }}

// msiToken is the answer of 2017: its time is a date (az-cli §4).
type msiToken struct {
	AccessToken string `json:"access_token"`
	ClientID    string `json:"client_id"`
	ExpiresOn   string `json:"expires_on"`
	Resource    string `json:"resource"`
	TokenType   string `json:"token_type"`
}

// datedToken is a token as 2017 told it.
func datedToken(t imdsToken) msiToken {
	return msiToken{
		AccessToken: t.AccessToken, ClientID: t.ClientID, Resource: t.Resource, TokenType: t.TokenType,
		ExpiresOn: t.expires.UTC().Format("01/02/2006 15:04:05 -07:00"),
	}
}

// ServeHTTP answers r.
func (m *MSI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	body, err := m.answer(r)
	if err == nil {
		writeJSON(w, http.StatusOK, body)
		return
	}
	refusal := msiError{status: http.StatusBadRequest, Message: errIssuing.Error()} // the cause is not the client's business
	var other imdsError
	if !errors.As(err, &refusal) && errors.As(err, &other) {
		refusal.Message = other.Error()
	}
	refusal.Status, refusal.CorrelationID = refusal.status, newGUID()
	writeJSON(w, refusal.status, refusal)
}

func (m *MSI) answer(r *http.Request) (any, error) {
	if len(r.Header.Values("X-Forwarded-For")) > 0 {
		return nil, errForwarded
	}
	switch r.Method + " " + strings.TrimSuffix(strings.ToLower(r.URL.Path), "/") {
	case "GET /msi/token":
		query, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return nil, errMSIQuery
		}
		spoken, ok := dialects[query.Get("api-version")]
		if !ok {
			return nil, errMSIVersion
		}
		return m.token(r, spoken, query)
	case "POST /oauth2/token":
		if !strings.EqualFold(r.Header.Get("Metadata"), "true") {
			return nil, errMSIMetadata
		}
		if err := r.ParseForm(); err != nil {
			return nil, errMSIQuery
		}
		return m.token(r, plainDialect, r.PostForm)
	}
	return nil, errNoEndpoint
}

func (m *MSI) token(r *http.Request, spoken dialect, query url.Values) (any, error) {
	host, ok := m.Place(r)
	switch {
	case spoken.header != "" && !m.Issuer.Keys.sealed(r.Header.Get(spoken.header), hostSeal(host.Resource)):
		return nil, errHeader
	case repeats(query):
		return nil, errMSIQuery
	case query.Get("resource") == "":
		return nil, errMSIResource
	case !ok:
		return nil, errMSIIdentity
	}
	token, err := host.token(r.Context(), m.Issuer, query, spoken.choices)
	if errors.Is(err, errNotFound) {
		return nil, errMSIIdentity
	}
	if err != nil {
		return nil, err
	}
	return spoken.render(token), nil
}
