package executor

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Versions of the engine's API that are spoken: Docker 20.10 has the first, and engines from 29 on none below the second.
const (
	firstVersion = 41
	lastVersion  = 44
)

// maxAnswer bounds what an engine says in JSON.
const maxAnswer = 32 << 20

// engine is a Docker engine, as its API has it.
type engine struct {
	at      string // as in DOCKER_HOST
	dial    func(ctx context.Context) (net.Conn, error)
	client  *http.Client
	version string // of the API, such as "1.41"
}

// engineError is what an engine answers instead.
type engineError struct {
	status  int
	message string
}

// Error is what the engine says.
func (e *engineError) Error() string { return e.message }

// isGone reports that the engine has not, or not any more, what a request was about.
func isGone(err error) bool {
	e, ok := errors.AsType[*engineError](err)
	return ok && (e.status == http.StatusNotFound || e.status == http.StatusConflict && strings.Contains(e.message, "is already in progress"))
}

// findEngine finds the engine of DOCKER_HOST, or else at the usual sockets.
func findEngine(ctx context.Context, getenv func(string) string) (*engine, error) {
	hosts := []string{getenv("DOCKER_HOST")}
	if hosts[0] == "" {
		hosts = usualSockets(getenv)
	}
	if len(hosts) == 0 {
		return nil, errors.New("DOCKER_HOST names no engine, and there is none at /var/run/docker.sock")
	}
	var errs []error
	for _, host := range hosts {
		e, err := newEngine(host, getenv)
		if err == nil {
			err = e.greet(ctx)
		}
		if err == nil {
			return e, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", host, err))
	}
	return nil, errors.Join(errs...)
}

// usualSockets are where engines listen: Docker, Docker Desktop, a rootless engine.
func usualSockets(getenv func(string) string) []string {
	names := []string{"/var/run/docker.sock"}
	if home := getenv("HOME"); home != "" {
		names = append(names, filepath.Join(home, ".docker", "run", "docker.sock"))
	}
	if dir := getenv("XDG_RUNTIME_DIR"); dir != "" {
		names = append(names, filepath.Join(dir, "docker.sock"))
	}
	var hosts []string
	for _, name := range names {
		if info, err := os.Stat(name); err == nil && info.Mode()&os.ModeSocket != 0 {
			hosts = append(hosts, "unix://"+name)
		}
	}
	return hosts
}

// newEngine is the engine at a host as DOCKER_HOST has it.
func newEngine(host string, getenv func(string) string) (*engine, error) {
	u, err := url.Parse(host)
	if err != nil {
		return nil, errors.New("not a URL")
	}
	network, address := u.Scheme, u.Host
	switch u.Scheme {
	case "unix":
		address = u.Path
	case "tcp":
	default:
		return nil, errors.New("only unix:// and tcp:// are spoken: forward the engine's socket to one of this machine")
	}
	var trust *tls.Config
	if network == "tcp" && getenv("DOCKER_TLS_VERIFY") != "" {
		if trust, err = engineTLS(getenv("DOCKER_CERT_PATH"), u.Hostname()); err != nil {
			return nil, err
		}
	}
	e := &engine{at: host, dial: func(ctx context.Context) (net.Conn, error) {
		if trust != nil {
			return (&tls.Dialer{Config: trust}).DialContext(ctx, network, address)
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	e.client = &http.Client{Transport: &http.Transport{
		DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return e.dial(ctx) },
		DisableCompression: true, MaxIdleConns: 2,
	}}
	return e, nil
}

// engineTLS reads the files that Docker's client keeps for an engine.
func engineTLS(dir, host string) (*tls.Config, error) {
	pem, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		return nil, err
	}
	own, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{own}, ServerName: host}, nil
}

// greet asks the engine who it is, and settles the version of the API.
func (e *engine) greet(ctx context.Context) error {
	answer, err := e.send(ctx, http.MethodGet, "/_ping", nil, "")
	if err != nil {
		return err
	}
	_ = answer.Body.Close()
	if system := answer.Header.Get("Ostype"); system != "" && system != "linux" {
		return fmt.Errorf("it runs containers of %s, not of Linux", system)
	}
	major, minor, _ := strings.Cut(answer.Header.Get("Api-Version"), ".")
	n, err := strconv.Atoi(minor)
	if err != nil || major != "1" || n < firstVersion {
		return fmt.Errorf("it speaks version %q of Docker's API, and not 1.%d or a later one", answer.Header.Get("Api-Version"), firstVersion)
	}
	e.version = fmt.Sprintf("1.%d", min(n, lastVersion))
	return nil
}

// query adds pairs to a path.
func query(at string, pairs ...string) string {
	values := url.Values{}
	for n := 0; n+1 < len(pairs); n += 2 {
		values.Set(pairs[n], pairs[n+1])
	}
	if len(values) == 0 {
		return at
	}
	return at + "?" + values.Encode()
}

// send sends a request. An answer that is none of success is an *engineError.
func (e *engine) send(ctx context.Context, method, path string, body io.Reader, kind string) (*http.Response, error) {
	q, err := e.request(ctx, method, path, body, kind)
	if err != nil {
		return nil, err
	}
	answer, err := e.client.Do(q)
	if err != nil {
		return nil, unwrapURL(err)
	}
	return answer, refusal(answer)
}

func (e *engine) request(ctx context.Context, method, path string, body io.Reader, kind string) (*http.Request, error) {
	at := "http://docker"
	if e.version != "" {
		at += "/v" + e.version
	}
	q, err := http.NewRequestWithContext(ctx, method, at+path, body)
	if err == nil && kind != "" {
		q.Header.Set("Content-Type", kind)
	}
	return q, err
}

// unwrapURL drops the URL of the request, which says nothing to people.
func unwrapURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// refusal is the error of an answer, which is closed then.
func refusal(answer *http.Response) error {
	if answer.StatusCode < 400 {
		return nil
	}
	defer answer.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	var problem struct{ Message string }
	if json.Unmarshal(said, &problem) != nil || problem.Message == "" {
		problem.Message = answer.Status
	}
	return &engineError{answer.StatusCode, problem.Message}
}

// call sends a body as JSON and reads the answer into another value; either may be nil.
func (e *engine) call(ctx context.Context, method, path string, body, into any) error {
	var sent io.Reader
	kind := ""
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent, kind = bytes.NewReader(text), "application/json"
	}
	answer, err := e.send(ctx, method, path, sent, kind)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if into == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer))
		return err
	}
	return json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(into)
}

// hijacked is a connection that a request has turned into one to a container.
type hijacked struct {
	net.Conn
	in *bufio.Reader
}

// Read reads what the engine sends.
func (h *hijacked) Read(p []byte) (int, error) { return h.in.Read(p) }

// closeWrite ends what is sent, and keeps what is received.
func (h *hijacked) closeWrite() {
	if half, ok := h.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// hijack sends a request whose answer is a connection. ctx is that of the request alone.
func (e *engine) hijack(ctx context.Context, path string, body any) (*hijacked, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	q, err := e.request(ctx, http.MethodPost, path, bytes.NewReader(text), "application/json")
	if err != nil {
		return nil, err
	}
	q.Header.Set("Connection", "Upgrade")
	q.Header.Set("Upgrade", "tcp")
	conn, err := e.dial(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	h := &hijacked{conn, bufio.NewReader(conn)}
	err = q.Write(conn)
	var answer *http.Response
	if err == nil {
		answer, err = http.ReadResponse(h.in, q) //nolint:bodyclose // refusal closes it, or it is the connection
	}
	if err == nil {
		err = refusal(answer)
	}
	if !stop() || err != nil {
		_ = conn.Close()
		return nil, errors.Join(ctx.Err(), err)
	}
	return h, nil
}
