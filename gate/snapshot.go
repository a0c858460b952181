package gate

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"strings"

	"github.com/gaissmai/bart"
)

// Snapshot is a compiled policy. It never changes, so that any number of goroutines may decide by it; a new policy is
// a new snapshot. The zero Snapshot, and the nil one, know no registry and refuse everything.
type Snapshot struct {
	revision    int64
	registries  map[string]*registry     // by folded name
	endpoints   endpointIndex            // all private endpoints
	principals  map[string]*principal    // by folded object ID
	roles       map[string]*role         // custom and built-in, by folded GUID
	assignments map[string]*assignment   // by folded ID
	holders     map[string][]*assignment // by folded object ID of the principal or group
	parents     map[Scope][]Scope        // management groups above a subscription
	services    serviceTable             // the trusted services
}

// Change is the difference between one snapshot and the next.
type Change struct {
	// Put adds what is new and replaces what has the same key. Services replaces the whole table, unless nil.
	Put Policy
	// Remove takes away; it goes before Put.
	Remove Removal
	// Revision numbers the new snapshot.
	Revision int64
}

// Compile checks a policy and makes its snapshot. An error names the part of the policy that is wrong.
func Compile(p Policy) (*Snapshot, error) {
	return (&Snapshot{}).With(Change{Put: p})
}

// With returns the snapshot after a change. It costs about what the change touches, not what the policy holds. The
// snapshot itself stays as it is; if there is an error, there is no new one.
func (s *Snapshot) With(c Change) (*Snapshot, error) {
	b := newBuilder(s.orEmpty(), c.Revision)
	for _, step := range []func(Change) error{
		b.changeServices, b.changeRoles, b.changeSubscriptions, b.changeEndpoints, b.changeRegistries,
		b.changePrincipals, b.changeAssignments,
	} {
		if err := step(c); err != nil {
			return nil, err
		}
	}
	b.regrant()
	return b.next, nil
}

// empty stands for the nil snapshot. Nothing changes it.
var empty Snapshot

func (s *Snapshot) orEmpty() *Snapshot {
	if s == nil {
		return &empty
	}
	return s
}

// Revision returns the number that the change gave to the snapshot.
func (s *Snapshot) Revision() int64 { return s.orEmpty().revision }

// Registry returns a registry of the policy by name, in any case.
func (s *Snapshot) Registry(name string) (Registry, bool) {
	r, ok := s.orEmpty().registries[fold(name)]
	if !ok {
		return Registry{}, false
	}
	return r.Registry, true
}

// Principal returns a principal of the policy by its object ID, in any case.
func (s *Snapshot) Principal(id string) (Principal, bool) {
	p, ok := s.orEmpty().principals[fold(id)]
	if !ok {
		return Principal{}, false
	}
	return p.Principal, true
}

// builder makes the next snapshot out of the last, copying each map only when it changes.
type builder struct {
	next *Snapshot
	// dirty are the principals and groups whose assignments, memberships or roles changed.
	dirty map[string]bool
	// groups says that one of them is a group, or was, so that its members are to be looked at too.
	groups bool
}

func newBuilder(last *Snapshot, revision int64) *builder {
	next := *last
	next.revision = revision
	if next.roles == nil {
		next.roles = builtInRoleTable()
	}
	return &builder{next: &next, dirty: map[string]bool{}}
}

func builtInRoleTable() map[string]*role {
	table := map[string]*role{}
	for _, r := range BuiltInRoles() {
		table[fold(r.ID)] = newRole(r)
	}
	return table
}

// fold brings names and IDs, which Azure compares without case, to one form. Only A to Z are folded, as in a Scope.
func fold(s string) string {
	if strings.ContainsFunc(s, func(c rune) bool { return c >= 'A' && c <= 'Z' }) {
		return lowerASCII(s)
	}
	return s
}

// edit copies a map before it is changed; it makes one where there was none.
func edit[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return maps.Clone(m)
}

func (b *builder) changeServices(c Change) error {
	if c.Put.Services == nil {
		return nil
	}
	table, err := newServiceTable(c.Put.Services)
	b.next.services = table
	for id := range b.next.principals {
		b.dirty[id] = true
	}
	return err
}

func (b *builder) changeSubscriptions(c Change) error {
	if len(c.Put.Subscriptions)+len(c.Remove.Subscriptions) == 0 {
		return nil
	}
	parents := edit(b.next.parents)
	for _, s := range c.Remove.Subscriptions {
		delete(parents, Scope(fold(s)))
	}
	for _, s := range c.Put.Subscriptions {
		if err := putSubscription(parents, s); err != nil {
			return err
		}
	}
	b.next.parents = parents
	return b.rescopeRegistries()
}

func putSubscription(parents map[Scope][]Scope, s Subscription) error {
	at, err := ParseScope(s.Scope)
	if err != nil {
		return err
	}
	var groups []Scope
	for _, g := range s.ManagementGroups {
		group, err := ParseScope(g)
		if err != nil {
			return err
		}
		groups = append(groups, group)
	}
	parents[at] = groups
	return nil
}

// rescopeRegistries compiles every registry again, since its scopes may have changed.
func (b *builder) rescopeRegistries() error {
	registries := make(map[string]*registry, len(b.next.registries))
	for name, r := range b.next.registries {
		again := *r
		again.scopes = b.next.scopesOf(r.scope)
		registries[name] = &again
	}
	b.next.registries = registries
	return nil
}

// scopesOf returns the scope, the ones above it, and the management groups among them, nearest first. Nothing is above
// the zero Scope.
func (s *Snapshot) scopesOf(scope Scope) []Scope {
	var scopes []Scope
	if scope == "" {
		return nil
	}
	for at := range scope.Parents() {
		if at == rootScope {
			break
		}
		scopes = append(scopes, at)
		scopes = append(scopes, s.parents[at]...)
	}
	return append(scopes, rootScope)
}

func (b *builder) changeRegistries(c Change) error {
	if len(c.Put.Registries)+len(c.Remove.Registries) == 0 {
		return nil
	}
	registries := edit(b.next.registries)
	for _, name := range c.Remove.Registries {
		delete(registries, fold(name))
	}
	for _, data := range c.Put.Registries {
		r, err := b.next.newRegistry(data)
		if err != nil {
			return fmt.Errorf("registry %q: %w", data.Name, err)
		}
		registries[fold(data.Name)] = r
	}
	b.next.registries = registries
	return nil
}

// registry is a compiled Registry.
type registry struct {
	Registry
	key     string // folded name
	scope   Scope
	scopes  []Scope // at which assignments cover the registry
	ipRules *bart.Table[string]
	subnets map[string]string // by folded ID, as written
	tokens  map[string]*repositoryToken
}

// repositoryToken is a compiled RepositoryToken.
type repositoryToken struct {
	RepositoryToken
	scopeMap scopeMap
}

func (s *Snapshot) newRegistry(data Registry) (*registry, error) {
	if data.Name == "" {
		return nil, errors.New("a registry has a name")
	}
	scope, err := ParseScope(data.ID)
	if err != nil {
		return nil, err
	}
	data.Mode = data.Mode.orDefault()
	r := &registry{Registry: data, key: fold(data.Name), scope: scope, scopes: s.scopesOf(scope), subnets: map[string]string{}}
	for _, id := range data.VirtualNetworkRules {
		r.subnets[fold(id)] = id
	}
	if r.ipRules, err = compileIPRules(data.IPRules); err != nil {
		return nil, err
	}
	r.tokens, err = compileTokens(data.Tokens)
	return r, err
}

func compileIPRules(rules []string) (*bart.Table[string], error) {
	table := new(bart.Table[string])
	for _, rule := range rules {
		prefix, err := ParseIPRule(rule)
		if err != nil {
			return nil, err
		}
		table.Insert(prefix, rule)
	}
	return table, nil
}

// ParseIPRule reads the value of an IP rule: an IPv4 address or an IPv4 range in CIDR form (acr-behaviour §1.2 row 4).
func ParseIPRule(value string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(value); err == nil && addr.Is4() {
		return netip.PrefixFrom(addr, 32), nil
	}
	prefix, err := netip.ParsePrefix(value)
	if err != nil || !prefix.Addr().Is4() {
		return netip.Prefix{}, fmt.Errorf("IP rule %.60q is neither an IPv4 address nor an IPv4 range such as 203.0.113.0/24", value)
	}
	return prefix.Masked(), nil
}

func compileTokens(tokens []RepositoryToken) (map[string]*repositoryToken, error) {
	compiled := make(map[string]*repositoryToken, len(tokens))
	for _, t := range tokens {
		m, err := compileScopeMap(t.Actions)
		if err != nil {
			return nil, fmt.Errorf("token %q: %w", t.Name, err)
		}
		compiled[t.Name] = &repositoryToken{RepositoryToken: t, scopeMap: m}
	}
	return compiled, nil
}
