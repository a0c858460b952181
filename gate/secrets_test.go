package gate_test

import (
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/gate"
)

func TestPassword(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	account := func(name string, admin bool) gate.Registry {
		return gate.Registry{
			ID: registryID(name), Name: name, Admin: gate.AdminUser{Enabled: admin, Passwords: []string{"one", "two", ""}},
			Tokens: []gate.RepositoryToken{{Name: "ci", Enabled: true, Passwords: []gate.Password{
				{Value: "old", Expires: now}, {Value: "fresh", Expires: now.Add(time.Second)}, {Value: "lasting"}, {Value: ""},
			}}},
		}
	}
	s := newBench(t, "passwords", gate.Policy{Registries: []gate.Registry{account("MyRegistry", true), account("shut", false)}}).snapshot
	for _, row := range []struct {
		registry, user, password string
		holder                   gate.Holder
		failure                  gate.Reason
		known                    bool
	}{
		{"myregistry", "myregistry", "one", gate.AdminHolder, "", true},
		{"MYREGISTRY", "MyRegistry", "two", gate.AdminHolder, "", true},
		{"myregistry", "myregistry", "three", gate.AdminHolder, gate.PasswordWrong, true},
		{"myregistry", "myregistry", "", gate.AdminHolder, gate.PasswordWrong, true},
		{"myregistry", "myregistry", "One", gate.AdminHolder, gate.PasswordWrong, true},
		{"myregistry", "myregistry", "onetwo", gate.AdminHolder, gate.PasswordWrong, true},
		{"shut", "shut", "one", gate.AdminHolder, gate.AdminUserDisabled, true},
		{"shut", "shut", "three", gate.AdminHolder, gate.AdminUserDisabled, true},
		{"shut", "myregistry", "one", 0, "", false},
		{"nosuch", "nosuch", "one", 0, "", false},
		{"myregistry", "ci", "old", gate.TokenHolder, gate.Expired, true},
		{"myregistry", "ci", "fresh", gate.TokenHolder, "", true},
		{"myregistry", "ci", "lasting", gate.TokenHolder, "", true},
		{"myregistry", "ci", "", gate.TokenHolder, gate.PasswordWrong, true},
		{"myregistry", "ci", "one", gate.TokenHolder, gate.PasswordWrong, true},
		{"myregistry", "cj", "lasting", 0, "", false},
		{"myregistry", "", "", 0, "", false},
	} {
		c, known := s.Password(row.registry, row.user, row.password, now)
		if known != row.known || c.Holder != row.holder || c.Failure != row.failure {
			t.Errorf("%s %s %q: got %+v, %t", row.registry, row.user, row.password, c, known)
		}
	}
}
