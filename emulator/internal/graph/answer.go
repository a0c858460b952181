package graph

import (
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// answer is what a handler wants sent.
type answer struct {
	status int
	body   any    // nil sends none
	plain  string // sent instead of a body, as text
}

// done is the answer to a change that shows nothing.
var done = answer{status: http.StatusNoContent}

func (a answer) write(w http.ResponseWriter) {
	switch {
	case a.plain != "":
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.plain)
	case a.body != nil:
		writeJSON(w, a.status, a.body)
	default:
		w.WriteHeader(a.status)
	}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(body) // the client is gone if this fails
}

// maxClientID bounds client-request-id, in bytes.
const maxClientID = 128

// correlate sets the headers that every answer carries, refusal or not.
func correlate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, header := uuid.NewString(), w.Header()
		header.Set("request-id", id)
		header.Set("client-request-id", id)
		for _, name := range []string{"client-request-id", "x-ms-client-request-id"} {
			if given := r.Header.Get(name); given != "" && len(given) <= maxClientID {
				header.Set("client-request-id", given)
			}
		}
		header.Set("Cache-Control", "no-cache")
		header.Set("OData-Version", "4.0")
		header.Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// challenge is Graph's: where tokens are made, and for whom.
const challenge = `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", ` +
	`client_id="00000003-0000-0000-c000-000000000000"`

// fail is the only writer of Graph's errors.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := asError(err)
	if e.Cause != nil {
		s.Log.Error("graph failed", "method", r.Method, "path", r.URL.Path, "status", e.Status, "cause", e.Cause)
	}
	if e.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", challenge)
	}
	writeJSON(w, e.Status, map[string]any{"error": map[string]any{
		"code": e.Code, "message": e.Message,
		"innerError": map[string]any{
			"date":       s.Now().UTC().Format(time.RFC3339)[:len("2006-01-02T15:04:05")],
			"request-id": w.Header().Get("request-id"), "client-request-id": w.Header().Get("client-request-id"),
		},
	}})
}
