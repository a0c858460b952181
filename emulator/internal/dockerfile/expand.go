package dockerfile

import (
	"fmt"
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// predefined are the arguments that need no ARG (Dockerfile reference, "Predefined ARGs").
var predefined = []string{
	"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY", "ftp_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy",
}

// platformArguments are the values that tell platforms (Dockerfile reference, "Automatic platform ARGs in the global scope").
func platformArguments(target v1.Platform) map[string]string {
	all := map[string]string{}
	for prefix, p := range map[string]v1.Platform{"TARGET": target, "BUILD": {OS: "linux", Architecture: runtime.GOARCH}} {
		all[prefix+"PLATFORM"] = (&v1.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant}).String()
		all[prefix+"OS"], all[prefix+"ARCH"], all[prefix+"VARIANT"] = p.OS, p.Architecture, p.Variant
	}
	return all
}

// setGlobal gives the arguments before the first FROM their values.
func (b *build) setGlobal() error {
	for name := range b.Args {
		if !slices.Contains(predefined, name) {
			b.unread[name] = true
		}
	}
	b.global = platformArguments(b.Platform)
	for name := range b.global {
		b.override(name)
	}
	for _, command := range b.arguments {
		for _, argument := range command.Args {
			value, err := b.expandArgument(argument)
			if err != nil {
				return err
			}
			if value != nil {
				b.global[argument.Key] = *value
			}
			b.override(argument.Key)
		}
	}
	return nil
}

// expandFroms finds out what every FROM names. One that cannot be known is an error when its turn comes.
func (b *build) expandFroms() {
	b.bases = make([]base, len(b.stages))
	for i, s := range b.stages {
		b.bases[i] = b.expandFrom(s)
	}
}

// base is what a FROM names.
type base struct {
	name, platform string
	err            error
}

func (b *build) expandArgument(a instructions.KeyValuePairOptional) (*string, error) {
	if a.Value == nil {
		return nil, nil
	}
	value, err := b.word(*a.Value, b.global, false)
	return &value, err
}

// override gives a global argument the value of the options, if there is one.
func (b *build) override(name string) {
	if value, given := b.Args[name]; given {
		b.global[name] = value
		delete(b.unread, name)
	}
}

func (b *build) expandFrom(s instructions.Stage) base {
	name, err := b.word(s.BaseName, b.global, false)
	if err == nil && name == "" {
		err = fmt.Errorf("base name (%s) should not be blank", s.BaseName)
	}
	if err != nil {
		return base{err: err}
	}
	platform, err := b.word(s.Platform, b.global, false)
	return base{name, platform, err}
}

// values are the arguments that the stage knows. A variable of the image goes before an argument of that name.
func (s *stage) values() map[string]string {
	all := map[string]string{}
	for _, name := range predefined {
		if value, given := s.Args[name]; given {
			all[name] = value
		}
	}
	for name, value := range s.declared {
		if value != nil {
			all[name] = *value
		}
	}
	return all
}

// variables are what words are expanded with.
func (s *stage) variables() map[string]string {
	all := s.values()
	maps.Copy(all, environment(s.config.Config.Env))
	return all
}

func environment(list []string) map[string]string {
	all := make(map[string]string, len(list))
	for _, entry := range list {
		name, value, _ := strings.Cut(entry, "=")
		all[name] = value
	}
	return all
}

// expand replaces the variables in an instruction.
func (s *stage) expand(command instructions.Command) error {
	variables := s.variables()
	if c, can := command.(instructions.SupportsSingleWordExpansion); can {
		if err := c.Expand(func(word string) (string, error) { return s.word(word, variables, false) }); err != nil {
			return err
		}
	}
	if c, can := command.(instructions.SupportsSingleWordExpansionRaw); can {
		return c.ExpandRaw(func(word string) (string, error) { return s.word(word, variables, true) })
	}
	if c, is := command.(*instructions.ExposeCommand); is {
		return s.expandPorts(c, variables)
	}
	return nil
}

// expandPorts expands each word of EXPOSE to any number of ports.
func (s *stage) expandPorts(c *instructions.ExposeCommand, variables map[string]string) error {
	var ports []string
	for _, port := range c.Ports {
		expanded, err := s.word(port, variables, false)
		if err != nil {
			return err
		}
		ports = append(ports, strings.Fields(expanded)...)
	}
	c.Ports = ports
	return nil
}

// word expands a word. In a raw one, quotation marks mean nothing.
func (b *build) word(word string, variables map[string]string, raw bool) (string, error) {
	lex := shell.NewLex(b.escape)
	if raw {
		lex = shell.NewLex('\\')
		lex.SkipProcessQuotes = true
	}
	values := &boundedValues{values: variables, left: b.budget(word)}
	expanded, _, err := lex.ProcessWord(word, values)
	if err == nil && (values.left < 0 || len(expanded) > b.Limits.Word) {
		return "", fmt.Errorf("failed to process %.100q: %w", word, limitError("bytes in an expanded word", int64(b.Limits.Word)))
	}
	if b.expanded += len(expanded); err == nil && b.expanded > maxExpanded {
		return "", limitError("bytes in all words of a build", maxExpanded)
	}
	return expanded, err
}

// maxExpanded is what all words of a build may come to, in bytes: one line may have a hundred thousand words.
const maxExpanded = 8 << 20

// replacement is how an expansion that may multiply begins: ${name//pattern/replacement}.
var replacement = regexp.MustCompile(`\$\{\w+//`)

// maxProduct is what values that are multiplied may come to, in bytes.
const maxProduct = 64 << 20

// budget is how many bytes of values a word may use. Replacements multiply what goes in: of factors with a given sum, equal
// ones have the largest product.
func (b *build) budget(word string) int {
	factors := len(replacement.FindAllStringIndex(word, -1)) + 1
	if factors == 1 {
		return b.Limits.Word
	}
	root := 1
	for power(root+1, factors) <= maxProduct {
		root++
	}
	return min(root*factors-len(word), b.Limits.Word)
}

// power is the power of a number, or something above maxProduct.
func power(base, exponent int) int {
	result := 1
	for range exponent {
		if result *= base; result > maxProduct {
			break
		}
	}
	return result
}

// boundedValues hands out values as long as they are within a budget.
type boundedValues struct {
	values map[string]string
	left   int
}

// Get implements shell.EnvGetter.
func (v *boundedValues) Get(name string) (string, bool) {
	value, known := v.values[name]
	if v.left -= len(value); v.left < 0 {
		return "", known
	}
	return value, known
}

// Keys implements shell.EnvGetter.
func (v *boundedValues) Keys() []string { return slices.Sorted(maps.Keys(v.values)) }
