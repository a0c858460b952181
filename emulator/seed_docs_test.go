package emulator

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// seedDocs is the page about seeds.
func seedDocs(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "seed.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var example = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

// TestSeedDocsExamples loads each example of the page by itself, and all together.
func TestSeedDocsExamples(t *testing.T) {
	var all []Seed
	for i, match := range example.FindAllStringSubmatch(seedDocs(t), -1) {
		f := Seed{Name: fmt.Sprintf("example %d", i+1), Data: []byte(match[1])}
		if _, err := readSeeds([]Seed{f}); err != nil {
			t.Error(err)
		}
		all = append(all, f)
	}
	if len(all) < len(sections) {
		t.Errorf("the page has %d examples for %d sections", len(all), len(sections))
	}
	if _, err := readSeeds(all); err != nil {
		t.Error(err)
	}
}

// TestSeedDocsSections: each section has its chapter.
func TestSeedDocsSections(t *testing.T) {
	text := seedDocs(t)
	for _, s := range sections {
		if !strings.Contains(text, "\n## "+s.name+"\n") {
			t.Errorf("the page does not tell of %s", s.name)
		}
	}
}

// TestSeedDocsQuirks: the page's table of quirks is the program's.
func TestSeedDocsQuirks(t *testing.T) {
	table := "| quirk | values | where | meaning |\n|---|---|---|---|\n"
	for _, q := range quirks {
		where := "all or one"
		if q.whole {
			where = "all"
		}
		table += fmt.Sprintf("| `%s` | %s | %s | %s |\n", q.name, q.values, where, q.meaning)
	}
	if !strings.Contains(seedDocs(t), "\n"+table+"\n") {
		t.Errorf("the page should have\n%s", table)
	}
}
