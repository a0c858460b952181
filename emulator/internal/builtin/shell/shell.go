// Package shell is a bash without a bash: the language by mvdan.cc/sh, and the few programs of coreutils that scripts of
// tasks use. It is a subset, and says so where it ends: a program that is not there is "command not found", 127.
//
// The built-in image mcr.microsoft.com/acr/bash is made of it. It runs in a container of its own, which bounds what a
// script may use.
package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"

	"github.com/acrlocal/acrlocal/emulator/internal/builtin/program"
)

// maxScript bounds a script, in bytes.
const maxScript = 16 << 20

// Exit codes of a shell.
const (
	exitMisuse        = 2
	exitNotExecutable = 126
	exitNotFound      = 127
)

// Main is the program bash, or sh: bash [-eufx] [-o option] -c COMMAND [name [argument…]], bash FILE [argument…], or a
// script on the input.
func Main(ctx context.Context, p program.Process) int {
	i, err := parse(p.Args[1:])
	if err != nil {
		return p.Fail(exitMisuse, "%v", err)
	}
	if i.version {
		fmt.Fprintf(p.Stdout, "%s: the shell of acrlocal, a subset of bash with a few of coreutils\n", p.Name())
		return 0
	}
	source, code := i.open(p)
	if code != 0 {
		return code
	}
	defer source.Close()
	return execute(ctx, p, i, source)
}

// invocation is how the shell was called.
type invocation struct {
	version bool
	inline  bool     // -c: the first operand is the script
	stdin   bool     // -s: all operands are parameters
	options []string // that the interpreter has too, such as -e or -o pipefail
	rest    []string // operands
}

// ignored are flags that mean nothing where there is neither a terminal nor a start-up file.
const ignored = "lim"

// parse reads the arguments of a shell. They are not those of getopt: letters may be joined, -o takes the next argument
// whatever stands after it, and the first operand ends them.
func parse(args []string) (invocation, error) {
	var i invocation
	for len(args) > 0 {
		word := args[0]
		if len(word) < 2 || word[0] != '-' && word[0] != '+' {
			break
		}
		args = args[1:]
		if word == "--" {
			break
		}
		if name, ok := strings.CutPrefix(word, "--"); ok {
			if err := i.long(name); err != nil {
				return i, err
			}
			continue
		}
		var err error
		if args, err = i.letters(word, args); err != nil {
			return i, err
		}
	}
	i.rest = args
	if i.inline && len(args) == 0 {
		return i, errors.New("-c: option requires an argument")
	}
	return i, nil
}

func (i *invocation) long(name string) error {
	switch name {
	case "login", "norc", "noprofile", "posix", "noediting":
		return nil
	case "version", "help":
		i.version = true
		return nil
	}
	return fmt.Errorf("--%s: invalid option", name)
}

// letters reads joined letters such as -euo, and returns the arguments after their values.
func (i *invocation) letters(word string, args []string) ([]string, error) {
	for _, c := range word[1:] {
		switch {
		case c == 'c':
			i.inline = true
		case c == 's':
			i.stdin = true
		case c == 'o' && len(args) > 0:
			i.options = append(i.options, word[:1]+"o", args[0])
			args = args[1:]
		case c == 'o':
			return nil, fmt.Errorf("%co: option requires an argument", word[0])
		case strings.ContainsRune("aefnux", c):
			i.options = append(i.options, word[:1]+string(c))
		case !strings.ContainsRune(ignored, c):
			return nil, fmt.Errorf("%c%c: invalid option", word[0], c)
		}
	}
	return args, nil
}

// source is a script.
type source struct {
	io.ReadCloser
	name       string // $0
	label      string // in messages about its syntax
	parameters []string
}

// open finds the script; otherwise the code with which the shell ends.
func (i invocation) open(p program.Process) (source, int) {
	if i.inline {
		s := source{ReadCloser: io.NopCloser(strings.NewReader(i.rest[0])), name: p.Name(), label: p.Name() + ": -c"}
		if len(i.rest) > 1 {
			s.name, s.parameters = i.rest[1], i.rest[2:]
		}
		return s, 0
	}
	if i.stdin || len(i.rest) == 0 {
		return source{ReadCloser: io.NopCloser(p.Stdin), name: p.Name(), label: p.Name(), parameters: i.rest}, 0
	}
	f, err := os.Open(p.Path(i.rest[0]))
	if err != nil {
		return source{}, p.Fail(exitNotFound, "%s: %s", i.rest[0], reason(err))
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		f.Close()
		return source{}, p.Fail(exitNotExecutable, "%s: Is a directory", i.rest[0])
	}
	return source{ReadCloser: f, name: i.rest[0], label: i.rest[0], parameters: i.rest[1:]}, 0
}

// execute runs a script to its end.
func execute(ctx context.Context, p program.Process, i invocation, s source) int {
	script, err := syntax.NewParser().Parse(io.LimitReader(s, maxScript), s.name)
	if err != nil {
		return complain(p, s.label, err)
	}
	runner, err := interp.New(
		interp.Env(expand.ListEnviron(p.Env...)),
		interp.Dir(p.Dir),
		interp.StdIO(p.Stdin, p.Stdout, p.Stderr),
		interp.Params(append(append(i.options, "--"), s.parameters...)...),
		interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc { return handler(s.name) }),
	)
	if err != nil {
		return p.Fail(exitMisuse, "%v", err)
	}
	return exitCode(p, runner.Run(ctx, script))
}

// complain says what is wrong with a script's syntax, as bash does.
func complain(p program.Process, label string, err error) int {
	if wrong, ok := errors.AsType[syntax.ParseError](err); ok {
		fmt.Fprintf(p.Stderr, "%s: line %d: syntax error: %s\n", label, wrong.Pos.Line(), wrong.Text)
		return exitMisuse
	}
	fmt.Fprintf(p.Stderr, "%s: %v\n", label, err)
	return exitMisuse
}

func exitCode(p program.Process, err error) int {
	if err == nil {
		return 0
	}
	if status, ok := errors.AsType[interp.ExitStatus](err); ok {
		return int(status)
	}
	return p.Fail(1, "%v", err)
}

// Entrypoint is what the images named bash run: a shell if there is nothing to run or only flags of a shell, else the
// program that is named (docker-library/bash has it so, and mcr.microsoft.com/acr/bash is made like it).
func Entrypoint(ctx context.Context, p program.Process) int {
	args := p.Args[1:]
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		p.Args = append([]string{"bash"}, args...)
		return Main(ctx, p)
	}
	p.Args = args
	return replace(ctx, p)
}
