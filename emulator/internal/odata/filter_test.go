package odata

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func is(op, path string, values ...any) *Filter { return &Filter{Op: op, Path: path, Values: values} }

func of(op string, parts ...*Filter) *Filter { return &Filter{Op: op, Parts: parts} }

// TestParse reads what clients write.
func TestParse(t *testing.T) {
	for text, want := range map[string]*Filter{
		"name eq 'a'":                       is("eq", "name", "a"),
		"name EQ 'it''s'":                   is("eq", "name", "it's"),
		"identity/principalId ne 'x'":       is("ne", "identity/principalId", "x"),
		"accountEnabled eq true":            is("eq", "accountEnabled", true),
		"mail eq null":                      is("eq", "mail", nil),
		"time ge 2026-11-23T10:00:00Z":      is("ge", "time", "2026-11-23T10:00:00Z"),
		"id in ('a', 'b')":                  is("in", "id", "a", "b"),
		"atScope()":                         {Op: Call, Name: "atscope"},
		"assignedTo('x')":                   {Op: Call, Name: "assignedto", Values: []any{"x"}},
		"startswith(displayName, 'a')":      {Op: Call, Name: "startswith", Path: "displayName", Values: []any{"a"}},
		"substringof('a', name)":            {Op: Call, Name: "substringof", Path: "name", Values: []any{"a"}},
		"startswith(name,'a') eq false":     of(Not, &Filter{Op: Call, Name: "startswith", Path: "name", Values: []any{"a"}}),
		"names/any(c:c eq 'x')":             {Op: Any, Path: "names", Name: "c", Parts: []*Filter{is("eq", "c", "x")}},
		"a eq '1' and b eq '2' or c eq '3'": of(Or, of(And, is("eq", "a", "1"), is("eq", "b", "2")), is("eq", "c", "3")),
		"not (a eq '1' or b eq '2')":        of(Not, of(Or, is("eq", "a", "1"), is("eq", "b", "2"))),
	} {
		got, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

// TestParseRefuses says what is wrong with a filter, and where.
func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "syntax error at position 0",
		"name":                                  "syntax error at position 4",
		"name eq":                               "syntax error at position 7",
		"name like 'a'":                         "syntax error at position 5",
		"name eq 'a":                            "a quotation mark is not closed",
		"name eq 'a' and":                       "syntax error at position 15",
		"(name eq 'a'":                          "syntax error at position 12",
		"name eq 'a')":                          "syntax error at position 11",
		"'a' eq name":                           "syntax error at position 0",
		"id in ()":                              "syntax error at position 7",
		"startswith(a, b)":                      "syntax error at position 14",
		"startswith(a, 'b') eq 'c'":             "'startswith' is true or false",
		strings.Repeat("(", MaxDepth+1) + "a":   "it is nested too deep",
		strings.Repeat("not ", 100) + "a eq 1":  "it is nested too deep",
		"a eq '" + strings.Repeat("a", 9<<10):   "it is too long",
		"a/any(b:" + strings.Repeat("a eq ", 2): "syntax error at position 15",
	} {
		if f, err := Parse(text); err == nil || err.Error() != want {
			t.Errorf("%.60s: %v, %v; want %s", text, f, err, want)
		}
	}
}

// FuzzParse reads anything: either there is a filter, whose parts are all there, or an error.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"name eq 'a'", "not (a eq 1 or b in (1,2)) and c/any(d:d eq 'e')", "substringof('a',b) eq false", "a eq '"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		found, err := Parse(text)
		if (found == nil) == (err == nil) {
			t.Fatalf("%q: %v, %v", text, found, err)
		}
		if err == nil {
			whole(t, found)
		}
	})
}

// whole fails if a part of a filter lacks what its operator promises.
func whole(t *testing.T, f *Filter) {
	t.Helper()
	switch {
	case f == nil:
		t.Fatal("a part is missing")
	case (f.Op == And || f.Op == Or) && len(f.Parts) < 2, (f.Op == Not || f.Op == Any) && len(f.Parts) != 1, comparisons[f.Op] && len(f.Values) == 0:
		t.Fatalf("%+v is not whole", f)
	}
	for _, part := range f.Parts {
		whole(t, part)
	}
}
