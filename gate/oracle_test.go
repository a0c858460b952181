package gate_test

import (
	"slices"
	"strconv"
	"strings"

	"github.com/acrlocal/acrlocal/gate"
)

// The oracle decides a request a second time, straight from acr-behaviour §0–§5 and apart from the code under test: it
// takes gate's plain data as input, and shares no function and no table with it. It is slow and literal on purpose.
type oracle struct {
	policy      gate.Policy
	registries  map[string]gate.Registry
	endpoints   map[string]gate.PrivateEndpoint
	principals  map[string]gate.Principal
	assignments map[string][]gate.Assignment // by principal or group
	roles       map[string]oracleRole
	covers      map[[2]string]bool // scope, registry
}

// question is a request, with the scopes of an access token in their text form.
type question struct {
	gate.Request
	scopes []string
}

// ruling is an answer in words. If it allows, network and signIn are the reasons of the first two stages.
type ruling struct{ verdict, stage, reason, network, signIn string }

func deny(stage, reason string) ruling { return ruling{verdict: "deny", stage: stage, reason: reason} }

func newOracle(p gate.Policy) *oracle {
	o := &oracle{
		policy: p, registries: map[string]gate.Registry{}, endpoints: map[string]gate.PrivateEndpoint{},
		principals: map[string]gate.Principal{}, assignments: map[string][]gate.Assignment{},
		roles: oracleRoles(p.Roles), covers: map[[2]string]bool{},
	}
	for _, r := range p.Registries {
		o.registries[lower(r.Name)] = r
	}
	for _, e := range p.PrivateEndpoints {
		o.endpoints[lower(e.ID)] = e
	}
	for _, one := range p.Principals {
		o.principals[lower(one.ID)] = one
	}
	for _, a := range p.Assignments {
		o.assignments[lower(a.PrincipalID)] = append(o.assignments[lower(a.PrincipalID)], a)
	}
	return o
}

func lower(s string) string { return strings.ToLower(s) }

// judge is acr-behaviour §0 from top to bottom.
func (o *oracle) judge(q question) ruling {
	r, known := o.registries[lower(q.Registry)]
	if !known {
		return deny("network", "registry-unknown")
	}
	open, why := o.network(r, q)
	problem := o.authenticate(r, q)
	// §2.2: today the registry asks for a credential before its firewall speaks; the token service does not.
	// A password, right or wrong, hears from the firewall, or else one could be guessed from outside.
	password := slices.Contains([]gate.CredentialKind{gate.AdminPassword, gate.TokenPassword}, q.Credential.Kind) ||
		slices.Contains([]gate.Reason{"password-wrong", "application-unknown"}, q.Credential.Failure)
	firewallFirst := q.Surface == gate.TokenAPI || r.Quirks.DenyAtRegistry || password
	switch {
	case !open && (firewallFirst || problem == ""):
		return deny("network", why)
	case problem != "":
		return ruling{verdict: "challenge", stage: "authentication", reason: problem}
	}
	granted, reason := o.authorize(r, q)
	if !granted {
		return deny("authorization", reason)
	}
	return ruling{"allow", "authorization", reason, why, signedIn(q.Credential)}
}

// signedIn is the reason of an authentication that succeeded. Anonymous is anonymous, with or without an access token.
func signedIn(c gate.Credential) string {
	if c.Holder == gate.AnonymousHolder {
		return "anonymous"
	}
	return accepted[c.Kind]
}

// accepted says how a credential that is believed was presented (§4.2).
var accepted = map[gate.CredentialKind]string{
	gate.EntraToken: "entra", gate.RefreshToken: "refresh-token",
	gate.AccessToken: "access-token", gate.AdminPassword: "admin-user", gate.TokenPassword: "repository-token",
}

// network is stage 1.
func (o *oracle) network(r gate.Registry, q question) (open bool, why string) {
	if e, private := o.endpoint(r, q.Source); private {
		if e.Status == "Approved" && lower(e.Registry) == lower(r.Name) {
			return true, "private-endpoint"
		}
		return false, "private-endpoint-not-approved"
	}
	if open, why = public(r, q.Source); open {
		return true, why
	}
	return o.bypass(r, q, why)
}

// endpoint says whether the request came over the private side, and through which endpoint. An endpoint that nobody
// knows is the zero one, which is not approved.
func (o *oracle) endpoint(r gate.Registry, from gate.Source) (e gate.PrivateEndpoint, private bool) {
	if from.Endpoint != "" {
		return o.endpoints[lower(from.Endpoint)], true
	}
	for _, e := range o.policy.PrivateEndpoints {
		for _, a := range e.Addresses {
			if from.Dialled.IsValid() && a.Unmap() == from.Dialled {
				return e, true
			}
		}
	}
	network := lower(from.Network)
	if network == "" {
		network = o.guess(from)
	}
	for _, e := range o.policy.PrivateEndpoints {
		if network != "" && lower(e.Network) == network && lower(e.Registry) == lower(r.Name) && e.Status == "Approved" {
			return e, true
		}
	}
	return gate.PrivateEndpoint{}, false
}

// guess names the only network with an approved endpoint that the peer's address fits in.
func (o *oracle) guess(from gate.Source) string {
	fitting := map[string]bool{}
	for _, e := range o.policy.PrivateEndpoints {
		for _, p := range e.Prefixes {
			if e.Status == "Approved" && inside(from.Peer.Unmap().String(), p.String()) {
				fitting[lower(e.Network)] = true
			}
		}
	}
	if len(fitting) != 1 {
		return ""
	}
	for n := range fitting {
		return n
	}
	return ""
}

// public is §0 1b.
func public(r gate.Registry, from gate.Source) (open bool, why string) {
	switch {
	case !r.PublicAccess:
		return false, "public-access-disabled"
	case r.DefaultAllow:
		return true, "public-default-allow"
	}
	for _, rule := range r.IPRules {
		if inside(from.Peer.Unmap().String(), rule) {
			return true, "ip-rule"
		}
	}
	for _, subnet := range r.VirtualNetworkRules {
		if from.Subnet != "" && lower(subnet) == lower(from.Subnet) {
			return true, "virtual-network-rule"
		}
	}
	return false, "ip-not-allowed"
}

// inside does the arithmetic of IPv4 ranges on numbers read by hand.
func inside(address, rule string) bool {
	base, length, ranged := strings.Cut(rule, "/")
	bits := 32
	if ranged {
		bits, _ = strconv.Atoi(length)
	}
	a, aOK := quad(address)
	b, bOK := quad(base)
	return aOK && bOK && a>>(32-bits) == b>>(32-bits)
}

func quad(s string) (n uint64, ok bool) {
	parts := strings.Split(s, ".")
	for _, part := range parts {
		octet, err := strconv.Atoi(part)
		if err != nil || octet < 0 || octet > 255 {
			return 0, false
		}
		n = n<<8 | uint64(octet)
	}
	return n, len(parts) == 4
}

// oracleServices is the article's list with the resource types of §3.3.
var oracleServices = []struct {
	name, kind              string
	systemAssigned, userToo bool
	askFlag                 bool
	firstParty              bool
	withoutRole             []gate.OperationKind
}{
	{name: "Azure Container Instances", kind: "microsoft.containerinstance/containergroups", systemAssigned: true, userToo: true},
	{name: "Machine Learning", kind: "microsoft.machinelearningservices/workspaces", systemAssigned: true},
	{name: "Machine Learning", kind: "microsoft.machinelearningservices/workspaces/onlineendpoints", systemAssigned: true},
	{name: "ACR Tasks", kind: "microsoft.containerregistry/registries/tasks", systemAssigned: true, askFlag: true},
	{
		name: "Microsoft Defender for Cloud", firstParty: true,
		withoutRole: []gate.OperationKind{gate.OpSignIn, gate.OpPull, gate.OpListTags, gate.OpViewAttributes, gate.OpCatalog},
	},
	{
		name: "Azure Container Registry", firstParty: true,
		withoutRole: []gate.OperationKind{gate.OpSignIn, gate.OpPull, gate.OpPush, gate.OpListTags, gate.OpViewAttributes},
	},
}

// bypass is §0 1c and §3: whether a trusted service gets past rules that refused.
func (o *oracle) bypass(r gate.Registry, q question, publicReason string) (open bool, why string) {
	p, verified := o.holder(q.Credential)
	if q.Credential.Failure != "" || !verified || p.Kind == "User" || p.Kind == "ServicePrincipal" {
		return false, publicReason
	}
	kind := ""
	if p.Kind == "SystemAssigned" {
		kind = resourceKind(p.Resource)
	} else if p.Kind == "UserAssigned" {
		kind = resourceKind(q.Credential.Evidence.Host)
	}
	for _, row := range oracleServices {
		if row.firstParty && p.Kind == "FirstParty" && row.name == p.Service || !row.firstParty && kind == row.kind {
			switch {
			case p.Kind == "SystemAssigned" && !row.systemAssigned, p.Kind == "UserAssigned" && !row.userToo:
				return false, "user-assigned-not-trusted"
			case len(r.VirtualNetworkRules) > 0:
				return false, "bypass-excluded-by-service-endpoint"
			case !r.BypassTrustedServices:
				return false, "bypass-off"
			case row.askFlag && r.BypassForTasks == nil && r.Quirks.TasksNeedFlag,
				row.askFlag && r.BypassForTasks != nil && !*r.BypassForTasks:
				return false, "tasks-bypass-not-allowed"
			}
			return true, "trusted-service"
		}
	}
	if p.Kind == "UserAssigned" && kind == "" {
		return false, "user-assigned-not-trusted"
	}
	return false, "not-a-trusted-service"
}

// resourceKind is PROVIDER/TYPE[/TYPE] of a resource ID.
func resourceKind(id string) string {
	_, tail, found := strings.Cut(lower(id), "/providers/")
	if !found {
		return ""
	}
	parts := strings.Split(tail, "/")
	kind := parts[0]
	for i := 1; i < len(parts); i += 2 {
		kind += "/" + parts[i]
	}
	return kind
}

// holder returns the principal of a credential, if it exists, may sign in, and is still what the credential says.
func (o *oracle) holder(c gate.Credential) (gate.Principal, bool) {
	p, exists := o.principals[lower(c.Name)]
	if c.Holder != gate.PrincipalHolder || !exists || p.Kind == "Group" {
		return gate.Principal{}, false
	}
	same := true
	switch p.Kind {
	case "SystemAssigned":
		same = lower(p.Resource) == lower(c.Evidence.Identity)
	case "UserAssigned":
		uses := func(host string) bool { return lower(host) == lower(c.Evidence.Host) }
		same = lower(p.Resource) == lower(c.Evidence.Identity) &&
			(c.Evidence.Host == "" || slices.ContainsFunc(p.Hosts, uses))
	}
	return p, same
}

// authenticate is stage 2. It returns the reason of a failure, or nothing.
func (o *oracle) authenticate(r gate.Registry, q question) string {
	c := q.Credential
	fromACR := c.Kind == gate.RefreshToken || c.Kind == gate.AccessToken
	switch {
	case c.Failure != "":
		return string(c.Failure)
	case fromACR && (c.Mode == gate.AbacRepositoryPermissions) != (r.Mode == gate.AbacRepositoryPermissions):
		return "mode-changed"
	case c.Kind == gate.EntraToken && c.ARMAudience && r.RefuseARMAudience:
		return "arm-audience-refused"
	}
	return o.holderProblem(r, q)
}

func (o *oracle) holderProblem(r gate.Registry, q question) string {
	c := q.Credential
	switch c.Holder {
	case gate.PrincipalHolder:
		if _, ok := o.holder(c); !ok {
			return "principal-unknown"
		}
	case gate.AdminHolder:
		if !r.Admin.Enabled {
			return "admin-user-disabled"
		}
	case gate.TokenHolder:
		if t := tokenOf(r, c.Name); t == nil || !t.Enabled {
			return "token-disabled"
		}
	case gate.RunHolder:
	default:
		if c.Kind == gate.NoCredential && q.Surface == gate.RegistryAPI || !r.AnonymousPull {
			return "credential-missing"
		}
	}
	return ""
}

func tokenOf(r gate.Registry, name string) *gate.RepositoryToken {
	for i := range r.Tokens {
		if r.Tokens[i].Name == name {
			return &r.Tokens[i]
		}
	}
	return nil
}
