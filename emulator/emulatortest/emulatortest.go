// Package emulatortest runs an emulator inside a test: start it, act from a place, and say what must be allowed or
// denied, and why.
//
//	e := emulatortest.Start(t, "")
//	e.At("containerGroups/worker").MustPull("myregistry.azurecr.io/hello:v1")
//	e.At("sites/shop").MustDeny("myregistry.azurecr.io/hello:v1", gate.NotATrustedService)
//
// The emulator's own methods are there too: ARM calls Resource Manager, which queues the runs of tasks as well. For runs and
// container groups that start containers, the emulator starts the test's binary again, and has to be told that it may:
//
//	func TestMain(m *testing.M) {
//		if code, handled := emulator.Main(os.Args); handled {
//			os.Exit(code)
//		}
//		os.Exit(m.Run())
//	}
//
//	e := emulatortest.StartWith(t, emulator.Options{Executable: os.Args[0]})
package emulatortest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/acrlocal/acrlocal/emulator"
	"github.com/acrlocal/acrlocal/gate"
)

// Emulator is an emulator that ends with its test.
type Emulator struct {
	*emulator.Emulator
	// Clock is the emulator's clock. It stands still until it is moved. What services wait for, such as the next time of a
	// schedule, they wait for on the machine's clock all the same. An emulator that was given a clock has none of the
	// test's: nil.
	Clock *Clock

	t testing.TB
}

// Clock is a clock that a test moves.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now returns the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock forward.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Start starts an emulator on free ports with a seed, or with the sample environment if the seed is empty.
func Start(t testing.TB, seed string) *Emulator {
	t.Helper()
	o := emulator.Options{}
	if seed != "" {
		o.Seeds = []emulator.Seed{{Name: "seed.yaml", Data: []byte(seed)}}
	}
	return StartWith(t, o)
}

// StartWith starts an emulator with options of the test's own. The addresses are free ports whatever they say; a clock
// and a state directory are the test's unless the options have them.
func StartWith(t testing.TB, o emulator.Options) *Emulator {
	t.Helper()
	var clock *Clock
	if o.Now == nil {
		clock = &Clock{now: time.Now().Truncate(time.Second)}
		o.Now = clock.Now
	}
	o.Listen, o.Manage = "127.0.0.1:0", "127.0.0.1:0"
	if o.State == "" {
		o.State = t.TempDir()
	}
	e, err := emulator.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &Emulator{Emulator: e, Clock: clock, t: t}
}

// Reset goes back to the start-up state.
func (e *Emulator) Reset() {
	e.t.Helper()
	if err := e.Emulator.Reset(context.Background()); err != nil {
		e.t.Fatal(err)
	}
}

// Place is a place of the imagined network, with the identity that asks from there. It is an http.RoundTripper.
type Place struct {
	*emulator.Session
	e    *Emulator
	name string
}

// At returns a place: an address, a resource ID or the tail of one. Its own identity asks.
func (e *Emulator) At(place string) *Place {
	e.t.Helper()
	return e.session(place, "")
}

// As returns the same place with another principal asking; "anonymous" is nobody.
func (p *Place) As(principal string) *Place {
	p.e.t.Helper()
	return p.e.session(p.name, principal)
}

func (e *Emulator) session(place, as string) *Place {
	e.t.Helper()
	s, err := e.Session(place, as)
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(s.Close)
	return &Place{Session: s, e: e, name: place}
}

// Options are what go-containerregistry needs to act from the place. A refused login fails the test.
func (p *Place) Options(loginServer string) []remote.Option {
	p.e.t.Helper()
	options, err := p.Session.Options(p.e.t.Context(), loginServer)
	if err != nil {
		p.e.t.Fatalf("login to %s from %s: %v\n%s", loginServer, p.name, err, p.explain())
	}
	return options
}

// MustPull fails the test unless the place may pull the image.
func (p *Place) MustPull(reference string) v1.Image {
	p.e.t.Helper()
	image, err := p.Pull(p.e.t.Context(), reference)
	if err != nil {
		p.e.t.Fatalf("pull %s from %s: %v\n%s", reference, p.name, err, p.explain())
	}
	return image
}

// MustPush fails the test unless the place may push the image.
func (p *Place) MustPush(reference string, image v1.Image) {
	p.e.t.Helper()
	if err := p.Push(p.e.t.Context(), reference, image); err != nil {
		p.e.t.Fatalf("push %s from %s: %v\n%s", reference, p.name, err, p.explain())
	}
}

// MustDeny fails the test unless a pull from the place is refused, for that reason.
func (p *Place) MustDeny(reference string, reason gate.Reason) {
	p.e.t.Helper()
	_, err := p.Pull(p.e.t.Context(), reference)
	p.mustBe(err, reason, "pull "+reference)
}

// MustDenyPush fails the test unless a push from the place is refused, for that reason.
func (p *Place) MustDenyPush(reference string, image v1.Image, reason gate.Reason) {
	p.e.t.Helper()
	p.mustBe(p.Push(p.e.t.Context(), reference, image), reason, "push "+reference)
}

func (p *Place) mustBe(err error, reason gate.Reason, what string) {
	p.e.t.Helper()
	if err == nil {
		p.e.t.Fatalf("%s from %s was allowed; it should be refused: %s", what, p.name, reason)
	}
	d, refused := p.Refused()
	if !refused {
		p.e.t.Fatalf("%s from %s failed, but the gate did not refuse it; it should: %s: %v", what, p.name, reason, err)
	}
	if d.Reason != reason {
		p.e.t.Fatalf("%s from %s was refused for %q, not for %q: %v\n%s", what, p.name, d.Reason, reason, err, p.explain())
	}
}

// explain renders the steps of the last refusal.
func (p *Place) explain() string {
	d, ok := p.Refused()
	if !ok {
		return "the gate refused nothing"
	}
	text := fmt.Sprintf("decision %s: %s\n", d.ID, d.Why)
	for _, s := range d.Steps {
		text += fmt.Sprintf("  %-14s %-9s %s (%s)\n", s.Stage, s.Verdict, s.Reason, s.Rule)
	}
	return text
}
