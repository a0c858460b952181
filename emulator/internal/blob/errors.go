package blob

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// failure is a refusal as a client of Storage sees it ("Common REST API error codes" and "Blob service error codes" in its
// reference).
type failure struct {
	status        int
	code, message string
}

// Error says it as Storage does.
func (f failure) Error() string { return f.code + ": " + f.message }

// The table of errors, in Storage's words.
var (
	errAuthentication = failure{
		403, "AuthenticationFailed",
		"Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.",
	}
	errPermission   = failure{403, "AuthorizationPermissionMismatch", "This request is not authorized to perform this operation using this permission."}
	errNotPublic    = failure{409, "PublicAccessNotPermitted", "Public access is not permitted on this storage account."}
	errMissing      = failure{404, "BlobNotFound", "The specified blob does not exist."}
	errExists       = failure{409, "BlobAlreadyExists", "The specified blob already exists."}
	errCondition    = failure{412, "ConditionNotMet", "The condition specified using HTTP conditional header(s) is not met."}
	errBlobType     = failure{409, "InvalidBlobType", "The blob type is invalid for this operation."}
	errRange        = failure{416, "InvalidRange", "The range specified is invalid for the current size of the resource."}
	errHeader       = failure{400, "InvalidHeaderValue", "The value for one of the HTTP headers is not in the correct format."}
	errNoHeader     = failure{400, "MissingRequiredHeader", "An HTTP header that's mandatory for this request is not specified."}
	errUnsupported  = failure{400, "UnsupportedHeader", "One of the HTTP headers specified in the request is not supported."}
	errMetadata     = failure{400, "MetadataTooLarge", "The size of the specified metadata exceeds the maximum size permitted."}
	errQuery        = failure{400, "InvalidQueryParameterValue", "Value for one of the query parameters specified in the request URI is invalid."}
	errURI          = failure{400, "InvalidUri", "The requested URI does not represent any resource on the server."}
	errVerb         = failure{405, "UnsupportedHttpVerb", "The resource doesn't support specified Http Verb."}
	errLarge        = failure{413, "RequestBodyTooLarge", "The request body is too large and exceeds the maximum permissible limit."}
	errMD5          = failure{400, "Md5Mismatch", "The MD5 value specified in the request did not match with the MD5 value calculated by the server."}
	errBlockID      = failure{400, "InvalidBlockId", "The specified block ID is invalid. The block ID must be Base64-encoded."}
	errBlockList    = failure{400, "InvalidBlockList", "The specified block list is invalid."}
	errBlockCount   = failure{409, "BlockCountExceedsLimit", "The uncommitted block count cannot exceed the maximum limit of 100,000 blocks."}
	errXML          = failure{400, "InvalidXmlDocument", "XML specified is not syntactically valid."}
	errIncomplete   = failure{400, "IncompleteBody", "The request body ended before the number of bytes that its length promised."}
	errInternal     = failure{500, "InternalError", "Server encountered an internal error. Please try again after some time."}
	failureOf       = map[error]failure{ErrNotFound: errMissing, ErrTooLarge: errLarge, ErrKind: errBlobType, ErrName: errURI}
	errorBodyHeader = `<?xml version="1.0" encoding="utf-8"?>`
)

// asFailure is what a client is told of an error. What it does not know is not the client's business.
func asFailure(err error) failure {
	if known, ok := errors.AsType[failure](err); ok {
		return known
	}
	for cause, known := range failureOf {
		if errors.Is(err, cause) {
			return known
		}
	}
	return errInternal
}

// fail is the only writer of Storage's errors. An answer to HEAD has no body, and says what is wrong in a header.
func (s *Store) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := asFailure(err)
	if f.status == http.StatusInternalServerError {
		s.options.Log.Error("blob storage failed", "method", r.Method, "path", r.URL.Path, "cause", err)
	}
	header := w.Header()
	header.Set("x-ms-error-code", f.code)
	header.Set("Content-Type", "application/xml")
	body, _ := xml.Marshal(struct {
		XMLName struct{} `xml:"Error"`
		Code    string
		Message string
	}{Code: f.code, Message: fmt.Sprintf("%s\nRequestId:%s\nTime:%s", f.message, header.Get("x-ms-request-id"), s.options.Now().UTC().Format(time.RFC3339Nano))})
	w.WriteHeader(f.status)
	if r.Method != http.MethodHead {
		_, _ = fmt.Fprintf(w, "\ufeff%s%s", errorBodyHeader, body)
	}
}
