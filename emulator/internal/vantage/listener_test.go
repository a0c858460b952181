package vantage

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// serveEnds answers with the two ends of each connection, and whether it was TLS.
func serveEnds(t *testing.T, address string, trusted ...string) (addr string, ca *CA) {
	t.Helper()
	var prefixes []netip.Prefix
	for _, p := range trusted {
		prefixes = append(prefixes, netip.MustParsePrefix(p))
	}
	inner, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	ca = OpenCA("")
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		local := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
		fmt.Fprintf(w, "%s to %s tls %t", hostOnly(r.RemoteAddr), local, r.TLS != nil)
	}))
	_ = server.Listener.Close()
	server.Listener = Listen(inner, ca.TLS(), prefixes)
	server.Start()
	t.Cleanup(server.Close)
	return inner.Addr().String(), ca
}

func hostOnly(address string) string {
	host, _, _ := net.SplitHostPort(address)
	return host
}

func TestListenerTellsTLSAndAddresses(t *testing.T) {
	addr, ca := serveEnds(t, "0.0.0.0:0")
	_, port, _ := net.SplitHostPort(addr)
	for _, c := range []struct{ scheme, host, want string }{
		{"http", "127.0.0.1", "127.0.0.1 to 127.0.0.1:" + port + " tls false"},
		{"https", "127.0.0.1", "127.0.0.1 to 127.0.0.1:" + port + " tls true"},
		{"http", "127.0.2.1", " to 127.0.2.1:" + port + " tls false"},
		{"https", "127.0.2.1", " to 127.0.2.1:" + port + " tls true"},
	} {
		s := &scene{ca: ca}
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.roots(t), MinVersion: tls.VersionTLS12}}}
		q, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, c.scheme+"://"+c.host+":"+port+"/", nil)
		answer, err := client.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		client.CloseIdleConnections()
		if !strings.Contains(string(body), c.want) {
			t.Errorf("%s://%s: %s, want %s", c.scheme, c.host, body, c.want)
		}
	}
}

func TestListenerProxyHeaders(t *testing.T) {
	const request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	v2 := func(rest string) string { return proxyV2 + rest }
	for _, c := range []struct {
		about, head string
		trusted     bool
		want        string // "" is a closed connection
	}{
		{"none", "", false, "127.0.0.1 to 127.0.0.1"},
		{"none, trusted", "", true, "127.0.0.1 to 127.0.0.1"},
		{"text", "PROXY TCP4 203.0.113.7 127.0.2.1 4711 443\r\n", true, "203.0.113.7 to 127.0.2.1:443"},
		{"text, untrusted", "PROXY TCP4 203.0.113.7 127.0.2.1 4711 443\r\n", false, ""},
		{"text, IPv6", "PROXY TCP6 2001:db8::7 ::1 4711 443\r\n", true, "2001:db8::7 to [::1]:443"},
		{"text, unknown", "PROXY UNKNOWN\r\n", true, "127.0.0.1 to 127.0.0.1"},
		{"text, malformed", "PROXY TCP4 203.0.113.7\r\n", true, ""},
		{"text, families mixed", "PROXY TCP4 2001:db8::7 127.0.0.1 1 2\r\n", true, ""},
		{"text, a bad port", "PROXY TCP4 203.0.113.7 127.0.0.1 1 70000\r\n", true, ""},
		{"text, too long", "PROXY TCP4 " + strings.Repeat(" ", 200) + "\r\n", true, ""},
		{"text, a bare newline", "PROXY TCP4 203.0.113.7 127.0.2.1 4711 443\n", true, ""},
		{"binary", v2("\x21\x11\x00\x0c\xcb\x00\x71\x07\x7f\x00\x02\x01\x12\x67\x01\xbb"), true, "203.0.113.7 to 127.0.2.1:443"},
		{"binary, untrusted", v2("\x21\x11\x00\x0c\xcb\x00\x71\x07\x7f\x00\x02\x01\x12\x67\x01\xbb"), false, ""},
		{"binary, with extras", v2("\x21\x11\x00\x10\xcb\x00\x71\x07\x7f\x00\x02\x01\x12\x67\x01\xbb\x04\x00\x01\x00"), true, "203.0.113.7 to 127.0.2.1:443"},
		{"binary, local", v2("\x20\x00\x00\x00"), true, "127.0.0.1 to 127.0.0.1"},
		{"binary, a Unix socket", v2("\x21\x31\x00\x00"), true, ""},
		{"binary, too short", v2("\x21\x11\x00\x04\xcb\x00\x71\x07"), true, ""},
		{"binary, huge", v2("\x21\x11\xff\xff"), true, ""},
		{"twice", "PROXY TCP4 203.0.113.7 127.0.2.1 1 2\r\nPROXY TCP4 10.0.0.1 127.0.2.1 1 2\r\n", true, "400 Bad Request"},
	} {
		t.Run(c.about, func(t *testing.T) {
			trusted := "192.0.2.0/24"
			if c.trusted {
				trusted = "127.0.0.0/8"
			}
			addr, _ := serveEnds(t, "127.0.0.1:0", trusted)
			conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
			_, _ = io.WriteString(conn, c.head+request)
			answer, _ := io.ReadAll(conn)
			if c.want == "" && len(answer) > 0 || !strings.Contains(string(answer), c.want) {
				t.Errorf("%q, want %q", answer, c.want)
			}
		})
	}
}

// pipeListener hands out one end of pipes.
type pipeListener struct{ conns chan net.Conn }

func (l pipeListener) Accept() (net.Conn, error) {
	c, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (l pipeListener) Close() error   { close(l.conns); return nil }
func (l pipeListener) Addr() net.Addr { return noAddress }

func TestListenerDropsSilentPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := pipeListener{make(chan net.Conn)}
		l := Listen(inner, &tls.Config{MinVersion: tls.VersionTLS12}, nil)
		ours, theirs := net.Pipe()
		inner.conns <- theirs
		started := time.Now()
		if _, err := ours.Read(make([]byte, 1)); err == nil {
			t.Error("a silent peer is answered")
		}
		if took := time.Since(started); took != sniffTimeout {
			t.Errorf("it is dropped after %s, want %s", took, sniffTimeout)
		}
		_ = l.Close()
	}) // and no goroutine is left, or synctest complains
}

func TestListenerBoundsSilentPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := pipeListener{make(chan net.Conn)}
		l := Listen(inner, &tls.Config{MinVersion: tls.VersionTLS12}, nil)
		var silent []net.Conn
		for range maxSniffing {
			ours, theirs := net.Pipe()
			inner.conns <- theirs
			silent = append(silent, ours)
		}
		ours, theirs := net.Pipe()
		inner.conns <- theirs
		if _, err := ours.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("one peer too many: %v, want it closed", err)
		}
		_ = l.Close()
		for _, c := range silent {
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				t.Errorf("after Close: %v", err)
			}
		}
	})
}

func TestClosedListenerAcceptsNothing(t *testing.T) {
	inner, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := Listen(inner, &tls.Config{MinVersion: tls.VersionTLS12}, nil)
	_ = l.Close()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v, want %v", err, net.ErrClosed)
	}
}

// fixed is a connection that brings given bytes.
type fixed struct {
	net.Conn
	r io.Reader
}

func (c fixed) Read(p []byte) (int, error) { return c.r.Read(p) }
func (c fixed) RemoteAddr() net.Addr       { return noAddress }
func (c fixed) LocalAddr() net.Addr        { return noAddress }

func FuzzProxyHeader(f *testing.F) {
	for _, s := range []string{
		"PROXY TCP4 203.0.113.7 127.0.2.1 4711 443\r\nrest", "PROXY UNKNOWN\r\n", proxyV2 + "\x20\x00\x00\x00rest",
		proxyV2 + "\x21\x11\x00\x0c\xcb\x00\x71\x07\x7f\x00\x02\x01\x12\x67\x01\xbbrest", proxyV2 + "\x21\x21\x00\x24" + strings.Repeat("\x01", 36),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c := wrap(fixed{r: bytes.NewReader(data)})
		if _, err := c.peek(min(len(data), sniffSize)); err != nil || !isProxyHeader(c.head) {
			return
		}
		if err := readProxyHeader(c); err != nil {
			return
		}
		rest, _ := io.ReadAll(bufio.NewReader(struct{ io.Reader }{c}))
		if !bytes.HasSuffix(data, rest) || len(rest) >= len(data) {
			t.Errorf("%q leaves %q", data, rest)
		}
		if c.remote == nil || c.local == nil {
			t.Errorf("%q leaves no ends", data)
		}
	})
}
