package emulator

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// TestExplain: questions about the sample environment, and what each behaviour answers. What is explained and what
// happens must be the same; TestExplainIsTrue compares them.
func TestExplain(t *testing.T) {
	e := start(t, Options{})
	for _, c := range []struct {
		name     string
		question ExplainRequest
		article  string
		current  string
	}{
		{
			"a task: the behaviours differ",
			ExplainRequest{From: "tasks/nightly", Do: "push", Registry: "myregistry", Repository: "hello"},
			"allow role", "deny tasks-bypass-not-allowed",
		},
		{
			"a container group",
			ExplainRequest{From: worker, Registry: "myregistry", Repository: "hello"},
			"allow role", "allow role",
		},
		{
			"names in any case",
			ExplainRequest{From: "ContainerGroups/WORKER", Registry: "MyRegistry", Repository: "hello"},
			"allow role", "allow role",
		},
		{
			"nobody, on the registry that is open",
			ExplainRequest{From: "192.0.2.7", As: anonymous, Repository: "hello"},
			"challenge credential-missing", "challenge credential-missing",
		},
		{
			"nobody, from an address that is not let in",
			ExplainRequest{From: "192.0.2.7", As: anonymous, Registry: "myregistry"},
			"deny ip-not-allowed", "deny ip-not-allowed",
		},
		{
			"from a place without an identity, which is nobody",
			ExplainRequest{From: "203.0.113.7", Registry: "myregistry"},
			"challenge credential-missing", "challenge credential-missing",
		},
		{
			"a first-party service without a role",
			ExplainRequest{From: azure.ServiceDefender, Registry: "myregistry", Repository: "hello"},
			"allow service-right", "allow service-right",
		},
		{
			"this machine, as nobody said where from",
			ExplainRequest{As: azure.DevelopmentClientID, Registry: "myregistry"},
			"deny ip-not-allowed", "deny ip-not-allowed",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			x, err := e.Explain(c.question)
			if err != nil {
				t.Fatal(err)
			}
			if len(x.Answers) != 2 || x.Answers[0].Behavior != gate.Article || x.Answers[1].Behavior != gate.Current {
				t.Fatalf("answers: %+v", x.Answers)
			}
			for i, want := range []string{c.article, c.current} {
				a := x.Answers[i]
				if got := a.Verdict.String() + " " + string(a.Reason); got != want {
					t.Errorf("%s: %s, want %s: %+v", a.Behavior, got, want, a.Steps)
				}
				if a.Why == "" || len(a.Steps) == 0 || (a.Verdict == gate.Allow) != (len(a.Remedy) == 0) {
					t.Errorf("%s: %+v", a.Behavior, a)
				}
			}
		})
	}
}

// TestExplainOwnBehaviourFirst: the first answer is what the registry would do.
func TestExplainOwnBehaviourFirst(t *testing.T) {
	e := open(t, Options{Behavior: gate.Current})
	x, err := e.Explain(ExplainRequest{From: "tasks/nightly", Do: "push", Registry: "myregistry", Repository: "hello"})
	if err != nil {
		t.Fatal(err)
	}
	if x.Answers[0].Behavior != gate.Current || x.Answers[0].Reason != gate.TasksBypassNotAllowed || x.Answers[1].Verdict != gate.Allow {
		t.Errorf("%+v", x.Answers)
	}
}

// TestExplainIsTrue: what explain says of a pull is what comes of the pull.
func TestExplainIsTrue(t *testing.T) {
	e := start(t, Options{})
	for _, place := range []string{worker, "containerGroups/builder", "tasks/nightly", "workspaces/vision", "sites/shop", jumpbox, azure.ServiceImport} {
		x, err := e.Explain(ExplainRequest{From: place, Registry: "myregistry", Repository: "hello"})
		if err != nil {
			t.Fatal(err)
		}
		s := e.at(t, place, "")
		_, err = s.Pull(t.Context(), hello)
		want := x.Answers[0]
		if allowed := err == nil; allowed != (want.Verdict == gate.Allow) {
			t.Errorf("%s: explained %s %s, pull: %v", place, want.Verdict, want.Reason, err)
		}
		if d, _ := s.Refused(); err != nil && (d.Reason != want.Reason || d.Why != want.Why) {
			t.Errorf("%s: explained %q, refused for %q", place, want.Why, d.Why)
		}
	}
}

// TestExplainErrors: what does not exist is an error that names what comes near.
func TestExplainErrors(t *testing.T) {
	e := open(t, Options{})
	for _, c := range []struct {
		name     string
		question ExplainRequest
		says     []string
		status   int
	}{
		{"a registry", ExplainRequest{Registry: "myregstry"}, []string{`no registry "myregstry"`, "did you mean myregistry?"}, http.StatusNotFound},
		{"a registry like no other", ExplainRequest{Registry: "zzzzzzzz"}, []string{`no registry "zzzzzzzz"`}, http.StatusNotFound},
		{"a place", ExplainRequest{From: "containerGroups/wroker"}, []string{"containerGroups/wroker", "containerGroups/worker"}, http.StatusBadRequest},
		{"a place that may be two", ExplainRequest{From: "myregistry-endpoin"}, []string{"myregistry-endpoin"}, http.StatusBadRequest},
		{"a principal", ExplainRequest{As: "builder-identiti"}, []string{`no principal "builder-identiti"`, "builder-identity?"}, http.StatusBadRequest},
		{"an operation", ExplainRequest{Do: "pul"}, []string{`"pul" is no operation`, "pull, push"}, http.StatusBadRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := e.Explain(c.question)
			if err == nil {
				t.Fatal("no error")
			}
			for _, text := range c.says {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%q does not say %q", err, text)
				}
			}
			status := http.StatusBadRequest
			if fault := (*apiFault)(nil); errors.As(err, &fault) {
				status = fault.status
			}
			if status != c.status {
				t.Errorf("status %d, want %d", status, c.status)
			}
		})
	}
}

// TestPrincipalNames: a person may name a principal in each of these ways, and no other.
func TestPrincipalNames(t *testing.T) {
	e := open(t, withSample(`
principals:
  - {"@odata.type": "#microsoft.graph.user", id: acac10ca-8000-4000-8000-000000000001, userPrincipalName: Ann@example.com}
resources:
  - {type: Microsoft.Web/sites, name: worker, identity: {type: SystemAssigned}}
`))
	const ann = "acac10ca-8000-4000-8000-000000000001"
	for _, c := range []struct{ name, id, problem string }{
		{name: ann, id: ann},
		{name: strings.ToUpper(ann), id: ann},
		{name: "ann@EXAMPLE.com", id: ann},
		{name: azure.DevelopmentClientID, id: azure.DevelopmentPrincipal},
		{name: workerID, id: azure.DerivedID(workerID)},
		{name: "containerGroups/worker", id: azure.DerivedID(workerID)},
		{name: "/containergroups/WORKER/", id: azure.DerivedID(workerID)},
		{name: azure.ServiceDefender, id: azure.DerivedID(azure.ServiceDefender)},
		{name: "worker", problem: "may be any of"},
		{name: "orker", problem: "no principal"},
		{name: "Groups/worker", problem: "no principal"},
		{name: "ann", problem: "no principal"},
	} {
		p, err := e.core.world.Load().findPrincipal(c.name)
		if c.problem == "" && (err != nil || p.ID != c.id) {
			t.Errorf("%q is %s (%v), want %s", c.name, p.ID, err, c.id)
		}
		if c.problem != "" && (err == nil || !strings.Contains(err.Error(), c.problem)) {
			t.Errorf("%q: %v, want an error that says %q", c.name, err, c.problem)
		}
	}
}
