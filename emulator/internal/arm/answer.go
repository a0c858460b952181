package arm

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// answer is what a handler wants sent.
type answer struct {
	status int
	body   any    // nil sends none
	etag   string // the entity tag of body, if it is one document
	header map[string]string
}

// ok is the answer that shows something.
func ok(body any) answer { return answer{status: http.StatusOK, body: body} }

// list is the answer that shows a list. A page of ARM's is never null.
func list(items []any) answer {
	if items == nil {
		items = []any{}
	}
	return ok(map[string]any{"value": items})
}

// document is the answer that shows one document, with its entity tag. One that is being made or changed is worth asking for
// again soon: clients that are told nothing wait for half a minute (az-cli §6.2).
func document(status int, body map[string]any) answer {
	a := answer{status: status, body: body, etag: entityTag(body)}
	switch textAt(body, "properties.provisioningState") {
	case "Creating", "Updating":
		a.header = map[string]string{"Retry-After": retryAfter}
	}
	return a
}

// ownTags begins the types that show their entity tag in the body; showTag makes it.
const ownTags = "microsoft.network/"

// entityTag is derived from what the client sees, so that it changes with every change that the client can notice. Keys
// of objects are marshalled in order.
func entityTag(body map[string]any) string {
	if tag := textAt(body, "etag"); tag != "" && strings.HasPrefix(azure.Fold(textAt(body, "type")), ownTags) {
		return tag
	}
	data, err := json.Marshal(body)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(data)
	return `"` + hex.EncodeToString(sum[:16]) + `"`
}

func (a answer) write(w http.ResponseWriter) {
	if a.etag != "" {
		w.Header().Set("ETag", a.etag)
	}
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	writeJSON(w, a.status, a.body)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(body) // the client is gone if this fails
}

// errorBody is an error in ARM's form.
type errorBody struct {
	Code    string      `json:"code"`
	Message string      `json:"message"`
	Target  string      `json:"target,omitempty"`
	Details []errorBody `json:"details,omitempty"`
}

func bodyOf(e *Error) errorBody {
	body := errorBody{Code: e.Code, Message: e.Message, Target: e.Target}
	for i := range e.Details {
		body.Details = append(body.Details, bodyOf(&e.Details[i]))
	}
	return body
}

// fail is the only writer of ARM's errors.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := asError(err)
	if e.Cause != nil {
		s.Log.Error("control plane failed", "method", r.Method, "path", r.URL.Path, "status", e.Status, "cause", e.Cause)
	}
	header := w.Header()
	header.Set("x-ms-failure-cause", "gateway")
	if e.Status == http.StatusUnauthorized {
		header.Set("WWW-Authenticate", challenge(s.Authority(r), e))
	}
	writeJSON(w, e.Status, map[string]any{"error": bodyOf(e)})
}

// challenge is ARM's, by which clients find the tenant of a subscription.
func challenge(authority string, e *Error) string {
	fault := e.Challenge
	if fault == "" {
		fault = "invalid_token"
	}
	return `Bearer authorization_uri="` + authority + `", error="` + fault + `", error_description="` + e.Message + `"`
}
