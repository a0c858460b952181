package emulator

import (
	"fmt"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// Explain says what would happen, and why, under each behaviour. There is no traffic: the place is routed, the
// principal looked up, and the gate asked.
func (e *Emulator) Explain(q ExplainRequest) (Explanation, error) {
	w := e.core.world.Load()
	q.Registry = orDefault(strings.TrimSuffix(azure.Fold(q.Registry), ".azurecr.io"), e.defaultRegistry())
	q.Do = orDefault(q.Do, gate.OpPull.String())
	kind, ok := gate.ParseOperationKind(q.Do)
	registry, known := w.snapshot.Registry(q.Registry)
	switch {
	case !ok:
		return Explanation{}, fmt.Errorf("%q is no operation: there are %s", q.Do, operationNames())
	case !known:
		return Explanation{}, w.noRegistry(q.Registry)
	}
	at, hop, err := e.route(w, q.From, q.Registry)
	if err != nil {
		return Explanation{}, err
	}
	who, err := w.findCaller(q.As, at)
	if err != nil {
		return Explanation{}, err
	}
	request := gate.Request{
		Registry: q.Registry, Operation: gate.Operation{Kind: kind, Repository: q.Repository},
		Source: sourceOf(hop), Credential: who.credential(),
	}
	if !who.known {
		request.Surface = gate.TokenAPI // what an anonymous client learns, it learns from the token service
	}
	x := Explanation{Question: q, Place: placeStatus(at, hop), Principal: who.principal.ID}
	x.Answers, err = explainBoth(w.snapshot, registry, request)
	return x, err
}

// explainBoth decides under the registry's own quirks, and under each behaviour that differs from them.
func explainBoth(s *gate.Snapshot, registry gate.Registry, q gate.Request) ([]ExplainedAnswer, error) {
	answers := []ExplainedAnswer{explainOne(s, q)}
	answers[0].Behavior = OwnQuirks
	for _, b := range []gate.Behavior{gate.Article, gate.Current} {
		quirks, _ := b.Quirks()
		if quirks == registry.Quirks {
			answers[0].Behavior = b
			continue
		}
		under := registry
		under.Quirks = quirks
		next, err := s.With(gate.Change{Put: gate.Policy{Registries: []gate.Registry{under}}, Revision: s.Revision()})
		if err != nil {
			return nil, err
		}
		answer := explainOne(next, q)
		answer.Behavior = b
		answers = append(answers, answer)
	}
	return answers, nil
}

func explainOne(s *gate.Snapshot, q gate.Request) ExplainedAnswer {
	d := s.Decide(q)
	step := d.Settled()
	answer := ExplainedAnswer{
		Verdict: d.Verdict, Stage: step.Stage, Reason: step.Reason, Rule: step.Rule, Why: step.Why(q), Steps: d.Steps(),
	}
	if d.Verdict != gate.Allow {
		answer.Remedy = remediesFor(s, q)
	}
	return answer
}

// noRegistry is the error for a registry that does not exist; it names those that come near.
func (w *world) noRegistry(name string) error {
	var names []string
	for _, d := range w.state.OfType(registryType) {
		names = append(names, d.ID.Name())
	}
	return notFound("there is no registry %q%s", name, didYouMean(azure.Near(name, names)))
}

// didYouMean ends the text of an error with what may have been meant.
func didYouMean(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(names, " or ") + "?"
}

func operationNames() string {
	var names []string
	for _, k := range gate.OperationKinds() {
		names = append(names, k.String())
	}
	return strings.Join(names, ", ")
}
