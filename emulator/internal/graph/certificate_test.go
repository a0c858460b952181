package graph_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // a certificate's thumbprint
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

func certificate(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now, NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestCertificates: key credentials are certificates, completed as Graph does, kept when they come back without the
// certificate, and shown with it only when they are asked for by name.
func TestCertificates(t *testing.T) {
	handler := newServer(fixture(t))
	app := "/applications/" + azure.DerivedID("tool")
	der := certificate(t)
	encoded := base64.StdEncoding.EncodeToString(der)
	patch := func(keys string) int {
		got := send(handler, newRequest("admin", http.MethodPatch, app, `{"keyCredentials": [`+keys+`]}`))
		if got.Code >= 500 {
			t.Fatal(got.Body)
		}
		return got.Code
	}
	read := func(query string) []map[string]any {
		var body struct {
			KeyCredentials []map[string]any `json:"keyCredentials"`
		}
		got := send(handler, newRequest("reader", http.MethodGet, app+query, ""))
		if err := json.Unmarshal(got.Body.Bytes(), &body); err != nil {
			t.Fatal(err)
		}
		return body.KeyCredentials
	}
	half := len(encoded) / 2
	if code := patch(`{"type": "AsymmetricX509Cert", "usage": "Verify", "key": "` + encoded[:half] + `\n` + encoded[half:] + `", "displayName": "one"}`); code != http.StatusNoContent {
		t.Fatal("a certificate in two lines:", code)
	}
	shown := read("")
	thumbprint := fmt.Sprintf("%X", sha1.Sum(der)) //nolint:gosec // see the import
	if len(shown) != 1 || shown[0]["key"] != nil || shown[0]["customKeyIdentifier"] != thumbprint || shown[0]["endDateTime"] != "2026-01-02T04:04:05Z" {
		t.Errorf("shown: %v", shown)
	}
	if whole := read("?$select=keyCredentials"); whole[0]["key"] != encoded {
		t.Errorf("asked for by name: %v", whole)
	}
	known := fmt.Sprintf(`{"keyId": %q, "key": null, "displayName": "one"}`, shown[0]["keyId"])
	if code := patch(known + `, {"type": "AsymmetricX509Cert", "usage": "Verify", "key": "` + base64.StdEncoding.EncodeToString(certificate(t)) + `"}`); code != http.StatusNoContent {
		t.Error("one more:", code)
	}
	if both := read("?$select=keyCredentials"); len(both) != 2 || both[0]["key"] != encoded {
		t.Errorf("two: %v", both)
	}
	for name, keys := range map[string]string{
		"no certificate":      `{"type": "AsymmetricX509Cert", "usage": "Verify", "key": "YWJj"}`,
		"no base64":           `{"type": "AsymmetricX509Cert", "usage": "Verify", "key": "%"}`,
		"a symmetric key":     `{"type": "Symmetric", "usage": "Verify", "key": "` + encoded + `"}`,
		"a signing key":       `{"type": "AsymmetricX509Cert", "usage": "Sign", "key": "` + encoded + `"}`,
		"one that is unknown": `{"keyId": "` + azure.DerivedID("none") + `"}`,
		"an end before start": `{"type": "AsymmetricX509Cert", "usage": "Verify", "key": "` + encoded + `", "endDateTime": "2020-01-01T00:00:00Z"}`,
		"no object":           `7`,
		"too many":            strings.TrimSuffix(strings.Repeat(known+",", 51), ","),
	} {
		if code := patch(keys); code != http.StatusBadRequest {
			t.Errorf("%s: %d", name, code)
		}
	}
	if code := patch(""); code != http.StatusNoContent || len(read("")) != 0 {
		t.Error("to send none does not take all away:", code)
	}
}
