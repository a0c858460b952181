package azure

import (
	"fmt"
	"net/url"
	"unicode/utf8"
)

// FederatedCredential is the trust of an application, or of a user-assigned identity, in tokens of another issuer: a token
// from Issuer for Subject is as good as a secret (workload identity federation).
type FederatedCredential struct {
	// Name tells it from others of the same holder.
	Name string
	// Issuer is the URL that is the claim iss of the tokens.
	Issuer string
	// Subject is their claim sub, compared with case.
	Subject string
	// Audiences are what their claim aud may be; Azure takes one, usually api://AzureADTokenExchange.
	Audiences []string
}

// MaxFederatedCredentials is how many of them an application or an identity may have, in Azure as here.
const MaxFederatedCredentials = 20

// ReadFederatedCredential reads a document of type TypeFederatedCredential, a child of a user-assigned identity.
func ReadFederatedCredential(d Document) (FederatedCredential, error) {
	f := fieldsOf(d)
	c := federatedCredential(f.in("properties"))
	c.Name = d.ID.Name()
	return c, f.err()
}

// ReadFederatedCredentials reads those of an application: its member federatedIdentityCredentials, which Graph shows as a
// collection of its own.
func ReadFederatedCredentials(d Document) ([]FederatedCredential, error) {
	f := fieldsOf(d)
	var found []FederatedCredential
	for _, item := range f.list("federatedIdentityCredentials") {
		c := federatedCredential(item)
		c.Name = item.text("name")
		found = append(found, c)
	}
	return found, f.err()
}

func federatedCredential(f fields) FederatedCredential {
	return FederatedCredential{Issuer: f.text("issuer"), Subject: f.text("subject"), Audiences: f.texts("audiences")}
}

var federatedName = formOf(`[a-zA-Z0-9][a-zA-Z0-9_-]{2,119}`)

// maxFederatedText bounds issuer, subject and audience, in characters.
const maxFederatedText = 600

// Problem says what is wrong with the credential, and with which member; both are empty if nothing is. The rules are those
// of Graph and of Microsoft.ManagedIdentity alike.
func (c FederatedCredential) Problem() (member, problem string) {
	issuer, err := url.Parse(c.Issuer)
	switch {
	case !federatedName().MatchString(c.Name):
		return "name", "it has 3 to 120 letters, digits, - and _, and begins with a letter or digit"
	case err != nil || issuer.Scheme != "https" || issuer.Host == "" || issuer.User != nil || issuer.RawQuery != "" || issuer.Fragment != "":
		return "issuer", "it is an https URL without query and fragment"
	case c.Subject == "":
		return "subject", "it is missing"
	case len(c.Audiences) != 1 || c.Audiences[0] == "":
		return "audiences", "it lists one audience"
	}
	for _, part := range []struct{ member, text string }{{"issuer", c.Issuer}, {"subject", c.Subject}, {"audiences", c.Audiences[0]}} {
		if utf8.RuneCountInString(part.text) > maxFederatedText {
			return part.member, fmt.Sprintf("it is longer than %d characters", maxFederatedText)
		}
	}
	return "", ""
}

func validateFederatedCredential(_ *State, d Document) error {
	c, err := ReadFederatedCredential(d)
	if err != nil {
		return err
	}
	if member, problem := c.Problem(); problem != "" {
		return &Error{Code: CodeBadRequest, ID: d.ID, Target: "properties." + member, Message: "the " + member + " of a federated identity credential is not valid: " + problem}
	}
	return nil
}
