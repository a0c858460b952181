package azure

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// premiumWith is a Premium registry with properties.
func premiumWith(properties string) string {
	return `{"sku":{"name":"Premium"},"properties":` + properties + `}`
}

func ruled(values string) string {
	return premiumWith(`{"networkRuleSet":{"defaultAction":"Deny","ipRules":[` + values + `]}}`)
}

// TestValidateRegistry has a row for each rule on a registry, and one for its other side (acr-behaviour §1.1, §1.2).
func TestValidateRegistry(t *testing.T) {
	const set = "properties.networkRuleSet"
	for _, row := range []struct{ about, body, code, target string }{
		{"a plain one", `{"sku":{"name":"Basic"}}`, "", ""},
		{"an unknown SKU", `{"sku":{"name":"Gold"}}`, CodeInvalid, "sku.name"},
		{"the SKU of old", `{"sku":{"name":"Classic"}}`, CodeInvalid, "sku.name"},
		{"an empty SKU", `{"sku":{"name":""}}`, CodeInvalid, "sku.name"},
		{"a switch that is no word", `{"properties":{"publicNetworkAccess":"Off"}}`, CodeInvalid, "properties.publicNetworkAccess"},
		{"an empty switch", `{"properties":{"publicNetworkAccess":""}}`, CodeInvalid, "properties.publicNetworkAccess"},
		{"a switch that came later", `{"properties":{"publicNetworkAccess":"SecuredByPerimeter"}}`, CodeInvalid, "properties.publicNetworkAccess"},
		{"an empty bypass", `{"properties":{"networkRuleBypassOptions":""}}`, CodeInvalid, "properties.networkRuleBypassOptions"},
		{"a bypass that is a list", `{"properties":{"networkRuleBypassOptions":["AzureServices"]}}`, CodeInvalidContent, "properties.networkRuleBypassOptions"},
		{"a flag that is a word", `{"properties":{"adminUserEnabled":"yes"}}`, CodeInvalidContent, "properties.adminUserEnabled"},
		{"a flag for tasks that is a word", `{"properties":{"networkRuleBypassAllowedForTasks":"false"}}`, CodeInvalidContent, "properties.networkRuleBypassAllowedForTasks"},
		{"an unknown mode", `{"properties":{"roleAssignmentMode":"Abac"}}`, CodeInvalid, "properties.roleAssignmentMode"},
		{"an unknown default", premiumWith(`{"networkRuleSet":{"defaultAction":"Block"}}`), CodeInvalid, set + ".defaultAction"},
		{"an empty default", premiumWith(`{"networkRuleSet":{"defaultAction":""}}`), CodeInvalid, set + ".defaultAction"},
		{"rules that are none", premiumWith(`{"networkRuleSet":"Deny"}`), CodeInvalidContent, set},
		{"rules that are no list", premiumWith(`{"networkRuleSet":{"ipRules":{"value":"203.0.113.1"}}}`), CodeInvalidContent, set + ".ipRules"},
		{"a rule that is a text", ruled(`"203.0.113.1"`), CodeInvalidContent, set + ".ipRules[0]"},
		{"a rule that denies", ruled(`{"value":"203.0.113.1","action":"Deny"}`), CodeInvalid, set + ".ipRules[0].action"},
		{"a rule without a value", ruled(`{"action":"Allow"}`), CodeBadRequest, set + ".ipRules[0].value"},
		{"a rule with a number", ruled(`{"value":203}`), CodeInvalidContent, set + ".ipRules[0].value"},
		{"rules in Premium", ruled(`{"value":"203.0.113.0/24"},{"value":"203.0.113.9"},{"value":"198.51.100.7/32"},{"value":"0.0.0.0/0"}`), "", ""},
		{"an IPv6 rule", ruled(`{"value":"203.0.113.1"},{"value":"2001:db8::1"}`), CodeBadRequest, set + ".ipRules[1].value"},
		{"an IPv6 range", ruled(`{"value":"2001:db8::/32"}`), CodeBadRequest, set + ".ipRules[0].value"},
		{"an IPv4 address in IPv6", ruled(`{"value":"::ffff:203.0.113.1"}`), CodeBadRequest, set + ".ipRules[0].value"},
		{"a rule that is a name", ruled(`{"value":"office"}`), CodeBadRequest, set + ".ipRules[0].value"},
		{"a mask that is too long", ruled(`{"value":"203.0.113.0/33"}`), CodeBadRequest, set + ".ipRules[0].value"},
		{"a rule of old", ruled(`{"value":"203.0.113"}`), CodeBadRequest, set + ".ipRules[0].value"},
		{"leading zeros", ruled(`{"value":"203.0.113.010"}`), CodeBadRequest, set + ".ipRules[0].value"},
		{"bits outside the mask", ruled(`{"value":"203.0.113.7/24"}`), CodeBadRequest, set + ".ipRules[0].value"},
		{"a rule twice", ruled(`{"value":"203.0.113.7"},{"value":"203.0.113.7"}`), CodeBadRequest, set + ".ipRules[1].value"},
		{"a rule twice, as a range", ruled(`{"value":"203.0.113.7"},{"value":"203.0.113.7/32"}`), CodeBadRequest, set + ".ipRules[1].value"},
		{"rules in Standard", `{"sku":{"name":"Standard"},"properties":{"networkRuleSet":{"defaultAction":"Deny"}}}`, CodeSKU, set},
		{"open rules in Standard", `{"sku":{"name":"Standard"},"properties":{"networkRuleSet":{"defaultAction":"Allow","ipRules":[]}}}`, "", ""},
		{"shut in Standard", `{"sku":{"name":"Standard"},"properties":{"publicNetworkAccess":"Disabled"}}`, "DisablingPublicNetworkAccessNotSupported", "properties.publicNetworkAccess"},
		{"data endpoints in Standard", `{"sku":{"name":"Standard"},"properties":{"dataEndpointEnabled":true}}`, CodeSKU, "properties.dataEndpointEnabled"},
		{"anonymous pull in Basic", `{"sku":{"name":"Basic"},"properties":{"anonymousPullEnabled":true}}`, CodeSKU, "properties.anonymousPullEnabled"},
		{"anonymous pull in Standard", `{"sku":{"name":"Standard"},"properties":{"anonymousPullEnabled":true}}`, "", ""},
		{"zones in Standard", `{"sku":{"name":"Standard"},"properties":{"zoneRedundancy":"Enabled"}}`, CodeSKU, "properties.zoneRedundancy"},
		{"a key in Standard", `{"sku":{"name":"Standard"},"properties":{"encryption":{"status":"enabled","keyVaultProperties":{"keyIdentifier":"k"}}}}`, CodeSKU, "properties.encryption"},
		{"encryption without a key", premiumWith(`{"encryption":{"status":"enabled"}}`), CodeBadRequest, "properties.encryption.keyVaultProperties"},
		{"encryption with a key", premiumWith(`{"encryption":{"status":"enabled","keyVaultProperties":{"keyIdentifier":"https://v/keys/k","identity":"i"}}}`), "", ""},
		{"retention in Standard", `{"sku":{"name":"Standard"},"properties":{"policies":{"retentionPolicy":{"status":"enabled"}}}}`, CodeSKU, "properties.policies.retentionPolicy"},
		{"retention for ever", premiumWith(`{"policies":{"retentionPolicy":{"days":366}}}`), CodeInvalid, "properties.policies.retentionPolicy.days"},
		{"retention for half a day", premiumWith(`{"policies":{"retentionPolicy":{"days":0.5}}}`), CodeInvalid, "properties.policies.retentionPolicy.days"},
		{"soft delete for no day", premiumWith(`{"policies":{"softDeletePolicy":{"retentionDays":0}}}`), CodeInvalid, "properties.policies.softDeletePolicy.retentionDays"},
		{"retention and soft delete", premiumWith(`{"policies":{"retentionPolicy":{"status":"enabled"},"softDeletePolicy":{"status":"enabled"}}}`), CodeBadRequest, "properties.policies.softDeletePolicy"},
		{"trust in Standard", `{"sku":{"name":"Standard"},"properties":{"policies":{"trustPolicy":{"status":"enabled"}}}}`, CodeSKU, "properties.policies.trustPolicy"},
		{"a policy that is a word", premiumWith(`{"policies":{"azureADAuthenticationAsArmPolicy":"disabled"}}`), CodeInvalidContent, "properties.policies.azureADAuthenticationAsArmPolicy"},
		{"a policy that is off", premiumWith(`{"policies":{"azureADAuthenticationAsArmPolicy":{"status":"off"}}}`), CodeInvalid, "properties.policies.azureADAuthenticationAsArmPolicy.status"},
		{"exports off while open", premiumWith(`{"policies":{"exportPolicy":{"status":"disabled"}}}`), CodeBadRequest, "properties.policies.exportPolicy.status"},
		{"exports off while shut", premiumWith(`{"publicNetworkAccess":"Disabled","policies":{"exportPolicy":{"status":"disabled"}}}`), "", ""},
		{"a subnet rule that names no subnet", premiumWith(`{"networkRuleSet":{"virtualNetworkRules":[{"id":"` + testGroup + `"}]}}`), "NetworkRuleValidationError", set + ".virtualNetworkRules[0].id"},
		{"a subnet rule twice", premiumWith(`{"networkRuleSet":{"virtualNetworkRules":[{"id":"` + aSubnet + `"},{"id":"` + aSubnet + `"}]}}`), "NetworkRuleValidationError", set + ".virtualNetworkRules[1].id"},
		{"what is not modelled", premiumWith(`{"brandNew":{"setting":[1]}}`), "", ""},
	} {
		_, err := (*State)(nil).With(Change{Put: documentsOf(t, `{"id":"`+testRegistry+`",`+strings.TrimPrefix(row.body, "{"))})
		expect(t, row.about, err, row.code, row.target)
	}
}

func expect(t *testing.T, about string, err error, code, target string) {
	t.Helper()
	var problem *Error
	switch {
	case code == "" && err != nil:
		t.Errorf("%s: %v", about, err)
	case code != "" && (!errors.As(err, &problem) || problem.Code != code || problem.Target != target):
		t.Errorf("%s: got %#v, want %s at %s", about, err, code, target)
	}
}

// TestQuotaOfRules: what ACR says of one rule too many (acr-behaviour §1.2 row 3).
func TestQuotaOfRules(t *testing.T) {
	var ip, subnets []string
	for i := range MaxIPRules + 1 {
		ip = append(ip, fmt.Sprintf(`{"value":"198.18.%d.%d"}`, i/256, i%256))
	}
	for i := range MaxVirtualNetworkRules + 1 {
		subnets = append(subnets, fmt.Sprintf(`{"id":"%s/subnets/s%d"}`, hub, i))
	}
	for _, row := range []struct{ rules, want string }{
		{`"ipRules":[` + strings.Join(ip, ",") + `]`, "The requested feature IP rule exceeds allowed quota 200 for the SKU Premium."},
		{`"ipRules":[` + strings.Join(ip[1:], ",") + `]`, ""},
		{`"virtualNetworkRules":[` + strings.Join(subnets, ",") + `]`, "The requested feature virtual network rule exceeds allowed quota 100 for the SKU Premium."},
		{`"virtualNetworkRules":[` + strings.Join(subnets[1:], ",") + `]`, ""},
	} {
		_, err := (*State)(nil).With(Change{Put: documentsOf(t, `{"id":"`+testRegistry+`","sku":{"name":"Premium"},"properties":{"networkRuleSet":{"defaultAction":"Deny",`+row.rules+`}}}`)})
		var problem *Error
		if got := ""; errors.As(err, &problem) {
			if got = problem.Message; got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		} else if row.want != "" || err != nil {
			t.Errorf("got %v, want %q", err, row.want)
		}
	}
}

// TestNormalize: names and words are in any case, and come out in Azure's.
func TestNormalize(t *testing.T) {
	for _, row := range []struct{ id, body, want string }{
		{
			testRegistry, `{"SKU":{"Name":"premium"},"Properties":{"PUBLICNETWORKACCESS":"disabled","networkruleset":{"DefaultAction":"deny","iprules":[{"Action":"allow","Value":"x"}]},"policies":{"AzureAdAuthenticationAsArmPolicy":{"Status":"DISABLED"}},"Other":1}}`,
			`{"properties":{"Other":1,"networkRuleSet":{"defaultAction":"Deny","ipRules":[{"action":"Allow","value":"x"}]},"policies":{"azureADAuthenticationAsArmPolicy":{"status":"disabled"}},"publicNetworkAccess":"Disabled"},"sku":{"name":"Premium"}}`,
		},
		{testRegistry, `{"properties":{"publicNetworkAccess":"Enabled","PublicNetworkAccess":"Disabled"}}`, "!properties.publicNetworkAccess"},
		{testRegistry, `{"properties":{"publicNetworkAccess":"perhaps"}}`, `{"properties":{"publicNetworkAccess":"perhaps"}}`},
		{testRegistry, `{"properties":[1]}`, `{"properties":[1]}`},
		{testRegistry, `{"properties":{"networkRuleSet":{"ipRules":["a",{"Action":"ALLOW"}]}}}`, `{"properties":{"networkRuleSet":{"ipRules":["a",{"Action":"ALLOW"}]}}}`},
		{testRegistry + "/webhooks/w", `{"properties":{"Actions":["PUSH","Delete"],"status":"Enabled"}}`, `{"properties":{"actions":["push","delete"],"status":"enabled"}}`},
		{testRegistry + "/locks/w", `{"properties":{"STATUS":"Enabled"}}`, `{"properties":{"STATUS":"Enabled"}}`},
	} {
		var body map[string]any
		if err := json.Unmarshal([]byte(row.body), &body); err != nil {
			t.Fatal(err)
		}
		err := Normalize(MustParseResourceID(row.id), body)
		var problem *Error
		if errors.As(err, &problem) {
			if "!"+problem.Target != row.want {
				t.Errorf("%s: %v, want %s", row.body, err, row.want)
			}
			continue
		}
		if got, _ := json.Marshal(body); string(got) != row.want {
			t.Errorf("%s: got %s, want %s", row.body, got, row.want)
		}
	}
}

// TestUnknownMembers: which versions of the API have what.
func TestUnknownMembers(t *testing.T) {
	for _, row := range []struct {
		path, version string
		known         bool
	}{
		{"networkRuleSet", "2017-10-01", true},
		{"networkRuleSet.virtualNetworkRules", "2017-10-01", true},
		{"networkRuleSet.virtualNetworkRules", "2021-08-01-preview", true},
		{"networkRuleSet.virtualNetworkRules", "2021-09-01", false},
		{"networkRuleSet.virtualNetworkRules", "2022-02-01-preview", false},
		{"publicNetworkAccess", "2019-05-01", false},
		{"publicNetworkAccess", "2019-12-01-preview", true},
		{"publicNetworkAccess", "2021-09-01", true},
		{"anonymousPullEnabled", "2020-11-01-preview", true},
		{"anonymousPullEnabled", "2023-07-01", false},
		{"anonymousPullEnabled", "2025-04-01", true},
		{"networkRuleBypassAllowedForTasks", "2025-04-01", false},
		{"networkRuleBypassAllowedForTasks", "2025-05-01-preview", true},
		{"networkRuleBypassAllowedForTasks", "2025-11-01", true},
		{"roleAssignmentMode", "2023-11-01-preview", false},
		{"roleAssignmentMode", "2024-11-01-preview", true},
		{"policies.softDeletePolicy", "2025-11-01", false},
		{"policies.softDeletePolicy", "2025-06-01-preview", true},
		{"somethingElse", "2017-03-01", true},
	} {
		known := true
		for _, path := range UnknownMembers(row.version) {
			known = known && path != "properties."+row.path
		}
		if known != row.known {
			t.Errorf("%s in %s: known %v", row.path, row.version, known)
		}
	}
}

// TestBeside: what a registry excludes, or has no room for, beside it.
func TestBeside(t *testing.T) {
	s := write(t, nil, operator, premium, aNetwork, aDoor)
	child := func(collection, name, properties string) string {
		return `{"id":"` + testRegistry + "/" + collection + "/" + name + `","location":"` + name + `","properties":` + properties + `}`
	}
	withRules := `{"id":"` + testRegistry + `","sku":{"name":"Premium"},"location":"westeurope","properties":{"networkRuleSet":{"virtualNetworkRules":[{"id":"` + aSubnet + `"}]}}}`
	plain := write(t, nil, operator, premium, aNetwork)
	replicated := write(t, plain, operator, child("replications", "northeurope", `{}`))
	cached := write(t, plain, operator, child("cacheRules", "rule1", `{"sourceRepository":"docker.io/library/a","targetRepository":"a"}`))
	softly := `{"id":"` + testRegistry + `","sku":{"name":"Premium"},"location":"westeurope","properties":{"policies":{"softDeletePolicy":{"status":"enabled"}}}}`
	for _, row := range []struct {
		about        string
		s            *State
		put          string
		code, target string
	}{
		{"service endpoints beside a private endpoint", s, withRules, CodeBadRequest, "properties.networkRuleSet.virtualNetworkRules"},
		{"a private endpoint beside service endpoints", write(t, plain, operator, withRules), aDoor, CodeBadRequest, ""},
		{"service endpoints alone", plain, withRules, "", ""},
		{"less than Premium with a private endpoint", s, `{"id":"` + testRegistry + `","sku":{"name":"Standard"},"properties":{"networkRuleSet":{"defaultAction":"Allow"}}}`, CodeSKU, "properties.dataEndpointEnabled"},
		{"less than Premium with a replication", replicated, `{"id":"` + testRegistry + `","sku":{"name":"Standard"}}`, CodeSKU, "sku.name"},
		{"less than Premium", plain, `{"id":"` + testRegistry + `","sku":{"name":"Standard"}}`, "", ""},
		{"a replication twice", replicated, `{"id":"` + testRegistry + `/replications/second","location":"North Europe","properties":{}}`, CodeConflict, "location"},
		{"a replication nowhere", plain, `{"id":"` + testRegistry + `/replications/a-b","location":"a b?","properties":{}}`, CodeInvalid, "location"},
		{"soft delete beside a replication", replicated, softly, CodeBadRequest, "properties.policies.softDeletePolicy"},
		{"soft delete beside a cache rule", cached, softly, CodeBadRequest, "properties.policies.softDeletePolicy"},
		{"soft delete alone", plain, softly, "", ""},
		{"a cache rule to the same place", cached, child("cacheRules", "rule2", `{"sourceRepository":"docker.io/library/b","targetRepository":"a"}`), CodeConflict, "properties.targetRepository"},
		{"a cache rule with credentials of none", plain, child("cacheRules", "rule2", `{"sourceRepository":"b","targetRepository":"b","credentialSetResourceId":"`+testRegistry+`/credentialSets/none1"}`), CodeNotFound, "properties.credentialSetResourceId"},
		{"a cache rule with another's credentials", plain, child("cacheRules", "rule2", `{"sourceRepository":"b","targetRepository":"b","credentialSetResourceId":"`+testRegistry+`2/credentialSets/none1"}`), CodeInvalid, "properties.credentialSetResourceId"},
		{"a webhook to nowhere", plain, child("webhooks", "hook1", `{"actions":["push"]}`), CodeInvalid, "properties.serviceUri"},
		{"a webhook for nothing", plain, child("webhooks", "hook1", `{"serviceUri":"https://h.example","actions":["pull"]}`), CodeInvalid, "properties.actions"},
		{"a scope map for a gateway", plain, child("scopeMaps", "mapped", `{"actions":["gateway/edge1/config/read"]}`), "", ""},
		{"a scope map for nothing", plain, child("scopeMaps", "mapped", `{"actions":["gateway/edge1/config/delete"]}`), CodeBadRequest, "properties.actions[0]"},
	} {
		change, err := row.s.Complete(Change{Put: documentsOf(t, row.put)}, client)
		if err == nil {
			_, err = row.s.With(change)
		}
		expect(t, row.about, err, row.code, row.target)
	}
}

// TestChildQuotas: a SKU has room for so many, in ACR's words.
func TestChildQuotas(t *testing.T) {
	s := write(t, nil, operator, `{"id":"`+testRegistry+`","sku":{"name":"Basic"},"location":"westeurope"}`)
	hook := func(i int) string {
		return fmt.Sprintf(`{"id":"%s/webhooks/hook%d","location":"westeurope","properties":{"serviceUri":"https://h.example","actions":["push"]}}`, testRegistry, i)
	}
	s = write(t, s, client, hook(1), hook(2))
	s = write(t, s, client, hook(2)) // again, which is no more
	change, err := s.Complete(Change{Put: documentsOf(t, hook(3))}, client)
	if err == nil {
		_, err = s.With(change)
	}
	expect(t, "a third webhook", err, CodeQuota, "")
	if !strings.Contains(err.Error(), "Quota exceeded for resource type webhooks for the registry SKU Basic.") {
		t.Error(err)
	}
	_, err = s.With(Change{Put: documentsOf(t, `{"id":"`+testRegistry+`/replications/northeurope","location":"northeurope"}`)})
	expect(t, "a replication in Basic", err, CodeQuota, "")
}

// TestUsages: what a registry has, and may have.
func TestUsages(t *testing.T) {
	s := write(t, nil, operator, premium, aNetwork, aDoor,
		`{"id":"`+testRegistry+`/scopeMaps/mapped","properties":{"actions":[]}}`,
		`{"id":"`+testRegistry+`/replications/northeurope","location":"northeurope"}`,
		`{"id":"`+testRegistry+`/replications/westeurope","location":"westeurope"}`)
	d, _ := s.Get(testRegistry)
	r, err := ReadRegistry(*d)
	if err != nil {
		t.Fatal(err)
	}
	const want = "[{Size 536870912000 7 Bytes} {Webhooks 500 0 Count} {Geo-replications -1 1 Count} {PrivateEndpointConnections 200 1 Count}" +
		" {ScopeMaps 50000 1 Count} {Tokens 50000 0 Count} {IPRules 200 0 Count} {VNetRules 100 0 Count}]"
	if got := fmt.Sprint(Usages(s, r, 7)); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	r.SKU = SKUBasic
	if got := fmt.Sprint(Usages(s, r, 0)); got != "[{Size 10737418240 0 Bytes} {Webhooks 2 0 Count} {ScopeMaps 100 1 Count} {Tokens 100 0 Count}]" {
		t.Error(got)
	}
	if got := fmt.Sprint(Regions(s, r.ID)); got != "[westeurope northeurope]" {
		t.Error(got)
	}
}
