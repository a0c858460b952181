package shell

import (
	"bufio"
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"strings"
	"syscall"

	"github.com/acrlocal/acrlocal/emulator/internal/builtin/program"
)

// entry is a program beside the shell.
type entry struct {
	name string
	run  program.Func
}

// programs are those that there are, by name: what scripts of tasks use of coreutils and grep. Those without a function are
// the shell's own, as programs.
var programs = [...]entry{
	{"[", nil},
	{"basename", basename},
	{"cat", cat},
	{"chmod", chmod},
	{"cp", cp},
	{"cut", cut},
	{"date", date},
	{"dirname", dirname},
	{"echo", nil},
	{"env", env},
	{"false", nil},
	{"grep", grep},
	{"head", head},
	{"hostname", hostname},
	{"id", id},
	{"ls", ls},
	{"mkdir", mkdir},
	{"mv", mv},
	{"printf", nil},
	{"pwd", nil},
	{"rm", rm},
	{"rmdir", rmdir},
	{"seq", seq},
	{"sleep", sleep},
	{"sort", sorted},
	{"tail", tail},
	{"tee", tee},
	{"test", nil},
	{"touch", touch},
	{"tr", tr},
	{"true", nil},
	{"uname", uname},
	{"uniq", uniq},
	{"wc", wc},
	{"whoami", whoami},
	{"xargs", xargs},
}

// Programs are the names of the programs beside the shell.
func Programs() []string {
	names := make([]string, 0, len(programs))
	for _, e := range programs {
		names = append(names, e.name)
	}
	return names
}

// Program finds a program beside the shell by its name; nil if there is none.
func Program(name string) program.Func {
	run := lookup(name)
	if run == nil {
		return nil
	}
	return func(ctx context.Context, p program.Process) int {
		p.Run = func(ctx context.Context, other program.Process) int { return runNamed(ctx, other, p.Name()) }
		return run(ctx, p)
	}
}

func lookup(name string) program.Func {
	for _, e := range &programs {
		if e.name == name && e.run == nil {
			return asBuiltin
		}
		if e.name == name {
			return e.run
		}
	}
	return nil
}

// asBuiltin runs a builtin of the shell as a program.
func asBuiltin(ctx context.Context, p program.Process) int {
	name := p.Name()
	p.Args = append([]string{name, "-c", name + ` "$@"`, name}, p.Args[1:]...)
	return Main(ctx, p)
}

// reason is why something failed, in the words of the C library.
func reason(err error) string {
	text := err.Error()
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		text = number.Error()
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// arguments reads the arguments of a program; otherwise the code with which it ends, in GNU's words.
func arguments(p program.Process, code int, flags ...program.Flag) (program.Arguments, int) {
	a, err := program.Parse(flags, p.Args[1:], false)
	wrong, ok := errors.AsType[*program.FlagError](err)
	switch {
	case err == nil:
		return a, 0
	case ok && wrong.Known:
		return a, p.Fail(code, "option requires an argument -- '%s'", strings.TrimLeft(wrong.Given, "-"))
	case ok && strings.HasPrefix(wrong.Given, "--"):
		return a, p.Fail(code, "unrecognized option '%s'", wrong.Given)
	case ok:
		return a, p.Fail(code, "invalid option -- '%s'", wrong.Given[1:])
	}
	return a, p.Fail(code, "%v", err)
}

// letters are flags of one letter, those after a colon with a value: "ab:c" has a and b without, c with one.
func letters(spec string) []program.Flag {
	plain, valued, _ := strings.Cut(spec, ":")
	var flags []program.Flag
	for i := range len(plain) {
		flags = append(flags, program.Flag{Short: plain[i]})
	}
	for i := range len(valued) {
		flags = append(flags, program.Flag{Short: valued[i], Value: true})
	}
	return flags
}

// withInputs gives a function the files of the arguments in turn, or the input if there are none or one is -. What cannot be
// read is said, and makes the code 1; an error of the function ends it.
func withInputs(p program.Process, names []string, do func(name string, r io.Reader) error) int {
	if len(names) == 0 {
		names = []string{"-"}
	}
	code := 0
	for _, name := range names {
		err := withInput(p, name, do)
		if err != nil {
			code = p.Fail(1, "%s: %s", name, reason(err))
		}
		if errors.Is(err, errOutput) {
			return code
		}
	}
	return code
}

// errOutput says that nobody reads the output any more.
var errOutput = errors.New("write error")

func withInput(p program.Process, name string, do func(name string, r io.Reader) error) error {
	if name == "-" {
		return do(name, p.Stdin)
	}
	f, err := os.Open(p.Path(name))
	if err != nil {
		return err
	}
	defer f.Close()
	return do(name, f)
}

// lines are the lines of an input, without their ends. They stop when the context ends.
func lines(ctx context.Context, r io.Reader) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		b := bufio.NewReader(r)
		for ctx.Err() == nil {
			line, err := b.ReadString('\n')
			if line != "" && !yield(strings.TrimSuffix(line, "\n"), nil) {
				return
			}
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield("", err)
				return
			}
		}
	}
}

// output collects what a program writes. Its first error stays.
type output struct {
	*bufio.Writer
}

func newOutput(w io.Writer) output { return output{bufio.NewWriter(w)} }

// line writes a line, and reports whether anybody may still read.
func (o output) line(text string) bool {
	_, _ = o.WriteString(text)
	return o.WriteByte('\n') == nil
}

// end writes what is left.
func (o output) end() error {
	if o.Flush() != nil {
		return errOutput
	}
	return nil
}
