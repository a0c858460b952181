package e2e

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// seed writes a seed file of testdata with words replaced, and returns its path.
func seed(t testing.TB, file string, oldnew ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(append([]string{"GROUP", group, "SUBSCRIPTION", subscription}, oldnew...)...).Replace(string(data))
	path := filepath.Join(t.TempDir(), file)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestLoopbackNetwork uses addresses of this machine as a network: 127.0.2.1 is the private endpoint of myregistry and
// 127.0.2.2 that of other; both have no public access. What is dialled decides (acr-behaviour §0 1a, §7).
func TestLoopbackNetwork(t *testing.T) {
	for _, c := range []struct {
		status, listen string
		answer         int
		reason         string
	}{
		{"Approved", "127.0.2.1:0", http.StatusOK, "entra"},
		{"Pending", "127.0.2.1:0", http.StatusForbidden, "private-endpoint-not-approved"},
		{"Rejected", "127.0.2.1:0", http.StatusForbidden, "private-endpoint-not-approved"},
		{"Disconnected", "127.0.2.1:0", http.StatusForbidden, "private-endpoint-not-approved"},
		{"Approved", "127.0.2.2:0", http.StatusForbidden, "private-endpoint-not-approved"}, // the other registry's endpoint
		{"Approved", "127.0.2.3:0", http.StatusForbidden, "public-access-disabled"},        // no endpoint at all
	} {
		t.Run(c.status+" at "+c.listen, func(t *testing.T) {
			p := up(t, "--config", seed(t, "endpoints.yaml", "STATUS", c.status), "--listen", c.listen, "--default-registry", "myregistry")
			entra := p.development(t, acrAudience)
			r := p.ask(t, exchangeCall(myregistry, entra))
			if r.status != c.answer || c.answer != http.StatusOK && r.reason() != c.reason {
				t.Errorf("%d %q, want %d %q: %s", r.status, r.reason(), c.answer, c.reason, r.body)
			}
			if c.answer == http.StatusForbidden && !strings.Contains(r.body, "is not allowed access. Refer https://aka.ms/acr/firewall") {
				t.Errorf("body %s", r.body)
			}
		})
	}
}

// TestEndpointAddressNamesItsRegistry shows that a bare endpoint address leads to the registry behind the endpoint, by
// which crane and docker use it without a name.
func TestEndpointAddressNamesItsRegistry(t *testing.T) {
	p := up(t, "--config", seed(t, "endpoints.yaml", "STATUS", "Approved"), "--listen", "127.0.2.2:0", "--default-registry", "myregistry")
	r := p.ask(t, call{host: p.host(), path: "/v2/"})
	if got := r.header.Get("Www-Authenticate"); !strings.Contains(got, `service="other.azurecr.io"`) {
		t.Errorf("%d %s", r.status, got)
	}
}

// TestRegistryListen gives a registry a port of its own at the address of another registry's endpoint: the name may be
// forced, the way may not.
func TestRegistryListen(t *testing.T) {
	p := up(t, "--config", seed(t, "endpoints.yaml", "STATUS", "Approved"), "--default-registry", "other",
		"--registry-listen", "myregistry=127.0.2.1:0", "--registry-listen", "other=127.0.2.1:0")
	entra := p.development(t, acrAudience)
	for registry, status := range map[string]int{"myregistry": http.StatusOK, "other": http.StatusForbidden} {
		c := exchangeCall(registry+".azurecr.io", entra)
		c.to = strings.TrimPrefix(p.Registries[registry], "http://")
		if r := p.ask(t, c); r.status != status {
			t.Errorf("%s at %s: %d %q, want %d", registry, c.to, r.status, r.reason(), status)
		}
	}
}

// TestAttach shows that peers arriving at an attached address are in that network, and so behind its endpoints.
func TestAttach(t *testing.T) {
	attached := freeAddress(t)
	p := up(t, "--config", seed(t, "endpoints.yaml", "STATUS", "Approved"), "--default-registry", "myregistry", "--attach", "virtualNetworks/hub="+attached)
	entra := p.development(t, acrAudience)
	for address, status := range map[string]int{attached: http.StatusOK, p.host(): http.StatusForbidden} {
		c := exchangeCall(myregistry, entra)
		c.to = address
		if r := p.ask(t, c); r.status != status {
			t.Errorf("at %s: %d %q, want %d", address, r.status, r.reason(), status)
		}
	}
}

// freeAddress is an address at which nobody listens at the moment.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.2.4:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestNamesThatBeginAlike has two registries of which one's name begins with the other's. A role on the shorter gives
// nothing on the longer, and neither does a token.
func TestNamesThatBeginAlike(t *testing.T) {
	p := up(t, "--config", seed(t, "alike.yaml"), "--default-registry", "shop11")
	const as = "virtualMachines/buyer"
	home := p.at("", "shop11.azurecr.io")
	short := home.papersFor(t, as, "registry:catalog:*")
	if r := home.catalog(t, short.access); r.status != http.StatusOK {
		t.Fatalf("the registry with the role: %d %q %s", r.status, r.reason(), r.body)
	}
	long := p.at("", "shop1111.azurecr.io")
	if r := long.exchange(t, short.entra); r.status != http.StatusUnauthorized || r.reason() != "no-role" {
		t.Errorf("exchange at the registry without a role: %d %q", r.status, r.reason())
	}
	if r := long.token(t, short.refresh, "registry:catalog:*"); r.reason() != "audience-wrong" {
		t.Errorf("token: %d %q", r.status, r.reason())
	}
	if r := long.catalog(t, short.access); r.reason() != "audience-wrong" {
		t.Errorf("catalog: %d %q", r.status, r.reason())
	}
}

// TestSeveralAddresses listens at more than one address, as a machine on several networks does, and leaves the authority's
// certificate where clients may read it: in a directory without the keys.
func TestSeveralAddresses(t *testing.T) {
	other, trust := freeAddress(t), filepath.Join(t.TempDir(), "ca-certificates.crt")
	p := up(t, "--listen", "127.0.0.1:0", "--listen", other, "--ca-file", trust)
	for _, address := range []string{p.host(), other} {
		if r := p.ask(t, call{to: address, host: playground, path: "/v2/"}); r.status != http.StatusUnauthorized {
			t.Errorf("at %s: %d %s", address, r.status, r.body)
		}
	}
	want, err := os.ReadFile(p.CA)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(trust); err != nil || string(got) != string(want) {
		t.Errorf("%v\n%s", err, got)
	}
	if info, err := os.Stat(trust); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

// TestComposeEnvironment starts with what docker-compose.yml starts with. Its places meet the same through the proxy.
func TestComposeEnvironment(t *testing.T) {
	environment, err := filepath.Abs(filepath.Join("compose", "environment.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p := up(t, "--config", environment)
	p.at("containerGroups/worker", myregistry).logIn(t, "")
	p.at("virtualMachines/jumpbox", myregistry).logIn(t, clientID)
	if r := p.at("203.0.113.10", myregistry).exchange(t, p.development(t, acrAudience)); r.reason() != "public-access-disabled" {
		t.Errorf("the internet: %d %q", r.status, r.reason())
	}
}
