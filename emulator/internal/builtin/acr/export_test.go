package acr

import (
	"context"
	"net/http"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/builtin/program"
)

// RunAt runs the program at a place, by a clock.
func RunAt(ctx context.Context, p program.Process, place http.RoundTripper, now func() time.Time) int {
	return run(ctx, &session{Process: p, http: place, now: now, after: time.After})
}
