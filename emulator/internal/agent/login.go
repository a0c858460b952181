package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// Credential is a login to a registry.
type Credential struct {
	User, Password string
}

// refreshTokenUser is the user name that goes with an ACR refresh token as password (acr-behaviour §4.1).
const refreshTokenUser = "00000000-0000-0000-0000-000000000000"

// RefreshToken is the login that an ACR refresh token makes.
func RefreshToken(token string) Credential {
	return Credential{User: refreshTokenUser, Password: token}
}

// managementAudience is the audience of the tokens that the services exchange (acr-tasks §1.3).
const managementAudience = "https://management.azure.com/"

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

// ExchangeError is a registry's refusal to exchange an Entra token for one of its own.
type ExchangeError struct {
	// Status is the HTTP status with its text, such as "403 Forbidden".
	Status string
	// Code and Message are the first error of the body, if it has any.
	Code, Message string
}

// Error says it as ACR Tasks does (acr-tasks §4.3).
func (e *ExchangeError) Error() string {
	return "failed to get ACR refresh token, exchange API response code: " + e.Status
}

// Exchange gets a login to a registry for an identity, as the services do: a token of the identity for Resource Manager,
// exchanged for a refresh token. A refusal is an *ExchangeError.
func (a *Agent) Exchange(ctx context.Context, loginServer string, as Identity) (Credential, error) {
	token, err := a.cloud.Token(ctx, as, managementAudience)
	if err != nil {
		return Credential{}, err
	}
	return a.ExchangeToken(ctx, loginServer, token)
}

// ExchangeToken gets a login to a registry for an Entra token. A refusal is an *ExchangeError.
func (a *Agent) ExchangeToken(ctx context.Context, loginServer, token string) (Credential, error) {
	form := url.Values{"grant_type": {"access_token"}, "service": {loginServer}, "access_token": {token}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+loginServer+"/oauth2/exchange", strings.NewReader(form.Encode()))
	if err != nil {
		return Credential{}, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	got, err := a.send(r)
	if err != nil {
		return Credential{}, err
	}
	if got.code != http.StatusOK {
		code, message := got.firstError()
		return Credential{}, &ExchangeError{Status: got.status, Code: code, Message: message}
	}
	var tokens struct {
		RefreshToken string `json:"refresh_token"`
	}
	err = json.Unmarshal(got.body, &tokens)
	return RefreshToken(tokens.RefreshToken), err
}

// Login checks a login as docker login does: the challenge of /v2/, answered at the realm that it names. A refusal is a
// *DaemonError.
func (a *Agent) Login(ctx context.Context, loginServer string, c Credential) error {
	base := "https://" + loginServer + "/v2/"
	asked, err := a.get(ctx, base, Credential{})
	if err != nil {
		return &DaemonError{Method: "Get", URL: base, Message: err.Error()}
	}
	realm, service := challenge(asked.header.Get("WWW-Authenticate"))
	if asked.code == http.StatusOK || realm == "" {
		return asked.loginError(base)
	}
	query := url.Values{"service": {service}, "account": {c.User}, "client_id": {"docker"}, "offline_token": {"true"}}
	given, err := a.get(ctx, realm+"?"+query.Encode(), c)
	if err != nil {
		return &DaemonError{Method: "Get", URL: base, Message: err.Error()}
	}
	return given.loginError(base)
}

func (a *Agent) get(ctx context.Context, address string, c Credential) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return answer{}, err
	}
	if c != (Credential{}) {
		r.SetBasicAuth(c.User, c.Password)
	}
	return a.send(r)
}

// answer is what a registry answered, as far as it may be long.
type answer struct {
	code   int
	status string // the code with its text
	header http.Header
	body   []byte
}

func (a *Agent) send(r *http.Request) (answer, error) {
	response, err := a.RoundTrip(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return answer{response.StatusCode, response.Status, response.Header, body}, err
}

// loginError is what docker says of an answer that is no success.
func (a answer) loginError(at string) error {
	if a.code < http.StatusBadRequest {
		return nil
	}
	code, message := a.firstError()
	if code == "" {
		message = fmt.Sprintf("login attempt to %s failed with status: %s", at, a.status)
	}
	return &DaemonError{Method: "Get", URL: at, Code: code, Message: message}
}

// firstError reads the first error of a registry's body.
func (a answer) firstError() (code, message string) {
	var body struct {
		Errors []struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"errors"`
	}
	if json.Unmarshal(a.body, &body) != nil || len(body.Errors) == 0 {
		return "", ""
	}
	return body.Errors[0].Code, body.Errors[0].Message
}

// challengeForm finds realm and service in a challenge (distribution's token specification).
var challengeForm = regexp.MustCompile(`(?i)\b(realm|service)="([^"]*)"`)

func challenge(header string) (realm, service string) {
	for _, found := range challengeForm.FindAllStringSubmatch(header, -1) {
		if strings.EqualFold(found[1], "realm") {
			realm = found[2]
		} else {
			service = found[2]
		}
	}
	return realm, service
}
