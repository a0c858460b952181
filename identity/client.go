package identity

import (
	"net/url"
	"slices"
	"strings"
)

// client is the application that asks.
type client struct {
	Principal        // nobody, for an application of Microsoft's
	id        string // application ID
	proof     string // how it proved itself, as claim appidacr says it
}

// acting is a user that acts through the client.
func (c client) acting(user Principal) bearer {
	return bearer{Principal: user, client: c.id, proof: c.proof}
}

// AzureCLI and others are Microsoft's own applications in which users sign in. They exist in every tenant, and have no
// secret: whoever says to be one is believed, since only a user's password makes it worth anything.
const (
	// AzureCLI is the client ID of az, and of the Azure SDKs' sign-in for developers.
	AzureCLI        = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
	azurePowerShell = "1950a258-227b-4e31-a9cf-717495945fc2"
	visualStudio    = "872cd9fa-d31f-45e0-9eab-6e460a02d1f1"
	visualCode      = "aebc6443-996d-45c2-90f0-388ff96faa56"
)

var publicClients = []string{AzureCLI, azurePowerShell, visualStudio, visualCode}

// evidence is what a client shows to prove itself.
type evidence struct {
	id, secret, assertion string
}

// evidence returns client ID and secret from the Authorization header, where they are form-encoded (RFC 6749 §2.3.1), or
// from the body, where an assertion may stand for the secret. A request that authenticates in two ways is refused.
func (c *call) evidence() (evidence, error) {
	if user, password, ok := c.r.BasicAuth(); ok {
		return c.basic(user, password)
	}
	id, err := c.required("client_id")
	shown := evidence{id, c.form.Get("client_secret"), strings.TrimSpace(c.form.Get("client_assertion"))} // from a file
	switch {
	case err != nil:
		return evidence{}, err
	case shown.secret != "" && shown.assertion != "":
		return evidence{}, newFault(badParameter, "client_assertion")
	case shown.assertion != "" && c.form.Get("client_assertion_type") != assertionType:
		return evidence{}, newFault(badParameter, "client_assertion_type")
	}
	return shown, nil
}

func (c *call) basic(user, password string) (evidence, error) {
	id, idErr := url.QueryUnescape(user)
	secret, secretErr := url.QueryUnescape(password)
	named := c.form.Get("client_id")
	switch {
	case idErr != nil || secretErr != nil:
		return evidence{}, newFault(badParameter, "Authorization")
	case named != "" && named != id:
		return evidence{}, newFault(badParameter, "client_id")
	case c.form.Get("client_secret") != "":
		return evidence{}, newFault(badParameter, "client_secret")
	case c.form.Get("client_assertion") != "":
		return evidence{}, newFault(badParameter, "client_assertion")
	}
	return evidence{id: id, secret: secret}, nil
}

// clientCredentials is the grant by which a client gets a token of its own (RFC 6749 §4.4). The order of the checks is
// the order in which a person would fix the request.
func (p protocol) clientCredentials(c *call) (grant, error) {
	shown, err := c.evidence()
	if err != nil {
		return grant{}, err
	}
	if _, _, basic := c.r.BasicAuth(); shown.secret == "" && shown.assertion == "" && !basic {
		return grant{}, newFault(missingSecret)
	}
	wanted, err := p.ownDemand(c)
	if err != nil {
		return grant{}, err
	}
	who, err := c.authenticate(shown)
	return grant{bearer: bearer{Principal: who.Principal, proof: who.proof}, demand: wanted, client: who.id}, err
}

// authenticate returns the client that the evidence is of.
func (c *call) authenticate(shown evidence) (client, error) {
	found, ok := c.Directory.Find(ByClientID, shown.id)
	prove := (*call).proveBySecret
	if shown.assertion != "" {
		prove = (*call).proveByAssertion
	}
	if !ok || found.Kind != ServicePrincipal && (found.Kind != UserAssigned || shown.assertion == "") {
		return client{}, newFault(unknownClient, shown.id, c.Issuer.Tenant)
	}
	proof, err := prove(c, found, shown)
	switch {
	case err != nil:
		return client{}, err
	case found.Disabled:
		return client{}, newFault(disabledClient, shown.id, found.DisplayName)
	}
	return client{Principal: found, id: found.ClientID, proof: proof}, nil
}

// The ways in which a client proves itself, as the claims appidacr and azpacr say them.
const (
	bySecret      = "1"
	byCertificate = "2"
)

func (c *call) proveBySecret(p Principal, shown evidence) (string, error) {
	switch found, expired := p.matchSecret(shown.secret, c.now); {
	case !found:
		return "", newFault(wrongSecret, shown.id)
	case expired:
		return "", newFault(expiredSecret, shown.id)
	}
	return bySecret, nil
}

// userClient returns the client through which a user signs in. One that has credentials of its own must show them.
func (c *call) userClient() (client, error) {
	shown, err := c.evidence()
	if err != nil {
		return client{}, err
	}
	if slices.Contains(publicClients, shown.id) {
		return c.publicClient(shown)
	}
	found, ok := c.Directory.Find(ByClientID, shown.id)
	confidential := len(found.Secrets)+len(found.Certificates)+len(found.Federated) > 0
	switch {
	case !ok || found.Kind != ServicePrincipal:
		return client{}, newFault(unknownClient, shown.id, c.Issuer.Tenant)
	case confidential && shown.secret == "" && shown.assertion == "":
		return client{}, newFault(missingSecret)
	case confidential:
		return c.authenticate(shown)
	case found.Disabled:
		return client{}, newFault(disabledClient, shown.id, found.DisplayName)
	}
	return c.publicClient(evidence{found.ClientID, shown.secret, shown.assertion})
}

func (c *call) publicClient(shown evidence) (client, error) {
	if shown.secret != "" || shown.assertion != "" {
		return client{}, newFault(publicWithSecret)
	}
	return client{id: shown.id, proof: "0"}, nil
}
