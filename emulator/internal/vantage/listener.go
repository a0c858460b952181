package vantage

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Bounds on connections that have not said yet what they are.
const (
	sniffSize    = 16               // bytes read at first
	sniffTimeout = 15 * time.Second // for the first byte, and a PROXY header
	maxSniffing  = 1024             // connections at a time; further ones are closed
	tlsHandshake = 0x16             // the first byte of TLS
)

// Listener takes connections from another listener and tells TLS from plain HTTP by their first byte. A connection's
// addresses are the peer's and the one that the peer dialled, also where the listener listens on all addresses;
// http.LocalAddrContextKey shows the latter.
//
// A PROXY header is believed from trusted peers alone; a connection from anybody else that begins with one is closed.
type Listener struct {
	inner   net.Listener
	tls     *tls.Config
	trusted []netip.Prefix

	ready chan net.Conn
	done  chan struct{}
	slots chan struct{}
	once  sync.Once
	err   error

	mu       sync.Mutex
	sniffing map[net.Conn]bool
}

// Listen makes a Listener of inner. TLS connections are answered with config, usually CA.TLS; trusted are the peers
// whose PROXY headers count, usually none. Close closes inner.
func Listen(inner net.Listener, config *tls.Config, trusted []netip.Prefix) *Listener {
	l := newListener(config)
	l.inner, l.trusted = inner, trusted
	go l.run()
	return l
}

// newListener makes a Listener to which connections come by offer alone.
func newListener(config *tls.Config) *Listener {
	return &Listener{
		tls: config, ready: make(chan net.Conn), done: make(chan struct{}),
		slots: make(chan struct{}, maxSniffing), sniffing: map[net.Conn]bool{},
	}
}

// Accept waits for a connection that has sent its first byte: a *tls.Conn, or plain HTTP.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case <-l.done:
		return nil, l.err
	default:
	}
	select {
	case c := <-l.ready:
		return c, nil
	case <-l.done:
		return nil, l.err
	}
}

// Addr returns the address of the inner listener.
func (l *Listener) Addr() net.Addr {
	if l.inner == nil {
		return noAddress
	}
	return l.inner.Addr()
}

// noAddress is the address of what is on no real network.
var noAddress = &net.TCPAddr{}

// Close stops listening, and closes connections that have not been accepted yet.
func (l *Listener) Close() error {
	l.stop(net.ErrClosed)
	if l.inner == nil {
		return nil
	}
	return l.inner.Close()
}

func (l *Listener) stop(err error) {
	l.once.Do(func() {
		l.err = err
		close(l.done)
		l.mu.Lock()
		defer l.mu.Unlock()
		for c := range l.sniffing {
			_ = c.Close()
		}
	})
}

func (l *Listener) run() {
	for {
		c, err := l.inner.Accept()
		if err != nil && isTemporary(err) {
			time.Sleep(time.Millisecond) // out of file descriptors: the ones in use come back
			continue
		}
		if err != nil {
			l.stop(err)
			return
		}
		l.offer(wrap(c))
	}
}

// isTemporary reports whether an error of Accept passes, as being out of file descriptors does.
func isTemporary(err error) bool {
	temporary, ok := errors.AsType[interface {
		error
		Temporary() bool
	}](err)
	return ok && temporary.Temporary()
}

// offer takes a connection and hands it to Accept once it has said what it is.
func (l *Listener) offer(c *conn) {
	select {
	case l.slots <- struct{}{}:
	default:
		_ = c.Close()
		return
	}
	if !l.begin(c) {
		_ = c.Close()
		<-l.slots
		return
	}
	go l.sniff(c)
}

func (l *Listener) begin(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.done:
		return false
	default:
	}
	l.sniffing[c] = true
	return true
}

func (l *Listener) end(c *conn) {
	l.mu.Lock()
	delete(l.sniffing, c)
	l.mu.Unlock()
	<-l.slots
}

func (l *Listener) sniff(c *conn) {
	_ = c.SetDeadline(time.Now().Add(sniffTimeout))
	told, err := l.identify(c)
	_ = c.SetDeadline(time.Time{})
	if err == nil {
		select {
		case l.ready <- told:
		case <-l.done:
			err = l.err
		}
	}
	l.end(c)
	if err != nil {
		_ = c.Close()
	}
}

// identify reads as much of a connection as it takes to tell what it is.
func (l *Listener) identify(c *conn) (net.Conn, error) {
	head, err := c.peek(1)
	if err != nil {
		return nil, err
	}
	if head, err = c.peek(proxyHeaderSize(head[0])); err != nil {
		return nil, err
	}
	if isProxyHeader(head) {
		if err := l.readProxyHeader(c); err != nil {
			return nil, err
		}
		if head, err = c.peek(1); err != nil {
			return nil, err
		}
	}
	if head[0] == tlsHandshake {
		return tls.Server(c, l.tls), nil
	}
	return c, nil
}

// proxyHeaderSize is how many bytes it takes to tell a PROXY header from a request, when the first byte is known. No
// request is shorter.
func proxyHeaderSize(first byte) int {
	switch first {
	case proxyV1[0]:
		return len(proxyV1)
	case proxyV2[0]:
		return len(proxyV2)
	}
	return 1
}

var errUntrustedPeer = errors.New("a PROXY header from a peer that is no trusted proxy")

func (l *Listener) readProxyHeader(c *conn) error {
	if !l.trusts(c.Conn.RemoteAddr()) {
		return errUntrustedPeer
	}
	return readProxyHeader(c)
}

func (l *Listener) trusts(peer net.Addr) bool {
	tcp, ok := peer.(*net.TCPAddr)
	if !ok {
		return false
	}
	addr := tcp.AddrPort().Addr().Unmap()
	for _, p := range l.trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// connOf finds our connection below a TLS one; nil if it is none of ours.
func connOf(c net.Conn) *conn {
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	ours, _ := c.(*conn)
	return ours
}

type tunnelKey struct{}

func tunnelContext(ctx context.Context, c net.Conn) context.Context {
	if ours := connOf(c); ours != nil && ours.tunnel != nil {
		return context.WithValue(ctx, tunnelKey{}, ours.tunnel)
	}
	return ctx
}
