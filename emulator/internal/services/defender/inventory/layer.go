package inventory

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/compression"
)

// reader reads the layers of one image, and counts.
type reader struct {
	limits   Limits
	scratch  string
	program  *os.File // the copy of a program, if one was needed
	bytes    int64
	entries  int
	packages int
	kept     int // bytes of what is known of packages
}

func (r *reader) close() {
	if r.program != nil {
		_ = r.program.Close()
		_ = os.Remove(r.program.Name())
	}
}

// layer reads one layer, and does to those below what it does to them.
func (r *reader) layer(ctx context.Context, open Layer, below *tree) (*tree, error) {
	compressed, err := open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = compressed.Close() }()
	unpacked, err := compression.Open(compressed)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unpacked.Close() }()
	above, archive := newTree(), tar.NewReader(&bounded{r: unpacked, reader: r, ctx: ctx})
	for {
		header, err := archive.Next()
		switch {
		case errors.Is(err, io.EOF):
			return above, drain(compressed)
		case err != nil:
			return nil, err
		}
		if r.entries++; r.entries > r.limits.Entries {
			return nil, ErrTooLarge
		}
		if err := r.entry(header, archive, above, below); err != nil {
			return nil, err
		}
	}
}

// maxPadding bounds what is read behind the end of an archive, in bytes.
const maxPadding = 1 << 20

// drain reads what is left of a layer, so that its digest is checked, if there is not too much of it.
func drain(compressed io.Reader) error {
	_, err := io.CopyN(io.Discard, compressed, maxPadding)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// bounded counts the bytes of all layers, and ends with the context.
type bounded struct {
	r      io.Reader
	reader *reader
	ctx    context.Context //nolint:containedctx // of one call of Read
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := b.r.Read(p)
	if b.reader.bytes += int64(n); b.reader.bytes > b.reader.limits.Bytes {
		return n, ErrTooLarge
	}
	return n, err
}

// maxPath is the longest path that is looked at, in bytes; Linux has none that is longer.
const maxPath = 4096

// entry notes what one entry of a layer says, and does.
func (r *reader) entry(h *tar.Header, content io.Reader, above, below *tree) error {
	name := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
	if name == "" || len(name) > maxPath || below.hide(name, h.Typeflag == tar.TypeDir) || h.Typeflag == tar.TypeDir {
		return nil
	}
	if h.Typeflag == tar.TypeLink {
		target := strings.TrimPrefix(path.Clean("/"+h.Linkname), "/")
		if f, there := above.files[target]; there {
			return r.keep(name, f, above)
		}
		return nil
	}
	above.remove(name) // of two entries in a layer the later one counts
	if h.Typeflag != tar.TypeReg {
		return nil
	}
	f, err := r.file(name, h, content)
	if err != nil || f.packages == nil && f.system == nil {
		return err
	}
	return r.keep(name, f, above)
}

// maxKept is how many bytes the names and versions of all packages may have: each may be as long as a line.
const maxKept = 64 << 20

// keep notes what a file says, which a hard link says again.
func (r *reader) keep(name string, f found, above *tree) error {
	r.kept += len(name)
	for _, p := range f.packages {
		r.kept += len(p.Name) + len(p.Version) + len(p.Source) + len(p.SourceVersion)
	}
	if r.packages += len(f.packages); r.packages > r.limits.Packages || r.kept > maxKept {
		return ErrTooLarge
	}
	above.set(name, f)
	return nil
}

// file reads a file if it is one that can say something.
func (r *reader) file(name string, h *tar.Header, content io.Reader) (found, error) {
	read := textual(name)
	if read == nil {
		return r.executable(name, h, content)
	}
	if h.Size > r.limits.Text {
		return found{}, fmt.Errorf("%w: %s has %d bytes", ErrTooLarge, name, h.Size)
	}
	if err := r.expect(h); err != nil {
		return found{}, err
	}
	f, err := read(name, content, r.limits.Packages)
	if err != nil {
		return found{}, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// expect counts a file that is about to be read, beside the bytes of the layer: one with holes has more than there are.
func (r *reader) expect(h *tar.Header) error {
	if r.bytes += h.Size; r.bytes > r.limits.Bytes {
		return ErrTooLarge
	}
	return nil
}
