package registry

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/acrlocal/acrlocal/gate"
)

const (
	// maxScopes is how many scopes may be asked for at once.
	maxScopes = 32
	// maxScopeBytes bounds them together, so that the token that lists them fits a header.
	maxScopeBytes = 4 << 10
)

// visit is a request to the token service that the gate allows.
type visit struct {
	*http.Request
	form      url.Values
	record    gate.Record
	registry  gate.Registry
	presented *presented
}

// answer is the body of an answer of the token service (acr-behaviour §4.1).
type answer struct {
	AccessToken  string `json:"access_token,omitempty"`
	RefreshToken string `json:"refresh_token,omitempty"`
}

// serveToken serves an address of the token service.
func (f *Front) serveToken(w http.ResponseWriter, r *http.Request, record gate.Record) error {
	v, err := f.visit(r, record)
	if err != nil {
		return err
	}
	body, err := endpoints[r.URL.EscapedPath()].serve(f, v)
	if err != nil {
		return err
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(encoded)
	return nil
}

// visit checks what both endpoints ask for.
func (f *Front) visit(r *http.Request, record gate.Record) (visit, error) {
	registry, ok := f.tokens.registry(record.Request.Registry)
	c, _ := r.Context().Value(callKey{}).(*call)
	if !ok || c == nil || c.presented == nil {
		return visit{}, contentMissing // removed meanwhile
	}
	v := visit{Request: r, form: parameters(r), record: record, registry: registry, presented: c.presented}
	return v, v.checkService()
}

// checkService takes the login server for the service, or the host by which the client came to it.
func (v visit) checkService() error {
	switch service := v.form.Get("service"); {
	case service == "":
		return serviceMissing
	case !strings.EqualFold(service, v.registry.LoginServer) && !strings.EqualFold(service, v.Host):
		return serviceForeign
	}
	return nil
}

// exchange gives a refresh token for an Entra token. The tenant was checked with the credential.
func (f *Front) exchange(v visit) (answer, error) {
	token, err := f.tokens.issueRefresh(v.Context(), v.presented.orderFor(v.registry, gate.RefreshToken))
	return answer{RefreshToken: token}, err
}

// token gives an access token for those of the scopes asked for that its holder has a right to; that may be none
// (acr-behaviour §2.5). A scope that cannot be read is as good as one that is not granted: az asks for
// registry:None:* (az-cli §4).
func (f *Front) token(v visit) (answer, error) {
	scopes, err := v.scopes()
	if err != nil {
		return answer{}, err
	}
	granted := f.gate.Snapshot().Grant(v.record.Request, scopes)
	token, err := f.tokens.issueAccess(v.Context(), v.presented.orderFor(v.registry, gate.AccessToken), granted)
	body := answer{AccessToken: token}
	if v.offline() {
		body.RefreshToken = v.presented.token
	}
	return body, err
}

// scopes reads the scopes asked for. A registry in ABAC mode refuses to hear of all repositories (acr-behaviour §4.4).
func (v visit) scopes() ([]gate.TokenScope, error) {
	text := strings.Join(v.form["scope"], " ")
	words := strings.Fields(text)
	if len(words) > maxScopes || len(text) > maxScopeBytes {
		return nil, scopesTooMany
	}
	var scopes []gate.TokenScope
	for _, word := range words {
		scope, err := gate.ParseTokenScope(word)
		if err != nil {
			continue
		}
		if scope.Name == "*" && v.registry.Mode == gate.AbacRepositoryPermissions {
			return nil, &refused{gate.Step{
				Stage: gate.StageAuthorization, Verdict: gate.Deny, Reason: gate.RoleLacksAction, Rule: word,
			}}
		}
		scopes = append(scopes, scope)
	}
	return scopes, nil
}

// offline says that the client, as docker does at login, asks for a refresh token to keep instead of the password
// (GET offline_token=true, POST access_type=offline). It gets back the one it came with; for a password there is none,
// so that a password goes on working for longer than a refresh token would.
func (v visit) offline() bool {
	asked := v.form.Get("offline_token") == "true" || v.form.Get("access_type") == "offline"
	return asked && v.presented.credential.Kind == gate.RefreshToken
}
