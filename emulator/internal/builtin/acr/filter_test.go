package acr

import (
	"testing"
	"time"
)

// TestAgo: what --ago means, as acr-cli documents it.
func TestAgo(t *testing.T) {
	for _, row := range []struct {
		text   string
		want   time.Duration
		capped bool
		fails  bool
	}{
		{text: "0d"},
		{text: "1d", want: 24 * time.Hour},
		{text: "2d3h6m", want: 51*time.Hour + 6*time.Minute},
		{text: "90m", want: 90 * time.Minute},
		{text: "1h30m5s", want: time.Hour + 30*time.Minute + 5*time.Second},
		{text: "54750d", want: maxAgo},
		{text: "54751d", want: maxAgo, capped: true},
		{text: "54750d1s", want: maxAgo, capped: true},
		{text: "99999999999999999999999d", want: maxAgo, capped: true},
		{text: "2000000h", want: maxAgo, capped: true},
		{text: "7", fails: true},
		{text: "d", fails: true},
		{text: "", fails: true},
		{text: "-1d", fails: true},
		{text: "1d-2h", fails: true},
		{text: "-2h", fails: true},
		{text: "1d2", fails: true},
		{text: "xd", fails: true},
		{text: "1d1d", fails: true},
	} {
		got, capped, err := parseAgo(row.text)
		if got != row.want || capped != row.capped || (err != nil) != row.fails {
			t.Errorf("%q: %v, %v, %v", row.text, got, capped, err)
		}
	}
}

// TestFilters: how --filter is read.
func TestFilters(t *testing.T) {
	for _, row := range []struct{ text, repository, tag, fails string }{
		{text: "hello:.*", repository: "hello", tag: ".*"},
		{text: ".*:.*", repository: ".*", tag: ".*"},
		{text: "team/app:^v[0-9]+$", repository: "team/app", tag: "^v[0-9]+$"},
		{text: "(?:a|b):x", repository: "(?:a|b)", tag: "x"},
		{text: "(?i:App):(?i:DEV)", repository: "(?i:App)", tag: "(?i:DEV)"},
		{text: `[:alpha:]:x`, repository: "[:alpha:]", tag: "x"},
		{text: "hello", fails: "unable to correctly parse filter flag"},
		{text: "a:b:c", fails: "unable to correctly parse filter flag"},
		{text: "a:b\nc", fails: "unable to correctly parse filter flag"},
		{text: ":x", fails: "missing repository name/expression"},
		{text: "x:", fails: "missing tag name/expression"},
		{text: "", fails: "unable to correctly parse filter flag"},
	} {
		got, err := parseFilter(row.text)
		said := ""
		if err != nil {
			said = err.Error()
		}
		if got != (filter{row.repository, row.tag}) || said != row.fails {
			t.Errorf("%q: %+v, %q", row.text, got, said)
		}
	}
}

// TestPlan: which repositories and tags filters mean, look-ahead included.
func TestPlan(t *testing.T) {
	repositories := []string{"app", "app/web", "base", "prod"}
	for _, row := range []struct {
		filters []string
		want    map[string]string
	}{
		{[]string{"app:.*"}, map[string]string{"app": ".*"}},
		{[]string{"app.*:x", "base:y"}, map[string]string{"app": "x", "app/web": "x", "base": "y"}},
		{[]string{"(?!prod).*:x"}, map[string]string{"app": "x", "app/web": "x", "base": "x"}},
		{[]string{"app:x", "app:y"}, map[string]string{"app": "x|y"}},
		{[]string{"nosuch:.*"}, map[string]string{}},
	} {
		got, err := plan(repositories, row.filters, 0)
		if err != nil || len(got) != len(row.want) {
			t.Errorf("%v: %v, %v", row.filters, got, err)
		}
		for name, expression := range row.want {
			if got[name] != expression {
				t.Errorf("%v: %s is %q, and not %q", row.filters, name, got[name], expression)
			}
		}
	}
	if _, err := plan(repositories, []string{"(:x"}, 0); err == nil {
		t.Error("an expression that is none is taken")
	}
	if _, err := plan([]string{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"}, []string{"(a+)+b:x"}, 50*time.Millisecond); err == nil {
		t.Error("an expression that backtracks without end is not stopped")
	}
}

// FuzzAgo: a duration is never negative nor too long.
func FuzzAgo(f *testing.F) {
	for _, seed := range []string{"0d", "2d3h6m", "150h", "d", "99999999999d1h", "1d-1h"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, _, err := parseAgo(text)
		if got < 0 || got > maxAgo || err != nil && got != 0 {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	})
}

// FuzzFilter: what is taken has both halves, and they are the filter.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{"hello:.*", "(?:a|b):x", "[:alpha:]:y", "::", "a:b:c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseFilter(text)
		if err != nil {
			return
		}
		if got.repository == "" || got.tag == "" || len(got.repository)+len(got.tag)+1 != len(text) {
			t.Errorf("%q: %+v", text, got)
		}
	})
}
