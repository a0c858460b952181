package taskfile

import (
	"fmt"
	"strings"
)

// option is a flag of a docker command.
type option struct {
	// names are the long name, and after a comma the short one.
	names string
	// on is for a flag without a value.
	on *bool
	// text receives the value of a flag, the last one given.
	text *string
	// list receives all values.
	list *[]string
}

// flagsOf makes a table of flags that are read, and mean nothing.
func flagsOf(names string, withValue bool) []option {
	var flags []option
	for _, name := range strings.Fields(names) {
		if withValue {
			flags = append(flags, option{names: name, list: new([]string)})
		} else {
			flags = append(flags, option{names: name, on: new(bool)})
		}
	}
	return flags
}

func (f option) takesValue() bool { return f.on == nil }

// label is how docker names a flag in messages.
func (f option) label() string {
	long, short, both := strings.Cut(f.names, ",")
	if both {
		return "-" + short + ", --" + long
	}
	return "--" + long
}

func (f option) set(value string) error {
	switch {
	case f.on != nil:
		truth, known := map[string]bool{"true": true, "1": true, "t": true, "false": false, "0": false, "f": false}[strings.ToLower(value)]
		if !known {
			return fmt.Errorf("invalid argument %q for %q flag: strconv.ParseBool: parsing %q: invalid syntax", value, f.label(), value)
		}
		*f.on = truth
	case f.text != nil:
		*f.text = value
	default:
		*f.list = append(*f.list, value)
	}
	return nil
}

// command is a docker command line.
type command struct {
	// name is such as "docker build".
	name  string
	flags []option
	// refused are flags that the command has, and that are not emulated.
	refused string
	// firstEnds says that the flags end at the first argument.
	firstEnds bool
}

// parse reads the flags, and returns the arguments.
func (c *command) parse(words []string) (args []string, err error) {
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		switch {
		case word == "--":
			return append(args, words...), nil
		case strings.HasPrefix(word, "--"):
			words, err = c.long(word[2:], words)
		case strings.HasPrefix(word, "-") && word != "-":
			words, err = c.short(word[1:], words)
		case c.firstEnds:
			return append(args, append([]string{word}, words...)...), nil
		default:
			args = append(args, word)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return args, nil
}

// long reads --name, --name value or --name=value.
func (c *command) long(word string, words []string) (rest []string, err error) {
	name, value, given := strings.Cut(word, "=")
	f := c.find(name, true)
	switch {
	case f == nil:
		return nil, c.unknown(name)
	case given:
	case !f.takesValue():
		value = "true"
	case len(words) == 0:
		return nil, fmt.Errorf("flag needs an argument: --%s", name)
	default:
		value, words = words[0], words[1:]
	}
	return words, f.set(value)
}

// short reads -n, -n value, -nvalue, -n=value, and several in one word.
func (c *command) short(letters string, words []string) (rest []string, err error) {
	for letters != "" {
		f := c.find(letters[:1], false)
		if f == nil {
			return nil, fmt.Errorf("unknown shorthand flag: %q in -%s", letters[0], letters)
		}
		value, given := strings.CutPrefix(letters[1:], "=")
		switch {
		case given:
			return words, f.set(value)
		case !f.takesValue():
			if err := f.set("true"); err != nil {
				return nil, err
			}
			letters = letters[1:]
			continue
		case value != "":
			return words, f.set(value)
		case len(words) == 0:
			return nil, fmt.Errorf("flag needs an argument: %q in -%s", letters[0], letters)
		}
		return words[1:], f.set(words[0])
	}
	return words, nil
}

func (c *command) find(name string, isLong bool) *option {
	for i := range c.flags {
		long, short, _ := strings.Cut(c.flags[i].names, ",")
		if isLong && long == name || !isLong && short == name {
			return &c.flags[i]
		}
	}
	return nil
}

func (c *command) unknown(name string) error {
	for known := range strings.FieldsSeq(c.refused) {
		if known == name {
			return fmt.Errorf("--%s is not emulated", name)
		}
	}
	return fmt.Errorf("unknown flag: --%s", name)
}
