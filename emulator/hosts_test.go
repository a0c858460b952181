package emulator

import (
	"strings"
	"testing"
)

// hosts are the host names of the design, as clients send them, and names that come near.
var hosts = []struct {
	host string
	want target
}{
	// Login servers, and the ways in which a client may write them.
	{"myregistry.azurecr.io", target{service: registryService, registry: "myregistry"}},
	{"MyRegistry.AzureCR.io", target{service: registryService, registry: "myregistry"}},
	{"myregistry.azurecr.io:443", target{service: registryService, registry: "myregistry"}},
	{"myregistry.azurecr.io.", target{service: registryService, registry: "myregistry"}},
	{"MYREGISTRY.AZURECR.IO.:443", target{service: registryService, registry: "myregistry"}},
	{"myregistry.privatelink.azurecr.io", target{service: registryService, registry: "myregistry"}},
	{"myregistry.westeurope.geo.azurecr.io", target{service: registryService, registry: "myregistry"}},
	{"myregistry.westeurope.data.azurecr.io", target{service: registryService, registry: "myregistry"}},
	{"myregistry.azurecr.localhost:5080", target{service: registryService, registry: "myregistry"}},
	{"myregistry.westeurope.data.azurecr.localhost", target{service: registryService, registry: "myregistry"}},

	// A registry whose name begins as another's does.
	{"my.azurecr.io", target{service: registryService, registry: "my"}},
	{"myregistry2.azurecr.io", target{service: registryService, registry: "myregistry2"}},
	{"privatelink.azurecr.io", target{service: registryService, registry: "privatelink"}},

	// The services of which there is one.
	{"management.azure.com", target{service: armService}},
	{"Management.Azure.com:443", target{service: armService}},
	{"management.azure.localhost:5080", target{service: armService}},
	{"login.microsoftonline.com", target{service: entraService}},
	{"login.windows.net.", target{service: entraService}},
	{"sts.windows.net", target{service: entraService}},
	{"login.azure.localhost", target{service: entraService}},
	{"graph.microsoft.com", target{service: graphService}},
	{"graph.azure.localhost:5080", target{service: graphService}},
	{"169.254.169.254", target{service: imdsService}},
	{"mcr.microsoft.com", target{service: microsoftService}},
	{"mcr.microsoft.com.example.org", target{}},
	{"169.254.169.254:80", target{service: imdsService}},
	{"[::ffff:169.254.169.254]:80", target{service: imdsService}},
	{"identity.azure.localhost", target{service: msiService}},

	// The accounts in which tasks keep sources and logs.
	{"acrtask1.blob.core.windows.net", target{service: blobService, account: "acrtask1"}},
	{"AcrTask1.Blob.Core.Windows.Net.:443", target{service: blobService, account: "acrtask1"}},
	{"acrtask1.blob.azure.localhost:5080", target{service: blobService, account: "acrtask1"}},
	{"blob.core.windows.net", target{}},
	{".blob.core.windows.net", target{}},
	{"a.b.blob.core.windows.net", target{}},
	{"acrtask1.blob.core.windows.net.evil.com", target{}},

	// Addresses are the default registry.
	{"127.0.0.1:5080", target{service: registryService, bare: true}},
	{"127.0.0.1", target{service: registryService, bare: true}},
	{"localhost:5080", target{service: registryService, bare: true}},
	{"LOCALHOST", target{service: registryService, bare: true}},
	{"[::1]:5080", target{service: registryService, bare: true}},
	{"[::1]", target{service: registryService, bare: true}},
	{"::1", target{service: registryService, bare: true}},

	// Names that only look like it lead nowhere.
	{"", target{}},
	{"azurecr.io", target{}},
	{".azurecr.io", target{}},
	{"evil-azurecr.io", target{}},
	{"myregistryazurecr.io", target{}},
	{"myregistry.azurecr.io.evil.com", target{}},
	{"myregistry.azurecr.io..", target{}},
	{"myregistry.azurecr.iO.com", target{}},
	{"myregistry.azurecr.cn", target{}},
	{"a.b.azurecr.io", target{}},
	{"a.b.c.azurecr.io", target{}},
	{"a.b.c.d.geo.azurecr.io", target{}},
	{"a..geo.azurecr.io", target{}},
	{".privatelink.azurecr.io", target{}},
	{"a.privatelink.evil.azurecr.io", target{}},
	{"management.azure.com.evil.com", target{}},
	{"evil.management.azure.com", target{}},
	{"xmanagement.azure.com", target{}},
	{"169.254.169.254.evil.com", target{}},
	{"localhost.evil.com", target{}},
	{"registry-1.docker.io", target{}},
}

func TestParseHost(t *testing.T) {
	for _, h := range hosts {
		if got := parseHost(h.host); got != h.want {
			t.Errorf("parseHost(%q) = %+v, want %+v", h.host, got, h.want)
		}
	}
}

// FuzzParseHost: a login server that is not bare has a name, without dots, that stands at the beginning of the host; what
// is no login server names no registry.
func FuzzParseHost(f *testing.F) {
	for _, h := range hosts {
		f.Add(h.host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		at := parseHost(host)
		named := at.registry != ""
		if want := at.service == registryService && !at.bare; named != want {
			t.Fatalf("parseHost(%q) = %+v", host, at)
		}
		if named && (strings.Contains(at.registry, ".") || !strings.HasPrefix(strings.TrimPrefix(strings.ToLower(host), "["), at.registry+".")) {
			t.Fatalf("parseHost(%q) = %+v", host, at)
		}
		if name := hostName(host); parseHost(name) != at && !strings.ContainsAny(name, ":[]") && !strings.HasSuffix(name, ".") {
			t.Fatalf("parseHost(%q) is not parseHost of its own name %q", host, name)
		}
	})
}
