package main

import (
	"bytes"
	"context"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"testing"
)

// TestFromInterrupted: an interrupt, which a terminal sends to the program at the place as well, does not end the program
// from outside; so that a shell or an interpreter there outlives Ctrl-C.
func TestFromInterrupted(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs sh and signals")
	}
	_, manage := start(t)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var out, errs bytes.Buffer
	args := []string{"from", "--manage", manage, "--state", t.TempDir(), "203.0.113.7", "--", "sh", "-c", "kill -INT $PPID; read line; exit $line"}
	code := run(ctx, args, streams{in: afterEnd(ctx, "7\n"), out: &out, err: &errs})
	if code != 7 {
		t.Errorf("exit code %d, want the program's own 7: %s%s", code, &out, &errs)
	}
}

// afterEnd reads as text once ctx has ended.
func afterEnd(ctx context.Context, text string) *waiting {
	return &waiting{ctx, strings.NewReader(text)}
}

type waiting struct {
	ctx  context.Context //nolint:containedctx // it is what is waited for
	text *strings.Reader
}

// Read waits for the context to end.
func (w *waiting) Read(p []byte) (int, error) {
	<-w.ctx.Done()
	return w.text.Read(p)
}
