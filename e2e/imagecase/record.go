package imagecase

import (
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"
)

// Record writes what a judge said into the case's file.
func (c *Case) Record(v Verdict) error {
	judged := []string{"want", "error", "says"}
	c.archive.Files = slices.DeleteFunc(c.archive.Files, func(f txtar.File) bool { return slices.Contains(judged, f.Name) })
	for i, text := range []string{v.Want, v.Error, v.Says} {
		if text != "" {
			c.archive.Files = append(c.archive.Files, txtar.File{Name: judged[i], Data: []byte(strings.TrimSuffix(text, "\n") + "\n")})
		}
	}
	return os.WriteFile(c.path, txtar.Format(c.archive), 0o644)
}

// Verdict is what a builder made of a case.
type Verdict struct {
	// Want describes the image, Error is what the builder said instead.
	Want, Error string
	// Says is what it said on the way, by [Words].
	Says string
}

// Verdict is what the case says that a builder must make of it.
func (c *Case) Verdict() Verdict { return Verdict{Want: c.Want, Error: c.Error, Says: c.Says} }

var shortID = regexp.MustCompile(`\b[0-9a-f]{12}\b`)

// Words is the output of a builder without what differs each time. Lines that end in a space lose it, as editors want it.
func Words(output string) string {
	var all strings.Builder
	for line := range strings.Lines(shortID.ReplaceAllString(strings.ReplaceAll(output, "\r", ""), "ID")) {
		if line = strings.TrimRight(line, " \n"); line != "" {
			all.WriteString(line + "\n")
		}
	}
	return all.String()
}
