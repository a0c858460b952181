package tasks

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/blob"
)

const (
	maxLine   = 16 << 10 // bytes of a line that is held back until it ends
	maxLog    = 64 << 20 // bytes of a log
	minSecret = 3        // bytes of a secret that is hidden; what is shorter is in every line
	hidden    = "***"
)

// runLog is the log of a run: an append blob whose lines end with CRLF, without the secrets of the run (acr-tasks §1.6).
// Lines are there as soon as they end.
type runLog struct {
	blobs *blob.Store
	ref   blob.Ref
	now   func() time.Time

	mu      sync.Mutex
	secrets []string // the longest first, since one may be a part of another
	written int
	failed  error
}

func newLog(blobs *blob.Store, ref blob.Ref, now func() time.Time) (*runLog, error) {
	return &runLog{blobs: blobs, ref: ref, now: now}, blobs.Create(ref)
}

// hide keeps secrets out of everything that is written from now on.
func (l *runLog) hide(secrets ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range secrets {
		for line := range strings.Lines(s) {
			if line = strings.TrimRight(line, "\r\n"); len(line) >= minSecret {
				l.secrets = append(l.secrets, line)
			}
		}
	}
	slices.SortFunc(l.secrets, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
}

// printf writes a line of acb's own, with the time before it.
func (l *runLog) printf(format string, args ...any) {
	l.print(l.now().UTC().Format("2006/01/02 15:04:05 ") + fmt.Sprintf(format, args...))
}

// print writes lines.
func (l *runLog) print(text string) { l.append([]byte(text + "\n")) }

// append writes whole lines.
func (l *runLog) append(lines []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed != nil || l.written >= maxLog {
		return
	}
	for _, s := range l.secrets {
		lines = bytes.ReplaceAll(lines, []byte(s), []byte(hidden))
	}
	lines = bytes.ReplaceAll(lines, []byte("\r\n"), []byte("\n"))
	lines = bytes.ReplaceAll(lines, []byte("\n"), []byte("\r\n"))
	if l.written += len(lines); l.written >= maxLog {
		lines = []byte("The log is longer than it may be; what follows is left out.\r\n")
	}
	l.failed = l.blobs.Append(l.ref, lines)
}

// finish writes the last line and says how the run ended, which ends the stream of whoever reads along.
func (l *runLog) finish(last, how string) error {
	l.mu.Lock()
	l.written = min(l.written, maxLog/2) // the last line has room
	l.mu.Unlock()
	l.print(last)
	if err := l.blobs.SetMetadata(l.ref, map[string]string{"Complete": how}); err != nil {
		return err
	}
	return l.failed
}

// stream takes the output of one step, and keeps its lines whole among those of others. Close writes what is left.
func (l *runLog) stream() io.WriteCloser { return &stream{log: l} }

type stream struct {
	log *runLog
	mu  sync.Mutex
	buf []byte
}

// Write takes a part of the output.
func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf = append(s.buf, p...)
	if end := bytes.LastIndexByte(s.buf, '\n') + 1; end > 0 {
		s.log.append(s.buf[:end])
		s.buf = append(s.buf[:0], s.buf[end:]...)
	}
	if len(s.buf) > maxLine {
		s.flush()
	}
	return len(p), nil
}

// Close ends the last line.
func (s *stream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flush()
	return nil
}

func (s *stream) flush() {
	if len(s.buf) > 0 {
		s.log.append(append(s.buf, '\n'))
		s.buf = s.buf[:0]
	}
}
