package emulator

import (
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
	"github.com/acrlocal/acrlocal/identity"
)

// directory is everybody who exists, as the documents of one state say: Graph's users, groups and service principals,
// the managed identities of resources, and Azure's own services. It is an identity.Directory, and never changes.
type directory struct {
	bySource map[string]identity.Principal // by the key of the document that makes the principal exist
	index    map[identity.By]map[string]string
	added    map[string]credentials // by the key of the document that has them
	holders  map[string][]string    // keys of such documents, by the folded client ID that they are for
}

// credentials are what a document adds to a principal of another one: an application to its service principal, a federated
// credential to the identity that it is a child of.
type credentials struct {
	kind         identity.Kind // of whoever has them: no document gives another kind of principal anything
	clientID     string        // folded
	secrets      []identity.Secret
	certificates []*x509.Certificate
	federated    []identity.FederatedCredential
}

// firstParty are the services of Azure itself, and the rows of the trusted services table that they are.
var firstParty = map[string]string{
	azure.ServiceDefender: gate.DefenderForCloud,
	azure.ServiceImport:   gate.ContainerRegistryName,
}

// newDirectory reads everybody from a state. Two principals with one name are an *azure.Error.
func newDirectory(s *azure.State) (*directory, error) {
	d := &directory{
		bySource: map[string]identity.Principal{}, index: map[identity.By]map[string]string{},
		added: map[string]credentials{}, holders: map[string][]string{},
	}
	for _, by := range []identity.By{identity.ByObjectID, identity.ByClientID, identity.ByUserName, identity.ByResource} {
		d.index[by] = map[string]string{}
	}
	for name := range firstParty {
		_ = d.add(name, identity.Principal{ // nobody is there yet whose name it could have
			ID: azure.DerivedID(name), Kind: identity.FirstParty, DisplayName: name, UserName: name,
			ClientID: azure.DerivedID(name + "/clientId"),
		})
	}
	return d, d.read(s, s.All())
}

// read adds the principals that documents of a state make exist.
func (d *directory) read(s *azure.State, documents []*azure.Document) error {
	groups, hosts := groupsOf(s), hostsOf(s)
	for _, document := range documents {
		if c, ok := credentialsOf(s, document); ok {
			d.attach(document.ID.Key(), c)
		}
		p, ok := principalOf(document, groups, hosts)
		if !ok {
			continue
		}
		if err := d.add(document.ID.Key(), p); err != nil {
			return &azure.Error{ID: document.ID, Code: azure.CodeConflict, Message: err.Error()}
		}
	}
	return nil
}

// add adds a principal. Whoever is named twice could be taken for the other, so that it is an error.
func (d *directory) add(source string, p identity.Principal) error {
	d.bySource[source] = p
	for by, name := range namesOf(p) {
		if name == "" {
			continue
		}
		if other, taken := d.index[by][azure.Fold(name)]; taken && other != source {
			return fmt.Errorf("%q names another principal already, that of %s", name, other)
		}
		d.index[by][azure.Fold(name)] = source
	}
	return nil
}

// attach adds the credentials of a document.
func (d *directory) attach(source string, c credentials) {
	d.added[source] = c
	d.holders[c.clientID] = append(slices.Clip(d.holders[c.clientID]), source)
}

func (d *directory) detach(source string) {
	c, ok := d.added[source]
	if !ok {
		return
	}
	delete(d.added, source)
	d.holders[c.clientID] = slices.DeleteFunc(slices.Clone(d.holders[c.clientID]), func(other string) bool { return other == source })
}

func (d *directory) remove(source string) {
	d.detach(source)
	p, ok := d.bySource[source]
	if !ok {
		return
	}
	delete(d.bySource, source)
	for by, name := range namesOf(p) {
		delete(d.index[by], azure.Fold(name))
	}
}

func namesOf(p identity.Principal) map[identity.By]string {
	return map[identity.By]string{
		identity.ByObjectID: p.ID, identity.ByClientID: p.ClientID, identity.ByUserName: p.UserName, identity.ByResource: p.Resource,
	}
}

// with is the directory after a change, of which only the sources named are read again.
func (d *directory) with(s *azure.State, sources map[string]bool) (*directory, error) {
	if !d.concerns(s, sources) {
		return d, nil
	}
	next := &directory{
		bySource: maps.Clone(d.bySource), index: map[identity.By]map[string]string{},
		added: maps.Clone(d.added), holders: maps.Clone(d.holders),
	}
	for by, names := range d.index {
		next.index[by] = maps.Clone(names)
	}
	var documents []*azure.Document
	for _, source := range slices.Sorted(maps.Keys(sources)) {
		next.remove(source)
		if document, ok := s.Get(source); ok {
			documents = append(documents, document)
		}
	}
	return next, next.read(s, documents)
}

// concerns reports whether any of the sources is a principal, before the change or after it. Most changes concern nobody,
// and cost nothing here.
func (d *directory) concerns(s *azure.State, sources map[string]bool) bool {
	for source := range sources {
		_, was := d.bySource[source]
		_, had := d.added[source]
		if was || had {
			return true
		}
		document, ok := s.Get(source)
		if !ok {
			continue
		}
		_, is := principalOf(document, nil, nil)
		_, has := credentialsOf(s, document)
		if is || has {
			return true
		}
	}
	return false
}

// Find looks a principal up by one of its names, in any case.
func (d *directory) Find(by identity.By, value string) (identity.Principal, bool) {
	source, ok := d.index[by][azure.Fold(value)]
	if !ok || value == "" {
		return identity.Principal{}, false
	}
	p := d.bySource[source]
	if by == identity.ByClientID { // as a client that is to prove itself
		for _, holder := range d.holders[azure.Fold(p.ClientID)] {
			p = d.added[holder].given(p)
		}
	}
	return p, true
}

// given returns a principal with the credentials beside its own.
func (c credentials) given(p identity.Principal) identity.Principal {
	if p.Kind != c.kind {
		return p
	}
	p.Secrets = append(slices.Clip(p.Secrets), c.secrets...)
	p.Certificates = append(slices.Clip(p.Certificates), c.certificates...)
	p.Federated = append(slices.Clip(p.Federated), c.federated...)
	return p
}

// tail returns the principals whose resource's ID ends, by whole segments, in a name.
func (d *directory) tail(name string) []identity.Principal {
	var found []identity.Principal
	for _, source := range slices.Sorted(maps.Keys(d.bySource)) {
		p := d.bySource[source]
		if p.Resource != "" && strings.HasSuffix(azure.Fold(p.Resource), "/"+azure.Fold(strings.Trim(name, "/"))) {
			found = append(found, p)
		}
	}
	return found
}

// near returns the principals whose names come near to one: user names, and the ends of resources' IDs.
func (d *directory) near(name string) []string {
	var names []string
	for _, source := range slices.Sorted(maps.Keys(d.bySource)) {
		p := d.bySource[source]
		if segments := strings.Split(p.Resource, "/"); len(segments) > 1 {
			names = append(names, strings.Join(segments[len(segments)-2:], "/"))
		} else if p.UserName != "" {
			names = append(names, p.UserName)
		}
	}
	return azure.Near(name, names)
}

// groupsOf returns the groups that each principal is a direct member of, by folded object ID.
func groupsOf(s *azure.State) map[string][]string {
	groups := map[string][]string{}
	for _, d := range s.OfType(azure.TypeGroup) {
		g, err := azure.ReadGroup(*d)
		if err != nil {
			continue // refused on its way into the state
		}
		for _, member := range g.Members {
			groups[azure.Fold(member)] = append(groups[azure.Fold(member)], g.ObjectID)
		}
	}
	return groups
}

// hostsOf returns the resources that use each user-assigned identity, by the identity's key.
func hostsOf(s *azure.State) map[string][]string {
	hosts := map[string][]string{}
	if len(s.OfType(azure.TypeUserAssignedIdentity)) == 0 {
		return hosts
	}
	for _, d := range s.All() {
		used, err := azure.ReadManagedIdentity(*d)
		if err != nil {
			continue // refused on its way into the state
		}
		for _, id := range used.UserAssigned {
			hosts[id.Key()] = append(hosts[id.Key()], d.ID.String())
		}
	}
	return hosts
}

// principalOf reads the principal that a document makes exist, if it does.
func principalOf(d *azure.Document, groups, hosts map[string][]string) (identity.Principal, bool) {
	read := readSystemAssigned
	if special, ok := principalReaders[azure.Fold(d.Type())]; ok {
		read = special
	}
	p, ok := read(*d)
	if !ok || p.ID == "" {
		return identity.Principal{}, false
	}
	p.Groups = groups[azure.Fold(p.ID)]
	if p.Kind == identity.UserAssigned {
		p.Hosts = hosts[d.ID.Key()]
	}
	return p, true
}

// principalReaders read the documents that are principals; any other resource may have a system-assigned identity.
var principalReaders = map[string]func(azure.Document) (identity.Principal, bool){
	azure.Fold(azure.TypeUser):                 readUser,
	azure.Fold(azure.TypeGroup):                readGroup,
	azure.Fold(azure.TypeServicePrincipal):     readServicePrincipal,
	azure.Fold(azure.TypeUserAssignedIdentity): readUserAssigned,
}

func readUser(d azure.Document) (identity.Principal, bool) {
	u, err := azure.ReadUser(d)
	return identity.Principal{
		ID: u.ObjectID, Kind: identity.User, DisplayName: u.DisplayName, UserName: u.UserName,
		Password: u.Password, Disabled: u.Disabled, SessionsFrom: u.SessionsFrom,
	}, err == nil
}

func readGroup(d azure.Document) (identity.Principal, bool) {
	g, err := azure.ReadGroup(d)
	return identity.Principal{ID: g.ObjectID, Kind: identity.Group, DisplayName: g.DisplayName}, err == nil
}

func readServicePrincipal(d azure.Document) (identity.Principal, bool) {
	p, err := azure.ReadServicePrincipal(d)
	return identity.Principal{
		ID: p.ObjectID, Kind: identity.ServicePrincipal, DisplayName: p.DisplayName, ClientID: p.ClientID, Disabled: p.Disabled,
		Secrets: secretsOf(p), Certificates: p.Certificates,
	}, err == nil
}

func secretsOf(p azure.ServicePrincipal) []identity.Secret {
	var secrets []identity.Secret
	for _, s := range p.Secrets {
		secrets = append(secrets, identity.Secret{Value: s.Text, Expires: s.Expires})
	}
	return secrets
}

// credentialsOf reads the credentials that a document adds to a principal of another one, if it does.
func credentialsOf(s *azure.State, d *azure.Document) (credentials, bool) {
	switch azure.Fold(d.Type()) {
	case azure.Fold(azure.TypeApplication):
		return readApplication(*d)
	case azure.Fold(azure.TypeFederatedCredential):
		return readFederated(s, *d)
	}
	return credentials{}, false
}

func readApplication(d azure.Document) (credentials, bool) {
	a, err := azure.ReadServicePrincipal(d)
	federated, federatedErr := azure.ReadFederatedCredentials(d)
	c := credentials{
		kind: identity.ServicePrincipal, clientID: azure.Fold(a.ClientID), secrets: secretsOf(a), certificates: a.Certificates,
	}
	for _, f := range federated {
		c.federated = append(c.federated, identity.FederatedCredential{Issuer: f.Issuer, Subject: f.Subject, Audiences: f.Audiences})
	}
	return c, err == nil && federatedErr == nil && c.clientID != ""
}

func readFederated(s *azure.State, d azure.Document) (credentials, bool) {
	f, err := azure.ReadFederatedCredential(d)
	above, _ := d.ID.Parent()
	holder, ok := s.Get(above.Key())
	if err != nil || !ok {
		return credentials{}, false
	}
	u, err := azure.ReadUserAssignedIdentity(*holder)
	return credentials{
		kind: identity.UserAssigned, clientID: azure.Fold(u.ClientID),
		federated: []identity.FederatedCredential{{Issuer: f.Issuer, Subject: f.Subject, Audiences: f.Audiences}},
	}, err == nil && u.ClientID != ""
}

func readUserAssigned(d azure.Document) (identity.Principal, bool) {
	u, err := azure.ReadUserAssignedIdentity(d)
	return identity.Principal{
		ID: u.PrincipalID, Kind: identity.UserAssigned, DisplayName: d.ID.Name(), ClientID: u.ClientID, Resource: d.ID.String(),
	}, err == nil
}

func readSystemAssigned(d azure.Document) (identity.Principal, bool) {
	m, err := azure.ReadManagedIdentity(d)
	return identity.Principal{
		ID: m.PrincipalID, Kind: identity.SystemAssigned, DisplayName: d.ID.Name(), ClientID: m.ClientID, Resource: d.ID.String(),
	}, err == nil && m.System
}

// gateKinds are the words for the kinds of principals on both sides.
var gateKinds = map[identity.Kind]gate.PrincipalKind{
	identity.User: gate.User, identity.Group: gate.Group, identity.ServicePrincipal: gate.ServicePrincipal,
	identity.SystemAssigned: gate.SystemAssignedIdentity, identity.UserAssigned: gate.UserAssignedIdentity,
	identity.FirstParty: gate.FirstPartyService,
}

// gatePrincipal is a principal as the gate sees it.
func gatePrincipal(p identity.Principal) gate.Principal {
	return gate.Principal{
		ID: p.ID, Kind: gateKinds[p.Kind], Resource: p.Resource, Hosts: p.Hosts, Service: firstParty[p.UserName], Groups: p.Groups,
	}
}
