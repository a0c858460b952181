package gate_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/gate"
)

var update = flag.Bool("update", false, "write the golden files and docs/decisions.md anew")

// reasonConstants reads the constants of type Reason out of the source, so that a new one cannot be forgotten.
func reasonConstants(t *testing.T) (reasons []gate.Reason) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, declaration := range file.Decls {
		general, ok := declaration.(*ast.GenDecl)
		if !ok || general.Tok != token.CONST {
			continue
		}
		for _, spec := range general.Specs {
			value, ok := spec.(*ast.ValueSpec)
			if kind, isName := value.Type.(*ast.Ident); !ok || !isName || kind.Name != "Reason" {
				continue
			}
			text, err := strconv.Unquote(value.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			reasons = append(reasons, gate.Reason(text))
		}
	}
	return reasons
}

// TestReasonsAreComplete wants for each reason a row in the table, a golden file, and a row of testdata that gives it.
func TestReasonsAreComplete(t *testing.T) {
	reasons := reasonConstants(t)
	if len(reasons) < 50 {
		t.Fatalf("found %d reasons", len(reasons))
	}
	given := map[gate.Reason]bool{}
	for _, r := range loadRows(t) {
		a, err := ask(r.policy, r.text)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range r.decide(a).Steps() {
			given[step.Reason] = true
		}
	}
	listed := map[gate.Reason]gate.ReasonInfo{}
	for _, info := range gate.Reasons() {
		listed[info.Reason] = info
	}
	for _, reason := range reasons {
		info := listed[reason]
		if info.Source == "" || info.Why == "" {
			t.Errorf("%s has no row in Reasons, or one without a sentence and its source", reason)
		}
		if (info.Verdict == gate.Allow) != (info.Status == 0) {
			t.Errorf("%s: verdict %v with status %d", reason, info.Verdict, info.Status)
		}
		if _, err := os.Stat(goldenFile(reason)); err != nil {
			t.Errorf("%s has no golden file: %v", reason, err)
		}
		if !given[reason] {
			t.Errorf("no row of testdata gives %s", reason)
		}
	}
	if len(listed) != len(reasons) || len(gate.Reasons()) != len(reasons) {
		t.Errorf("%d constants, %d rows", len(reasons), len(gate.Reasons()))
	}
	if files, _ := filepath.Glob(goldenFile("*")); len(files) != len(reasons) {
		t.Errorf("%d golden files for %d reasons", len(files), len(reasons))
	}
}

func goldenFile(reason gate.Reason) string { return "testdata/reasons/" + string(reason) + ".golden" }

// TestReasonGoldens compares each reason's sentence, and its answer on both surfaces in both behaviours, with a file.
func TestReasonGoldens(t *testing.T) {
	for _, info := range gate.Reasons() {
		compareGolden(t, goldenFile(info.Reason), goldenOf(info))
	}
}

func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil { //nolint:gosec // a file of the project
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test ./gate -update writes it anew):\n%s", file, got)
	}
}

func goldenOf(info gate.ReasonInfo) string {
	var b strings.Builder
	step := gate.Step{Stage: info.Stage, Verdict: info.Verdict, Reason: info.Reason, Rule: "RULE"}
	q := gate.Request{
		Registry: "myregistry", Operation: gate.Operation{Kind: gate.OpPush, Repository: "team/app"},
		Source: gate.Source{Peer: netip.MustParseAddr("203.0.113.7")},
	}
	fmt.Fprintf(&b, "%s %s: %s\n", info.Verdict, info.Stage, step.Why(q))
	if info.Verdict == gate.Allow {
		return b.String()
	}
	d := refusedBy(step)
	for surface, name := range []string{"registry", "token service"} {
		q.Surface = gate.Surface(surface)
		for _, behavior := range []gate.Behavior{gate.Article, gate.Current} {
			quirks, _ := behavior.Quirks()
			fmt.Fprintf(&b, "\n== %s, %s ==\n", name, behavior)
			b.WriteString(answerText(gate.Refuse(q, d, gate.Answer{
				Realm: "https://myregistry.azurecr.io/oauth2/token", Service: "myregistry.azurecr.io",
				CorrelationID: "0a3728f5-aee8-4ea1-9b84-4dc6e1aef664", CorrelationInMessage: quirks.CorrelationInMessage,
			})))
		}
	}
	return b.String()
}

// refusedBy makes a decision that a step settles.
func refusedBy(s gate.Step) gate.Decision {
	return gate.Decision{Verdict: gate.Allow}.Then(s)
}

// answerText is an answer as it goes over the wire, with the headers in order, and the body's newline visible.
func answerText(r gate.Refusal) string {
	w := httptest.NewRecorder()
	gate.Write(w, r)
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s\n", w.Code, http.StatusText(w.Code))
	for _, name := range slices.Sorted(maps.Keys(w.Header())) {
		for _, value := range w.Header()[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	return b.String() + "\n" + strings.ReplaceAll(w.Body.String(), "\n", "\\n") + "\n"
}

// TestExactBytes are the bodies and challenges of acr-behaviour §2, typed from there and not from what gate sends.
func TestExactBytes(t *testing.T) {
	const (
		denied   = `{"errors":[{"code":"DENIED","message":"client with IP \u0027172.214.169.102\u0027 is not allowed access. Refer https://aka.ms/acr/firewall to grant access."}]}`
		denied26 = `{"errors":[{"code":"DENIED","message":"client with IP \u0027172.214.169.102\u0027 is not allowed access. Refer https://aka.ms/acr/firewall to grant access. CorrelationId: 0a3728f5-aee8-4ea1-9b84-4dc6e1aef664"}]}`
		signIn   = `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required, visit https://aka.ms/acr/authorization for more information."}]}`
		signIn26 = `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required, visit https://aka.ms/acr/authorization for more information. CorrelationId: 0a3728f5-aee8-4ea1-9b84-4dc6e1aef664"}]}`
		hello    = `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required, visit https://aka.ms/acr/authorization for more information.","detail":[{"Type":"repository","Name":"library/hello-world","Action":"metadata_read"}]}]}` + "\n"
		catalog  = `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required, visit https://aka.ms/acr/authorization for more information.","detail":[{"Type":"registry","Name":"catalog","Action":"*"}]}]}` + "\n"
		lock     = `{"errors":[{"code":"REGISTRY_DISALLOWED_OPERATION","message":"The operation is disallowed on this registry, repository or image. View troubleshooting steps at https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation","detail":{}}]}` + "\n"
		bearer   = `Bearer realm="https://myregistry.azurecr.io/oauth2/token",service="myregistry.azurecr.io"`
	)
	sign, library := gate.Operation{Kind: gate.OpSignIn}, "library/hello-world"
	for _, row := range []struct {
		source          string
		surface         gate.Surface
		behavior        gate.Behavior
		op              gate.Operation
		reason          gate.Reason
		status          int
		body, challenge string
	}{
		{"§2.1 classic", gate.TokenAPI, gate.Article, sign, gate.IPNotAllowed, 403, denied, ""},
		{"§2.1 2026", gate.TokenAPI, gate.Current, sign, gate.PublicAccessDisabled, 403, denied26, ""},
		{"§2.2 a valid bearer", gate.RegistryAPI, gate.Article, sign, gate.BypassOff, 403, denied, ""},
		{"§2.5 no role", gate.TokenAPI, gate.Article, sign, gate.NoRole, 401, signIn, ""},
		{"§2.5 no role, 2026", gate.TokenAPI, gate.Current, sign, gate.NoRole, 401, signIn26, ""},
		{"§2.4 GET /v2/", gate.RegistryAPI, gate.Current, sign, gate.CredentialMissing, 401, signIn + "\n", bearer},
		{
			"§2.4 /acr/v1", gate.RegistryAPI, gate.Current,
			gate.Operation{Kind: gate.OpViewAttributes, Repository: library},
			gate.CredentialMissing,
			401, hello, bearer + `,scope="repository:library/hello-world:metadata_read"`,
		},
		{
			"§2.4 tag list", gate.RegistryAPI, gate.Article,
			gate.Operation{Kind: gate.OpListTags, Repository: library},
			gate.CredentialMissing,
			401, hello, bearer + `,scope="repository:library/hello-world:metadata_read"`,
		},
		{
			"§2.4 catalog", gate.RegistryAPI, gate.Article,
			gate.Operation{Kind: gate.OpCatalog},
			gate.CredentialMissing,
			401, catalog, bearer + `,scope="registry:catalog:*"`,
		},
		{
			"§2.4 invalid token", gate.RegistryAPI, gate.Article,
			gate.Operation{Kind: gate.OpCatalog},
			gate.Expired,
			401, catalog, bearer + `,scope="registry:catalog:*",error="invalid_token"`,
		},
		{
			"§2.4 insufficient scope", gate.RegistryAPI, gate.Article,
			gate.Operation{Kind: gate.OpCatalog},
			gate.ScopeMissing,
			401, catalog, bearer + `,scope="registry:catalog:*",error="insufficient_scope"`,
		},
		{"§2.4 an unknown API", gate.RegistryAPI, gate.Article, gate.Operation{Repository: "a"}, gate.CredentialMissing, 401, signIn + "\n", bearer},
		{"§2.5 locked: 263 bytes", gate.RegistryAPI, gate.Article, gate.Operation{Kind: gate.OpPush, Repository: "a"}, gate.Locked, 405, lock, ""},
	} {
		quirks, _ := row.behavior.Quirks()
		q := gate.Request{
			Registry: "myregistry", Surface: row.surface, Operation: row.op,
			Source: gate.Source{Peer: netip.MustParseAddr("::ffff:172.214.169.102")},
		}
		info := row.reason.Info()
		got := gate.Refuse(q, refusedBy(gate.Step{Stage: info.Stage, Verdict: info.Verdict, Reason: row.reason}), gate.Answer{
			Realm: "https://myregistry.azurecr.io/oauth2/token", Service: "myregistry.azurecr.io",
			CorrelationID: "0a3728f5-aee8-4ea1-9b84-4dc6e1aef664", CorrelationInMessage: quirks.CorrelationInMessage,
		})
		if got.Status != row.status || string(got.Body()) != row.body || got.Challenge != row.challenge {
			t.Errorf("%s: %d %s\n got %s\nwant %s", row.source, got.Status, got.Challenge, got.Body(), row.body)
		}
	}
	if len(lock) != 263 {
		t.Errorf("the locked body was recorded with 263 bytes, this one has %d", len(lock))
	}
}

// TestRefusalsOfNothing: what nobody decided is refused, whatever the writer is given.
func TestRefusalsOfNothing(t *testing.T) {
	var zero gate.Decision
	allowed := gate.Decision{Verdict: gate.Allow}.Then(gate.Step{Verdict: gate.Allow, Reason: gate.RoleGrants})
	for name, d := range map[string]gate.Decision{"zero": zero, "allowed": allowed, "strange": refusedBy(gate.Step{Reason: "strange"})} {
		r := gate.Refuse(gate.Request{}, d, gate.Answer{})
		if r.Status != 403 || r.Code != "DENIED" {
			t.Errorf("the %s decision is refused with %+v", name, r)
		}
	}
	if zero.Verdict != gate.Deny || len(zero.Steps()) != 0 || zero.Why(gate.Request{}) != "nothing allows the request" {
		t.Errorf("the zero decision: %v", zero)
	}
	r := gate.Refuse(gate.Request{}, refusedBy(gate.Step{Reason: gate.IPNotAllowed}), gate.Answer{})
	if !strings.Contains(r.Message, "'unknown'") {
		t.Errorf("no address gives %q", r.Message)
	}
	w := httptest.NewRecorder()
	gate.Write(w, gate.Refusal{Status: 429, Code: "TOOMANYREQUESTS", RetryAfter: 7, Message: "<\"é\n'"})
	if w.Header().Get("Retry-After") != "7" || w.Body.String() != `{"errors":[{"code":"TOOMANYREQUESTS","message":"<\"é\n\u0027"}]}`+"\n" {
		t.Errorf("got %v %s", w.Header(), w.Body)
	}
}

// TestThen lets a resource rule refuse, and lets nothing take a refusal back.
func TestThen(t *testing.T) {
	locked := gate.Step{Stage: gate.StageResource, Reason: gate.Locked}
	fine := gate.Step{Stage: gate.StageResource, Verdict: gate.Allow}
	start := gate.Decision{Verdict: gate.Allow}
	for range 3 {
		start = start.Then(gate.Step{Verdict: gate.Allow})
	}
	if d := start.Then(fine).Then(locked); d.Verdict != gate.Deny || d.Reason() != gate.Locked || len(d.Steps()) != 4 {
		t.Errorf("a second resource rule was not heard: %v", d.Steps())
	}
	if d := start.Then(locked).Then(fine); d.Verdict != gate.Deny || d.Settled() != locked {
		t.Errorf("a refusal was taken back: %v", d.Steps())
	}
}

func TestTexts(t *testing.T) {
	for want, m := range map[string]interface{ MarshalText() ([]byte, error) }{
		"deny": gate.Deny, "challenge": gate.Challenge, "allow": gate.Allow,
		"network": gate.StageNetwork, "authentication": gate.StageAuthentication,
		"authorization": gate.StageAuthorization, "resource": gate.StageResource,
	} {
		if got, err := m.MarshalText(); string(got) != want || err != nil {
			t.Errorf("%v marshals as %s, %v", m, got, err)
		}
	}
	for _, b := range []gate.Behavior{gate.Article, gate.Current} {
		if _, ok := b.Quirks(); !ok {
			t.Errorf("%s is no behaviour", b)
		}
	}
	if _, ok := gate.Behavior("past").Quirks(); ok {
		t.Error("past is a behaviour")
	}
}
