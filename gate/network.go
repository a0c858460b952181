package gate

import "fmt"

// serviceTable finds the trusted service that a resource or a first-party principal belongs to.
type serviceTable struct {
	byType map[string]*TrustedService
	byName map[string]*TrustedService
}

func newServiceTable(services []TrustedService) (serviceTable, error) {
	t := serviceTable{byType: map[string]*TrustedService{}, byName: map[string]*TrustedService{}}
	for i := range services {
		service := services[i]
		t.byName[service.Name] = &service
		for _, kind := range service.ResourceTypes {
			if other := t.byType[fold(kind)]; other != nil {
				return serviceTable{}, fmt.Errorf("trusted services %q and %q both claim the resource type %s", other.Name, service.Name, kind)
			}
			t.byType[fold(kind)] = &service
		}
	}
	return t, nil
}

// The rules that the network stage names when a setting, and no list entry, settles it.
const (
	ruleDefaultAllow   = "networkRuleSet.defaultAction=Allow"
	ruleDefaultDeny    = "networkRuleSet.defaultAction=Deny"
	rulePublicDisabled = "publicNetworkAccess=Disabled"
	ruleTasksUnset     = "networkRuleBypassAllowedForTasks is unset"
	ruleTasksFalse     = "networkRuleBypassAllowedForTasks=false"
)

// network is the first stage (acr-behaviour §0 step 1). The caller counts only if its credential was verified.
func (s *Snapshot) network(r *registry, from Source, c *caller) Step {
	if e, found := s.endpoints.find(r.key, from); found {
		return throughEndpoint(r, e, from)
	}
	step := r.public(from)
	if step.Verdict == Allow {
		return step
	}
	if bypass, tried := s.bypass(r, c); tried {
		return bypass
	}
	return step
}

// throughEndpoint judges a request that came to a private address. The public rules are never consulted then, and an
// endpoint that is not approved, or is another registry's, leads nowhere.
func throughEndpoint(r *registry, e *PrivateEndpoint, from Source) Step {
	switch {
	case e == nil:
		return deny(StageNetwork, PrivateEndpointNotApproved, from.Endpoint)
	case e.Status != Approved || fold(e.Registry) != r.key:
		return deny(StageNetwork, PrivateEndpointNotApproved, e.ID)
	}
	return allow(StageNetwork, PrivateEndpointApproved, e.ID)
}

// public judges a request to the public endpoint by the registry's own rules.
func (r *registry) public(from Source) Step {
	switch {
	case !r.PublicAccess:
		return deny(StageNetwork, PublicAccessDisabled, rulePublicDisabled)
	case r.DefaultAllow:
		return allow(StageNetwork, PublicDefaultAllow, ruleDefaultAllow)
	}
	if rule, ok := r.ipRules.Lookup(from.Peer); ok {
		return allow(StageNetwork, IPRuleMatched, rule)
	}
	if rule, ok := r.subnets[from.Subnet]; ok && from.Subnet != "" {
		return allow(StageNetwork, VirtualNetworkRuleMatched, rule)
	}
	return deny(StageNetwork, IPNotAllowed, ruleDefaultDeny)
}

// bypass judges a caller that the public rules refused, if it is a managed identity or a service of Azure's own. The
// reasons go from what the caller is to what the registry allows, so that the one given is the one to mend first.
func (s *Snapshot) bypass(r *registry, c *caller) (Step, bool) {
	p := c.principal
	if p == nil {
		return Step{}, false
	}
	service, rule, ok := s.trust(p, c.evidence)
	switch {
	case rule == "":
		return Step{}, false
	case service == nil:
		return deny(StageNetwork, NotATrustedService, rule), true
	case !ok:
		return deny(StageNetwork, UserAssignedNotTrusted, rule), true
	case len(r.subnets) > 0:
		return deny(StageNetwork, BypassExcludedByServiceEndpoint, service.Name), true
	case !r.BypassTrustedServices:
		return deny(StageNetwork, BypassOff, service.Name), true
	case service.TasksFlag:
		return r.tasksBypass(service), true
	}
	return allow(StageNetwork, TrustedServiceBypass, service.Name), true
}

// trust finds the service that a principal belongs to, the rule to name, and whether the service's row covers the
// identity's type. The rule is empty for principals that belong to no resource, such as users.
func (s *Snapshot) trust(p *principal, proof Evidence) (service *TrustedService, rule string, ok bool) {
	switch p.Kind {
	case FirstPartyService:
		return p.service, p.Service, p.service != nil
	case SystemAssignedIdentity:
		service = s.services.byType[p.kind.folded]
		return service, p.kind.written, service != nil && service.SystemAssigned
	case UserAssignedIdentity:
		return s.trustUserAssigned(p, proof)
	}
	return nil, "", false
}

// unhosted is the rule for a user-assigned identity whose token names no resource that uses it.
var unhosted = TrustedService{Name: "Microsoft.ManagedIdentity/userAssignedIdentities"}

func (s *Snapshot) trustUserAssigned(p *principal, proof Evidence) (*TrustedService, string, bool) {
	kind, ok := p.hosts[proof.Host]
	if !ok {
		return &unhosted, unhosted.Name, false
	}
	service := s.services.byType[kind.folded]
	return service, kind.written, service != nil && service.UserAssigned
}

// tasksBypass judges ACR Tasks by a flag of their own (acr-behaviour §3.2). What an unset flag means is a quirk.
func (r *registry) tasksBypass(service *TrustedService) Step {
	switch flag := r.BypassForTasks; {
	case flag == nil && r.Quirks.TasksNeedFlag:
		return deny(StageNetwork, TasksBypassNotAllowed, ruleTasksUnset)
	case flag != nil && !*flag:
		return deny(StageNetwork, TasksBypassNotAllowed, ruleTasksFalse)
	}
	return allow(StageNetwork, TrustedServiceBypass, service.Name)
}
