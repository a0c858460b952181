package arm

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"github.com/acrlocal/acrlocal/emulator/internal/template"
)

// inside is a server as its own client, on behalf of the principal of a request: with their token, from their address.
type inside struct {
	server *server
	r      *http.Request
	// correlation goes into all requests, so that they stand together in the activity log.
	correlation string
}

// do sends a request and reads the answer: the body as JSON, nil if there is none. An error of the control plane is an
// *Error.
func (i inside) do(ctx context.Context, method, path, version string, body any) (any, error) {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	return i.send(ctx, method, path, version, data)
}

func (i inside) send(ctx context.Context, method, path, version string, data []byte) (any, error) {
	ctx = context.WithValue(ctx, chi.RouteCtxKey, (*chi.Context)(nil)) // routed anew
	r := i.r.Clone(ctx)
	r.Method, r.Body, r.ContentLength = method, io.NopCloser(bytes.NewReader(data)), int64(len(data))
	r.URL = &url.URL{Scheme: i.r.URL.Scheme, Host: i.r.URL.Host, Path: path, RawQuery: url.Values{"api-version": {version}}.Encode()}
	r.Header = http.Header{"Content-Type": {"application/json"}, "Authorization": i.r.Header["Authorization"]}
	r.Header.Set("x-ms-correlation-request-id", i.correlation)
	w := &recorder{header: http.Header{}}
	i.server.handler.ServeHTTP(w, r)
	return w.read()
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header, WriteHeader and Write make it an http.ResponseWriter.
func (w *recorder) Header() http.Header { return w.header }

// WriteHeader keeps the status.
func (w *recorder) WriteHeader(status int) { w.status = status }

// Write keeps the body.
func (w *recorder) Write(data []byte) (int, error) { return w.body.Write(data) }

func (w *recorder) read() (any, error) {
	var value any
	if w.body.Len() > 0 {
		if err := json.Unmarshal(w.body.Bytes(), &value); err != nil {
			return nil, err
		}
	}
	if w.status < http.StatusBadRequest {
		return value, nil
	}
	object, _ := value.(map[string]any)
	failure := readError(object["error"])
	failure.Status = w.status
	return nil, failure
}

// readError reads an error in ARM's form.
func readError(value any) *Error {
	object, _ := value.(map[string]any)
	e := &Error{Status: http.StatusConflict, Code: textAt(object, "code"), Message: textAt(object, "message"), Target: textAt(object, "target")}
	for _, detail := range objectsAt(object, "details") {
		e.Details = append(e.Details, *readError(detail))
	}
	return e
}

// Get reads a resource for reference(); it makes inside a template.Host.
func (i inside) Get(ctx context.Context, id, apiVersion string) (map[string]any, error) {
	value, err := i.do(ctx, http.MethodGet, id, apiVersion, nil)
	object, _ := value.(map[string]any)
	return object, err
}

// Post does an action for list*().
func (i inside) Post(ctx context.Context, id, action, apiVersion string, given map[string]any) (any, error) {
	if given == nil {
		return i.do(ctx, http.MethodPost, id+"/"+action, apiVersion, nil)
	}
	return i.do(ctx, http.MethodPost, id+"/"+action, apiVersion, given)
}

var _ template.Host = inside{}
