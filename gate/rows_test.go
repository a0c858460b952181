package gate_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/acrlocal/acrlocal/gate"
)

// row is one hand-checked line of testdata: a request, what becomes of it, and where that is written.
type row struct {
	file, text, want, source string
	policy                   gate.Policy
	snapshot                 *gate.Snapshot
	oracle                   *oracle
}

// String names a row as the testing package likes it.
func (r row) String() string { return r.file + "/" + strings.ReplaceAll(r.text, "/", "|") }

// loadRows reads every row of testdata/*.txtar. A file holds a comment, then pairs of a policy and its rows.
func loadRows(t *testing.T) (rows []row) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no rows in testdata: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var at row
		for _, section := range txtar.Parse(data).Files {
			if strings.HasPrefix(section.Name, "policy") {
				at = compiledRow(t, file, string(section.Data))
				continue
			}
			rows = append(rows, readRows(t, at, string(section.Data))...)
		}
	}
	return rows
}

func compiledRow(t *testing.T, file, text string) row {
	t.Helper()
	p, err := parsePolicy(text)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	s, err := gate.Compile(p)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	name := strings.TrimSuffix(filepath.Base(file), ".txtar")
	return row{file: name, policy: p, snapshot: s, oracle: newOracle(p)}
}

func readRows(t *testing.T, at row, text string) (rows []row) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		rest, source, cited := strings.Cut(line, " # ")
		asked, want, ok := strings.Cut(rest, " => ")
		if !ok || !cited {
			t.Fatalf("%s: %q is not of the form REQUEST => OUTCOME # SOURCE", at.file, line)
		}
		at.text, at.want, at.source = strings.Join(strings.Fields(asked), " "), strings.TrimSpace(want), source
		rows = append(rows, at)
	}
	return rows
}

// asked is a request as a row writes it.
type asked struct {
	question
	then gate.Reason // a resource rule that the registry's content would add
}

// phrases read the word that follows them.
var phrases = map[string]func(a *asked, p gate.Policy, value string){
	"of":      func(a *asked, _ gate.Policy, v string) { a.Registry = v },
	"from":    func(a *asked, _ gate.Policy, v string) { a.Source.Peer = netip.MustParseAddr(v) },
	"dialled": func(a *asked, _ gate.Policy, v string) { a.Source.Dialled = netip.MustParseAddr(v) },
	"through": func(a *asked, _ gate.Policy, v string) { a.Source.Endpoint = lower(endpointID(v)) },
	"network": func(a *asked, _ gate.Policy, v string) { a.Source.Network = lower(networkID(v)) },
	"subnet":  func(a *asked, _ gate.Policy, v string) { a.Source.Subnet = lower(subnetID(v)) },
	"as":      func(a *asked, p gate.Policy, v string) { a.Credential = credentialOf(p, v) },
	"using":   func(a *asked, _ gate.Policy, v string) { a.Credential.Kind = credentialKinds[v] },
	"at":      func(a *asked, _ gate.Policy, v string) { a.Surface = surfaces[v] },
	"but":     func(a *asked, _ gate.Policy, v string) { a.Credential.Failure = gate.Reason(v) },
	"then":    func(a *asked, _ gate.Policy, v string) { a.then = gate.Reason(v) },
}

var (
	surfaces        = map[string]gate.Surface{"token": gate.TokenAPI, "registry": gate.RegistryAPI}
	credentialKinds = map[string]gate.CredentialKind{
		"none": gate.NoCredential, "entra": gate.EntraToken, "refresh": gate.RefreshToken, "access": gate.AccessToken,
	}
)

// credentialOf is the natural credential of whoever is named: a principal's Entra token with the evidence as it is now,
// or a password.
func credentialOf(p gate.Policy, name string) gate.Credential {
	token, isToken := strings.CutPrefix(name, "token:")
	switch {
	case name == "anonymous":
		return gate.Credential{}
	case name == "admin":
		return gate.Credential{Kind: gate.AdminPassword, Holder: gate.AdminHolder}
	case name == "run":
		return gate.Credential{Kind: gate.RefreshToken, Holder: gate.RunHolder, Name: gate.Tasks}
	case isToken:
		return gate.Credential{Kind: gate.TokenPassword, Holder: gate.TokenHolder, Name: token}
	}
	c := gate.Credential{Kind: gate.EntraToken, Holder: gate.PrincipalHolder, Name: name}
	for _, one := range p.Principals {
		if one.ID == name {
			c.Evidence = evidenceOf(one)
		}
	}
	return c
}

func evidenceOf(p gate.Principal) gate.Evidence {
	e := gate.Evidence{Identity: lower(p.Resource)}
	if len(p.Hosts) > 0 {
		e.Host = lower(p.Hosts[0])
	}
	return e
}

// ask reads OPERATION [REPOSITORY] and then phrases and KEY=VALUE in any order.
func ask(p gate.Policy, text string) (asked, error) {
	w := splitWords(text)
	a := asked{question: question{Request: gate.Request{Registry: "myregistry"}}}
	a.Source.Peer = netip.MustParseAddr("198.51.100.1")
	a.Operation.Kind, _ = gate.ParseOperationKind(w.bare[0])
	rest := w.bare[1:]
	if len(rest)%2 == 1 {
		a.Operation.Repository, rest = rest[0], rest[1:]
	}
	for i := 0; i < len(rest); i += 2 {
		phrase, ok := phrases[rest[i]]
		if !ok {
			return a, fmt.Errorf("unknown phrase %q", rest[i])
		}
		phrase(&a, p, rest[i+1])
	}
	return a, a.refine(p, w)
}

// refine sets what only an unusual row says.
func (a *asked) refine(p gate.Policy, w words) error {
	for _, r := range p.Registries {
		if r.Name == a.Registry {
			a.Credential.Mode = r.Mode
		}
	}
	if a.Credential.Mode == "" || w.values["issued"] == "legacy" {
		a.Credential.Mode = gate.LegacyRegistryPermissions
	}
	if w.values["issued"] == "abac" {
		a.Credential.Mode = gate.AbacRepositoryPermissions
	}
	if identity, ok := w.values["identity"]; ok {
		a.Credential.Evidence.Identity = lower(in(identity))
	}
	if host, ok := w.values["host"]; ok {
		a.Credential.Evidence.Host = lower(in(host))
	}
	a.Credential.ARMAudience = w.values["audience"] == "arm"
	for _, scope := range strings.FieldsFunc(w.values["scopes"], func(c rune) bool { return c == ';' }) {
		parsed, err := gate.ParseTokenScope(scope)
		if err != nil {
			return err
		}
		a.Credential.Scopes, a.scopes = append(a.Credential.Scopes, parsed), append(a.scopes, scope)
	}
	return nil
}

// rulingOf puts a decision into the oracle's words.
func rulingOf(d gate.Decision) ruling {
	r := ruling{verdict: d.Verdict.String(), stage: d.Stage().String(), reason: string(d.Reason())}
	if steps := d.Steps(); d.Verdict == gate.Allow && len(steps) > 2 {
		r.network, r.signIn = string(steps[0].Reason), string(steps[1].Reason)
	}
	return r
}

// String is what a row has after its arrow.
func (r ruling) String() string {
	s := r.verdict + " " + r.stage + " " + r.reason
	if r.network != "" {
		s += " via " + r.network + " " + r.signIn
	}
	return s
}

// add is what a resource rule does to a ruling.
func (r ruling) add(reason gate.Reason) ruling {
	if reason == "" || r.verdict != "allow" {
		return r
	}
	return ruling{verdict: "deny", stage: "resource", reason: string(reason)}
}

// decide asks gate.
func (r row) decide(a asked) gate.Decision {
	d := r.snapshot.Decide(a.Request)
	if a.then != "" {
		d = d.Then(gate.Step{Stage: gate.StageResource, Reason: a.then, Rule: "image"})
	}
	return d
}

// TestRows holds Decide and the oracle against every row.
func TestRows(t *testing.T) {
	rows := loadRows(t)
	for _, r := range rows {
		t.Run(r.String(), func(t *testing.T) {
			a, err := ask(r.policy, r.text)
			if err != nil {
				t.Fatal(err)
			}
			d := r.decide(a)
			if got := rulingOf(d).String(); got != r.want {
				t.Errorf("Decide: %s\n  want: %s (%s)\n steps: %v", got, r.want, r.source, d.Steps())
			}
			if got := r.oracle.judge(a.question).add(a.then).String(); got != r.want {
				t.Errorf("oracle: %s\n  want: %s (%s)", got, r.want, r.source)
			}
		})
	}
	if len(rows) < 150 {
		t.Errorf("%d rows, want 150 at least", len(rows))
	}
}
