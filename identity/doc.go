// Package identity is a small Entra ID: it issues the tokens that managed identities, service principals and users
// present to a registry, publishes the keys to check them with, and checks them.
//
// The parts, each usable alone:
//
//	Keys      RSA keys, made or loaded in the background, rotated with overlap
//	Issuer    Principal + audience  ->  signed Token with Entra's claims
//	Endpoint  http.Handler: discovery, JWKS, and the token endpoints with every grant that clients use: secrets,
//	          assertions, federated credentials, passwords, device codes, authorization codes, refresh tokens
//	IMDS      http.Handler: the metadata service a host asks for its identity's token
//	MSI       http.Handler: the endpoints that hosts are told of instead, as IDENTITY_ENDPOINT and MSI_ENDPOINT
//	Verifier  token -> Claims, or a *VerifyError whose Code says what is wrong
//	Cache     verified tokens, so that a token costs its signature check once
//
// Who exists is asked of a [Directory]; who asks IMDS is told by a function. Nothing here decides what an identity may
// do, and a token carries evidence (which resource it belongs to), never a verdict.
//
// Nothing is kept at package level and no time is read but through Now fields: two tenants in one process do not know
// of each other, and a test owns the clock.
package identity

import "time"

// clock reads now, or the wall clock where nobody set one.
func clock(now func() time.Time) time.Time {
	if now == nil {
		return time.Now()
	}
	return now()
}
