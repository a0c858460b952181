package compression

import (
	"bytes"
	"encoding/base64"
	"io"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// TestOpen reads one text in every form, and what is in none.
func TestOpen(t *testing.T) {
	const text = "the quick brown fox"
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	encoder, _ := zstd.NewWriter(nil)
	for name, data := range map[string][]byte{
		"plain": []byte(text), "gzip": zipped.Bytes(), "zstd": encoder.EncodeAll([]byte(text), nil), "bzip2": decoded(t, bzip2Text), "xz": decoded(t, xzText),
	} {
		plain, err := Open(bytes.NewReader(data))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := io.ReadAll(plain); err != nil || string(got) != text || plain.Close() != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if got, err := Open(bytes.NewReader(nil)); err != nil || got.Close() != nil {
		t.Errorf("of nothing: %v", err)
	}
}

// The text as the programs bzip2 and xz compress it: Go has no writer for these.
const (
	bzip2Text = "QlpoOTFBWSZTWVLKCtsAAAeRgEAAG2m2wCAAIhBo9RtTahTAATTYjAFz7lUdFJN8XckU4UJBSygrbA=="
	xzText    = "/Td6WFoAAATm1rRGAgAhARYAAAB0L+WjAQASdGhlIHF1aWNrIGJyb3duIGZveAAA/rakc12LCvQAASsTnAlI0h+2830BAAAAAARZWg=="
)

func decoded(t *testing.T, text string) []byte {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// FuzzOpen reads anything to its end, or to an error.
func FuzzOpen(f *testing.F) {
	for _, magic := range []string{"", "\x1f\x8b\x08", "BZh", "\xfd7zXZ\x00", "\x28\xb5\x2f\xfd"} {
		f.Add([]byte(magic + "text"))
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		plain, err := Open(bytes.NewReader(data))
		if err != nil {
			return
		}
		_, _ = io.CopyN(io.Discard, plain, 1<<20)
		_ = plain.Close()
	})
}
