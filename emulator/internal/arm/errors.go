package arm

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/template"
)

// Error is a refusal or failure as a client of ARM sees it: {"error":{"code","message","target","details"}}. A Backend
// may return one to choose the answer.
type Error struct {
	// Status is the HTTP status.
	Status int
	// Code is ARM's error code, Message a sentence for people, Target the JSON path it is about; empty is left out.
	Code, Message, Target string
	// Details are further errors, such as each member that is wrong.
	Details []Error
	// Challenge is the error parameter of WWW-Authenticate; empty sends no challenge.
	Challenge string
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

// about fills in the message, and names the member that is wrong.
func (r refusal) about(target string, args ...any) *Error {
	err := r.with(args...)
	err.Target = target
	return err
}

// The table of errors that the engine gives; a provider's own rows are in its files. The wording is that of ARM and its
// providers where it is known; where it is not, it says what to do.
var (
	errVersionMissing = refusal{
		400, "MissingApiVersionParameter",
		"The api-version query parameter (?api-version=) is required for all requests.",
	}
	errVersionInvalid = refusal{
		400, "InvalidApiVersionParameter",
		"The api-version '%.60s' is invalid. A version is a date, such as '2023-07-01' or '2022-02-01-preview'.",
	}
	errContent   = refusal{400, "InvalidRequestContent", "The request content was invalid and could not be deserialized: '%s'."}
	errMediaType = refusal{415, "UnsupportedMediaType", "The content media type '%.80s' is not supported. Only 'application/json' is supported."}
	errTooLarge  = refusal{
		413, "RequestContentTooLarge",
		"The request content size exceeds the maximum size of 4 MB.",
	}
	errResourceID        = refusal{400, "InvalidResourceId", "The path does not name a resource: %v."}
	errFilter            = refusal{400, "InvalidFilterInQueryString", "Invalid $filter '%.200s' specified in the query string: %s."}
	errTop               = refusal{400, "InvalidTopInQueryString", "Invalid $top '%.40s' specified in the query string: it is how many items to list, 1 or more."}
	errSkipToken         = refusal{400, "InvalidSkipToken", "The $skipToken '%.200s' does not belong to this list. Take the nextLink of a page as it is."}
	errMethod            = refusal{405, "MethodNotAllowed", "The HTTP method '%s' is not supported for this path."}
	errNoRoute           = refusal{404, "NotFound", "No resource type or action answers '%s'."}
	errInternal          = refusal{500, "InternalServerError", "Encountered an internal server error. The emulator's log has the cause."}
	errPrecondition      = refusal{412, "PreconditionFailed", "The condition of '%s' is not met: the resource has the entity tag '%s'."}
	errOperationMissing  = refusal{404, "OperationNotFound", "There is no operation '%.80s' here. Operations are forgotten after a while."}
	errOperationCanceled = refusal{409, "OperationCanceled", "The operation '%s' was canceled."}
	errCanceled          = refusal{503, "RequestCanceled", "The request ended before it was carried out."}

	errTokenMissing = refusal{401, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."}
	errTokenScheme  = refusal{
		401, "AuthenticationFailed",
		"Authentication failed. The 'Authorization' header is provided in an invalid format.",
	}
	errTokenInvalid = refusal{401, "InvalidAuthenticationToken", "The access token is invalid."}
	errForbidden    = refusal{403, "AuthorizationFailed", "The client '%s' with object id '%s' does not have authorization to" +
		" perform action '%s' over scope '%s' or the scope is invalid. If access was recently granted, please refresh your" +
		" credentials."}
	errLinkForbidden = refusal{403, "LinkedAuthorizationFailed", "The client '%s' with object id '%s' has permission to perform" +
		" action '%s' on scope '%s'; however, it does not have permission to perform action(s) '%s' on the linked scope(s)" +
		" '%s' or the linked scope(s) are invalid."}

	errSubscriptionID      = refusal{400, "InvalidSubscriptionId", "The provided subscription identifier '%s' is malformed or invalid."}
	errSubscriptionMissing = refusal{404, "SubscriptionNotFound", "The subscription '%s' could not be found."}
	errGroupMissing        = refusal{404, "ResourceGroupNotFound", "Resource group '%s' could not be found."}
	errResourceMissing     = refusal{404, "ResourceNotFound", "The Resource '%s' under resource group '%s' was not found." +
		" For more details please go to https://aka.ms/ARMResourceNotFoundFix"}
	errParentMissing = refusal{404, "ParentResourceNotFound", "Failed to perform '%s' on resource(s) of type '%s', because the" +
		" parent resource '%s' could not be found."}
	errLinkMissing = refusal{400, "LinkedInvalidPropertyId", "Property id '%.300s' at path '%s' is invalid. Expect fully" +
		" qualified resource Id of something that exists."}
	errLocation = refusal{400, "LocationRequired", "The location property is required for this definition."}
	errNoRegion = refusal{400, "LocationNotAvailableForResourceType", "The provided location '%.80s' is not available for resource type '%s'."}
	errMoved    = refusal{409, "InvalidResourceLocation", "The resource '%s' already exists in location '%s' in resource group" +
		" '%s'. A resource with the same name cannot be created in location '%s'. Please select a new resource name."}
	errLocked = refusal{409, "ScopeLocked", "The scope '%s' cannot perform %s operation because following scope(s) are locked: '%s'." +
		" Please remove the lock and try again."}
	errLockLevel          = refusal{400, "InvalidRequestContent", "The lock level '%.60s' is not one of CanNotDelete, ReadOnly."}
	errTooManyTags        = refusal{400, "TooManyTags", "The number of tags, %d, exceeds the maximum of %d for a resource."}
	errTagName            = refusal{400, "InvalidTagNameLength", "The tag name '%.80s' is empty or longer than %d characters."}
	errTagCharacters      = refusal{400, "InvalidTagNameCharacters", "The tag name '%.80s' has reserved characters '%s' or control characters."}
	errTagValue           = refusal{400, "InvalidTagValueLength", "The value of the tag '%.80s' is longer than %d characters."}
	errTagOperation       = refusal{400, "InvalidRequestContent", "The operation '%.60s' is not one of Merge, Replace, Delete."}
	errProviderMissing    = refusal{404, "ProviderNotFound", "The resource provider '%.120s' is not known."}
	errUnregister         = refusal{409, "Conflict", "The resource provider '%.120s' cannot be unregistered: here every provider is always registered."}
	errResourceGroupName  = refusal{400, "InvalidResourceGroup", "The provided resource group name '%.100s' is not valid: %s."}
	errResourceGroupMoved = refusal{409, "InvalidResourceGroupLocation", "Invalid resource group location '%s'. The Resource group already exists in location '%s'."}
	errReadOnlyType       = refusal{405, "MethodNotAllowed", "A resource of type '%s' does not support the method '%s'."}
)

// statusOf gives the statuses of the domain's error codes; every other code is a 400.
var statusOf = map[string]int{
	azure.CodeConflict: http.StatusConflict,
	azure.CodeNotFound: http.StatusNotFound,
}

// asError turns any error into what the client is told. What it does not know is not the client's business.
func asError(err error) *Error {
	var known *Error
	var domain *azure.Error
	var large *http.MaxBytesError
	var invalid *template.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &domain):
		status := statusOf[domain.Code]
		if status == 0 {
			status = http.StatusBadRequest
		}
		return &Error{Status: status, Code: domain.Code, Message: domain.Message, Target: domain.Target}
	case errors.As(err, &large):
		return errTooLarge.with()
	case errors.As(err, &invalid):
		return &Error{Status: http.StatusBadRequest, Code: invalid.Code, Message: invalid.Message}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return errCanceled.with()
	}
	failure := errInternal.with()
	failure.Cause = err
	return failure
}
