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
	// TokenExchange is the audience of tokens that are shown to Entra itself, by federated credential.
	TokenExchange = "api://AzureADTokenExchange"
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

// WellKnownAudiences are ARM under both its names, Azure Container Registry, Microsoft Graph and the exchange of tokens,
// also under the names they have on a machine without DNS for Azure. Where all of Azure is one localhost, that is Graph's
// name, since az takes the name of Graph's host for its audience (az-cli §2.2).
func WellKnownAudiences() Audiences {
	return Audiences{
		{URI: ARM, Aliases: []string{"https://management.azure.localhost"}, ARM: true},
		{URI: ClassicARM, ARM: true},
		{URI: ACR},
		{URI: Graph, Aliases: []string{"https://graph.azure.localhost", "https://localhost"}},
		{URI: TokenExchange, V2: true},
	}
}

// IsARM reports whether audience is one of ARM's two.
func IsARM(audience string) bool {
	a, ok := WellKnownAudiences().Resolve(audience)
	return ok && a.ARM
}

// Resolve finds the service a resource parameter means: without regard to case or to one trailing slash, and under
// localhost without regard to the port.
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
	if u, err := url.Parse(name); err == nil && (u.Hostname() == "localhost" || strings.HasSuffix(u.Hostname(), ".localhost")) {
		u.Host = u.Hostname()
		name = u.String()
	}
	return name
}
