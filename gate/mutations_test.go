package gate_test

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var mutate = flag.Bool("mutations", false, "run TestMutations, which compiles gate once for each mutation")

// judges is the test that a mutation of the decision must fail: the rows checked by hand.
const judges = "^TestRows$"

// mutation is one textual edit of gate, which must be noticed. The old text stands in the file once.
type mutation struct{ name, file, old, changed, by string }

// mutations is the list. By is the test that must fail, if not the judges.
var mutations = []mutation{
	// the order of the stages
	{name: "the network stage is dropped", file: "decide.go", old: "d.add(s.network(r, q.Source, &c))", changed: "d.add(allow(StageNetwork, PublicDefaultAllow, ruleDefaultAllow))"},
	{name: "the authentication stage is dropped", file: "decide.go", old: "\td.add(identity)\n", changed: "\td.add(allow(StageAuthentication, EntraAccepted, \"\"))\n"},
	{name: "the authorization stage is dropped", file: "decide.go", old: "\t\td.add(s.authorize(r, &q, &c))\n", changed: ""},
	{name: "the challenge goes first at the token service too", file: "decide.go", old: "asked := q.Surface == RegistryAPI && ", changed: "asked := "},
	{name: "a password learns from the challenge", file: "decide.go", old: " && !q.Credential.guessable()", changed: ""},
	{name: "the challenge never goes first", file: "decide.go", old: "asked := q.Surface == RegistryAPI &&", changed: "asked := q.Surface == TokenAPI && q.Surface == RegistryAPI &&"},
	{name: "DenyAtRegistry is ignored", file: "decide.go", old: " && !r.Quirks.DenyAtRegistry", changed: ""},
	{name: "a credential that failed is believed", file: "decide.go", old: "case credential.Failure != \"\":", changed: "case false:"},
	{name: "a changed mode is ignored", file: "decide.go", old: "credential.Mode.orDefault() != r.Mode", changed: "false"},
	{name: "a changed mode voids Entra tokens too", file: "decide.go", old: "credential.fromACR() && credential.Mode", changed: "credential.Mode"},
	{name: "ARM's audience is always taken", file: "decide.go", old: "credential.ARMAudience && r.RefuseARMAudience", changed: "false"},
	{name: "ARM's audience is never taken", file: "decide.go", old: "credential.ARMAudience && r.RefuseARMAudience", changed: "credential.ARMAudience"},
	{name: "the audience policy binds refresh tokens", file: "decide.go", old: "credential.Kind == EntraToken && ", changed: ""},
	{name: "a group may sign in", file: "decide.go", old: " || p.Kind == Group", changed: ""},
	{name: "evidence is not compared", file: "decide.go", old: " || !p.belongs(credential.Evidence)", changed: ""},
	{name: "the identity's resource is not compared", file: "decide.go", old: "proof.Identity != p.identity", changed: "false"},
	{name: "the host of an identity is not compared", file: "decide.go", old: "\t_, ok := p.hosts[proof.Host]\n\treturn ok", changed: "\treturn true"},
	{name: "a token without a host is refused", file: "decide.go", old: " || proof.Host == \"\"", changed: ""},
	{name: "a disabled admin user signs in", file: "decide.go", old: "if !r.Admin.Enabled {", changed: "if false {"},
	{name: "a disabled token signs in", file: "decide.go", old: "t == nil || !t.Enabled", changed: "t == nil"},
	{name: "anonymous is let in bare", file: "decide.go", old: "if bare || !r.AnonymousPull {", changed: "if bare && false || !r.AnonymousPull {"},
	{name: "anonymous pull is always on", file: "decide.go", old: "if bare || !r.AnonymousPull {", changed: "if bare {"},
	{name: "half-filled credentials are believed", file: "decide.go", old: "case !credential.consistent():", changed: "case false:", by: "TestInconsistentCredentials"},

	// the network
	{name: "private endpoints are ignored", file: "network.go", old: "; found {\n\t\treturn throughEndpoint", changed: "; found && e == nil {\n\t\treturn throughEndpoint"},
	{name: "an endpoint's status is ignored", file: "network.go", old: "e.Status != Approved || ", changed: ""},
	{name: "pending counts as approved", file: "network.go", old: "e.Status != Approved ||", changed: "e.Status != Approved && e.Status != Pending ||"},
	{name: "another registry's endpoint lets in", file: "network.go", old: " || fold(e.Registry) != r.key", changed: ""},
	{name: "an unknown endpoint lets in", file: "network.go", old: "case e == nil:\n\t\treturn deny(StageNetwork, PrivateEndpointNotApproved", changed: "case e == nil:\n\t\treturn allow(StageNetwork, PrivateEndpointApproved"},
	{name: "publicNetworkAccess is ignored", file: "network.go", old: "case !r.PublicAccess:", changed: "case false:"},
	{name: "the default action is ignored", file: "network.go", old: "case r.DefaultAllow:", changed: "case false:"},
	{name: "the default action opens a disabled registry", file: "network.go", old: "case !r.PublicAccess:", changed: "case !r.PublicAccess && !r.DefaultAllow:"},
	{name: "IP rules are ignored", file: "network.go", old: "rule, ok := r.ipRules.Lookup(from.Peer); ok {", changed: "rule, ok := r.ipRules.Lookup(from.Peer); ok && false {"},
	{name: "virtual network rules are ignored", file: "network.go", old: "; ok && from.Subnet != \"\" {", changed: "; ok && false {"},
	{name: "the bypass is dropped", file: "network.go", old: "; tried {\n\t\treturn bypass", changed: "; tried && bypass.Verdict != Allow {\n\t\treturn bypass"},
	{name: "everybody with an identity is trusted", file: "network.go", old: "case service == nil:\n\t\treturn deny(StageNetwork, NotATrustedService", changed: "case service == nil:\n\t\treturn allow(StageNetwork, TrustedServiceBypass"},
	{name: "user-assigned identities are trusted", file: "network.go", old: "service != nil && service.UserAssigned", changed: "service != nil"},
	{name: "no user-assigned identity is trusted", file: "network.go", old: "service != nil && service.UserAssigned", changed: "false"},
	{name: "an identity without a host is trusted", file: "network.go", old: "return &unhosted, unhosted.Name, false", changed: "return &unhosted, unhosted.Name, true"},
	{name: "service endpoints do not exclude the bypass", file: "network.go", old: "case len(r.subnets) > 0:", changed: "case false:"},
	{name: "the switch is ignored", file: "network.go", old: "case !r.BypassTrustedServices:", changed: "case false:"},
	{name: "the switch goes before the exclusion", file: "network.go", old: "case len(r.subnets) > 0:", changed: "case len(r.subnets) > 0 && r.BypassTrustedServices:"},
	{name: "the tasks flag is ignored", file: "network.go", old: "case service.TasksFlag:", changed: "case false:"},
	{name: "the tasks flag binds every service", file: "network.go", old: "case service.TasksFlag:", changed: "case true:"},
	{name: "an unset flag refuses in every behaviour", file: "network.go", old: "flag == nil && r.Quirks.TasksNeedFlag", changed: "flag == nil"},
	{name: "an unset flag allows in every behaviour", file: "network.go", old: "flag == nil && r.Quirks.TasksNeedFlag", changed: "false"},
	{name: "an explicit false allows", file: "network.go", old: "flag != nil && !*flag", changed: "false"},
	{name: "the given endpoint is ignored", file: "endpoints.go", old: "if from.Endpoint != \"\" {", changed: "if false {"},
	{name: "the dialled address is ignored", file: "endpoints.go", old: "if e := x.byAddress[from.Dialled]; e != nil {", changed: "if e := x.byAddress[from.Dialled]; e != nil && false {"},
	{name: "the attached network is ignored", file: "endpoints.go", old: "network := from.Network", changed: "network := \"\""},
	{name: "prefixes are ignored", file: "endpoints.go", old: "if network == \"\" && x.networks != nil {", changed: "if false {"},
	{name: "overlapping prefixes go to the longer", file: "endpoints.go", old: "range all.Supernets(p)", changed: "range all.Subnets(p)"},
	{name: "any of several networks will do", file: "endpoints.go", old: "if len(set) == 1 {", changed: "if len(set) >= 1 {"},
	{name: "networks of unapproved endpoints count", file: "endpoints.go", old: "if e.Status == Approved && e.Network != \"\" {", changed: "if e.Network != \"\" {"},

	// access
	{name: "operations nobody knows are allowed", file: "access.go", old: "q.Operation.Kind == OpUnknown || ", changed: ""},
	{name: "scopes of access tokens are ignored", file: "access.go", old: " && q.Credential.Kind == AccessToken && !covered", changed: " && false && !covered"},
	{name: "an access token needs a scope to sign in", file: "access.go", old: "if op.Kind == OpSignIn {\n\t\treturn true", changed: "if false {\n\t\treturn true"},
	{name: "anonymous may do everything", file: "access.go", old: "case operations[op.Kind].open:", changed: "default:"},
	{name: "one right of a scope map is enough", file: "access.go", old: "&need == need", changed: "&need != 0"},
	{name: "scope maps grant the catalog", file: "access.go", old: "granted := need != 0 && ", changed: "granted := "},
	{name: "an empty scope map signs in", file: "access.go", old: "granted = t.scopeMap.any()", changed: "granted = true"},
	{name: "first-party services may do everything", file: "access.go", old: " && slices.Contains(p.service.Rights, op.Kind)", changed: ""},
	{name: "first-party services need a role", file: "access.go", old: "p.service != nil && p.Kind", changed: "false && p.Kind"},
	{name: "conditions are ignored", file: "access.go", old: "if op.Kind == OpSignIn || holds(a.condition, granted, op.Repository) {", changed: "if true {"},
	{name: "conditions are asked at sign-in", file: "access.go", old: "if op.Kind == OpSignIn || holds", changed: "if holds"},
	{name: "conditional assignments grant nothing", file: "access.go", old: "\t\tif holds {\n", changed: "\t\tif holds && false {\n"},
	{name: "the first unmet condition ends it", file: "access.go", old: "\t\tif unmet == nil {\n\t\t\tunmet = a\n\t\t}\n\t}\n\treturn p.refuse", changed: "\t\tif unmet = a; unmet != nil {\n\t\t\tbreak\n\t\t}\n\t}\n\treturn p.refuse"},
	{name: "an unmet condition is called a lacking role", file: "access.go", old: "case unmet != nil:", changed: "case false:"},
	{name: "a condition is asked about a repository that is not there", file: "access.go", old: "HasRepository: repository != \"\"", changed: "HasRepository: true"},
	{name: "groups are not transitive", file: "grants.go", old: "for i := 0; i < len(ids); i++ {", changed: "for i := 0; i < 1; i++ {"},
	{name: "groups pass nothing on", file: "grants.go", old: "holder != id && (g == nil || g.Kind != Group)", changed: "holder != id && (g == nil || g.Kind != \"\")"},
	{name: "deleted groups pass on", file: "grants.go", old: "holder != id && (g == nil || g.Kind != Group)", changed: "holder != id && g != nil && g.Kind != Group", by: "TestChanges"},
	{name: "assignments elsewhere count", file: "grants.go", old: "g := p.grants[a.scope]\n", changed: "a.scope = rootScope\n\tg := p.grants[a.scope]\n"},
	{name: "management groups are not inherited", file: "snapshot.go", old: "scopes = append(scopes, s.parents[at]...)", changed: ""},
	{name: "the root scope is not inherited", file: "snapshot.go", old: "return append(scopes, rootScope)", changed: "return scopes"},
	{name: "scopes are compared as text", file: "scope.go", old: " && other[len(s)] == '/'", changed: "", by: "TestScopeContains"},
	{name: "notActions are ignored", file: "role.go", old: " && !slices.ContainsFunc(except, matches)", changed: ""},
	{name: "AcrPull pushes", file: "rights.go", old: "grants: tokenPush, legacy: rightPush,", changed: "grants: tokenPush, legacy: rightPush | rightPull,"},
	{name: "AcrPull deletes", file: "rights.go", old: "name: \"delete\", token: tokenDelete, grants: tokenDelete, legacy: rightDelete,", changed: "name: \"delete\", token: tokenDelete, grants: tokenDelete, legacy: rightDelete | rightPull,"},
	{name: "the mode is ignored", file: "rights.go", old: "if mode == AbacRepositoryPermissions {", changed: "if false {"},
	{name: "data actions grant in legacy mode", file: "rights.go", old: "return operations[k].legacy", changed: "return operations[k].legacy | operations[k].data"},
	{name: "actions count as data actions", file: "rights.go", old: "bit&dataRights != 0 && role.AllowsData(action)", changed: "bit&dataRights != 0 && (role.AllowsData(action) || role.Allows(action))"},
	{name: "prefixes of scope maps lose their slash", file: "scopemap.go", old: "prefix: prefix + \"/\", rights", changed: "prefix: prefix, rights"},
	{name: "entries of scope maps do not add up", file: "scopemap.go", old: "m.exact[name] |= right", changed: "m.exact[name] = right"},
	{name: "scopes of other repositories cover", file: "tokenscope.go", old: "t.Name == op.Repository ||", changed: "true ||"},
	{name: "the scope of every repository covers none", file: "tokenscope.go", old: " || t.Name == \"*\"\n", changed: "\n"},
	{name: "one repository's scope covers them all", file: "tokenscope.go", old: "return op.Kind == OpCatalog ||", changed: "return op.Repository == \"\" ||", by: "TestGrant"},
	{name: "push scopes cover pulls", file: "rights.go", old: "name: \"pull\", token: tokenPull,", changed: "name: \"pull\", token: tokenPull | tokenPush,"},

	// what is around the decision
	{name: "a refusal by the content is lost", file: "decision.go", old: "\td.count = min(d.count, uint8(len(d.steps)-1))\n\td.add(s)\n", changed: "\tif d.count < 4 {\n\t\td.add(s)\n\t}\n", by: "TestThen"},
	{name: "a refusal is taken back", file: "decision.go", old: "if d.Verdict != Allow {", changed: "if false {", by: "TestThen|TestRows"},
	{name: "mounts are not checked", file: "gate.go", old: "validRepository(q.Operation.Repository) && g.Snapshot().Decide(q).Verdict == Allow", changed: "true", by: "TestMount"},
	{name: "mounts by form get past", file: "gate.go", old: "\tr.Header.Del(\"Content-Type\")\n", changed: "", by: "TestMount"},
	{name: "everybody's X-Forwarded-For counts", file: "source.go", old: "return slices.ContainsFunc(t,", changed: "return len(t) == 0 || slices.ContainsFunc(t,", by: "TestSource"},
	{name: "the first hop counts", file: "source.go", old: " && t.Contains(from.Peer); i--", changed: "; i--", by: "TestSource"},
	{name: "the empty password opens", file: "secrets.go", old: " == 1 && want != \"\"", changed: " == 1", by: "TestPassword"},
	{name: "passwords never expire", file: "secrets.go", old: "!now.Before(p.Expires)", changed: "false", by: "TestPassword"},
	{name: "a path climbs", file: "operation.go", old: "len(name) <= maxRepositoryName && repositoryName.MatchString(name)", changed: "name != \"\"", by: "TestParseOperation"},
	{name: "snapshots share their lists", file: "grants.go", old: "slices.DeleteFunc(slices.Clone(held), ", changed: "slices.DeleteFunc(held, ", by: "TestSnapshotsAreImmutable|TestWithIsCompile|TestChanges"},
}

// TestMutations makes each edit in an overlay, so that no file changes, and wants the tests to fail. It takes minutes.
func TestMutations(t *testing.T) {
	if !*mutate {
		t.Skip("run by make mutate")
	}
	if len(mutations) < 40 {
		t.Errorf("%d mutations, want 40 at least", len(mutations))
	}
	started := time.Now()
	t.Run("survivors", func(t *testing.T) {
		for _, m := range mutations {
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				m.mustFail(t)
			})
		}
	})
	t.Logf("%d mutations in %s", len(mutations), time.Since(started).Round(time.Second))
}

func (m mutation) mustFail(t *testing.T) {
	tests := m.by
	if tests == "" {
		tests = judges
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "go", "test", "-vet=off", "-count=1", "-failfast", "-timeout=1m", //nolint:gosec // no input
		"-gcflags=-N -l", "-ldflags=-s -w", "-overlay="+m.overlay(t), "-run="+tests, ".").CombinedOutput()
	switch {
	case err == nil:
		t.Errorf("survived %s", tests)
	case !strings.Contains(string(out), "--- FAIL"):
		t.Errorf("no test failed, but:\n%s", out)
	}
}

// overlay writes the edited file and says where it is to be seen.
func (m mutation) overlay(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(m.file)
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), m.old); n != 1 {
		t.Fatalf("%s has the text %d times, not once: %s", m.file, n, m.old)
	}
	edited := filepath.Join(t.TempDir(), m.file)
	if err := os.WriteFile(edited, []byte(strings.Replace(string(source), m.old, m.changed, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: edited}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
