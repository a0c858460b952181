package azure

import "strings"

// registryZone is the end of the names of login servers.
const registryZone = ".azurecr.io"

// registryDomains are the ends of the names by which registries are reached here: the real one, and one that browsers resolve to
// this machine.
var registryDomains = []string{registryZone, ".azurecr.localhost"}

// LoginServer returns the host name of the registry of that name, which is also the audience of its tokens.
func LoginServer(registryName string) string { return Fold(registryName) + registryZone }

// CutRegistryDomain returns what a host has before the domain of registries, folded; it reports whether it is in one. Host may
// have a port.
func CutRegistryDomain(host string) (name string, found bool) {
	host, _, _ = strings.Cut(Fold(host), ":")
	for _, domain := range registryDomains {
		if name, found = strings.CutSuffix(host, domain); found {
			return name, true
		}
	}
	return "", false
}
