package vantage

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"syscall"
)

// Relay is a proxy on a port of its own, bound to one place: it needs no credentials, and passes everything on to the
// vantage proxy in the place's name. It knows nothing else of the emulator, and may run in another process.
type Relay struct {
	proxy    string // host and port of the vantage proxy
	user     string // the value of Proxy-Authorization
	listener net.Listener
	server   *http.Server
	forward  *httputil.ReverseProxy

	mu     sync.Mutex
	open   map[net.Conn]bool
	closed bool
}

// OpenRelay listens on a free port of 127.0.0.1 for a place; proxy is the host and port of the vantage proxy, which need
// not listen yet. Close ends it.
func OpenRelay(ctx context.Context, proxy, place string) (*Relay, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	r := &Relay{proxy: proxy, user: basicUser(place), listener: listener, open: map[net.Conn]bool{}}
	r.forward = &httputil.ReverseProxy{
		Rewrite:       r.rewrite,
		Transport:     &http.Transport{Proxy: r.proxyURL, DisableCompression: true},
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0),
		ErrorHandler:  r.failed,
	}
	r.server = &http.Server{
		Handler: r, ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
	}
	go func() { _ = r.server.Serve(listener) }()
	return r, nil
}

// basicUser is the credential of a place. A Basic user name has no colons.
func basicUser(place string) string {
	name := strings.NewReplacer("%", "%25", ":", "%3A").Replace(place)
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":-"))
}

// URL returns what to set as HTTP_PROXY.
func (r *Relay) URL() string { return "http://" + r.listener.Addr().String() }

// Close ends the relay and all that goes through it.
func (r *Relay) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for c := range r.open {
		_ = c.Close()
	}
	r.forward.Transport.(*http.Transport).CloseIdleConnections()
	return r.server.Close()
}

// ServeHTTP passes a proxy request on.
func (r *Relay) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	switch {
	case q.Method == http.MethodConnect:
		r.connect(w, q)
	case q.URL.IsAbs():
		r.forward.ServeHTTP(w, q)
	default:
		refuse(w, q, refusal(http.StatusBadRequest, "this port is a proxy: set HTTP_PROXY and HTTPS_PROXY to it"))
	}
}

func (r *Relay) proxyURL(*http.Request) (*url.URL, error) {
	return &url.URL{Scheme: "http", Host: r.proxy}, nil
}

// forwardedHeaders are left as the client sent them: the host at the end judges them.
var forwardedHeaders = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"}

func (r *Relay) rewrite(q *httputil.ProxyRequest) {
	for _, name := range forwardedHeaders {
		if sent, ok := q.In.Header[name]; ok {
			q.Out.Header[name] = sent
		}
	}
	q.Out.Header.Set("Proxy-Authorization", r.user)
}

func (r *Relay) connect(w http.ResponseWriter, q *http.Request) {
	upstream, err := r.Dial(q.Context(), q.Host)
	if errors.Is(err, errClosed) {
		panic(http.ErrAbortHandler)
	}
	if err != nil {
		refuse(w, q, err)
		return
	}
	defer func() { _ = upstream.Close() }()
	client, err := hijack(w)
	if err != nil {
		refuse(w, q, refusal(http.StatusHTTPVersionNotSupported, "CONNECT needs HTTP/1.1"))
		return
	}
	defer func() { _ = client.Close() }()
	if _, err := io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n"); err == nil {
		r.join(client, upstream)
	}
}

// Dial opens a tunnel to a host and port, as seen from the relay's place. A refusal of the proxy is an error with its
// words.
func (r *Relay) Dial(ctx context.Context, address string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.proxy)
	if err != nil {
		return nil, r.unreachable(err)
	}
	q := &http.Request{
		Method: http.MethodConnect, Host: address, URL: &url.URL{Opaque: address},
		Header: http.Header{"Proxy-Authorization": {r.user}},
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	tunnelled, err := open(c, q)
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return tunnelled, nil
}

// open sends CONNECT and reads the answer.
func open(c net.Conn, q *http.Request) (net.Conn, error) {
	if err := q.Write(c); err != nil {
		return nil, err
	}
	buffered := bufio.NewReader(c)
	answer, err := http.ReadResponse(buffered, q)
	if err != nil {
		return nil, errClosed
	}
	if answer.StatusCode != http.StatusOK {
		_ = answer.Body.Close()
		why := answer.Header.Get("X-Acrlocal-Why")
		if why == "" {
			why = answer.Status
		}
		return nil, &proxyError{status: answer.StatusCode, why: why}
	}
	early := make([]byte, buffered.Buffered())
	_, _ = io.ReadFull(buffered, early) // they are in memory
	tunnelled := wrap(c)
	tunnelled.head = early
	return tunnelled, nil
}

// errClosed is what the proxy says of a host that cannot be reached from a place: nothing.
var errClosed = errors.New("connection closed")

// failed answers a request that could not be passed on. Where the proxy closed the connection, so does the relay: that is
// how an unreachable host looks.
func (r *Relay) failed(w http.ResponseWriter, q *http.Request, err error) {
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
		panic(http.ErrAbortHandler)
	}
	refuse(w, q, r.unreachable(err))
}

func (r *Relay) unreachable(err error) error {
	return refusal(http.StatusBadGateway, "the emulator does not answer at %s: %v", r.proxy, err)
}

// join copies both ways between two connections until both are done, or the relay is closed.
func (r *Relay) join(a, b net.Conn) {
	if !r.track(a, b) {
		return
	}
	defer r.forget(a, b)
	Join(a, b)
}

// Join copies both ways between two connections until both are done. Neither is closed then, but for the way in which the
// other ended.
func Join(a, b net.Conn) {
	var both sync.WaitGroup
	for _, pair := range [][2]net.Conn{{a, b}, {b, a}} {
		both.Go(func() {
			_, err := io.Copy(pair[0], pair[1])
			if err != nil {
				_, _ = pair[0].Close(), pair[1].Close()
				return
			}
			_ = closeWrite(pair[0])
		})
	}
	both.Wait()
}

func (r *Relay) track(conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		r.open[c] = true
	}
	return !r.closed
}

func (r *Relay) forget(conns ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		delete(r.open, c)
	}
}
