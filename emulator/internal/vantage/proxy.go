package vantage

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// World is what the proxy asks of the emulator.
type World interface {
	// State returns the documents as they are now.
	State() *azure.State
	// Host says whether the emulator answers for a folded host without port, and to which registry it belongs; a host of
	// another service has none.
	Host(host string) (registry string, emulated bool)
	// Port says whether the emulator itself listens for registries at a port, other than 80 and 443.
	Port(port uint16) bool
}

// ProxyOptions are what a Proxy needs; all are necessary, but MaxTunnels.
type ProxyOptions struct {
	// World knows the places and the hosts.
	World World
	// CA vouches for the hosts at the end of tunnels.
	CA *CA
	// Handler answers the requests, with From in their context. The host is in Request.Host, without the scheme's own port.
	Handler http.Handler
	// MaxTunnels bounds how many tunnels are open at a time; 0 means 4096.
	MaxTunnels int
}

// Proxy is the vantage proxy: an HTTP proxy whose user names are places. It ends tunnels in this process and answers for
// the hosts that are emulated; it dials nothing, so that nothing that reaches it can leave the machine. Mount it where
// IsProxyRequest says so. Close ends its tunnels.
type Proxy struct {
	options ProxyOptions
	tunnels *Listener
	server  *http.Server
	slots   chan struct{}
}

// Limits of tunnels.
const (
	defaultTunnels    = 4096
	maxHeaderBytes    = 64 << 10
	readHeaderTimeout = 30 * time.Second
	idleTimeout       = 2 * time.Minute
)

// NewProxy makes a Proxy.
func NewProxy(o ProxyOptions) *Proxy {
	if o.MaxTunnels == 0 {
		o.MaxTunnels = defaultTunnels
	}
	p := &Proxy{options: o, tunnels: newListener(o.CA.TLS()), slots: make(chan struct{}, o.MaxTunnels)}
	p.server = &http.Server{
		Handler:           http.HandlerFunc(p.serveTunnelled),
		ConnContext:       tunnelContext,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.New(io.Discard, "", 0), // a client's broken handshakes are its own business
	}
	go func() { _ = p.server.Serve(p.tunnels) }()
	return p
}

// Close ends all tunnels at once.
func (p *Proxy) Close() error { return errors.Join(p.server.Close(), p.tunnels.Close()) }

// Shutdown takes no more tunnels and lets the requests under way end, until ctx does.
func (p *Proxy) Shutdown(ctx context.Context) error { return p.server.Shutdown(ctx) }

// IsProxyRequest reports whether a request asks for a proxy: CONNECT, or a whole URL where others send a path.
func IsProxyRequest(r *http.Request) bool { return r.Method == http.MethodConnect || r.URL.IsAbs() }

// From is where a request comes from, as far as the proxy knows it.
type From struct {
	// Place is the place whose name the client gave.
	Place azure.Place
	// Hop is the way that the request takes to the registry it addresses. For hosts of other services only Peer is set.
	Hop azure.Hop
}

type fromKey struct{}

// FromContext returns where a request that came through the proxy comes from; false means it came another way.
func FromContext(ctx context.Context) (From, bool) {
	from, ok := ctx.Value(fromKey{}).(From)
	return from, ok
}

// ServeHTTP answers CONNECT with a tunnel and a whole http URL with what the emulated host says. Everything else is
// refused, before anything is dialled or read.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t, err := p.admit(r)
	switch {
	case errors.Is(err, errNoIMDS):
		panic(http.ErrAbortHandler)
	case err != nil:
		refuse(w, r, err)
	case r.Method == http.MethodConnect:
		p.connect(w, r, t)
	default:
		p.dispatch(w, forwarded(r), t)
	}
}

// admit reads who wants to go where from a proxy request, and refuses what must not be.
func (p *Proxy) admit(r *http.Request) (*tunnel, error) {
	name, ok := placeName(r)
	if !ok {
		return nil, errNoPlace
	}
	address := r.URL.Host
	if r.Method == http.MethodConnect {
		address = r.Host
	} else if r.URL.Scheme != "http" {
		return nil, refusal(http.StatusBadRequest, "%.40q URLs need CONNECT", r.URL.Scheme)
	}
	t, err := p.target(address, r.Method == http.MethodConnect)
	if err != nil {
		return nil, err
	}
	t.find = func(s *azure.State) (azure.Place, error) { return azure.ResolvePlace(s, name) }
	_, err = p.from(t)
	return t, err
}

// placeName reads the proxy user name; the password is nobody's business.
func placeName(r *http.Request) (string, bool) {
	scheme, encoded, _ := strings.Cut(r.Header.Get("Proxy-Authorization"), " ")
	text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil || !strings.EqualFold(scheme, "Basic") {
		return "", false
	}
	name, _, _ := strings.Cut(string(text), ":")
	return name, name != ""
}

// target finds the emulated host that an address means. The emulator's own listeners, and all that is on this machine
// or any other, are no such hosts.
func (p *Proxy) target(address string, needsPort bool) (*tunnel, error) {
	host, port, err := FoldHost(address)
	if err != nil || port == 0 && needsPort {
		return nil, refusal(http.StatusBadRequest, "%.120q is not a host and a port", address)
	}
	if port == 0 {
		port = 80
	}
	_, err = netip.ParseAddr(host)
	isName := err != nil && host != "localhost"
	registry, emulated := p.options.World.Host(host)
	if !emulated || !isName && host != IMDSHost {
		return nil, refusal(http.StatusForbidden, "%s is not emulated, and nothing that reaches this proxy leaves the machine", host)
	}
	if port != 80 && port != 443 && !p.options.World.Port(port) {
		return nil, refusal(http.StatusForbidden, "%s has no port %d, only 80 and 443", host, port)
	}
	return &tunnel{host: host, port: port, registry: registry}, nil
}

// from finds the place of a tunnel and its way to the host, as they are now.
func (p *Proxy) from(t *tunnel) (From, error) {
	state := p.options.World.State()
	place, err := t.resolve(state)
	if err != nil {
		return From{}, refusal(http.StatusForbidden, "%v", err)
	}
	if t.host == IMDSHost && !place.HasIMDS {
		return From{}, errNoIMDS
	}
	from := From{Place: place, Hop: azure.Hop{Peer: place.Address}}
	if t.registry != "" {
		from.Hop = azure.Route(state, place, t.registry)
	}
	return from, nil
}

// hopHeaders concern the proxy alone (RFC 9110 §7.6.1) and go no further.
var hopHeaders = []string{"Proxy-Authorization", "Proxy-Connection", "Proxy-Authenticate"}

// forwarded turns a request for a whole URL into the one that the host would get.
func forwarded(r *http.Request) *http.Request {
	r = r.Clone(r.Context())
	for _, name := range hopHeaders {
		r.Header.Del(name)
	}
	r.URL.Scheme, r.URL.Host = "", ""
	r.RequestURI = r.URL.RequestURI()
	return r
}
