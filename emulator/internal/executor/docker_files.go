package executor

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	slash "path"
	"slices"
	"strings"
)

// maxFiles is how many files and directories a directory may have that containers wrote to.
const maxFiles = 1 << 20

// pack writes a directory as an archive in which everything is root's, as mounts of this machine are root's in containers.
func pack(root *os.Root, to io.Writer) error {
	w := tar.NewWriter(to)
	err := fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		link := ""
		if d.Type() == fs.ModeSymlink {
			if link, err = root.Readlink(name); err != nil {
				return err
			}
		}
		if d.Type()&^(fs.ModeDir|fs.ModeSymlink) != 0 {
			return nil
		}
		h := &tar.Header{Name: name, Mode: int64(info.Mode().Perm()), ModTime: info.ModTime(), Linkname: link, Format: tar.FormatPAX}
		switch {
		case d.IsDir():
			h.Typeflag, h.Name = tar.TypeDir, name+"/"
		case link != "":
			h.Typeflag = tar.TypeSymlink
		default:
			h.Typeflag, h.Size = tar.TypeReg, info.Size()
		}
		if err := w.WriteHeader(h); err != nil || h.Typeflag != tar.TypeReg {
			return err
		}
		return packFile(root, name, info.Size(), w)
	})
	return errors.Join(err, w.Close())
}

func packFile(root *os.Root, name string, size int64, w io.Writer) error {
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	_, err = io.CopyN(w, f, size)
	return err
}

// unpacking writes an archive of strangers into a directory.
type unpacking struct {
	root *os.Root
	room int64           // bytes
	seen map[string]bool // what is in the archive
}

// unpack makes a directory what an archive says, with what is not in it removed. Nothing but files, directories and links is
// made, and none of it outside of the directory.
func unpack(root *os.Root, from io.Reader, room int64) error {
	u := &unpacking{root: root, room: room, seen: map[string]bool{".": true}}
	for archive := tar.NewReader(from); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return u.removeOthers()
		}
		if err != nil {
			return err
		}
		h.Name = slash.Clean(h.Name)
		if h.Name == "." {
			continue
		}
		if len(u.seen) > maxFiles {
			return fmt.Errorf("more than %d files", maxFiles)
		}
		if err := u.entry(h, archive); err != nil {
			return err
		}
		u.seen[h.Name] = true
	}
}

func (u *unpacking) entry(h *tar.Header, content io.Reader) error {
	mode := h.FileInfo().Mode().Perm()
	there, err := u.root.Lstat(h.Name)
	if err == nil && !(there.IsDir() && h.Typeflag == tar.TypeDir) {
		err = u.root.RemoveAll(h.Name)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		if there == nil || !there.IsDir() {
			err = u.root.Mkdir(h.Name, 0o700)
		} else {
			err = nil
		}
		return errors.Join(err, u.root.Chmod(h.Name, mode|0o700)) // we must get in
	case tar.TypeSymlink:
		return u.root.Symlink(h.Linkname, h.Name)
	case tar.TypeLink:
		return u.root.Link(slash.Clean(h.Linkname), h.Name)
	case tar.TypeReg:
		return u.file(h, mode, content)
	}
	return nil
}

func (u *unpacking) file(h *tar.Header, mode fs.FileMode, content io.Reader) error {
	if u.room -= h.Size; u.room < 0 {
		return errors.New("too large")
	}
	f, err := u.root.OpenFile(h.Name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Chmod(mode), f.Close(), u.root.Chtimes(h.Name, h.ModTime, h.ModTime))
}

// removeOthers removes what was not in the archive.
func (u *unpacking) removeOthers() error {
	var others []string
	err := fs.WalkDir(u.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || u.seen[name] {
			return err
		}
		others = append(others, name)
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
	for _, name := range slices.Compact(others) {
		err = errors.Join(err, u.root.RemoveAll(strings.TrimPrefix(name, "./")))
	}
	return err
}
