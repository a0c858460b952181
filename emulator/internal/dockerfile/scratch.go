package dockerfile

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync/atomic"
)

// scratch is the directory of one build. What all its files have together is bounded, so that a thousand archives that are
// each within their bounds fill no disk.
type scratch struct {
	dir   string
	limit int64
	used  atomic.Int64
	// done returns why nothing more is to be written, if so.
	done func() error
}

// scratchFile is a file that counts.
type scratchFile struct {
	file    *os.File
	scratch *scratch
}

func (s *scratch) create(pattern string) (*scratchFile, error) {
	file, err := os.CreateTemp(s.dir, pattern)
	return &scratchFile{file, s}, err
}

func (f *scratchFile) name() string { return f.file.Name() }

// Write implements io.Writer.
func (f *scratchFile) Write(p []byte) (int, error) {
	if f.scratch.used.Add(int64(len(p))) > f.scratch.limit {
		return 0, limitError("bytes in the files of a build", f.scratch.limit)
	}
	if err := f.scratch.done(); err != nil {
		return 0, err
	}
	return f.file.Write(p)
}

// Close implements io.Closer.
func (f *scratchFile) Close() error { return f.file.Close() }

// spill is a file that contents are written to, one after the other.
type spill struct {
	*scratchFile
	size int64
}

func (s *scratch) spill() (*spill, error) {
	file, err := s.create("contents-*")
	return &spill{scratchFile: file}, err
}

// add writes a content, and returns what opens it.
func (s *spill) add(r io.Reader) (opener, error) {
	n, err := io.Copy(s, r)
	name, offset := s.name(), s.size
	s.size += n
	return func() (io.ReadCloser, error) { return openSection(name, offset, n) }, err
}

// section is a part of a file, which it closes.
type section struct {
	io.Reader
	io.Closer
}

func openSection(name string, offset, size int64) (io.ReadCloser, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return section{io.NewSectionReader(file, offset, size), file}, nil
}

// write makes the files of a node below a directory of the scratch directory. Devices are left out.
func (s *scratch) write(n *node, dir, name string) (err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	return n.walk(func(rel string, n *node) error { return s.writeOne(root, path.Join(name, rel), n) })
}

func (s *scratch) writeOne(root *os.Root, name string, n *node) error {
	switch n.kind {
	case tar.TypeDir:
		if err := root.Mkdir(name, 0o700); err != nil {
			return err
		}
	case tar.TypeSymlink:
		return root.Symlink(n.target, name)
	case tar.TypeReg:
		file, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		if err := errors.Join(n.copyTo(&scratchFile{file, s}), file.Close()); err != nil {
			return err
		}
	default:
		return nil
	}
	return own(filepath.Join(root.Name(), name), n.inode)
}

// own gives a file of the scratch directory, which is no link, its owner and mode. Without the right to give files away they
// stay this process's own.
func own(name string, in *inode) error {
	if err := os.Chown(name, in.uid, in.gid); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	mode := fs.FileMode(in.mode & 0o777)
	for bit, flag := range map[int64]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if in.mode&bit != 0 {
			mode |= flag
		}
	}
	return os.Chmod(name, mode)
}
