package emulator

import (
	"errors"
	"net/http"
	"strings"

	"github.com/acrlocal/acrlocal/identity"
)

// callers knows who calls a service by the bearer tokens of requests. A token that was verified before costs a look into
// the cache, until it expires; its principal is looked up each time.
type callers struct {
	directory identity.Directory
	verifier  identity.Verifier
	known     identity.Cache[string] // object IDs by token
}

// newCallers makes the callers of a service, which is called by these audiences.
func (e *Emulator) newCallers(audiences ...string) *callers {
	c := &callers{directory: e, verifier: e.issuer.Verifier(audiences...)}
	c.known.Now = e.options.Now
	return c
}

// holder returns the object ID of the principal whose bearer token a request carries: one that is for the audience, and
// whose principal still exists.
func (c *callers) holder(r *http.Request) (string, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", errors.New("the request carries no bearer token")
	}
	holder, err := c.known.Do(token, c.verify)
	if err != nil {
		return "", err
	}
	if _, ok := c.directory.Find(identity.ByObjectID, holder); !ok {
		return "", errors.New("the principal of the token does not exist any more")
	}
	return holder, nil
}

func (c *callers) verify(token string) (string, identity.Window, error) {
	claims, err := c.verifier.Verify(token)
	return claims.ObjectID, claims.Window(), err
}
