package dockerfile

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// opener opens the content of a file.
type opener func() (io.ReadCloser, error)

// unpacking is an archive on its way into a tree: a layer of an image, or what ADD extracts.
type unpacking struct {
	*tree
	limits Limits
	// done returns why nothing more is to be read, if so.
	done func() error
	// content keeps the content of the file that the archive stands at.
	content func(h *tar.Header, archive io.Reader) (opener, error)
	// layer says that names with .wh. take away what is below.
	layer bool
	// own are the paths that the archive has put, which its own whiteouts spare.
	own map[string]bool
}

// treeOf stacks layers, the lowest first.
func (b *build) treeOf(layers []v1.Layer) (*tree, error) {
	t := newTree()
	for _, l := range layers {
		if err := b.apply(t, l); err != nil {
			return nil, fmt.Errorf("a layer of the image: %w", err)
		}
	}
	t.settle()
	return t, b.grow(t)
}

// apply puts a layer on a tree. The files stay in the layer until the first of them is read.
func (b *build) apply(t *tree, l v1.Layer) error {
	stream, err := l.Uncompressed()
	if err != nil {
		return err
	}
	defer stream.Close() //nolint:errcheck // it is only read
	kept := &contents{layer: l, scratch: b.scratch}
	u := unpacking{tree: t, limits: b.Limits, done: b.scratch.done, content: kept.next, layer: true, own: map[string]bool{}}
	if err := u.all(stream); err != nil {
		return err
	}
	// Reading to the end brings out what a layer that was cut short has to say.
	_, err = io.Copy(io.Discard, stream)
	return err
}

// all puts every entry.
func (u *unpacking) all(stream io.Reader) error {
	bounded := &io.LimitedReader{R: stream, N: u.limits.Bytes}
	archive := tar.NewReader(bounded)
	for {
		header, err := archive.Next()
		if err == nil {
			err = errors.Join(u.done(), u.entry(header, archive))
		} else if errors.Is(err, io.EOF) {
			err, header = nil, nil
		}
		switch {
		case bounded.N <= 0:
			return limitError("bytes in an archive", u.limits.Bytes)
		case u.files > u.limits.Files:
			return limitError("files in an image", int64(u.limits.Files))
		case u.described > maxDescribed:
			return limitError("bytes in the names and attributes of files", maxDescribed)
		case err != nil || header == nil:
			return err
		}
	}
}

// entry puts one entry. Records that describe no file are passed over.
func (u *unpacking) entry(h *tar.Header, archive io.Reader) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	u.described += int64(len(h.Name) + len(h.Linkname))
	for key, value := range h.PAXRecords {
		u.described += int64(len(key) + len(value))
	}
	dir, base := path.Split(clean(h.Name))
	dir, err := u.mkdirs(dir, directory())
	if err != nil {
		return err
	}
	if u.layer && strings.HasPrefix(base, whiteout) {
		u.hide(dir, base)
		return nil
	}
	in, err := u.inode(h, archive)
	if err != nil {
		return fmt.Errorf("%s: %w", h.Name, err)
	}
	name := path.Join(dir, base)
	if name == "" && !u.layer {
		return nil
	}
	u.own[name] = true
	_, err = u.put(name, in)
	return err
}

// inode is what an entry describes.
func (u *unpacking) inode(h *tar.Header, archive io.Reader) (*inode, error) {
	switch h.Typeflag {
	case tar.TypeLink:
		n := u.at(clean(h.Linkname))
		if n == nil || n.isDir() {
			return nil, fmt.Errorf("a hard link to %s, which is no file", h.Linkname)
		}
		return n.inode, nil
	case tar.TypeReg:
		in := inodeOf(h)
		var err error
		in.open, err = u.content(h, archive)
		return in, err
	case tar.TypeDir, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		return inodeOf(h), nil
	}
	return nil, fmt.Errorf("unhandled tar header type %d", h.Typeflag)
}

// hide takes away what a whiteout names.
func (u *unpacking) hide(dir, base string) {
	if base == opaque {
		u.hideLower(dir)
		return
	}
	if name := strings.TrimPrefix(base, whiteout); name != "" && name != "." && name != ".." {
		u.remove(path.Join(dir, name))
	}
}

// hideLower takes away what lower layers have in a directory.
func (u *unpacking) hideLower(dir string) {
	n := u.at(dir)
	if n == nil {
		return
	}
	for _, name := range n.names() {
		if child := path.Join(dir, name); u.own[child] {
			u.hideLower(child)
		} else {
			u.remove(child)
		}
	}
}

// contents are the files of a layer, one after the other in a file of the scratch directory, written when one is needed.
type contents struct {
	layer   v1.Layer
	scratch *scratch
	size    int64
	once    sync.Once
	file    string
	err     error
}

// next returns what opens the next file.
func (c *contents) next(h *tar.Header, _ io.Reader) (opener, error) {
	offset := c.size
	c.size += h.Size
	return func() (io.ReadCloser, error) {
		c.once.Do(func() { c.file, c.err = c.write() })
		if c.err != nil {
			return nil, c.err
		}
		return openSection(c.file, offset, h.Size)
	}, nil
}

// write copies the regular files of the layer, in the order in which next met them.
func (c *contents) write() (name string, err error) {
	stream, err := c.layer.Uncompressed()
	if err != nil {
		return "", err
	}
	defer stream.Close() //nolint:errcheck // it is only read
	s, err := c.scratch.spill()
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	archive := tar.NewReader(stream)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return s.name(), nil
		}
		if err == nil && header.Typeflag == tar.TypeReg {
			_, err = s.add(archive)
		}
		if err != nil {
			return "", err
		}
	}
}
