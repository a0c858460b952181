// Package program is what the built-in programs have in common: how they are started, and how their arguments are read.
//
// A program is a function of a [Process], which has all that a process is given: nothing of it is taken from the machine
// behind its back, so that a shell can run programs without starting any.
package program

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// Func is a program. It returns the exit code, 0 to 255, soon after the context ends.
type Func func(ctx context.Context, p Process) int

// Process is a program that was started.
type Process struct {
	// Args are the name by which the program was called, and its arguments.
	Args []string
	// Env are the variables, as NAME=value; of several with one name the last counts.
	Env []string
	// Dir is the working directory, an absolute path.
	Dir string
	// Stdin is never nil.
	Stdin io.Reader
	// Stdout and Stderr are never nil.
	Stdout, Stderr io.Writer
	// Run runs another program, found as a shell finds it, and returns its exit code. It is nil where there is no shell.
	Run Func
}

// Name is what the program calls itself in messages: the last element of its first argument.
func (p Process) Name() string { return filepath.Base(p.Args[0]) }

// Getenv returns a variable; empty if it is not set.
func (p Process) Getenv(name string) string {
	value, _ := p.LookupEnv(name)
	return value
}

// LookupEnv returns a variable, and whether it is set.
func (p Process) LookupEnv(name string) (string, bool) {
	for i := len(p.Env) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(p.Env[i], name+"="); ok {
			return value, true
		}
	}
	return "", false
}

// Path is a file name as the process means it: relative to its working directory.
func (p Process) Path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(p.Dir, name)
}

// Fail writes a message after the program's name, and returns the code, so that a program can end with it.
func (p Process) Fail(code int, format string, args ...any) int {
	fmt.Fprintf(p.Stderr, "%s: %s\n", p.Name(), fmt.Sprintf(format, args...))
	return code
}
