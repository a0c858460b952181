package azure

import "strings"

// User is the view of a Graph user.
type User struct {
	ObjectID, DisplayName string
	// UserName is userPrincipalName.
	UserName string
}

// ReadUser reads a document of type TypeUser.
func ReadUser(d Document) (User, error) {
	f := fieldsOf(d)
	return User{
		ObjectID: d.ID.Name(), DisplayName: f.text("displayName"), UserName: f.text("userPrincipalName"),
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
	// Secrets are the values in passwordCredentials[].secretText. Graph tells a secret once; the document keeps it.
	Secrets []string
}

// ReadServicePrincipal reads a document of type TypeServicePrincipal or TypeApplication.
func ReadServicePrincipal(d Document) (ServicePrincipal, error) {
	f := fieldsOf(d)
	s := ServicePrincipal{ObjectID: d.ID.Name(), DisplayName: f.text("displayName"), ClientID: f.text("appId")}
	for _, p := range f.list("passwordCredentials") {
		if secret := p.text("secretText"); secret != "" {
			s.Secrets = append(s.Secrets, secret)
		}
	}
	return s, f.err()
}

// validateApplication wants an application that can be read, with what it trusts.
func validateApplication(_ *State, d Document) error {
	if _, err := ReadServicePrincipal(d); err != nil {
		return err
	}
	_, err := ReadFederatedCredentials(d)
	return err
}
