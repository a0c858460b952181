package e2e

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/emulator"
)

// The names of the sample environment that the tests use.
const (
	tenantID       = "acac10ca-1000-4000-8000-000000000001"
	subscription   = "/subscriptions/acac10ca-2000-4000-8000-000000000001"
	clientID       = "acac10ca-3000-4000-8000-000000000001"
	clientSecret   = "acrlocal-development-secret"
	group          = subscription + "/resourceGroups/acrlocal"
	myregistryID   = group + "/providers/Microsoft.ContainerRegistry/registries/myregistry"
	myregistry     = "myregistry.azurecr.io"
	playground     = "playground.azurecr.io"
	acrAudience    = "https://containerregistry.azure.net"
	armAudience    = "https://management.azure.com/"
	armVersion     = "?api-version=2025-06-01-preview"
	formType       = "application/x-www-form-urlencoded"
	maxBody        = 8 << 20
	deniedTemplate = `{"errors":[{"code":"DENIED","message":"client with IP \u0027{ip}\u0027 is not allowed access. Refer https://aka.ms/acr/firewall to grant access."}]}`
)

// call is one HTTP request.
type call struct {
	place  string // through the proxy, from this place; empty dials the listener
	to     string // address dialled; the service listener if empty
	from   string // address dialled from; the kernel's choice if empty
	method string // GET if empty, or POST if there is a form
	host   string // Host header
	path   string
	header map[string]string
	form   url.Values
	body   any // JSON
}

// reply is what came of a call.
type reply struct {
	status int
	header http.Header
	body   string
}

// reason is the reason that the emulator gives for its answer.
func (r reply) reason() string {
	parts := strings.Split(r.header.Get("X-Acrlocal-Decision"), "; ")
	return parts[len(parts)-1]
}

// field is a member of the JSON body.
func (r reply) field(name string) string {
	var members map[string]any
	_ = json.Unmarshal([]byte(r.body), &members)
	text, _ := members[name].(string)
	return text
}

// ask makes a call. Each has a connection of its own.
func (p *process) ask(t testing.TB, c call) reply {
	t.Helper()
	transport, err := p.transport(c)
	if err != nil {
		t.Fatal(err)
	}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(p.request(t, c))
	if err != nil {
		t.Fatalf("%s %s%s: %v", c.method, c.host, c.path, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, string(body)}
}

func (p *process) request(t testing.TB, c call) *http.Request {
	t.Helper()
	base := "http://" + or(c.to, p.host())
	if c.place != "" {
		base = "https://" + c.host
	}
	method, body := or(c.method, http.MethodGet), []byte(nil)
	if c.form != nil {
		method, body = or(c.method, http.MethodPost), []byte(c.form.Encode())
	}
	if c.body != nil {
		body, _ = json.Marshal(c.body)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, base+c.path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = c.host
	switch {
	case c.form != nil:
		r.Header.Set("Content-Type", formType)
	case c.body != nil:
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.header {
		r.Header.Set(name, value)
	}
	return r
}

func (p *process) transport(c call) (*http.Transport, error) {
	dialer := &net.Dialer{}
	if c.from != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(c.from)}
	}
	transport := &http.Transport{DialContext: dialer.DialContext}
	if c.place == "" {
		return transport, nil
	}
	authority, err := os.ReadFile(p.CA)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	transport.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: p.manager(), User: url.UserPassword(c.place, "-")})
	return transport, nil
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// visitor talks to one login server: from a place, or from an address of this machine.
type visitor struct {
	*process
	place, host string
}

// at returns a visitor from a place; the empty place is this machine.
func (p *process) at(place, host string) visitor { return visitor{p, place, host} }

// exchange gives an Entra token for a refresh token.
func (v visitor) exchange(t testing.TB, entra string) reply {
	t.Helper()
	return v.ask(t, call{place: v.place, host: v.host, path: "/oauth2/exchange", form: url.Values{
		"grant_type": {"access_token"}, "service": {v.host}, "access_token": {entra},
	}})
}

// token gives a refresh token for an access token.
func (v visitor) token(t testing.TB, refresh, scope string) reply {
	t.Helper()
	return v.ask(t, call{place: v.place, host: v.host, path: "/oauth2/token", form: url.Values{
		"grant_type": {"refresh_token"}, "service": {v.host}, "scope": {scope}, "refresh_token": {refresh},
	}})
}

// manifest asks for the sample image with an access token.
func (v visitor) manifest(t testing.TB, access string) reply {
	t.Helper()
	return v.ask(t, call{place: v.place, host: v.host, path: "/v2/hello/manifests/v1", header: map[string]string{
		"Authorization": "Bearer " + access, "Accept": "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json",
	}})
}

// catalog lists the repositories with an access token.
func (v visitor) catalog(t testing.TB, access string) reply {
	t.Helper()
	return v.ask(t, call{place: v.place, host: v.host, path: "/v2/_catalog", header: map[string]string{"Authorization": "Bearer " + access}})
}

// papers are all that a client holds after it logged in and pulled.
type papers struct{ entra, refresh, access string }

// logIn gets all papers for pulling the sample image.
func (v visitor) logIn(t testing.TB, as string) papers {
	t.Helper()
	return v.papersFor(t, as, "repository:hello:pull")
}

// papersFor gets all papers for a scope; every step must succeed.
func (v visitor) papersFor(t testing.TB, as, scope string) papers {
	t.Helper()
	var held papers
	held.entra = v.entraToken(t, emulator.TokenRequest{As: as, From: v.place})
	r := v.exchange(t, held.entra)
	if held.refresh = r.field("refresh_token"); held.refresh == "" {
		t.Fatalf("exchange at %s from %q: %d %s", v.host, v.place, r.status, r.body)
	}
	r = v.token(t, held.refresh, scope)
	if held.access = r.field("access_token"); held.access == "" {
		t.Fatalf("token of %s from %q: %d %s", v.host, v.place, r.status, r.body)
	}
	return held
}

// entraToken asks the management API for a token.
func (p *process) entraToken(t testing.TB, q emulator.TokenRequest) string {
	t.Helper()
	var answer emulator.TokenAnswer
	p.management(t, "/api/token", q, &answer)
	return answer.Token
}

// development is the development service principal's Entra token, got as any client would.
func (p *process) development(t testing.TB, audience string) string {
	t.Helper()
	r := p.ask(t, call{host: "login.microsoftonline.com", path: "/" + tenantID + "/oauth2/v2.0/token", form: url.Values{
		"grant_type": {"client_credentials"}, "client_id": {clientID}, "client_secret": {clientSecret},
		"scope": {audience + "/.default"},
	}})
	if r.status != http.StatusOK {
		t.Fatalf("Entra: %d %s", r.status, r.body)
	}
	return r.field("access_token")
}

// arm calls Azure Resource Manager as the subscription's owner, and must succeed.
func (p *process) arm(t testing.TB, method, id string, body any) map[string]any {
	t.Helper()
	r := p.ask(t, call{method: method, host: "management.azure.com", path: id + armVersion, body: body, header: map[string]string{
		"Authorization": "Bearer " + p.development(t, armAudience),
	}})
	if r.status >= http.StatusBadRequest {
		t.Fatalf("%s %s: %d %s", method, id, r.status, r.body)
	}
	var document map[string]any
	_ = json.Unmarshal([]byte(r.body), &document)
	return document
}

// value finds a value in a JSON document by the names on the way to it.
func value(document any, path ...string) any {
	for _, name := range path {
		members, _ := document.(map[string]any)
		document = members[name]
	}
	return document
}

// management asks the management API, and must succeed.
func (p *process) management(t testing.TB, path string, question, answer any) {
	t.Helper()
	c := call{to: p.manager(), host: p.manager(), path: path}
	if question != nil {
		c.method, c.body = http.MethodPost, question
	}
	r := p.ask(t, c)
	if r.status != http.StatusOK {
		t.Fatalf("%s: %d %s", path, r.status, r.body)
	}
	if err := json.Unmarshal([]byte(r.body), answer); err != nil {
		t.Fatal(err)
	}
}
