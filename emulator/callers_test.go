package emulator

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/identity"
)

// TestKnownTokens: that a token was believed before makes it good for no other service, in no other spelling, not after
// its end, and not when its principal is gone.
func TestKnownTokens(t *testing.T) {
	var later atomic.Int64
	e := start(t, Options{Now: func() time.Time { return time.Now().Add(time.Duration(later.Load())) }})
	arm, graph := e.newCallers(identity.ARM, identity.ClassicARM), e.newCallers(identity.Graph)
	made, err := e.Token(t.Context(), TokenRequest{From: worker, Audience: identity.ARM})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(c *callers, token string) (string, error) {
		return c.holder(request(t, http.MethodGet, "https://management.azure.com/subscriptions", "", "Authorization", "Bearer "+token))
	}
	holder, err := ask(arm, made.Token)
	if again, errAgain := ask(arm, made.Token); err != nil || errAgain != nil || holder == "" || again != holder || arm.known.Len() != 1 {
		t.Fatalf("%q, %v; again %q, %v; %d tokens known", holder, err, again, errAgain, arm.known.Len())
	}

	for _, row := range []struct {
		name   string
		callee *callers
		token  string
		later  time.Duration
		code   identity.Code
	}{
		{"at another service", graph, made.Token, 0, identity.AudienceWrong},
		{"in another spelling", arm, made.Token + "=", 0, identity.CredentialMalformed},
		{"after its end", arm, made.Token, 25 * time.Hour, identity.Expired},
	} {
		later.Store(int64(row.later))
		holder, err := ask(row.callee, row.token)
		if refused, ok := errors.AsType[*identity.VerifyError](err); !ok || refused.Code != row.code || holder != "" {
			t.Errorf("%s: %q, %v; want %s", row.name, holder, err, row.code)
		}
	}

	later.Store(0)
	if _, err := ask(arm, made.Token); err != nil {
		t.Fatal(err)
	}
	e.arms(t, http.MethodDelete, workerID, nil)
	if holder, err := ask(arm, made.Token); err == nil || holder != "" {
		t.Errorf("its principal is gone: %q, %v", holder, err)
	}
}
