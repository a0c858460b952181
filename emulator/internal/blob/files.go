package blob

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// record is what a file beside a blob's content says of it.
type record struct {
	Ref         Ref               `json:"ref"`
	File        string            `json:"file"` // the name of the content's file, which is random
	Kind        Kind              `json:"kind"`
	ContentType string            `json:"contentType,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
}

const (
	recordSuffix = ".json"
	maxRecord    = 1 << 20 // bytes of a record that is read again
)

// newFile is a name that nobody guesses, and that no client chooses.
func newFile() string { return strings.ToLower(rand.Text()) }

// Open makes a store of a directory, with the blobs that an earlier one left there.
func Open(o Options) (*Store, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("blobs: %w", err)
	}
	root, err := os.OpenRoot(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("blobs: %w", err)
	}
	s := &Store{options: o.filled(), root: root, blobs: map[Ref]*entry{}, staged: map[Ref]*staging{}, lost: map[string]int{}}
	if err := s.load(); err != nil {
		_ = root.Close()
		return nil, fmt.Errorf("blobs in %s: %w", o.Dir, err)
	}
	return s, nil
}

// Close gives the directory back.
func (s *Store) Close() error { return s.root.Close() }

// load finds what is there, and removes what belongs to no blob: what was being written when the process ended.
func (s *Store) load() error {
	files, err := fs.ReadDir(s.root.FS(), ".")
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, f := range files {
		if e, ok := s.read(f.Name()); ok {
			s.blobs[e.Ref] = e
			s.used += e.size
			known[e.File], known[e.File+recordSuffix] = true, true
		}
	}
	for _, f := range files {
		if !known[f.Name()] {
			_ = s.root.Remove(f.Name())
		}
	}
	return nil
}

// read reads a blob by the name of its record.
func (s *Store) read(name string) (*entry, bool) {
	file, isRecord := strings.CutSuffix(name, recordSuffix)
	info, err := s.root.Stat(file)
	if !isRecord || err != nil || !info.Mode().IsRegular() {
		return nil, false
	}
	about, err := s.root.Stat(name)
	if err != nil || about.Size() > maxRecord {
		return nil, false
	}
	data, err := s.root.ReadFile(name)
	e := &entry{size: info.Size()}
	if err != nil || json.Unmarshal(data, &e.record) != nil || e.File != file || !e.Ref.Valid() {
		return nil, false
	}
	s.touch(e)
	e.modified = info.ModTime().UTC()
	return e, true
}

// note writes a record down, whole or not at all.
func (s *Store) note(r record) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	partial := newFile()
	if err := s.root.WriteFile(partial, data, 0o600); err != nil {
		return err
	}
	return s.root.Rename(partial, r.File+recordSuffix)
}

// put makes a file that was written a blob, in place of what has its name. The bytes of the file count already.
func (s *Store) put(r record, size int64) error {
	if err := s.note(r); err != nil {
		_ = s.root.Remove(r.File)
		return err
	}
	s.drop(r.Ref)
	e := &entry{record: r, size: size}
	s.touch(e)
	s.blobs[r.Ref] = e
	s.sweep(r.Ref)
	return nil
}

// drop removes a blob. Its record goes first: content without one is nobody's.
func (s *Store) drop(ref Ref) {
	e := s.blobs[ref]
	if e == nil {
		return
	}
	delete(s.blobs, ref)
	s.used -= e.size
	_ = s.root.Remove(e.File + recordSuffix)
	_ = s.root.Remove(e.File)
}

// take counts bytes that are to be written, if there is room for them or can be made.
func (s *Store) take(n int64) bool {
	if n > s.options.MaxTotal {
		return false
	}
	if s.used+n > s.options.MaxTotal {
		s.makeRoom(n)
	}
	if s.used+n > s.options.MaxTotal {
		return false
	}
	s.used += n
	return true
}

// makeRoom removes what came to nothing yet, then uploads, which are read once, and in the end logs, until there is room for n
// bytes; the oldest first.
func (s *Store) makeRoom(n int64) {
	s.sweep(Ref{})
	missing := func() bool { return s.used+n > s.options.MaxTotal }
	for missing() && s.unstageOldest(Ref{}) { //nolint:revive // that is all
	}
	for _, e := range s.oldest() {
		if missing() && e.Kind == Block {
			s.drop(e.Ref)
		}
	}
	for missing() && len(s.blobs) > 0 {
		s.drop(s.crowding(Ref{}, func(e *entry) int64 { return e.size }).Ref)
	}
}

// crowding is the oldest blob, other than one, of the account that has most by a measure, so that who has little loses nothing to
// who has much.
func (s *Store) crowding(but Ref, measure func(*entry) int64) (found *entry) {
	all := map[string]int64{}
	for ref, e := range s.blobs {
		all[ref.Account] += measure(e)
	}
	for _, e := range s.oldest() {
		if e.Ref != but && (found == nil || all[e.Ref.Account] > all[found.Ref.Account]) {
			found = e
		}
	}
	return found
}

// oldest are all blobs as they were last written.
func (s *Store) oldest() []*entry {
	all := make([]*entry, 0, len(s.blobs))
	for _, e := range s.blobs {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b *entry) int {
		return cmp.Or(a.modified.Compare(b.modified), cmp.Compare(a.File, b.File))
	})
	return all
}

// sweep removes what is too old or too many, but for one blob, which was just written.
func (s *Store) sweep(but Ref) {
	latest := s.options.Now().Add(-s.options.MaxAge)
	for ref, staged := range s.staged {
		if staged.begun.Before(s.options.Now().Add(-stagingAge)) {
			s.unstage(ref)
		}
	}
	for _, e := range s.oldest() {
		if e.Ref != but && e.modified.Before(latest) {
			s.drop(e.Ref)
		}
	}
	for len(s.blobs) > max(s.options.MaxBlobs, 1) {
		s.drop(s.crowding(but, func(*entry) int64 { return 1 }).Ref)
	}
}
