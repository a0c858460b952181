package shell

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"

	"github.com/acrlocal/acrlocal/emulator/internal/builtin/program"
)

// grace is how long a program has to end when it is asked to, before it is killed.
const grace = 2 * time.Second

// handler runs what is neither a function nor a builtin of the shell. The name is the script's, for messages.
func handler(script string) interp.ExecHandlerFunc {
	return func(ctx context.Context, args []string) error {
		h := interp.HandlerCtx(ctx)
		p := program.Process{Args: args, Env: environment(h.Env), Dir: h.Dir, Stdin: h.Stdin, Stdout: h.Stdout, Stderr: h.Stderr}
		code := runNamed(ctx, p, fmt.Sprintf("%s: line %d", script, h.Pos.Line()))
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if code != 0 {
			return interp.ExitStatus(code)
		}
		return nil
	}
}

// environment are the variables that programs get.
func environment(e expand.Environ) []string {
	var env []string
	e.Each(func(name string, v expand.Variable) bool {
		if v.Exported && v.Kind == expand.String {
			env = append(env, name+"="+v.Str)
		}
		return true
	})
	return env
}

// runNamed runs a program in its own right, or one of this package in this process. The prefix begins messages.
func runNamed(ctx context.Context, p program.Process, prefix string) int {
	path, ours, err := find(p)
	if err != nil {
		return missing(p, prefix, err)
	}
	if ours != nil {
		p.Run = func(ctx context.Context, p program.Process) int { return runNamed(ctx, p, prefix) }
		return ours(ctx, p)
	}
	return start(ctx, p, path)
}

// replace is runNamed for a process that has nothing else to do: another program takes its place, and gets its signals.
func replace(ctx context.Context, p program.Process) int {
	path, ours, err := find(p)
	if err != nil {
		return missing(p, "exec", err)
	}
	if ours != nil {
		return runNamed(ctx, p, "exec")
	}
	err = syscall.Exec(path, p.Args, p.Env)
	if errors.Is(err, syscall.ENOEXEC) {
		return script(ctx, p, path)
	}
	return missing(p, "exec", err)
}

// missing says why a program cannot be run.
func missing(p program.Process, prefix string, err error) int {
	switch {
	case errors.Is(err, exec.ErrNotFound):
		fmt.Fprintf(p.Stderr, "%s: %s: command not found\n", prefix, p.Args[0])
		return exitNotFound
	case errors.Is(err, fs.ErrNotExist):
		fmt.Fprintf(p.Stderr, "%s: %s: No such file or directory\n", prefix, p.Args[0])
		return exitNotFound
	}
	fmt.Fprintf(p.Stderr, "%s: %s: %s\n", prefix, p.Args[0], reason(err))
	return exitNotExecutable
}

// find finds a program by PATH. Where that leads to this very executable, or to nothing, a program of this package does.
func find(p program.Process) (path string, ours program.Func, err error) {
	name := p.Args[0]
	if strings.ContainsRune(name, '/') {
		path = p.Path(name)
		return path, nil, executable(path)
	}
	for _, dir := range filepath.SplitList(p.Getenv("PATH")) {
		path = filepath.Join(p.Path(dir), name)
		if executable(path) != nil {
			continue
		}
		if run := lookup(name); run != nil && isSelf(path) {
			return "", run, nil
		}
		return path, nil, nil
	}
	if run := lookup(name); run != nil {
		return "", run, nil
	}
	return "", nil, exec.ErrNotFound
}

// executable says why a file cannot be run; nil if it seems that it can.
func executable(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return syscall.EISDIR
	case info.Mode().Perm()&0o111 == 0:
		return fs.ErrPermission
	}
	return nil
}

// isSelf reports whether a file is this executable.
func isSelf(path string) bool {
	self, err := os.Executable()
	if err != nil {
		return false
	}
	a, err := os.Stat(self)
	if err != nil {
		return false
	}
	b, err := os.Stat(path)
	return err == nil && os.SameFile(a, b)
}

// start runs an executable to its end. When the context ends it is asked to end too.
func start(ctx context.Context, p program.Process, path string) int {
	c := exec.CommandContext(ctx, path, p.Args[1:]...)
	c.Args, c.Env, c.Dir = p.Args, p.Env, p.Dir
	c.Stdin, c.Stdout, c.Stderr = p.Stdin, p.Stdout, p.Stderr
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = grace
	err := c.Run()
	ended, ok := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return 0
	case errors.Is(err, syscall.ENOEXEC):
		return script(ctx, p, path)
	case !ok:
		return missing(p, p.Name(), err)
	}
	if status, ok := ended.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return ended.ExitCode()
}

// script runs a file without #! as a shell script, as shells do.
func script(ctx context.Context, p program.Process, path string) int {
	p.Args = append([]string{"bash", path}, p.Args[1:]...)
	return Main(ctx, p)
}
