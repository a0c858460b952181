package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"
)

// codeLifetime is how long an authorization code is good. A used one is remembered as long.
const codeLifetime = 5 * time.Minute

// codeFlow is what an authorization code stands for.
type codeFlow struct {
	client    string
	redirect  string
	challenge string // of PKCE
	nonce     string
	demand    demand
	user      string // object ID
	used      bool
}

// knownClient is the client ID of an application in which users sign in, as the directory spells it.
func (c *call) knownClient(id string) (string, error) {
	if slices.Contains(publicClients, id) {
		return id, nil
	}
	found, ok := c.Directory.Find(ByClientID, id)
	if !ok || found.Kind != ServicePrincipal {
		return "", newFault(unknownClient, id, c.Issuer.Tenant)
	}
	return found.ClientID, nil
}

// authorize is the authorization endpoint (RFC 6749 §4.1.1) with PKCE (RFC 7636): a page on which a person signs in, and
// then the way back to the client. What is wrong before the person is known is told to the person, not to the client.
func (p protocol) authorize(c *call) (any, error) {
	posted := c.form
	if err := c.use(c.r.URL.Query()); err != nil {
		return pageOf(err), nil
	}
	flow, err := p.requestedCode(c)
	if err != nil {
		return pageOf(err), nil
	}
	if posted == nil {
		return signInPage{Title: "Sign in", UserName: c.form.Get("login_hint")}, nil
	}
	if posted.Get("action") == actionDecline {
		return c.back(flow, url.Values{"error": {"access_denied"}, "error_description": {newFault(declined).Error()}}), nil
	}
	user, err := c.signIn(posted.Get("username"), posted.Get("password"))
	if err != nil {
		return signInPage{Title: "Sign in", UserName: posted.Get("username"), Fault: err.Error()}, nil
	}
	flow.user = user.ID
	code := rand.Text() + rand.Text()
	if !c.codes.put(code, flow, c.now, c.now.Add(codeLifetime)) {
		return pageOf(newFault(tooMany)), nil
	}
	answer := url.Values{"code": {code}, "session_state": {newGUID()}}
	if c.form.Get("client_info") == "1" {
		answer.Set("client_info", clientInfo(user.ID, c.Issuer.Tenant))
	}
	return c.back(flow, answer), nil
}

// requestedCode reads an authorization request.
func (p protocol) requestedCode(c *call) (codeFlow, error) {
	var flow codeFlow
	id, err := c.required("client_id")
	if err != nil {
		return flow, err
	}
	if flow.client, err = c.knownClient(id); err != nil {
		return flow, err
	}
	flow.redirect, flow.nonce = c.form.Get("redirect_uri"), c.form.Get("nonce")
	if !isLoopback(flow.redirect) {
		return flow, newFault(wrongRedirect, clip(flow.redirect), flow.client)
	}
	if c.form.Get("response_type") != "code" || !slices.Contains([]string{"", "query"}, c.form.Get("response_mode")) {
		return flow, newFault(badParameter, "response_type or response_mode")
	}
	flow.challenge = c.form.Get("code_challenge")
	if flow.challenge == "" || c.form.Get("code_challenge_method") != "S256" {
		return flow, newFault(challengeMissing)
	}
	flow.demand, err = p.userDemand(c, "")
	return flow, err
}

// isLoopback reports whether a redirect URI leads to a program on the person's own machine (RFC 8252 §7.3). No other is
// taken: az and the SDKs use none, and none can be registered.
func isLoopback(redirect string) bool {
	u, err := url.Parse(redirect)
	if err != nil || u.Scheme != "http" || u.User != nil || u.Fragment != "" {
		return false
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && addr.IsLoopback()
}

// back leads the person's browser back to the client.
func (c *call) back(flow codeFlow, answer url.Values) redirection {
	if state := c.form.Get("state"); state != "" {
		answer.Set("state", state)
	}
	target, _ := url.Parse(flow.redirect) // as isLoopback found it
	query := target.Query()
	for name, values := range answer {
		query[name] = values
	}
	target.RawQuery = query.Encode()
	return redirection(target.String())
}

// redirection is an answer that leads elsewhere.
type redirection string

func (to redirection) respond(w http.ResponseWriter) {
	w.Header().Set("Location", string(to))
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(http.StatusFound)
}

// redeemCode is the grant of RFC 6749 §4.1.3. A code that is shown by the wrong client, or without the verifier, is used
// up: it has been seen by somebody who should not have it.
func (p protocol) redeemCode(c *call) (grant, error) {
	client, err := c.userClient()
	if err != nil {
		return grant{}, err
	}
	code, err := c.required("code")
	if err != nil {
		return grant{}, err
	}
	var flow codeFlow
	known := c.codes.visit(code, c.now, func(f *codeFlow) bool {
		flow, f.used = *f, true
		return true
	})
	if !known {
		return grant{}, newFault(expiredGrant)
	}
	if err := flow.check(c.form, client.id); err != nil {
		return grant{}, err
	}
	user, err := c.user(ByObjectID, flow.user)
	if err != nil {
		return grant{}, err
	}
	return grant{bearer: client.acting(user), demand: flow.demand, client: client.id, nonce: flow.nonce}, nil
}

// check compares what the client shows with what the code was given for.
func (f codeFlow) check(form url.Values, client string) error {
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	switch {
	case f.used:
		return newFault(usedCode)
	case !sameText(f.client, client):
		return newFault(malformedGrant)
	case f.redirect != form.Get("redirect_uri"):
		return newFault(otherRedirect)
	case !sameText(f.challenge, encode(sum[:])):
		return newFault(wrongVerifier)
	}
	return nil
}
