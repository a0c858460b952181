package emulator

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// projection turns documents into policy. It is pure: the same documents give the same policy.
type projection struct {
	// quirks returns how the imitated behaviour of a registry differs.
	quirks func(s *azure.State, registry azure.ResourceID) gate.Quirks
	// services returns the table of trusted services.
	services func(s *azure.State) []gate.TrustedService
}

// all projects a whole state.
func (p projection) all(s *azure.State, people *directory) (gate.Policy, error) {
	policy := gate.Policy{Services: p.services(s)}
	for _, source := range slices.Sorted(maps.Keys(people.bySource)) {
		policy.Principals = append(policy.Principals, gatePrincipal(people.bySource[source]))
	}
	change := touched{registries: map[string]bool{}, assignments: map[string]bool{}, roles: map[string]bool{}, endpoints: true, subscriptions: true}
	change.noteAll(s.All())
	delta, err := p.project(nil, s, change)
	delta.Put.Services, delta.Put.Principals = policy.Services, policy.Principals
	return delta.Put, err
}

// change projects what a change touched, given the worlds before and after it.
func (p projection) change(old, next *world, t touched) (gate.Change, error) {
	if t.settings {
		t.noteAll(next.state.OfType(registryType))
	}
	delta, err := p.project(old.state, next.state, t)
	if err != nil {
		return delta, err
	}
	if t.settings {
		delta.Put.Services = p.services(next.state)
	}
	for source := range t.sources {
		before, was := old.people.bySource[source]
		after, is := next.people.bySource[source]
		if is {
			delta.Put.Principals = append(delta.Put.Principals, gatePrincipal(after))
		}
		if was && (!is || before.ID != after.ID) {
			delta.Remove.Principals = append(delta.Remove.Principals, before.ID)
		}
	}
	return delta, nil
}

// touched is what a change touched, in terms of policy.
type touched struct {
	registries  map[string]bool // keys of registries
	assignments map[string]bool // keys of role assignments
	roles       map[string]bool // keys of role definitions
	sources     map[string]bool // keys of documents that are principals, or have one
	// endpoints, subscriptions and settings are few, and projected all together.
	endpoints, subscriptions, settings bool
}

// noteTouched finds what the documents of the keys, before and after, bear upon.
func noteTouched(old, next *azure.State, keys []string) touched {
	t := touched{
		registries: map[string]bool{}, assignments: map[string]bool{}, roles: map[string]bool{}, sources: map[string]bool{},
	}
	for _, s := range []*azure.State{old, next} {
		for _, key := range keys {
			if d, ok := s.Get(key); ok {
				t.note(d)
				t.noteSources(s, d)
			}
		}
	}
	return t
}

func (t *touched) noteAll(documents []*azure.Document) {
	for _, d := range documents {
		t.note(d)
	}
}

// note sorts a document by what it bears upon.
func (t *touched) note(d *azure.Document) {
	if bears, ok := bearings[azure.Fold(d.Type())]; ok {
		bears(t, d)
	}
}

// bearings is the table of types that bear upon the policy, other than by an identity.
var bearings = map[string]func(*touched, *azure.Document){
	azure.Fold(azure.TypeRegistry):                  func(t *touched, d *azure.Document) { t.registries[d.ID.Key()] = true },
	azure.Fold(azure.TypeScopeMap):                  onRegistryAbove(1),
	azure.Fold(azure.TypeToken):                     onRegistryAbove(1),
	azure.Fold(azure.TypeCredentials):               onRegistryAbove(1),
	azure.Fold(azure.TypeTokenCredentials):          onRegistryAbove(2),
	azure.Fold(azure.TypeRoleAssignment):            func(t *touched, d *azure.Document) { t.assignments[d.ID.Key()] = true },
	azure.Fold(azure.TypeRoleDefinition):            func(t *touched, d *azure.Document) { t.roles[d.ID.Key()] = true },
	azure.Fold(azure.TypePrivateEndpointConnection): onEndpoints,
	azure.Fold(azure.TypePrivateEndpoint):           onEndpoints,
	azure.Fold(azure.TypeVirtualNetwork):            onEndpoints,
	azure.Fold(azure.TypeNetworkInterface):          onEndpoints,
	azure.Fold(azure.TypeSubscription):              onSubscriptions,
	azure.Fold(azure.TypeManagementGroup):           onSubscriptions,
	azure.Fold(azure.TypeManagementSubscription):    onSubscriptions,
	azure.Fold(azure.TypeSettings):                  func(t *touched, _ *azure.Document) { t.settings = true },
}

func onEndpoints(t *touched, _ *azure.Document) { t.endpoints = true }

func onSubscriptions(t *touched, _ *azure.Document) { t.subscriptions = true }

func onRegistryAbove(levels int) func(*touched, *azure.Document) {
	return func(t *touched, d *azure.Document) {
		id := d.ID
		for range levels {
			id, _ = id.Parent()
		}
		t.registries[id.Key()] = true
	}
}

// noteSources notes the principals that a document bears upon: its own, those of the members of a group, and those of
// the user-assigned identities that a resource uses.
func (t *touched) noteSources(s *azure.State, d *azure.Document) {
	t.sources[d.ID.Key()] = true
	if used, err := azure.ReadManagedIdentity(*d); err == nil {
		for _, id := range used.UserAssigned {
			t.sources[id.Key()] = true
		}
	}
	if !d.Is(azure.TypeGroup) {
		return
	}
	group, err := azure.ReadGroup(*d)
	if err != nil {
		return
	}
	members := map[string]bool{}
	for _, id := range group.Members {
		members[azure.Fold(id)] = true
	}
	for _, other := range s.All() {
		if p, ok := principalOf(other, nil, nil); ok && members[azure.Fold(p.ID)] {
			t.sources[other.ID.Key()] = true
		}
	}
}

// project makes the policy of what was touched; what is not in the next state any more is removed.
func (p projection) project(old, next *azure.State, t touched) (gate.Change, error) {
	var delta gate.Change
	for _, step := range []func(*gate.Change, *azure.State, *azure.State, touched) error{
		p.registries, p.assignments, p.roles, p.endpoints, p.subscriptions,
	} {
		if err := step(&delta, old, next, t); err != nil {
			return gate.Change{}, err
		}
	}
	return delta, nil
}

func (p projection) registries(delta *gate.Change, _, next *azure.State, t touched) error {
	for _, key := range slices.Sorted(maps.Keys(t.registries)) {
		d, ok := next.Get(key)
		if !ok {
			id, _ := azure.ParseResourceID(key)
			delta.Remove.Registries = append(delta.Remove.Registries, id.Name())
			continue
		}
		r, err := p.registry(next, *d)
		if err != nil {
			return err
		}
		delta.Put.Registries = append(delta.Put.Registries, r)
	}
	return nil
}

// registry projects a registry with its admin user and its tokens.
func (p projection) registry(s *azure.State, d azure.Document) (gate.Registry, error) {
	r, err := azure.ReadRegistry(d)
	if err != nil {
		return gate.Registry{}, err
	}
	projected := gate.Registry{
		ID: d.ID.String(), Name: r.Name, LoginServer: azure.LoginServer(r.Name),
		PublicAccess: r.PublicAccess, DefaultAllow: r.DefaultAllow, IPRules: r.IPRules, VirtualNetworkRules: r.VirtualNetworkRules,
		BypassTrustedServices: r.BypassTrustedServices, BypassForTasks: r.BypassForTasks, AnonymousPull: r.AnonymousPull,
		RefuseARMAudience: r.RefuseARMAudience, Mode: gate.RoleAssignmentMode(r.RoleAssignmentMode), Quirks: p.quirks(s, d.ID),
		Admin: gate.AdminUser{Enabled: r.AdminUser},
	}
	for _, password := range passwordsOf(s, d.ID) {
		projected.Admin.Passwords = append(projected.Admin.Passwords, password.Value)
	}
	projected.Tokens, err = tokensOf(s, d.ID)
	return projected, err
}

func passwordsOf(s *azure.State, of azure.ResourceID) []gate.Password {
	d, ok := s.Get(azure.CredentialsID(of).Key())
	if !ok {
		return nil
	}
	credentials, err := azure.ReadCredentials(*d)
	if err != nil {
		return nil // no password is better than a wrong one
	}
	var passwords []gate.Password
	for _, password := range credentials.Passwords {
		passwords = append(passwords, gate.Password{Value: password.Value, Expires: password.Expires})
	}
	return passwords
}

func tokensOf(s *azure.State, registry azure.ResourceID) ([]gate.RepositoryToken, error) {
	var tokens []gate.RepositoryToken
	for _, d := range s.Children(registry.Key(), azure.TypeToken) {
		t, err := azure.ReadRegistryToken(*d)
		if err != nil {
			return nil, err
		}
		token := gate.RepositoryToken{Name: d.ID.Name(), Enabled: t.Enabled, Passwords: passwordsOf(s, d.ID)}
		if m, ok := s.Get(t.ScopeMap.Key()); ok {
			read, err := azure.ReadScopeMap(*m)
			if err != nil {
				return nil, err
			}
			token.Actions = read.Actions
		}
		tokens = append(tokens, token)
	}
	return tokens, nil
}

func (p projection) assignments(delta *gate.Change, _, next *azure.State, t touched) error {
	for _, key := range slices.Sorted(maps.Keys(t.assignments)) {
		d, ok := next.Get(key)
		if !ok {
			delta.Remove.Assignments = append(delta.Remove.Assignments, key)
			continue
		}
		a, err := azure.ReadRoleAssignment(*d)
		if err != nil {
			return err
		}
		scope := a.Scope.String()
		if a.Scope.IsZero() {
			scope = "/"
		}
		delta.Put.Assignments = append(delta.Put.Assignments, gate.Assignment{
			ID: d.ID.String(), PrincipalID: a.PrincipalID, Role: a.RoleID, Scope: scope, Condition: a.Condition,
		})
	}
	return nil
}

func (p projection) roles(delta *gate.Change, _, next *azure.State, t touched) error {
	for _, key := range slices.Sorted(maps.Keys(t.roles)) {
		d, ok := next.Get(key)
		if !ok {
			id, _ := azure.ParseResourceID(key)
			delta.Remove.Roles = append(delta.Remove.Roles, id.Name())
			continue
		}
		r, err := azure.ReadRoleDefinition(*d)
		if err != nil {
			return err
		}
		delta.Put.Roles = append(delta.Put.Roles, gate.RoleDefinition{
			ID: r.RoleID, Name: r.Name, Actions: r.Actions, NotActions: r.NotActions, DataActions: r.DataActions,
			NotDataActions: r.NotDataActions, Custom: true,
		})
	}
	return nil
}

// endpoints projects all private endpoint connections, each joined with the endpoint on its other side.
func (p projection) endpoints(delta *gate.Change, old, next *azure.State, t touched) error {
	if !t.endpoints {
		return nil
	}
	for _, d := range next.OfType(azure.TypePrivateEndpointConnection) {
		e, err := endpoint(next, *d)
		if err != nil {
			return err
		}
		delta.Put.PrivateEndpoints = append(delta.Put.PrivateEndpoints, e)
	}
	for _, d := range old.OfType(azure.TypePrivateEndpointConnection) {
		if _, still := next.Get(d.ID.Key()); !still {
			delta.Remove.PrivateEndpoints = append(delta.Remove.PrivateEndpoints, d.ID.String())
		}
	}
	return nil
}

func endpoint(s *azure.State, d azure.Document) (gate.PrivateEndpoint, error) {
	c, err := azure.ReadPrivateEndpointConnection(d)
	if err != nil {
		return gate.PrivateEndpoint{}, err
	}
	e := gate.PrivateEndpoint{ID: d.ID.String(), Registry: c.Registry.Name(), Status: gate.ConnectionStatus(c.Status)}
	other, ok := s.Get(c.Endpoint.Key())
	if !ok {
		return e, nil // another tenant's: approved or not, nobody here comes through it
	}
	private, err := azure.ReadPrivateEndpoint(*other)
	if err != nil {
		return e, fmt.Errorf("%s: %w", other.ID, err)
	}
	e.Addresses, e.Network = slices.DeleteFunc(azure.EndpointAddresses(s.Get, *other), isLocalhost), private.Network().String()
	if network, ok := s.Get(private.Network().Key()); ok {
		v, err := azure.ReadVirtualNetwork(*network)
		if err != nil {
			return e, err
		}
		e.Prefixes = v.Prefixes
	}
	return e, nil
}

// isLocalhost reports whether an address is where everybody on this machine expects the emulator itself. An endpoint that
// claimed it would take all of their requests, whoever made it; on the others of 127.0.0.0/8 it may stand.
func isLocalhost(a netip.Addr) bool {
	return a.Unmap() == netip.AddrFrom4([4]byte{127, 0, 0, 1}) || a == netip.IPv6Loopback()
}

// subscriptions projects where subscriptions and management groups stand, from which they inherit assignments.
func (p projection) subscriptions(delta *gate.Change, old, next *azure.State, t touched) error {
	if !t.subscriptions {
		return nil
	}
	placements, err := azure.Placements(next)
	if err != nil {
		return err
	}
	still := map[string]bool{}
	for _, at := range placements {
		var groups []string
		for _, g := range at.ManagementGroups {
			groups = append(groups, g.String())
		}
		still[at.ID.Key()] = true
		delta.Put.Subscriptions = append(delta.Put.Subscriptions, gate.Subscription{Scope: at.ID.String(), ManagementGroups: groups})
	}
	before, err := azure.Placements(old)
	for _, at := range before {
		if !still[at.ID.Key()] {
			delta.Remove.Subscriptions = append(delta.Remove.Subscriptions, at.ID.String())
		}
	}
	return err
}
