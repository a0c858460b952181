// Package builtin is what tasks need of the world outside the emulated Azure, without a download: programs of this very
// executable (acr, bash, curl and a few of coreutils), the images that are made of it under the names that ACR Tasks has
// for them, and mirrors for every other image.
//
// [Main] is a hook for main functions: in a container the executable is called by the name of a program, and is that
// program. [Images] makes the images. [Mirrors] finds an image outside the emulator, or says in one line that there is
// none: nothing here ever resolves a name or leaves the machine.
package builtin

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/builtin/acr"
	"github.com/acrlocal/acrlocal/emulator/internal/builtin/curl"
	"github.com/acrlocal/acrlocal/emulator/internal/builtin/program"
	"github.com/acrlocal/acrlocal/emulator/internal/builtin/shell"
)

// Argument is the hidden first argument after which the name of a program and its arguments may stand.
const Argument = "__builtin"

// entrypoint is the name of the program that the images named bash begin with.
const entrypoint = "docker-entrypoint.sh"

// grace is how long a program has to end after a signal.
const grace = 3 * time.Second

// Main is the program that the executable was called as, if it was: by a link of that name, as in the built-in images,
// or after [Argument]. It reports whether it was one, which then has ended with that exit code.
//
// An executable that has a program's name itself, being somebody's own program, is not meant.
func Main(args []string) (exitCode int, handled bool) {
	run, args := called(args)
	if run == nil {
		return 0, false
	}
	dir, err := os.Getwd()
	if err != nil {
		dir = "/"
	}
	return supervise(run, program.Process{Args: args, Env: os.Environ(), Dir: dir, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}), true
}

// called finds the program that arguments call, and its arguments; nil if they call none.
func called(args []string) (program.Func, []string) {
	switch {
	case len(args) > 2 && args[1] == Argument:
		return lookup(args[2]), args[2:]
	case len(args) == 0:
		return nil, nil
	}
	name := filepath.Base(args[0])
	if self, err := os.Executable(); err == nil && filepath.Base(self) == name {
		return nil, nil
	}
	return lookup(name), args
}

// lookup finds a program by its name, or its path; nil if there is none.
func lookup(name string) program.Func {
	switch filepath.Base(name) {
	case "acr":
		return acr.Main
	case "bash", "sh":
		return shell.Main
	case "curl":
		return curl.Main
	case entrypoint:
		return shell.Entrypoint
	case "hello":
		return hello
	}
	return shell.Program(filepath.Base(name))
}

// supervise runs a program, and ends it at a signal: as process 1 of a container it would get none by itself. The exit
// code is then 128 and the signal's number, as a shell has it.
func supervise(run program.Func, p program.Process) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	done := make(chan int, 1)
	go func() { done <- run(ctx, p) }()
	select {
	case code := <-done:
		return code
	case s := <-signals:
		cancel()
		select {
		case <-done:
		case <-time.After(grace):
		}
		number, _ := s.(syscall.Signal)
		return 128 + int(number)
	}
}

// hello is what the images named hello-world say.
func hello(_ context.Context, p program.Process) int {
	fmt.Fprint(p.Stdout, "\nHello from Docker!\nThis image is built into the emulator: nothing was downloaded.\n\n")
	return 0
}
