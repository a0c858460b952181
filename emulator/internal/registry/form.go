package registry

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/acrlocal/acrlocal/gate"
)

// maxForm is the size of the largest form of a token request that is read, in bytes.
const maxForm = 64 << 10

// once are the parameters that may not be repeated: of two values, client and server might mean different ones.
var once = []string{"grant_type", "service", "tenant", "access_token", "refresh_token", "username", "password"}

// readForm parses the parameters of a token request: of the query for GET, of the body alone for POST, since secrets do
// not belong into a URL.
func readForm(r *http.Request) (url.Values, error) {
	if r.Method == http.MethodPost && r.Body != nil {
		r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
	}
	if err := r.ParseForm(); err != nil {
		return nil, fmt.Errorf("the form cannot be read: %w", err)
	}
	form := parameters(r)
	for _, name := range once {
		if len(form[name]) > 1 {
			return nil, fmt.Errorf("the parameter %s is given %d times", name, len(form[name]))
		}
	}
	return form, nil
}

// parameters are those of a token request whose form was parsed.
func parameters(r *http.Request) url.Values {
	if r.Method == http.MethodPost {
		return r.PostForm
	}
	return r.Form
}

// request reads the credential of a request to the token service. A GET has it in the header, a POST in its form.
func (a asker) request(r *http.Request, e endpoint) *presented {
	form, err := readForm(r)
	switch {
	case err != nil:
		return failed(err)
	case r.Method != http.MethodPost:
		return a.header(r.Header, basicOnly)
	case a.foreignTenant(form):
		return disbelieved(gate.TenantWrong, "the request's tenant is %.60q, want %q", form.Get("tenant"), a.options.Tenant)
	}
	grant := form.Get("grant_type")
	read, ok := e.grants[grant]
	if !ok {
		return disbelieved(gate.CredentialMalformed, "the form's grant_type is %.40q", grant)
	}
	return read(a, form)
}

func (a asker) foreignTenant(form url.Values) bool {
	tenant := form.Get("tenant")
	return tenant != "" && !strings.EqualFold(tenant, a.options.Tenant)
}

// grant reads the credential that a form brings.
type grant func(asker, url.Values) *presented

// exchangeGrants are those of /oauth2/exchange. With access_token_refresh_token it is the access token that counts. A
// refresh token can only be ACR's own, as Entra's are not issued here; the two grants are deprecated.
var exchangeGrants = map[string]grant{
	"access_token":               asker.entraGrant,
	"access_token_refresh_token": asker.entraGrant,
	"refresh_token":              asker.refreshGrant,
}

// tokenGrants are those of POST /oauth2/token.
var tokenGrants = map[string]grant{
	"refresh_token": asker.refreshGrant,
	"password":      asker.passwordGrant,
}

func (a asker) entraGrant(form url.Values) *presented {
	token := form.Get("access_token")
	if token == "" {
		return disbelieved(gate.CredentialMissing, "the form has no access_token")
	}
	return a.entra(token)
}

func (a asker) refreshGrant(form url.Values) *presented {
	token := form.Get("refresh_token")
	if token == "" {
		return disbelieved(gate.CredentialMissing, "the form has no refresh_token")
	}
	return a.own(token, gate.RefreshToken)
}

// passwordGrant reads user name and password. Without either it is the way in which Azure's SDKs ask for anonymous
// access (acr-behaviour §4.1).
func (a asker) passwordGrant(form url.Values) *presented {
	user, password := form.Get("username"), form.Get("password")
	switch {
	case form.Get("refresh_token") != "":
		return disbelieved(gate.CredentialMalformed, "the form has a refresh_token beside grant_type=password")
	case user == "" && password == "":
		return nobody
	}
	return a.password(user, password)
}
