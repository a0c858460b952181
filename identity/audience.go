package identity

import (
	"net/url"
	"slices"
	"strings"
)

// The audiences (claim aud) of the services a registry's clients talk to; acr-behaviour §3.3.
const (
	ARM        = "https://management.azure.com/"
	ClassicARM = "https://management.core.windows.net/"
	ACR        = "https://containerregistry.azure.net"
	Graph      = "https://graph.microsoft.com/"
)

// Audience is a service that tokens can be made for.
type Audience struct {
	// URI is what the claim aud says, whatever spelling was asked for.
	URI string
	// Aliases are other names a client may ask by.
	Aliases []string
	// ARM tells the audiences that azureADAuthenticationAsArmPolicy=disabled refuses at a registry (acr-behaviour §4.7).
	ARM bool
	// V2 gives tokens of version 2.0. As in Entra the service decides the version, not the endpoint that was asked; the
	// well-known services here all take version 1.0.
	V2 bool
}

// Audiences is a table of services.
type Audiences []Audience

// WellKnownAudiences are ARM under both its names, Azure Container Registry and Microsoft Graph, also under the names
// they have on a machine without DNS for Azure.
func WellKnownAudiences() Audiences {
	return Audiences{
		{URI: ARM, Aliases: []string{"https://management.azure.localhost"}, ARM: true},
		{URI: ClassicARM, ARM: true},
		{URI: ACR},
		{URI: Graph, Aliases: []string{"https://graph.azure.localhost"}},
	}
}

// IsARM reports whether audience is one of ARM's two.
func IsARM(audience string) bool {
	a, ok := WellKnownAudiences().Resolve(audience)
	return ok && a.ARM
}

// Resolve finds the service a resource parameter means: without regard to case or to one trailing slash, and under
// .localhost without regard to the port.
func (t Audiences) Resolve(resource string) (Audience, bool) {
	wanted := canonical(resource)
	for _, a := range t {
		names := append([]string{a.URI}, a.Aliases...)
		if slices.ContainsFunc(names, func(name string) bool { return canonical(name) == wanted }) {
			return a, true
		}
	}
	return Audience{}, false
}

func canonical(resource string) string {
	name := strings.TrimSuffix(strings.ToLower(resource), "/")
	if u, err := url.Parse(name); err == nil && strings.HasSuffix(u.Hostname(), ".localhost") {
		u.Host = u.Hostname()
		name = u.String()
	}
	return name
}

// oidcScopes ask for more than an access token; beside a resource scope they change nothing about it.
var oidcScopes = []string{"openid", "profile", "email", "offline_access"}

// scopeResources returns the resources that a v2 scope parameter names. Only the suffix "/.default" goes, so a resource
// that ends in a slash arrives with two: "https://management.azure.com//.default" (az-cli §3). A scope without the
// suffix is returned as bad.
func scopeResources(scope string) (resources []string, bad string) {
	for _, s := range strings.Fields(scope) {
		if slices.Contains(oidcScopes, s) {
			continue
		}
		resource, ok := strings.CutSuffix(s, "/.default")
		if !ok {
			return nil, s
		}
		resources = append(resources, resource)
	}
	return resources, ""
}
