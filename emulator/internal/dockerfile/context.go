package dockerfile

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// scan reads a directory into a tree: names and attributes at once, contents when they are needed. Everything belongs to root,
// as in a context that docker sends.
type scan struct {
	*tree
	root   *os.Root
	ignore *patternmatcher.PatternMatcher
	limits Limits
	// done returns why nothing more is to be read, if so.
	done func() error
	// size is what the context would be as an archive. Docker sends the files in sent even if they are ignored.
	size  int64
	sent  []string
	links map[fileID]*inode
}

// scanContext reads the context but for what .dockerignore names.
func scanContext(done func() error, root *os.Root, ignore []string, limits Limits, sent ...string) (*scan, error) {
	matcher, err := patternmatcher.New(ignore)
	if err != nil {
		return nil, fmt.Errorf(".dockerignore: %w", err)
	}
	if n := len(ignore); n > maxPatterns {
		return nil, limitError("patterns in .dockerignore", maxPatterns)
	}
	s := &scan{tree: newTree(), root: root, ignore: matcher, limits: limits, done: done, size: 2 * blockSize, sent: sent, links: map[fileID]*inode{}}
	return s, s.directory(".", patternmatcher.MatchInfo{})
}

const blockSize = 512

// maxPatterns is how many patterns a .dockerignore may have: every file is compared with every one.
const maxPatterns = 5000

// directory reads what is in a directory.
func (s *scan) directory(dir string, parent patternmatcher.MatchInfo) error {
	entries, err := readDirectory(s.root, dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := s.done(); err != nil {
			return err
		}
		name := path.Join(dir, entry.Name())
		skip, info, err := s.ignore.MatchesUsingParentResults(name, parent)
		if err != nil {
			return err
		}
		if skip && (!entry.IsDir() || !s.exceptedBelow(name)) && !slices.Contains(s.sent, name) {
			continue
		}
		if err := s.entry(name, skip); err != nil {
			return err
		}
		if !entry.IsDir() {
			continue
		}
		if err := s.directory(name, info); err != nil {
			return err
		}
	}
	return nil
}

// readDirectory lists a directory in the order of names. A pipe that came in its place keeps nobody waiting: the slash says
// that it must be a directory.
func readDirectory(root *os.Root, dir string) ([]fs.DirEntry, error) {
	d, err := root.Open(dir + "/")
	if err != nil {
		return nil, err
	}
	defer d.Close() //nolint:errcheck // it is only read
	entries, err := d.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}

// exceptedBelow reports whether an exception may bring back something below a directory that is ignored.
func (s *scan) exceptedBelow(dir string) bool {
	if !s.ignore.Exclusions() {
		return false
	}
	for _, pattern := range s.ignore.Patterns() {
		if pattern.Exclusion() && strings.HasPrefix(pattern.String()+"/", dir+"/") {
			return true
		}
	}
	return false
}

// entry puts one file; an ignored directory is not put before something in it is.
func (s *scan) entry(name string, ignored bool) error {
	if ignored && !slices.Contains(s.sent, name) {
		return nil
	}
	info, err := s.root.Lstat(name)
	if err != nil {
		return err
	}
	links := len(s.links)
	in, err := s.inode(name, info)
	if in == nil || err != nil {
		return err
	}
	s.size += blockSize
	if _, several := identify(info); !several || len(s.links) > links {
		s.size += (in.size + blockSize - 1) / blockSize * blockSize
	}
	switch {
	case ignored:
		return nil
	case s.size > s.limits.Bytes:
		return limitError("bytes in a context", s.limits.Bytes)
	case s.files > s.limits.Files:
		return limitError("files in a context", int64(s.limits.Files))
	}
	if _, err := s.mkdirs(path.Dir(name), directory()); err != nil {
		return err
	}
	_, err = s.put(name, in)
	return err
}

// kinds are the types of files that a context can have; sockets are left out, as docker does.
var kinds = map[fs.FileMode]byte{
	0: tar.TypeReg, fs.ModeDir: tar.TypeDir, fs.ModeSymlink: tar.TypeSymlink, fs.ModeNamedPipe: tar.TypeFifo,
	fs.ModeDevice: tar.TypeBlock, fs.ModeDevice | fs.ModeCharDevice: tar.TypeChar,
}

func (s *scan) inode(name string, info fs.FileInfo) (*inode, error) {
	kind, known := kinds[info.Mode().Type()]
	if !known {
		return nil, nil
	}
	header, err := tar.FileInfoHeader(info, "")
	if err != nil {
		return nil, err
	}
	in := &inode{kind: kind, mode: header.Mode & 0o7777, modified: info.ModTime(), major: header.Devmajor, minor: header.Devminor}
	switch kind {
	case tar.TypeSymlink:
		in.target, err = s.root.Readlink(name)
	case tar.TypeReg:
		in.size = info.Size()
		in.open = func() (io.ReadCloser, error) { return openRegular(s.root, name) }
		return s.linked(info, in), nil
	}
	return in, err
}

// linked returns the inode of a hard link that was met before.
func (s *scan) linked(info fs.FileInfo, in *inode) *inode {
	id, several := identify(info)
	if !several {
		return in
	}
	if first := s.links[id]; first != nil {
		return first
	}
	s.links[id] = in
	return in
}

// openRegular opens a file that was regular when it was listed. What has become a pipe since does not block.
func openRegular(root *os.Root, name string) (io.ReadCloser, error) {
	file, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("%s: no regular file any more", name), err, file.Close())
	}
	return file, nil
}

// ignored reads the patterns of what the context leaves out: DOCKERFILE.dockerignore, or .dockerignore.
func ignored(root *os.Root, dockerfile string) ([]string, error) {
	for _, name := range []string{dockerfile + ".dockerignore", ".dockerignore"} {
		content, err := readBounded(root, name, maxIgnore)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return parseIgnore(content)
	}
	return nil, nil
}

func parseIgnore(content []byte) ([]string, error) {
	return ignorefile.ReadAll(bytes.NewReader(content))
}

// maxIgnore is the size of a .dockerignore in bytes.
const maxIgnore = 1 << 20

// readBounded reads a whole file of the context.
func readBounded(root *os.Root, name string, limit int64) ([]byte, error) {
	file, err := openRegular(root, path.Clean(name))
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it is only read
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = limitError("bytes in "+name, limit)
	}
	return content, err
}
