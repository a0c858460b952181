package workload

import (
	"bytes"
	"strings"
	"sync"
	"time"
)

// The bounds of a log, in bytes: of all that is kept, and of one line; and what a line takes besides its text.
const (
	maxLog   = 1 << 20
	maxLine  = 16 << 10
	lineCost = 64
)

// Log keeps the last of what a container prints, with the time of each line. It is an io.Writer; its methods may be called
// from any number of goroutines.
type Log struct {
	// Now is the clock.
	Now func() time.Time

	mu    sync.Mutex
	lines []line
	size  int
}

// line is a line of a log, with its end if that was printed.
type line struct {
	at   time.Time
	text []byte
}

// Write appends to the log. It never fails.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for rest := p; len(rest) > 0; {
		piece := rest[:min(len(rest), maxLine)]
		if end := bytes.IndexByte(piece, '\n'); end >= 0 {
			piece = piece[:end+1]
		}
		l.add(piece)
		rest = rest[len(piece):]
	}
	return len(p), nil
}

// add puts a piece at the end of the last line if that goes on, and drops the oldest lines if there are too many.
func (l *Log) add(piece []byte) {
	last := len(l.lines) - 1
	if last >= 0 && !bytes.HasSuffix(l.lines[last].text, []byte("\n")) && len(l.lines[last].text)+len(piece) <= maxLine {
		l.lines[last].text = append(l.lines[last].text, piece...)
	} else {
		l.lines = append(l.lines, line{l.Now().UTC(), bytes.Clone(piece)})
		l.size += lineCost
	}
	l.size += len(piece)
	for l.size > maxLog {
		l.size -= len(l.lines[0].text) + lineCost
		l.lines = l.lines[1:]
	}
}

// Reset forgets everything.
func (l *Log) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines, l.size = nil, 0
}

// Text returns the last lines, all for a number below 1, each perhaps with the time at which it began.
func (l *Log) Text(tail int, times bool) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.lines
	if tail > 0 && tail < len(lines) {
		lines = lines[len(lines)-tail:]
	}
	var text strings.Builder
	for _, one := range lines {
		if times {
			text.WriteString(one.at.Format(time.RFC3339Nano) + " ")
		}
		text.Write(one.text)
	}
	return text.String()
}
