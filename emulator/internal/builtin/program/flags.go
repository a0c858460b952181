package program

import (
	"fmt"
	"strconv"
	"strings"
)

// Flag is a flag that a program knows, as getopt and pflag have it.
type Flag struct {
	// Short is its letter; 0 if it has none.
	Short byte
	// Long is its name after two dashes; empty if it has none.
	Long string
	// Value says that it takes one.
	Value bool
}

// Key is by what a flag's values are found: its long name, else its letter.
func (f Flag) Key() string {
	if f.Long != "" {
		return f.Long
	}
	return string(f.Short)
}

// Arguments are a program's arguments, read.
type Arguments struct {
	// Rest are those that belong to no flag.
	Rest   []string
	values map[string][]string
}

// FlagError says that arguments cannot be read. Each program has its own words for it.
type FlagError struct {
	// Given is the flag as it was given: --name, or - and the letter.
	Given string
	// Known says that there is such a flag, and its value is missing.
	Known bool
}

// Error says it plainly.
func (e *FlagError) Error() string {
	if e.Known {
		return e.Given + " needs a value"
	}
	return "there is no flag " + e.Given
}

// Parse reads arguments, of which the program's name is none. Flags may stand after other arguments, unless ordered is
// true: then the first other argument ends them, as -- always does. A single dash is no flag. Errors are *FlagError.
func Parse(flags []Flag, args []string, ordered bool) (Arguments, error) {
	a := Arguments{values: map[string][]string{}}
	for len(args) > 0 {
		word := args[0]
		args = args[1:]
		var err error
		switch {
		case word == "--":
			a.Rest = append(a.Rest, args...)
			return a, nil
		case strings.HasPrefix(word, "--"):
			args, err = a.long(flags, word, args)
		case len(word) > 1 && word[0] == '-':
			args, err = a.short(flags, word[1:], args)
		case ordered:
			a.Rest = append([]string{word}, args...)
			return a, nil
		default:
			a.Rest = append(a.Rest, word)
		}
		if err != nil {
			return Arguments{}, err
		}
	}
	return a, nil
}

// long reads --name, --name=value or --name value, and returns the arguments after it.
func (a *Arguments) long(flags []Flag, word string, args []string) ([]string, error) {
	name, value, given := strings.Cut(word[2:], "=")
	for _, f := range flags {
		if f.Long != name || name == "" {
			continue
		}
		switch {
		case f.Value && !given && len(args) == 0:
			return nil, &FlagError{Given: "--" + name, Known: true}
		case f.Value && !given:
			value, args = args[0], args[1:]
		case !given:
			value = "true"
		}
		a.add(f, value)
		return args, nil
	}
	return nil, &FlagError{Given: "--" + name}
}

// short reads letters, of which the last may have a value, and returns the arguments after it.
func (a *Arguments) short(flags []Flag, letters string, args []string) ([]string, error) {
	for i := 0; i < len(letters); i++ {
		f, ok := letter(flags, letters[i])
		switch rest := letters[i+1:]; {
		case !ok:
			return nil, &FlagError{Given: "-" + letters[i:i+1]}
		case !f.Value:
			a.add(f, "true")
		case rest != "":
			a.add(f, rest)
			return args, nil
		case len(args) > 0:
			a.add(f, args[0])
			return args[1:], nil
		default:
			return nil, &FlagError{Given: "-" + letters[i:i+1], Known: true}
		}
	}
	return args, nil
}

func letter(flags []Flag, c byte) (Flag, bool) {
	for _, f := range flags {
		if f.Short == c && c != 0 {
			return f, true
		}
	}
	return Flag{}, false
}

func (a *Arguments) add(f Flag, value string) { a.values[f.Key()] = append(a.values[f.Key()], value) }

// Has reports whether a flag was given, with whatever value.
func (a Arguments) Has(key string) bool { return len(a.values[key]) > 0 }

// Bool reports whether a flag without a value was given, the last time not as --name=false.
func (a Arguments) Bool(key string) bool {
	on, err := strconv.ParseBool(a.String(key))
	return err == nil && on
}

// String returns the last value of a flag; empty if it was not given.
func (a Arguments) String(key string) string {
	if all := a.values[key]; len(all) > 0 {
		return all[len(all)-1]
	}
	return ""
}

// All returns every value of a flag, in order.
func (a Arguments) All(key string) []string { return a.values[key] }

// Int returns the last value of a flag as a number, and otherwise if it was not given.
func (a Arguments) Int(key string, otherwise int) (int, error) {
	if !a.Has(key) {
		return otherwise, nil
	}
	n, err := strconv.Atoi(a.String(key))
	if err != nil {
		return 0, fmt.Errorf("%s: %q is no number", key, a.String(key))
	}
	return n, nil
}
