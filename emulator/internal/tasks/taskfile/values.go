package taskfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

var errSetName = errors.New("error while loading exec steps: failed to parse --set data; expected a key=val format")

// readValues reads a values file, and replaces what was set. A value that is set is text, whatever it looks like.
func readValues(in Input) (map[string]any, error) {
	values := map[string]any{}
	if err := fillValues(values, in.Values); err != nil {
		return nil, fmt.Errorf("error while loading exec steps: failed to override values: %w", err)
	}
	for _, set := range in.Set {
		if set.Name == "" {
			return nil, errSetName
		}
		values[set.Name] = set.Value
	}
	return values, nil
}

// fillValues adds the values of a file. They are texts, numbers and lists of such: ACR's engine cannot give a mapping to
// templates, and says so in these words.
func fillValues(values map[string]any, text string) error {
	if err := checkSize("the values file", text); err != nil {
		return err
	}
	root, err := readYAML(text)
	if err == nil && (root.kind == listNode || root.kind == scalarNode && root.scalarValue() != nil) {
		err = fmt.Errorf("yaml: unmarshal errors:\n  line %d: cannot unmarshal %s into templating.Values", root.line, root.describe())
	}
	if err != nil {
		return fmt.Errorf("failed to deserialize values. Try rendering your template locally using the instructions found at https://github.com/Azure/acr-builder. Err: %w", err)
	}
	left := maxValues
	for _, e := range root.entries {
		if e.value.hasMapping(&left) {
			return errors.New("failed to serialize Values: json: unsupported type: map[interface {}]interface {}")
		}
		if values[e.key], err = e.value.value(&left); err != nil {
			return err
		}
	}
	return nil
}

// templateData is what templates may name (acr-tasks §1.2).
func templateData(in Input) (map[string]any, error) {
	values, err := readValues(in)
	if err != nil {
		return nil, err
	}
	run := in.Run.values()
	valuesJSON, err := json.Marshal(values)
	if err != nil {
		return nil, fmt.Errorf("failed to serialize Values: %w", err)
	}
	runJSON, err := json.Marshal(run)
	if err != nil {
		return nil, fmt.Errorf("failed to serialize Run: %w", err)
	}
	return map[string]any{
		"Build":      map[string]any{"ID": in.Run.ID},
		"Run":        run,
		"Values":     values,
		"ValuesJSON": shellQuote(string(valuesJSON)),
		"RunJSON":    shellQuote(string(runJSON)),
		"Secrets":    map[string]any{},
	}, nil
}

func (r Run) values() map[string]any {
	name, _, _ := strings.Cut(r.Registry, ".")
	return map[string]any{
		"ID":           r.ID,
		"Commit":       r.Commit,
		"Repository":   r.Repository,
		"Branch":       r.Branch,
		"GitTag":       r.GitTag,
		"TriggeredBy":  r.TriggeredBy,
		"Registry":     r.Registry,
		"RegistryName": name,
		"Date":         r.Date.UTC().Format("20060102-150405z"),
		"SharedVolume": r.SharedVolume,
		"OS":           r.OS,
		"OSVersion":    r.OSVersion,
		"Architecture": r.Architecture,
		"TaskName":     r.TaskName,
	}
}

var unsafeInShell = regexp.MustCompile(`[^\w@=+%,:./^-]`)

// shellQuote puts a text in quotation marks if a shell would not take it as one word.
func shellQuote(text string) string {
	if text == "" || unsafeInShell.MatchString(text) {
		return "'" + strings.ReplaceAll(text, "'", `'"'"'`) + "'"
	}
	return text
}
