package identity

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
)

// clientCredentials is the grant by which a client gets a token of its own (RFC 6749 §4.4).
const clientCredentials = "client_credentials"

// tokenAnswer is the answer of the v2 endpoint. The times are numbers: az fails on strings (az-cli §1).
type tokenAnswer struct {
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"`
	ExtExpiresIn int64  `json:"ext_expires_in"`
	AccessToken  string `json:"access_token"`
}

// tokenAnswerV1 is the answer of the v1 endpoint, which says more.
type tokenAnswerV1 struct {
	tokenAnswer
	ExpiresOn string `json:"expires_on"`
	NotBefore string `json:"not_before"`
	Resource  string `json:"resource"`
}

func newTokenAnswer(t Token) tokenAnswer {
	seconds := int64(t.Lifetime().Seconds())
	return tokenAnswer{TokenType: "Bearer", ExpiresIn: seconds, ExtExpiresIn: seconds, AccessToken: t.AccessToken}
}

func (e *Endpoint) tokenV1(r *http.Request) (any, error) {
	token, resource, err := e.clientToken(r, resourceV1)
	if err != nil {
		return nil, err
	}
	return tokenAnswerV1{
		tokenAnswer: newTokenAnswer(token),
		ExpiresOn:   epoch(token.Claims.ExpiresAt.Unix()),
		NotBefore:   epoch(token.Claims.NotBefore.Unix()),
		Resource:    resource,
	}, nil
}

func (e *Endpoint) tokenV2(r *http.Request) (any, error) {
	token, _, err := e.clientToken(r, resourceV2)
	if err != nil {
		return nil, err
	}
	return newTokenAnswer(token), nil
}

func epoch(seconds int64) string { return strconv.FormatInt(seconds, 10) }

// clientToken answers a client_credentials request whose resource is found by resourceOf. The order of the checks is
// the order in which a person would fix the request.
func (e *Endpoint) clientToken(r *http.Request, resourceOf func(url.Values) (string, error)) (Token, string, error) {
	form, err := readForm(r)
	if err != nil {
		return Token{}, "", err
	}
	id, secret, err := clientOf(r, form)
	if err != nil {
		return Token{}, "", err
	}
	resource, err := resourceOf(form)
	if err != nil {
		return Token{}, "", err
	}
	client, err := e.authenticate(id, secret)
	if err != nil {
		return Token{}, "", err
	}
	token, err := e.Issuer.Issue(r.Context(), client, resource, "")
	if errors.Is(err, ErrUnknownAudience) {
		err = newFault(unknownResource, resource, e.Issuer.Tenant)
	}
	return token, resource, err
}

// readForm returns the body's parameters; what the query says is ignored, since secrets do not belong there.
func readForm(r *http.Request) (url.Values, error) {
	if err := r.ParseForm(); err != nil {
		return nil, newFault(badParameter, "request")
	}
	for name, values := range r.PostForm {
		if len(values) > 1 {
			return nil, newFault(repeatedParameter, name)
		}
	}
	grant, err := required(r.PostForm, "grant_type")
	if err == nil && grant != clientCredentials {
		err = newFault(unsupportedGrant, grant)
	}
	return r.PostForm, err
}

func required(form url.Values, name string) (string, error) {
	value := form.Get(name)
	if value == "" {
		return "", newFault(missingParameter, name)
	}
	return value, nil
}

// clientOf returns client ID and secret from the Authorization header, where they are form-encoded (RFC 6749 §2.3.1),
// or from the body. A request that authenticates in both ways is refused.
func clientOf(r *http.Request, form url.Values) (id, secret string, err error) {
	if user, password, ok := r.BasicAuth(); ok {
		return basicClient(user, password, form)
	}
	if id, err = required(form, "client_id"); err != nil {
		return "", "", err
	}
	if secret = form.Get("client_secret"); secret == "" {
		return "", "", newFault(missingSecret)
	}
	return id, secret, nil
}

func basicClient(user, password string, form url.Values) (id, secret string, err error) {
	id, idErr := url.QueryUnescape(user)
	secret, secretErr := url.QueryUnescape(password)
	named := form.Get("client_id")
	switch {
	case idErr != nil || secretErr != nil:
		return "", "", newFault(badParameter, "Authorization")
	case named != "" && named != id:
		return "", "", newFault(badParameter, "client_id")
	case form.Get("client_secret") != "":
		return "", "", newFault(badParameter, "client_secret")
	}
	return id, secret, nil
}

// authenticate returns the service principal that has this secret.
func (e *Endpoint) authenticate(id, secret string) (Principal, error) {
	client, ok := e.Directory.Find(ByClientID, id)
	if !ok || client.Kind != ServicePrincipal {
		return Principal{}, newFault(unknownClient, id, e.Issuer.Tenant)
	}
	if !client.HasSecret(secret) {
		return Principal{}, newFault(wrongSecret, id)
	}
	return client, nil
}

func resourceV1(form url.Values) (string, error) {
	return required(form, "resource")
}

func resourceV2(form url.Values) (string, error) {
	scope, err := required(form, "scope")
	if err != nil {
		return "", err
	}
	resources, bad := scopeResources(scope)
	if bad != "" {
		return "", newFault(scopeNotDefault, bad)
	}
	if len(resources) != 1 {
		return "", newFault(badScope, scope)
	}
	return resources[0], nil
}
