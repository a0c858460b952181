package source

import (
	"crypto/rand"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// bridge is a server on this machine that stands for one repository while it is fetched: git talks to it, and it to the
// repository by the run's transport, so that git itself reaches nothing. Its address has a secret in it.
type bridge struct {
	url    string
	server *http.Server
	failed atomic.Pointer[error]
}

const bridgeHeaders = 30 * time.Second

func (f *Fetcher) openBridge(to *url.URL) (*bridge, error) {
	transport, err := f.transport(to)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	path := "/" + rand.Text()
	b := &bridge{url: "http://" + listener.Addr().String() + path}
	left := &atomic.Int64{}
	left.Store(f.Limits.resolve().Bytes)
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite:   func(r *httputil.ProxyRequest) { rewrite(r, to) },
		ModifyResponse: func(answer *http.Response) error {
			answer.Body = &boundedBody{answer.Body, left, b}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			b.fail(withoutURL(err))
			w.WriteHeader(http.StatusBadGateway)
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	b.server = &http.Server{ReadHeaderTimeout: bridgeHeaders, Handler: http.StripPrefix(path, proxy), ErrorLog: proxy.ErrorLog}
	go func() { _ = b.server.Serve(listener) }()
	return b, nil
}

// rewrite makes a request of git's one for the repository. A single word before the host is a token, as GitHub and Azure
// DevOps take them.
func rewrite(r *httputil.ProxyRequest, to *url.URL) {
	r.Out.URL = &url.URL{Scheme: to.Scheme, Host: to.Host, Path: strings.TrimSuffix(to.Path, "/") + r.In.URL.Path, RawQuery: r.In.URL.RawQuery}
	r.Out.Host = to.Host
	if to.User != nil {
		name := to.User.Username()
		password, given := to.User.Password()
		if !given {
			name, password = "dummy", name
		}
		r.Out.SetBasicAuth(name, password)
	}
}

// fail notes why the repository could not be reached; the first reason counts.
func (b *bridge) fail(err error) { b.failed.CompareAndSwap(nil, &err) }

func (b *bridge) failure() error {
	if err := b.failed.Load(); err != nil {
		return *err
	}
	return nil
}

func (b *bridge) close() { _ = b.server.Close() }

// boundedBody ends an answer when a repository becomes too large.
type boundedBody struct {
	io.ReadCloser
	left   *atomic.Int64
	bridge *bridge
}

// Read reads, and counts.
func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left.Add(-int64(n)) < 0 {
		err = tooLarge("the repository is larger than what a context may be")
		b.bridge.fail(err)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		b.bridge.fail(err)
	}
	return n, err
}
