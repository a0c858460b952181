package layer

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// unpacker writes one layer into a directory.
type unpacker struct {
	root    int    // the directory
	flatten bool   // all owners become 0: there is only one
	left    Bounds // what may still come

	parent     int    // of the last entry, since entries of one directory follow each other
	parentName string // its name in the archive

	names       int     // bytes of those that came
	directories []stamp // times that are set last, since writing into a directory changes its own
	made        map[string]bool
}

type stamp struct {
	name string
	at   time.Time
}

// Unpack writes a layer, as an uncompressed tar, into the empty directory root in overlayfs's form, and returns the bytes
// of its files. flatten gives everything to user and group 0, where no other is mapped. Devices are left out: no container has
// the right to them. What follows the archive's end is read, so that the stream's digest is that of the layer.
func Unpack(root *os.File, stream io.Reader, flatten bool, b Bounds) (int64, error) {
	b = b.orDefault()
	u := &unpacker{root: int(root.Fd()), flatten: flatten, left: b, parent: -1, made: map[string]bool{}}
	defer u.forgetParent()
	archive := tar.NewReader(stream)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, fmt.Errorf("layer: %w", err)
		}
		if err := u.entry(h, archive); err != nil {
			return 0, fmt.Errorf("layer: %.200q: %w", h.Name, err)
		}
	}
	if err := u.finish(); err != nil {
		return 0, err
	}
	if _, err := io.Copy(io.Discard, io.LimitReader(stream, b.Bytes)); err != nil {
		return 0, fmt.Errorf("layer: %w", err)
	}
	return b.Bytes - u.left.Bytes, nil
}

// entry writes one entry of the archive.
func (u *unpacker) entry(h *tar.Header, content io.Reader) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	if u.names += len(h.Name); u.names > maxNames {
		return fmt.Errorf("%w: the names of all entries", ErrTooLarge)
	}
	if u.left.Entries--; u.left.Entries < 0 {
		return fmt.Errorf("%w: more entries than a layer may have", ErrTooLarge)
	}
	name, err := inside(h.Name)
	if err != nil {
		return err
	}
	if name == "." {
		return u.describe(h, u.root, name)
	}
	dir, base := path.Split(name)
	parent, err := u.open(path.Clean(dir))
	if err != nil {
		return err
	}
	if strings.HasPrefix(base, whiteoutPrefix) {
		return u.whiteout(parent, name, base)
	}
	return u.write(h, content, place{parent, base, name})
}

// place is where an entry goes: base in the directory parent, called name in the archive.
type place struct {
	parent     int
	base, name string
}

// inside cleans a name, which may be absolute but must not lead above the root.
func inside(name string) (string, error) {
	if len(name) > maxName || strings.ContainsRune(name, 0) {
		return "", fmt.Errorf("%w: the name", ErrTooLarge)
	}
	clean := path.Clean(strings.TrimLeft(name, "/"))
	if clean == ".." || strings.HasPrefix(clean, "../") {
		return "", ErrEscape
	}
	return clean, nil
}

// open opens the directory of an entry, below the root whatever links there are, and makes it if it is missing.
func (u *unpacker) open(dir string) (int, error) {
	if u.parent >= 0 && dir == u.parentName {
		return u.parent, nil
	}
	fd, err := OpenIn(u.root, dir, unix.O_DIRECTORY)
	if errors.Is(err, unix.ENOENT) {
		if err = u.makeAll(dir); err == nil {
			fd, err = OpenIn(u.root, dir, unix.O_DIRECTORY)
		}
	}
	if err != nil {
		return -1, err
	}
	if err := u.shallow(fd); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	u.forgetParent()
	u.parent, u.parentName = fd, dir
	return fd, nil
}

// shallow refuses a directory whose real path is too deep: links let names be shorter than paths.
func (u *unpacker) shallow(dir int) error {
	here, err := RealPath(u.root, dir)
	if err != nil {
		return err
	}
	if strings.Count(here, "/") > maxDepth {
		return fmt.Errorf("%w: more than %d directories below each other", ErrTooLarge, maxDepth)
	}
	return nil
}

func (u *unpacker) forgetParent() {
	if u.parent >= 0 {
		_ = unix.Close(u.parent)
	}
	u.parent = -1
}

// makeAll makes a directory and those above it, which the archive did not mention.
func (u *unpacker) makeAll(dir string) error {
	if dir == "." {
		return nil
	}
	above, base := path.Split(dir)
	above = path.Clean(above)
	parent, err := OpenIn(u.root, above, unix.O_DIRECTORY)
	if errors.Is(err, unix.ENOENT) {
		if err = u.makeAll(above); err == nil {
			parent, err = OpenIn(u.root, above, unix.O_DIRECTORY)
		}
	}
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(parent) }()
	if u.left.Entries--; u.left.Entries < 0 || strings.Count(dir, "/") > maxDepth {
		return fmt.Errorf("%w: directories", ErrTooLarge)
	}
	err = unix.Mkdirat(parent, base, 0o755)
	if errors.Is(err, unix.EEXIST) { // a link that leads nowhere
		return unix.ENOTDIR
	}
	return err
}

// finish sets the times of directories, the deepest first.
func (u *unpacker) finish() error {
	u.forgetParent()
	for i := len(u.directories) - 1; i >= 0; i-- {
		d := u.directories[i]
		fd, err := OpenIn(u.root, d.name, unix.O_DIRECTORY)
		if err != nil {
			continue // a later entry took its place
		}
		err = unix.UtimesNanoAt(fd, ".", times(d.at), 0)
		_ = unix.Close(fd)
		if err != nil {
			return fmt.Errorf("layer: %.200q: %w", d.name, err)
		}
	}
	return nil
}

func times(at time.Time) []unix.Timespec {
	if at.IsZero() {
		at = time.Unix(0, 0)
	}
	t := unix.Timespec{Sec: at.Unix(), Nsec: int64(at.Nanosecond())}
	return []unix.Timespec{t, t}
}
