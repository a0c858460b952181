//go:build linux

// Hostile is a program for the RUN of a Dockerfile, or for a step, that does what none should do.
package main

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

// tricks are what it does, by its first argument.
var tricks = map[string]func() error{
	"fork": fork,
	"hole": func() error { return truncate("/hole", 1<<40) },
	"fill": fill,
	"plant": func() error { // for the step after this one
		return first(os.Symlink("/etc", "/workspace/context"), syscall.Mkfifo("/workspace/pipe", 0o666))
	},
}

func main() {
	if err := tricks[os.Args[1]](); err != nil {
		fmt.Println(os.Args[1], "ended:", err)
		os.Exit(3)
	}
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func truncate(name string, size int64) error {
	return first(os.WriteFile(name, []byte("x"), 0o600), os.Truncate(name, size))
}

// fork makes processes that wait for ever, until there are no more to be had.
func fork() error {
	for n := 0; ; n++ {
		pid, _, errno := syscall.RawSyscall(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0)
		if errno != 0 {
			return fmt.Errorf("no more after %d: %w", n, errno)
		}
		for pid == 0 {
			syscall.RawSyscall6(syscall.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
		}
	}
}

// fill writes a file that says to be far larger than it is to the workspace, and waits for what comes of it.
func fill() error {
	if err := truncate("/workspace/full", 1<<40); err != nil {
		return err
	}
	time.Sleep(time.Minute)
	return nil
}
