package imports

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
)

// Error is an import that failed, in ACR's words.
type Error struct {
	// Status is the HTTP status that goes with it.
	Status int
	// Code is ARM's error code, Message a sentence for people.
	Code, Message string
}

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// failure is a row of the table of failures; what its message is a format for comes after the operation and the registry.
type failure struct {
	status     int
	code, text string
}

// begins is how ACR begins to tell of every failure (azure-cli#31412, azure-cli#10938): the operation, and a registry.
const begins = "Operation registries-%s failed. Resource %s "

// at says it of an import and a registry.
func (f failure) at(r Request, registry string, args ...any) *Error {
	return &Error{Status: f.status, Code: f.code, Message: fmt.Sprintf(begins+f.text, append([]any{r.Operation, registry}, args...)...)}
}

// of says it of an import and its target.
func (f failure) of(r Request, args ...any) *Error { return f.at(r, r.Target.String(), args...) }

var (
	errRefused     = failure{http.StatusBadRequest, "InvalidParameters", "Invalid message %s %s %s"}
	errExists      = failure{http.StatusConflict, "Conflict", "%[3]s Tag %[3]s already exists in target registry."}
	errGone        = failure{http.StatusNotFound, "ResourceNotFound", "was removed before the image was imported."}
	errOutside     = failure{http.StatusBadRequest, "InvalidParameters", "%s."}
	errTooMany     = failure{http.StatusBadRequest, "InvalidParameters", "The image %s has more than %d manifests, which is more than can be imported at once."}
	errUnsupported = failure{http.StatusBadRequest, "InvalidParameters", "The manifest %s has the media type '%s', which cannot be imported."}
	errBusy        = failure{http.StatusTooManyRequests, "TooManyRequests", "There are too many imports under way. Try again when some have ended."}
	errInterrupted = failure{
		http.StatusInternalServerError, "OperationInterrupted",
		"The import was stopped before it ended. A tag is there with all that belongs to it, or is not there: import the image again.",
	}
	errUnexpected = failure{http.StatusInternalServerError, "InternalServerError", "The import failed: %s"}
)

// refusal is an error that came of asking a registry.
type refusal struct {
	registry string // its resource ID, or its address
	err      error
}

// Error implements error.
func (r *refusal) Error() string { return r.registry + ": " + r.err.Error() }

// Unwrap returns what the registry said.
func (r *refusal) Unwrap() error { return r.err }

// explain puts an error into ACR's words. It names the registry that refused, source or target.
func explain(r Request, err error) error {
	if known, ok := errors.AsType[*Error](err); ok {
		return known
	}
	registry := r.Target.String()
	if by, ok := errors.AsType[*refusal](err); ok {
		registry = by.registry
	}
	if exchange, ok := errors.AsType[*agent.ExchangeError](err); ok {
		_, reason, _ := strings.Cut(exchange.Status, " ")
		return errRefused.at(r, registry, word(reason), reason, bodyOf(diagnostic(exchange.Code, exchange.Message)))
	}
	if answer, ok := errors.AsType[*transport.Error](err); ok {
		said, reason := answer.Errors, http.StatusText(answer.StatusCode)
		if len(said) == 0 {
			said = diagnostic("UNKNOWN", answer.Error())
		}
		return errRefused.at(r, registry, word(reason), reason, bodyOf(said))
	}
	if errors.Is(err, agent.ErrOutside) {
		return errOutside.at(r, registry, registry+" is outside this emulator, which reaches nothing but what it emulates")
	}
	return errUnexpected.at(r, registry, err)
}

func diagnostic(code, message string) []transport.Diagnostic {
	return []transport.Diagnostic{{Code: transport.ErrorCode(code), Message: message}}
}

// word is the first of the two forms in which ACR puts a status beside itself: NotFound, and Not Found.
func word(reason string) string { return strings.ReplaceAll(reason, " ", "") }

// bodyOf is a registry's refusal as it stood in its answer.
func bodyOf(said []transport.Diagnostic) string {
	data, err := json.Marshal(map[string]any{"errors": said})
	if err != nil {
		return said[0].Message
	}
	return string(data)
}
