package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/acrlocal/acrlocal/emulator"
	"github.com/acrlocal/acrlocal/gate"
)

type demoCommand struct {
	Plain bool `help:"No colours."`
}

// Run plays every act and fails if a row surprises.
func (c *demoCommand) Run(ctx context.Context, io streams) error {
	state, err := os.MkdirTemp("", "acrlocal-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(state)
	d := &demo{out: io.out, colours: !c.Plain && isTerminal(io.out), state: state}
	defer d.close()
	started := time.Now()
	for _, act := range acts() {
		if err := d.play(ctx, act); err != nil {
			return err
		}
	}
	d.printf("\n%d rows, %d as expected, in %.1f s\n", d.rows, d.rows-d.surprises, time.Since(started).Seconds())
	if d.surprises > 0 {
		return fmt.Errorf("%d of %d rows surprised", d.surprises, d.rows)
	}
	return nil
}

// demo plays acts on an emulator and prints a table that fills while it runs.
type demo struct {
	out             io.Writer
	colours         bool
	state           string
	e               *emulator.Emulator
	rows, surprises int
}

func (d *demo) printf(format string, args ...any) { fmt.Fprintf(d.out, format, args...) }

func (d *demo) play(ctx context.Context, a act) error {
	if a.behavior != "" {
		if err := d.start(ctx, a.behavior); err != nil {
			return err
		}
	}
	d.printf("\n%s\n", d.bold(a.title))
	for _, c := range a.change {
		d.printf("  $ %s\n", c.command)
		if err := d.apply(ctx, c); err != nil {
			return err
		}
	}
	for _, r := range a.rows {
		if err := d.row(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// start ends the last emulator and starts one with a behaviour, on free ports and with keys of its own.
func (d *demo) start(ctx context.Context, b gate.Behavior) error {
	d.close()
	var err error
	d.e, err = emulator.New(emulator.Options{
		Listen: "127.0.0.1:0", Manage: "127.0.0.1:0", State: d.state, Behavior: b, Version: version,
	})
	if err != nil {
		return err
	}
	return d.e.Start(ctx)
}

func (d *demo) close() {
	if d.e != nil {
		_ = d.e.Close()
	}
}

// apply makes the ARM call. A principal in braces is a place, whose identity is looked up.
func (d *demo) apply(ctx context.Context, c change) error {
	body, ok := c.body.(map[string]any)
	if !ok {
		return fmt.Errorf("%s has no body", c.command)
	}
	if properties, ok := body["properties"].(map[string]any); ok {
		if name, ok := properties["principalId"].(string); ok {
			place, err := d.e.Place(ctx, strings.Trim(name, "{}"), "")
			if err != nil {
				return err
			}
			properties["principalId"] = place.Principal
		}
	}
	return d.e.ARM(ctx, c.method, c.id, body, nil)
}

// row makes one attempt and prints what came of it.
func (d *demo) row(ctx context.Context, r row) error {
	s, err := d.e.Session(r.place, r.as)
	if err != nil {
		return err
	}
	defer s.Close()
	what, reference := "pull", r.registry+".azurecr.io/hello:v1"
	if r.push {
		what, reference = "push", fmt.Sprintf("%s.azurecr.io/demo:row%d", r.registry, d.rows)
		err = pushNew(ctx, s, reference)
	} else {
		_, err = s.Pull(ctx, reference)
	}
	got := outcome(d.e, s, r, err)
	d.rows++
	mark := d.colour(32, "ok")
	if !got.expected {
		d.surprises++
		mark = d.colour(31, "SURPRISE")
	}
	d.printf("  %-34s %-36s %-4s %-11s expected %-9s %-9s %-35s %s\n", r.who, r.place, what, r.registry, r.verdict, got.verdict, got.reason, mark)
	if got.why != "" {
		d.printf("      %s\n", got.why)
	}
	return nil
}

// pushNew pushes an image that the registry cannot have yet: a client does not push what is there.
func pushNew(ctx context.Context, s *emulator.Session, reference string) error {
	image, err := emulator.HelloImage("pushed as " + reference + "\n")
	if err != nil {
		return err
	}
	return s.Push(ctx, reference, image)
}

// result is what came of an attempt.
type result struct {
	verdict  gate.Verdict
	reason   gate.Reason
	why      string
	expected bool
}

// outcome compares what the client saw, and what the gate says of it, with what the row expects. The reason of an
// allowed attempt is the one for which the network let it in.
func outcome(e *emulator.Emulator, s *emulator.Session, r row, err error) result {
	got := result{verdict: gate.Allow}
	if err != nil {
		refused, ok := s.Refused()
		if !ok {
			return result{why: err.Error()}
		}
		got.verdict, got.reason, got.why = refused.Verdict, refused.Reason, refused.Why
	} else {
		last := e.Decisions(1, func(d emulator.DecisionEntry) bool { return d.Verdict == gate.Allow })
		if len(last) == 1 && len(last[0].Steps) > 0 {
			got.reason = last[0].Steps[0].Reason
		}
	}
	got.expected = got.verdict == r.verdict && got.reason == r.reason
	return got
}

func (d *demo) bold(s string) string { return d.colour(1, s) }

func (d *demo) colour(code int, s string) string {
	if !d.colours {
		return s
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", code, s)
}

// isTerminal reports whether the output is a screen.
func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
