package dockerfile

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"
)

// compressions are the forms that ADD extracts, by their first bytes.
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

// The memory that a compressed stream may ask for, in bytes.
const (
	xzDictionary = 64 << 20
	zstdWindow   = 128 << 20
)

// decompress returns the stream in plain form.
func decompress(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReader(r)
	for _, c := range compressions {
		if start, _ := buffered.Peek(len(c.magic)); bytes.Equal(start, []byte(c.magic)) {
			return c.open(buffered)
		}
	}
	return buffered, nil
}

// isArchive reports whether a file is a tar archive, perhaps compressed.
func isArchive(open opener) bool {
	content, err := open()
	if err != nil {
		return false
	}
	defer content.Close() //nolint:errcheck // it is only read
	plain, err := decompress(content)
	if err != nil {
		return false
	}
	_, err = tar.NewReader(plain).Next()
	closeStream(plain)
	return err == nil
}

// closeStream ends what a decompressor has running.
func closeStream(r io.Reader) {
	if decoder, is := r.(*zstd.Decoder); is {
		decoder.Close()
	}
}

// gunzip opens a compressed file.
func gunzip(name string) (io.ReadCloser, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	plain, err := gzip.NewReader(file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return section{plain, file}, nil
}
