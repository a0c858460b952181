package template_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/acrlocal/acrlocal/emulator/internal/template"
)

const (
	subscription = "/subscriptions/11111111-1111-4111-8111-111111111111"
	group        = subscription + "/resourceGroups/rg"
)

// environment is a deployment to a resource group; reference() finds what host holds.
func environment(host template.Host) template.Environment {
	return template.Environment{
		Scope: group, Host: host,
		ResourceGroup: map[string]any{"id": group, "name": "rg", "location": "westeurope"},
		Subscription:  map[string]any{"id": subscription, "subscriptionId": "11111111-1111-4111-8111-111111111111"},
		Tenant:        map[string]any{"tenantId": "22222222-2222-4222-8222-222222222222"},
		Deployer:      map[string]any{"objectId": "33333333-3333-4333-8333-333333333333"},
		Deployment:    map[string]any{"name": "main"},
		Now:           func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC) },
		NewGUID:       func() string { return "44444444-4444-4444-8444-444444444444" },
	}
}

// resources is a Host that holds documents by ID.
type resources map[string]map[string]any

func (r resources) Get(_ context.Context, id, _ string) (map[string]any, error) {
	if body, found := r[id]; found {
		return body, nil
	}
	return nil, fmt.Errorf("there is no %s", id)
}

func (r resources) Post(_ context.Context, id, action, _ string, given map[string]any) (any, error) {
	return map[string]any{"did": action, "to": id, "with": given}, nil
}

var registry = resources{
	group + "/providers/Microsoft.ContainerRegistry/registries/acr": {
		"location": "westeurope", "properties": map[string]any{"loginServer": "acr.azurecr.io", "count": 3.0},
	},
}

// frame is a template around one expression, with things that expressions can refer to.
const frame = `{"$schema":"s","contentVersion":"1.0.0.0",
  "parameters": {"name":{"type":"string","defaultValue":"Acr"},"now":{"type":"string","defaultValue":"[utcNow()]"},
    "new":{"type":"string","defaultValue":"[newGuid()]"},"nothing":{"type":"string","nullable":true}},
  "variables": {"list":[1,2,3],"object":{"a":{"B":"c"},"n":[10,20]},"quoted":"[[not evaluated]",
    "copy":[{"name":"copied","count":3,"input":"[add(copyIndex('copied'),10)]"}],
    "inner":{"copy":[{"name":"squares","count":2,"input":{"i":"[copyIndex('squares')]"}}]}},
  "functions": [{"namespace":"own","members":{"double":{"parameters":[{"name":"n","type":"int"}],
    "output":{"type":"int","value":"[mul(parameters('n'),2)]"}}}}],
  "resources": [],
  "outputs": {"out":{"type":"object","value":{"is":%s}}}}`

// evaluate gives an expression its value, as JSON would decode it.
func evaluate(expression string) (any, error) {
	quoted, err := json.Marshal(expression)
	if err != nil {
		return nil, err
	}
	t, err := template.Parse(fmt.Appendf(nil, frame, quoted))
	if err != nil {
		return nil, err
	}
	d, err := template.Bind(context.Background(), t, environment(registry), nil)
	if err != nil {
		return nil, err
	}
	outputs, err := d.Outputs()
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(outputs["out"].(map[string]any)["value"].(map[string]any)["is"])
	if err != nil {
		return nil, err
	}
	var value any
	return value, json.Unmarshal(data, &value)
}

// TestExpressions says what the functions mean, by Microsoft's reference of template functions.
func TestExpressions(t *testing.T) {
	for expression, want := range map[string]string{
		// What is an expression, and what is text.
		`text`:                    `"text"`,
		`[[text]`:                 `"[text]"`,
		`[text`:                   `"[text"`,
		`['it''s']`:               `"it's"`,
		`[ concat( 'a' , 'b' ) ]`: `"ab"`,
		`[CONCAT('a','b')]`:       `"ab"`,
		`[variables('quoted')]`:   `"[not evaluated]"`,
		`[-5]`:                    `-5`,

		`[fail('x')] and more`: `"[fail('x')] and more"`,

		// Members and items.
		`[variables('object').a.b]`:                             `"c"`,
		`[variables('object')['a']['B']]`:                       `"c"`,
		`[variables('object').n[1]]`:                            `20`,
		`[variables('list')[sub(length(variables('list')),1)]]`: `3`,
		`[variables('copied')]`:                                 `[10,11,12]`,
		`[variables('inner').squares[1].i]`:                     `1`,
		`[parameters('NAME')]`:                                  `"Acr"`,
		`[parameters('nothing')]`:                               `null`,
		`[parameters('now')]`:                                   `"20260102T030405Z"`,
		`[parameters('new')]`:                                   `"44444444-4444-4444-8444-444444444444"`,
		`[own.double(21)]`:                                      `42`,

		// Strings.
		`[concat('a',1,true())]`:                                 `"a1True"`,
		`[concat(createArray(1),createArray(2,3))]`:              `[1,2,3]`,
		`[format('{0}/{1}/{0}','a',2)]`:                          `"a/2/a"`,
		`[format('{{{0}}}',true())]`:                             `"{True}"`,
		`[format('{0,4}|{0,-4}|{1:D3}|{1:N0}|{1:X}','ab',1234)]`: `"  ab|ab  |1234|1,234|4D2"`,
		`[format('{0}',createObject('a',1))]`:                    `"{\"a\":1}"`,
		`[toLower('ABC')]`:                                       `"abc"`,
		`[toUpper('abc')]`:                                       `"ABC"`,
		`[trim('  a ')]`:                                         `"a"`,
		`[replace('a-b-c','-','')]`:                              `"abc"`,
		`[split('a,b;c',createArray(',',';'))]`:                  `["a","b","c"]`,
		`[split('a,b',',')]`:                                     `["a","b"]`,
		`[join(createArray('a','b',3),'-')]`:                     `"a-b-3"`,
		`[substring('one two three',4,3)]`:                       `"two"`,
		`[substring('héllo',1)]`:                                 `"éllo"`,
		`[padLeft('12',5,'0')]`:                                  `"00012"`,
		`[padLeft(7,3)]`:                                         `"  7"`,
		`[startsWith('abcdef','AB')]`:                            `true`,
		`[endsWith('abcdef','EF')]`:                              `true`,
		`[indexOf('test','T')]`:                                  `0`,
		`[lastIndexOf('test','T')]`:                              `3`,
		`[indexOf('abcdef','x')]`:                                `-1`,
		`[contains('OneTwo','Two')]`:                             `true`,
		`[contains('OneTwo','two')]`:                             `false`,
		`[string(createArray(1,'a'))]`:                           `"[1,\"a\"]"`,
		`[string(false())]`:                                      `"False"`,
		`[first('One')]`:                                         `"O"`,
		`[last('One')]`:                                          `"e"`,
		`[first('')]`:                                            `""`,
		`[skip('one two',4)]`:                                    `"two"`,
		`[take('one two',3)]`:                                    `"one"`,
		`[length('héllo')]`:                                      `5`,
		`[empty('')]`:                                            `true`,
		`[base64('one, two')]`:                                   `"b25lLCB0d28="`,
		`[base64ToString('b25lLCB0d28=')]`:                       `"one, two"`,
		`[base64ToJson(base64('{"a":1}')).a]`:                    `1`,
		`[dataUri('Hello')]`:                                     `"data:text/plain;charset=utf8;base64,SGVsbG8="`,
		`[dataUriToString('data:;base64,SGVsbG8=')]`:             `"Hello"`,
		`[uri('http://contoso.org/first/','second')]`:            `"http://contoso.org/first/second"`,
		`[uri('http://contoso.org/first','second')]`:             `"http://contoso.org/second"`,
		`[uriComponent('a b/c')]`:                                `"a%20b%2Fc"`,
		`[uriComponentToString('a%20b%2Fc')]`:                    `"a b/c"`,
		`[json('{"a":[1,null]}').a]`:                             `[1,null]`,
		`[json('null')]`:                                         `null`,
		`[length(uniqueString('a','b'))]`:                        `13`,
		`[equals(uniqueString('a'),uniqueString('a'))]`:          `true`,
		`[equals(uniqueString('a'),uniqueString('b'))]`:          `false`,

		// Lists.
		`[array('a')]`:                                            `["a"]`,
		`[array(createArray(1))]`:                                 `[1]`,
		`[createArray()]`:                                         `[]`,
		`[range(5,3)]`:                                            `[5,6,7]`,
		`[first(createArray())]`:                                  `null`,
		`[last(createArray(1,2))]`:                                `2`,
		`[skip(createArray(1,2,3),2)]`:                            `[3]`,
		`[take(createArray(1,2,3),9)]`:                            `[1,2,3]`,
		`[contains(createArray('a','b'),'A')]`:                    `false`,
		`[indexOf(createArray('a','b'),'b')]`:                     `1`,
		`[flatten(createArray(createArray(1),createArray(2,3)))]`: `[1,2,3]`,
		`[union(createArray(1,2),createArray(2,3))]`:              `[1,2,3]`,
		`[intersection(createArray(1,2,2),createArray(2,3))]`:     `[2]`,
		`[min(3,1,2)]`:                                            `1`,
		`[max(createArray(3,1,2))]`:                               `3`,
		`[indexFromEnd(createArray(1,2,3),1)]`:                    `3`,
		`[tryIndexFromEnd(createArray(1),2)]`:                     `null`,

		// Objects.
		`[createObject('a',1,'b',createArray())]`:                             `{"a":1,"b":[]}`,
		`[items(createObject('b',2,'a',1))]`:                                  `[{"key":"a","value":1},{"key":"b","value":2}]`,
		`[objectKeys(createObject('b',2,'a',1))]`:                             `["a","b"]`,
		`[contains(createObject('One',1),'one')]`:                             `true`,
		`[union(json('{"a":{"x":1,"y":1}}'),json('{"a":{"y":2}}'))]`:          `{"a":{"x":1,"y":2}}`,
		`[shallowMerge(createArray(json('{"a":{"x":1}}'),json('{"a":{}}')))]`: `{"a":{}}`,
		`[intersection(createObject('a',1,'b',2),createObject('a',1,'b',3))]`: `{"a":1}`,
		`[tryGet(createObject('a',createArray(1)),'a',0)]`:                    `1`,
		`[tryGet(createObject('a',1),'b','c')]`:                               `null`,
		`[length(createObject('a',1))]`:                                       `1`,
		`[empty(null())]`:                                                     `true`,

		// Lambdas.
		`[map(range(0,3),lambda('n',mul(lambdaVariables('n'),2)))]`:                                                  `[0,2,4]`,
		`[map(createArray('a','b'),lambda('x','i',format('{0}{1}',lambdaVariables('x'),lambdaVariables('i'))))]`:     `["a0","b1"]`,
		`[filter(range(0,5),lambda('n',greater(lambdaVariables('n'),2)))]`:                                           `[3,4]`,
		`[reduce(range(1,4),0,lambda('a','b',add(lambdaVariables('a'),lambdaVariables('b'))))]`:                      `10`,
		`[sort(createArray(3,1,2),lambda('a','b',less(lambdaVariables('a'),lambdaVariables('b'))))]`:                 `[1,2,3]`,
		`[toObject(createArray('a','b'),lambda('x',lambdaVariables('x')),lambda('x',length(lambdaVariables('x'))))]`: `{"a":1,"b":1}`,
		`[groupBy(createArray('foo','bar','baz'),lambda('x',substring(lambdaVariables('x'),0,1)))]`:                  `{"b":["bar","baz"],"f":["foo"]}`,
		`[mapValues(createObject('a','x'),lambda('v',toUpper(lambdaVariables('v'))))]`:                               `{"a":"X"}`,
		`[map(range(0,2),lambda('a',map(range(0,2),lambda('b',add(lambdaVariables('a'),lambdaVariables('b'))))))]`:   `[[0,1],[1,2]]`,

		// Logic and numbers; what is not chosen is not evaluated.
		`[if(true(),1,div(1,0))]`:                             `1`,
		`[if(equals(1,2),fail('x'),'b')]`:                     `"b"`,
		`[and(true(),false(),fail('x'))]`:                     `false`,
		`[or(false(),true(),fail('x'))]`:                      `true`,
		`[not(true())]`:                                       `false`,
		`[coalesce(null(),'a',fail('x'))]`:                    `"a"`,
		`[bool('TRUE')]`:                                      `true`,
		`[bool(0)]`:                                           `false`,
		`[equals('a','A')]`:                                   `false`,
		`[equals(createArray(1),createArray(1))]`:             `true`,
		`[equals(createObject('a',1),createObject('a','1'))]`: `false`,
		`[less('A','a')]`:                                     `true`,
		`[greaterOrEquals(2,2)]`:                              `true`,
		`[lessOrEquals(3,2)]`:                                 `false`,
		`[add(5,3)]`:                                          `8`,
		`[sub(7,3)]`:                                          `4`,
		`[mul(5,-3)]`:                                         `-15`,
		`[div(8,3)]`:                                          `2`,
		`[mod(7,3)]`:                                          `1`,
		`[int('42')]`:                                         `42`,
		`[float('1.5')]`:                                      `1.5`,

		// Dates and addresses.
		`[dateTimeAdd('2020-04-07 14:53:14Z','P3Y')]`:               `"2023-04-07T14:53:14Z"`,
		`[dateTimeAdd('2020-04-07 14:53:14Z','-P9D','yyyy-MM-dd')]`: `"2020-03-29"`,
		`[dateTimeAdd('2020-04-07T14:53:14Z','PT1H','u')]`:          `"2020-04-07 15:53:14Z"`,
		`[dateTimeFromEpoch(1683040573)]`:                           `"2023-05-02T15:16:13Z"`,
		`[dateTimeToEpoch('2023-05-02T15:16:13Z')]`:                 `1683040573`,
		`[parseCidr('10.144.0.0/20')]`:                              `{"network":"10.144.0.0","netmask":"255.255.240.0","broadcast":"10.144.15.255","firstUsable":"10.144.0.1","lastUsable":"10.144.15.254","cidr":20}`,
		`[cidrSubnet('10.144.0.0/20',24,2)]`:                        `"10.144.2.0/24"`,
		`[cidrHost('10.144.3.0/24',4)]`:                             `"10.144.3.5"`,
		`[cidrSubnet('fd00::/48',64,1)]`:                            `"fd00:0:0:1::/64"`,

		// Names and scopes. The GUID is that of ARM: version 5, of the strings joined by dashes.
		`[guid('hello','world')]`:                                                       `"` + uuid5("hello-world") + `"`,
		`[resourceId('Microsoft.ContainerRegistry/registries','acr')]`:                  `"` + group + `/providers/Microsoft.ContainerRegistry/registries/acr"`,
		`[resourceId('Microsoft.ContainerRegistry/registries/tokens','acr','ci')]`:      `"` + group + `/providers/Microsoft.ContainerRegistry/registries/acr/tokens/ci"`,
		`[resourceId('other','Microsoft.Network/virtualNetworks','hub')]`:               `"` + subscription + `/resourceGroups/other/providers/Microsoft.Network/virtualNetworks/hub"`,
		`[resourceId('99999999-9999-4999-8999-999999999999','other','A.B/c','d')]`:      `"/subscriptions/99999999-9999-4999-8999-999999999999/resourceGroups/other/providers/A.B/c/d"`,
		`[subscriptionResourceId('Microsoft.Authorization/roleDefinitions','x')]`:       `"` + subscription + `/providers/Microsoft.Authorization/roleDefinitions/x"`,
		`[tenantResourceId('Microsoft.Authorization/roleDefinitions','x')]`:             `"/providers/Microsoft.Authorization/roleDefinitions/x"`,
		`[managementGroupResourceId('mg','Microsoft.Authorization/policies','x')]`:      `"/providers/Microsoft.Management/managementGroups/mg/providers/Microsoft.Authorization/policies/x"`,
		`[extensionResourceId('/subscriptions/s','Microsoft.Authorization/locks','x')]`: `"/subscriptions/s/providers/Microsoft.Authorization/locks/x"`,
		`[resourceGroup().location]`:                                                    `"westeurope"`,
		`[subscription().subscriptionId]`:                                               `"11111111-1111-4111-8111-111111111111"`,
		`[tenant().tenantId]`:                                                           `"22222222-2222-4222-8222-222222222222"`,
		`[deployer().objectId]`:                                                         `"33333333-3333-4333-8333-333333333333"`,
		`[deployment().name]`:                                                           `"main"`,
		`[environment().suffixes.acrLoginServer]`:                                       `".azurecr.io"`,
		`[pickZones('Microsoft.Compute','virtualMachines','westeurope',2)]`:             `["1","2"]`,

		// What is at the edges.
		`[empty(createObject())]`:             `true`,
		`[empty(createArray(1))]`:             `false`,
		`[bool('0')]`:                         `false`,
		`[bool(true())]`:                      `true`,
		`[int(json('2.0'))]`:                  `2`,
		`[float(2)]`:                          `2`,
		`[sub(-5,-3)]`:                        `-2`,
		`[mod(-7,3)]`:                         `-1`,
		`[format('{0:D5}|{0:F1}|{0:x}',-42)]`: `"-00042|-42.0|ffffffffffffffd6"`,
		`[format('{0:N}',1234567)]`:           `"1,234,567.00"`,
		`[dateTimeAdd('2020-01-31','P1M','dd MMM yyyy HH:mm:ss.ff')]`:                `"02 Mar 2020 00:00:00.00"`,
		`[dateTimeAdd('2020-01-01T00:00:00Z','-PT90M','H:mm tt')]`:                   `"22:30 PM"`,
		`[parseCidr('10.0.0.7/32').firstUsable]`:                                     `"10.0.0.7"`,
		`[parseCidr('fd00::/120').lastUsable]`:                                       `"fd00::ff"`,
		`[cidrHost('fd00::/64',0)]`:                                                  `"fd00::"`,
		`[union(createArray(createObject('a',1)),createArray(createObject('a',1)))]`: `[{"a":1}]`,
		`[contains(createArray(createArray(1)),createArray(1))]`:                     `true`,
		`[lastIndexOf(createArray(1,2,1),1)]`:                                        `2`,
		`[dataUriToString('data:,a%20b')]`:                                           `"a b"`,
		`[concat('a',null(),'b')]`:                                                   `"ab"`,
		`[string(null())]`:                                                           `""`,
		`[tryIndexFromEnd(createArray(createObject('a',2)),1,'a')]`:                  `2`,
		`[tryGet(null(),'a')]`:                                                       `null`,
		`[toObject(createArray('a'),lambda('x',lambdaVariables('x')))]`:              `{"a":"a"}`,
		`[take('abc',-1)]`:                                                           `""`,
		`[coalesce(tryGet(variables('object'),'none'),variables('list')[0])]`:        `1`,

		// Resources.
		`[reference(resourceId('Microsoft.ContainerRegistry/registries','acr'),'2023-07-01').loginServer]`:     `"acr.azurecr.io"`,
		`[reference(resourceId('Microsoft.ContainerRegistry/registries','acr'),'2023-07-01','Full').location]`: `"westeurope"`,
		`[add(reference(resourceId('Microsoft.ContainerRegistry/registries','acr'),'2023-07-01').count,1)]`:    `4`,
		`[listCredentials(resourceId('Microsoft.ContainerRegistry/registries','acr'),'2023-07-01').did]`:       `"listCredentials"`,
		`[listTokens(resourceId('A.B/c','d'),'2023-07-01',createObject('x',1)).with.x]`:                        `1`,
	} {
		t.Run(expression, func(t *testing.T) {
			got, err := evaluate(expression)
			if err != nil {
				t.Fatal(err)
			}
			var wanted any
			if err := json.Unmarshal([]byte(want), &wanted); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, wanted) {
				t.Errorf("is %#v, want %s", got, want)
			}
		})
	}
}

// TestRefusals says which expressions are errors, and what the message names.
func TestRefusals(t *testing.T) {
	for expression, want := range map[string]string{
		`[]`:                                  "is expected at position '1'",
		`[concat('a']`:                        "',' or ')' is expected",
		`['a]`:                                "the end of the string",
		`[true]`:                              "'(' is expected",
		`[concat('a') 'b']`:                   "the end is expected",
		`[9223372036854775808]`:               "an integer of 64 bits",
		`[nonsense('a')]`:                     "the template function 'nonsense' is not valid",
		`[concat()]`:                          "the number of arguments is '0', and should be at least '1'",
		`[variables('none')]`:                 "the template variable 'none' is not found",
		`[parameters('none')]`:                "the template parameter 'none' is not found",
		`[own.none()]`:                        "the template function 'own.none' is not valid",
		`[own.double('a')]`:                   "the value of 'n' has the type 'String', not 'Int'",
		`[variables('object').none]`:          "available properties are 'a, n'",
		`[variables('list')[3]]`:              "array index '3' is out of bounds",
		`[variables('list').a]`:               "an array is indexed by integers",
		`[null().a]`:                          "the value has the type 'Null'",
		`[add(9223372036854775807,1)]`:        "out of the range",
		`[mul(9223372036854775807,2)]`:        "out of the range",
		`[div(1,0)]`:                          "must not be zero",
		`[if('a',1,2)]`:                       "has the type 'String', not 'Boolean'",
		`[fail('no such sku')]`:               "no such sku",
		`[toLower(1)]`:                        "unable to evaluate template language function 'toLower'",
		`[utcNow()]`:                          "only in the default value of a parameter",
		`[newGuid()]`:                         "only in the default value of a parameter",
		`[copyIndex()]`:                       "there is no copy around it",
		`[lambdaVariables('x')]`:              "the lambda variable 'x' is not defined",
		`[map(1,lambda('x',1))]`:              "not 'Array'",
		`[map(createArray(1),1)]`:             "not 'Function'",
		`[range(0,10001)]`:                    "the limit of '10000'",
		`[padLeft('a',99999999999)]`:          "larger than the limit",
		`[format('{1}','a')]`:                 "has no argument",
		`[format('{0,2147483647}','a')]`:      "larger than the limit",
		`[format('{0','a')]`:                  "a brace that is not closed",
		`[substring('abc',2,5)]`:              "a location within the string",
		`[json('{')]`:                         "not valid JSON",
		`[base64ToString('!')]`:               "not valid base64",
		`[createObject('a')]`:                 "by turns",
		`[int('x')]`:                          "can't be converted",
		`[dateTimeAdd('x','P1D')]`:            "not a date and time",
		`[dateTimeAdd('2020-01-01','1 day')]`: "not a duration",
		`[parseCidr('10.0.0.0')]`:             "not an address range",
		`[cidrSubnet('10.0.0.0/24',24,1)]`:    "has no part number '1'",
		`[cidrHost('10.0.0.0/30',2)]`:         "no usable address",
		`[resourceId('A.B/c/d','x')]`:         "as many names as it has parts",
		`[managementGroup().id]`:              "not available at the scope",
		`[reference('acr')]`:                  "'acr' is not defined in the template",
		`[reference('/subscriptions/s/resourceGroups/g/providers/A.B/c/d')]`: "an api version is required",
		`[length(1)]`:                          "the types of the arguments do not fit: [Integer]",
		`[empty(true())]`:                      "the types of the arguments do not fit",
		`[concat(createObject())]`:             "the types of the arguments do not fit",
		`[greater('a',1)]`:                     "[String Integer]",
		`[min(createArray())]`:                 "the array is empty",
		`[bool('maybe')]`:                      "can't be converted to a boolean",
		`[sub(-9223372036854775807,2)]`:        "out of the range",
		`[div(-9223372036854775808,-1)]`:       "out of the range",
		`[mod(1,0)]`:                           "must not be zero",
		`[float('x')]`:                         "can't be converted to a number",
		`[range(0,-1)]`:                        "must not be negative",
		`[format('{0:Q}',1)]`:                  "the number format 'Q' is not known",
		`[format('{0:D999}',1)]`:               "the number format 'D999' is not known",
		`[padLeft('a',3,'xx')]`:                "must be one character",
		`[replace('a','','b')]`:                "must not be empty",
		`[flatten(createArray(1))]`:            "not 'Array'",
		`[uri('relative','x')]`:                "is not absolute",
		`[uriComponentToString('%zz')]`:        "not a valid part of a URI",
		`[dataUriToString('x')]`:               "not a data URI",
		`[dateTimeAdd('2020-01-01','P9999Y')]`: "out of range",
		`[cidrSubnet('10.0.0.0/24',16,0)]`:     "does not fit into",
		`[cidrHost('10.0.0.0/24',-1)]`:         "must not be negative",
		`[variables('object')[0]]`:             "must be a string",
		`[indexFromEnd(createArray(1),2)]`:     "out of the array's bounds",
		`[groupBy(createArray(1),lambda('x',lambdaVariables('x')))]`:  "not 'String'",
		`[filter(createArray(1),lambda('x',1))]`:                      "not 'Boolean'",
		`[sort(createArray(1,2),lambda('a','b',fail('unsortable')))]`: "unsortable",
		`[map(createArray(1),lambda(concat('x'),1))]`:                 "the variables of a lambda are strings",
		`[subscriptionResourceId('A.B/c')]`:                           "'2'",
		`[references('none')]`:                                        "not defined in the template",
		`[list('x')]`:                                                 "the template function 'list' is not valid",
		`[concat('a',lambda('x',1))]`:                                 "do not fit",
		"[concat('a')\x00]":                                           "the end is expected",
		`[pickZones('a','b','c',4)]`:                                  "there are '3' zones",
	} {
		t.Run(expression, func(t *testing.T) {
			got, err := evaluate(expression)
			var known *template.Error
			switch {
			case err == nil:
				t.Fatalf("is %v", got)
			case !errors.As(err, &known) || known.Code != template.CodeInvalid:
				t.Fatalf("is no error in a template: %v", err)
			case !strings.Contains(err.Error(), want):
				t.Errorf("says %v, want %s", err, want)
			}
		})
	}
}

func uuid5(name string) string {
	return uuid.NewSHA1(uuid.MustParse("11fb06fb-712d-4ddd-98c7-e71bbd588830"), []byte(name)).String()
}
