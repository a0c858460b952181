package tasks

import (
	"context"
	"sync"

	"github.com/acrlocal/acrlocal/emulator/internal/tasks/taskfile"
)

// maxParallel is how many steps of a run go on at once.
const maxParallel = 32

// walkGraph does the steps of a task, each once those that it is after are done. The first error ends the others, and is
// returned when all have ended.
func walkGraph(ctx context.Context, steps []taskfile.Step, do func(ctx context.Context, i int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	done := make([]chan struct{}, len(steps))
	for i := range done {
		done[i] = make(chan struct{})
	}
	var all sync.WaitGroup
	slots := make(chan struct{}, maxParallel)
	for i := range steps {
		all.Go(func() {
			for _, before := range steps[i].After {
				select {
				case <-done[before]:
				case <-ctx.Done():
					return
				}
			}
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
			case <-ctx.Done():
				return
			}
			if err := do(ctx, i); err != nil {
				stop(err)
				return
			}
			close(done[i])
		})
	}
	all.Wait()
	return context.Cause(ctx)
}
