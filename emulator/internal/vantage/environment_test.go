package vantage

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// value finds a variable in an environment: "-" if it must not be set, "?" if nothing is said.
func value(env []string, name string) string {
	for _, v := range env {
		if n, text, assigned := strings.Cut(v, "="); n == name {
			if !assigned {
				return "-"
			}
			return text
		}
	}
	return "?"
}

func TestEnvironment(t *testing.T) {
	beside := Surroundings{Place: azure.Place{Name: "containerGroups/worker"}, Proxy: "http://127.0.0.1:4711", CAFile: "/s/ca.pem", TrustStore: "/s/trust.jks"}
	inside := beside
	inside.Proxy, inside.DockerHost = "", "unix:///s/docker.sock"
	at := func(resource string) Surroundings {
		s := beside
		s.Place.Resource, s.IdentityHeader = group+resource, "secret"
		return s
	}
	unknown := at("Microsoft.Web/sites/shop")
	unknown.IdentityHeader = ""
	for _, c := range []struct {
		about string
		in    Surroundings
		want  map[string]string
	}{
		{"through the relay", beside, map[string]string{
			"HTTP_PROXY": "http://127.0.0.1:4711", "http_proxy": "http://127.0.0.1:4711",
			"HTTPS_PROXY": "http://127.0.0.1:4711", "https_proxy": "http://127.0.0.1:4711",
			"NO_PROXY": "-", "no_proxy": "-", "NODE_USE_ENV_PROXY": "1",
			"SSL_CERT_FILE": "/s/ca.pem", "REQUESTS_CA_BUNDLE": "/s/ca.pem", "NODE_EXTRA_CA_CERTS": "/s/ca.pem",
			"CURL_CA_BUNDLE": "/s/ca.pem", "GIT_SSL_CAINFO": "/s/ca.pem", "SSL_CERT_DIR": "-",
			"AZURE_CLIENT_SECRET": "-", "MSI_ENDPOINT": "-", "IDENTITY_ENDPOINT": "-", "WEBSITE_SITE_NAME": "-",
			"DOCKER_HOST": "?", "ACRLOCAL_PLACE": "containerGroups/worker", "AZURE_CORE_COLLECT_TELEMETRY": "no",
			"JAVA_TOOL_OPTIONS": "-Djavax.net.ssl.trustStore=/s/trust.jks -Djavax.net.ssl.trustStoreType=JKS -Djavax.net.ssl.trustStorePassword=changeit " +
				"-Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort=4711 -Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=4711 -Dhttp.nonProxyHosts=",
		}},
		{"isolated", inside, map[string]string{
			"HTTP_PROXY": "-", "https_proxy": "-", "NODE_USE_ENV_PROXY": "-", "SSL_CERT_FILE": "/s/ca.pem",
			"DOCKER_HOST": "unix:///s/docker.sock", "DOCKER_CONTEXT": "-",
			"JAVA_TOOL_OPTIONS": "-Djavax.net.ssl.trustStore=/s/trust.jks -Djavax.net.ssl.trustStoreType=JKS -Djavax.net.ssl.trustStorePassword=changeit",
		}},
		{"App Service", at("Microsoft.Web/sites/shop"), map[string]string{
			"WEBSITE_SITE_NAME": "shop", "APPSETTING_WEBSITE_SITE_NAME": "shop",
			"IDENTITY_ENDPOINT": "http://identity.azure.localhost/msi/token", "IDENTITY_HEADER": "secret",
			"MSI_ENDPOINT": "http://identity.azure.localhost/msi/token", "MSI_SECRET": "secret",
		}},
		{"a slot", at("Microsoft.Web/sites/shop/slots/green"), map[string]string{"WEBSITE_SITE_NAME": "green", "IDENTITY_HEADER": "secret"}},
		{"App Service without a secret", unknown, map[string]string{"WEBSITE_SITE_NAME": "shop", "IDENTITY_ENDPOINT": "-", "MSI_SECRET": "-"}},
		{"Container Apps", at("Microsoft.App/containerApps/api"), map[string]string{
			"WEBSITE_SITE_NAME": "-", "APPSETTING_WEBSITE_SITE_NAME": "api", "IDENTITY_HEADER": "secret", "MSI_SECRET": "secret",
		}},
		{"a container group", at("Microsoft.ContainerInstance/containerGroups/worker"), map[string]string{
			"IDENTITY_ENDPOINT": "http://identity.azure.localhost/msi/token", "IDENTITY_HEADER": "secret", "MSI_ENDPOINT": "-", "MSI_SECRET": "-",
			"APPSETTING_WEBSITE_SITE_NAME": "-",
		}},
		{"a virtual machine", at("Microsoft.Compute/virtualMachines/jumpbox"), map[string]string{"IDENTITY_ENDPOINT": "-", "IDENTITY_HEADER": "-", "MSI_ENDPOINT": "-"}},
	} {
		env := Environment(c.in)
		for name, want := range c.want {
			if got := value(env, name); got != want {
				t.Errorf("%s: %s is %q, want %q", c.about, name, got, want)
			}
		}
	}
}

func TestMerge(t *testing.T) {
	got := Merge([]string{"A=1", "B=2", "NO_PROXY=*", "PATH=/bin"}, []string{"A=3", "NO_PROXY", "C=4", "C=5"})
	want := []string{"B=2", "PATH=/bin", "A=3", "C=5"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestVariablesAreListedOnce(t *testing.T) {
	var names []string
	for _, v := range append(slices.Clone(variables), isolatedVariables...) {
		names = append(names, v.names...)
	}
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("a variable has two rows: %v", names)
	}
}

func TestRunThroughTheRelay(t *testing.T) {
	needs(t, "curl")
	s := newScene(t, tell)
	for _, c := range []struct {
		about, place string
		command      []string
		code         int
		want         string
	}{
		{"a registry", "203.0.113.7", []string{"curl", "-sS", "https://myregistry.azurecr.io/v2/"}, 0, `"Peer":"203.0.113.7"`},
		{"plain", "2001:db8::1", []string{"curl", "-sS", "http://myregistry.azurecr.io/v2/"}, 0, `"Peer":"2001:db8::1"`},
		{"through an endpoint", "10.0.2.9", []string{"curl", "-sS", "https://myregistry.azurecr.io/v2/"}, 0, `"Endpoint":"door"`},
		{"IMDS", "containerGroups/worker", []string{"curl", "-sS", "http://169.254.169.254/x"}, 0, `"Place":"containerGroups/worker"`},
		{"no IMDS", "sites/shop", []string{"curl", "-sS", "http://169.254.169.254/x"}, 52, "Empty reply"},
		{"X-Forwarded-For arrives", "containerGroups/worker", []string{"curl", "-sS", "-H", "X-Forwarded-For: 1.2.3.4", "http://169.254.169.254/x"}, 0, `"X-Forwarded-For":["1.2.3.4"]`},
		{"a host that is not emulated", "203.0.113.7", []string{"curl", "-sS", "https://example.com/"}, 56, "403"},
		{"a plain one", "203.0.113.7", []string{"curl", "-sS", "http://example.com/"}, 0, "example.com is not emulated"},
		{"no path to the relay itself", "203.0.113.7", []string{"sh", "-c", "curl -sS --noproxy '*' $http_proxy"}, 0, "this port is a proxy"},
		{"not found", "203.0.113.7", []string{"sh", "-c", "exit 3"}, 3, ""},
	} {
		t.Run(c.about, func(t *testing.T) {
			code, out := s.run(t, c.place, false, c.command...)
			if code != c.code || !strings.Contains(out, c.want) {
				t.Errorf("%v: %d %s, want %d %s", c.command, code, out, c.code, c.want)
			}
		})
	}
}

func TestRunFailures(t *testing.T) {
	if _, err := Run(context.Background(), RunOptions{}); err == nil {
		t.Error("no command is run")
	}
	s := newScene(t, tell)
	pem, _ := s.ca.PEM()
	o := RunOptions{Proxy: s.addr, CA: pem, Command: []string{"/no/such/program"}, ChildArguments: []string{childArgument}}
	if _, err := Run(context.Background(), o); err == nil {
		t.Error("a program that does not exist is run")
	}
	needsIsolation(t)
	o.Isolated = true
	if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), "/no/such/program") {
		t.Errorf("a program that does not exist, isolated: %v", err)
	}
}

// A Java program that reads one URL.
const fetchJava = `import java.net.*; public class Fetch { public static void main(String[] a) throws Exception {
	HttpURLConnection c = (HttpURLConnection) new URL(a[0]).openConnection();
	System.out.println(new String(c.getInputStream().readAllBytes())); } }`

func TestJavaTrusts(t *testing.T) {
	needs(t, "java", "javac")
	s := newScene(t, tell)
	file := t.TempDir() + "/Fetch.java"
	if err := os.WriteFile(file, []byte(fetchJava), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, isolated := range []bool{false, true} {
		if isolated {
			needsIsolation(t)
		}
		code, out := s.run(t, "203.0.113.7", isolated, "java", file, "https://myregistry.azurecr.io/v2/")
		if code != 0 || !strings.Contains(out, `"Peer":"203.0.113.7"`) {
			t.Errorf("isolated %t: %d %s", isolated, code, out)
		}
	}
}

func TestTrustStoreOfNoCertificate(t *testing.T) {
	if store, err := JavaTrustStore([]byte("nothing")); err == nil {
		t.Errorf("made %d bytes of no certificate", len(bytes.TrimSpace(store)))
	}
}
