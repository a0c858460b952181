package azure

import (
	"strings"
	"testing"
)

// TestFederatedCredentialProblems: what Graph and Microsoft.ManagedIdentity refuse of a federated identity credential.
func TestFederatedCredentialProblems(t *testing.T) {
	good := FederatedCredential{
		Name: "github-main", Issuer: "https://token.actions.githubusercontent.com", Subject: "repo:contoso/app:ref:refs/heads/main",
		Audiences: []string{"api://AzureADTokenExchange"},
	}
	for _, row := range []struct {
		name   string
		spoil  func(*FederatedCredential)
		member string
	}{
		{"as it should be", func(*FederatedCredential) {}, ""},
		{"a short name", func(c *FederatedCredential) { c.Name = "ab" }, "name"},
		{"a name with a slash", func(c *FederatedCredential) { c.Name = "a/b/c" }, "name"},
		{"an issuer without TLS", func(c *FederatedCredential) { c.Issuer = "http://issuer.example" }, "issuer"},
		{"an issuer with a user", func(c *FederatedCredential) { c.Issuer = "https://me@issuer.example" }, "issuer"},
		{"an issuer with a query", func(c *FederatedCredential) { c.Issuer = "https://issuer.example?a=b" }, "issuer"},
		{"no issuer", func(c *FederatedCredential) { c.Issuer = "" }, "issuer"},
		{"no subject", func(c *FederatedCredential) { c.Subject = "" }, "subject"},
		{"a long subject", func(c *FederatedCredential) { c.Subject = strings.Repeat("s", 601) }, "subject"},
		{"no audience", func(c *FederatedCredential) { c.Audiences = nil }, "audiences"},
		{"two audiences", func(c *FederatedCredential) { c.Audiences = []string{"a", "b"} }, "audiences"},
		{"an empty audience", func(c *FederatedCredential) { c.Audiences = []string{""} }, "audiences"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := good
			row.spoil(&c)
			if member, problem := c.Problem(); member != row.member || (problem == "") != (member == "") {
				t.Errorf("Problem() = %q, %q; want one of %q", member, problem, row.member)
			}
		})
	}
}

// TestReadFederatedCredentials: an application's stand in its document, an identity's are documents below it.
func TestReadFederatedCredentials(t *testing.T) {
	body := map[string]any{"name": "ci", "issuer": "https://i", "subject": "s", "audiences": []any{"a"}}
	app := Document{ID: GraphID("applications", "x"), Body: map[string]any{"federatedIdentityCredentials": []any{body}}}
	found, err := ReadFederatedCredentials(app)
	if err != nil || len(found) != 1 || found[0].Name != "ci" || found[0].Issuer != "https://i" || found[0].Subject != "s" || found[0].Audiences[0] != "a" {
		t.Errorf("of an application: %+v, %v", found, err)
	}
	id := MustParseResourceID("/subscriptions/s/resourceGroups/g/providers/" + TypeUserAssignedIdentity + "/id/federatedIdentityCredentials/ci")
	one, err := ReadFederatedCredential(Document{ID: id, Body: map[string]any{"properties": body}})
	if err != nil || one.Name != "ci" || one.Subject != "s" || id.Type() != TypeFederatedCredential {
		t.Errorf("of an identity: %+v, %v", one, err)
	}
	app.Body["federatedIdentityCredentials"] = []any{"ci"}
	if _, err := ReadFederatedCredentials(app); err == nil {
		t.Error("a credential that is no object is read")
	}
}
