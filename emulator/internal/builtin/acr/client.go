package acr

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// refreshTokenUser is the user name that goes with a refresh token as password (acr-behaviour §4.1).
	refreshTokenUser = "00000000-0000-0000-0000-000000000000"
	// wildcard is the scope that acr-cli asks for first. Where roles are per repository it is refused or ignored
	// (acr-behaviour §9 row 14).
	wildcard = "registry:catalog:* repository:*:*"
	// renewal is how long before its end an access token is replaced.
	renewal = 5 * time.Minute
	// pageSize is how many tags or manifests are asked for at a time.
	pageSize = 100
	// maxAnswer bounds what is read of an answer, in bytes; a manifest has at most 4 MiB.
	maxAnswer = 16 << 20
	// attempts is how often a request is sent that the registry has no time for.
	attempts = 3
	// retryDelay is how long to wait where the registry does not say.
	retryDelay = 30 * time.Second
)

// client asks one registry, with one login.
type client struct {
	session     *session
	loginServer string

	user, password string // for Basic; otherwise empty
	refresh        string // refresh token; otherwise empty
	// scoped says that tokens have to name their repositories: the registry's roles are per repository.
	scoped  bool
	scope   string // of the token
	token   string // access token
	expires time.Time
}

// connect logs in to the registry as acr-cli does: with the flags' name and password, or with what the docker
// configuration has. A refresh token is exchanged for an access token of the wildcard scope at once.
func (s *session) connect(ctx context.Context) (*client, error) {
	server, err := s.loginServer()
	if err != nil {
		return nil, err
	}
	login := credential{s.arguments.String("username"), s.arguments.String("password")}
	if login == (credential{}) {
		if login, err = s.credential(server); err != nil {
			return nil, fmt.Errorf("error resolving authentication: %w", err)
		}
	}
	if login.password == "" {
		return nil, errors.New("unable to resolve authentication, missing identity token or password")
	}
	c := &client{session: s, loginServer: server}
	if login.user != "" && login.user != refreshTokenUser {
		c.user, c.password = login.user, login.password
		return c, nil
	}
	c.refresh, c.scope = login.password, wildcard
	c.scoped = claim(c.refresh, "aad_identity") != nil
	if err := c.renew(ctx); err != nil {
		return nil, fmt.Errorf("error resolving authentication: %w", err)
	}
	return c, nil
}

// limit narrows the token to repositories, where that is necessary.
func (c *client) limit(ctx context.Context, repositories []string) error {
	if !c.scoped {
		return nil
	}
	var scopes []string
	for _, name := range repositories {
		scopes = append(scopes, "repository:"+name+":pull,delete,metadata_read,metadata_write")
	}
	c.scope = strings.Join(scopes, " ")
	if err := c.renew(ctx); err != nil {
		return fmt.Errorf("failed to refresh token for ABAC repositories: %w", err)
	}
	return nil
}

// renew gets an access token for the scope.
func (c *client) renew(ctx context.Context) error {
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {c.refresh}, "scope": {c.scope}, "service": {c.loginServer}}
	answer, err := c.send(ctx, call{
		name: "GetAcrAccessToken", method: http.MethodPost, path: "/oauth2/token", body: []byte(form.Encode()),
		contentType: "application/x-www-form-urlencoded", anonymous: true,
	})
	if err != nil {
		return err
	}
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(answer.body, &token); err != nil {
		return fmt.Errorf("the token of %s cannot be read: %w", c.loginServer, err)
	}
	expires, ok := claim(token.AccessToken, "exp").(float64)
	if !ok {
		return errors.New("unable to obtain expiration date for token")
	}
	c.token, c.expires = token.AccessToken, time.Unix(int64(expires), 0)
	return nil
}

// ready renews the token if it is about to end. It is not called by several goroutines at a time.
func (c *client) ready(ctx context.Context) error {
	if c.refresh == "" || c.session.now().Add(renewal).Before(c.expires) {
		return nil
	}
	return c.renew(ctx)
}

// claim returns a claim of a token, unverified: nil if there is none. The registry verifies, the client only looks.
func claim(token, name string) any {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil
	}
	var claims map[string]any
	if json.Unmarshal(data, &claims) != nil {
		return nil
	}
	return claims[name]
}

// call is a request to the registry.
type call struct {
	name        string // that acr-cli's client has for it, shown in errors
	method      string
	path        string // escaped, perhaps with a query
	body        []byte
	contentType string
	accept      string
	anonymous   bool
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

// statusError is an answer that is no success.
type statusError struct {
	call   string
	status int
	body   []byte
}

// Error has the words of acr-cli's generated client, so that a log of a task reads as in Azure.
func (e *statusError) Error() string {
	said := fmt.Sprintf("acr.BaseClient#%s: Failure responding to request: StatusCode=%d -- Original Error: autorest/azure: "+
		`Service returned an error. Status=%d Code="Unknown" Message="Unknown service error"`, e.call, e.status, e.status)
	if details := canonical(e.body); details != "" {
		said += " Details=[" + details + "]"
	}
	return said
}

// canonical is a JSON object with its members in order, as the generated client prints it; empty if it is none.
func canonical(body []byte) string {
	var object map[string]any
	if json.Unmarshal(body, &object) != nil {
		return ""
	}
	out, err := json.Marshal(object)
	if err != nil {
		return ""
	}
	return string(out)
}

// hasStatus reports whether an error is an answer with one of these codes.
func hasStatus(err error, codes ...int) bool {
	refused, ok := errors.AsType[*statusError](err)
	return ok && slices.Contains(codes, refused.status)
}

// send sends a request, again if the registry is too busy. Any answer but 200 and 202 is a *statusError.
func (c *client) send(ctx context.Context, k call) (answer, error) {
	for attempt := 1; ; attempt++ {
		got, err := c.try(ctx, k)
		if err != nil {
			return answer{}, fmt.Errorf("acr.BaseClient#%s: Failure sending request: StatusCode=0 -- Original Error: %w", k.name, err)
		}
		if got.status == http.StatusOK || got.status == http.StatusAccepted {
			return got, nil
		}
		if !retried(got.status) || attempt == attempts {
			return got, &statusError{call: k.name, status: got.status, body: got.body}
		}
		select {
		case <-ctx.Done():
			return answer{}, ctx.Err()
		case <-c.session.after(wait(got.header)):
		}
	}
}

// retried reports whether a status says that the request may be sent again.
func retried(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
}

// wait is how long to wait before the request is sent again.
func wait(header http.Header) time.Duration {
	seconds, err := strconv.Atoi(header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return retryDelay
	}
	return min(time.Duration(seconds)*time.Second, retryDelay)
}

func (c *client) try(ctx context.Context, k call) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, k.method, "https://"+c.loginServer+k.path, bytes.NewReader(k.body))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("User-Agent", "acr-cli/"+Version)
	if k.accept != "" {
		r.Header.Set("Accept", k.accept)
	}
	if k.contentType != "" {
		r.Header.Set("Content-Type", k.contentType)
	}
	switch {
	case k.anonymous:
	case c.refresh != "":
		r.Header.Set("Authorization", "Bearer "+c.token)
	default:
		r.SetBasicAuth(c.user, c.password)
	}
	response, err := c.session.http.RoundTrip(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return answer{response.StatusCode, response.Header, body}, err
}
