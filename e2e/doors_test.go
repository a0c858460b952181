package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestHeadersGrantNothing sends every header that somebody might believe, to a registry that lets in 203.0.113.0/24 and
// trusted services. The address judged stays the peer's (acr-behaviour §1.3, §3.3).
func TestHeadersGrantNothing(t *testing.T) {
	p := up(t)
	entra := p.development(t, acrAudience)
	for _, header := range []map[string]string{
		nil,
		{"X-Forwarded-For": "203.0.113.7"},
		{"X-Forwarded-For": "203.0.113.7, 127.0.0.1"},
		{"Forwarded": "for=203.0.113.7"},
		{"X-Real-IP": "203.0.113.7"},
		{"True-Client-IP": "203.0.113.7"},
		{"X-Azure-ClientIP": "203.0.113.7"},
		{"X-Azure-SocketIP": "203.0.113.7"},
		{"X-Envoy-External-Address": "203.0.113.7"},
		{"X-Client-IP": "203.0.113.7"},
		{"X-Meta-Source-Client": "azure/aci"},
		{"X-Meta-Source-Client": "azure/acr/tasks"},
		{"X-Ms-Private-Link-Id": myregistryID + "/privateEndpointConnections/hub"},
		{"Proxy-Authorization": "Basic MjAzLjAuMTEzLjc6LQ=="},
		{"X-Acrlocal-Decision": "d1; allow; network; ip-rule"},
	} {
		t.Run(fmt.Sprint(header), func(t *testing.T) {
			c := exchangeCall(myregistry, entra)
			c.header = header
			r := p.ask(t, c)
			if r.status != http.StatusForbidden || r.body != denied("127.0.0.1") {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
}

// denied is ACR's denial of an address, to the byte (acr-behaviour §2.1).
func denied(address string) string { return strings.Replace(deniedTemplate, "{ip}", address, 1) }

// exchangeCall gives an Entra token to a registry: the first request that ACR denies (acr-behaviour §2.2).
func exchangeCall(host, entra string) call {
	return call{host: host, path: "/oauth2/exchange", form: map[string][]string{
		"grant_type": {"access_token"}, "service": {host}, "access_token": {entra},
	}}
}

// TestPlainAnswers shows that nothing of the emulator's own is in an answer, if it is not wanted.
func TestPlainAnswers(t *testing.T) {
	for _, plain := range []bool{true, false} {
		args := []string{"--quiet"}
		if plain {
			args = append(args, "--plain-answers")
		}
		p := up(t, args...)
		for _, path := range []string{"/v2/", "/v2/hello/tags/list", "/oauth2/token"} {
			r := p.ask(t, call{host: myregistry, path: path})
			if hidden := r.header.Get("X-Acrlocal-Decision")+r.header.Get("X-Acrlocal-Why") == ""; hidden != plain {
				t.Errorf("plain %v: %s has %v", plain, path, r.header)
			}
		}
		if p.output.String() != "" {
			t.Errorf("quiet, and it says %s", p.output)
		}
	}
}

// TestTrustedProxies shows that forwarded addresses count from the peers that were named, and from nobody else.
func TestTrustedProxies(t *testing.T) {
	p := up(t, "--trusted-proxies", "127.0.0.9/32")
	entra := p.development(t, acrAudience)
	for _, row := range []struct {
		name, peer, forwarded string
		status                int
		address               string
	}{
		{"the trusted proxy forwards", "127.0.0.9", "203.0.113.7", http.StatusOK, ""},
		{"the trusted proxy forwards somebody else", "127.0.0.9", "198.51.100.7", http.StatusForbidden, "198.51.100.7"},
		{"the client wrote the first hop itself", "127.0.0.9", "203.0.113.7, 198.51.100.7", http.StatusForbidden, "198.51.100.7"},
		{"the trusted proxy says nothing", "127.0.0.9", "", http.StatusForbidden, "127.0.0.9"},
		{"the trusted proxy says nonsense", "127.0.0.9", "203.0.113.7x", http.StatusForbidden, "127.0.0.9"},
		{"its neighbour", "127.0.0.10", "203.0.113.7", http.StatusForbidden, "127.0.0.10"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := exchangeCall(myregistry, entra)
			c.from, c.header = row.peer, map[string]string{"X-Forwarded-For": row.forwarded}
			r := p.ask(t, c)
			if r.status != row.status || row.address != "" && r.body != denied(row.address) {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
	for _, row := range []struct {
		name, peer, header string
		answered           bool
	}{
		{"PROXY from the trusted proxy", "127.0.0.9", "PROXY TCP4 203.0.113.7 127.0.0.1 4711 443\r\n", true},
		{"PROXY from its neighbour", "127.0.0.10", "PROXY TCP4 203.0.113.7 127.0.0.1 4711 443\r\n", false},
		{"PROXY v2 from its neighbour", "127.0.0.10", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xcb\x00\x71\x07\x7f\x00\x00\x01\x12\x67\x01\xbb", false},
		{"malformed PROXY from the trusted proxy", "127.0.0.9", "PROXY TCP4 203.0.113.7\r\n", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			answer := p.raw(t, row.peer, p.host(), row.header+"GET /v2/ HTTP/1.1\r\nHost: "+myregistry+"\r\nConnection: close\r\n\r\n")
			if got := strings.HasPrefix(answer, "HTTP/1.1 401 "); got != row.answered || !row.answered && answer != "" {
				t.Errorf("answer: %q", answer)
			}
		})
	}
}

// raw writes bytes to an address from another one, and returns what comes back until the connection closes.
func (p *process) raw(t testing.TB, from, to, text string) string {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	c, err := dialer.DialContext(t.Context(), "tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		return ""
	}
	answer, _ := io.ReadAll(io.LimitReader(c, maxBody)) // a reset connection is an answer, too
	return string(answer)
}

// TestHostGames sends names that lead, or must not lead, to a login server. A name in another spelling is the same
// registry; a name that only looks like one is none.
func TestHostGames(t *testing.T) {
	p := up(t)
	v := p.at("", playground)
	held := v.logIn(t, clientID)
	port := p.host()[strings.LastIndexByte(p.host(), ':'):]
	for _, row := range []struct {
		host   string
		status int
		reason string
	}{
		{playground, http.StatusOK, "role"},
		{"PlayGround.AzureCR.IO", http.StatusOK, "role"},
		{"playground.azurecr.io:443", http.StatusOK, "role"},
		{"playground.azurecr.io.", http.StatusOK, "role"},
		{"playground.azurecr.io.:443", http.StatusOK, "role"},
		{"playground.azurecr.localhost" + port, http.StatusOK, "role"},
		{"playground.privatelink.azurecr.io", http.StatusOK, "role"},
		{"playground.westeurope.geo.azurecr.io", http.StatusOK, "role"},
		{"localhost" + port, http.StatusOK, "role"},
		{"127.0.0.1" + port, http.StatusOK, "role"},

		{myregistry, http.StatusUnauthorized, "audience-wrong"}, // the token is playground's
		{"nobody.azurecr.io", http.StatusNotFound, "registry-unknown"},
		{"playgroun.azurecr.io", http.StatusNotFound, "registry-unknown"},
		{"playground2.azurecr.io", http.StatusNotFound, "registry-unknown"},

		{".azurecr.io", http.StatusMisdirectedRequest, ""},
		{"azurecr.io", http.StatusMisdirectedRequest, ""},
		{"playground.azurecr.io..", http.StatusMisdirectedRequest, ""},
		{"playground.azurecr.io.example.com", http.StatusMisdirectedRequest, ""},
		{"playground.evil.azurecr.io", http.StatusMisdirectedRequest, ""},
		{"playground.azurecr.iox", http.StatusMisdirectedRequest, ""},
		{"playgroundazurecr.io", http.StatusMisdirectedRequest, ""},
		{"playground.azurecr.io:443:80", http.StatusMisdirectedRequest, ""},
		{"example.com", http.StatusMisdirectedRequest, ""},
	} {
		t.Run(row.host, func(t *testing.T) {
			r := p.ask(t, call{host: row.host, path: "/v2/hello/manifests/v1", header: map[string]string{
				"Authorization": "Bearer " + held.access, "Accept": "*/*",
			}})
			if r.status != row.status || r.reason() != row.reason {
				t.Errorf("%d %q, want %d %q: %s", r.status, r.reason(), row.status, row.reason, r.body)
			}
		})
	}
}

// TestNoTokenFromTheServiceListener shows that nobody is a managed identity by sending a Host header: on the service
// listener the metadata service knows no place.
func TestNoTokenFromTheServiceListener(t *testing.T) {
	p := up(t)
	const path = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=" + acrAudience
	r := p.ask(t, call{host: "169.254.169.254", path: path, header: map[string]string{"Metadata": "true"}})
	if r.status == http.StatusOK || strings.Contains(r.body, "access_token") {
		t.Errorf("%d %s", r.status, r.body)
	}
	r = p.ask(t, call{host: "169.254.169.254", path: path, header: map[string]string{"Metadata": "true", "X-Forwarded-For": "10.0.0.4"}})
	if r.status == http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// TestListenersStaySeparate shows that the service listener has nothing of the management API, whatever the Host header
// says, and that neither the proxy nor another site's page leads to it.
func TestListenersStaySeparate(t *testing.T) {
	p := up(t)
	port := p.manager()[strings.LastIndexByte(p.manager(), ':'):]
	for _, path := range []string{"/api/decisions", "/api/status", "/api/reset", "/health", "/ca.pem"} {
		for _, host := range []string{p.manager(), "localhost" + port, p.host()} {
			if r := p.ask(t, call{host: host, path: path}); r.status < http.StatusBadRequest {
				t.Errorf("the service listener answers %s for %s: %d %s", path, host, r.status, r.body)
			}
		}
	}
	for name, c := range map[string]call{
		"a login server's name":  {host: myregistry, path: "/api/decisions"},
		"a rebound name":         {host: "evil.example.com", path: "/api/decisions"},
		"another site's origin":  {host: p.manager(), path: "/api/decisions", header: map[string]string{"Origin": "http://evil.example.com"}},
		"a registry's v2":        {host: myregistry, path: "/v2/"},
		"a token, from a script": {host: p.manager(), method: http.MethodPost, path: "/api/token", body: map[string]string{}, header: map[string]string{"Origin": "null"}},
	} {
		c.to = p.manager()
		if r := p.ask(t, c); r.status < http.StatusBadRequest {
			t.Errorf("the management listener answers %s: %d %s", name, r.status, r.body)
		}
	}
	if r := p.ask(t, call{to: p.manager(), host: "localhost" + port, path: "/health"}); r.status != http.StatusOK {
		t.Errorf("health: %d %s", r.status, r.body)
	}
}

// TestProxyLeadsNowhereElse tries to get out of the imagined network by its proxy.
func TestProxyLeadsNowhereElse(t *testing.T) {
	p := up(t)
	const place = "Proxy-Authorization: Basic MjAzLjAuMTEzLjc6LQ==\r\n" // 203.0.113.7
	for _, row := range []struct {
		name, request string
		status        int
	}{
		{"CONNECT to the management listener", "CONNECT " + p.manager() + " HTTP/1.1\r\nHost: x\r\n" + place, http.StatusForbidden},
		{"CONNECT to the service listener", "CONNECT " + p.host() + " HTTP/1.1\r\nHost: x\r\n" + place, http.StatusForbidden},
		{"CONNECT to localhost", "CONNECT localhost:22 HTTP/1.1\r\nHost: x\r\n" + place, http.StatusForbidden},
		{"CONNECT elsewhere", "CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n" + place, http.StatusForbidden},
		{"the management API by absolute form", "GET http://" + p.manager() + "/api/decisions HTTP/1.1\r\nHost: " + p.manager() + "\r\n" + place, http.StatusForbidden},
		{"elsewhere by absolute form", "GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n" + place, http.StatusForbidden},
		{"elsewhere, with an emulated Host", "GET http://example.com/ HTTP/1.1\r\nHost: " + myregistry + "\r\n" + place, http.StatusForbidden},
		{"no place", "CONNECT " + myregistry + ":443 HTTP/1.1\r\nHost: x\r\n", http.StatusProxyAuthRequired},
		{"an emulated host", "CONNECT " + myregistry + ":443 HTTP/1.1\r\nHost: x\r\n" + place, http.StatusOK},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := p.firstLine(t, row.request+"\r\n")
			if want := fmt.Sprintf("HTTP/1.1 %d ", row.status); !strings.HasPrefix(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

// firstLine sends a request to the management listener and returns the first line of the answer.
func (p *process) firstLine(t testing.TB, request string) string {
	t.Helper()
	c, err := (&net.Dialer{Timeout: patience}).DialContext(t.Context(), "tcp", p.manager())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}
