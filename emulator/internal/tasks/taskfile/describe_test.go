package taskfile

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// describe writes a task down as the cases have it: a line for each step, and what is not the default.
func describe(t *Task) string {
	var b strings.Builder
	fmt.Fprintln(&b, "version", t.Version)
	for _, s := range t.Secrets {
		fmt.Fprintf(&b, "secret %s %s %s\n", s.ID, s.KeyVault, s.ClientID)
	}
	for _, n := range t.Networks {
		if n != (Network{Name: "acb_default_network", Driver: "bridge", IsDefault: true}) {
			fmt.Fprintf(&b, "network %+v\n", n)
		}
	}
	for _, v := range t.Volumes {
		for _, name := range slices.Sorted(maps.Keys(v.Files)) {
			fmt.Fprintf(&b, "volume %s %s=%q\n", v.Name, name, v.Files[name])
		}
	}
	for _, s := range t.Steps {
		var after []string
		for _, i := range s.After {
			after = append(after, t.Steps[i].ID)
		}
		fmt.Fprintf(&b, "step %s after [%s]\n", s.ID, strings.Join(after, " "))
		describeStep(&b, s)
	}
	return b.String()
}

func describeStep(b *strings.Builder, s Step) {
	switch {
	case s.Cmd != nil:
		fmt.Fprintf(b, "  run %s %q\n", s.Cmd.Image, s.Cmd.Args)
		describeFields(b, *s.Cmd, "Image", "Args")
	case s.Build != nil:
		fmt.Fprintf(b, "  build %s\n", s.Build.Context)
		describeFields(b, *s.Build, "Context")
	default:
		fmt.Fprintf(b, "  push %s\n", strings.Join(s.Push, " "))
	}
	describeFields(b, s, "ID", "After", "Cmd", "Build", "Push", "Text")
}

// describeFields writes the fields that are set and not at their default.
func describeFields(b *strings.Builder, of any, except ...string) {
	defaults := map[string]string{"Timeout": "10m0s", "RetryDelay": "5s", "Network": "acb_default_network"}
	v := reflect.ValueOf(of)
	for i := range v.NumField() {
		name, field := v.Type().Field(i).Name, v.Field(i)
		text := fmt.Sprintf("%+v", field.Interface())
		if field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.String {
			text = fmt.Sprintf("%q", field.Interface())
		}
		if !field.IsZero() && !slices.Contains(except, name) && text != defaults[name] {
			fmt.Fprintf(b, "  %s %s\n", name, text)
		}
	}
}
