package workload

import (
	"context"
	"slices"
	"testing"
)

// TestChanges: what was noted is looked at once, in order; a note of nothing that matters wakes nobody.
func TestChanges(t *testing.T) {
	known := func() []string { return []string{"/rg/things/b", "/rg/things/gone"} }
	for name, tc := range map[string]struct {
		notes [][]string
		want  []string
	}{
		"nothing":          {nil, nil},
		"something else":   {[][]string{{"/rg/others/a"}, {}}, nil},
		"one of two":       {[][]string{{"/rg/others/a", "/rg/things/a"}}, []string{"/rg/things/a"}},
		"twice":            {[][]string{{"/rg/things/b"}, {"/rg/things/a", "/rg/things/b"}}, []string{"/rg/things/a", "/rg/things/b"}},
		"anything":         {[][]string{nil}, []string{"/rg/things/b", "/rg/things/gone"}},
		"anything and one": {[][]string{{"/rg/things/a"}, nil}, []string{"/rg/things/a", "/rg/things/b", "/rg/things/gone"}},
	} {
		c := NewChanges("/things/")
		for _, keys := range tc.notes {
			c.Note(keys)
		}
		if woken := len(c.wake) > 0; woken != (tc.want != nil) {
			t.Errorf("%s: woken %t", name, woken)
		}
		if got := c.take(known); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v", name, got)
		}
		if again := c.take(known); len(again) > 0 {
			t.Errorf("%s: again %v", name, again)
		}
	}
}

// TestFollow looks at what was noted until the context ends.
func TestFollow(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := NewChanges("/things/")
	c.Note(nil)
	var looked []string
	c.Follow(ctx, func() []string { return []string{"/things/a"} }, func(key string) {
		if looked = append(looked, key); len(looked) == 2 {
			cancel()
			return
		}
		c.Note([]string{"/things/b"})
	})
	if !slices.Equal(looked, []string{"/things/a", "/things/b"}) {
		t.Errorf("%v", looked)
	}
}
