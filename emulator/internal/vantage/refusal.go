package vantage

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// proxyError is a refusal of the proxy itself, not of a host behind it.
type proxyError struct {
	status int
	why    string
}

// Error returns the reason.
func (e *proxyError) Error() string { return e.why }

func refusal(status int, format string, args ...any) error {
	return &proxyError{status: status, why: fmt.Sprintf(format, args...)}
}

var (
	errNoPlace = refusal(http.StatusProxyAuthRequired,
		"the proxy user name must be a place, such as 203.0.113.7 in http://203.0.113.7:-@HOST:PORT")
	errNoIMDS = errors.New("this place has no instance metadata service") // never told: the connection is closed
)

// maxReason bounds a reason phrase, in bytes.
const maxReason = 240

// refuse writes a refusal. An answer to CONNECT is written by hand where it can be, since its reason phrase is all that
// Go's clients, and crane and oras with them, show of it.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	refused := &proxyError{status: http.StatusInternalServerError, why: "the proxy failed"}
	_ = errors.As(err, &refused)
	if r.Method == http.MethodConnect {
		if c, hijackErr := hijack(w); hijackErr == nil {
			_, _ = io.WriteString(c, refused.wire())
			_ = c.Close()
			return
		}
	}
	header := w.Header()
	for name, value := range refused.headers() {
		header.Set(name, value)
	}
	w.WriteHeader(refused.status)
	_, _ = io.WriteString(w, refused.body())
}

func (e *proxyError) body() string { return "acrlocal proxy: " + e.why + "\n" }

func (e *proxyError) headers() map[string]string {
	headers := map[string]string{
		"Content-Type":           "text/plain; charset=utf-8",
		"X-Content-Type-Options": "nosniff",
		"Cache-Control":          "no-store",
		"X-Acrlocal-Why":         printable(e.why),
		"Content-Length":         strconv.Itoa(len(e.body())),
	}
	if e.status == http.StatusProxyAuthRequired {
		headers["Proxy-Authenticate"] = `Basic realm="place"`
	}
	return headers
}

// wire renders a whole answer, after which the connection is closed.
func (e *proxyError) wire() string {
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\nConnection: close\r\n", e.status, printable(e.why))
	for name, value := range e.headers() {
		fmt.Fprintf(&b, "%s: %s\r\n", name, value)
	}
	return b.String() + "\r\n" + e.body()
}

// printable makes a text fit for a status line or a header: printable ASCII, and not too long.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
	return text[:min(len(text), maxReason)]
}
