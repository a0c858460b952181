package gate

import (
	"fmt"
	"slices"
	"strings"
)

// Verdict is the outcome of a decision or of one of its steps.
type Verdict uint8

// The verdicts. The zero Verdict fails closed.
const (
	// Deny refuses; another credential would not help by itself.
	Deny Verdict = iota
	// Challenge refuses with a request to authenticate.
	Challenge
	// Allow lets the request through.
	Allow
)

var verdictNames = [...]string{Deny: "deny", Challenge: "challenge", Allow: "allow"}

// String returns deny, challenge or allow.
func (v Verdict) String() string { return verdictNames[v] }

// MarshalText renders the verdict as String does.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads what MarshalText wrote. Anything else is an error, and leaves Deny.
func (v *Verdict) UnmarshalText(text []byte) error { return unmarshalName(v, verdictNames[:], text) }

// unmarshalName finds a name in a table of names and sets the value to its place there.
func unmarshalName[T ~uint8](value *T, names []string, text []byte) error {
	at := slices.Index(names, string(text))
	*value = T(max(at, 0)) //nolint:gosec // the tables are short
	if at < 0 {
		return fmt.Errorf("%.40q is none of %s", text, strings.Join(names, ", "))
	}
	return nil
}

// Stage is one of the four stages of a decision, in order.
type Stage uint8

// The stages.
const (
	StageNetwork Stage = iota
	StageAuthentication
	StageAuthorization
	StageResource
)

var stageNames = [...]string{
	StageNetwork: "network", StageAuthentication: "authentication",
	StageAuthorization: "authorization", StageResource: "resource",
}

// String returns network, authentication, authorization or resource.
func (s Stage) String() string { return stageNames[s] }

// MarshalText renders the stage as String does.
func (s Stage) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Stage) UnmarshalText(text []byte) error { return unmarshalName(s, stageNames[:], text) }

// Step is one stage's word.
type Step struct {
	// Stage says which stage speaks.
	Stage Stage `json:"stage"`
	// Verdict is the stage's verdict.
	Verdict Verdict `json:"verdict"`
	// Reason names the kind of rule that settled the stage.
	Reason Reason `json:"reason"`
	// Rule is the very rule: an address range, an endpoint, a role assignment, a setting.
	Rule string `json:"rule,omitempty"`
}

// Decision is the answer to a request: a verdict, and the steps that led to it. The zero Decision denies.
type Decision struct {
	// Verdict is the outcome.
	Verdict Verdict
	// Revision is that of the snapshot which decided.
	Revision int64

	steps   [4]Step
	count   uint8
	settled uint8 // index of the step that settled the verdict
}

// Steps returns what each stage said, in order. Stages after the one that refused did not speak.
func (d Decision) Steps() []Step { return append([]Step(nil), d.steps[:d.count]...) }

// Settled returns the step that settled the verdict: the one that refused, or the last that allowed.
func (d Decision) Settled() Step { return d.steps[d.settled] }

// Stage returns the stage that settled the verdict.
func (d Decision) Stage() Stage { return d.steps[d.settled].Stage }

// Reason returns the reason of the step that settled the verdict.
func (d Decision) Reason() Reason { return d.steps[d.settled].Reason }

// Then adds a step, such as a resource rule that only the registry's content can tell, and lets it settle the
// verdict. A decision that already refuses stays as it is. There is room for one such step: a later one takes the
// place of one that allowed, so that no refusal is ever lost.
func (d Decision) Then(s Step) Decision {
	if d.Verdict != Allow {
		return d
	}
	d.count = min(d.count, uint8(len(d.steps)-1))
	d.add(s)
	return d
}

func (d *Decision) add(s Step) {
	d.steps[d.count] = s
	d.settled = d.count
	d.count++
	d.Verdict = s.Verdict
}
