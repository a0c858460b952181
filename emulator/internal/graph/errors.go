package graph

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// Error is a refusal or failure as a client of Graph sees it: {"error":{"code","message","innerError"}}. A Backend may
// return one to choose the answer.
type Error struct {
	// Status is the HTTP status.
	Status int
	// Code is Graph's error code, Message a sentence for people.
	Code, Message string
	// Cause is for the log and never sent.
	Cause error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.Cause)
	}
	return e.Code + ": " + e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// refusal is a row of the table of errors; the message is a format for the arguments of with.
type refusal struct {
	status        int
	code, message string
}

// with fills in the message.
func (r refusal) with(args ...any) *Error {
	return &Error{Status: r.status, Code: r.code, Message: fmt.Sprintf(r.message, args...)}
}

// The table of errors. The wording is Graph's where it is known; where it is not, it says what to do.
var (
	errTokenMissing = refusal{401, "InvalidAuthenticationToken", "Access token is empty."}
	errTokenInvalid = refusal{401, "InvalidAuthenticationToken", "Access token validation failure."}
	errDenied       = refusal{403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."}
	errDerived      = refusal{403, "Authorization_RequestDenied", "The service principal '%s' belongs to %s and cannot be changed through Microsoft Graph."}
	errQuota        = refusal{403, "Directory_QuotaExceeded", "The directory object quota limit for the Tenant has been exceeded. Please ask" +
		" your administrator to increase the quota limit or delete objects to reduce the used quota."}

	errSegment  = refusal{400, "BadRequest", "Resource not found for the segment '%.80s'."}
	errMethod   = refusal{405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target."}
	errInternal = refusal{500, "InternalServerError", "Encountered an internal server error. The emulator's log has the cause."}
	errCanceled = refusal{503, "ServiceNotAvailable", "The request ended before it was carried out."}
	errTooLarge = refusal{413, "RequestEntityTooLarge", "The request body is larger than 1 MB."}
	errMissing  = refusal{404, "Request_ResourceNotFound", "Resource '%.120s' does not exist or one of its queried reference-property objects are not present."}
	errNotUser  = refusal{400, "BadRequest", "/me request is only valid with delegated authentication flow."}

	errBody     = refusal{400, "BadRequest", "Unable to read JSON request payload: %.200v."}
	errFilter   = refusal{400, "BadRequest", "Invalid filter clause: %.300s."}
	errQuery    = refusal{400, "Request_UnsupportedQuery", "The query option '%.40s' is not supported here: %s."}
	errName     = refusal{400, "BadRequest", "Could not find a property named '%.80s' on type 'microsoft.graph.%s'."}
	errRequired = refusal{400, "Request_BadRequest", "A value is required for property '%s' of resource '%s'."}
	errProperty = refusal{400, "Request_BadRequest", "Invalid property '%.80s'."}
	errReadOnly = refusal{400, "Request_BadRequest", "Property '%.80s' is read-only and cannot be set."}
	errValue    = refusal{400, "Request_BadRequest", "Invalid value specified for property '%.80s' of resource '%s': %s."}
	errTaken    = refusal{400, "Request_BadRequest", "Another object with the same value for property %s already exists."}
	errPassword = refusal{400, "Request_BadRequest", "The specified password does not comply with password complexity requirements. Please provide a different password."}

	errSecrets    = refusal{400, "Request_BadRequest", "New password credentials must be generated with service actions."}
	errNoSecret   = refusal{400, "Request_BadRequest", "No password credential found with keyId '%.80s'."}
	errDates      = refusal{400, "Request_BadRequest", "The start of a credential is before its end, and both are times such as 2026-01-31T12:00:00Z."}
	errNoApp      = refusal{400, "Request_BadRequest", "The appId '%.80s' of the service principal does not reference a valid application object."}
	errSPTaken    = refusal{409, "Request_MultipleObjectsWithSameKeyValue", "The service principal cannot be created, updated, or restored because the service principal name %s is already in use."}
	errFederated  = refusal{400, "Request_BadRequest", "The federated identity credential is not valid: %s: %s."}
	errFedTaken   = refusal{409, "Request_MultipleObjectsWithSameKeyValue", "FederatedIdentityCredential with %s already exists."}
	errTooMany    = refusal{400, "Request_BadRequest", "The number of %s exceeds the limit of %d."}
	errReference  = refusal{400, "Request_BadRequest", "Invalid URL format specified in @odata.id: a reference looks like https://graph.microsoft.com/v1.0/directoryObjects/{id}."}
	errReferenced = refusal{400, "Request_BadRequest", "One or more added object references already exist for the following modified properties: '%s'."}
	errReferee    = refusal{400, "Request_BadRequest", "An object of type '%s' cannot be one of the %s of an object of type '%s'."}
)

// asError turns any error into what the client is told. What it does not know is not the client's business.
func asError(err error) *Error {
	var known *Error
	var domain *azure.Error
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &domain):
		return &Error{Status: http.StatusBadRequest, Code: "Request_BadRequest", Message: domain.Message}
	case errors.As(err, &large):
		return errTooLarge.with()
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return errCanceled.with()
	}
	failure := errInternal.with()
	failure.Cause = err
	return failure
}
