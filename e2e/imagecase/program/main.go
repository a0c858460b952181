// Command program is what the images of the cases run: a shell without pipes, whose every command is built in, so that a case
// with RUN needs no image from elsewhere.
//
// Called with -c it takes commands joined by && from one text; otherwise its arguments are one command.
package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// commands are what it can do.
var commands = map[string]func(args []string) error{
	"append":   func(a []string) error { return write(a, os.O_APPEND) },
	"cat":      each(cat),
	"chmod":    func(a []string) error { return os.Chmod(a[1], fs.FileMode(number(a[0], 8))) },
	"chown":    func(a []string) error { return os.Lchown(a[2], number(a[0], 10), number(a[1], 10)) },
	"echo":     func(a []string) error { _, err := fmt.Println(strings.Join(a, " ")); return err },
	"env":      env,
	"exit":     func(a []string) error { os.Exit(number(a[0], 10)); return nil },
	"ls":       each(list),
	"hardlink": func(a []string) error { return os.Link(a[0], a[1]) },
	"mkdir":    each(func(name string) error { return os.Mkdir(name, 0o755) }),
	"mv":       func(a []string) error { return os.Rename(a[0], a[1]) },
	"pwd":      func([]string) error { dir, err := os.Getwd(); fmt.Println(dir); return err },
	"rm":       each(os.RemoveAll),
	"symlink":  func(a []string) error { return os.Symlink(a[0], a[1]) },
	"true":     func([]string) error { return nil },
	"whoami":   func([]string) error { _, err := fmt.Println(os.Getuid(), os.Getgid()); return err },
	"write":    func(a []string) error { return write(a, os.O_TRUNC) },
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 || !strings.HasSuffix(args[0], "c") || !strings.HasPrefix(args[0], "-") {
		return one(args)
	}
	for command := range strings.SplitSeq(strings.ReplaceAll(args[1], "\n", " && "), "&&") {
		if err := one(strings.Fields(os.ExpandEnv(command))); err != nil {
			return err
		}
	}
	return nil
}

func one(args []string) error {
	if len(args) == 0 {
		return nil
	}
	command, known := commands[args[0]]
	if !known {
		return fmt.Errorf("%s: not found", args[0])
	}
	return command(args[1:])
}

func each(do func(string) error) func([]string) error {
	return func(args []string) error {
		for _, arg := range args {
			if err := do(arg); err != nil {
				return err
			}
		}
		return nil
	}
}

func number(text string, base int) int {
	n, err := strconv.ParseInt(text, base, 32)
	if err != nil {
		panic(err)
	}
	return int(n)
}

// write writes words to a file, the first argument.
func write(args []string, flag int) error {
	file, err := os.OpenFile(args[0], os.O_CREATE|os.O_WRONLY|flag, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(file, strings.Join(args[1:], " "))
	return err
}

func cat(name string) error {
	content, err := os.ReadFile(name)
	os.Stdout.Write(content) //nolint:errcheck // nobody listens
	return err
}

// env writes the variables to a file, but for those that say in which container it runs.
func env(args []string) error {
	all := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "HOSTNAME=") || strings.HasPrefix(v, "SSL_CERT") || strings.HasPrefix(v, "HOME=")
	})
	slices.Sort(all)
	return os.WriteFile(args[0], []byte(strings.Join(all, "\n")+"\n"), 0o644)
}

func list(dir string) error {
	return filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		fmt.Println(name)
		return err
	})
}
