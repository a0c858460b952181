package azure

import (
	"crypto/x509"
	"encoding/base64"
	"strings"
	"time"
)

// User is the view of a Graph user.
type User struct {
	ObjectID, DisplayName string
	// UserName is userPrincipalName.
	UserName string
	// Password is passwordProfile.password. Graph tells it to nobody; the document keeps it.
	Password string
	// Disabled says that accountEnabled is false.
	Disabled bool
	// SessionsFrom is signInSessionsValidFromDateTime: from when sign-ins count.
	SessionsFrom time.Time
}

// ReadUser reads a document of type TypeUser.
func ReadUser(d Document) (User, error) {
	f := fieldsOf(d)
	return User{
		ObjectID: d.ID.Name(), DisplayName: f.text("displayName"), UserName: f.text("userPrincipalName"),
		Password: f.in("passwordProfile").text("password"), Disabled: !f.flag("accountEnabled", true),
		SessionsFrom: f.time("signInSessionsValidFromDateTime"),
	}, f.err()
}

// Group is the view of a Graph group.
type Group struct {
	ObjectID, DisplayName string
	// Members are the object IDs of its direct members, which may be groups.
	Members []string
}

// ReadGroup reads a document of type TypeGroup. Members are given as Graph expands them ("members": [{"id": …}]), as bare
// object IDs, or as Graph takes them ("members@odata.bind": ["https://graph.microsoft.com/v1.0/directoryObjects/ID"]).
func ReadGroup(d Document) (Group, error) {
	f := fieldsOf(d)
	g := Group{ObjectID: d.ID.Name(), DisplayName: f.text("displayName"), Members: f.objectIDs("members")}
	return g, f.err()
}

// ReadOwners reads the object IDs of the owners of a Graph object, given as members of a group are. An owner of an
// application or a service principal may manage it; so may one of a group.
func ReadOwners(d Document) ([]string, error) {
	f := fieldsOf(d)
	return f.objectIDs("owners"), f.err()
}

// objectIDs reads a member that refers to objects of the directory.
func (f fields) objectIDs(name string) []string {
	var ids []string
	for _, link := range f.texts(name + "@odata.bind") {
		ids = append(ids, link[strings.LastIndexByte(link, '/')+1:])
	}
	for _, item := range member[[]any](f, name, "a list") {
		switch m := item.(type) {
		case string:
			ids = append(ids, m)
		case map[string]any:
			ids = append(ids, fields{path: f.at(name + "[]"), object: m, first: f.first, id: f.id}.text("id"))
		default:
			f.fail(CodeInvalidContent, name, "expected object IDs, found %s", kindOf(item))
		}
	}
	return ids
}

// ServicePrincipal is the view of a Graph service principal. An application has the same view, with its own object ID.
type ServicePrincipal struct {
	ObjectID, DisplayName string
	// ClientID is appId.
	ClientID string
	// Disabled says that accountEnabled is false.
	Disabled bool
	// Secrets are passwordCredentials[]. Graph tells a secret once; the document keeps it.
	Secrets []ClientSecret
	// Certificates are those of keyCredentials[].
	Certificates []*x509.Certificate
}

// ClientSecret is an entry of passwordCredentials.
type ClientSecret struct {
	// Text is secretText.
	Text string
	// Expires is endDateTime; the zero time is never.
	Expires time.Time
}

// ReadServicePrincipal reads a document of type TypeServicePrincipal or TypeApplication.
func ReadServicePrincipal(d Document) (ServicePrincipal, error) {
	f := fieldsOf(d)
	s := ServicePrincipal{
		ObjectID: d.ID.Name(), DisplayName: f.text("displayName"), ClientID: f.text("appId"), Disabled: !f.flag("accountEnabled", true),
	}
	for _, p := range f.list("passwordCredentials") {
		if secret := (ClientSecret{p.text("secretText"), p.time("endDateTime")}); secret.Text != "" {
			s.Secrets = append(s.Secrets, secret)
		}
	}
	for _, k := range f.list("keyCredentials") {
		if certificate := k.certificate("key"); certificate != nil {
			s.Certificates = append(s.Certificates, certificate)
		}
	}
	return s, f.err()
}

// certificate reads a certificate as Graph writes it, DER in base64; a missing one, as in answers of Graph's, is nil.
func (f fields) certificate(name string) *x509.Certificate {
	text := f.text(name)
	if text == "" {
		return nil
	}
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		f.fail(CodeInvalid, name, "the certificate is not in base64: %v", err)
		return nil
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		f.fail(CodeInvalid, name, "the certificate cannot be read: %v", err)
	}
	return certificate
}

// validateApplication wants an application that can be read, with what it trusts.
func validateApplication(_ *State, d Document) error {
	if _, err := ReadServicePrincipal(d); err != nil {
		return err
	}
	_, err := ReadFederatedCredentials(d)
	return err
}
