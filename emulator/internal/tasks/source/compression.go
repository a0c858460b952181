package source

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
	zstdWindow   = 64 << 20
)

// compressions are the forms of an archive, by their first bytes.
var compressions = []struct {
	magic string
	open  func(io.Reader) (io.Reader, error)
}{
	{"\x1f\x8b\x08", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	{"BZh", func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
	{"\xfd7zXZ\x00", func(r io.Reader) (io.Reader, error) { return xz.NewReader(r, xzDictionary) }},
	{"\x28\xb5\x2f\xfd", func(r io.Reader) (io.Reader, error) {
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdWindow))
	}},
}

// decompress returns the stream in plain form. What it has running ends with close.
func decompress(r io.Reader) (plain io.Reader, closing func(), err error) {
	closing = func() {}
	buffered := bufio.NewReader(r)
	for _, c := range compressions {
		if start, _ := buffered.Peek(len(c.magic)); !bytes.Equal(start, []byte(c.magic)) {
			continue
		}
		if plain, err = c.open(buffered); err != nil {
			return nil, closing, err
		}
		if decoder, is := plain.(*zstd.Decoder); is {
			closing = decoder.Close
		}
		return plain, closing, nil
	}
	return buffered, closing, nil
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
