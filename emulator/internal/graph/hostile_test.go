package graph_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/graph"
)

// TestSecretsStaySecret: whatever is asked for, by whatever option, no answer has a secret in it.
func TestSecretsStaySecret(t *testing.T) {
	b := fixture(t)
	handler := newServer(b)
	added := send(handler, newRequest("admin", "POST", "/applications/"+azure.DerivedID("tool")+"/addPassword", "{}"))
	var told struct {
		SecretText string `json:"secretText"`
	}
	if err := json.Unmarshal(added.Body.Bytes(), &told); err != nil || len(told.SecretText) != 40 {
		t.Fatalf("no secret is told: %s", added.Body)
	}
	secrets := []string{told.SecretText, "never-shown", "Old-secret"}
	tool, ann := azure.DerivedID("tool"), azure.DerivedID("ann")
	paths := []string{
		"/applications", "/applications/" + tool, "/users/" + ann, "/users", "/directoryObjects/" + tool, "/directoryObjects/" + ann,
		"/groups?$expand=members,owners", "/applications?$expand=owners", "/users/" + ann + "/memberOf",
	}
	names := []string{
		"passwordCredentials", "passwordCredentials/secretText", "passwordProfile", "passwordProfile/password", "keyCredentials", "secretText",
		"PasswordProfile", "passwordcredentials", "*", "members", "owners", "federatedIdentityCredentials",
	}
	for _, path := range paths {
		for _, option := range []string{"", "$select=", "$expand=", "$orderby=", "$filter=startswith("} {
			for _, name := range names {
				separator, end := "?", ""
				if strings.Contains(path, "?") {
					separator = "&"
				}
				if strings.HasPrefix(option, "$filter") {
					end = ",'n')"
				}
				got := send(handler, newRequest("reader", "GET", path+separator+option+name+end, ""))
				for _, secret := range secrets {
					if strings.Contains(got.Body.String(), secret) {
						t.Errorf("%s%s%s%s shows %q: %s", path, separator, option, name, secret, got.Body)
					}
				}
			}
		}
	}
	ids := fmt.Sprintf(`{"ids": [%q, %q]}`, tool, ann)
	if got := send(handler, newRequest("reader", "POST", "/directoryObjects/getByIds", ids)).Body.String(); strings.Contains(got, "never") || strings.Contains(got, "Old") {
		t.Error("getByIds shows a secret:", got)
	}
}

// TestNoFilterTellsSecrets: a filter that guesses at a secret finds as much as one that guesses wrong.
func TestNoFilterTellsSecrets(t *testing.T) {
	handler := newServer(fixture(t))
	for _, filter := range []string{
		"passwordCredentials/any(p:p/secretText eq 'never-shown-1')", "passwordCredentials/any(p:startswith(p/secretText,'n'))",
		"passwordCredentials/any(p:not(p/secretText eq null))", "passwordCredentials/any(p:p/secretText ge 'a')",
		"passwordCredentials/any(p:p/secretText in ('never-shown-1','never-shown-2'))",
	} {
		got := send(handler, newRequest("reader", "GET", "/applications/$count?$filter="+filter, ""))
		if got.Code != http.StatusOK || got.Body.String() != "0" {
			t.Errorf("%s: %d %s", filter, got.Code, got.Body)
		}
	}
}

// broken is a backend that fails as it is told.
type broken struct {
	*backend
	fail func() error
}

func (b broken) Apply(context.Context, azure.Change) (int64, error) { return 0, b.fail() }

// TestFailures: what goes wrong behind Graph is told in its own dialect, and no more of it than a client may know.
func TestFailures(t *testing.T) {
	for _, row := range []struct {
		name, code string
		fail       func() error
		status     int
	}{
		{"the store", "InternalServerError", func() error { return errors.New("disk on fire") }, 500},
		{"a panic", "InternalServerError", func() error { panic("disk on fire") }, 500},
		{"the domain", "Request_BadRequest", func() error { return &azure.Error{Code: azure.CodeConflict, Message: "taken"} }, 400},
		{"a client that went", "ServiceNotAvailable", func() error { return fmt.Errorf("store: %w", context.Canceled) }, 503},
		{"a chosen answer", "Directory_QuotaExceeded", func() error { return &graph.Error{Status: 403, Code: "Directory_QuotaExceeded"} }, 403},
	} {
		handler := newServer(broken{fixture(t), row.fail})
		got := send(handler, newRequest("admin", "DELETE", "/users/"+azure.DerivedID("ann"), ""))
		if got.Code != row.status || !strings.Contains(got.Body.String(), `"`+row.code+`"`) || strings.Contains(got.Body.String(), "fire") {
			t.Errorf("%s: %d %s", row.name, got.Code, got.Body)
		}
	}
}

// TestTokens: a token that is not believed is refused without saying why, unless the backend says so.
func TestTokens(t *testing.T) {
	handler := newServer(fixture(t))
	for token, message := range map[string]string{
		"Bearer nonsense": "Access token validation failure.", "Bearer expired": "Access token has expired or is not yet valid.",
		"Bearer ": "Access token is empty.", "Basic YTpi": "Access token is empty.",
	} {
		r := httptest.NewRequest(http.MethodGet, "https://graph.microsoft.com/v1.0/users", nil)
		r.Header.Set("Authorization", token)
		got := send(handler, r)
		if got.Code != http.StatusUnauthorized || !strings.Contains(got.Body.String(), message) || got.Header().Get("WWW-Authenticate") == "" {
			t.Errorf("%q: %d %s", token, got.Code, got.Body)
		}
		if strings.Contains(got.Body.String(), "details that no client may see") {
			t.Errorf("%q: %s", token, got.Body)
		}
	}
}

// TestBounds: everything that a client can make long, deep or many has an end.
func TestBounds(t *testing.T) {
	handler := newServer(fixture(t))
	group := func(more string) string {
		return `{"displayName": "g", "mailNickname": "g", "mailEnabled": false, "securityEnabled": true` + more + `}`
	}
	links := strings.TrimSuffix(strings.Repeat(`"https://graph.microsoft.com/v1.0/users/`+azure.DerivedID("ann")+`",`, 21), ",")
	for _, row := range []struct {
		name, method, path string
		body               io.Reader
		status             int
	}{
		{"a body of more than 1 MB", "POST", "/groups", strings.NewReader(group(`, "description": "` + strings.Repeat("x", 1<<20) + `"`)), 413},
		{"a deep body", "POST", "/groups", strings.NewReader(`{"a":` + strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat(`}`, 40) + `}`), 400},
		{"a long name", "POST", "/groups", strings.NewReader(strings.Replace(group(""), `"g"`, `"`+strings.Repeat("n", 257)+`"`, 1)), 400},
		{"a long text", "POST", "/groups", strings.NewReader(group(`, "description": "` + strings.Repeat("x", 2049) + `"`)), 400},
		{"a long list", "POST", "/groups", strings.NewReader(group(`, "groupTypes": [` + strings.Repeat(`"x",`, 1000) + `"x"]`)), 400},
		{"a long item", "POST", "/groups", strings.NewReader(group(`, "groupTypes": ["` + strings.Repeat("x", 2049) + `"]`)), 400},
		{"a list of the wrong things", "POST", "/groups", strings.NewReader(group(`, "groupTypes": [{}]`)), 400},
		{"a list where a text is expected", "POST", "/groups", strings.NewReader(group(`, "description": []`)), 400},
		{"an object where a text is expected", "POST", "/groups", strings.NewReader(group(`, "description": {}`)), 400},
		{"too many links", "POST", "/groups", strings.NewReader(group(`, "members@odata.bind": [` + links + `]`)), 400},
		{"too many IDs", "POST", "/directoryObjects/getByIds", strings.NewReader(`{"ids": [` + strings.Repeat(`"x",`, 1000) + `"x"]}`), 400},
		{"too many groups", "POST", "/users/" + azure.DerivedID("ann") + "/checkMemberGroups", strings.NewReader(`{"groupIds": [` + strings.Repeat(`"x",`, 20) + `"x"]}`), 400},
		{"a long filter", "GET", "/users?$filter=" + strings.Repeat("x", 9<<10), http.NoBody, 400},
		{"a deep filter", "GET", "/users?$filter=" + strings.Repeat("(", 20) + "id eq 'a'" + strings.Repeat(")", 20), http.NoBody, 400},
		{"a deep negation", "GET", "/users?$filter=" + strings.Repeat("not ", 20) + "id eq 'a'", http.NoBody, 400},
		{"a large page", "GET", "/users?$top=1000", http.NoBody, 400},
	} {
		r := newRequest("admin", row.method, row.path, "")
		r.Body = io.NopCloser(row.body)
		if got := send(handler, r); got.Code != row.status || !strings.Contains(got.Body.String(), `"innerError"`) {
			t.Errorf("%s: %d %.300s, want %d", row.name, got.Code, got.Body, row.status)
		}
	}
	app := "/applications/" + azure.DerivedID("tool")
	for name, limit := range map[string]int{"addPassword": 48, "federatedIdentityCredentials": 20} { // two passwords are there already
		for i := range limit + 1 {
			body := fmt.Sprintf(`{"name": "fic%d", "issuer": "https://issuer.example", "subject": "s%d", "audiences": ["a"]}`, i, i)
			got := send(handler, newRequest("admin", "POST", app+"/"+name, body))
			if (got.Code < 300) != (i < limit) {
				t.Fatalf("%s number %d: %d %s", name, i+1, got.Code, got.Body)
			}
		}
	}
}
