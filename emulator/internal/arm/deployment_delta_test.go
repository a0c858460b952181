package arm

import (
	"encoding/json"
	"testing"
)

// TestDelta says how what-if writes the difference of two documents.
func TestDelta(t *testing.T) {
	for _, c := range []struct{ before, after, want string }{
		{`{"a":1,"b":{"c":[1]}}`, `{"a":1,"b":{"c":[1]}}`, `null`},
		{`{}`, `{"a":{"b":1}}`, `[{"after":{"b":1},"path":"a","propertyChangeType":"Create"}]`},
		{`{"a":1}`, `{}`, `[{"before":1,"path":"a","propertyChangeType":"Delete"}]`},
		{`{"a":{"b":1}}`, `{"a":{"b":"1"}}`, `[{"after":"1","before":1,"path":"a.b","propertyChangeType":"Modify"}]`},
		{`{"a":{"b":1}}`, `{"a":[]}`, `[{"after":[],"before":{"b":1},"path":"a","propertyChangeType":"Modify"}]`},
		{
			`{"a":[1,2]}`, `{"a":[1]}`,
			`[{"after":[1],"before":[1,2],"children":[{"before":2,"path":"1","propertyChangeType":"Delete"}],"path":"a","propertyChangeType":"Array"}]`,
		},
		{
			`{"a":[{"b":1,"c":2}]}`, `{"a":[{"b":1,"c":3}]}`,
			`[{"after":[{"b":1,"c":3}],"before":[{"b":1,"c":2}],"children":[{"after":{"b":1,"c":3},"before":{"b":1,"c":2},` +
				`"children":[{"after":3,"before":2,"path":"c","propertyChangeType":"Modify"}],"path":"0","propertyChangeType":"Modify"}],"path":"a","propertyChangeType":"Array"}]`,
		},
		{
			`{"a":[1]}`, `{"a":["x"]}`,
			`[{"after":["x"],"before":[1],"children":[{"after":"x","before":1,"path":"0","propertyChangeType":"Modify"}],"path":"a","propertyChangeType":"Array"}]`,
		},
	} {
		var before, after map[string]any
		if json.Unmarshal([]byte(c.before), &before) != nil || json.Unmarshal([]byte(c.after), &after) != nil {
			t.Fatal("the table is no JSON")
		}
		if got, _ := json.Marshal(compareObjects(before, after, "")); string(got) != c.want {
			t.Errorf("%s to %s is\n%s, want\n%s", c.before, c.after, got, c.want)
		}
	}
}
