package identity

import (
	"slices"
	"strings"
)

// protocol is what tells the versions of the endpoints apart: how a client says what it wants, and what it is told.
type protocol struct {
	version   string // what stands between oauth2/ and the endpoint's name
	parameter string // by which a client says what it wants
	issuer    func(*call) string
	demand    func(*call) (demand, error)
	describe  func(*tokenAnswer, Token, demand) // adds what only this version tells; without a scope, the client has what it asked for
}

// The protocols. What ADFS speaks has the parameters of both versions.
var (
	version1 = protocol{"", "resource", func(c *call) string { return c.Issuer.V1() }, demandV1, describeV1}
	version2 = protocol{"v2.0/", "scope", func(c *call) string { return c.Issuer.V2() }, demandV2, nil}
	adfs     = protocol{"", "scope", func(c *call) string { return c.authority() + "/" + adfsTenant }, demandADFS, nil}
)

// home is the segment below which the discovery document finds the endpoints.
func (p protocol) home(c *call) string {
	if c.tenant == adfsTenant {
		return adfsTenant
	}
	return c.Issuer.Tenant
}

// demand is what a client wants.
type demand struct {
	resource string // as the client spells it; empty if it names none
	// permissions are the scopes of the resource: what is not .default is for users.
	permissions []string
	// openID and offline ask for an ID token and a refresh token beside.
	openID, offline bool
}

// oidcScopes ask for more than an access token; beside a resource scope they change nothing about it.
var oidcScopes = []string{"openid", "profile", "email", "offline_access"}

// demandV1 reads the parameter resource. Version 1.0 always gives users all it has.
func demandV1(c *call) (demand, error) {
	return demand{resource: c.form.Get("resource"), openID: true, offline: true}, nil
}

func demandADFS(c *call) (demand, error) {
	if c.form.Get("resource") != "" {
		return demandV1(c)
	}
	return demandV2(c)
}

// demandV2 reads the parameter scope. The resource is what stands before a scope's last slash, so that one that ends in a
// slash arrives with two: "https://management.azure.com//.default" (az-cli §3). A scope without a slash is Graph's.
func demandV2(c *call) (demand, error) {
	var d demand
	scopes := strings.Fields(c.form.Get("scope"))
	for _, scope := range scopes {
		if slices.Contains(oidcScopes, strings.ToLower(scope)) {
			d.openID, d.offline = d.openID || strings.EqualFold(scope, "openid"), d.offline || strings.EqualFold(scope, "offline_access")
			continue
		}
		resource, permission := Graph, scope
		if at := strings.LastIndexByte(scope, '/'); at >= 0 {
			resource, permission = scope[:at], scope[at+1:]
		}
		if d.resource != "" && d.resource != resource {
			return demand{}, newFault(badScope, c.form.Get("scope"))
		}
		d.resource, d.permissions = resource, append(d.permissions, permission)
	}
	return d, nil
}

// ownDemand is what a client wants for itself: exactly one resource, and of version 2.0 all that it has there.
func (p protocol) ownDemand(c *call) (demand, error) {
	d, err := p.demand(c)
	switch {
	case err != nil:
		return demand{}, err
	case d.resource == "" && c.form.Get(p.parameter) == "":
		return demand{}, newFault(missingParameter, p.parameter)
	case d.resource == "":
		return demand{}, newFault(badScope, c.form.Get("scope"))
	case slices.ContainsFunc(d.permissions, func(permission string) bool { return permission != ".default" }):
		return demand{}, newFault(scopeNotDefault, c.form.Get("scope"))
	}
	return d, nil
}

// userDemand is what a client wants for a user: what it named before, or Graph, if it names no resource now.
func (p protocol) userDemand(c *call, before string) (demand, error) {
	d, err := p.demand(c)
	if err == nil {
		d.resource = orText(d.resource, orText(before, Graph))
	}
	return d, err
}
