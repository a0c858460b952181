package identity

import (
	"net/url"
	"slices"
	"strings"
)

// discovery is the document of OpenID Connect Discovery 1.0 §3, with the endpoint of RFC 8628 §4.
type discovery struct {
	Issuer                string   `json:"issuer"`
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	TokenEndpoint         string   `json:"token_endpoint"`
	DeviceEndpoint        string   `json:"device_authorization_endpoint"`
	JWKSURI               string   `json:"jwks_uri"`
	TokenAuthMethods      []string `json:"token_endpoint_auth_methods_supported"`
	GrantTypes            []string `json:"grant_types_supported"`
	ResponseTypes         []string `json:"response_types_supported"`
	ResponseModes         []string `json:"response_modes_supported"`
	SubjectTypes          []string `json:"subject_types_supported"`
	SigningAlgorithms     []string `json:"id_token_signing_alg_values_supported"`
	ChallengeMethods      []string `json:"code_challenge_methods_supported"`
	Scopes                []string `json:"scopes_supported"`
	CloudInstance         string   `json:"cloud_instance_name"`
}

func (p protocol) discover(c *call) (any, error) {
	base := c.authority() + "/" + p.home(c)
	return discovery{
		Issuer:                p.issuer(c),
		AuthorizationEndpoint: base + "/oauth2/" + p.version + "authorize",
		TokenEndpoint:         base + "/oauth2/" + p.version + "token",
		DeviceEndpoint:        base + "/oauth2/" + p.version + "devicecode",
		JWKSURI:               base + "/discovery/" + p.version + "keys",
		TokenAuthMethods:      []string{"client_secret_post", "client_secret_basic", "private_key_jwt"},
		GrantTypes:            grantTypes(),
		ResponseTypes:         []string{"code"},
		ResponseModes:         []string{"query"},
		SubjectTypes:          []string{"pairwise"},
		SigningAlgorithms:     []string{"RS256"},
		ChallengeMethods:      []string{"S256"},
		Scopes:                oidcScopes,
		CloudInstance:         "microsoftonline.com",
	}, nil
}

func (c *call) keys() (any, error) {
	return c.Issuer.Keys.JWKS(c.r.Context())
}

// hosts are Entra's own names, of which the first is the one to ask.
var hosts = []string{"login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"}

// instances is the answer of instance discovery: who answers for a host, and which hosts are one.
type instances struct {
	Discovery string        `json:"tenant_discovery_endpoint"`
	Version   string        `json:"api-version"`
	Metadata  []oneInstance `json:"metadata"`
}

type oneInstance struct {
	Network string   `json:"preferred_network"`
	Cache   string   `json:"preferred_cache"`
	Aliases []string `json:"aliases"`
}

// instance tells a client that its authority may be believed. MSAL sends the host of a custom one without its port
// (az-cli §3), so that the answer names where its discovery document really is.
func (c *call) instance() (any, error) {
	asked, err := url.Parse(c.r.URL.Query().Get("authorization_endpoint"))
	if err != nil || asked.Host == "" {
		return nil, newFault(badParameter, "authorization_endpoint")
	}
	tenant, _, _ := strings.Cut(strings.TrimPrefix(asked.Path, "/"), "/")
	if !c.IsTenant(tenant) {
		return nil, newFault(unknownTenant, tenant)
	}
	authority, ok := c.authorityOf(asked)
	if !ok {
		return nil, newFault(unknownInstance, asked.Host)
	}
	answer := instances{
		Discovery: authority + "/" + tenant + "/v2.0/.well-known/openid-configuration", Version: "1.1",
		Metadata: []oneInstance{{hosts[0], hosts[1], hosts}},
	}
	if own, _ := url.Parse(authority); !slices.Contains(hosts, own.Host) {
		answer.Metadata = append(answer.Metadata, oneInstance{own.Host, own.Host, []string{own.Host}})
	}
	return answer, nil
}

// authorityOf is the authority of a URL: Entra's, the one that is asked, or one that is known elsewhere.
func (c *call) authorityOf(asked *url.URL) (string, bool) {
	given := "https://" + asked.Host
	switch {
	case slices.Contains(hosts, strings.ToLower(asked.Host)), strings.EqualFold(given, c.authority()):
		return strings.ToLower(given), true
	case c.Elsewhere == nil:
		return "", false
	}
	return c.Elsewhere(strings.ToLower(asked.Hostname()))
}

// userRealm is what Entra tells of a user name before anybody signs in: all accounts are its own.
type userRealm struct {
	Version       string `json:"ver"`
	AccountType   string `json:"account_type"`
	DomainName    string `json:"domain_name"`
	CloudInstance string `json:"cloud_instance_name"`
	CloudAudience string `json:"cloud_audience_urn"`
}

func (c *call) userRealm() (any, error) {
	_, domain, _ := strings.Cut(c.r.URL.Path[strings.LastIndexByte(c.r.URL.Path, '/')+1:], "@")
	return userRealm{"1.0", "Managed", domain, "microsoftonline.com", "urn:federation:MicrosoftOnline"}, nil
}
