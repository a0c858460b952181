package emulator

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/gate"
)

// FuzzRegistryBody writes registries of any body. Nothing panics; what is accepted is projected without an error and means
// in the gate what it says, and writing it again changes nothing.
func FuzzRegistryBody(f *testing.F) {
	for _, body := range []string{
		`{"sku":{"name":"Premium"},"properties":{"networkRuleSet":{"defaultAction":"Deny","ipRules":[{"value":"203.0.113.0/24"}]}}}`,
		`{"SKU":{"Name":"premium"},"Properties":{"PublicNetworkAccess":"disabled","NetworkRuleBypassOptions":"none","Policies":{"exportPolicy":{"status":"disabled"}}}}`,
		`{"sku":{"name":"Premium"},"properties":{"networkRuleSet":{"virtualNetworkRules":[{"id":"/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/a"}]}}}`,
		`{"properties":{"networkRuleSet":{"ipRules":{"0":1}},"policies":[],"encryption":null,"adminUserEnabled":"true"}}`,
		`{"sku":{"name":"Basic"},"identity":{"type":"SystemAssigned"},"properties":{"networkRuleBypassAllowedForTasks":true,"roleAssignmentMode":"abacrepositorypermissions"}}`,
		`{"properties":{"policies":{"retentionPolicy":{"days":1e300},"softDeletePolicy":{"retentionDays":-1}}}}`,
	} {
		f.Add(body)
	}
	id := azure.MustParseResourceID(testRegistry)
	f.Fuzz(func(t *testing.T, text string) {
		var body map[string]any
		if json.Unmarshal([]byte(text), &body) != nil || body == nil {
			return
		}
		s, accepted := writeRegistry(nil, azure.Document{ID: id, Body: body})
		if !accepted {
			return
		}
		d, _ := s.Get(testRegistry)
		r, err := testProjection().registry(s, *d)
		if err != nil {
			t.Fatalf("accepted, and not projected: %v\n%s", err, text)
		}
		if _, err := (&gate.Snapshot{}).With(gate.Change{Put: gate.Policy{Registries: []gate.Registry{r}}}); err != nil {
			t.Fatalf("accepted, and not compiled: %v\n%s", err, text)
		}
		checkMeaning(t, r, d.Body)
		again, accepted := writeRegistry(s, d.Clone())
		if after, _ := again.Get(testRegistry); !accepted || !reflect.DeepEqual(d.Body, after.Body) {
			t.Errorf("written again it is another: %v\n%v", d.Body, after)
		}
	})
}

func writeRegistry(s *azure.State, d azure.Document) (*azure.State, bool) {
	change, err := s.Complete(azure.Change{Put: []azure.Document{d}}, azure.Author{Now: func() time.Time { return time.Unix(0, 0) }})
	if err != nil {
		return s, false
	}
	next, err := s.With(change)
	return next, err == nil
}

// checkMeaning holds the gate's registry against the words of the document.
func checkMeaning(t *testing.T, r gate.Registry, body map[string]any) {
	p, _ := body["properties"].(map[string]any)
	rules, _ := p["networkRuleSet"].(map[string]any)
	listed, _ := rules["ipRules"].([]any)
	for _, row := range []struct {
		about string
		says  any
		means bool
	}{
		{"public access", p["publicNetworkAccess"] == "Enabled", r.PublicAccess},
		{"the default", rules == nil || rules["defaultAction"] == nil || rules["defaultAction"] == "Allow", r.DefaultAllow},
		{"the bypass", p["networkRuleBypassOptions"] == "AzureServices", r.BypassTrustedServices},
		{"anonymous pull", p["anonymousPullEnabled"] == true, r.AnonymousPull},
		{"the admin user", p["adminUserEnabled"] == true, r.Admin.Enabled},
		{"the number of rules", true, len(listed) == len(r.IPRules)},
	} {
		if row.says != row.means {
			t.Errorf("%s: the document says %v, the gate has %v: %v", row.about, row.says, row.means, body)
		}
	}
}
