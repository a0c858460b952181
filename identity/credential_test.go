package identity

import (
	"testing"
	"time"
)

func TestSecrets(t *testing.T) {
	p := Principal{Secrets: []Secret{
		{Value: "one"},
		{Value: "two", Expires: noon.Add(time.Second)},
		{Value: ""},
		{Value: "over", Expires: noon},
		{Value: "again", Expires: noon.Add(-time.Hour)},
		{Value: "again", Expires: noon.Add(time.Hour)},
	}}
	for secret, want := range map[string]bool{
		"one": true, "two": true, "again": true, "over": false, "": false, "on": false, "One": false, "onetwo": false,
	} {
		if p.HasSecret(secret, noon) != want {
			t.Errorf("secret %q is taken: %v", secret, !want)
		}
	}
	if (Principal{}).HasSecret("", noon) {
		t.Error("a principal without secrets takes the empty one")
	}
}

func TestPasswords(t *testing.T) {
	for _, row := range []struct {
		has, given string
		want       bool
	}{{"p", "p", true}, {"p", "P", false}, {"p", "", false}, {"", "", false}, {"", "p", false}} {
		if (Principal{Password: row.has}).HasPassword(row.given) != row.want {
			t.Errorf("%q for %q: %v", row.given, row.has, !row.want)
		}
	}
}
