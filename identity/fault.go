package identity

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"time"
)

// aadsts is the number Entra gives to a fault: the N of AADSTSN.
type aadsts int

// The faults the endpoint answers with.
const (
	noRoute           aadsts = 0 // ours: Entra answers with a page of HTML
	issuingFailed     aadsts = 50000
	unsupportedGrant  aadsts = 70003
	badScope          aadsts = 70011
	unknownTenant     aadsts = 90002
	badParameter      aadsts = 90100
	unknownResource   aadsts = 500011
	unknownClient     aadsts = 700016
	missingParameter  aadsts = 900144
	wrongMethod       aadsts = 900561
	scopeNotDefault   aadsts = 1002012
	wrongSecret       aadsts = 7000215
	missingSecret     aadsts = 7000218
	repeatedParameter aadsts = 9000411
)

// faults says how each is rendered. The words of text are Entra's where clients show or match them.
var faults = map[aadsts]struct {
	status int
	name   string // OAuth's error, RFC 6749 §5.2
	text   string
}{
	noRoute:           {404, "invalid_request", "There is no endpoint at '%s'."},
	issuingFailed:     {500, "server_error", "There was an error issuing a token."},
	unsupportedGrant:  {400, "unsupported_grant_type", "The app requested an unsupported grant type '%s'."},
	badScope:          {400, "invalid_scope", "The provided value for the input parameter 'scope' is not valid. It must name one resource, '%s' does not."},
	unknownTenant:     {400, "invalid_request", "Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."},
	badParameter:      {400, "invalid_request", "%s parameter is empty or not valid."},
	unknownResource:   {400, "invalid_resource", "The resource principal named %s was not found in the tenant named %s."},
	unknownClient:     {400, "unauthorized_client", "Application with identifier '%s' was not found in the directory '%s'."},
	missingParameter:  {400, "invalid_request", "The request body must contain the following parameter: '%s'."},
	wrongMethod:       {405, "invalid_request", "The endpoint only accepts %s requests. Received a %s request."},
	scopeNotDefault:   {400, "invalid_scope", "The provided value for scope %s is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."},
	wrongSecret:       {401, "invalid_client", "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '%s'."},
	missingSecret:     {401, "invalid_client", "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."},
	repeatedParameter: {400, "invalid_request", "The request is not properly formatted. The parameter '%s' is duplicated."},
}

// fault is an error of the endpoint: a row of the table with its words filled in.
type fault struct {
	code aadsts
	args []any
}

func newFault(code aadsts, args ...any) error { return &fault{code, args} }

// Error returns the description without the IDs.
func (f *fault) Error() string {
	text := fmt.Sprintf(faults[f.code].text, f.args...)
	if f.code == noRoute {
		return text
	}
	return fmt.Sprintf("AADSTS%d: %s", f.code, text)
}

// faultBody is what Entra answers with; az shows its users error_description.
type faultBody struct {
	Error         string   `json:"error"`
	Description   string   `json:"error_description"`
	Codes         []aadsts `json:"error_codes"`
	Timestamp     string   `json:"timestamp"`
	TraceID       string   `json:"trace_id"`
	CorrelationID string   `json:"correlation_id"`
}

// writeFault renders f for r. It is the only writer of errors in this dialect.
func writeFault(w http.ResponseWriter, r *http.Request, f *fault, now time.Time) {
	row := faults[f.code]
	body := faultBody{
		Error:         row.name,
		Codes:         []aadsts{},
		Timestamp:     now.UTC().Format("2006-01-02 15:04:05Z"),
		TraceID:       newGUID(),
		CorrelationID: correlationID(r),
	}
	if f.code != noRoute {
		body.Codes = append(body.Codes, f.code)
	}
	body.Description = fmt.Sprintf("%s Trace ID: %s Correlation ID: %s Timestamp: %s",
		f.Error(), body.TraceID, body.CorrelationID, body.Timestamp)
	w.Header().Set("X-Ms-Request-Id", body.TraceID)
	if f.code == wrongMethod {
		w.Header().Set("Allow", fmt.Sprint(f.args[0]))
	}
	writeJSON(w, row.status, body)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store, no-cache")
	w.Header().Set("Pragma", "no-cache")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // fails only if the client is gone
}

var guid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// correlationID is the client's own, if it sent one.
func correlationID(r *http.Request) string {
	if id := r.Header.Get("Client-Request-Id"); guid.MatchString(id) {
		return id
	}
	return newGUID()
}

// newGUID returns a random GUID (RFC 9562 §5.4).
func newGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program instead
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
