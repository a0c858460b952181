package gate

import (
	"encoding/json"
	"testing"
)

// TestStepsAsJSON wants every verdict and stage to survive JSON, and a foreign word to be an error that leaves Deny.
func TestStepsAsJSON(t *testing.T) {
	for _, verdict := range []Verdict{Deny, Challenge, Allow} {
		for _, stage := range []Stage{StageNetwork, StageAuthentication, StageAuthorization, StageResource} {
			want := Step{Stage: stage, Verdict: verdict, Reason: IPNotAllowed, Rule: "rule"}
			text, err := json.Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			var got Step
			if err := json.Unmarshal(text, &got); err != nil || got != want {
				t.Errorf("%s became %+v (%v)", text, got, err)
			}
		}
	}
	verdict := Allow
	if err := json.Unmarshal([]byte(`"maybe"`), &verdict); err == nil || verdict != Deny {
		t.Errorf("a foreign verdict was read as %v (%v)", verdict, err)
	}
}
