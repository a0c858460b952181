package taskfile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
)

// aliasVersion is the first version of the language that has aliases. Versions are compared as texts, as ACR's engine does.
const aliasVersion = "v1.1.0"

// globalAliases are those that every task has: the values of its run, and images that a cmd may name without a directive
// (acr-tasks §1.2).
func globalAliases() map[string]string {
	aliases := map[string]string{
		"acr":  "mcr.microsoft.com/acr/acr-cli:0.19",
		"az":   "mcr.microsoft.com/acr/azure-cli:2ff604c",
		"bash": "mcr.microsoft.com/acr/bash:2ff604c",
		"curl": "mcr.microsoft.com/acr/curl:2ff604c",
		"cssc": "mcr.microsoft.com/acr/cssc:2ff604c",
	}
	for _, name := range []string{"ID", "SharedVolume", "Registry", "RegistryName", "Date", "OS", "Architecture", "Commit", "Branch"} {
		aliases[name] = "{{.Run." + name + "}}"
	}
	return aliases
}

// withoutComments drops the lines that are comments, wherever they are: in a text over several lines, too.
func withoutComments(text string) string {
	var kept []string
	for line := range strings.SplitSeq(text, "\n") {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// findVersion finds the version by the first line that begins with it; YAML is not read yet.
func findVersion(text string) string {
	for line := range strings.Lines(text) {
		key, value, found := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		if found && strings.HasPrefix(strings.TrimLeft(line, `'"`), "version") && unquoted(key) == "version" {
			return unquoted(value)
		}
	}
	return ""
}

func unquoted(text string) string { return strings.Trim(strings.TrimSpace(text), `'"`) }

// topLevel is a line with a key at the left margin, which ends the part about aliases.
var topLevel = regexp.MustCompile(`^[^\s:]+[^:]*:`)

// splitAliases parts what stands below alias: from the rest. Both end in a line feed, if there is anything of them.
func splitAliases(text string) (aliases, rest string) {
	var within, without strings.Builder
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		name, _, isKey := strings.Cut(line, ":")
		if isKey && strings.TrimRight(name, " \t") == "alias" {
			inside = true
		} else if topLevel.MatchString(line) {
			inside = false
		}
		if inside {
			within.WriteString(line + "\n")
		} else {
			without.WriteString(line + "\n")
		}
	}
	return within.String(), without.String()
}

// The refusals of aliases, in the engine's words.
var (
	errDirectiveLength = errors.New("$ directive can only be overwritten by a single character")
	errDirectiveChoice = errors.New("overwritten directives may not be alphanumeric characters")
	errAliasName       = errors.New("alias key names only support alphanumeric characters")
)

// aliasSet is what a text's aliases stand for.
type aliasSet struct {
	directive rune
	values    map[string]string
}

// readAliases reads the part about aliases. Nearer definitions win: the task's own, then its sources from the last to
// the first, then the global ones.
func readAliases(ctx context.Context, text string, in Input) (*aliasSet, error) {
	var file struct {
		Alias fileAlias `yaml:"alias"`
	}
	root, err := readYAML(text)
	if err == nil {
		err = decode(root, &file)
	}
	if err != nil {
		return nil, fmt.Errorf("error during alias unmarshaling: %w", err)
	}
	set := &aliasSet{directive: '$', values: globalAliases()}
	for _, source := range file.Alias.Source {
		if err := set.load(ctx, source, in); err != nil {
			return nil, err
		}
	}
	maps.Copy(set.values, file.Alias.Values)
	return set, set.check(file.Alias.Directive)
}

// load adds the aliases of another file.
func (s *aliasSet) load(ctx context.Context, source string, in Input) error {
	if in.AliasFile == nil {
		return fmt.Errorf("the aliases of %s cannot be read here", source)
	}
	text, err := in.AliasFile(ctx, source)
	if err == nil {
		err = checkSize("the alias file "+source, text)
	}
	if err != nil {
		return err
	}
	root, err := readYAML(text)
	if err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	values := map[string]string{}
	if err := decode(root, &values); err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	maps.Copy(s.values, values)
	return nil
}

func (s *aliasSet) check(directive string) error {
	runes := []rune(directive)
	switch {
	case len(runes) > 1:
		return errDirectiveLength
	case len(runes) == 1 && isAlphanumeric(runes[0]):
		return errDirectiveChoice
	case len(runes) == 1:
		s.directive = runes[0]
	}
	for name := range s.values {
		if strings.ContainsFunc(name, func(r rune) bool { return !isAlphanumeric(r) }) || name == "" {
			return errAliasName
		}
	}
	return nil
}

func isAlphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

// replace puts their values in the place of aliases. An unknown one stays as it is written, and so does a directive that
// comes right after it: "$unknown$Registry" has no alias in it. A doubled directive stands for itself.
func (s *aliasSet) replace(text string) (string, error) {
	directive := string(s.directive)
	var out strings.Builder
	for text != "" && out.Len() <= maxText {
		before, after, found := strings.Cut(text, directive)
		out.WriteString(before)
		if !found {
			break
		}
		name := after[:nameEnd(after)]
		text = after[len(name):]
		value, known := s.values[name]
		switch {
		case known:
			out.WriteString(value)
		case strings.HasPrefix(text, directive): // escaped, or no alias
			out.WriteString(strings.Repeat(directive, min(len(name), 1)) + name + directive)
			text = text[len(directive):]
		default:
			out.WriteString(directive + name)
		}
	}
	if out.Len() > maxText {
		return "", fmt.Errorf("the task has more than %d bytes once its aliases are replaced", maxText)
	}
	return out.String(), nil
}

// nameEnd is where the letters and digits at the beginning of a text end.
func nameEnd(text string) int {
	if end := strings.IndexFunc(text, func(r rune) bool { return !isAlphanumeric(r) }); end >= 0 {
		return end
	}
	return len(text)
}

// image replaces the first word of a cmd, if it is an alias.
func (s *aliasSet) image(cmd string) string {
	if s == nil {
		return cmd
	}
	cmd = strings.TrimSpace(cmd)
	word, rest, _ := strings.Cut(cmd, " ")
	if value, known := s.values[word]; known {
		return strings.TrimSuffix(value+" "+rest, " ")
	}
	return cmd
}
