package gate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// role is a compiled RoleDefinition.
type role struct {
	RoleDefinition
	rights rightSet
}

func newRole(r RoleDefinition) *role { return &role{RoleDefinition: r, rights: rightsOf(r)} }

// assignment is a compiled Assignment.
type assignment struct {
	Assignment
	scope     Scope
	role      *role
	condition *Condition
}

// principal is a compiled Principal with everything that was granted to it, by itself and through its groups.
type principal struct {
	Principal
	identity string                  // folded Resource
	kind     resourceType            // of the resource that a system-assigned identity belongs to
	hosts    map[string]resourceType // of the resources that use a user-assigned identity, by folded ID
	service  *TrustedService         // of a first-party principal
	grants   map[Scope]*grant
	all      []*assignment
}

// grant is what all assignments of one principal at one scope add up to.
type grant struct {
	rights      rightSet
	by          [rightCount]*assignment // the first that gives the right
	conditional []*assignment
}

func (b *builder) changeRoles(c Change) error {
	if len(c.Put.Roles)+len(c.Remove.Roles) == 0 {
		return nil
	}
	roles := edit(b.next.roles)
	builtIn := builtInRoleTable()
	for _, id := range c.Remove.Roles {
		delete(roles, fold(id))
		if r := builtIn[fold(id)]; r != nil {
			roles[fold(id)] = r
		}
	}
	for _, r := range c.Put.Roles {
		roles[fold(r.ID)] = newRole(r)
	}
	b.next.roles = roles
	return b.renewAssignments(c)
}

// renewAssignments compiles again the assignments of roles that changed. A role that is still assigned cannot go.
func (b *builder) renewAssignments(c Change) error {
	changed := map[string]bool{}
	for _, r := range c.Put.Roles {
		changed[fold(r.ID)] = true
	}
	for _, id := range c.Remove.Roles {
		changed[fold(id)] = true
	}
	again := Change{Remove: Removal{}}
	removed := replacedAssignments(c)
	for id, a := range b.next.assignments {
		if changed[fold(a.Role)] && !removed[id] {
			again.Put.Assignments = append(again.Put.Assignments, a.Assignment)
		}
	}
	return b.changeAssignments(again)
}

// replacedAssignments are those that a change takes away, or puts something else in the place of.
func replacedAssignments(c Change) map[string]bool {
	ids := foldedSet(c.Remove.Assignments)
	for _, a := range c.Put.Assignments {
		ids[fold(a.ID)] = true
	}
	return ids
}

func foldedSet(ids []string) map[string]bool {
	set := make(map[string]bool, len(ids))
	for _, id := range ids {
		set[fold(id)] = true
	}
	return set
}

func (b *builder) changePrincipals(c Change) error {
	if len(c.Put.Principals)+len(c.Remove.Principals) == 0 {
		return nil
	}
	principals := edit(b.next.principals)
	for _, id := range c.Remove.Principals {
		delete(principals, fold(id))
		b.dirty[fold(id)] = true
	}
	for _, data := range c.Put.Principals {
		p, err := newPrincipal(data)
		if err != nil {
			return fmt.Errorf("principal %q: %w", data.ID, err)
		}
		last := principals[fold(data.ID)]
		b.groups = b.groups || last != nil && last.Kind == Group
		principals[fold(data.ID)] = p
		b.dirty[fold(data.ID)] = true
	}
	b.next.principals = principals
	return nil
}

func newPrincipal(data Principal) (*principal, error) {
	if data.ID == "" {
		return nil, errors.New("a principal has an object ID")
	}
	p := &principal{Principal: data, hosts: make(map[string]resourceType, len(data.Hosts))}
	if data.Resource != "" {
		scope, err := ParseScope(data.Resource)
		if err != nil {
			return nil, err
		}
		p.identity, p.kind = string(scope), typeOf(scope, data.Resource)
	}
	for _, id := range data.Hosts {
		host, err := ParseScope(id)
		if err != nil {
			return nil, err
		}
		p.hosts[string(host)] = typeOf(host, id)
	}
	return p, nil
}

// resourceType is the type of a resource: folded, to look it up, and as written, to name it.
type resourceType struct{ folded, written string }

// typeOf finds the type as written, which folding only changed in case unless slashes were doubled.
func typeOf(scope Scope, written string) resourceType {
	t := resourceType{folded: scope.ResourceType()}
	t.written = t.folded
	segments := strings.Split(strings.Trim(written, "/"), "/")
	at := -1
	for i, segment := range segments {
		if strings.EqualFold(segment, "providers") {
			at = i + 1
		}
	}
	if at <= 0 || at >= len(segments) {
		return t
	}
	kind := segments[at]
	for i := at + 1; i < len(segments); i += 2 {
		kind += "/" + segments[i]
	}
	if fold(kind) == t.folded {
		t.written = kind
	}
	return t
}

func (b *builder) changeAssignments(c Change) error {
	if len(c.Put.Assignments)+len(c.Remove.Assignments) == 0 {
		return nil
	}
	assignments, holders := edit(b.next.assignments), edit(b.next.holders)
	touched := map[string][]*assignment{} // what each holder that the change is about gets
	ids := replacedAssignments(c)
	for id := range ids {
		if a := assignments[id]; a != nil {
			touched[fold(a.PrincipalID)] = nil
			delete(assignments, id)
		}
	}
	for _, data := range c.Put.Assignments {
		a, err := b.newAssignment(data)
		if err != nil {
			return fmt.Errorf("role assignment %q: %w", data.ID, err)
		}
		assignments[fold(data.ID)] = a
	}
	for id := range ids {
		if a := assignments[id]; a != nil {
			touched[fold(a.PrincipalID)] = append(touched[fold(a.PrincipalID)], a)
		}
	}
	for holder, added := range touched {
		holders[holder] = merge(holders[holder], ids, added)
		b.dirty[holder] = true
	}
	b.next.assignments, b.next.holders = assignments, holders
	return nil
}

// merge returns a holder's assignments without the replaced ones and with the added ones, in a list of its own: the
// snapshots before keep theirs. The list is in the order of the IDs, so that a decision names the same rule whatever
// order the changes came in.
func merge(held []*assignment, replaced map[string]bool, added []*assignment) []*assignment {
	held = slices.DeleteFunc(slices.Clone(held), func(a *assignment) bool { return replaced[fold(a.ID)] })
	held = append(held, added...)
	slices.SortFunc(held, func(a, b *assignment) int { return strings.Compare(a.ID, b.ID) })
	return held
}

func (b *builder) newAssignment(data Assignment) (*assignment, error) {
	scope, err := ParseScope(data.Scope)
	if err != nil {
		return nil, err
	}
	r := b.next.roles[fold(data.Role)]
	if r == nil {
		return nil, fmt.Errorf("there is no role definition %q", data.Role)
	}
	a := &assignment{Assignment: data, scope: scope, role: r}
	if data.Condition != "" {
		a.condition, err = ParseCondition(data.Condition)
	}
	return a, err
}

// regrant adds up again what was granted to the principals that the change touched, and to members of such groups.
func (b *builder) regrant() {
	if len(b.dirty) == 0 {
		return
	}
	principals := edit(b.next.principals)
	for id := range b.affected() {
		p := *principals[id]
		b.next.grant(&p, id)
		principals[id] = &p
	}
	b.next.principals = principals
}

// affected are the principals that are dirty, or a member of a group that is.
func (b *builder) affected() map[string]bool {
	affected := map[string]bool{}
	groups := b.groups
	for id := range b.dirty {
		p := b.next.principals[id]
		groups = groups || p == nil || p.Kind == Group
		if p != nil {
			affected[id] = true
		}
	}
	if !groups {
		return affected
	}
	for id, p := range b.next.principals {
		if len(p.Groups) > 0 && slices.ContainsFunc(b.next.holderIDs(id), func(g string) bool { return b.dirty[g] }) {
			affected[id] = true
		}
	}
	return affected
}

// holderIDs returns the principal and all groups that it is in, directly or through other groups.
func (s *Snapshot) holderIDs(id string) []string {
	ids := []string{id}
	for i := 0; i < len(ids); i++ {
		p := s.principals[ids[i]]
		if p == nil {
			continue
		}
		for _, g := range p.Groups {
			if g = fold(g); !slices.Contains(ids, g) {
				ids = append(ids, g)
			}
		}
	}
	return ids
}

func (s *Snapshot) grant(p *principal, id string) {
	p.grants, p.all = map[Scope]*grant{}, nil
	p.service = s.services.byName[p.Service]
	for _, holder := range s.holderIDs(id) {
		if g := s.principals[holder]; holder != id && (g == nil || g.Kind != Group) {
			continue // a group that is gone passes nothing on
		}
		for _, a := range s.holders[holder] {
			p.add(a)
		}
	}
}

func (p *principal) add(a *assignment) {
	p.all = append(p.all, a)
	g := p.grants[a.scope]
	if g == nil {
		g = &grant{}
		p.grants[a.scope] = g
	}
	if a.condition != nil {
		g.conditional = append(g.conditional, a)
		return
	}
	for i := range rightActions {
		if a.role.rights&(1<<i) != 0 && g.by[i] == nil {
			g.by[i] = a
		}
	}
	g.rights |= a.role.rights
}
