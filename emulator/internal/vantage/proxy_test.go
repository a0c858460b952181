package vantage

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// client is an HTTP client that goes through a proxy URL and trusts the scene's authority alone.
func (s *scene) client(t testing.TB, proxyURL string) *http.Client {
	t.Helper()
	u, err := url.Parse(proxyURL)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{
		Proxy:             http.ProxyURL(u),
		TLSClientConfig:   &tls.Config{RootCAs: s.roots(t), MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

func (s *scene) roots(t testing.TB) *x509.CertPool {
	t.Helper()
	pem, err := s.ca.PEM()
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("the authority's certificate cannot be read")
	}
	return pool
}

// at is the proxy's URL with a place as the user name.
func (s *scene) at(place string) string {
	return (&url.URL{Scheme: "http", User: url.UserPassword(place, "-"), Host: s.addr}).String()
}

func get(t testing.TB, c *http.Client, target string) (seen, *http.Response) {
	t.Helper()
	q, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, target, nil)
	answer, err := c.Do(q)
	if err != nil {
		t.Fatalf("GET %s: %v", target, err)
	}
	defer answer.Body.Close()
	var told seen
	if answer.StatusCode == http.StatusOK {
		if err := json.NewDecoder(answer.Body).Decode(&told); err != nil {
			t.Fatal(err)
		}
	}
	return told, answer
}

func TestProxyPlaces(t *testing.T) {
	s := newScene(t, tell)
	for _, c := range []struct {
		place, target string
		want          seen
	}{
		{"203.0.113.7", "https://myregistry.azurecr.io/v2/", seen{Place: "203.0.113.7", Peer: "203.0.113.7", Host: "myregistry.azurecr.io", Path: "/v2/", Secure: true}},
		{"203.0.113.7", "http://myregistry.azurecr.io/v2/?n=1", seen{Place: "203.0.113.7", Peer: "203.0.113.7", Host: "myregistry.azurecr.io", Path: "/v2/?n=1"}},
		{"2001-db8--1", "https://myregistry.azurecr.io/", seen{Place: "2001:db8::1", Peer: "2001:db8::1", Host: "myregistry.azurecr.io", Path: "/", Secure: true}},
		{"containerGroups/worker", "https://myregistry.azurecr.io/", seen{Place: "containerGroups/worker", Peer: "203.0.113.70", Host: "myregistry.azurecr.io", Path: "/", Secure: true}},
		{"virtualNetworks/hub/subnets/app", "https://myregistry.azurecr.io/", seen{Place: "subnets/app", Peer: "10.0.2.166", Endpoint: "door", Host: "myregistry.azurecr.io", Path: "/", Secure: true}},
		{"virtualNetworks/hub/subnets/app", "https://other.azurecr.io/", seen{Place: "subnets/app", Peer: "198.51.100.94", Host: "other.azurecr.io", Path: "/", Secure: true}},
		{"virtualNetworks/hub/subnets/app", "https://myregistryx.azurecr.io/", seen{Place: "subnets/app", Peer: "198.51.100.94", Host: "myregistryx.azurecr.io", Path: "/", Secure: true}},
		{"10.0.2.9", "https://MyRegistry.azurecr.io:443/", seen{Place: "10.0.2.9", Peer: "10.0.2.9", Endpoint: "door", Host: "myregistry.azurecr.io", Path: "/", Secure: true}},
		{"10.0.2.9", "https://management.azure.com/subscriptions", seen{Place: "10.0.2.9", Peer: "198.51.100.94", Host: "management.azure.com", Path: "/subscriptions", Secure: true}},
		{"10.0.2.9", "https://myregistry.azurecr.io:5080/", seen{Place: "10.0.2.9", Peer: "10.0.2.9", Endpoint: "door", Host: "myregistry.azurecr.io:5080", Path: "/", Secure: true}},
		{"containerGroups/worker", "http://169.254.169.254/metadata/instance", seen{Place: "containerGroups/worker", Peer: "203.0.113.70", Host: "169.254.169.254", Path: "/metadata/instance"}},
	} {
		got, answer := get(t, s.client(t, s.at(c.place)), c.target)
		if got.Headers.Get("Proxy-Authorization") != "" {
			t.Errorf("%s → %s: the proxy's credentials reach the host", c.place, c.target)
		}
		if c.want.Remote = c.want.Peer; got.Remote == "" {
			t.Errorf("%s → %s: %s", c.place, c.target, answer.Status)
			continue
		}
		c.want.Protocol, got.Headers = "HTTP/1.1", nil
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s → %s (-want +got):\n%s", c.place, c.target, diff)
		}
	}
}

// exchange sends bytes to the management listener and returns status, X-Acrlocal-Why and body of the answer; the status
// is 0 if the connection was closed without one.
func (s *scene) exchange(t *testing.T, request string) (int, string, http.Header) {
	t.Helper()
	c := s.dial(t)
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(c, request); err != nil {
		return 0, "", nil
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: strings.Split(request, " ")[0]})
	if err != nil {
		return 0, "", nil
	}
	defer answer.Body.Close()
	return answer.StatusCode, answer.Header.Get("X-Acrlocal-Why"), answer.Header
}

func basic(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func TestProxyRefusals(t *testing.T) {
	s := newScene(t, tell)
	authorized := "Proxy-Authorization: Basic " + basic("203.0.113.7:-") + "\r\n"
	connect := func(address string) string {
		return "CONNECT " + address + " HTTP/1.1\r\nHost: " + address + "\r\n" + authorized + "\r\n"
	}
	absolute := func(target string) string {
		return "GET " + target + " HTTP/1.1\r\nHost: myregistry.azurecr.io\r\n" + authorized + "\r\n"
	}
	as := func(user string) string {
		return "CONNECT myregistry.azurecr.io:443 HTTP/1.1\r\nHost: x\r\nProxy-Authorization: " + user + "\r\n\r\n"
	}
	for _, c := range []struct {
		about, request string
		status         int
		why            string
	}{
		{"no place", "CONNECT myregistry.azurecr.io:443 HTTP/1.1\r\nHost: x\r\n\r\n", 407, "user name must be a place"},
		{"no place, whole URL", "GET http://myregistry.azurecr.io/ HTTP/1.1\r\nHost: x\r\n\r\n", 407, "user name must be a place"},
		{"an empty place", as("Basic " + basic(":-")), 407, "user name must be a place"},
		{"another scheme", as("Bearer " + basic("203.0.113.7:-")), 407, "user name must be a place"},
		{"not base64", as("Basic 203.0.113.7"), 407, "user name must be a place"},
		{"an unknown place", as("Basic " + basic("containerGroups/wroker:-")), 403, "near: containerGroups/worker"},
		{"a private address nobody has", as("Basic " + basic("10.9.9.9:-")), 403, "no virtual network contains"},
		{"no password at all", as("Basic " + basic("203.0.113.7")), 200, ""},
		{"a host that is not emulated", connect("example.com:443"), 403, "example.com is not emulated"},
		{"a look-alike", connect("myregistry.azurecr.io.example.com:443"), 403, "not emulated"},
		{"a suffix without a dot", connect("evilazurecr.io:443"), 403, "not emulated"},
		{"the management listener", connect(s.addr), 403, "127.0.0.1 is not emulated"},
		{"the management listener by name", connect("localhost:" + strings.Split(s.addr, ":")[1]), 403, "localhost is not emulated"},
		{"the service listener", connect("127.0.0.1:5080"), 403, "127.0.0.1 is not emulated"},
		{"loopback in IPv6", connect("[::1]:443"), 403, "::1 is not emulated"},
		{"loopback, mapped", connect("[::ffff:127.0.0.1]:443"), 403, "127.0.0.1 is not emulated"},
		{"loopback as a number", connect("2130706433:443"), 403, "2130706433 is not emulated"},
		{"a private endpoint's address", connect("10.0.2.4:443"), 403, "10.0.2.4 is not emulated"},
		{"the metadata service, no IMDS there", connect("169.254.169.254:80"), 0, ""},
		{"another port", connect("myregistry.azurecr.io:22"), 403, "no port 22"},
		{"port 0", connect("myregistry.azurecr.io:0"), 400, "not a host and a port"},
		{"no port", connect("myregistry.azurecr.io"), 400, ""},
		{"a port too large", connect("myregistry.azurecr.io:65979"), 400, "not a host and a port"},
		{"an odd name", connect("my%20registry.azurecr.io:443"), 400, ""},
		{"a trailing dot", connect("MyRegistry.azurecr.io.:443"), 200, ""},
		{"two trailing dots", connect("myregistry.azurecr.io..:443"), 400, "not a host and a port"},
		{"https as a whole URL", absolute("https://myregistry.azurecr.io/"), 400, "need CONNECT"},
		{"ftp", absolute("ftp://myregistry.azurecr.io/"), 400, "need CONNECT"},
		{"a whole URL elsewhere", absolute("http://example.com/"), 403, "example.com is not emulated"},
		{"a whole URL to the management listener", absolute("http://" + s.addr + "/api/reset"), 403, "127.0.0.1 is not emulated"},
		{"the Host header does not choose", absolute("http://other.azurecr.io/"), 200, ""},
		{"no proxy request", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 200, ""},
		{"a PROXY header", "PROXY TCP4 203.0.113.7 127.0.0.1 4711 443\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 0, ""},
		{"a binary PROXY header", proxyV2 + "\x21\x11\x00\x0c\xcb\x00\x71\x07\x7f\x00\x00\x01\x12\x67\x01\xbbGET / HTTP/1.1\r\nHost: x\r\n\r\n", 0, ""},
	} {
		status, why, header := s.exchange(t, c.request)
		if status != c.status || !strings.Contains(why, c.why) {
			t.Errorf("%s: %d %q, want %d %q", c.about, status, why, c.status, c.why)
		}
		if challenge := header.Get("Proxy-Authenticate"); status == 407 && challenge != `Basic realm="place"` {
			t.Errorf("%s: challenge %q", c.about, challenge)
		}
	}
}

// tunnelTo opens a tunnel by hand.
func (s *scene) tunnelTo(t *testing.T, place, address string) net.Conn {
	t.Helper()
	c := s.dial(t)
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\nHost: %s\r\nProxy-Authorization: Basic %s\r\n\r\n", address, address, basic(place+":-"))
	answer, err := http.ReadResponse(bufio.NewReader(io.LimitReader(c, int64(len("HTTP/1.1 200 Connection established\r\n\r\n")))), nil)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("CONNECT %s: %v, %v", address, answer, err)
	}
	return c
}

func TestHostGamesInsideTunnel(t *testing.T) {
	s := newScene(t, tell)
	for _, c := range []struct {
		about, tunnel, host string
		status              int
	}{
		{"the same host", "myregistry.azurecr.io:80", "myregistry.azurecr.io", 200},
		{"with port", "myregistry.azurecr.io:80", "myregistry.azurecr.io:80", 200},
		{"case and trailing dot", "myregistry.azurecr.io:80", "MYREGISTRY.azurecr.io.", 200},
		{"another registry", "myregistry.azurecr.io:80", "other.azurecr.io", 421},
		{"management", "myregistry.azurecr.io:80", "management.azure.com", 421},
		{"the metadata service", "myregistry.azurecr.io:80", "169.254.169.254", 421},
		{"a bare address", "myregistry.azurecr.io:80", "127.0.0.1", 421},
		{"another port", "myregistry.azurecr.io:80", "myregistry.azurecr.io:443", 421},
		{"a name that only begins so", "myregistry.azurecr.io:80", "myregistry.azurecr.io.evil.example", 421},
		{"an empty host", "myregistry.azurecr.io:80", "", 421},
		{"plain HTTP at 443", "myregistry.azurecr.io:443", "myregistry.azurecr.io", 200},
	} {
		tunnel := s.tunnelTo(t, "203.0.113.7", c.tunnel)
		fmt.Fprintf(tunnel, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", c.host)
		answer, err := http.ReadResponse(bufio.NewReader(tunnel), nil)
		if err != nil || answer.StatusCode != c.status {
			t.Errorf("%s: %v, %v, want %d", c.about, answer, err, c.status)
		}
	}
	tunnel := s.tunnelTo(t, "203.0.113.7", "myregistry.azurecr.io:80")
	fmt.Fprint(tunnel, "GET http://management.azure.com/ HTTP/1.1\r\nHost: management.azure.com\r\n\r\n")
	if answer, err := http.ReadResponse(bufio.NewReader(tunnel), nil); err != nil || answer.StatusCode != http.StatusBadRequest {
		t.Errorf("a whole URL inside a tunnel: %v, %v", answer, err)
	}
}

func TestPROXYHeaderInsideTunnel(t *testing.T) {
	s := newScene(t, tell)
	tunnel := s.tunnelTo(t, "203.0.113.7", "myregistry.azurecr.io:80")
	fmt.Fprint(tunnel, "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nGET / HTTP/1.1\r\nHost: myregistry.azurecr.io\r\n\r\n")
	if n, err := tunnel.Read(make([]byte, 1)); n != 0 {
		t.Errorf("a PROXY header inside a tunnel is answered: %v", err)
	}
}

func TestTunnelCertificate(t *testing.T) {
	s := newScene(t, tell)
	tunnel := s.tunnelTo(t, "203.0.113.7", "myregistry.azurecr.io:443")
	secured := tls.Client(tunnel, &tls.Config{RootCAs: s.roots(t), ServerName: "other.azurecr.io", MinVersion: tls.VersionTLS12})
	if err := secured.HandshakeContext(context.Background()); err == nil {
		t.Error("a tunnel to myregistry presents a certificate for another registry")
	}
}

func TestNextRequestIsJudgedByTheStateAsItIs(t *testing.T) {
	s := newScene(t, tell)
	client := s.client(t, s.at("containerGroups/worker"))
	if got, _ := get(t, client, "https://myregistry.azurecr.io/"); got.Peer != "203.0.113.70" {
		t.Fatalf("peer %q", got.Peer)
	}
	s.world.apply(t, change(t, strings.ReplaceAll(workerDocument, "203.0.113.70", "203.0.113.71")))
	if got, _ := get(t, client, "https://myregistry.azurecr.io/"); got.Peer != "203.0.113.71" {
		t.Errorf("after the address changed: peer %q", got.Peer)
	}
	s.world.apply(t, azure.Change{Delete: []string{group + "Microsoft.ContainerInstance/containerGroups/worker"}})
	if _, answer := get(t, client, "https://myregistry.azurecr.io/"); answer.StatusCode != http.StatusForbidden {
		t.Errorf("after the resource is gone: %s", answer.Status)
	}
}

func TestIMDSClosesWhereThereIsNone(t *testing.T) {
	s := newScene(t, tell)
	for _, place := range []string{"203.0.113.7", "sites/shop", "service/defender"} {
		for _, target := range []string{"http://169.254.169.254/metadata/instance", "https://169.254.169.254/metadata/instance"} {
			q, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, target, nil)
			answer, err := s.client(t, s.at(place)).Do(q)
			if err == nil {
				_ = answer.Body.Close()
				t.Errorf("%s at %s: %s", target, place, answer.Status)
			}
		}
	}
}

func TestGoClientsPrintTheReason(t *testing.T) {
	s := newScene(t, tell)
	for place, want := range map[string]string{"203.0.113.7": "example.com is not emulated", "wroker": "near: containerGroups/worker"} {
		q, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://example.com/", nil)
		if place == "wroker" {
			q.URL.Host = "myregistry.azurecr.io"
		}
		answer, err := s.client(t, s.at(place)).Do(q)
		if err == nil {
			_ = answer.Body.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", place, err, want)
		}
	}
}

func TestTunnelsAreBounded(t *testing.T) {
	s := newScene(t, tell)
	var open []net.Conn
	for range 64 {
		open = append(open, s.tunnelTo(t, "203.0.113.7", "myregistry.azurecr.io:443"))
	}
	request := "CONNECT myregistry.azurecr.io:443 HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic " + basic("203.0.113.7:-") + "\r\n\r\n"
	if status, why, _ := s.exchange(t, request); status != http.StatusServiceUnavailable {
		t.Errorf("the 65th tunnel: %d %q", status, why)
	}
	for _, c := range open {
		_ = c.Close()
	}
	for range 1000 { // the other side learns of it in its own time
		if status, _, _ := s.exchange(t, request); status == http.StatusOK {
			return
		}
	}
	t.Error("closed tunnels are not given back")
}

func TestBodiesPassThrough(t *testing.T) {
	s := newScene(t, tell)
	body := bytes.Repeat([]byte("layer "), 1<<18)
	for _, target := range []string{"http://myregistry.azurecr.io/", "https://myregistry.azurecr.io/"} {
		q, _ := http.NewRequestWithContext(context.Background(), http.MethodPost, target, bytes.NewReader(body))
		answer, err := s.client(t, s.at("203.0.113.7")).Do(q)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil || !bytes.Equal(got, body) {
			t.Errorf("%s: %d bytes of %d came back, %v", target, len(got), len(body), err)
		}
	}
}
