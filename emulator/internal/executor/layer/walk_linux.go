package layer

import (
	"fmt"
	"os"
	"path"
	"slices"

	"golang.org/x/sys/unix"
)

// found is one entry of a directory tree.
type found struct {
	dir  int    // the open directory that holds it
	base string // its name there
	path string // its name from the top, without a leading slash
	stat unix.Stat_t
}

func (f found) is(kind uint32) bool { return f.stat.Mode&unix.S_IFMT == kind }

// walk visits what is below an open directory in the order of names, each directory before what is in it.
func walk(dir int, prefix string, visit func(found) error) error {
	return walkAt(dir, prefix, 0, visit)
}

func walkAt(dir int, prefix string, depth int, visit func(found) error) error {
	if depth > maxDepth {
		return fmt.Errorf("%w: more than %d directories below each other", ErrTooLarge, maxDepth)
	}
	names, err := namesIn(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		f := found{dir: dir, base: name, path: path.Join(prefix, name)}
		if err := unix.Fstatat(dir, name, &f.stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			if err == unix.ENOENT { //nolint:errorlint // a bare errno; gone meanwhile
				continue
			}
			return err
		}
		if err := visit(f); err != nil {
			return err
		}
		if !f.is(unix.S_IFDIR) {
			continue
		}
		if err := descend(f, depth, visit); err != nil {
			return err
		}
	}
	return nil
}

func descend(f found, depth int, visit func(found) error) error {
	fd, err := unix.Openat(f.dir, f.base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT { //nolint:errorlint // as above
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	defer func() { _ = unix.Close(fd) }()
	return walkAt(fd, f.path, depth+1, visit)
}

func namesIn(dir int) ([]string, error) {
	fd, err := unix.Openat(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), ".")
	defer f.Close()
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

// Usage returns the bytes that the files below an open directory take on the disk, and how many there are.
func Usage(dir *os.File) (bytes int64, entries int, err error) {
	err = walk(int(dir.Fd()), "", func(f found) error {
		entries++
		links := int64(1)
		if !f.is(unix.S_IFDIR) {
			links = max(1, int64(f.stat.Nlink)) //nolint:unconvert // its type differs between architectures
		}
		bytes += f.stat.Blocks * 512 / links
		return nil
	})
	return bytes, entries, err
}
