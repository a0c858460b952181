package emulator

import (
	"bufio"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// TestManagementAPI: every route, and what it says to what it cannot take.
func TestManagementAPI(t *testing.T) {
	e := start(t, Options{Version: "1.2.3"})
	e.visit(t)
	denied := e.Decisions(1, func(d DecisionEntry) bool { return d.Verdict == gate.Deny })[0]
	for _, c := range []struct {
		method, path, body string
		status             int
		says               []string
	}{
		{"GET", "/", "", 200, []string{"acrlocal 1.2.3", "/api/decisions"}},
		{"GET", "/health", "", 200, []string{`"status":"ok"`, `"revision":`}},
		{"GET", "/ca.pem", "", 200, []string{"BEGIN CERTIFICATE"}},
		{"GET", "/api/status", "", 200, []string{
			`"version":"1.2.3"`, `"name":"myregistry"`, `"network":"selected networks"`, `"ipRules":["203.0.113.0/24"]`, `"containerGroups/worker"`,
			`"clientSecret":"` + azure.DevelopmentSecret + `"`,
		}},
		{"GET", "/api/decisions", "", 200, []string{`"verdict":"allow"`, `"verdict":"deny"`, `"verdict":"challenge"`}},
		{"GET", "/api/decisions?last=1", "", 200, []string{`"verdict":"challenge"`}},
		{"GET", "/api/decisions?verdict=deny", "", 200, []string{`"reason":"not-a-trusted-service"`}},
		{"GET", "/api/decisions?registry=nothing", "", 200, []string{"[]"}},
		{"GET", "/api/decisions?last=0", "", 400, []string{"not a number from 1 to 4096"}},
		{"GET", "/api/decisions?last=4097", "", 400, []string{"not a number from 1 to 4096"}},
		{"GET", "/api/decisions?last=x", "", 400, []string{"not a number from 1 to 4096"}},
		{"GET", "/api/decisions?verdict=denied", "", 400, []string{"none of allow, deny and challenge"}},
		{"GET", "/api/decisions/" + denied.ID, "", 200, []string{`"steps":[`, "az acr network-rule add"}},
		{"GET", "/api/decisions/none", "", 404, []string{`there is no decision \"none\"`}},
		{"GET", "/api/place?name=" + worker, "", 200, []string{`"principal":"` + azure.DerivedID(workerID), `"myregistry.azurecr.io":"`, `"imds":true`}},
		{"GET", "/api/place?name=203.0.113.7", "", 200, []string{`"address":"203.0.113.7"`, `"imds":false`}},
		{"GET", "/api/place?name=sites/shop&as=anonymous", "", 200, []string{`"name":"sites/shop"`}},
		{"GET", "/api/place?name=containerGroups/wroker", "", 400, []string{"containerGroups/worker"}},
		{"POST", "/api/explain", `{"from":"sites/shop","registry":"myregistry"}`, 200, []string{`"behavior":"article"`, `"behavior":"current"`, "not-a-trusted-service"}},
		{"POST", "/api/explain", `{"from":"nowhere-at-all"}`, 400, []string{"nowhere-at-all"}},
		{"POST", "/api/explain", `{"registry":"none"}`, 404, []string{"there is no registry"}},
		{"POST", "/api/explain", `{"form":"sites/shop"}`, 400, []string{"unknown field", "form"}},
		{"POST", "/api/explain", `{`, 400, []string{"not the JSON expected"}},
		{"POST", "/api/explain", `{"from":"` + strings.Repeat("a", maxQuestion) + `"}`, 400, []string{"too large"}},
		{"POST", "/api/token", `{}`, 200, []string{`"principal":"` + azure.DevelopmentPrincipal, `"expiresOn":`}},
		{"POST", "/api/token", `{"from":"containerGroups/worker","registry":"myregistry"}`, 200, []string{`"token":"`}},
		{"POST", "/api/token", `{"from":"203.0.113.7"}`, 400, []string{"has no identity"}},
		{"POST", "/api/token", `{"as":"nobody"}`, 400, []string{"there is no principal"}},
		{"POST", "/api/token", `{"as":"anonymous"}`, 400, []string{"has no identity"}},
		{"POST", "/api/hooks/git", `{"eventType": "build.complete"}`, 200, []string{`{"started":0}`}},
		{"POST", "/api/hooks/git", `{`, 400, []string{"the webhook cannot be read"}},
		{"POST", "/api/reset", ``, 200, []string{`"status":"ok"`}},

		{"GET", "/api", "", 404, []string{"has no /api"}},
		{"GET", "/api/nothing", "", 404, []string{"has no /api/nothing"}},
		{"GET", "/v2/", "", 404, []string{"has no /v2/"}},
		{"POST", "/health", "", 405, []string{"no method POST"}},
		{"GET", "/api/reset", "", 405, []string{"no method GET"}},
		{"DELETE", "/api/decisions", "", 405, []string{"no method DELETE"}},
	} {
		a := send(t, http.DefaultTransport, request(t, c.method, e.Endpoints().Manage+c.path, c.body))
		if a.status != c.status {
			t.Errorf("%s %s: status %d, want %d: %s", c.method, c.path, a.status, c.status, a.body)
		}
		for _, text := range c.says {
			if !strings.Contains(string(a.body), text) {
				t.Errorf("%s %.80s: %s does not say %s", c.method, c.path, a.body, text)
			}
		}
		if isAPI := strings.HasPrefix(c.path, "/api") || c.status >= 400; isAPI && a.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: %s", c.method, c.path, a.header.Get("Content-Type"))
		}
	}
}

// TestManagementIsForThisMachine: what a page of another site can make a browser send is refused, whatever the route.
func TestManagementIsForThisMachine(t *testing.T) {
	e := open(t, Options{})
	for _, c := range []struct {
		host, origin, peer string
		allowed            bool
	}{
		{"127.0.0.1:5081", "", "127.0.0.1:9", true},
		{"127.0.0.1:5081", "http://127.0.0.1:5081", "127.0.0.1:9", true},
		{"localhost:5081", "", "127.0.0.1:9", true},
		{"LOCALHOST:5081", "", "127.0.0.1:9", true},
		{"acrlocal.localhost:5081", "", "127.0.0.1:9", true},
		{"[::1]:5081", "", "[::1]:9", true},
		{"acrlocal:5081", "", "172.18.0.3:9", true}, // a container by its name
		{"127.0.0.1:5081", "http://127.0.0.1:8080", "127.0.0.1:9", false},
		{"127.0.0.1:5081", "https://127.0.0.1:5081", "127.0.0.1:9", false},
		{"127.0.0.1:5081", "http://evil.com", "127.0.0.1:9", false},
		{"127.0.0.1:5081", "null", "127.0.0.1:9", false},
		{"evil.com:5081", "", "127.0.0.1:9", false},
		{"evil.com:5081", "http://evil.com:5081", "127.0.0.1:9", false}, // rebound: host and origin agree
		{"127.0.0.1.evil.com", "", "127.0.0.1:9", false},
		{"localhost.evil.com", "", "127.0.0.1:9", false},
		{"evillocalhost.com", "", "127.0.0.1:9", false},
		{"evil:5081", "", "127.0.0.1:9", false}, // a name of the local network, rebound to this machine
		{"myregistry.azurecr.io", "", "127.0.0.1:9", false},
	} {
		for _, route := range []string{"POST /api/reset", "GET /api/status", "GET /health", "GET /nothing"} {
			method, path, _ := strings.Cut(route, " ")
			r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
			r.Host, r.RemoteAddr = c.host, c.peer
			if c.origin != "" {
				r.Header.Set("Origin", c.origin)
			}
			w := httptest.NewRecorder()
			e.managementWithoutAddresses(w, r)
			if refused := w.Code == http.StatusForbidden; refused == c.allowed {
				t.Errorf("%s with Host %q and Origin %q from %s: %d", route, c.host, c.origin, c.peer, w.Code)
			}
		}
	}
}

// managementWithoutAddresses answers for a management listener that is not open.
func (e *Emulator) managementWithoutAddresses(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/api/status" { // shows the listeners' addresses
		r.URL.Path = "/api/decisions"
	}
	e.management().ServeHTTP(w, r)
}

// TestManagementIsAProxy: on the same listener, requests to a proxy go to the proxy, which knows no default place and
// reaches nothing that is not emulated, least of all the management API.
func TestManagementIsAProxy(t *testing.T) {
	e := start(t, Options{})
	address := strings.TrimPrefix(e.Endpoints().Manage, "http://")
	const place = "Proxy-Authorization: Basic MjAzLjAuMTEzLjc6LQ==\r\n" // 203.0.113.7:-
	for _, c := range []struct {
		line, header string
		status       int
	}{
		{"CONNECT myregistry.azurecr.io:443", "", http.StatusProxyAuthRequired},
		{"CONNECT myregistry.azurecr.io:443", place, http.StatusOK},
		{"CONNECT example.com:443", place, http.StatusForbidden},
		{"CONNECT " + address, place, http.StatusForbidden},
		{"GET http://" + address + "/api/status", place, http.StatusForbidden},
		{"GET http://" + address + "/api/status", "", http.StatusProxyAuthRequired},
		{"GET http://example.com/", place, http.StatusForbidden},
		{"GET http://myregistry.azurecr.io/v2/", place, http.StatusUnauthorized},
		{"GET http://management.azure.com/subscriptions?api-version=2022-12-01", place, http.StatusUnauthorized},
	} {
		t.Run(c.line, func(t *testing.T) {
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			host := strings.Split(strings.TrimPrefix(strings.Fields(c.line)[1], "http://"), "/")[0]
			fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: %s\r\n%s\r\n", c.line, host, c.header)
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != c.status {
				body, _ := io.ReadAll(io.LimitReader(response.Body, 1000))
				t.Errorf("status %d, want %d: %s", response.StatusCode, c.status, body)
			}
			if want := `Basic realm="place"`; c.status == http.StatusProxyAuthRequired && response.Header.Get("Proxy-Authenticate") != want {
				t.Errorf("Proxy-Authenticate %q, want %q", response.Header.Get("Proxy-Authenticate"), want)
			}
		})
	}
}

// TestResetBringsEverythingBack: documents, content and decisions are as at the start; what was added is gone.
func TestResetBringsEverythingBack(t *testing.T) {
	e := start(t, Options{})
	before := bodies(e.core.world.Load())
	image, err := HelloImage("new")
	if err != nil {
		t.Fatal(err)
	}
	e.arms(t, http.MethodDelete, workerID, nil)
	e.arms(t, http.MethodPatch, testRegistry, map[string]any{"publicNetworkAccess": "Disabled"})
	another := map[string]any{"location": "westeurope", "sku": map[string]any{"name": "Basic"}}
	if err := e.ARM(t.Context(), http.MethodPut, registriesBelow+"another", another, nil); err != nil {
		t.Fatal(err)
	}
	if err := e.at(t, "tasks/nightly", "").Push(t.Context(), "myregistry.azurecr.io/new:v1", image); err != nil {
		t.Fatal(err)
	}
	if err := e.at(t, "tasks/nightly", "").Push(t.Context(), "myregistry.azurecr.io/hello:v1", image); err != nil {
		t.Fatal(err)
	}
	revision := e.core.world.Load().revision

	a := send(t, http.DefaultTransport, request(t, http.MethodPost, e.Endpoints().Manage+"/api/reset", ""))
	if a.status != http.StatusOK {
		t.Fatalf("reset: %d %s", a.status, a.body)
	}
	if got := e.core.world.Load().revision; got <= revision {
		t.Errorf("revision went from %d to %d; numbers are never used twice", revision, got)
	}
	if diff := len(e.Decisions(10, func(DecisionEntry) bool { return true })); diff != 0 {
		t.Errorf("%d decisions are left", diff)
	}
	after := bodies(e.core.world.Load())
	for key := range after {
		if before[key] == nil {
			t.Errorf("%s is left", key)
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d documents, at the start %d", len(after), len(before))
	}
	s := e.at(t, worker, "")
	got, err := s.Pull(t.Context(), hello)
	if err != nil {
		t.Fatal(err)
	}
	sample, _ := HelloImage(helloText)
	want, _ := sample.Digest()
	if digest, _ := got.Digest(); digest != want {
		t.Errorf("hello:v1 is %s, at the start %s", digest, want)
	}
	if _, err := s.Pull(t.Context(), "myregistry.azurecr.io/new:v1"); err == nil {
		t.Error("the image pushed before is still there")
	}
}

// TestCertificateAuthority: what /ca.pem gives is one certificate and no key.
func TestCertificateAuthority(t *testing.T) {
	e := start(t, Options{})
	a := send(t, http.DefaultTransport, request(t, http.MethodGet, e.Endpoints().Manage+"/ca.pem", ""))
	block, rest := pem.Decode(a.body)
	if block == nil || block.Type != "CERTIFICATE" || strings.TrimSpace(string(rest)) != "" {
		t.Errorf("%s", a.body)
	}
}
