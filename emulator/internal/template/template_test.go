package template_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/template"
)

// bind reads a template and gives it parameters, written as JSON.
func bind(t testing.TB, text, parameters string) (*template.Deployment, error) {
	t.Helper()
	return bindAt(t, environment(registry), text, parameters)
}

func bindAt(t testing.TB, env template.Environment, text, parameters string) (*template.Deployment, error) {
	t.Helper()
	read, err := template.Parse([]byte(text))
	if err != nil {
		return nil, err
	}
	body, _, err := template.ReadBody([]byte("{parameters:" + parameters + "}"))
	if err != nil {
		t.Fatal(err)
	}
	return template.Bind(context.Background(), read, env, body["parameters"].(map[string]any))
}

// with makes a template of some sections.
func with(sections string) string {
	return `{"$schema":"s","contentVersion":"1.0.0.0",` + sections + `}`
}

// encode is a value as JSON.
func encode(t testing.TB, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// written are the IDs and bodies of a deployment's resources, in order, short: without the group.
func written(t testing.TB, d *template.Deployment) string {
	t.Helper()
	var lines []string
	for _, r := range d.Resources() {
		body, err := d.Body(r)
		if err != nil {
			t.Fatal(err)
		}
		line := strings.TrimPrefix(r.ID, group+"/providers/") + " " + encode(t, body)
		if r.Skipped {
			line = "skipped " + line
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// TestResources says which resources a template has, what is written for each, and in which order.
func TestResources(t *testing.T) {
	for name, c := range map[string]struct{ sections, want string }{
		"body": {
			`"resources":[{"type":"A.B/c","apiVersion":"1","name":"x","location":"[resourceGroup().location]","comments":"no",
			  "properties":{"n":1,"list":["[add(1,1)]"],"literal":"[[x]"}}]`,
			`A.B/c/x {"location":"westeurope","properties":{"list":[2],"literal":"[x]","n":1}}`,
		},
		"comments and line breaks": {
			"\"resources\":[ // one\n{\"type\":\"A.B/c\", /* two */ \"apiVersion\":\"1\",\"name\":\"[concat('a',\n'b')]\",},]",
			`A.B/c/ab {}`,
		},
		"condition": {
			`"resources":[{"type":"A.B/c","apiVersion":"1","name":"x","condition":"[equals(1,2)]"}]`,
			`skipped A.B/c/x {}`,
		},
		"copy": {
			`"resources":[{"type":"A.B/c","apiVersion":"1","name":"[format('x{0}',copyIndex())]","copy":{"name":"loop","count":2,"mode":"Serial","batchSize":1},
			  "properties":{"i":"[copyIndex('loop',10)]"}},{"type":"A.B/d","apiVersion":"1","name":"after","dependsOn":["loop"]}]`,
			"A.B/c/x0 {\"properties\":{\"i\":10}}\nA.B/c/x1 {\"properties\":{\"i\":11}}\nA.B/d/after {}",
		},
		"copy of nothing": {
			`"resources":[{"type":"A.B/c","apiVersion":"1","name":"x","copy":{"name":"loop","count":0}}]`, ``,
		},
		"copy of properties": {
			`"resources":[{"type":"A.B/c","apiVersion":"1","name":"x","properties":{"copy":[{"name":"rules","count":2,"input":{"v":"[copyIndex('rules')]"}}],"b":1}}]`,
			`A.B/c/x {"properties":{"b":1,"rules":[{"v":0},{"v":1}]}}`,
		},
		"copies in one another": {
			`"resources":[{"type":"A.B/c","apiVersion":"1","name":"[format('x{0}',copyIndex('outer'))]","copy":{"name":"outer","count":2},
			  "properties":{"copy":[{"name":"l","count":2,"input":"[format('{0}{1}',copyIndex(),copyIndex('l'))]"}]}}]`,
			"A.B/c/x0 {\"properties\":{\"l\":[\"00\",\"01\"]}}\nA.B/c/x1 {\"properties\":{\"l\":[\"10\",\"11\"]}}",
		},
		"order by ID, name and type with name": {
			`"resources":[{"type":"A.B/c","apiVersion":"1","name":"x","dependsOn":["[resourceId('A.B/c','y')]","A.B/c/v"]},
			  {"type":"A.B/c","apiVersion":"1","name":"y","dependsOn":["z"]},{"type":"A.B/c","apiVersion":"1","name":"z"},{"type":"A.B/c","apiVersion":"1","name":"v"}]`,
			"A.B/c/z {}\nA.B/c/y {}\nA.B/c/v {}\nA.B/c/x {}",
		},
		"order by reference": {
			`"resources":[{"type":"A.B/c","apiVersion":"1","name":"x","properties":{"r":"[if(false(),reference('acr').id,'none')]"}},
			  {"type":"Microsoft.ContainerRegistry/registries","apiVersion":"1","name":"acr"}]`,
			"Microsoft.ContainerRegistry/registries/acr {}\nA.B/c/x {\"properties\":{\"r\":\"none\"}}",
		},
		"child inside": {
			`"resources":[{"type":"A.B/c","apiVersion":"1","name":"x","resources":[{"type":"d","apiVersion":"1","name":"y","dependsOn":["x"]}]}]`,
			"A.B/c/x {}\nA.B/c/x/d/y {}",
		},
		"extension by scope": {
			`"resources":[{"type":"Microsoft.Authorization/locks","apiVersion":"1","name":"l","scope":"A.B/c/x"},
			  {"type":"Microsoft.Authorization/locks","apiVersion":"1","name":"m","scope":"/subscriptions/s"}]`,
			"A.B/c/x/providers/Microsoft.Authorization/locks/l {}\n/subscriptions/s/providers/Microsoft.Authorization/locks/m {}",
		},
		"extension by type": {
			`"resources":[{"type":"A.B/c/providers/roleAssignments","apiVersion":"1","name":"x/Microsoft.Authorization/g"}]`,
			"A.B/c/x/providers/Microsoft.Authorization/roleAssignments/g {}",
		},
		"module elsewhere": {
			`"resources":[{"type":"Microsoft.Resources/deployments","apiVersion":"1","name":"m","resourceGroup":"other","properties":{"template":{"x":"[nonsense("},"mode":"[concat('Incre','mental')]"}}]`,
			subscription + `/resourceGroups/other/providers/Microsoft.Resources/deployments/m {"properties":{"mode":"Incremental","template":{"x":"[nonsense("}}}`,
		},
		"group of a subscription": {
			`"resources":[{"type":"Microsoft.Resources/resourceGroups","apiVersion":"1","name":"new","location":"westeurope"}]`,
			subscription + `/resourceGroups/new {"location":"westeurope"}`,
		},
		"symbolic names": {
			`"languageVersion":"2.0","resources":{"b":{"type":"A.B/c","apiVersion":"1","name":"x","dependsOn":["z"],"properties":{"r":"[reference('acr').loginServer]","all":"[length(references('loop'))]"}},
			  "none":{"type":"A.B/e","apiVersion":"1","name":"e","condition":false,"dependsOn":["loop"]},
			  "acr":{"existing":true,"type":"Microsoft.ContainerRegistry/registries","apiVersion":"1","name":"acr"},
			  "loop":{"type":"A.B/d","apiVersion":"1","name":"[format('l{0}',copyIndex())]","copy":{"name":"loop","count":0}},
			  "z":{"type":"A.B/c","apiVersion":"1","name":"z"}}`,
			"Microsoft.ContainerRegistry/registries/acr {}\nA.B/c/z {}\nA.B/c/x {\"properties\":{\"all\":0,\"r\":\"acr.azurecr.io\"}}\nskipped A.B/e/e {}",
		},
		"a turn of a copy by its symbolic name": {
			`"languageVersion":"2.0","resources":{"a":{"type":"A.B/c","apiVersion":"1","name":"a","dependsOn":["[format('loop[{0}]',1)]"]},
			  "loop":{"type":"A.B/d","apiVersion":"1","name":"[format('l{0}',copyIndex())]","copy":{"name":"loop","count":2}}}`,
			"A.B/d/l1 {}\nA.B/c/a {}\nA.B/d/l0 {}",
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := bind(t, with(c.sections), "{}")
			if err != nil {
				t.Fatal(err)
			}
			if got := written(t, d); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// TestParameters says which values a parameter takes.
func TestParameters(t *testing.T) {
	const declared = `"definitions":{"rule":{"type":"object","properties":{"range":{"type":"string","minLength":7},"note":{"type":"string","nullable":true}},"additionalProperties":false},
	    "shape":{"type":"object","discriminator":{"propertyName":"kind","mapping":{"a":{"type":"object","properties":{"x":{"type":"int"}}},"b":{"$ref":"#/definitions/rule"}}}},
	    "loop":{"$ref":"#/definitions/loop"}},
	  "parameters":{"name":{"type":"string","defaultValue":"abcde","minLength":5,"maxLength":8},"sku":{"type":"string","defaultValue":"Basic","allowedValues":["Basic","Premium"]},
	    "count":{"type":"int","defaultValue":1,"minValue":1,"maxValue":9},"secret":{"type":"securestring","defaultValue":""},"derived":{"type":"string","defaultValue":"[concat(parameters('name'),'!')]"},
	    "rules":{"type":"array","items":{"$ref":"#/definitions/rule"},"defaultValue":[]},"on":{"type":"bool","nullable":true},"some":{"type":"array","allowedValues":["x","y"],"defaultValue":["x"]},
	    "shape":{"$ref":"#/definitions/shape","nullable":true},"map":{"type":"object","additionalProperties":{"type":"int"},"defaultValue":{}}},"resources":[],
	  "outputs":{"derived":{"type":"string","value":"[parameters('derived')]"},"secret":{"type":"securestring","value":"[parameters('secret')]"},"no":{"condition":false,"type":"int","value":1},
	    "many":{"type":"array","copy":{"count":2,"input":"[copyIndex()]"}}}`
	for given, want := range map[string]string{
		`{}`:                                                 "",
		`{"NAME":{"value":"fghij"}}`:                         "",
		`{"name":{"value":"abc"}}`:                           "length '3' must be greater than or equal to '5'",
		`{"name":{"value":"abcdefghi"}}`:                     "length '9' must be less than or equal to '8'",
		`{"name":{"value":7}}`:                               "has the type 'Integer', not 'String'",
		`{"sku":{"value":"Free"}}`:                           "not part of the allowed value(s): '[\"Basic\",\"Premium\"]'",
		`{"count":{"value":10}}`:                             "value '10' must be less than or equal to '9'",
		`{"count":{"value":1.5}}`:                            "has the type 'Float', not 'Int'",
		`{"other":{"value":1}}`:                              "The only supported parameters for this template are 'count, derived",
		`{"name":{"reference":{"keyVault":{}}}}`:             "refers to a secret of a key vault",
		`{"name":7}`:                                         "Please specify the value",
		`{"on":{"value":null}}`:                              "",
		`{"name":{"value":null}}`:                            "",
		`{"rules":{"value":[{"range":"10.0.0.0/8"}]}}`:       "",
		`{"rules":{"value":[{"range":"short"}]}}`:            "'rules[0].range' is not valid",
		`{"rules":{"value":[{"range":"10.0.0.0/8","x":1}]}}`: "'rules[0].x' is not allowed",
		`{"rules":{"value":[{}]}}`:                           "'rules[0].range' has the type 'Null'",
		`{"some":{"value":["x","y"]}}`:                       "",
		`{"some":{"value":["z"]}}`:                           "The value 'z' is not part",
		`{"shape":{"value":{"kind":"a","x":1}}}`:             "",
		`{"shape":{"value":{"kind":"a","x":"1"}}}`:           "'shape.x' has the type 'String'",
		`{"shape":{"value":{"kind":"c"}}}`:                   "'shape.kind' is not one of 'a, b'",
		`{"map":{"value":{"a":1,"b":"2"}}}`:                  "'map.b' has the type 'String'",
	} {
		d, err := bind(t, with(declared), given)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", given, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %s", given, err, want)
		}
		if given != `{}` {
			continue
		}
		outputs, err := d.Outputs()
		if err != nil {
			t.Fatal(err)
		}
		if got := encode(t, outputs); got != `{"derived":{"type":"String","value":"abcde!"},"many":{"type":"Array","value":[0,1]},"secret":{"type":"SecureString"}}` {
			t.Errorf("outputs are %s", got)
		}
		if shown := encode(t, d.Parameters()["secret"]); shown != `{"type":"SecureString"}` {
			t.Errorf("a secret is shown: %s", shown)
		}
	}
}

// TestInvalid says what is wrong with a template, and where.
func TestInvalid(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no JSON":          {`{"a":`, "Line 1, position 6"},
		"not closed":       {`{"a":"b`, "a string is not closed"},
		"two values":       {`{} {}`, "nothing is expected"},
		"no object":        {`[]`, "not a JSON object"},
		"no schema":        {`{"contentVersion":"1"}`, "no '$schema'"},
		"unknown section":  {with(`"resource":[]`), "Could not find member 'resource'"},
		"resources":        {with(`"resources":1`), "neither an array nor an object"},
		"a resource":       {with(`"resources":[{}]`), "the resource has no 'type'"},
		"no version":       {with(`"resources":[{"type":"A.B/c","name":"x"}]`), "no 'apiVersion'"},
		"position":         {with("\"resources\":[\n  {\"type\":\"A.B/c\",\"apiVersion\":\"1\",\"name\":\"[nonsense()]\"}]"), "at line '2' and column '3'"},
		"names":            {with(`"resources":[{"type":"A.B/c","apiVersion":"1","name":"x/y"}]`), "a type has one part more"},
		"twice":            {with(`"resources":[{"type":"A.B/c","apiVersion":"1","name":"x"},{"type":"a.b/C","apiVersion":"1","name":"X"}]`), "defined multiple times"},
		"circle":           {with(`"resources":[{"type":"A.B/c","apiVersion":"1","name":"x","dependsOn":["y"]},{"type":"A.B/c","apiVersion":"1","name":"y","dependsOn":["x"]}]`), "Circular dependency"},
		"itself":           {with(`"resources":[{"type":"A.B/c","apiVersion":"1","name":"x","dependsOn":["x"]}]`), "Circular dependency"},
		"unknown before":   {with(`"resources":[{"type":"A.B/c","apiVersion":"1","name":"x","dependsOn":["y"]}]`), "'y' is not defined in the template"},
		"early reference":  {with(`"resources":[{"type":"A.B/c","apiVersion":"1","name":"[reference('y').z]"}]`), "not expected at this location"},
		"early variable":   {with(`"variables":{"a":"[reference('y','1').z]"}`), "not expected at this location"},
		"circle of values": {with(`"variables":{"a":"[variables('b')]","b":"[variables('a')]"}`), "refers to itself"},
		"no parameter":     {with("\"parameters\":{\n\"a\":{\"type\":\"string\"}}"), "'a' at line '2' and column '5' is not provided"},
		"type":             {with(`"parameters":{"a":{"type":"text"}}`), "the type 'text' is not one of"},
		"definition":       {with(`"parameters":{"a":{"$ref":"#/definitions/none"}}`), "is not in the template"},
		"definition loop":  {with(`"definitions":{"l":{"$ref":"#/definitions/l"}},"parameters":{"a":{"$ref":"#/definitions/l"}}`), "without end"},
		"copies":           {with(`"resources":[{"type":"A.B/c","apiVersion":"1","name":"[string(copyIndex())]","copy":{"name":"l","count":801}}]`), "the limit of '800'"},
		"copy mode":        {with(`"resources":[{"type":"A.B/c","apiVersion":"1","name":"x","copy":{"name":"l","count":1,"mode":"Quick"}}]`), "Parallel, Serial"},
		"copy name":        {with(`"resources":[{"type":"A.B/c","apiVersion":"1","name":"x","copy":{"count":1}}]`), "has no name"},
		"condition":        {with(`"resources":[{"type":"A.B/c","apiVersion":"1","name":"x","condition":"yes"}]`), "not 'Boolean'"},
		"too many": {
			with(`"resources":[{"type":"A.B/c","apiVersion":"1","name":"[string(copyIndex())]","copy":{"name":"l","count":800}},{"type":"A.B/c","apiVersion":"1","name":"x"}]`),
			"the limit of '800'",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := bind(t, c.text, "{}")
			var known *template.Error
			if !errors.As(err, &known) || !strings.Contains(known.Message, c.want) {
				t.Errorf("is %v, want %s", err, c.want)
			}
		})
	}
}

// TestHostile binds templates that are made to be expensive. Each ends with an error, and soon.
func TestHostile(t *testing.T) {
	double := `"a0":"xxxxxxxxxxxxxxxx"`
	pairs := `"a0":["x"]`
	chain := `"v511":1`
	for i := 1; i < 60; i++ {
		double += fmt.Sprintf(`,"a%d":"[concat(variables('a%d'),variables('a%d'))]"`, i, i-1, i-1)
		pairs += fmt.Sprintf(`,"a%d":["[variables('a%d')]","[variables('a%d')]"]`, i, i-1, i-1)
	}
	for i := 1; i < 512; i++ {
		chain += fmt.Sprintf(`,"v%d":"[variables('v%d')]"`, i-1, i)
	}
	for name, text := range map[string]string{
		"doubled strings": with(`"variables":{` + double + `}`),
		"doubled lists":   with(`"variables":{` + pairs + `}`),
		"chained":         with(`"variables":{` + chain + `}`),
		"calls":           with(`"variables":{"a":"[` + strings.Repeat("not(", 5000) + "true()" + strings.Repeat(")", 5000) + `]"}`),
		"long":            with(`"variables":{"a":"[concat('` + strings.Repeat("x", 25000) + `')]"}`),
		"nested":          with(`"variables":{"a":` + strings.Repeat("[", 100000) + strings.Repeat("]", 100000) + `}`),
		"lambdas":         with(`"variables":{"a":"[map(range(0,10000),lambda('x',map(range(0,10000),lambda('y',range(0,10000)))))]"}`),
		"growing":         with(`"variables":{"a":"[reduce(range(0,10000),createArray(),lambda('a','b',createArray(lambdaVariables('a'))))]"}`),
		"replaced":        with(`"variables":{"a":"[replace(padLeft('',1000000,'a'),'a',padLeft('',1000000,'b'))]"}`),
		"formatted":       with(`"variables":{"b":"[padLeft('',1000000,'b')]","a":"[format('` + strings.Repeat("{0}", 5000) + `',variables('b'))]"}`),
		"own functions": with(`"functions":[{"namespace":"n","members":{"f":{"parameters":[],"output":{"type":"int","value":"[n.f()]"}}}}],
			"variables":{"a":"[n.f()]"}`),
		"comment": `{"$schema":"s" /*`,
	} {
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			if _, err := bind(t, text, "{}"); err == nil {
				t.Error("is taken")
			}
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// TestCanceled ends the evaluation with its context.
func TestCanceled(t *testing.T) {
	read, err := template.Parse([]byte(with(`"variables":{"a":"[map(range(0,10000),lambda('x',add(1,lambdaVariables('x'))))]"}`)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := template.Bind(ctx, read, environment(nil), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("is %v", err)
	}
}

// TestOuterScope nests a template whose expressions are those of the one around it.
func TestOuterScope(t *testing.T) {
	around, err := bind(t, with(`"parameters":{"p":{"type":"string","defaultValue":"outer"}},"variables":{"v":"seen"},
	  "resources":[{"type":"Microsoft.Resources/deployments","apiVersion":"1","name":"[format('m{0}',copyIndex())]","copy":{"name":"l","count":2}}]`), "{}")
	if err != nil {
		t.Fatal(err)
	}
	env := environment(registry)
	env.Scope, env.Outer = subscription+"/resourceGroups/other", around.Nested(around.Resources()[1])
	nested := with(`"parameters":{"p":{"type":"string"}},"resources":[{"type":"A.B/c","apiVersion":"1","name":"x",
	  "properties":{"p":"[parameters('p')]","v":"[variables('v')]","i":"[copyIndex('l')]","id":"[resourceGroup().name]"}}]`)
	d, err := bindAt(t, env, nested, "{}")
	if err != nil {
		t.Fatal(err)
	}
	want := subscription + `/resourceGroups/other/providers/A.B/c/x {"properties":{"i":1,"id":"rg","p":"outer","v":"seen"}}`
	if got := written(t, d); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// TestHash tells templates apart by what they say.
func TestHash(t *testing.T) {
	hash := func(text string) string {
		read, err := template.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return read.Hash()
	}
	one, same, other := hash(with(`"resources":[]`)), hash(with("\n\"resources\": [] /* none */")), hash(with(`"resources":[],"variables":{}`))
	if one != same || one == other {
		t.Errorf("hashes are %s, %s, %s", one, same, other)
	}
}
