package vantage

import (
	"net/url"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// Surroundings are what a program at a place must be told in variables.
type Surroundings struct {
	// Place is where the program runs.
	Place azure.Place
	// IdentityHeader is the secret of the place's identity endpoint; empty if it has none.
	IdentityHeader string
	// Proxy is the URL of the relay; empty in an isolated network, where there is none.
	Proxy string
	// CAFile is the path of the authority's certificate. It is all that the program trusts: nothing else can be reached.
	CAFile string
	// TrustStore is the same for Java: a JKS file.
	TrustStore string
	// DockerHost is the daemon of an isolated network; empty elsewhere.
	DockerHost string
}

// variable is one row of the tables below: names that share a value.
type variable struct {
	names []string
	value func(Surroundings) string
}

// variables is the table of contract 'from' (design). What renders as "" is removed from the environment.
var variables = []variable{
	// Proxies: some programs read the lower case, some the upper.
	{[]string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"}, proxy},
	{[]string{"NO_PROXY", "no_proxy"}, none},
	{[]string{"NODE_USE_ENV_PROXY"}, proxied("1")}, // node 24; older ones ignore proxies
	// Trust: Go and OpenSSL; Python requests, and az with it; node; curl; git; AWS's and Rust's habits; Java.
	{[]string{
		"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO",
		"PIP_CERT", "CARGO_HTTP_CAINFO", "DENO_CERT",
	}, func(s Surroundings) string { return s.CAFile }},
	{[]string{"SSL_CERT_DIR"}, none},
	{[]string{"JAVA_TOOL_OPTIONS"}, javaOptions},
	// az: nothing that would try to leave (az-cli §2.1).
	{[]string{"AZURE_CORE_COLLECT_TELEMETRY", "AZURE_CORE_ERROR_RECOMMENDATION", "AZURE_EXTENSION_USE_DYNAMIC_INSTALL"}, always("no")},
	{[]string{"AZURE_CORE_CHECK_FOR_UPDATES"}, always("false")},
	// Identities: none but the place's own, which is found at the metadata service, or at the endpoint that a place of that
	// kind is told of (az-cli §4). az looks there only if it is told the name of a site.
	{[]string{
		"AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID", "AZURE_USERNAME", "AZURE_PASSWORD",
		"AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST", "ARM_CLOUD_METADATA_URL",
		"IDENTITY_SERVER_THUMBPRINT", "IMDS_ENDPOINT", "AZURE_POD_IDENTITY_AUTHORITY_HOST",
	}, none},
	{[]string{"IDENTITY_ENDPOINT"}, told(byHeader, identityEndpoint)},
	{[]string{"IDENTITY_HEADER"}, told(byHeader, identityHeader)},
	{[]string{"MSI_ENDPOINT"}, told(bySecret, identityEndpoint)},
	{[]string{"MSI_SECRET"}, told(bySecret, identityHeader)},
	{[]string{"APPSETTING_WEBSITE_SITE_NAME"}, told(bySecret, resourceName)},
	{[]string{"WEBSITE_SITE_NAME"}, told(isSite, resourceName)},
	{[]string{"ACRLOCAL_PLACE"}, func(s Surroundings) string { return s.Place.Name }},
}

// isolatedVariables are set in an isolated network besides: there Docker's client finds the network's own daemon. Elsewhere
// the machine's daemon stays the client's, which Warnings warns of.
var isolatedVariables = []variable{
	{[]string{"DOCKER_HOST"}, func(s Surroundings) string { return s.DockerHost }},
	{[]string{"DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"}, none},
}

func none(Surroundings) string                  { return "" }
func proxy(s Surroundings) string               { return s.Proxy }
func always(v string) func(Surroundings) string { return func(Surroundings) string { return v } }

// proxied is a value for programs that are told of a proxy.
func proxied(v string) func(Surroundings) string {
	return func(s Surroundings) string {
		if s.Proxy == "" {
			return ""
		}
		return v
	}
}

// javaOptions tell Java of the trust store and the proxy; Java reads no other variable.
func javaOptions(s Surroundings) string {
	options := []string{
		"-Djavax.net.ssl.trustStore=" + s.TrustStore, "-Djavax.net.ssl.trustStoreType=JKS",
		"-Djavax.net.ssl.trustStorePassword=" + trustStorePassword,
	}
	if relay, err := url.Parse(s.Proxy); err == nil && relay.Host != "" {
		for _, scheme := range []string{"http", "https"} {
			options = append(options, "-D"+scheme+".proxyHost="+relay.Hostname(), "-D"+scheme+".proxyPort="+relay.Port())
		}
		options = append(options, "-Dhttp.nonProxyHosts=")
	}
	return strings.Join(options, " ")
}

// IdentityHost is where the identity endpoints beside IMDS are.
const IdentityHost = "identity.azure.localhost"

// what tells by what variables a kind of resource tells its programs of their identity.
type what uint8

const (
	byHeader what = 1 << iota // IDENTITY_ENDPOINT and IDENTITY_HEADER
	bySecret                  // MSI_ENDPOINT and MSI_SECRET
	isSite                    // WEBSITE_SITE_NAME
)

// tellers are the kinds of resources that tell their programs something, by folded type.
var tellers = map[string]what{
	azure.Fold(azure.TypeWebSite):            byHeader | bySecret | isSite,
	azure.Fold(azure.TypeWebSite + "/slots"): byHeader | bySecret | isSite,
	"microsoft.app/containerapps":            byHeader | bySecret,
	"microsoft.app/jobs":                     byHeader | bySecret,
	azure.Fold(azure.TypeContainerGroup):     byHeader,
}

// told is a value for programs of the resources that tell it.
func told(w what, value func(Surroundings, azure.ResourceID) string) func(Surroundings) string {
	return func(s Surroundings) string {
		id, err := azure.ParseResourceID(s.Place.Resource)
		if err != nil || tellers[azure.Fold(id.Type())]&w == 0 || s.IdentityHeader == "" && w != isSite {
			return ""
		}
		return value(s, id)
	}
}

func identityEndpoint(Surroundings, azure.ResourceID) string {
	return "http://" + IdentityHost + "/msi/token"
}

func identityHeader(s Surroundings, _ azure.ResourceID) string { return s.IdentityHeader }

func resourceName(_ Surroundings, id azure.ResourceID) string { return id.Name() }

// Environment returns the variables of a program at a place, as NAME=VALUE, and NAME alone for those that must not be
// set; Merge puts them into an environment.
func Environment(s Surroundings) []string {
	rows := variables
	if s.DockerHost != "" {
		rows = append(rows[:len(rows):len(rows)], isolatedVariables...)
	}
	var env []string
	for _, v := range rows {
		value := v.value(s)
		for _, name := range v.names {
			if value == "" {
				env = append(env, name)
				continue
			}
			env = append(env, name+"="+value)
		}
	}
	return env
}

// Prompt returns the variables that make a shell's prompt name the place. A shell whose start-up files set the prompt anew
// does not show it.
func Prompt(p azure.Place) []string {
	label := "(" + p.Name + ") "
	return []string{"PS1=" + label + `\w \$ `, "PROMPT=" + label + "%~ %# "}
}
