package tasks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/tasks/taskfile"
)

// stepTimes are when steps began and ended.
type stepTimes struct {
	sync.Mutex
	begun, ended map[int]time.Time
}

// walk does the steps, and says then what became of them.
func (r *run) walk(ctx context.Context) error {
	times := stepTimes{begun: map[int]time.Time{}, ended: map[int]time.Time{}}
	steps := r.task.Steps
	err := walkGraph(ctx, steps, func(ctx context.Context, i int) error {
		times.note(times.begun, i, r.s.Cloud.Now())
		err := r.step(ctx, &steps[i])
		times.note(times.ended, i, r.s.Cloud.Now())
		return r.settle(&steps[i], err)
	})
	if err != nil {
		return err
	}
	for i := range steps {
		r.log.printf("Step ID: %s marked as successful (elapsed time in seconds: %f)", steps[i].ID, times.ended[i].Sub(times.begun[i]).Seconds())
		if steps[i].Build != nil {
			r.log.printf("Populating digests for step ID: %s...", steps[i].ID)
			r.log.printf("Successfully populated digests for step ID: %s", steps[i].ID)
		}
	}
	return nil
}

func (t *stepTimes) note(at map[int]time.Time, i int, now time.Time) {
	t.Lock()
	defer t.Unlock()
	at[i] = now
}

// settle is what the end of a step means for the run.
func (r *run) settle(step *taskfile.Step, err error) error {
	switch {
	case err == nil:
		return nil
	case step.IgnoreErrors:
		r.log.printf("Step ID: %s encountered an error: %v, but is set to ignore errors. Continuing...", step.ID, err)
		return nil
	}
	return fmt.Errorf("failed to run step ID: %s: %w", step.ID, err)
}

// step does one step: as often as it says, in the time that it has.
func (r *run) step(ctx context.Context, step *taskfile.Step) error {
	r.log.printf("Executing step ID: %s. Timeout(sec): %.0f, Working directory: '%s', Network: '%s'", step.ID, step.Timeout.Seconds(), step.WorkingDirectory, step.Network)
	if step.StartDelay > 0 {
		r.log.printf("Waiting %.0f seconds before executing step ID: %s", step.StartDelay.Seconds(), step.ID)
		if err := r.wait(ctx, step.StartDelay); err != nil {
			return err
		}
	}
	ctx, stop := r.s.within(ctx, step.Timeout)
	defer stop()
	err := r.attempts(ctx, step)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// attempts does a step, again where it is to be repeated or retried. A push counts its attempts itself.
func (r *run) attempts(ctx context.Context, step *taskfile.Step) error {
	if len(step.Push) > 0 {
		return r.push(ctx, step.Push)
	}
	if step.Build != nil {
		r.log.printf("Scanning for dependencies...")
	}
	var failures []string
	for range step.Repeat + 1 {
		if err := r.retried(ctx, step); err != nil {
			failures = append(failures, err.Error())
		}
		if ctx.Err() != nil {
			break
		}
	}
	if len(failures) > 0 {
		return errors.New(strings.Join(failures, "\n"))
	}
	return nil
}

// retried does a step once, and again while it fails in a way that is to be tried again.
func (r *run) retried(ctx context.Context, step *taskfile.Step) error {
	for attempt := 0; ; attempt++ {
		again, err := r.attempt(ctx, step)
		switch {
		case err == nil:
			r.log.printf("Successfully executed container: %s", step.ID)
			return nil
		case ctx.Err() != nil:
			return err
		case attempt >= step.Retries, !again:
			r.log.printf("Container failed during run: %s. No retries remaining.", step.ID)
			return err
		}
		r.log.printf("Container failed during run: %s, waiting %.0f seconds before retrying...", step.ID, step.RetryDelay.Seconds())
		if err := r.wait(ctx, step.RetryDelay); err != nil {
			return err
		}
	}
}

// attempt does a step once. It reports whether a failure is one that is to be tried again.
func (r *run) attempt(ctx context.Context, step *taskfile.Step) (again bool, err error) {
	out := r.log.stream()
	defer func() { _ = out.Close() }()
	var seen watched
	to := io.Writer(out)
	if len(step.RetryOnErrors) > 0 {
		to = io.MultiWriter(out, &seen)
	}
	if step.Build != nil {
		err = r.build(ctx, step, to)
	} else {
		err = r.command(ctx, step, to)
	}
	return seen.has(step.RetryOnErrors), err
}

// watched keeps the output of an attempt, in which texts are looked for.
type watched struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// maxWatched bounds the output that is kept, in bytes.
const maxWatched = 1 << 20

// Write keeps what there is room for.
func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf.Write(p[:min(len(p), maxWatched-w.buf.Len())])
	return len(p), nil
}

// has reports whether one of the texts was there; any failure will do if there are none.
func (w *watched) has(texts []string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(texts) == 0 || slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(w.buf.String(), text) })
}
