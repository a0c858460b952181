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

// The faults the endpoint answers with. Those without a number of Entra's are zero or less.
const (
	slowDown            aadsts = -2 // RFC 8628 §3.5
	unknownDeviceCode   aadsts = -1 // no number is known
	noRoute             aadsts = 0  // ours: Entra answers with a page of HTML
	issuingFailed       aadsts = 50000
	wrongRedirect       aadsts = 50011
	malformedToken      aadsts = 50027
	unknownUser         aadsts = 50034
	unknownInstance     aadsts = 50049
	lockedOut           aadsts = 50053
	disabledUser        aadsts = 50057
	otherRedirect       aadsts = 50112
	wrongPassword       aadsts = 50126
	revokedGrant        aadsts = 50173
	usedCode            aadsts = 54005
	declined            aadsts = 65004
	malformedGrant      aadsts = 70000
	unsupportedGrant    aadsts = 70003
	expiredGrant        aadsts = 70008
	badScope            aadsts = 70011
	pending             aadsts = 70016
	wrongUserCode       aadsts = 70018
	expiredDeviceCode   aadsts = 70020
	unknownTenant       aadsts = 90002
	tooMany             aadsts = 90055
	badParameter        aadsts = 90100
	unknownResource     aadsts = 500011
	wrongVerifier       aadsts = 501481
	unknownClient       aadsts = 700016
	foreignAssertion    aadsts = 700021
	wrongAudience       aadsts = 700023
	assertionTime       aadsts = 700024
	publicWithSecret    aadsts = 700025
	badSignature        aadsts = 700027
	noFederatedIssuer   aadsts = 700211
	noFederatedAudience aadsts = 700212
	noFederatedSubject  aadsts = 700213
	missingParameter    aadsts = 900144
	wrongMethod         aadsts = 900561
	scopeNotDefault     aadsts = 1002012
	disabledClient      aadsts = 7000112
	wrongSecret         aadsts = 7000215
	missingSecret       aadsts = 7000218
	expiredSecret       aadsts = 7000222
	challengeMissing    aadsts = 9002325
	repeatedParameter   aadsts = 9000411
)

// faults says how each is rendered. The words of text are Entra's where clients show or match them.
var faults = map[aadsts]struct {
	status int
	name   string // OAuth's error, RFC 6749 §5.2, RFC 8628 §3.5
	text   string
}{
	slowDown:            {400, "slow_down", "The device polls too often: wait five seconds longer than before."},
	noRoute:             {404, "invalid_request", "There is no endpoint at '%s'."},
	issuingFailed:       {500, "server_error", "There was an error issuing a token."},
	wrongRedirect:       {400, "invalid_client", "The redirect URI '%s' specified in the request does not match the redirect URIs configured for the application '%s': only those at localhost are."},
	malformedToken:      {400, "invalid_request", "JWT token is invalid or malformed."},
	unknownUser:         {400, "invalid_grant", "The user account does not exist in the %s directory. To sign into this application, the account must be added to the directory."},
	unknownInstance:     {400, "invalid_instance", "Unknown or invalid instance: %s."},
	lockedOut:           {400, "invalid_grant", "The account is locked, you've tried to sign in too many times with an incorrect user ID or password."},
	disabledUser:        {400, "invalid_grant", "The user account is disabled."},
	otherRedirect:       {400, "invalid_grant", "The redirect URI in the request does not match the one that the authorization code was issued for."},
	wrongPassword:       {400, "invalid_grant", "Error validating credentials due to invalid username or password."},
	revokedGrant:        {400, "invalid_grant", "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password. The grant was issued on '%s' and the TokensValidFrom date (before which tokens are not valid) for this user is '%s'."},
	usedCode:            {400, "invalid_grant", "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token."},
	declined:            {400, "authorization_declined", "User declined to consent to access the app."},
	malformedGrant:      {400, "invalid_grant", "Provided grant is invalid or malformed."},
	unsupportedGrant:    {400, "unsupported_grant_type", "The app requested an unsupported grant type '%s'."},
	expiredGrant:        {400, "invalid_grant", "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource."},
	badScope:            {400, "invalid_scope", "The provided value for the input parameter 'scope' is not valid. It must name one resource, '%s' does not."},
	pending:             {400, "authorization_pending", "OAuth 2.0 device flow error. Authorization is pending. Continue polling."},
	wrongUserCode:       {400, "invalid_request", "Invalid verification code due to User typing in wrong user code for device code flow."},
	expiredDeviceCode:   {400, "expired_token", "The provided value for the input parameter 'device_code' is not valid. This device code has expired."},
	unknownTenant:       {400, "invalid_request", "Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."},
	tooMany:             {429, "temporarily_unavailable", "The request was throttled due to too many incoming requests: too many sign-ins are under way."},
	badParameter:        {400, "invalid_request", "%s parameter is empty or not valid."},
	unknownResource:     {400, "invalid_resource", "The resource principal named %s was not found in the tenant named %s."},
	wrongVerifier:       {400, "invalid_grant", "The Code_Verifier does not match the code_challenge supplied in the authorization request."},
	unknownClient:       {400, "unauthorized_client", "Application with identifier '%s' was not found in the directory '%s'."},
	foreignAssertion:    {401, "invalid_client", "Client assertion application identifier doesn't match 'client_id' parameter."},
	wrongAudience:       {401, "invalid_client", "Client assertion audience claim does not match Realm issuer."},
	assertionTime:       {401, "invalid_client", "Client assertion is not within its valid time range. Current time: %s, assertion valid from %s, expiry time of assertion %s."},
	publicWithSecret:    {401, "invalid_client", "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."},
	badSignature:        {401, "invalid_client", "Client assertion contains an invalid signature. [Reason - %s]"},
	noFederatedIssuer:   {401, "invalid_client", "No matching federated identity record found for presented assertion issuer '%s'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion."},
	noFederatedAudience: {401, "invalid_client", "No matching federated identity record found for presented assertion audience '%s'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion."},
	noFederatedSubject:  {401, "invalid_client", "No matching federated identity record found for presented assertion subject '%s'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion."},
	missingParameter:    {400, "invalid_request", "The request body must contain the following parameter: '%s'."},
	wrongMethod:         {405, "invalid_request", "The endpoint only accepts %s requests. Received a %s request."},
	scopeNotDefault:     {400, "invalid_scope", "The provided value for scope %s is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."},
	disabledClient:      {401, "unauthorized_client", "Application '%s'(%s) is disabled."},
	unknownDeviceCode:   {400, "bad_verification_code", "The device code is not known, or was used already."},
	wrongSecret:         {401, "invalid_client", "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '%s'."},
	missingSecret:       {401, "invalid_client", "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."},
	expiredSecret:       {401, "invalid_client", "The provided client secret keys for app '%s' are expired. Add a new secret to the app, or consider using certificate credentials for added security."},
	challengeMissing:    {400, "invalid_request", "Proof Key for Code Exchange is required: send a code_challenge with code_challenge_method S256."},
	repeatedParameter:   {400, "invalid_request", "The request is not properly formatted. The parameter '%s' is duplicated."},
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
	if f.code <= noRoute {
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
	if f.code > noRoute {
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
