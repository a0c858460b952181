package oci

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

// Storage counts the bytes that the registries of one emulator hold, and caps them.
type Storage struct {
	max  int64
	used atomic.Int64
}

// NewStorage returns a count that refuses to exceed limit bytes; 0 is no limit.
func NewStorage(limit int64) *Storage { return &Storage{max: limit} }

// Used returns the bytes held now: blobs, manifests and unfinished uploads.
func (s *Storage) Used() int64 { return s.used.Load() }

// files is the folder of one registry, and its share of the storage.
type files struct {
	dir     string
	storage *Storage
	held    atomic.Int64

	// loose are the stored digests whose file is counted but may have no row: just put in place, or unlinked.
	loose struct {
		sync.Mutex
		digests map[string]bool
	}
}

func newFiles(dir string, storage *Storage) *files {
	f := &files{dir: dir, storage: storage}
	f.loose.digests = map[string]bool{}
	return f
}

// reserve counts n bytes more, or reports ErrStorageFull.
func (f *files) reserve(n int64) error {
	if used := f.storage.used.Add(n); f.storage.max > 0 && used > f.storage.max {
		f.storage.used.Add(-n)
		return fmt.Errorf("%w: %d bytes of %d are used, %d more are needed", ErrStorageFull, used-n, f.storage.max, n)
	}
	f.held.Add(n)
	return nil
}

// adopt counts bytes that are already there, whatever the limit.
func (f *files) adopt(n int64) {
	f.storage.used.Add(n)
	f.held.Add(n)
}

func (f *files) release(n int64) { f.adopt(-n) }

// blob is where the bytes of a sha256 digest lie.
func (f *files) blob(digest string) string {
	algorithm, hex, _ := strings.Cut(digest, ":")
	return filepath.Join(f.dir, algorithm, hex[:2], hex)
}

func (f *files) upload(uuid string) string { return filepath.Join(f.dir, "uploads", uuid) }

// size returns the length of a file in bytes, or an error that is fs.ErrNotExist.
func size(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// place moves a finished upload to where its digest belongs. Bytes that lie there already are replaced by themselves, and
// counted once: they are counted if a row has them, which known tells, or if they are loose.
func (f *files) place(uuid, digest string, known func(digest string) (bool, error)) error {
	f.loose.Lock()
	defer f.loose.Unlock()
	counted, err := known(digest)
	if err != nil {
		return err
	}
	target, replaced := f.blob(digest), int64(0)
	if counted || f.loose.digests[digest] {
		replaced, _ = size(target)
	}
	if err := inFolder(target, func() error { return os.Rename(f.upload(uuid), target) }); err != nil {
		return err
	}
	f.loose.digests[digest] = true
	f.release(replaced)
	return nil
}

// stored returns what tells place about rows.
func stored(ctx context.Context, c store.Content) func(string) (bool, error) {
	return func(digest string) (bool, error) { return c.HasStored(ctx, digest) }
}

// remove deletes a file and releases its bytes. It succeeds when there is none.
func (f *files) remove(path string) error {
	n, err := size(path)
	if err == nil {
		err = os.Remove(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		f.release(n)
	}
	return err
}

// inFolder does what needs the folder of path, which it makes only if it turns out to be missing.
func inFolder(path string, do func() error) error {
	err := do()
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return do()
}

// writer appends to the file of an upload, which it creates with the first byte. It implements distribution's FileWriter.
type writer struct {
	files *files
	path  string
	push  *push
	file  *os.File
	size  int64
}

// append returns a writer that goes on after size bytes. What an earlier request left after them was never acknowledged,
// and is cut off.
func (f *files) append(uuid string, acknowledged int64, p *push) (*writer, error) {
	w := &writer{files: f, path: f.upload(uuid), push: p, size: acknowledged}
	have, err := size(w.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		have = 0
	case err != nil:
		return nil, err
	}
	if have < acknowledged {
		return nil, fmt.Errorf("the upload %s has %d bytes of %d", uuid, have, acknowledged)
	}
	if have > acknowledged {
		f.release(have - acknowledged)
		return w, os.Truncate(w.path, acknowledged)
	}
	return w, nil
}

func (w *writer) open() error {
	return inFolder(w.path, func() (err error) {
		w.file, err = os.OpenFile(w.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		return err
	})
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	if w.file == nil {
		if err := w.open(); err != nil {
			return 0, w.push.fail(err)
		}
	}
	if err := w.files.reserve(int64(len(p))); err != nil {
		return 0, w.push.fail(err)
	}
	n, err := w.file.Write(p)
	w.size += int64(n)
	if err != nil {
		w.files.release(int64(len(p) - n))
		return n, w.push.fail(err)
	}
	return n, nil
}

// Size is the number of bytes in the file.
func (w *writer) Size() int64 { return w.size }

// Close closes the file; more than once does no harm, since distribution closes again what it commits or cancels.
func (w *writer) Close() error {
	if w.file == nil {
		return nil
	}
	err := w.file.Close()
	w.file = nil
	return w.push.fail(err)
}
