package gate

import "slices"

// authorize is the third stage: whether the caller's rights, as they are now, cover the operation; and, for an access
// token, whether it was issued for it. It never looks at the network (acr-behaviour §0 step 3).
func (s *Snapshot) authorize(r *registry, q *Request, c *caller) Step {
	if q.Operation.Kind == OpUnknown || q.Operation.Kind >= operationKinds {
		return deny(StageAuthorization, OperationUnsupported, "")
	}
	step := r.rightTo(q.Operation, q.Credential.Holder, c)
	if step.Verdict == Allow && q.Credential.Kind == AccessToken && !covered(q.Credential.Scopes, q.Operation) {
		return deny(StageAuthorization, ScopeMissing, operations[q.Operation.Kind].name)
	}
	return step
}

// covered reports whether an access token's scopes are good for the operation. Any access token will do for a ping.
func covered(scopes []TokenScope, op Operation) bool {
	if op.Kind == OpSignIn {
		return true
	}
	for i := range scopes {
		if scopes[i].covers(op) {
			return true
		}
	}
	return false
}

// rightTo judges the live rights of whoever holds the credential.
func (r *registry) rightTo(op Operation, holder Holder, c *caller) Step {
	switch {
	case holder == AdminHolder:
		return allow(StageAuthorization, AdminGrants, "admin user")
	case holder == RunHolder:
		return r.rightOfRun(op)
	case c.token != nil:
		return c.token.rightTo(op)
	case c.principal != nil:
		return c.principal.rightTo(op, r)
	case operations[op.Kind].open:
		return allow(StageAuthorization, AnonymousPullGrants, "anonymousPullEnabled=true")
	}
	return deny(StageAuthorization, NoRole, "anonymous")
}

// runRights are what a run may do in its own registry: everything that acr purge needs, besides pull and push.
const runRights = rightPull | rightPush | rightDelete | rightMetadataRead | rightMetadataWrite

// rightOfRun judges a run that logs in by itself (acr-tasks §1.3). There is no such access in ABAC mode (acr-behaviour §3.2).
func (r *registry) rightOfRun(op Operation) Step {
	if op.Kind.needs(r.Mode)&runRights == 0 {
		return deny(StageAuthorization, NoRole, Tasks)
	}
	return allow(StageAuthorization, ServiceRight, Tasks)
}

// rightTo judges a repository-scoped token by its scope map, which never grants the catalog (acr-behaviour §4.3).
func (t *repositoryToken) rightTo(op Operation) Step {
	need := operations[op.Kind].scopes
	granted := need != 0 && t.scopeMap.rights(op.Repository)&need == need
	if op.Kind == OpSignIn {
		granted = t.scopeMap.any()
	}
	if !granted {
		return deny(StageAuthorization, ScopeMapLacksAction, operations[op.Kind].name)
	}
	return allow(StageAuthorization, ScopeMapGrants, t.Name)
}

// rightTo judges a principal by the right its service has without a role, and by its role assignments.
func (p *principal) rightTo(op Operation, r *registry) Step {
	if p.service != nil && p.Kind == FirstPartyService && slices.Contains(p.service.Rights, op.Kind) {
		return allow(StageAuthorization, ServiceRight, p.service.Name)
	}
	need := op.Kind.needs(r.Mode)
	var unmet *assignment
	assigned := false
	for _, scope := range r.scopes {
		g := p.grants[scope]
		if g == nil {
			continue
		}
		assigned = true
		if a := g.first(need); a != nil {
			return allow(StageAuthorization, RoleGrants, a.ID)
		}
		a, holds := g.conditionally(need, op)
		if holds {
			return allow(StageAuthorization, RoleGrants, a.ID)
		}
		if unmet == nil {
			unmet = a
		}
	}
	return p.refuse(need, unmet, assigned)
}

// refuse gives the most telling of the reasons for which no assignment granted a right.
func (p *principal) refuse(need rightSet, unmet *assignment, assigned bool) Step {
	switch {
	case unmet != nil:
		return deny(StageAuthorization, ConditionNotMet, unmet.ID)
	case assigned:
		return deny(StageAuthorization, RoleLacksAction, need.first())
	}
	return deny(StageAuthorization, NoRole, p.ID)
}

// first returns an assignment that grants one of the rights without a condition.
func (g *grant) first(need rightSet) *assignment {
	need &= g.rights
	for i := 0; need != 0; i, need = i+1, need>>1 {
		if need&1 != 0 {
			return g.by[i]
		}
	}
	return nil
}

// conditionally returns an assignment that grants one of the rights under a condition, and whether the condition
// holds. Signing in asks about no repository, so that any conditional right is enough for it.
func (g *grant) conditionally(need rightSet, op Operation) (*assignment, bool) {
	var unmet *assignment
	for _, a := range g.conditional {
		granted := a.role.rights & need
		if granted == 0 {
			continue
		}
		if op.Kind == OpSignIn || holds(a.condition, granted, op.Repository) {
			return a, true
		}
		if unmet == nil {
			unmet = a
		}
	}
	return unmet, false
}

// holds reports whether the condition holds for one of the rights.
func holds(c *Condition, rights rightSet, repository string) bool {
	for i := 0; rights != 0; i, rights = i+1, rights>>1 {
		in := ConditionInput{Action: rightActions[i], Repository: repository, HasRepository: repository != ""}
		if rights&1 != 0 && c.Holds(in) {
			return true
		}
	}
	return false
}

// Authorization is the answer to a question about the control plane.
type Authorization struct {
	// Allowed says whether a role assignment grants the action.
	Allowed bool
	// Reason is one of the reasons of the authorization stage, or PrincipalUnknown.
	Reason Reason
	// Rule is the assignment that grants the action, or the action that none grants.
	Rule string
}

// Authorize reports whether a principal may do an action of the control plane, such as
// Microsoft.ContainerRegistry/registries/write, at a scope. It uses the same assignments as Decide, and no network
// rules (acr-behaviour §1.3). Scope and object ID may be in any case.
func (s *Snapshot) Authorize(principalID, action string, at Scope) Authorization {
	s = s.orEmpty()
	p := s.principals[fold(principalID)]
	if p == nil {
		return Authorization{Reason: PrincipalUnknown, Rule: principalID}
	}
	a, assigned := p.granting(action, s.scopesOf(at))
	switch {
	case a != nil:
		return Authorization{Allowed: true, Reason: RoleGrants, Rule: a.ID}
	case assigned:
		return Authorization{Reason: RoleLacksAction, Rule: action}
	}
	return Authorization{Reason: NoRole, Rule: p.ID}
}

// granting returns an assignment at one of the scopes whose role has the action, and whether there is one at any of
// them. Conditions are about repositories, so that an assignment with one grants nothing here.
func (p *principal) granting(action string, scopes []Scope) (granting *assignment, assigned bool) {
	for _, a := range p.all {
		if !slices.Contains(scopes, a.scope) {
			continue
		}
		assigned = true
		if a.condition == nil && a.role.Allows(action) {
			return a, true
		}
	}
	return nil, assigned
}

// Grant returns those of the requested token scopes, and of their actions, that the request's holder has a right to
// now: what an access token may be issued for (acr-behaviour §2.5). The request must have been allowed to sign in.
// In ABAC mode a scope for every repository is not granted (acr-behaviour §4.4).
func (s *Snapshot) Grant(q Request, requested []TokenScope) []TokenScope {
	s = s.orEmpty()
	r := s.registries[q.Registry]
	var c caller
	if r == nil || s.authenticate(r, &q, &c).Verdict != Allow {
		return nil
	}
	var granted []TokenScope
	for _, scope := range requested {
		scope.actions = r.grantable(scope, q.Credential, &c)
		if scope.actions != 0 {
			granted = append(granted, scope)
		}
	}
	return granted
}

// grantable returns the actions of a scope that some operation allowed to the holder needs.
func (r *registry) grantable(scope TokenScope, credential Credential, c *caller) tokenActions {
	repository, everywhere := scope.Name, scope.Name == "*"
	switch {
	case everywhere && (r.Mode == AbacRepositoryPermissions || c.token != nil):
		return 0
	case everywhere || scope.Type == registryScope: // the catalog is no repository, whatever a condition says of names
		repository = ""
	}
	var actions tokenActions
	for kind := OpPull; kind < operationKinds; kind++ {
		op := Operation{Kind: kind, Repository: repository}
		asked := operations[kind].grants & scope.actions
		limited := credential.Kind == AccessToken && !covered(credential.Scopes, op)
		if asked != 0 && !limited && r.rightTo(op, credential.Holder, c).Verdict == Allow {
			actions |= asked
		}
	}
	return actions
}

// HasRight reports whether the request's holder has any right on the registry at all, wherever it asks from: whether a
// login would be worth having.
func (s *Snapshot) HasRight(q Request) bool {
	s = s.orEmpty()
	r := s.registries[q.Registry]
	var c caller
	if r == nil || s.authenticate(r, &q, &c).Verdict != Allow {
		return false
	}
	return r.rightTo(Operation{Kind: OpSignIn}, q.Credential.Holder, &c).Verdict == Allow
}
