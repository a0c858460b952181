package emulatortest_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/acrlocal/acrlocal/emulator"
	"github.com/acrlocal/acrlocal/emulator/emulatortest"
	"github.com/acrlocal/acrlocal/gate"
)

const (
	hello      = "myregistry.azurecr.io/hello:v1"
	myregistry = "/subscriptions/acac10ca-2000-4000-8000-000000000001/resourceGroups/acrlocal/providers/Microsoft.ContainerRegistry/registries/myregistry"
)

func newImage(t testing.TB) v1.Image {
	t.Helper()
	image, err := random.Image(512, 2)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// TestTheArticle is README's example, and the rest of the story: who gets in, who stays out, and the switch.
func TestTheArticle(t *testing.T) {
	e := emulatortest.Start(t, "")
	worker, image := e.At("containerGroups/worker"), newImage(t)
	worker.MustPull(hello)
	e.At("sites/shop").MustDeny(hello, gate.NotATrustedService)
	e.At("203.0.113.7").As("tasks/nightly").MustPush("myregistry.azurecr.io/app:v1", image)
	worker.MustDenyPush("myregistry.azurecr.io/app:v2", image, gate.RoleLacksAction)
	worker.As("anonymous").MustDeny(hello, gate.IPNotAllowed)

	off := map[string]any{"properties": map[string]any{"networkRuleBypassOptions": "None"}}
	if err := e.ARM(t.Context(), http.MethodPatch, myregistry, off, nil); err != nil {
		t.Fatal(err)
	}
	worker.MustDeny(hello, gate.BypassOff)

	e.Reset()
	worker.MustPull(hello)
	if _, err := worker.Pull(t.Context(), "myregistry.azurecr.io/app:v1"); err == nil {
		t.Error("what was pushed outlives the reset")
	}
}

// TestSeed: a suite brings the environment that it needs.
func TestSeed(t *testing.T) {
	e := emulatortest.Start(t, `
resources:
  - {type: Microsoft.ContainerRegistry/registries, name: lonely, sku: {name: Standard}}
images:
  - {registry: lonely, reference: "hello:v1"}
`)
	e.At("192.0.2.1").MustDeny("lonely.azurecr.io/hello:v1", gate.CredentialMissing)
	e.At("192.0.2.1").As("acac10ca-3000-4000-8000-000000000001").MustPull("lonely.azurecr.io/hello:v1")
}

// TestOptions: the place is an option of go-containerregistry, for what there is no Must for.
func TestOptions(t *testing.T) {
	e := emulatortest.Start(t, "")
	options := e.At("containerGroups/worker").Options("myregistry.azurecr.io")
	repository, err := name.NewRepository("myregistry.azurecr.io/hello")
	if err != nil {
		t.Fatal(err)
	}
	tags, err := remote.List(repository, options...)
	if err != nil || len(tags) != 1 || tags[0] != "v1" {
		t.Errorf("tags %v, %v", tags, err)
	}
}

// TestClock: time stands still until the test moves it, and tokens expire by it (acr-behaviour §4.6).
func TestClock(t *testing.T) {
	e := emulatortest.Start(t, "")
	before := e.Clock.Now()
	owner := e.At("203.0.113.7").As("acac10ca-3000-4000-8000-000000000001")
	options := owner.Options("myregistry.azurecr.io")
	ref, err := name.ParseReference(hello)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Head(ref, options...); err != nil {
		t.Fatal(err)
	}
	if now := e.Clock.Now(); !now.Equal(before) {
		t.Errorf("the clock went from %s to %s by itself", before, now)
	}
	e.Clock.Advance(24 * time.Hour)
	if _, err := remote.Head(ref, options...); err == nil {
		t.Error("a refresh token is good for ever")
	}
	last := e.Decisions(1, func(d emulator.DecisionEntry) bool { return d.Verdict != gate.Allow })
	if len(last) != 1 || last[0].Reason != gate.Expired {
		t.Errorf("%+v", last)
	}
	owner.MustPull(hello)
}

// TestClockOfTheCaller: a clock that the options have is the emulator's, and the test has no other to move.
func TestClockOfTheCaller(t *testing.T) {
	then := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	e := emulatortest.StartWith(t, emulator.Options{Now: func() time.Time { return then }})
	if e.Clock != nil {
		t.Errorf("the test was given a clock of %s", e.Clock.Now())
	}
	e.At("containerGroups/worker").MustPull(hello)
	last := e.Decisions(1, func(emulator.DecisionEntry) bool { return true })
	if len(last) != 1 || !last[0].TimeGenerated.Equal(then) {
		t.Errorf("decided at another time than %s: %+v", then, last)
	}
}

// failing is a test that keeps what it is told instead of failing.
type failing struct {
	testing.TB
	text string
}

func (f *failing) Helper() {}

func (f *failing) Fatal(args ...any) { f.stop(fmt.Sprint(args...)) }

func (f *failing) Fatalf(format string, args ...any) { f.stop(fmt.Sprintf(format, args...)) }

// stop ends the goroutine, as a test's does.
func (f *failing) stop(text string) {
	f.text = text
	runtime.Goexit()
}

// TestFailures: what a test that fails says, which is why.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(*emulatortest.Emulator)
		says []string
	}{
		{
			"a pull that is refused", func(e *emulatortest.Emulator) { e.At("sites/shop").MustPull(hello) },
			[]string{"pull " + hello + " from sites/shop", "decision ", "network", "deny", "not-a-trusted-service", "is not on the list"},
		},
		{
			"a push that is refused",
			func(e *emulatortest.Emulator) { e.At("containerGroups/worker").MustPush(hello, newImage(t)) },
			[]string{"push " + hello, "network        allow     trusted-service", "authentication allow", "authorization  deny      role-lacks-action"},
		},
		{
			"a pull that is allowed", func(e *emulatortest.Emulator) { e.At("containerGroups/worker").MustDeny(hello, gate.BypassOff) },
			[]string{"was allowed", "bypass-off"},
		},
		{
			"another reason", func(e *emulatortest.Emulator) { e.At("sites/shop").MustDeny(hello, gate.BypassOff) },
			[]string{`refused for "not-a-trusted-service", not for "bypass-off"`, "network"},
		},
		{
			"an image that does not exist is not refused by the gate",
			func(e *emulatortest.Emulator) {
				e.At("containerGroups/worker").MustDeny("myregistry.azurecr.io/none:v1", gate.CredentialMissing)
			},
			[]string{"failed, but the gate did not refuse it", "credential-missing", "NAME_UNKNOWN"},
		},
		{
			"a refusal that came before does not count",
			func(e *emulatortest.Emulator) {
				p := e.At("sites/shop")
				p.MustDeny(hello, gate.NotATrustedService)
				p.MustDeny("::", gate.NotATrustedService)
			},
			[]string{"failed, but the gate did not refuse it"},
		},
		{
			"a login that is refused", func(e *emulatortest.Emulator) { e.At("sites/shop").Options("myregistry.azurecr.io") },
			[]string{"login to myregistry.azurecr.io from sites/shop", "not-a-trusted-service"},
		},
		{
			"a place that does not exist", func(e *emulatortest.Emulator) { e.At("containerGroups/wroker").MustPull(hello) },
			[]string{"containerGroups/worker"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := failure(t, func(f testing.TB) { c.do(emulatortest.Start(f, "")) })
			for _, want := range c.says {
				if !strings.Contains(text, want) {
					t.Errorf("%q does not say %q", text, want)
				}
			}
		})
	}
	if text := failure(t, func(f testing.TB) { emulatortest.Start(f, "resources: 5") }); !strings.Contains(text, "seed.yaml:1") {
		t.Errorf("a seed that is wrong: %q", text)
	}
}

// failure is what a test says when it fails, in a goroutine of its own, which that ends.
func failure(t *testing.T, test func(testing.TB)) string {
	t.Helper()
	f, done := &failing{TB: t}, make(chan struct{})
	go func() {
		defer close(done)
		test(f)
	}()
	<-done
	return f.text
}
