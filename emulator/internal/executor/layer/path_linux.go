package layer

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// OpenIn opens a path below the directory root as a process that is rooted there would see it, as a reference (O_PATH)
// unless flags say otherwise: links, also absolute ones and "..", stay below.
func OpenIn(root int, name string, flags int) (int, error) {
	if flags&unix.O_DIRECTORY == 0 || flags&unix.O_ACCMODE == 0 {
		flags |= unix.O_PATH
	}
	return unix.Openat2(root, name, &unix.OpenHow{
		Flags: uint64(flags | unix.O_CLOEXEC), Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
}

// RealPath returns the path of an open file relative to the open directory root; "." for the directory itself.
func RealPath(root, file int) (string, error) {
	base, err := os.Readlink(Magic(root))
	if err != nil {
		return "", err
	}
	here, err := os.Readlink(Magic(file))
	if err != nil {
		return "", err
	}
	if here == base {
		return ".", nil
	}
	inner, ok := strings.CutPrefix(here, strings.TrimSuffix(base, "/")+"/")
	if !ok {
		return "", fmt.Errorf("%w: %s", ErrEscape, here)
	}
	return inner, nil
}

// Magic is a path by which the kernel finds an open file of this process.
func Magic(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// setXattr sets an attribute of an entry of an open directory, which is not followed if it is a link.
func setXattr(dir int, base, name string, value []byte) error {
	return unix.Lsetxattr(Magic(dir)+"/"+base, name, value, 0)
}

// Remove removes a directory of the machine and everything below it. It does not follow links, and takes no more files or
// stack for a deep tree than for a flat one: whatever is nested is first moved to the top.
func Remove(name string) error {
	err := removeAt(unix.AT_FDCWD, name)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}

// RemoveIn is Remove for an entry of an open directory.
func RemoveIn(dir int, base string) error { return removeAt(dir, base) }

func removeAt(dir int, base string) error {
	err := unix.Unlinkat(dir, base, 0)
	if !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.EPERM) {
		return err
	}
	top, err := openToEmpty(dir, base)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(top) }()
	moved, pending := 0, []string{"."}
	for len(pending) > 0 {
		name := pending[0]
		pending = pending[1:]
		more, err := flatten(top, name, &moved)
		if err != nil {
			return fmt.Errorf("remove %s: %w", base, err)
		}
		pending = append(pending, more...)
	}
	return unix.Unlinkat(dir, base, unix.AT_REMOVEDIR)
}

// openToEmpty opens a directory after giving its owner, who this process is, every right to it.
func openToEmpty(dir int, base string) (int, error) {
	if base != "." {
		unlock(dir, base)
	}
	return unix.Openat(dir, base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
}

// unlock gives the owner of a directory every right to it. A link is not followed, also if it came there this moment: who
// removes what a container left may have rights to all of the machine.
func unlock(dir int, base string) {
	fd, err := unix.Openat(dir, base, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer func() { _ = unix.Close(fd) }()
	_ = unix.Chmod(Magic(fd), 0o700)
}

// flatten empties the directory name of top, moves the directories in it to top, and returns their new names. Where name
// is top itself, they keep their places.
func flatten(top int, name string, moved *int) (pending []string, err error) {
	fd, err := openToEmpty(top, name)
	if err != nil {
		return nil, err
	}
	dir := os.NewFile(uintptr(fd), name)
	defer dir.Close()
	entries, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		err := unix.Unlinkat(fd, entry, 0)
		if err == nil || errors.Is(err, unix.ENOENT) {
			continue
		}
		if unix.Unlinkat(fd, entry, unix.AT_REMOVEDIR) == nil {
			continue
		}
		to := entry
		if name != "." {
			if to, err = lift(top, fd, entry, moved); err != nil {
				return nil, err
			}
		}
		pending = append(pending, to)
	}
	if name == "." {
		return pending, nil
	}
	return pending, unix.Unlinkat(top, name, unix.AT_REMOVEDIR)
}

// lift moves a directory to top, under a name that is free.
func lift(top, dir int, entry string, moved *int) (string, error) {
	unlock(dir, entry)
	for {
		*moved++
		to := ".removed-" + strconv.Itoa(*moved)
		err := unix.Renameat2(dir, entry, top, to, unix.RENAME_NOREPLACE)
		if !errors.Is(err, unix.EEXIST) {
			return to, err
		}
	}
}
