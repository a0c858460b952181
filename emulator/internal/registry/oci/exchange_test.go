package oci_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/pushes.txt again")

// varying is what differs from run to run: names of uploads and signatures.
var varying = regexp.MustCompile(`[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|_state=[\w%=-]+`)

// TestPushes holds the answers to pushes to their bytes. In testdata/pushes.txt a block is a request, its headers and its body
// after bars, and below it what came back. <at> is the last Location, <bare> the same without its signature; digests are
// <blob>, <layer>, <other>.
func TestPushes(t *testing.T) {
	const path = "testdata/pushes.txt"
	golden, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, nil)
	pushImage(t, f, "known", "v1", "layer", nil)
	var blocks []string
	at := ""
	for block := range strings.SplitSeq(strings.TrimSpace(string(golden)), "\n\n") {
		line, _, _ := strings.Cut(block, "\n")
		part := strings.Split(strings.NewReplacer(
			"<at>", at, "<bare>", strings.Split(at, "?")[0], "<image>", image("layer", nil), "<missing>", image("missing", nil),
			"<blob>", sha("some bytes"), "<long>", longSHA("some bytes"), "<layer>", sha("layer"), "<other>", sha("other"),
		).Replace(line), " | ")
		last := len(part) - 1
		w := do(t, f, part[0], part[last], part[1:max(last, 1)]...)
		if location := w.Header().Get("Location"); w.Code == 202 && location != "" {
			at = location
		}
		blocks = append(blocks, line+"\n"+transcript(w))
	}
	got := []byte(strings.Join(blocks, "\n\n") + "\n")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got, golden) {
		t.Errorf("the answers differ from %s:\n%s", path, got)
	}
}

// transcript is an answer: status, headers in order, body.
func transcript(w *httptest.ResponseRecorder) string {
	lines := []string{fmt.Sprint(w.Code)}
	for _, name := range slices.Sorted(maps.Keys(w.Header())) {
		lines = append(lines, name+": "+strings.Join(w.Header()[name], ", "))
	}
	lines = append(lines, w.Body.String())
	replace := func(s string) string { return map[bool]string{true: "_state=STATE", false: "UUID"}[s[0] == '_'] }
	return strings.TrimSpace(varying.ReplaceAllStringFunc(strings.Join(lines, "\n"), replace))
}
