package template_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/acrlocal/acrlocal/emulator/internal/template"
)

// FuzzTemplate binds and evaluates anything: it ends, with values or with an *Error.
func FuzzTemplate(f *testing.F) {
	files, _ := filepath.Glob("../../../e2e/testdata/template/*.json")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(with(`"resources":{"a":{"type":"A.B/c","apiVersion":"1","name":"x","copy":{"name":"l","count":2}}}`)))
	f.Add([]byte(with(`functions:[{"namespace":"n","members":{"f":{"parameters":[],"output":{"type":"int","value":1}}}}], "outputs":{"o":{"type":"int","value":"[n.f()]"}}`)))
	f.Fuzz(func(t *testing.T, text []byte) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		read, err := template.Parse(text)
		if err != nil {
			checkError(t, err)
			return
		}
		d, err := template.Bind(ctx, read, environment(registry), map[string]any{"registryName": map[string]any{"value": "fuzzed"}})
		if err != nil {
			checkError(t, err)
			return
		}
		for _, r := range d.Resources() {
			if _, err := d.Body(r); err != nil {
				checkError(t, err)
			}
		}
		if _, err := d.Outputs(); err != nil {
			checkError(t, err)
		}
	})
}

func checkError(t *testing.T, err error) {
	var known *template.Error
	if !errors.As(err, &known) || known.Code == "" || known.Message == "" {
		t.Fatalf("an error of no kind: %v", err)
	}
}

// FuzzJSON reads what is JSON as everybody does, and anything else without trouble.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"properties":{"mode":"Incremental",template:{/* c */"a":[1,-2.5e3,null,true,"\u00e9\n"],}}}`))
	f.Add([]byte("{\"a\": \"line\nbreak\", \"b\": {}} // end"))
	f.Fuzz(func(t *testing.T, text []byte) {
		body, _, err := template.ReadBody(text)
		var want map[string]any
		if json.Unmarshal(text, &want) != nil || want == nil || !utf8.Valid(text) || bytes.Count(text, []byte("[")) > 100 || bytes.Count(text, []byte("{")) > 100 {
			return
		}
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		data, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(data, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, want %v; %v", text, got, want, err)
		}
	})
}

// FuzzExpression evaluates anything in brackets.
func FuzzExpression(f *testing.F) {
	for _, seed := range []string{
		"concat('a',1)", "variables('object').a.B", "map(range(0,3),lambda('x',lambdaVariables('x')))", "format('{0,3:D2}',1)",
		"parseCidr('10.0.0.0/8')", "dateTimeAdd('2020-01-01','P1D','yyyy')", "union(createObject('a',1),json('{\"a\":2}'))",
		"reference(resourceId('A.B/c','d'),'1','Full')", "own.double(2)", "if(true(),1,fail('x'))", "substring('abc',1)",
		"cidrSubnet('fd00::/48',64,1)", "split('a,b',createArray(','))", "-9223372036854775808", "tryGet(variables('list'),0)",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		if _, err := evaluate("[" + expression + "]"); err != nil {
			checkError(t, err)
		}
	})
}
