package source

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/compression"
)

// Extract unpacks a tar archive, compressed or not, into a directory. Names that are absolute are below it. What would lead
// out of it, and what is neither file, directory nor link, is an error, and so is what exceeds the limits: ErrTooLarge.
// What was unpacked before an error stays. Permissions and times are kept, owners and set-id bits are not.
func Extract(ctx context.Context, archive io.Reader, into *os.Root, l Limits) error {
	compressed := &counter{Reader: archive}
	plain, err := compression.Open(compressed)
	if err != nil {
		return fmt.Errorf("the archive cannot be decompressed: %w", err)
	}
	defer plain.Close() //nolint:errcheck // it is only read
	x := &extraction{into: into, limits: l.resolve(), compressed: compressed}
	stream := tar.NewReader(&described{Reader: plain, x: x})
	for {
		h, err := stream.Next()
		if errors.Is(err, io.EOF) {
			return x.finish()
		}
		if err != nil {
			return fmt.Errorf("the archive cannot be read: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := x.entry(h, stream); err != nil {
			return err
		}
	}
}

// extraction is what one archive came to so far.
type extraction struct {
	into        *os.Root
	limits      Limits
	compressed  *counter
	entries     int
	bytes       int64
	directories []*tar.Header // whose permissions come last: they may forbid to write
	stream      int64         // bytes of the archive, with what it says of its files
	names       int           // bytes of the names: they are kept
}

// entry unpacks one entry.
func (x *extraction) entry(h *tar.Header, content io.Reader) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	if x.entries++; x.entries > x.limits.Entries {
		return tooLarge("it has more than %d files", x.limits.Entries)
	}
	name, err := localName(h.Name)
	if err != nil || name == "." {
		return err
	}
	if x.names += len(name); x.names > maxNames {
		return tooLarge("the names of its files have more than %d bytes", maxNames)
	}
	if err := x.place(name, h.Typeflag == tar.TypeDir); err != nil {
		return entryError(h.Name, err)
	}
	h.Name = name
	switch h.Typeflag {
	case tar.TypeDir:
		err = x.directory(h)
	case tar.TypeReg:
		err = x.file(h, content)
	case tar.TypeSymlink:
		err = x.symlink(h)
	case tar.TypeLink:
		err = x.link(h)
	default:
		return fmt.Errorf("the archive has %q, which is neither a file nor a directory nor a link", name)
	}
	return entryError(name, err)
}

func entryError(name string, err error) error {
	if err == nil || errors.Is(err, ErrTooLarge) {
		return err
	}
	return fmt.Errorf("the archive's %q cannot be unpacked: %w", name, cause(err))
}

// cause is an error of the file system without the machine's paths.
func cause(err error) error {
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		return at.Err
	}
	if at, ok := errors.AsType[*os.LinkError](err); ok {
		return at.Err
	}
	return err
}

// localName is the name of an entry below the directory.
func localName(name string) (string, error) {
	clean := path.Clean(strings.TrimLeft(name, "/"))
	switch {
	case strings.Trim(name, "/") == "":
		return ".", nil
	case clean == ".." || strings.HasPrefix(clean, "../"):
		return "", fmt.Errorf("the archive's %.200q leads out of the context", name)
	case len(clean) > maxName || strings.Count(clean, "/") > maxDepth:
		return "", fmt.Errorf("the archive's %.200q is too long or too deep", name)
	case strings.ContainsRune(clean, 0):
		return "", fmt.Errorf("the archive's %.200q is not a name", name)
	}
	return clean, nil
}

// place makes room: the directories above, and nothing in its place unless both are directories.
func (x *extraction) place(name string, isDirectory bool) error {
	if above := path.Dir(name); above != "." {
		if err := x.into.MkdirAll(above, 0o755); err != nil {
			return err
		}
	}
	there, err := x.into.Lstat(name)
	if err != nil {
		return nil //nolint:nilerr // nothing is there; if it is something else, the next call says so
	}
	if isDirectory && there.IsDir() {
		return nil
	}
	return x.into.RemoveAll(name)
}

func (x *extraction) directory(h *tar.Header) error {
	x.directories = append(x.directories, &tar.Header{Name: h.Name, Mode: h.Mode, ModTime: h.ModTime}) // not all that it may say
	err := x.into.Mkdir(h.Name, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

func (x *extraction) file(h *tar.Header, content io.Reader) error {
	file, err := x.into.OpenFile(h.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, &metered{content, x})
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return x.attributes(h)
}

// attributes sets permissions and times.
func (x *extraction) attributes(h *tar.Header) error {
	if err := x.into.Chmod(h.Name, fs.FileMode(h.Mode)&fs.ModePerm); err != nil { //nolint:gosec // bits, masked
		return err
	}
	if h.ModTime.Before(time.Unix(0, 0)) || h.ModTime.Year() > 9999 {
		return nil
	}
	return x.into.Chtimes(h.Name, h.ModTime, h.ModTime)
}

// symlink makes a symbolic link. An absolute one is of the container that will see it; nothing here follows it.
func (x *extraction) symlink(h *tar.Header) error {
	target := path.Join(path.Dir(h.Name), h.Linkname)
	if !path.IsAbs(h.Linkname) && (target == ".." || strings.HasPrefix(target, "../")) {
		return fmt.Errorf("invalid symlink: %.200q leads out of the context", h.Linkname)
	}
	return x.into.Symlink(h.Linkname, h.Name)
}

func (x *extraction) link(h *tar.Header) error {
	from, err := localName(h.Linkname)
	if err != nil {
		return err
	}
	return x.into.Link(from, h.Name)
}

// finish gives directories their permissions and times, the deepest first.
func (x *extraction) finish() error {
	for i := len(x.directories) - 1; i >= 0; i-- {
		h := x.directories[i]
		if there, err := x.into.Lstat(h.Name); err != nil || !there.IsDir() {
			continue // something else came in its place
		}
		if err := x.attributes(h); err != nil {
			return entryError(h.Name, err)
		}
	}
	return nil
}

// metered counts what is unpacked, and ends what becomes too large.
type metered struct {
	io.Reader
	x *extraction
}

// Read reads, and counts.
func (m *metered) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	x := m.x
	x.bytes += int64(n)
	switch {
	case x.bytes > x.limits.Bytes:
		return n, tooLarge("it has more than %d bytes", x.limits.Bytes)
	case x.bytes > ratioFrom && x.bytes/x.limits.Ratio > x.compressed.n:
		return n, tooLarge("%d bytes of it come to more than %d: this is no archive that anybody would make", x.compressed.n, x.bytes)
	}
	return n, err
}

// described counts the archive itself, and ends one that says far more of its files than anybody would.
type described struct {
	io.Reader
	x *extraction
}

// Read reads, and counts.
func (d *described) Read(p []byte) (int, error) {
	n, err := d.Reader.Read(p)
	x := d.x
	if x.stream += int64(n); x.stream > ratioFrom && x.stream/x.limits.Ratio > x.compressed.n {
		return n, tooLarge("%d bytes of it come to more than %d: this is no archive that anybody would make", x.compressed.n, x.stream)
	}
	return n, err
}

// counter counts what is read.
type counter struct {
	io.Reader
	n int64
}

// Read reads, and counts.
func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}
