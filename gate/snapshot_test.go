package gate_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/gate"
)

// changingPolicy is the policy that the property test takes apart and puts together again.
const changingPolicy = `
registry myregistry public ip=203.0.113.0/24 bypass tasks=true admin
token ci actions=repositories/*/content/read
registry other public default-allow abac anonymous-pull
endpoint good of=myregistry status=Approved address=10.0.0.4 network=hub prefix=10.0.0.0/16
endpoint twin of=myregistry status=Approved address=10.0.0.5 network=hub prefix=10.0.0.0/16
endpoint theirs of=other status=Approved address=10.4.0.4 network=lab prefix=10.0.128.0/17
endpoint waiting of=other status=Pending address=10.5.0.4 network=attic
subscription under=near,root
role ours actions=Microsoft.ContainerRegistry/registries/* notActions=*/artifacts/delete
role reads actions=*/read dataActions=*/read
principal aci kind=SystemAssigned resource=Microsoft.ContainerInstance/containerGroups/worker groups=inner
principal task kind=SystemAssigned resource=Microsoft.ContainerRegistry/registries/myregistry/tasks/nightly
principal ua kind=UserAssigned resource=Microsoft.ManagedIdentity/userAssignedIdentities/builder hosts=Microsoft.ContainerInstance/containerGroups/worker
principal defender kind=FirstParty service=Microsoft_Defender_for_Cloud
principal ann kind=User groups=outer
principal bob kind=User groups=inner
principal inner kind=Group groups=middle
principal middle kind=Group groups=outer
principal outer kind=Group groups=inner
assign ann role=ours at=group
assign ann role=AcrPull at=managementGroup:near
assign outer role=AcrPush at=myregistry
assign outer role=Container_Registry_Repository_Reader at=other if ` + nameAttribute + ` StringStartsWithIgnoreCase 'team/'
assign middle role=reads at=managementGroup:root
assign aci role=AcrPull at=subscription
assign task role=AcrPush at=myregistry
assign ua role=AcrDelete at=/`

// probes are questions whose answers tell two snapshots apart.
func probes(t *testing.T, p gate.Policy) (all []question) {
	for _, who := range []string{"aci", "task", "ua", "defender", "ann", "bob", "inner", "admin", "token:ci", "anonymous"} {
		for _, where := range []string{"", "from 203.0.113.7", "from 10.0.0.9", "from 10.0.200.9", "dialled 10.0.0.4", "dialled 10.4.0.4", "network hub"} {
			for _, what := range []string{"sign-in", "pull team/app", "push lab", "delete lab", "list-deleted lab"} {
				for _, registry := range []string{"myregistry", "other"} {
					all = append(all, mustAsk(t, p, what+" as "+who+" of "+registry+" "+where+" at token").question)
				}
			}
		}
	}
	return all
}

// part is one entry of a policy: how to put it, and how to take it away.
type part struct {
	put    gate.Policy
	remove gate.Removal
}

func partsOf(p gate.Policy) (parts []part) {
	for _, r := range p.Registries {
		parts = append(parts, part{gate.Policy{Registries: []gate.Registry{r}}, gate.Removal{Registries: []string{strings.ToUpper(r.Name)}}})
	}
	for _, e := range p.PrivateEndpoints {
		parts = append(parts, part{gate.Policy{PrivateEndpoints: []gate.PrivateEndpoint{e}}, gate.Removal{PrivateEndpoints: []string{strings.ToUpper(e.ID)}}})
	}
	for _, one := range p.Principals {
		parts = append(parts, part{gate.Policy{Principals: []gate.Principal{one}}, gate.Removal{Principals: []string{strings.ToUpper(one.ID)}}})
	}
	for _, a := range p.Assignments {
		parts = append(parts, part{gate.Policy{Assignments: []gate.Assignment{a}}, gate.Removal{Assignments: []string{strings.ToUpper(a.ID)}}})
	}
	for _, s := range p.Subscriptions {
		parts = append(parts, part{gate.Policy{Subscriptions: []gate.Subscription{s}}, gate.Removal{Subscriptions: []string{strings.ToUpper(s.Scope)}}})
	}
	return append(parts, part{put: gate.Policy{Services: p.Services}})
}

// join is the policy of the parts that are in.
func join(roles []gate.RoleDefinition, parts []part, in []bool) gate.Policy {
	p := gate.Policy{Roles: roles}
	for i, one := range parts {
		if in[i] {
			p.Registries = append(p.Registries, one.put.Registries...)
			p.PrivateEndpoints = append(p.PrivateEndpoints, one.put.PrivateEndpoints...)
			p.Principals = append(p.Principals, one.put.Principals...)
			p.Assignments = append(p.Assignments, one.put.Assignments...)
			p.Subscriptions = append(p.Subscriptions, one.put.Subscriptions...)
			p.Services = append(p.Services, one.put.Services...)
		}
	}
	return p
}

// TestWithIsCompile walks at random through policies, a change at a time, and compares each snapshot with the one that
// compiling the same policy gives: every step and rule of every probe, also of the snapshots long replaced.
func TestWithIsCompile(t *testing.T) {
	policy, err := parsePolicy(changingPolicy)
	if err != nil {
		t.Fatal(err)
	}
	parts, asks := partsOf(policy), probes(t, policy)
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test that can be repeated
	in := make([]bool, len(parts))
	at := newBench(t, "roles", gate.Policy{Roles: policy.Roles}).snapshot
	for step := range 300 {
		i := random.IntN(len(parts))
		var change gate.Change
		switch {
		case !in[i]:
			change.Put, in[i] = parts[i].put, true
		case reflect.ValueOf(parts[i].remove).IsZero():
			change.Put.Services, in[i] = []gate.TrustedService{}, false
		case random.IntN(3) == 0:
			change.Put = parts[i].put // once more
		default:
			change.Remove, in[i] = parts[i].remove, false
		}
		if random.IntN(5) == 0 {
			change.Put.Roles = policy.Roles
		}
		next, err := at.With(change)
		if err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
		compiled, err := gate.Compile(join(policy.Roles, parts, in))
		if err != nil {
			t.Fatal(err)
		}
		sameDecisions(t, fmt.Sprintf("step %d, after %+v", step, change), asks, next, compiled)
		at = next
	}
}

func sameDecisions(t *testing.T, when string, asks []question, got, want *gate.Snapshot) {
	t.Helper()
	for _, q := range asks {
		if g, w := got.Decide(q.Request).Steps(), want.Decide(q.Request).Steps(); !slices.Equal(g, w) {
			t.Fatalf("%s\n  asked %+v\nchanged %v\ncompiled %v", when, q.Request, g, w)
		}
	}
}

// TestSnapshotsAreImmutable makes two successors of one snapshot, and wants neither to see the other's change.
func TestSnapshotsAreImmutable(t *testing.T) {
	text := "registry myregistry public default-allow\nprincipal ann kind=User\n"
	for range 5 { // so that a list that grows has room to spare
		text += "assign ann role=AcrImageSigner at=group\n"
	}
	p, err := parsePolicy(text)
	if err != nil {
		t.Fatal(err)
	}
	first := newBench(t, "first", p).snapshot
	with := func(s *gate.Snapshot, id, role string) *gate.Snapshot {
		next, err := s.With(gate.Change{Put: gate.Policy{
			Principals:  p.Principals, // adds up its assignments again
			Assignments: []gate.Assignment{{ID: id, PrincipalID: "ann", Role: roleID(role), Scope: group}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		return next
	}
	puller := with(first, "/pull", "AcrPull")
	_ = with(first, "/delete", "AcrDelete")
	puller = with(puller, "/sign", "AcrImageSigner")
	pull, del := mustAsk(t, p, "pull a as ann"), mustAsk(t, p, "delete a as ann")
	if d := puller.Decide(pull.Request); d.Verdict != gate.Allow {
		t.Errorf("the assignment is gone: %v", d.Steps())
	}
	if d := puller.Decide(del.Request); d.Verdict == gate.Allow {
		t.Errorf("another snapshot's assignment shows: %v", d.Steps())
	}
	if d := first.Decide(pull.Request); d.Verdict == gate.Allow {
		t.Errorf("a later assignment shows in the first snapshot: %v", d.Steps())
	}
}

// TestChanges are changes whose effect needs care, each with what may be done before and after.
func TestChanges(t *testing.T) {
	for _, row := range []struct {
		name, before string
		change       gate.Change
		asked        string
		was, becomes gate.Reason
	}{
		{
			"a deleted group passes nothing on",
			"principal ann kind=User groups=team\nprincipal team kind=Group\nassign team role=AcrPull at=group",
			gate.Change{Remove: gate.Removal{Principals: []string{"team"}}},
			"pull a as ann", gate.RoleGrants, gate.NoRole,
		},
		{
			"a group that stops being in another",
			"principal ann kind=User groups=team\nprincipal team kind=Group groups=all\nprincipal all kind=Group\nassign all role=AcrPull at=group",
			gate.Change{Put: gate.Policy{Principals: []gate.Principal{{ID: "team", Kind: gate.Group}}}},
			"pull a as ann", gate.RoleGrants, gate.NoRole,
		},
		{
			"a user is no group",
			"principal ann kind=User groups=team\nprincipal team kind=Group\nassign team role=AcrPull at=group",
			gate.Change{Put: gate.Policy{Principals: []gate.Principal{{ID: "team", Kind: gate.User}}}},
			"pull a as ann", gate.RoleGrants, gate.NoRole,
		},
		{
			"an assignment moves to another principal",
			"principal ann kind=User\nprincipal bob kind=User\nassign ann role=AcrPull at=group",
			gate.Change{Put: gate.Policy{Assignments: []gate.Assignment{{ID: assignmentID(0), PrincipalID: "bob", Role: roleID("AcrPull"), Scope: group}}}},
			"pull a as ann", gate.RoleGrants, gate.NoRole,
		},
		{
			"of two assignments with one ID the last counts",
			"principal ann kind=User\nprincipal bob kind=User\nassign ann role=AcrPull at=group",
			gate.Change{Put: gate.Policy{Assignments: []gate.Assignment{
				{ID: "/x", PrincipalID: "bob", Role: roleID("AcrPull"), Scope: group}, {ID: "/x", PrincipalID: "ann", Role: roleID("AcrPush"), Scope: group},
			}}},
			"pull a as bob", gate.NoRole, gate.NoRole,
		},
		{
			"a role is replaced together with its only assignment",
			"principal ann kind=User\nrole mine actions=*\nassign ann role=mine at=group",
			gate.Change{
				Remove: gate.Removal{Roles: []string{"mine"}},
				Put:    gate.Policy{Assignments: []gate.Assignment{{ID: assignmentID(0), PrincipalID: "ann", Role: roleID("AcrPull"), Scope: group}}},
			},
			"push a as ann", gate.RoleGrants, gate.RoleLacksAction,
		},
		{
			"a role changes under its assignment",
			"principal ann kind=User\nrole mine actions=*\nassign ann role=mine at=group",
			gate.Change{Put: gate.Policy{Roles: []gate.RoleDefinition{{ID: "MINE", Actions: []string{"*/read"}}}}},
			"push a as ann", gate.RoleGrants, gate.RoleLacksAction,
		},
		{
			"a built-in role cannot be removed",
			"principal ann kind=User\nassign ann role=AcrPull at=group",
			gate.Change{Remove: gate.Removal{Roles: []string{roleID("AcrPull")}}},
			"pull a as ann", gate.RoleGrants, gate.RoleGrants,
		},
		{
			"a subscription leaves its management group",
			"subscription under=near\nprincipal ann kind=User\nassign ann role=AcrPull at=managementGroup:near",
			gate.Change{Remove: gate.Removal{Subscriptions: []string{subscription}}},
			"pull a as ann", gate.RoleGrants, gate.NoRole,
		},
		{
			"the registry is deleted",
			"principal ann kind=User\nassign ann role=AcrPull at=group",
			gate.Change{Remove: gate.Removal{Registries: []string{"MyRegistry"}}},
			"pull a as ann", gate.RoleGrants, gate.RegistryUnknown,
		},
		{
			"the list of services loses a first-party one",
			"principal defender kind=FirstParty service=Microsoft_Defender_for_Cloud",
			gate.Change{Put: gate.Policy{Services: []gate.TrustedService{}}},
			"pull a as defender", gate.ServiceRight, gate.NoRole,
		},
		{
			"an identity is deleted",
			"principal ann kind=User\nassign ann role=AcrPull at=group",
			gate.Change{Remove: gate.Removal{Principals: []string{"ANN"}}},
			"pull a as ann", gate.RoleGrants, gate.PrincipalUnknown,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, err := parsePolicy("registry myregistry public default-allow\n" + row.before)
			if err != nil {
				t.Fatal(err)
			}
			before, q := newBench(t, row.name, p).snapshot, mustAsk(t, p, row.asked)
			row.change.Revision = 7
			after, err := before.With(row.change)
			if err != nil {
				t.Fatal(err)
			}
			for _, at := range []struct {
				s        *gate.Snapshot
				want     gate.Reason
				revision int64
			}{{before, row.was, 0}, {after, row.becomes, 7}, {before, row.was, 0}} {
				d := at.s.Decide(q.Request)
				if d.Reason() != at.want || d.Revision != at.revision || at.s.Revision() != at.revision {
					t.Errorf("revision %d: got %v, want %s", at.revision, d.Steps(), at.want)
				}
			}
		})
	}
}

func assignmentID(i int) string {
	return fmt.Sprintf("%s/providers/Microsoft.Authorization/roleAssignments/%d", group, i)
}

// TestNewService adds a row to the table of services: it grows over time (design.md, "Seed file").
func TestNewService(t *testing.T) {
	p, err := parsePolicy(`
registry myregistry bypass
principal web kind=SystemAssigned resource=Microsoft.App/containerApps/web
principal whole kind=SystemAssigned resource=/subscriptions/00000000-0000-0000-0000-000000000001
principal odd kind=UserAssigned resource=Microsoft.ManagedIdentity/userAssignedIdentities/odd hosts=//Microsoft.App//containerApps/web
assign web role=AcrPull at=group`)
	if err != nil {
		t.Fatal(err)
	}
	p.Principals[2].Hosts = []string{strings.Replace(in("Microsoft.App/containerApps/web"), "/providers/", "//providers//", 1)}
	before, q := newBench(t, "services", p).snapshot, mustAsk(t, p, "pull a as web")
	services := append(gate.TrustedServices(), gate.TrustedService{
		Name: "Container Apps", ResourceTypes: []string{"MICROSOFT.App/ContainerApps"}, SystemAssigned: true,
	})
	after, err := before.With(gate.Change{Put: gate.Policy{Services: services}})
	if err != nil {
		t.Fatal(err)
	}
	if got := before.Decide(q.Request).Reason(); got != gate.NotATrustedService {
		t.Errorf("before: %s", got)
	}
	if d := after.Decide(q.Request); d.Steps()[0].Reason != gate.TrustedServiceBypass || d.Steps()[0].Rule != "Container Apps" {
		t.Errorf("after: %v", d.Steps())
	}
	if step := before.Decide(mustAsk(t, p, "sign-in as whole").Request).Settled(); step.Rule != "microsoft.resources/subscriptions" {
		t.Errorf("an identity of a subscription: %v", step)
	}
	odd := mustAsk(t, p, "pull a as odd host=Microsoft.App/containerApps/web at token")
	if step := before.Decide(odd.Request).Settled(); step.Reason != gate.NotATrustedService || step.Rule != "microsoft.app/containerapps" {
		t.Errorf("a host written with doubled slashes: %v", step)
	}
}

// TestCompileRefuses wants an error that names the part of the policy that is wrong, and the old snapshot untouched.
func TestCompileRefuses(t *testing.T) {
	ok, err := parsePolicy("registry myregistry public default-allow\nprincipal ann kind=User\nassign ann role=AcrPull at=group")
	if err != nil {
		t.Fatal(err)
	}
	before, q := newBench(t, "before", ok).snapshot, mustAsk(t, ok, "pull a as ann")
	tokens := func(action string) gate.Policy {
		return gate.Policy{Registries: []gate.Registry{{
			ID: registryID("r"), Name: "r", Tokens: []gate.RepositoryToken{{Name: "ci", Actions: []string{action}}},
		}}}
	}
	address := netip.MustParseAddr("10.0.0.4")
	for want, p := range map[string]gate.Policy{
		`registry "r": IP rule "300.1.1.1"`:     {Registries: []gate.Registry{{ID: registryID("r"), Name: "r", IPRules: []string{"300.1.1.1"}}}},
		`registry "r": IP rule "2001:db8::/32"`: {Registries: []gate.Registry{{ID: registryID("r"), Name: "r", IPRules: []string{"2001:db8::/32"}}}},
		`registry "": a registry has a name`:    {Registries: []gate.Registry{{ID: registryID("r")}}},
		`registry "r": scope "r"`:               {Registries: []gate.Registry{{ID: "r", Name: "r"}}},
		`token "ci": scope map action "pull"`:   tokens("pull"),
		`"content/fly" is not one of`:           tokens("repositories/a/content/fly"),
		`"a/*/b" is no repository name`:         tokens("repositories/a/*/b/content/read"),
		`"a*" is no repository name`:            tokens("repositories/a*/content/read"),
		`"*/*" is no repository name`:           tokens("repositories/*/*/content/read"),
		`"repositories/content/read" is not`:    tokens("repositories/content/read"),
		`principal "": a principal has`:         {Principals: []gate.Principal{{Kind: gate.User}}},
		`principal "p": scope "worker"`:         {Principals: []gate.Principal{{ID: "p", Resource: "worker"}}},
		`principal "q": scope "host"`:           {Principals: []gate.Principal{{ID: "q", Hosts: []string{"host"}}}},
		`role assignment "a": there is no role`: {Assignments: []gate.Assignment{{ID: "a", Role: "none", Scope: group}}},
		`role assignment "b": scope "nowhere"`:  {Assignments: []gate.Assignment{{ID: "b", Role: roleID("Owner"), Scope: "nowhere"}}},
		`role assignment "c": condition, line`: {Assignments: []gate.Assignment{
			{ID: "c", Role: roleID("Owner"), Scope: group, Condition: "true"},
		}},
		`scope "s"`: {Subscriptions: []gate.Subscription{{Scope: "s"}}},
		`scope "g"`: {Subscriptions: []gate.Subscription{{Scope: subscription, ManagementGroups: []string{"g"}}}},
		`both have the address 10.0.0.4`: {PrivateEndpoints: []gate.PrivateEndpoint{
			{ID: "/e1", Addresses: []netip.Addr{address}}, {ID: "/e2", Addresses: []netip.Addr{address}},
		}},
		`private endpoint "/e3" has an invalid address`: {PrivateEndpoints: []gate.PrivateEndpoint{{ID: "/e3", Addresses: []netip.Addr{{}}}}},
		`both claim the resource type`: {Services: []gate.TrustedService{
			{Name: "one", ResourceTypes: []string{"A/b"}}, {Name: "two", ResourceTypes: []string{"a/B"}},
		}},
	} {
		next, err := before.With(gate.Change{Put: p})
		if err == nil || next != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
		if before.Decide(q.Request).Verdict != gate.Allow {
			t.Fatalf("%s: the old snapshot changed", want)
		}
	}
	remove := gate.Change{Remove: gate.Removal{Roles: []string{"mine"}}}
	mine, err := before.With(gate.Change{Put: gate.Policy{
		Roles:       []gate.RoleDefinition{{ID: "mine"}},
		Assignments: []gate.Assignment{{ID: "/m", PrincipalID: "ann", Role: "mine", Scope: group}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mine.With(remove); err == nil {
		t.Error("a role that is still assigned was removed")
	}
	remove.Remove.Assignments = []string{"/M"}
	if _, err := mine.With(remove); err != nil {
		t.Errorf("a role cannot go together with its assignment: %v", err)
	}
}

// TestLookups find by any case, and nothing in the nil and the zero snapshot, which refuse everything.
func TestLookups(t *testing.T) {
	p, err := parsePolicy(changingPolicy)
	if err != nil {
		t.Fatal(err)
	}
	s := newBench(t, "lookups", p).snapshot
	if r, ok := s.Registry("MyRegistry"); !ok || r.Name != "myregistry" || r.Mode != gate.LegacyRegistryPermissions {
		t.Errorf("registry %+v, %t", r, ok)
	}
	if one, ok := s.Principal("ANN"); !ok || one.ID != "ann" {
		t.Errorf("principal %+v, %t", one, ok)
	}
	if name, ok := s.RegistryAt(netip.MustParseAddr("::ffff:10.4.0.4")); !ok || name != "other" {
		t.Errorf("registry at 10.4.0.4: %q, %t", name, ok)
	}
	for name, s := range map[string]*gate.Snapshot{"nil": nil, "zero": {}} {
		_, registry := s.Registry("myregistry")
		_, principal := s.Principal("ann")
		_, at := s.RegistryAt(netip.MustParseAddr("10.4.0.4"))
		_, password := s.Password("myregistry", "myregistry", "", time.Time{})
		authorized := s.Authorize("ann", "*", "/")
		granted := s.Grant(gate.Request{Registry: "myregistry"}, []gate.TokenScope{{}})
		registry = registry || s.HasRight(gate.Request{Registry: "myregistry"})
		if registry || principal || at || password || authorized.Allowed || granted != nil || s.Revision() != 0 {
			t.Errorf("the %s snapshot knows something", name)
		}
		if d := s.Decide(gate.Request{Registry: "myregistry"}); d.Verdict != gate.Deny || d.Reason() != gate.RegistryUnknown {
			t.Errorf("the %s snapshot decides %v", name, d.Steps())
		}
		if next, err := s.With(gate.Change{Put: p}); err != nil || next.Decide(mustAsk(t, p, "sign-in as ann from 203.0.113.7").Request).Verdict != gate.Allow {
			t.Errorf("the %s snapshot cannot be changed: %v", name, err)
		}
	}
}

// TestAuthorize is the control plane's question (acr-behaviour §1.3, §5.4).
func TestAuthorize(t *testing.T) {
	p, err := parsePolicy(`
registry myregistry
subscription under=near
principal owner kind=User
principal managed kind=User
principal reader kind=User
principal conditional kind=User
principal root kind=User
principal nobody kind=User
assign owner role=Owner at=group
assign managed role=Contributor at=managementGroup:near
assign reader role=Reader at=myregistry
assign root role=Owner at=/
assign conditional role=Owner at=group if ` + nameAttribute + ` StringEqualsIgnoreCase 'a'`)
	if err != nil {
		t.Fatal(err)
	}
	s := newBench(t, "authorize", p).snapshot
	const write, read = "Microsoft.ContainerRegistry/registries/write", "Microsoft.ContainerRegistry/registries/read"
	for _, row := range []struct {
		who, action, at string
		reason          gate.Reason
	}{
		{"owner", write, registryID("myregistry"), gate.RoleGrants},
		{"OWNER", write, registryID("new"), gate.RoleGrants},
		{"owner", write, subscription, gate.NoRole},
		{"owner", write, group + "2", gate.NoRole},
		{"managed", write, registryID("myregistry"), gate.RoleGrants},
		{"managed", "Microsoft.Authorization/roleAssignments/write", group, gate.RoleLacksAction},
		{"managed", write, "/subscriptions/other", gate.NoRole},
		{"reader", read, registryID("myregistry"), gate.RoleGrants},
		{"reader", write, registryID("myregistry"), gate.RoleLacksAction},
		{"reader", "", registryID("myregistry"), gate.RoleLacksAction},
		{"reader", read, registryID("myregistry2"), gate.NoRole},
		{"conditional", write, registryID("myregistry"), gate.RoleLacksAction},
		{"root", write, "/", gate.RoleGrants},
		{"root", write, "", gate.NoRole},
		{"nobody", read, registryID("myregistry"), gate.NoRole},
		{"ghost", read, registryID("myregistry"), gate.PrincipalUnknown},
	} {
		var at gate.Scope
		if row.at != "" {
			if at, err = gate.ParseScope(row.at); err != nil {
				t.Fatal(err)
			}
		}
		got := s.Authorize(row.who, row.action, at)
		if got.Reason != row.reason || got.Allowed != (row.reason == gate.RoleGrants) || got.Rule == "" && row.action != "" {
			t.Errorf("%s %s at %s: %+v, want %s", row.who, row.action, row.at, got, row.reason)
		}
	}
}

// TestHasRight asks whether a login is worth having, wherever from.
func TestHasRight(t *testing.T) {
	p, err := parsePolicy(changingPolicy)
	if err != nil {
		t.Fatal(err)
	}
	s := newBench(t, "rights", p).snapshot
	for text, want := range map[string]bool{
		"as ann": true, "as bob": true, "as aci": true, "as aci of other": true, "as ua": true, "as defender": true,
		"as ghost": false, "as inner": false, "as ann but expired": false, "as ann of nosuch": false, "as token:ci": true,
		"as token:ci of other": false, "as admin": true, "as admin of other": false, "as anonymous at token of other": true,
		"as anonymous at token": false,
	} {
		if got := s.HasRight(mustAsk(t, p, "sign-in "+text).Request); got != want {
			t.Errorf("%s: %t", text, got)
		}
	}
}

// TestInconsistentCredentials: a credential that was filled in by half is believed by nobody.
func TestInconsistentCredentials(t *testing.T) {
	p, err := parsePolicy("registry myregistry public default-allow admin anonymous-pull\n" +
		"token ci actions=repositories/*/content/read\nprincipal ann kind=User\nassign ann role=Owner at=group")
	if err != nil {
		t.Fatal(err)
	}
	s := newBench(t, "credentials", p).snapshot
	fitting := map[gate.CredentialKind]gate.Holder{
		gate.EntraToken: gate.PrincipalHolder, gate.AdminPassword: gate.AdminHolder, gate.TokenPassword: gate.TokenHolder,
	}
	names := map[gate.Holder]string{gate.PrincipalHolder: "ann", gate.TokenHolder: "ci"}
	for kind := range gate.CredentialKind(10) {
		for holder := range gate.Holder(7) {
			q := mustAsk(t, p, "pull a").Request
			q.Credential.Kind, q.Credential.Holder, q.Credential.Name = kind, holder, names[holder]
			q.Credential.Scopes = []gate.TokenScope{mustScope(t, "repository:a:pull")}
			fromACR := kind == gate.RefreshToken || kind == gate.AccessToken
			sound := fromACR && holder <= gate.RunHolder || fitting[kind] == holder && holder != 0
			if d := s.Decide(q); (d.Verdict == gate.Allow) != sound {
				t.Errorf("kind %d of holder %d: %v", kind, holder, d.Steps())
			}
		}
	}
}

func mustScope(t *testing.T, text string) gate.TokenScope {
	t.Helper()
	scope, err := gate.ParseTokenScope(text)
	if err != nil {
		t.Fatal(err)
	}
	return scope
}

// TestDecideDoesNotAllocate holds for every row: whoever asks, and whatever is refused.
func TestDecideDoesNotAllocate(t *testing.T) {
	for _, r := range loadRows(t) {
		a, err := ask(r.policy, r.text)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(10, func() { r.snapshot.Decide(a.Request) }); n != 0 {
			t.Errorf("%s: %v allocations", r, n)
		}
	}
}
