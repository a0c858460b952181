package layer

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// write makes what an entry describes, in the place of what an earlier entry may have put there.
func (u *unpacker) write(h *tar.Header, content io.Reader, p place) error {
	opaque, err := u.clear(h, p)
	if err != nil {
		return err
	}
	u.made[p.name] = true
	switch h.Typeflag {
	case tar.TypeDir:
		err = u.directory(h, p, opaque)
	case tar.TypeReg, tar.TypeRegA, tar.TypeGNUSparse: //nolint:staticcheck // old archives say TypeRegA
		err = u.file(h, content, p)
	case tar.TypeSymlink:
		if err = unix.Symlinkat(h.Linkname, p.parent, p.base); err == nil {
			err = u.describeLink(h, p)
		}
	case tar.TypeLink:
		err = u.link(h, p)
	case tar.TypeFifo:
		if err = unix.Mknodat(p.parent, p.base, unix.S_IFIFO|0o600, 0); err == nil {
			err = u.describeAt(h, p)
		}
	}
	return err
}

// clear removes what is in an entry's place, unless both are directories. It reports whether a whiteout was there: the
// layer has removed what was below, and makes it anew.
func (u *unpacker) clear(h *tar.Header, p place) (whiteout bool, err error) {
	var st unix.Stat_t
	err = unix.Fstatat(p.parent, p.base, &st, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	directory := st.Mode&unix.S_IFMT == unix.S_IFDIR
	if directory && h.Typeflag == tar.TypeDir {
		return false, nil
	}
	if !directory {
		return isWhiteout(&st), unix.Unlinkat(p.parent, p.base, 0)
	}
	if err := RemoveIn(p.parent, p.base); err != nil {
		return false, err
	}
	// The directory may have hidden one of a layer below, of which nothing must show again.
	return false, nil
}

func isWhiteout(st *unix.Stat_t) bool {
	return st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == 0
}

// whiteout says in overlayfs's form that something of the layers below is gone.
func (u *unpacker) whiteout(parent int, name, base string) error {
	if base == opaqueName {
		return setXattr(parent, ".", opaqueXattr, []byte("y"))
	}
	if strings.HasPrefix(base, metaPrefix) {
		return nil // aufs's own notes
	}
	gone := strings.TrimPrefix(base, whiteoutPrefix)
	if gone == "" || gone == "." || gone == ".." {
		return ErrEscape
	}
	if u.made[path.Join(path.Dir(name), gone)] {
		return nil // whiteouts are about layers below (image-spec)
	}
	err := unix.Mknodat(parent, gone, unix.S_IFCHR, 0)
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	return err
}

func (u *unpacker) directory(h *tar.Header, p place, opaque bool) error {
	if err := unix.Mkdirat(p.parent, p.base, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
		return err
	}
	fd, err := unix.Openat(p.parent, p.base, unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	if opaque {
		if err := setXattr(fd, ".", opaqueXattr, []byte("y")); err != nil {
			return err
		}
	}
	return u.describe(h, fd, p.name)
}

// describe gives an open directory its owner, mode and attributes; its time is set at the end.
func (u *unpacker) describe(h *tar.Header, fd int, name string) error {
	if h.Typeflag != tar.TypeDir {
		return unix.ENOTDIR
	}
	u.directories = append(u.directories, stamp{name, h.ModTime})
	if err := u.own(h, func(uid, gid int) error { return unix.Fchown(fd, uid, gid) }); err != nil {
		return err
	}
	if err := unix.Fchmod(fd, uint32(h.Mode)&0o7777); err != nil {
		return err
	}
	return u.attributes(h, fd, ".")
}

func (u *unpacker) file(h *tar.Header, content io.Reader, p place) error {
	if u.left.Bytes -= h.Size; h.Size < 0 || u.left.Bytes < 0 {
		return fmt.Errorf("%w: more content than a layer may have", ErrTooLarge)
	}
	fd, err := unix.Openat(p.parent, p.base, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), p.base)
	defer f.Close()
	if n, err := io.Copy(f, content); err != nil || n != h.Size {
		return errors.Join(err, shortOf(h.Size-n))
	}
	if err := u.own(h, func(uid, gid int) error { return unix.Fchown(fd, uid, gid) }); err != nil {
		return err
	}
	if err := unix.Fchmod(fd, uint32(h.Mode)&0o7777); err != nil {
		return err
	}
	if err := u.attributes(h, p.parent, p.base); err != nil {
		return err
	}
	return unix.UtimesNanoAt(p.parent, p.base, times(h.ModTime), unix.AT_SYMLINK_NOFOLLOW)
}

func shortOf(missing int64) error {
	if missing == 0 {
		return nil
	}
	return io.ErrUnexpectedEOF
}

// link makes a hard link to a file of the same layer, wherever links in its name lead below the root.
func (u *unpacker) link(h *tar.Header, p place) error {
	target, err := inside(h.Linkname)
	if err != nil || target == "." {
		return ErrEscape
	}
	dir, base := path.Split(target)
	parent, err := OpenIn(u.root, path.Clean(dir), unix.O_DIRECTORY)
	if err != nil {
		return fmt.Errorf("hard link to %.200q: %w", h.Linkname, err)
	}
	defer func() { _ = unix.Close(parent) }()
	if err := unix.Linkat(parent, base, p.parent, p.base, 0); err != nil {
		return fmt.Errorf("hard link to %.200q: %w", h.Linkname, err)
	}
	return nil
}

// describeLink gives a symbolic link its owner and time.
func (u *unpacker) describeLink(h *tar.Header, p place) error {
	err := u.own(h, func(uid, gid int) error { return unix.Fchownat(p.parent, p.base, uid, gid, unix.AT_SYMLINK_NOFOLLOW) })
	if err != nil {
		return err
	}
	return unix.UtimesNanoAt(p.parent, p.base, times(h.ModTime), unix.AT_SYMLINK_NOFOLLOW)
}

// describeAt gives a special file its owner, mode and time. It was made by this process in a directory that nobody else
// writes to.
func (u *unpacker) describeAt(h *tar.Header, p place) error {
	if err := u.describeLink(h, p); err != nil {
		return err
	}
	if err := unix.Fchmodat(p.parent, p.base, uint32(h.Mode)&0o7777, 0); err != nil {
		return err
	}
	return unix.UtimesNanoAt(p.parent, p.base, times(h.ModTime), unix.AT_SYMLINK_NOFOLLOW)
}

func (u *unpacker) own(h *tar.Header, chown func(uid, gid int) error) error {
	if u.flatten {
		return nil
	}
	if err := chown(h.Uid, h.Gid); err != nil {
		return fmt.Errorf("owner %d:%d: %w", h.Uid, h.Gid, err)
	}
	return nil
}

// attributes sets the extended attributes that mean something in a container: capabilities, and the user's own.
func (u *unpacker) attributes(h *tar.Header, dir int, base string) error {
	for _, key := range sortedKeys(h.PAXRecords) {
		name, ok := strings.CutPrefix(key, paxXattr)
		if !ok || !carried(name) {
			continue
		}
		err := setXattr(dir, base, name, []byte(h.PAXRecords[key]))
		if err != nil && !errors.Is(err, unix.ENOTSUP) {
			return fmt.Errorf("attribute %s: %w", name, err)
		}
	}
	return nil
}

// carried says which extended attributes go into a layer and come out of it. Overlayfs's own never do: a layer that could
// set them would say what is hidden in others.
func carried(name string) bool {
	return name == "security.capability" || strings.HasPrefix(name, "user.") && !strings.HasPrefix(name, overlayXattr)
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
