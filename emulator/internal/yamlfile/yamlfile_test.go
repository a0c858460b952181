package yamlfile

import (
	"errors"
	"strings"
	"testing"

	"github.com/goccy/go-yaml/parser"
)

var limits = Limits{Marks: 100, Entries: 10, Documents: 3, Depth: 5}

// TestParse takes what is within the limits, and says where it is not.
func TestParse(t *testing.T) {
	for name, row := range map[string]struct {
		text string
		line int // 0: it is fine
	}{
		"nothing":            {"", 0},
		"a mapping":          {"a: b\nc: [d, {e: f}]\n", 0},
		"entries":            {strings.Repeat("k: v\n", 11), 11},
		"entries below":      {"a:\n" + strings.Repeat("  k: v\n", 11), 12},
		"items are not keys": {strings.Repeat("- a\n", 30), 0},
		"marks":              {"\n\n[" + strings.Repeat("a,", 200), 3},
		"documents":          {strings.Repeat("---\na: b\n", 4), 7},
		"depth in brackets":  {"a:\n  " + strings.Repeat("[", 9), 2},
		"depth in blocks":    {"a:\n b:\n  c:\n   d:\n    e:\n     f: g\n", 6},
		"depth in a line":    {strings.Repeat("- ", 9) + "a", 1},
		"depth of anchors":   {strings.Repeat("&a ", 9) + "a", 1},
		"not closed":         {"a: b\nc: [d\n", 2},
		"a tab":              {"a:\n\t- b\n", 2},
	} {
		_, err := Parse(row.text, limits, parser.AllowDuplicateMapKey())
		var at *Error
		if row.line == 0 && err != nil || row.line > 0 && (!errors.As(err, &at) || at.Line != row.line) {
			t.Errorf("%s: got %v, want line %d", name, err, row.line)
		}
	}
}

// TestDuplicates are the parser's business: they are refused unless it is told otherwise.
func TestDuplicates(t *testing.T) {
	if _, err := Parse("a: b\na: c\n", limits); err == nil {
		t.Error("a key that is there twice was accepted")
	}
}

// FuzzParse reads anything, and every refusal has a place in the file.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"a: b", "- [a, {b: c}]", "&a *a", "a: |\n  b", "---\n...", "? a\n: b", "'\"", "!!str a"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, err := Parse(text, limits)
		var at *Error
		if errors.As(err, &at) && (at.Line < 1 || at.Line > strings.Count(text, "\n")+strings.Count(text, "\r")+2) {
			t.Errorf("%q: %v", text, err)
		}
	})
}
