package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/builtin/program"
)

func cat(_ context.Context, p program.Process) int {
	a, code := arguments(p, 1, letters("u")...)
	if code != 0 {
		return code
	}
	return withInputs(p, a.Rest, func(_ string, r io.Reader) error {
		_, err := io.Copy(p.Stdout, r)
		return err
	})
}

func tee(_ context.Context, p program.Process) int {
	a, code := arguments(p, 1, letters("a")...)
	if code != 0 {
		return code
	}
	mode := os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	if a.Bool("a") {
		mode = os.O_CREATE | os.O_WRONLY | os.O_APPEND
	}
	to := []io.Writer{p.Stdout}
	for _, name := range a.Rest {
		f, err := os.OpenFile(p.Path(name), mode, 0o666)
		if err != nil {
			code = p.Fail(1, "%s: %s", name, reason(err))
			continue
		}
		defer f.Close()
		to = append(to, f)
	}
	if _, err := io.Copy(io.MultiWriter(to...), p.Stdin); err != nil {
		return p.Fail(1, "%s", reason(err))
	}
	return code
}

// forEach does something to every file that is named, and says what failed.
func forEach(p program.Process, names []string, verb string, do func(path string) error) int {
	if len(names) == 0 {
		return p.Fail(1, "missing operand")
	}
	code := 0
	for _, name := range names {
		if err := do(p.Path(name)); err != nil {
			code = p.Fail(1, "%s '%s': %s", verb, name, reason(err))
		}
	}
	return code
}

func mkdir(_ context.Context, p program.Process) int {
	a, code := arguments(p, 1, program.Flag{Short: 'p', Long: "parents"}, program.Flag{Short: 'm', Value: true})
	if code != 0 {
		return code
	}
	mode, err := strconv.ParseUint(orElse(a.String("m"), "777"), 8, 12)
	if err != nil {
		return p.Fail(1, "invalid mode '%s'", a.String("m"))
	}
	return forEach(p, a.Rest, "cannot create directory", func(path string) error {
		if a.Bool("parents") {
			return os.MkdirAll(path, fs.FileMode(mode))
		}
		return os.Mkdir(path, fs.FileMode(mode))
	})
}

func rmdir(_ context.Context, p program.Process) int {
	a, code := arguments(p, 1)
	if code != 0 {
		return code
	}
	return forEach(p, a.Rest, "failed to remove", func(path string) error {
		if info, err := os.Lstat(path); err == nil && !info.IsDir() {
			return errors.New("not a directory")
		}
		return os.Remove(path)
	})
}

func rm(_ context.Context, p program.Process) int {
	a, code := arguments(p, 1, program.Flag{Short: 'r', Long: "recursive"}, program.Flag{Short: 'R'}, program.Flag{Short: 'f', Long: "force"})
	if code != 0 || a.Bool("force") && len(a.Rest) == 0 {
		return code
	}
	return forEach(p, a.Rest, "cannot remove", func(path string) error {
		info, err := os.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist) && a.Bool("force"):
			return nil
		case err != nil:
			return err
		case !info.IsDir():
			return os.Remove(path)
		case filepath.Clean(path) == "/":
			return errors.New("it is dangerous to operate recursively on '/'")
		case a.Bool("recursive") || a.Bool("R"):
			return os.RemoveAll(path)
		}
		return errors.New("is a directory")
	})
}

func touch(_ context.Context, p program.Process) int {
	a, code := arguments(p, 1, letters("c")...)
	if code != 0 {
		return code
	}
	return forEach(p, a.Rest, "cannot touch", func(path string) error {
		now := time.Now()
		err := os.Chtimes(path, now, now)
		if !errors.Is(err, fs.ErrNotExist) || a.Bool("c") {
			return err
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o666)
		if err != nil {
			return err
		}
		return f.Close()
	})
}

func chmod(_ context.Context, p program.Process) int {
	a, code := arguments(p, 1, program.Flag{Short: 'R', Long: "recursive"}, program.Flag{Short: 'x'})
	if code != 0 {
		return code
	}
	if len(a.Rest) < 2 || a.Bool("x") {
		return p.Fail(1, "missing operand")
	}
	change, err := parseMode(a.Rest[0])
	if err != nil {
		return p.Fail(1, "%v", err)
	}
	return forEach(p, a.Rest[1:], "changing permissions of", func(path string) error {
		if !a.Bool("recursive") {
			return changeMode(path, change)
		}
		return filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.Type()&fs.ModeSymlink != 0 {
				return err
			}
			return changeMode(path, change)
		})
	})
}

func changeMode(path string, change func(fs.FileMode) fs.FileMode) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.Chmod(path, change(info.Mode().Perm()))
}

// parseMode reads 755, or [ugoa][+-][rwx].
func parseMode(text string) (func(fs.FileMode) fs.FileMode, error) {
	if mode, err := strconv.ParseUint(text, 8, 12); err == nil {
		return func(fs.FileMode) fs.FileMode { return fs.FileMode(mode) & fs.ModePerm }, nil
	}
	at := strings.IndexAny(text, "+-")
	if at < 0 {
		return nil, fmt.Errorf("invalid mode: '%s'", text)
	}
	var who, bits fs.FileMode
	for _, c := range orElse(text[:at], "a") {
		who |= map[rune]fs.FileMode{'u': 0o700, 'g': 0o070, 'o': 0o007, 'a': 0o777}[c]
	}
	for _, c := range text[at+1:] {
		bits |= map[rune]fs.FileMode{'r': 0o444, 'w': 0o222, 'x': 0o111}[c]
	}
	if who&bits == 0 {
		return nil, fmt.Errorf("invalid mode: '%s'", text)
	}
	if text[at] == '+' {
		return func(m fs.FileMode) fs.FileMode { return m | who&bits }, nil
	}
	return func(m fs.FileMode) fs.FileMode { return m &^ (who & bits) }, nil
}

func cp(_ context.Context, p program.Process) int {
	a, code := arguments(p, 1, letters("rRafpv")...)
	if code != 0 {
		return code
	}
	recursive := a.Bool("r") || a.Bool("R") || a.Bool("a")
	return toTarget(p, a.Rest, "cannot copy", func(from, to string) error { return copyTree(from, to, recursive) })
}

func mv(_ context.Context, p program.Process) int {
	a, code := arguments(p, 1, letters("fv")...)
	if code != 0 {
		return code
	}
	return toTarget(p, a.Rest, "cannot move", func(from, to string) error {
		err := os.Rename(from, to)
		if err == nil || !isCrossDevice(err) {
			return err
		}
		if err := copyTree(from, to, true); err != nil {
			return err
		}
		return os.RemoveAll(from)
	})
}

// toTarget does something with every file but the last, whose target is the last, or in it if it is a directory.
func toTarget(p program.Process, names []string, verb string, do func(from, to string) error) int {
	if len(names) < 2 {
		return p.Fail(1, "missing file operand")
	}
	target := p.Path(names[len(names)-1])
	info, err := os.Stat(target)
	into := err == nil && info.IsDir()
	if !into && len(names) > 2 {
		return p.Fail(1, "target '%s' is not a directory", names[len(names)-1])
	}
	return forEach(p, names[:len(names)-1], verb, func(path string) error {
		to := target
		if into {
			to = filepath.Join(target, filepath.Base(path))
		}
		return do(path, to)
	})
}

// copyTree copies a file, or a directory and what is in it. Symbolic links stay what they are.
func copyTree(from, to string, recursive bool) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return copyFile(from, to, info.Mode().Perm())
	}
	if !recursive {
		return errors.New("omitting directory, -r not specified")
	}
	if rest, err := filepath.Rel(from, to); err == nil && filepath.IsLocal(rest) {
		return errors.New("cannot copy a directory into itself")
	}
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return copyEntry(path, filepath.Join(to, strings.TrimPrefix(path, from)), d)
	})
}

func copyEntry(from, to string, d fs.DirEntry) error {
	info, err := d.Info()
	switch {
	case err != nil:
		return err
	case d.IsDir():
		return os.MkdirAll(to, info.Mode().Perm()|0o700)
	case d.Type()&fs.ModeSymlink != 0:
		link, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(link, to)
	case !d.Type().IsRegular():
		return errors.New("not a regular file")
	}
	return copyFile(from, to, info.Mode().Perm())
}

func copyFile(from, to string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if same(in, to) {
		return errors.New("source and target are the same file")
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

// same reports whether an open file is that of a path.
func same(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Stat(path)
	return err == nil && os.SameFile(a, b)
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
