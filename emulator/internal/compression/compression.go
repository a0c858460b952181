// Package compression reads streams in whichever form they were compressed: of archives, contexts and layers.
package compression

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"
)

// The memory that a compressed stream may ask for, in bytes.
const (
	xzDictionary = 64 << 20
	zstdWindow   = 128 << 20
)

// forms are those that docker knows, by their first bytes.
var forms = []struct {
	magic string
	open  func(io.Reader) (io.ReadCloser, error)
}{
	{"\x1f\x8b\x08", func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }},
	{"BZh", func(r io.Reader) (io.ReadCloser, error) { return io.NopCloser(bzip2.NewReader(r)), nil }},
	{"\xfd7zXZ\x00", func(r io.Reader) (io.ReadCloser, error) {
		plain, err := xz.NewReader(r, xzDictionary)
		return io.NopCloser(plain), err
	}},
	{"\x28\xb5\x2f\xfd", func(r io.Reader) (io.ReadCloser, error) {
		decoder, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdWindow))
		if err != nil {
			return nil, err
		}
		return decoder.IOReadCloser(), nil
	}},
}

// Open returns a stream in plain form; one that is in no form of these, as it is. To close it ends what the decompressor has
// running, and leaves the stream itself open.
func Open(r io.Reader) (io.ReadCloser, error) {
	buffered := bufio.NewReader(r)
	for _, form := range forms {
		if start, _ := buffered.Peek(len(form.magic)); bytes.Equal(start, []byte(form.magic)) {
			return form.open(buffered)
		}
	}
	return io.NopCloser(buffered), nil
}
