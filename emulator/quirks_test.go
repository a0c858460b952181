package emulator

import (
	"testing"

	"github.com/acrlocal/acrlocal/gate"
)

// TestExplainOwnQuirks: a registry whose quirks were set one by one follows neither behaviour. What it does itself comes
// first, before what both would do.
func TestExplainOwnQuirks(t *testing.T) {
	e := start(t, Options{Seeds: []Seed{
		{Name: "sample.yaml", Data: sampleSeed},
		{Name: "quirks.yaml", Data: []byte("quirks: {registries: {myregistry: {tasks-need-flag: true}}}")},
	}})
	x, err := e.Explain(ExplainRequest{From: "tasks/nightly", Do: "push", Registry: "myregistry", Repository: "hello"})
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		behavior gate.Behavior
		reason   gate.Reason
	}{
		{OwnQuirks, gate.TasksBypassNotAllowed}, {gate.Article, gate.RoleGrants}, {gate.Current, gate.TasksBypassNotAllowed},
	}
	if len(x.Answers) != len(want) {
		t.Fatalf("%d answers, want %d", len(x.Answers), len(want))
	}
	for i, w := range want {
		if a := x.Answers[i]; a.Behavior != w.behavior || a.Reason != w.reason {
			t.Errorf("answer %d: behaviour %s: %s, want behaviour %s: %s", i, a.Behavior, a.Reason, w.behavior, w.reason)
		}
	}
}
