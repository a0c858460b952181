package layer

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// differ writes what a container changed as a layer.
type differ struct {
	out    *tar.Writer
	absent map[string]bool  // what was not in the image but made for the container: its removal is no change
	links  map[inode]string // files with several names, by the first
	left   int64            // bytes of content that may still come
}

type inode struct{ dev, ino uint64 }

// Diff writes the upper directory of an overlay as a layer in docker's form: in the order of names, times in whole seconds,
// whiteouts and opaque directories as .wh. files, hard links, capabilities of files. Sockets are left out, as docker leaves
// them out. made are paths that the executor put beneath the container and that the image does not have. A file with holes
// takes as much room in a layer as it says it has; most is how many bytes all files may have, and 0 sets no bound.
func Diff(upper *os.File, made []string, most int64, w io.Writer) error {
	if most <= 0 {
		most = maxBytes
	}
	d := &differ{out: tar.NewWriter(w), absent: map[string]bool{}, links: map[inode]string{}, left: most}
	for _, m := range made {
		d.absent[strings.Trim(m, "/")] = true
	}
	if err := walk(int(upper.Fd()), "", d.entry); err != nil {
		return fmt.Errorf("layer: %w", err)
	}
	return d.out.Close()
}

func (d *differ) entry(f found) error {
	h, err := d.header(f)
	if err != nil || h == nil {
		return err
	}
	if d.left -= h.Size; d.left < 0 {
		return fmt.Errorf("%w: %.200q makes what the container wrote more than it may be", ErrTooLarge, f.path)
	}
	if err := d.out.WriteHeader(h); err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return d.opaque(f, h)
	case tar.TypeReg:
		if h.Size > 0 {
			return d.content(f, h.Size)
		}
	}
	return nil
}

// header describes an entry; what does not belong into a layer has none.
func (d *differ) header(f found) (*tar.Header, error) {
	h := &tar.Header{
		Name: f.path, Mode: int64(f.stat.Mode & 0o7777), Uid: int(f.stat.Uid), Gid: int(f.stat.Gid),
		ModTime: time.Unix(f.stat.Mtim.Unix()).Truncate(time.Second), Format: tar.FormatPAX,
	}
	switch f.stat.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		h.Typeflag, h.Size = tar.TypeReg, f.stat.Size
		d.linked(f, h)
	case unix.S_IFDIR:
		h.Typeflag, h.Name = tar.TypeDir, f.path+"/"
	case unix.S_IFLNK:
		h.Typeflag = tar.TypeSymlink
		target, err := readLink(f)
		if err != nil {
			return nil, err
		}
		h.Linkname = target
	case unix.S_IFIFO:
		h.Typeflag = tar.TypeFifo
		d.linked(f, h)
	case unix.S_IFCHR:
		return d.whiteout(f, h), nil
	default:
		return nil, nil
	}
	if h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeDir {
		return h, nil
	}
	return h, attributesOf(f, h)
}

// linked makes the header one of a hard link, if the file was written under another name already.
func (d *differ) linked(f found, h *tar.Header) {
	if f.stat.Nlink < 2 {
		return
	}
	at := inode{uint64(f.stat.Dev), f.stat.Ino} //nolint:unconvert // its type differs between architectures
	if first, ok := d.links[at]; ok {
		h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
		return
	}
	d.links[at] = f.path
}

func (d *differ) whiteout(f found, h *tar.Header) *tar.Header {
	if !isWhiteout(&f.stat) || d.absent[f.path] {
		return nil
	}
	dir := strings.TrimSuffix(f.path, f.base)
	h.Typeflag, h.Mode, h.Name = tar.TypeReg, 0o600, dir+whiteoutPrefix+f.base
	return h
}

// opaque follows a directory that hides what the layers below have in it.
func (d *differ) opaque(f found, h *tar.Header) error {
	value, err := getXattr(f, opaqueXattr)
	if err != nil || string(value) != "y" {
		return err
	}
	return d.out.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: h.Name + opaqueName, Mode: h.Mode & 0o777, Uid: h.Uid, Gid: h.Gid, ModTime: h.ModTime, Format: tar.FormatPAX,
	})
}

func (d *differ) content(f found, size int64) error {
	fd, err := unix.Openat(f.dir, f.base, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	file := os.NewFile(uintptr(fd), f.path)
	defer file.Close()
	_, err = io.CopyN(d.out, file, size)
	return err
}

func readLink(f found) (string, error) {
	target := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(f.dir, f.base, target)
	if err != nil {
		return "", fmt.Errorf("%s: %w", f.path, err)
	}
	return string(target[:n]), nil
}

// attributesOf puts the extended attributes that belong into a layer into the header.
func attributesOf(f found, h *tar.Header) error {
	if h.Typeflag == tar.TypeLink {
		return nil
	}
	names, err := listXattr(f)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !carried(name) {
			continue
		}
		value, err := getXattr(f, name)
		if err != nil {
			return err
		}
		if h.PAXRecords == nil {
			h.PAXRecords = map[string]string{}
		}
		h.PAXRecords[paxXattr+name] = string(value)
	}
	return nil
}

func listXattr(f found) ([]string, error) {
	list := make([]byte, 64<<10) // XATTR_LIST_MAX
	n, err := unix.Llistxattr(f.magic(), list)
	if errors.Is(err, unix.ENOTSUP) || n == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.path, err)
	}
	return strings.Split(strings.TrimSuffix(string(list[:n]), "\x00"), "\x00"), nil
}

// getXattr returns an attribute; nil if there is none.
func getXattr(f found, name string) ([]byte, error) {
	value := make([]byte, 4<<10)
	n, err := unix.Lgetxattr(f.magic(), name, value)
	if errors.Is(err, unix.ERANGE) {
		value = make([]byte, 64<<10) // XATTR_SIZE_MAX
		n, err = unix.Lgetxattr(f.magic(), name, value)
	}
	if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.ENOTSUP) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: attribute %s: %w", f.path, strconv.Quote(name), err)
	}
	return value[:n], nil
}

func (f found) magic() string { return Magic(f.dir) + "/" + f.base }
