// Package registry is what stands behind a login server, except for the content: ACR's own tokens, the token service
// that issues them, and the front that puts the gate before both.
//
//	Tokens   reads the credential of any request (gate.Options.Authenticate); issues refresh and access tokens
//	Front    http.Handler: gate -> /oauth2/exchange and /oauth2/token | content of the registry addressed
//	Answer   where a client that is refused finds the token service (gate.Options.Answer)
//
// The way of a client is ACR's (acr-behaviour §4.1): an Entra token is exchanged for a refresh token, which buys access
// tokens for scopes. Both say who the holder is and what belongs to that identity; neither says that the holder may do
// anything. That is judged by the gate on every request, by the rules as they are then, and the scopes of an access
// token can only narrow it.
//
// Nothing is refused here but what the gate refuses, and requests that the token service cannot understand; all answers
// of either kind are written by the gate's one writer.
package registry
