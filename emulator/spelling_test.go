package emulator

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/arm"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// TestSpelling: what is known is spelt as Azure spells it, at any depth; what is not is left alone.
func TestSpelling(t *testing.T) {
	spell := speller()
	for _, row := range []struct{ kind, given, want string }{
		{
			azure.TypeRegistry,
			`{"Properties":{"NETWORKRULESET":{"DefaultAction":"Deny","iprules":[{"VALUE":"203.0.113.7"}]},"Own":{"Value":1}},"Tags":{"Sku":"x"}}`,
			`{"Tags":{"Sku":"x"},"properties":{"Own":{"Value":1},"networkRuleSet":{"defaultAction":"Deny","ipRules":[{"value":"203.0.113.7"}]}}}`,
		},
		{
			azure.TypeSubnet, `{"properties":{"NatGateway":{"ID":"x"},"addressprefix":"10.0.0.0/24"}}`,
			`{"properties":{"addressPrefix":"10.0.0.0/24","natGateway":{"id":"x"}}}`,
		},
		{"Contoso.Things/boxes", `{"Properties":{"ID":1,"id":2}}`, `{"Properties":{"ID":1,"id":2}}`},
		{azure.TypeRegistry, `{"properties":{"networkRuleSet":null,"adminUserEnabled":[{"a":1}]}}`, `{"properties":{"adminUserEnabled":[{"a":1}],"networkRuleSet":null}}`},
	} {
		var body map[string]any
		if err := json.Unmarshal([]byte(row.given), &body); err != nil {
			t.Fatal(err)
		}
		if err := spell(row.kind, body); err != nil {
			t.Error(err)
		}
		if got, _ := json.Marshal(body); string(got) != row.want {
			t.Errorf("%s\ngot  %s\nwant %s", row.given, got, row.want)
		}
	}
}

// TestSpellingTwice: of two rules in one place, one would silently not hold.
func TestSpellingTwice(t *testing.T) {
	for _, given := range []string{
		`{"properties":{"networkRuleSet":{},"NetworkRuleSet":{}}}`, `{"properties":{"NetworkRuleSet":{},"NETWORKRULESET":{}}}`,
		`{"properties":{"networkRuleSet":{"ipRules":[{"value":"1.2.3.4","Value":"1.2.3.5"}]}}}`,
	} {
		var body map[string]any
		if err := json.Unmarshal([]byte(given), &body); err != nil {
			t.Fatal(err)
		}
		var refused *arm.Error
		if err := speller()(azure.TypeRegistry, body); !errors.As(err, &refused) || refused.Code != "InvalidRequestContent" {
			t.Errorf("%s: %v", given, err)
		}
	}
}
