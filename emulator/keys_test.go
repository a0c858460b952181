package emulator

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
)

// TestRotateKeys: a rotation is seen by whoever reads the key set, and voids no token that was issued before.
func TestRotateKeys(t *testing.T) {
	e := start(t, Options{})
	tokens := map[string]string{"old": armToken(t, e)}
	if err := e.RotateKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	tokens["new"] = armToken(t, e)
	if header, _, _ := strings.Cut(tokens["old"], "."); strings.HasPrefix(tokens["new"], header+".") {
		t.Error("the new token names the old key")
	}
	r := request(t, http.MethodGet, e.Endpoints().Service+"/"+e.Endpoints().TenantID+"/discovery/v2.0/keys", "")
	r.Host = "login.microsoftonline.com"
	if keys := send(t, http.DefaultTransport, r); bytes.Count(keys.body, []byte(`"kid"`)) != 2 {
		t.Errorf("the key set should have two keys: %s", keys.body)
	}
	for name, token := range tokens {
		r := request(t, http.MethodGet, e.Endpoints().Service+"/subscriptions?api-version=2022-12-01", "", "Authorization", "Bearer "+token)
		r.Host = "management.azure.com"
		if got := send(t, http.DefaultTransport, r); got.status != http.StatusOK {
			t.Errorf("ARM says of the %s token: %d %s", name, got.status, got.body)
		}
	}
	acr, err := e.Token(t.Context(), TokenRequest{})
	if err != nil {
		t.Fatal(err)
	}
	r = request(t, http.MethodGet, e.Endpoints().Service+"/subscriptions?api-version=2022-12-01", "", "Authorization", "Bearer "+acr.Token)
	r.Host = "management.azure.com"
	if got := send(t, http.DefaultTransport, r); got.status != http.StatusUnauthorized || !bytes.Contains(got.body, []byte("InvalidAuthenticationTokenAudience")) {
		t.Errorf("ARM says of a token for ACR: %d %s", got.status, got.body)
	}
}

func armToken(t *testing.T, e *Emulator) string {
	t.Helper()
	answer, err := e.Token(t.Context(), TokenRequest{Audience: "https://management.azure.com/"})
	if err != nil {
		t.Fatal(err)
	}
	return answer.Token
}
