package oci

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

// Error is a refusal or failure as a client sees it: one entry of the OCI errors list.
type Error struct {
	// Status is the HTTP status.
	Status int
	// Code is one of the error codes of OCI and ACR, Message a sentence, Detail anything JSON can hold; nil is left out.
	Code, Message string
	Detail        any
	// Reason is the gate's reason, "locked" or "storage-full", if the state of the content decided; else empty.
	Reason string
	// Allow lists the methods of the path, if the method was the trouble.
	Allow string
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

// ErrStorageFull is the cause of an Error with reason "storage-full": a push would exceed the bytes Storage allows.
var ErrStorageFull = errors.New("storage full")

// refusal is a row of the table of errors.
type refusal int

const (
	pathUnknown refusal = iota
	methodUnknown
	nameInvalid
	nameUnknown
	tagInvalid
	tagUnknown
	digestInvalid
	digestMismatch
	manifestUnknown
	manifestTooLarge
	manifestUnreadable
	manifestInvalid
	manifestBlobUnknown
	subjectInvalid
	tooManyTags
	blobUnknown
	rangeInvalid
	contentTypeInvalid
	partInvalid
	sizeInvalid
	uploadUnknown
	uploadInvalid
	uploadBusy
	numberInvalid
	orderInvalid
	attributesInvalid
	disallowed
	storageFull
	interrupted
	internal
)

// refusals are the errors this package answers of itself. NAME_UNKNOWN, TAG_UNKNOWN (recorded by the Azure SDKs' tests) and
// REGISTRY_DISALLOWED_OPERATION are ACR's words (acr-behaviour §2.5), the others OCI's codes.
var refusals = [...]Error{
	pathUnknown:         {Status: 404, Code: "UNSUPPORTED", Message: "the registry has no such path"},
	methodUnknown:       {Status: 405, Code: "UNSUPPORTED", Message: "the operation is unsupported"},
	nameInvalid:         {Status: 400, Code: "NAME_INVALID", Message: "invalid repository name"},
	nameUnknown:         {Status: 404, Code: "NAME_UNKNOWN", Message: "repository name not known to registry"},
	tagInvalid:          {Status: 400, Code: "TAG_INVALID", Message: "manifest tag did not match URI"},
	tagUnknown:          {Status: 404, Code: "TAG_UNKNOWN", Message: "the specified tag does not exist"},
	digestInvalid:       {Status: 400, Code: "DIGEST_INVALID", Message: "the digest is neither sha256 nor sha512, or malformed"},
	digestMismatch:      {Status: 400, Code: "DIGEST_INVALID", Message: "provided digest did not match uploaded content"},
	manifestUnknown:     {Status: 404, Code: "MANIFEST_UNKNOWN", Message: "manifest unknown"},
	manifestTooLarge:    {Status: 413, Code: "MANIFEST_INVALID", Message: "the manifest is larger than 4 MiB"},
	manifestUnreadable:  {Status: 400, Code: "MANIFEST_INVALID", Message: "the manifest is no JSON object of the expected form"},
	manifestInvalid:     {Status: 400, Code: "MANIFEST_INVALID", Message: "manifest invalid"},
	manifestBlobUnknown: {Status: 400, Code: "MANIFEST_BLOB_UNKNOWN", Message: "blob unknown to registry"},
	subjectInvalid:      {Status: 400, Code: "MANIFEST_INVALID", Message: "the digest of the manifest's subject is invalid"},
	tooManyTags:         {Status: 414, Code: "TAG_INVALID", Message: "a push may set at most 100 tags"},
	rangeInvalid:        {Status: 416, Code: "RANGE_INVALID", Message: "the blob has no such bytes"},
	blobUnknown:         {Status: 404, Code: "BLOB_UNKNOWN", Message: "blob unknown to registry"},
	contentTypeInvalid:  {Status: 415, Code: "UNSUPPORTED", Message: "parts of a blob are application/octet-stream"},
	partInvalid:         {Status: 416, Code: "RANGE_INVALID", Message: "invalid content range"},
	sizeInvalid:         {Status: 400, Code: "SIZE_INVALID", Message: "provided length did not match content length"},
	uploadInvalid:       {Status: 404, Code: "BLOB_UPLOAD_INVALID", Message: "blob upload invalid"},
	uploadUnknown:       {Status: 404, Code: "BLOB_UPLOAD_UNKNOWN", Message: "blob upload unknown to registry"},
	uploadBusy:          {Status: 409, Code: "BLOB_UPLOAD_INVALID", Message: "another request is writing to this upload"},
	numberInvalid:       {Status: 400, Code: "PAGINATION_NUMBER_INVALID", Message: "invalid number of results requested"},
	orderInvalid:        {Status: 400, Code: "UNSUPPORTED", Message: "the order is none of none, timeasc and timedesc"},
	attributesInvalid: {
		Status: 400, Code: "UNSUPPORTED",
		Message: "the body is no JSON object of deleteEnabled, writeEnabled, readEnabled and listEnabled, each true or false",
	},
	disallowed: {
		Status: 405, Code: "REGISTRY_DISALLOWED_OPERATION", Reason: "locked", Detail: struct{}{},
		Message: "The operation is disallowed on this registry, repository or image. View troubleshooting steps at " +
			"https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation",
	},
	storageFull: {
		Status: 413, Code: "DENIED", Reason: "storage-full",
		Message: "the emulator's storage is full: delete content or raise --max-storage",
	},
	interrupted: {Status: 499, Code: "UNKNOWN", Message: "the request was cut off"},
	internal:    {Status: 500, Code: "UNKNOWN", Message: "unknown error"},
}

// is reports whether a client would see err as this refusal.
func (r refusal) is(err error) bool { return asError(err).Code == refusals[r].Code }

// because returns the error with a cause.
func (r refusal) because(cause error) *Error {
	e := refusals[r]
	e.Cause = cause
	return &e
}

// about returns the error with a detail.
func (r refusal) about(detail any) *Error {
	e := refusals[r]
	e.Detail = detail
	return &e
}

// saying returns the error with a message and a detail of its own.
func (r refusal) saying(message string, detail any) *Error {
	e := r.about(detail)
	e.Message = message
	return e
}

// named is the detail of an error about a repository or something in it.
type named struct {
	Name   string `json:"name"`
	Tag    string `json:"tag,omitempty"`
	Digest string `json:"digest,omitempty"`
}

// asError finds the client's view of err.
func asError(err error) *Error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, store.ErrLocked):
		return disallowed.because(err)
	case errors.Is(err, ErrStorageFull):
		return storageFull.because(err)
	default:
		return internal.because(err)
	}
}

// WriteError answers a request with e, as ACR forms its errors: JSON, ending in a newline (acr-behaviour §2.3, §2.5).
func WriteError(w http.ResponseWriter, _ *http.Request, e *Error) {
	type entry struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Detail  any    `json:"detail,omitempty"`
	}
	if e.Allow != "" {
		w.Header().Set("Allow", e.Allow)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(e.Status)
	encoder := json.NewEncoder(w) // it ends with a newline
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(map[string][]entry{"errors": {{e.Code, e.Message, e.Detail}}})
}
