package gate

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// namedError is an error of a verifier that names a reason, as identity's do.
type namedError string

func (e namedError) Error() string  { return "named " + string(e) }
func (e namedError) Reason() string { return string(e) }

// TestEntraAuthenticator: the token may be the bearer or the password, and whatever else comes is not believed.
func TestEntraAuthenticator(t *testing.T) {
	verify := func(token string) (Verified, error) {
		switch token {
		case "good":
			return Verified{ObjectID: "OID-1", Evidence: Evidence{Identity: "/A", Host: "/B"}, ARMAudience: true}, nil
		case "old":
			return Verified{}, namedError("expired")
		case "odd":
			return Verified{}, namedError("ip-rule")
		}
		return Verified{}, errors.New("unreadable")
	}
	basic := func(password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte("anybody:"+password))
	}
	believed := Credential{
		Kind: EntraToken, Holder: PrincipalHolder, Name: "oid-1", ARMAudience: true, Evidence: Evidence{Identity: "/a", Host: "/b"},
	}
	for header, want := range map[string]Credential{
		"":                                      {},
		"Bearer good":                           believed,
		"bearer good":                           believed,
		basic("good"):                           believed,
		"Bearer old":                            {Failure: Expired},
		"Bearer odd":                            {Failure: CredentialMalformed},
		"Bearer bad":                            {Failure: CredentialMalformed},
		"Bearer":                                {Failure: CredentialMalformed},
		"Negotiate good":                        {Failure: CredentialMalformed},
		basic(""):                               {Failure: CredentialMalformed},
		"Bearer " + strings.Repeat("a", 20_000): {Failure: CredentialMalformed},
	} {
		r := httptest.NewRequest(http.MethodGet, "/v2/", nil)
		if header != "" {
			r.Header.Set("Authorization", header)
		}
		got := EntraAuthenticator(verify)(r, "myregistry")
		if want.Failure == "" && (got.Name != want.Name || got.Kind != want.Kind || got.Evidence != want.Evidence || got.Holder != want.Holder || got.Failure != "") {
			t.Errorf("%.40q: got %+v", header, got)
		}
		if want.Failure != "" && (got.Failure != want.Failure || got.Holder != AnonymousHolder || got.Detail == "") {
			t.Errorf("%.40q: got %+v, want %s", header, got, want.Failure)
		}
	}
}
