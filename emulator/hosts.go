package emulator

import (
	"net/netip"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/vantage"
)

// service is one of the things that clients think they talk to.
type service uint8

const (
	noService        service = iota
	registryService          // a login server, in any of its forms
	armService               // management.azure.com
	entraService             // login.microsoftonline.com
	graphService             // graph.microsoft.com
	imdsService              // 169.254.169.254
	msiService               // the identity endpoints beside IMDS
	microsoftService         // mcr.microsoft.com
	blobService              // the accounts in which ACR Tasks keep sources and logs
)

// target is what a host name leads to.
type target struct {
	service  service
	registry string // name of the registry, for a login server
	account  string // name of the account, for a blob service
	bare     bool   // an address or localhost, which means the default registry
}

// fixedHosts are the hosts of which there is one (design, "Host names").
var fixedHosts = map[string]service{
	"management.azure.com":       armService,
	"management.azure.localhost": armService,
	"login.microsoftonline.com":  entraService,
	"login.windows.net":          entraService,
	"sts.windows.net":            entraService,
	"login.azure.localhost":      entraService,
	"graph.microsoft.com":        graphService,
	"graph.azure.localhost":      graphService,
	"169.254.169.254":            imdsService,
	microsoftHost:                microsoftService,
	vantage.IdentityHost:         msiService,
}

// roots are the first segments of paths, folded, by which a bare address leads to a service other than a registry, so that
// one URL without any DNS is all of Azure to a client that is configured for it (az-cli §2.2). Segments that name the
// tenant lead to Entra besides. A registry has v2, oauth2 and acr, and nothing of these.
var roots = map[string]service{
	"subscriptions":      armService,
	"providers":          armService,
	"tenants":            armService,
	"metadata/endpoints": armService,
	"v1.0":               graphService,
	"beta":               graphService,
}

// rootService is what the path of a request to a bare address leads to; false is a registry.
func (e *Emulator) rootService(path string) (service, bool) {
	folded := strings.ToLower(strings.TrimPrefix(path, "/"))
	first, _, _ := strings.Cut(folded, "/")
	if s, ok := roots[first]; ok {
		return s, true
	}
	if s, ok := roots[folded]; ok {
		return s, true
	}
	if _, ok := blobAccount(first); ok {
		return blobService, true
	}
	return entraService, e.entra.IsTenant(first)
}

// parseHost finds what a host name leads to. It takes the name as a client may send it: in any case, with a port, with
// a trailing dot. A name that only begins or ends like an emulated one leads nowhere.
func parseHost(host string) target {
	name := hostName(host)
	if s, ok := fixedHosts[name]; ok {
		return target{service: s}
	}
	if labels, ok := azure.CutRegistryDomain(name); ok {
		return loginServer(strings.Split(labels, "."))
	}
	if account, ok := blobAccount(name); ok {
		return target{service: blobService, account: account}
	}
	if _, err := netip.ParseAddr(name); err == nil || name == "localhost" {
		return target{service: registryService, bare: true}
	}
	return target{}
}

// loginServer reads the labels before the domain: NAME, NAME.privatelink, NAME.REGION.geo or NAME.REGION.data.
func loginServer(labels []string) target {
	found := target{service: registryService, registry: labels[0]}
	switch {
	case labels[0] == "":
	case len(labels) == 1,
		len(labels) == 2 && labels[1] == "privatelink",
		len(labels) == 3 && labels[1] != "" && (labels[2] == "geo" || labels[2] == "data"):
		return found
	}
	return target{}
}

// hostName is a host as hosts are compared, without its port; empty for what can be no host.
func hostName(host string) string {
	name, _, err := vantage.FoldHost(host)
	if err != nil {
		return ""
	}
	return name
}
