package azure

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"slices"
	"time"
)

// Author says on whose behalf a change is completed.
type Author struct {
	// Operator is the author of the emulator's own configuration, who may say what Azure tells its clients only:
	// principal IDs, passwords, the state of private endpoint connections. What a client says of these is ignored.
	Operator bool
	// MayApprove reports whether a client may approve private endpoint connections to a registry; nil means no. A
	// connection that its author may approve starts Approved, others Pending (acr-behaviour §7).
	MayApprove func(registry ResourceID) bool
	// NewPassword makes a password; nil means 32 random bytes.
	NewPassword func() string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Complete returns the change with everything that Azure would add to it: names, types and defaults; principal IDs of
// managed identities; the passwords and system scope maps of a registry; the connection and addresses of a private endpoint;
// subnets and peerings that a virtual network lists, as documents of their own; and, for what is deleted, all that is
// below it. The change itself stays as it is. With does none of this.
func (s *State) Complete(c Change, by Author) (Change, error) {
	w := newCompletion(s, by)
	for _, key := range c.Delete {
		w.delete(Fold(key))
	}
	for _, d := range c.Put {
		w.put(d.Clone())
	}
	w.inOrder()
	for len(w.queue) > 0 {
		d := w.puts[w.queue[0]]
		w.queue = w.queue[1:]
		if err := w.complete(d); err != nil {
			return Change{}, err
		}
	}
	return w.change(), w.checkHeld()
}

// completion is the work on one change.
type completion struct {
	old     *State
	by      Author
	puts    map[string]*Document
	order   []string // keys of puts, as they came
	queue   []string // keys of puts that are not complete yet
	deletes map[string]bool
	// addresses and public are made when they are needed.
	addresses *addressBook
	public    *publicBook
}

func newCompletion(s *State, by Author) *completion {
	if by.NewPassword == nil {
		by.NewPassword = randomPassword
	}
	if by.Now == nil {
		by.Now = time.Now
	}
	return &completion{old: s, by: by, puts: map[string]*Document{}, deletes: map[string]bool{}}
}

func randomPassword() string {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	return base64.RawURLEncoding.EncodeToString(secret)
}

func (w *completion) change() Change {
	var c Change
	for _, key := range w.order {
		c.Put = append(c.Put, *w.puts[key])
	}
	for key := range w.deletes {
		c.Delete = append(c.Delete, key)
	}
	slices.Sort(c.Delete)
	return c
}

// put adds a document to the change, or replaces the one that is in it, and lets it be completed.
func (w *completion) put(d Document) {
	w.amend(d)
	w.queue = append(w.queue, d.ID.Key())
}

// amend is put for a document that was complete, and is changed in what its completion would find out by itself.
func (w *completion) amend(d Document) {
	key := d.ID.Key()
	if w.puts[key] == nil {
		w.order = append(w.order, key)
	}
	if d.Body == nil {
		d.Body = map[string]any{}
	}
	w.puts[key] = &d
}

// precedence brings forward the types that others ask when they are completed.
var precedence = map[string]int{
	Fold(TypeResourceGroup): -9, Fold(TypeVirtualNetwork): -8, Fold(TypePublicIPPrefix): -7, Fold(TypePublicIPAddress): -6,
	Fold(TypeRegistry): -5, Fold(TypePrivateDNSZone): -4,
	Fold(TypePrivateEndpoint): 1, Fold(TypeDNSZoneGroup): 2, Fold(TypeReplication): 3,
}

// inOrder sorts what is to be completed by precedence.
func (w *completion) inOrder() {
	rank := func(key string) int { return precedence[keyType(key)] }
	slices.SortStableFunc(w.queue, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
}

// delete takes away a document and all that is below it, and what Azure takes away with it.
func (w *completion) delete(key string) {
	d, found := w.old.Get(key)
	gone := w.old.Below(key)
	if found {
		gone = append(gone, d)
	}
	for _, d := range gone {
		w.deletes[d.ID.Key()] = true
	}
	for _, d := range gone {
		w.gone(d)
	}
	w.identitiesGone(gone)
}

// get returns a document as it will be: the change's own, which may be changed further, or nil with false.
func (w *completion) get(key string) (*Document, bool) {
	if d := w.puts[key]; d != nil {
		return d, true
	}
	if w.deletes[key] {
		return nil, false
	}
	return w.old.Get(key)
}

// ofType returns the documents of a type as they will be, below the one with that key.
func (w *completion) ofType(key, resourceType string) []*Document {
	var found []*Document
	for _, d := range w.old.Children(key, resourceType) {
		if !w.deletes[d.ID.Key()] && w.puts[d.ID.Key()] == nil {
			found = append(found, d)
		}
	}
	for _, at := range w.order {
		d := w.puts[at]
		if d.Is(resourceType) && (key == "/" || below(key, at)) {
			found = append(found, d)
		}
	}
	return found
}

// completers complete the documents of a type, after what all have in common. A completer may put further documents.
var completers = map[string]func(*completion, *Document) error{
	Fold(TypeResourceGroup):             (*completion).resourceGroup,
	Fold(TypeSubscription):              (*completion).subscription,
	Fold(TypeRegistry):                  (*completion).registry,
	Fold(TypeToken):                     (*completion).token,
	Fold(TypeScopeMap):                  (*completion).registryChild,
	Fold(TypeReplication):               (*completion).replication,
	Fold(TypeWebhook):                   (*completion).registryChild,
	Fold(TypeCacheRule):                 (*completion).registryChild,
	Fold(TypeCredentialSet):             (*completion).registryChild,
	Fold(TypeConnectedRegistry):         (*completion).registryChild,
	Fold(TypeAgentPool):                 (*completion).registryChild,
	Fold(TypeTask):                      (*completion).registryChild,
	Fold(TypePrivateEndpointConnection): (*completion).endpointConnection,
	Fold(TypePrivateEndpoint):           (*completion).privateEndpoint,
	Fold(TypeVirtualNetwork):            (*completion).virtualNetwork,
	Fold(TypeSubnet):                    (*completion).subnet,
	Fold(TypePeering):                   (*completion).peering,
	Fold(TypeNetworkInterface):          (*completion).networkInterface,
	Fold(TypePublicIPAddress):           (*completion).publicIPAddress,
	Fold(TypePublicIPPrefix):            (*completion).publicIPPrefix,
	Fold(TypeNATGateway):                (*completion).natGateway,
	Fold(TypeDNSZoneGroup):              (*completion).zoneGroup,
	Fold(TypePrivateDNSZone):            (*completion).zone,
	Fold(TypePrivateDNSZoneLink):        (*completion).zoneLink,
	Fold(TypeUserAssignedIdentity):      (*completion).userAssignedIdentity,
	Fold(TypeRoleAssignment):            (*completion).roleAssignment,
}

// gone does what the removal of a document entails beside the removal of what is below it.
func (w *completion) gone(d *Document) {
	switch Fold(d.Type()) {
	case Fold(TypePrivateEndpoint):
		w.endpointGone(d)
	case Fold(TypeDNSZoneGroup):
		w.zoneGroupGone(d)
	case Fold(TypePeering):
		w.peeringGone(d)
	case Fold(TypeReplication):
		w.replicationGone(d)
	case Fold(TypeManagedCluster):
		w.clusterGone(d)
	}
}

func (w *completion) complete(d *Document) error {
	if d.ID.IsGraph() {
		completeGraph(d)
		return nil
	}
	if err := Normalize(d.ID, d.Body); err != nil {
		return err
	}
	w.envelope(d)
	if d.Body["identity"] != nil {
		if err := w.identity(d); err != nil {
			return err
		}
	}
	if complete := completers[Fold(d.Type())]; complete != nil {
		return complete(w, d)
	}
	return w.furnish(d)
}

// completeGraph writes down the kind of a Graph object, by which ParseDocument knows it.
func completeGraph(d *Document) {
	d.Body["id"] = d.ID.Name()
	for kind, collection := range graphKinds {
		if d.Is("Microsoft.Graph/" + collection) {
			d.Body["@odata.type"] = kind
		}
	}
}

// stateless are the namespaces whose resources have no provisioningState.
var stateless = map[string]bool{
	"microsoft.authorization": true, "microsoft.managedidentity": true, "microsoft.management": true,
	"microsoft.resources": true, "acrlocal": true, "microsoft.web": true, "microsoft.security": true,
}

// regionless are the children that stand in no region, though az says one of all that it makes.
var regionless = map[string]bool{
	Fold(TypeSubnet): true, Fold(TypePeering): true, Fold(TypeDNSZoneGroup): true, Fold(TypePrivateDNSARecord): true,
	Fold(TypePrivateDNSCNAME): true, Fold(TypePrivateEndpointConnection): true,
}

// envelope sets what every ARM resource has.
func (w *completion) envelope(d *Document) {
	d.Body["id"], d.Body["name"], d.Body["type"] = d.ID.String(), d.ID.Name(), canonicalType(d.Type())
	namespace := namespaceOf(d.Type())
	if !stateless[Fold(namespace)] && !Hidden(d.ID) {
		setDefault(properties(d), "provisioningState", "Succeeded")
	}
	parent, ok := d.ID.Parent()
	if ok && regionless[Fold(d.Type())] {
		delete(d.Body, "location")
	}
	if !ok || d.ID.ResourceGroup() == "" || !parent.Is(TypeResourceGroup) || Fold(namespace) == "microsoft.authorization" {
		return
	}
	setDefault(d.Body, "location", w.locationOf(parent))
}

// defaultLocation is the region of a resource group that has none, and of what is in it.
const defaultLocation = "westeurope"

func (w *completion) locationOf(group ResourceID) string {
	if d, ok := w.get(group.Key()); ok {
		if location, _ := d.Body["location"].(string); location != "" {
			return location
		}
	}
	return defaultLocation
}

// properties returns the member "properties" of a document of the change, which it makes if it is missing. If it is no
// object, the result is one that nobody sees; Validate refuses the document.
func properties(d *Document) map[string]any { return object(d.Body, "properties") }

// object returns a member that is an object, which it makes if it is missing.
func object(parent map[string]any, name string) map[string]any {
	setDefault(parent, name, map[string]any{})
	value, ok := parent[name].(map[string]any)
	if !ok {
		return map[string]any{}
	}
	return value
}

// setDefault sets a member that is missing or null.
func setDefault(object map[string]any, name string, value any) {
	if object[name] == nil {
		object[name] = value
	}
}

func (w *completion) resourceGroup(d *Document) error {
	setDefault(d.Body, "location", defaultLocation)
	object(d.Body, "properties")["provisioningState"] = "Succeeded"
	return nil
}

func (w *completion) subscription(d *Document) error {
	d.Body["subscriptionId"] = d.ID.Name()
	setDefault(d.Body, "displayName", d.ID.Name())
	setDefault(d.Body, "tenantId", DevelopmentTenant)
	setDefault(d.Body, "state", "Enabled")
	return nil
}

func (w *completion) roleAssignment(d *Document) error {
	scope, _ := d.ID.Parent()
	p := properties(d)
	p["scope"] = scope.String()
	setDefault(p, "principalType", "ServicePrincipal")
	if condition, _ := p["condition"].(string); condition != "" {
		setDefault(p, "conditionVersion", "2.0")
	}
	return nil
}
