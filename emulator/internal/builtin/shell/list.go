package shell

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/builtin/program"
)

// ls lists files: one a line, since there is no terminal.
func ls(_ context.Context, p program.Process) int {
	a, code := arguments(p, exitMisuse, letters("laA1dRhFtr")...)
	if code != 0 {
		return code
	}
	names := a.Rest
	if len(names) == 0 {
		names = []string{"."}
	}
	l := &listing{out: newOutput(p.Stdout), long: a.Bool("l"), hidden: a.Bool("a") || a.Bool("A"), deep: a.Bool("R")}
	l.titled = len(names) > 1 || l.deep
	for _, name := range names {
		info, err := os.Lstat(p.Path(name))
		if err == nil && info.Mode()&fs.ModeSymlink != 0 && !l.long {
			info, err = os.Stat(p.Path(name))
		}
		switch {
		case err == nil && info.IsDir() && !a.Bool("d"):
			err = l.directory(name, p.Path(name))
		case err == nil:
			l.entry(name, p.Path(name), info)
		}
		if err != nil {
			code = p.Fail(exitMisuse, "cannot access '%s': %s", name, reason(err))
		}
	}
	if err := l.out.end(); err != nil {
		return p.Fail(exitMisuse, "%v", err)
	}
	return code
}

type listing struct {
	out                        output
	long, hidden, deep, titled bool
	any                        bool
}

// directory lists a directory, and with -R what is below it.
func (l *listing) directory(name, path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	if l.titled {
		if l.any {
			l.out.line("")
		}
		l.out.line(name + ":")
	}
	l.any = true
	var below []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") && !l.hidden {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // it is gone meanwhile
		}
		l.entry(e.Name(), filepath.Join(path, e.Name()), info)
		if l.deep && e.IsDir() {
			below = append(below, e.Name())
		}
	}
	for _, child := range below {
		if err := l.directory(name+"/"+child, filepath.Join(path, child)); err != nil {
			return err
		}
	}
	return nil
}

// entry lists one file.
func (l *listing) entry(name, path string, info fs.FileInfo) {
	if !l.long {
		l.out.line(name)
		return
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		if target, err := os.Readlink(path); err == nil {
			name += " -> " + target
		}
	}
	links, user, group := owner(info)
	l.out.line(fmt.Sprintf("%s %d %d %d %8d %s %s", mode(info.Mode()), links, user, group, info.Size(), info.ModTime().Format("Jan _2 15:04"), name))
}

// mode is a file's mode as ls writes it.
func mode(m fs.FileMode) string {
	kind := "-"
	switch {
	case m.IsDir():
		kind = "d"
	case m&fs.ModeSymlink != 0:
		kind = "l"
	case m&fs.ModeCharDevice != 0:
		kind = "c"
	case m&fs.ModeDevice != 0:
		kind = "b"
	case m&fs.ModeNamedPipe != 0:
		kind = "p"
	case m&fs.ModeSocket != 0:
		kind = "s"
	}
	return kind + m.Perm().String()[1:]
}
