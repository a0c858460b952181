package builtin

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/acrlocal/acrlocal/emulator/internal/builtin/shell"
)

// executablePath is where this process's executable is; empty if that is not known.
func executablePath() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	return path
}

// programPath is where the executable is in the layer.
const programPath = "usr/bin/acrlocal"

// links are the other names of the executable in the layer, beside those of the shell's programs in usr/bin.
var links = [...]string{
	"usr/bin/acr", "usr/bin/bash", "usr/bin/sh", "usr/bin/curl", "usr/local/bin/bash", "usr/local/bin/" + entrypoint, "hello",
}

// files are the small files of the layer.
var files = [...]struct{ name, text string }{
	{"etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"},
	{"etc/group", "root:x:0:\nnobody:x:65534:\n"},
}

// directories are those of the layer, parents first.
var directories = [...]struct {
	name string
	mode int64
}{
	{"etc", 0o755},
	{"etc/ssl", 0o755},
	{"etc/ssl/certs", 0o755},
	{"root", 0o700},
	{"tmp", 0o1777},
	{"usr", 0o755},
	{"usr/bin", 0o755},
	{"usr/local", 0o755},
	{"usr/local/bin", 0o755},
	{"var", 0o755},
	{"var/tmp", 0o1777},
}

// layer is the one layer of the built-in images, an uncompressed tar that is made whenever it is read. It is a v1.Layer.
type layer struct {
	executable string

	mu     sync.Mutex
	sum    v1.Hash
	size   int64
	hashed fs.FileInfo // of the executable, when the sum was taken; nil before
}

// errChanged says that the executable is not the one that an image was made of.
var errChanged = errors.New("the emulator's executable was replaced while it ran: start the emulator again")

// measure reads the layer once, and remembers its digest and size.
func (l *layer) measure() (v1.Hash, int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hashed != nil {
		return l.sum, l.size, nil
	}
	info, err := os.Stat(l.executable)
	if err != nil {
		return v1.Hash{}, 0, err
	}
	hash := sha256.New()
	counted := &counter{to: hash}
	if err := l.write(counted); err != nil {
		return v1.Hash{}, 0, err
	}
	l.sum, l.size, l.hashed = v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(hash.Sum(nil))}, counted.n, info
	return l.sum, l.size, nil
}

// Digest is that of the tar: the layer is not compressed.
func (l *layer) Digest() (v1.Hash, error) {
	sum, _, err := l.measure()
	return sum, err
}

// DiffID is the digest.
func (l *layer) DiffID() (v1.Hash, error) { return l.Digest() }

// Size is that of the tar, in bytes.
func (l *layer) Size() (int64, error) {
	_, size, err := l.measure()
	return size, err
}

// MediaType is that of an uncompressed layer.
func (l *layer) MediaType() (types.MediaType, error) { return types.OCIUncompressedLayer, nil }

// Compressed is the tar.
func (l *layer) Compressed() (io.ReadCloser, error) { return l.Uncompressed() }

// Uncompressed makes the tar while it is read. It fails if the executable is not the one that was measured.
func (l *layer) Uncompressed() (io.ReadCloser, error) {
	if _, _, err := l.measure(); err != nil {
		return nil, err
	}
	now, err := os.Stat(l.executable)
	if err != nil {
		return nil, err
	}
	if now.Size() != l.hashed.Size() || !now.ModTime().Equal(l.hashed.ModTime()) {
		return nil, errChanged
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(l.write(w)) }()
	return r, nil
}

// write writes the tar.
func (l *layer) write(to io.Writer) error {
	t := &archive{tar.NewWriter(to), nil}
	for _, d := range &directories {
		t.header(tar.Header{Typeflag: tar.TypeDir, Name: d.name + "/", Mode: d.mode})
	}
	for _, f := range &files {
		t.header(tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: 0o644, Size: int64(len(f.text))})
		t.write([]byte(f.text))
	}
	t.file(programPath, l.executable)
	t.link("bin", "usr/bin")
	for _, name := range &links {
		t.link(name, "/"+programPath)
	}
	for _, name := range shell.Programs() {
		t.link("usr/bin/"+name, "acrlocal")
	}
	l.libraries(t)
	if t.err != nil {
		return t.err
	}
	return t.Close()
}

// archive writes a tar. After an error it does nothing more.
type archive struct {
	*tar.Writer
	err error
}

func (a *archive) header(h tar.Header) {
	h.ModTime = time.Unix(0, 0)
	if a.err == nil {
		a.err = a.WriteHeader(&h)
	}
}

func (a *archive) write(data []byte) {
	if a.err == nil {
		_, a.err = a.Write(data)
	}
}

func (a *archive) link(name, target string) {
	a.header(tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777})
}

// file writes an executable file of the machine.
func (a *archive) file(name, path string) {
	if a.err != nil {
		return
	}
	f, err := os.Open(path)
	if err != nil {
		a.err = err
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		a.err = err
		return
	}
	a.header(tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o755, Size: info.Size()})
	if a.err == nil {
		_, a.err = io.Copy(a, f)
	}
	if a.err != nil {
		a.err = fmt.Errorf("%s: %w", path, a.err)
	}
}

// counter counts the bytes that go through.
type counter struct {
	to io.Writer
	n  int64
}

// Write passes bytes on.
func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.n += int64(n)
	return n, err
}
