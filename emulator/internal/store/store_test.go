package store_test

import (
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

func TestFold(t *testing.T) {
	for id, want := range map[string]string{
		"":                           "",
		"/subscriptions/s":           "/subscriptions/s",
		"/Subscriptions/S/A-Z_09[@`": "/subscriptions/s/a-z_09[@`",
		"K\u212a\u0130É":             "k\u212a\u0130É",
		"\xff\xfeX":                  "\xff\xfex",
	} {
		if got := store.Fold(id); got != want {
			t.Errorf("Fold(%q) = %q, want %q", id, got, want)
		}
	}
}
