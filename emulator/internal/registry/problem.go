package registry

import (
	"errors"
	"net/http"

	"github.com/acrlocal/acrlocal/gate"
)

// problem is a row of the table of problems: why a request is refused that the gate allows.
type problem int

const (
	methodUnsupported problem = iota
	serviceMissing
	serviceForeign
	scopesTooMany
	pathAmbiguous
	contentMissing
	internal
)

// problems are the answers. How ACR words them is not known but for the status of the first (acr-behaviour §2.5).
var problems = [...]gate.Refusal{
	methodUnsupported: {Status: 404, Code: "UNSUPPORTED", Message: "The operation is unsupported."},
	serviceMissing:    {Status: 400, Code: "BAD_REQUEST", Message: "the parameter service is missing: it is the login server's name"},
	serviceForeign:    {Status: 400, Code: "BAD_REQUEST", Message: "the parameter service names another login server"},
	scopesTooMany:     {Status: 400, Code: "BAD_REQUEST", Message: "the request has too many scopes, or too long ones"},
	pathAmbiguous:     {Status: 404, Code: "UNSUPPORTED", Message: "The operation is unsupported."},
	contentMissing:    {Status: 404, Code: "NAME_UNKNOWN", Message: "registry is not known to this login server"},
	internal:          {Status: 500, Code: "UNKNOWN", Message: "unknown error"},
}

// Error returns the problem's message.
func (p problem) Error() string { return problems[p].Message }

// refused is an error for which the gate has the words.
type refused struct {
	step gate.Step
}

// Error returns the reason.
func (e *refused) Error() string { return string(e.step.Reason) }

// fail answers a request that failed after the gate allowed it. What has no words of its own, such as a key that cannot
// sign, is an internal error. The observer is told again, under the same ID, only if the decision itself changes.
func (f *Front) fail(w http.ResponseWriter, r *http.Request, record gate.Record, err error) {
	var changed *refused
	if errors.As(err, &changed) {
		record.Decision = record.Decision.Then(changed.step)
		f.gate.Refuse(w, r, record)
		return
	}
	p := internal
	errors.As(err, &p)
	refusal := problems[p]
	refusal.Surface, refusal.CorrelationID = record.Request.Surface, record.CorrelationID
	gate.Write(w, refusal)
}
