package emulator

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// networkSeed has two registries that are shut to the public, each with a private endpoint on an address of this machine,
// and one that is open.
const networkSeed = `
resources:
  - {type: Microsoft.ContainerRegistry/registries, name: playground, sku: {name: Premium}}
  - {type: Microsoft.ContainerRegistry/registries, name: shut1, sku: {name: Premium}, properties: {publicNetworkAccess: Disabled}}
  - {type: Microsoft.ContainerRegistry/registries, name: shut2, sku: {name: Premium}, properties: {publicNetworkAccess: Disabled}}
  - type: Microsoft.Network/virtualNetworks
    name: hub
    properties:
      addressSpace: {addressPrefixes: [127.0.2.0/24]}
      subnets: [{name: a, properties: {addressPrefix: 127.0.2.0/24}}]
  - type: Microsoft.Network/privateEndpoints
    name: door1
    properties:
      subnet: {id: "` + testGroup + `/providers/Microsoft.Network/virtualNetworks/hub/subnets/a"}
      privateLinkServiceConnections:
        - {name: c, properties: {privateLinkServiceId: "` + registriesBelow + `shut1", groupIds: [registry], privateLinkServiceConnectionState: {status: Approved}}}
      customDnsConfigs: [{fqdn: shut1.azurecr.io, ipAddresses: [127.0.2.1]}]
  - type: Microsoft.Network/privateEndpoints
    name: door2
    properties:
      subnet: {id: "` + testGroup + `/providers/Microsoft.Network/virtualNetworks/hub/subnets/a"}
      privateLinkServiceConnections:
        - {name: c, properties: {privateLinkServiceId: "` + registriesBelow + `shut2", groupIds: [registry], privateLinkServiceConnectionState: {status: Pending}}}
      customDnsConfigs: [{fqdn: shut2.azurecr.io, ipAddresses: [127.0.2.2]}]
`

// from dials as a peer with an address of its own.
func from(t *testing.T, address string) *http.Transport {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, to)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// TestEndpointAddresses: a connection to the address of a private endpoint came through it, and only to its registry
// (issue 2, "Must show" 7).
func TestEndpointAddresses(t *testing.T) {
	o := seeded(networkSeed)
	o.Listen = "0.0.0.0:0"
	e := start(t, o)
	port := strings.TrimPrefix(e.Endpoints().Service, "http://127.0.0.1:")
	token := func(registry string) string {
		answer, err := e.Token(t.Context(), TokenRequest{As: developerName, Registry: registry})
		if err != nil {
			t.Fatal(err)
		}
		return answer.Token
	}
	for _, c := range []struct {
		name, address, host, registry string
		status                        int
		reason                        gate.Reason
	}{
		{"through the approved endpoint", "127.0.2.1", "shut1.azurecr.io", "shut1", 200, gate.RoleGrants},
		{"a bare address is the endpoint's registry", "127.0.2.1", "127.0.2.1", "shut1", 200, gate.RoleGrants},
		{"in public", "127.0.0.1", "shut1.azurecr.localhost", "shut1", 403, gate.PublicAccessDisabled},
		{"through another registry's approved endpoint", "127.0.2.1", "shut2.azurecr.io", "shut2", 403, gate.PrivateEndpointNotApproved},
		{"through the pending endpoint", "127.0.2.2", "shut2.azurecr.io", "shut2", 403, gate.PrivateEndpointNotApproved},
		{"an open registry, through an endpoint that is not its own", "127.0.2.1", "playground.azurecr.io", "playground", 403, gate.PrivateEndpointNotApproved},
		{"the default registry at the machine's own address", "127.0.0.1", "127.0.0.1", "playground", 200, gate.RoleGrants},
	} {
		t.Run(c.name, func(t *testing.T) {
			form := "grant_type=refresh_token&service=" + c.registry + ".azurecr.io&scope=repository:hello:pull&refresh_token=" + token(c.registry)
			r := request(t, http.MethodPost, "http://"+c.address+":"+port+"/oauth2/token", form, "Content-Type", "application/x-www-form-urlencoded")
			r.Host = c.host
			a := send(t, from(t, "127.0.0.1"), r)
			if a.status != c.status || a.reason() != c.reason {
				t.Errorf("%d for %q, want %d for %q: %s", a.status, a.reason(), c.status, c.reason, a.body)
			}
		})
	}
}

// TestAttachedListener: whoever arrives at an attached listener is in that network, and goes as the network would.
func TestAttachedListener(t *testing.T) {
	o := seeded(networkSeed)
	o.Attach = []Attachment{{Network: "virtualNetworks/hub", Address: "127.0.0.1:0"}}
	e := start(t, o)
	attached := e.listeners.doors[1].listener.Addr().String()
	token, err := e.Token(t.Context(), TokenRequest{As: developerName, Registry: "shut1"})
	if err != nil {
		t.Fatal(err)
	}
	form := "grant_type=refresh_token&service=shut1.azurecr.io&scope=repository:hello:pull&refresh_token=" + token.Token
	for address, want := range map[string]gate.Reason{
		attached: gate.RoleGrants, strings.TrimPrefix(e.Endpoints().Service, "http://"): gate.PublicAccessDisabled,
	} {
		r := request(t, http.MethodPost, "http://"+address+"/oauth2/token", form, "Content-Type", "application/x-www-form-urlencoded")
		r.Host = "shut1.azurecr.io"
		if a := send(t, http.DefaultTransport, r); a.reason() != want {
			t.Errorf("%s: %d for %q, want %q", address, a.status, a.reason(), want)
		}
	}
}

// TestAttachRefusesWhatIsNoNetwork: the error names the address and the network.
func TestAttachRefusesWhatIsNoNetwork(t *testing.T) {
	for _, network := range []string{"virtualNetworks/hob", "containerGroups/worker", "203.0.113.7", ""} {
		e := open(t, Options{Attach: []Attachment{{Network: network, Address: "127.0.0.1:0"}}})
		err := e.Start(t.Context())
		if err == nil || !strings.Contains(err.Error(), "attach 127.0.0.1:0") || strings.Contains(err.Error(), "%!") {
			t.Errorf("%q: %v", network, err)
		}
	}
}

// TestRegistryListener: a registry's own listener answers for it alone, whatever the host says.
func TestRegistryListener(t *testing.T) {
	o := Options{RegistryListen: map[string]string{"MyRegistry": "127.0.0.1:0"}}
	e := start(t, o)
	own := e.Endpoints().Registries["myregistry"]
	if own == "" || own == e.Endpoints().Service {
		t.Fatalf("endpoints %+v", e.Endpoints())
	}
	for _, host := range []string{"", "playground.azurecr.io", "management.azure.com", "localhost:1"} {
		r := request(t, http.MethodGet, own+"/v2/", "")
		r.Host = host
		a := send(t, http.DefaultTransport, r)
		if got := e.Decisions(1, func(DecisionEntry) bool { return true }); a.status != 401 || len(got) != 1 || got[0].LoginServer != "myregistry.azurecr.io" {
			t.Errorf("Host %q: %d, %+v", host, a.status, got)
		}
	}
}

// TestDefaultRegistry: which registry a bare address is.
func TestDefaultRegistry(t *testing.T) {
	const registry = "- {type: Microsoft.ContainerRegistry/registries, name: %, sku: {name: Basic}}\n  "
	with := func(names ...string) string {
		text := "resources:\n  "
		for _, name := range names {
			text += strings.Replace(registry, "%", name, 1)
		}
		return text
	}
	for _, c := range []struct {
		name   string
		seed   string
		chosen string
		want   string
		reason gate.Reason
	}{
		{"the sample's", string(sampleSeed), "", "playground", gate.CredentialMissing},
		{"the one chosen", string(sampleSeed), "MyRegistry", "myregistry", gate.CredentialMissing},
		{"the only one", with("lonely"), "", "lonely", gate.CredentialMissing},
		{"none of two", with("first", "second"), "", "playground", gate.RegistryUnknown},
		{"one that does not exist", with("first"), "third", "third", gate.RegistryUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := seeded(c.seed)
			o.DefaultRegistry = c.chosen
			e := start(t, o)
			if got := e.defaultRegistry(); got != c.want {
				t.Errorf("default registry %q, want %q", got, c.want)
			}
			for _, host := range []string{"", "localhost:5080", "[::1]:5080"} {
				r := request(t, http.MethodGet, e.Endpoints().Service+"/v2/", "")
				r.Host = host
				if a := send(t, http.DefaultTransport, r); a.reason() != c.reason {
					t.Errorf("Host %q: %d for %q, want %q", host, a.status, a.reason(), c.reason)
				}
			}
		})
	}
}

// TestHostsLeadApart: on the service listener each host leads to its service, and one that is not emulated to none.
func TestHostsLeadApart(t *testing.T) {
	e := start(t, Options{})
	for _, c := range []struct {
		host   string
		path   string
		status int
		says   string
	}{
		{"myregistry.azurecr.io", "/v2/", 401, "UNAUTHORIZED"},
		{"my.azurecr.io", "/v2/", 404, "NAME_UNKNOWN"},
		{"management.azure.com", "/subscriptions?api-version=2022-12-01", 401, "AuthenticationFailed"},
		{"login.microsoftonline.com", "/" + azure.DevelopmentTenant + "/v2.0/.well-known/openid-configuration", 200, `"issuer"`},
		{"169.254.169.254", "/metadata/identity/oauth2/token", 400, "error"},
		{"evil-azurecr.io", "/v2/", 421, "no service of the emulator is called evil-azurecr.io"},
		{"myregistry.azurecr.io.evil.com", "/v2/", 421, "no service"},
		{"a.b.azurecr.io", "/v2/", 421, "no service"},
	} {
		r := request(t, http.MethodGet, e.Endpoints().Service+c.path, "")
		r.Host = c.host
		a := send(t, http.DefaultTransport, r)
		if a.status != c.status || !strings.Contains(string(a.body), c.says) {
			t.Errorf("%s: %d %s, want %d and %s", c.host, a.status, a.body, c.status, c.says)
		}
		if server := c.host == "myregistry.azurecr.io"; !server && c.host != "my.azurecr.io" && a.header.Get("X-Acrlocal-Decision") != "" {
			t.Errorf("%s made a decision", c.host)
		}
	}
}

// TestMetadataService: the instance metadata service tells a place its own identity's token, and others nothing
// (design, "Vantage proxy").
func TestMetadataService(t *testing.T) {
	e := start(t, withSample(`
resources:
  - {type: Microsoft.ContainerInstance/containerGroups, name: nobody}
`))
	const token = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://containerregistry.azure.net/"
	for _, c := range []struct {
		place, url, header string
		status             int
		says               string
	}{
		{worker, token, "true", 200, `"access_token"`},
		{"containerGroups/builder", token, "true", 200, `"access_token"`},
		{worker, token, "", 400, "error"},
		{"containerGroups/nobody", token, "true", 400, "Identity not found"},
		{worker, token + "&client_id=" + azure.DevelopmentClientID, "true", 400, "Identity not found"},
	} {
		r := request(t, http.MethodGet, c.url, "")
		if c.header != "" {
			r.Header.Set("Metadata", c.header)
		}
		a := send(t, e.at(t, c.place, ""), r)
		if a.status != c.status || !strings.Contains(string(a.body), c.says) {
			t.Errorf("%s %s: %d %s, want %d and %s", c.place, c.url, a.status, a.body, c.status, c.says)
		}
	}
	for _, place := range []string{"203.0.113.7", "sites/shop"} { // places without it
		r := request(t, http.MethodGet, token, "", "Metadata", "true")
		if response, err := e.at(t, place, "").RoundTrip(r); err == nil {
			response.Body.Close()
			t.Errorf("%s: %s", place, response.Status)
		}
	}
}

// TestLoginServerFollowsTheQuestion: ARM names a registry's login server for the way it was asked (design, "Host names").
func TestLoginServerFollowsTheQuestion(t *testing.T) {
	e := start(t, Options{RegistryListen: map[string]string{"myregistry": "127.0.0.1:0"}})
	bearer, err := e.Token(t.Context(), TokenRequest{As: developerName, Audience: "https://management.azure.com/"})
	if err != nil {
		t.Fatal(err)
	}
	port := e.Endpoints().Service[strings.LastIndexByte(e.Endpoints().Service, ':'):]
	for _, c := range []struct{ host, registry, want string }{
		{"management.azure.com", "myregistry", "myregistry.azurecr.io"},
		{"management.azure.com", "playground", "playground.azurecr.io"},
		{"management.azure.localhost" + port, "myregistry", strings.TrimPrefix(e.Endpoints().Registries["myregistry"], "http://")},
		{"management.azure.localhost" + port, "playground", "localhost" + port},
	} {
		r := request(t, http.MethodGet, e.Endpoints().Service+registriesBelow+c.registry+"?api-version=2023-07-01", "", "Authorization", "Bearer "+bearer.Token)
		r.Host = c.host
		a := send(t, http.DefaultTransport, r)
		if !strings.Contains(string(a.body), `"loginServer":"`+c.want+`"`) {
			t.Errorf("%s at %s: %s has no login server %s", c.registry, c.host, a.body, c.want)
		}
	}
}
