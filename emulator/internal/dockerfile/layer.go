package dockerfile

import (
	"archive/tar"
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
)

// The prefix of a name that a layer takes away, and the name that takes away all that lower layers have in a directory (OCI
// image specification, layer.md).
const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
)

// xattrRecord is the prefix of an extended attribute among PAX records.
const xattrRecord = "SCHILY.xattr."

// emptyLayer is the digest of a tar archive without entries. Docker leaves such a layer out.
const emptyLayer = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"

// layer is one that was made here: a compressed file in the scratch directory.
type layer struct {
	file           string
	diffID, digest v1.Hash
	size           int64
}

// Digest implements v1.Layer.
func (l *layer) Digest() (v1.Hash, error) { return l.digest, nil }

// DiffID implements v1.Layer.
func (l *layer) DiffID() (v1.Hash, error) { return l.diffID, nil }

// Size implements v1.Layer: the compressed size in bytes.
func (l *layer) Size() (int64, error) { return l.size, nil }

// MediaType implements v1.Layer.
func (l *layer) MediaType() (types.MediaType, error) { return types.DockerLayer, nil }

// Compressed implements v1.Layer.
func (l *layer) Compressed() (io.ReadCloser, error) { return os.Open(l.file) }

// Uncompressed implements v1.Layer.
func (l *layer) Uncompressed() (io.ReadCloser, error) {
	file, err := os.Open(l.file)
	if err != nil {
		return nil, err
	}
	plain, err := gzip.NewReader(file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return section{plain, file}, nil
}

// layerWriter compresses and hashes what is written, in one pass.
type layerWriter struct {
	file          *scratchFile
	buffer        *bufio.Writer
	gzip          *gzip.Writer
	plain, zipped hash.Hash
	size          int64
}

func newLayerWriter(s *scratch) (*layerWriter, error) {
	file, err := s.create("layer-*.tar.gz")
	if err != nil {
		return nil, err
	}
	w := &layerWriter{file: file, plain: sha256.New(), zipped: sha256.New()}
	w.buffer = bufio.NewWriterSize(zippedWriter{w}, 64<<10)
	w.gzip, err = gzip.NewWriterLevel(w.buffer, gzip.BestSpeed)
	return w, err
}

// zippedWriter is where the compressed bytes go.
type zippedWriter struct{ *layerWriter }

// Write implements io.Writer.
func (w zippedWriter) Write(p []byte) (int, error) {
	w.zipped.Write(p)
	w.size += int64(len(p))
	return w.file.Write(p)
}

// Write takes bytes of the uncompressed archive.
func (w *layerWriter) Write(p []byte) (int, error) {
	w.plain.Write(p)
	return w.gzip.Write(p)
}

// finish returns the layer, or nil for one without entries.
func (w *layerWriter) finish() (*layer, error) {
	err := errors.Join(w.gzip.Close(), w.buffer.Flush(), w.file.Close())
	l := &layer{
		file:   w.file.name(),
		diffID: v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(w.plain.Sum(nil))},
		digest: v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(w.zipped.Sum(nil))},
		size:   w.size,
	}
	if err == nil && l.diffID.Hex == emptyLayer {
		return nil, os.Remove(l.file)
	}
	return l, err
}

// layer writes what changed since the last one; nil if nothing did.
func (t *tree) layer(s *scratch) (*layer, error) {
	if len(t.changed) == 0 {
		return nil, nil
	}
	w, err := newLayerWriter(s)
	if err != nil {
		return nil, err
	}
	archive := tar.NewWriter(w)
	if err := errors.Join(t.writeChanged(archive), archive.Close()); err != nil {
		return nil, errors.Join(err, w.file.Close())
	}
	return w.finish()
}

// writeChanged writes what changed. A directory in the place of something else hides that, as overlay file systems say it.
func (t *tree) writeChanged(archive *tar.Writer) error {
	seen := map[*inode]string{}
	hiding := t.opaque
	t.opaque = map[string]bool{}
	for _, name := range t.takeChanged() {
		in := t.at(name).inode
		if err := writeEntry(archive, name, in, seen); err != nil {
			return err
		}
		if !hiding[name] || in.kind != tar.TypeDir {
			continue
		}
		mark := &inode{kind: tar.TypeReg, mode: in.mode, uid: in.uid, gid: in.gid, modified: in.modified}
		if err := writeEntry(archive, path.Join(name, opaque), mark, seen); err != nil {
			return err
		}
	}
	return nil
}

// takeChanged returns the paths of the next layer, in order: what changed and what it is in, but for the root.
func (t *tree) takeChanged() []string {
	all := map[string]bool{}
	for name := range t.changed {
		for ; name != "" && name != "." && !all[name]; name = path.Dir(name) {
			all[name] = true
		}
	}
	t.changed = map[string]bool{}
	names := make([]string, 0, len(all))
	for name := range all {
		if t.at(name) != nil {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, comparePaths)
	return names
}

// comparePaths orders paths so that a directory comes right before what is in it.
func comparePaths(a, b string) int {
	return strings.Compare(strings.ReplaceAll(a, "/", "\x00"), strings.ReplaceAll(b, "/", "\x00"))
}

func writeEntry(archive *tar.Writer, name string, in *inode, seen map[*inode]string) error {
	header := in.header(name)
	if first, linked := seen[in]; linked && in.kind == tar.TypeReg {
		header.Typeflag, header.Linkname, header.Size = tar.TypeLink, first, 0
		return archive.WriteHeader(header)
	}
	seen[in] = name
	if err := archive.WriteHeader(header); err != nil || in.kind != tar.TypeReg {
		return err
	}
	return in.copyTo(archive)
}

// copyTo writes the content of a regular file.
func (in *inode) copyTo(w io.Writer) error {
	if in.size == 0 {
		return nil
	}
	content, err := in.open()
	if err != nil {
		return err
	}
	defer content.Close() //nolint:errcheck // it is only read
	n, err := io.Copy(w, io.LimitReader(content, in.size))
	if err == nil && n < in.size {
		err = fmt.Errorf("it became shorter while it was read: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// header describes a node in a tar archive.
func (in *inode) header(name string) *tar.Header {
	h := &tar.Header{
		Typeflag: in.kind, Name: name, Linkname: in.target, Mode: in.mode, Uid: in.uid, Gid: in.gid,
		ModTime: in.modified.Truncate(time.Second), Devmajor: in.major, Devminor: in.minor, Format: tar.FormatPAX,
	}
	switch in.kind {
	case tar.TypeDir:
		h.Name += "/"
	case tar.TypeReg:
		h.Size = in.size
	}
	for key, value := range in.xattrs {
		if h.PAXRecords == nil {
			h.PAXRecords = map[string]string{}
		}
		h.PAXRecords[xattrRecord+key] = value
	}
	return h
}

// inodeOf is the opposite of header, but for the content.
func inodeOf(h *tar.Header) *inode {
	in := &inode{
		kind: h.Typeflag, mode: h.Mode & 0o7777, uid: h.Uid, gid: h.Gid, modified: h.ModTime,
		target: h.Linkname, major: h.Devmajor, minor: h.Devminor,
	}
	if in.kind == tar.TypeReg {
		in.size = h.Size
	}
	for key, value := range h.PAXRecords {
		if name, is := strings.CutPrefix(key, xattrRecord); is {
			if in.xattrs == nil {
				in.xattrs = map[string]string{}
			}
			in.xattrs[name] = value
		}
	}
	return in
}
