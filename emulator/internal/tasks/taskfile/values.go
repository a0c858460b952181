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
	if err := checkSize("the values file", in.Values); err != nil {
		return nil, err
	}
	values := map[string]any{}
	root, err := readYAML(in.Values)
	if err == nil && root.kind == mappingNode {
		left := maxValues
		values, err = root.mappingValue(&left)
	} else if err == nil && root.scalarValue() != nil {
		err = fmt.Errorf("yaml: line %d: cannot unmarshal %s into templating.Values", root.line, root.describe())
	}
	if err != nil {
		return nil, fmt.Errorf("error while loading exec steps: failed to override values: failed to deserialize values: %w", err)
	}
	for _, set := range in.Set {
		if set.Name == "" {
			return nil, errSetName
		}
		values[set.Name] = set.Value
	}
	return values, nil
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
