package azure

import (
	"testing"
)

// TestQuirk: a registry's own value counts more than that for all; false is a value, nothing is nil.
func TestQuirk(t *testing.T) {
	s, err := Load(documentsOf(t, `{"id":"/acrlocal/settings/quirks","properties":{"all":{"a":true,"b":1},"registries":{"mine":{"a":false}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name, registry string
		want           any
	}{
		{"a", "", true},
		{"a", "other", true},
		{"a", "mine", false},
		{"a", "MINE", false},
		{"b", "mine", 1.0},
		{"c", "mine", nil},
	} {
		if got := s.Quirk(row.name, row.registry); got != row.want {
			t.Errorf("%s of %q is %v, want %v", row.name, row.registry, got, row.want)
		}
	}
	if got := (*State)(nil).Quirk("a", ""); got != nil {
		t.Errorf("an empty state has %v", got)
	}
}

// TestIPRuleQuota: the settings change the quota that Validate holds a registry to.
func TestIPRuleQuota(t *testing.T) {
	rules := `{"value":"203.0.113.1"},{"value":"203.0.113.2"},{"value":"203.0.113.3"}`
	registry := documentsOf(t, `{"id":"`+testRegistry+`","sku":{"name":"Premium"},"properties":{"networkRuleSet":{"defaultAction":"Deny","ipRules":[`+rules+`]}}}`)
	for settings, ok := range map[string]bool{
		`{}`: true, `{"all":{"ip-rule-quota":3}}`: true, `{"all":{"ip-rule-quota":2}}`: false,
		`{"all":{"ip-rule-quota":2},"registries":{"myregistry":{"ip-rule-quota":3}}}`: true,
	} {
		s, err := Load(documentsOf(t, `{"id":"/acrlocal/settings/quirks","properties":`+settings+`}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.With(Change{Put: registry}); (err == nil) != ok {
			t.Errorf("%s: %v", settings, err)
		}
	}
}
