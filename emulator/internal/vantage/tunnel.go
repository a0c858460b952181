package vantage

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// tunnel is one way from a place to an emulated host.
type tunnel struct {
	find     FindPlace // the place that it begins at
	host     string    // folded
	port     uint16
	registry string

	mu       sync.Mutex
	state    *azure.State // of which resolved is true
	resolved azure.Place
}

// resolve finds the tunnel's place. It looks again only when the state has changed: a tunnel outlives many requests, and
// the very next one must be judged by what is true now.
func (t *tunnel) resolve(s *azure.State) (azure.Place, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state == s && t.state != nil {
		return t.resolved, nil
	}
	place, err := t.find(s)
	if err == nil {
		t.state, t.resolved = s, place
	}
	return place, err
}

// authority returns what r.Host is for a request to the tunnel's host.
func (t *tunnel) authority(secure bool) string {
	if t.port == 443 && secure || t.port == 80 && !secure {
		return t.host
	}
	return net.JoinHostPort(t.host, strconv.Itoa(int(t.port)))
}

// leadsTo reports whether a Host header means the tunnel's host: the same name, and the same port if it has one.
func (t *tunnel) leadsTo(hostHeader string) bool {
	host, port, err := FoldHost(hostHeader)
	return err == nil && host == t.host && (port == 0 || port == t.port)
}

// connect opens a tunnel and hands it to the server behind.
func (p *Proxy) connect(w http.ResponseWriter, r *http.Request, t *tunnel) {
	select {
	case p.slots <- struct{}{}:
	default:
		refuse(w, r, refusal(http.StatusServiceUnavailable, "too many tunnels are open"))
		return
	}
	client, err := hijack(w)
	if err != nil {
		<-p.slots
		refuse(w, r, refusal(http.StatusHTTPVersionNotSupported, "CONNECT needs HTTP/1.1"))
		return
	}
	client.Conn = &counted{Conn: client.Conn, release: func() { <-p.slots }}
	client.tunnel = t
	_ = client.SetDeadline(time.Now().Add(readHeaderTimeout))
	if _, err := io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		_ = client.Close()
		return
	}
	p.tunnels.offer(client)
}

// hijack takes the connection of a request, with what the client sent too early.
func hijack(w http.ResponseWriter) (*conn, error) {
	raw, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	early := make([]byte, buffered.Reader.Buffered())
	_, _ = io.ReadFull(buffered, early) // they are in memory
	c := wrap(raw)
	c.head = early
	return c, nil
}

// counted releases its slot when it is closed.
type counted struct {
	net.Conn
	once    sync.Once
	release func()
}

// Close closes the connection.
func (c *counted) Close() error {
	c.once.Do(c.release)
	return c.Conn.Close()
}

// CloseWrite is as conn's.
func (c *counted) CloseWrite() error { return closeWrite(c.Conn) }

// ReadFrom is as conn's.
func (c *counted) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.Conn, r) }

// serveTunnelled answers a request that came through a tunnel.
func (p *Proxy) serveTunnelled(w http.ResponseWriter, r *http.Request) {
	t, ok := r.Context().Value(tunnelKey{}).(*tunnel)
	if !ok {
		panic(http.ErrAbortHandler) // no connection gets here but through a tunnel
	}
	if r.Method == http.MethodConnect || r.URL.IsAbs() {
		refuse(w, r, refusal(http.StatusBadRequest, "a proxy request inside a tunnel"))
		return
	}
	if !t.leadsTo(r.Host) {
		refuse(w, r, refusal(http.StatusMisdirectedRequest, "this tunnel leads to %s, not to %.120q", t.host, r.Host))
		return
	}
	p.dispatch(w, r, t)
}

// dispatch has the emulator answer a request in the name of the tunnel's place. What the request says of its way here is
// replaced: nothing behind can take the proxy's client for the sender.
func (p *Proxy) dispatch(w http.ResponseWriter, r *http.Request, t *tunnel) {
	from, err := p.from(t)
	if errors.Is(err, errNoIMDS) {
		panic(http.ErrAbortHandler)
	}
	if err != nil {
		refuse(w, r, err)
		return
	}
	ctx := context.WithValue(r.Context(), fromKey{}, from)
	ctx = context.WithValue(ctx, http.LocalAddrContextKey, net.Addr(noAddress))
	r = r.WithContext(ctx)
	r.Host = t.authority(r.TLS != nil)
	r.RemoteAddr = netip.AddrPortFrom(from.Hop.Peer, portOf(r.RemoteAddr)).String()
	p.options.Handler.ServeHTTP(w, r)
}

func portOf(address string) uint16 {
	ap, _ := netip.ParseAddrPort(address)
	return ap.Port()
}
