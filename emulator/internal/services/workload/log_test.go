package workload

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func newLog() *Log {
	at := time.Unix(1_800_000_000, 0)
	return &Log{Now: func() time.Time {
		at = at.Add(time.Second)
		return at
	}}
}

func TestLogLines(t *testing.T) {
	for _, c := range []struct {
		name   string
		writes []string
		tail   int
		times  bool
		want   string
	}{
		{"nothing", nil, 0, true, ""},
		{"all", []string{"a\nb\n"}, 0, false, "a\nb\n"},
		{"a line in pieces", []string{"a", "b", "c\nd"}, 1, false, "d"},
		{"the last lines", []string{"a\nb\nc\n"}, 2, false, "b\nc\n"},
		{"more than there are", []string{"a\n"}, 9, false, "a\n"},
		{"fewer than none", []string{"a\nb\n"}, -1, false, "a\nb\n"},
		{"times", []string{"a\n", "b"}, 0, true, "2027-01-15T08:00:01Z a\n2027-01-15T08:00:02Z b"},
		{"a time is that of the beginning", []string{"a", "b\n"}, 0, true, "2027-01-15T08:00:01Z ab\n"},
		{"empty lines", []string{"\n\n"}, 1, false, "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLog()
			for _, text := range c.writes {
				_, _ = l.Write([]byte(text))
			}
			if got := l.Text(c.tail, c.times); got != c.want {
				t.Errorf("%q; want %q", got, c.want)
			}
		})
	}
}

// TestLogBounds prints more than is kept: many lines, and one without end.
func TestLogBounds(t *testing.T) {
	for name, line := range map[string]string{"lines": "one more line\n", "short lines": "\n", "no line": strings.Repeat("x", 1000), "long lines": strings.Repeat("y", 40_000) + "\n"} {
		t.Run(name, func(t *testing.T) {
			l := newLog()
			for i := range 4 * maxLog / (len(line) + lineCost) {
				_, _ = fmt.Fprintf(l, "%d%s", i, line)
			}
			text := l.Text(0, false)
			kept := len(text) + lineCost*strings.Count(text, "\n")
			if kept > maxLog+lineCost || kept < maxLog-2*maxLine || !strings.HasSuffix(text, line[max(0, len(line)-100):]) {
				t.Errorf("%d bytes are kept, ending in %q", len(text), text[max(0, len(text)-20):])
			}
			if longest := len(l.Text(1, false)); longest > maxLine {
				t.Errorf("a line of %d bytes", longest)
			}
			l.Reset()
			if l.Text(0, false) != "" {
				t.Error("it forgets nothing")
			}
		})
	}
}
