package blob

import (
	"cmp"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"
)

// Ref names a blob, as its URL does: https://ACCOUNT.blob.core.windows.net/CONTAINER/NAME.
type Ref struct {
	Account, Container, Name string
}

// String is the path of the blob with its account before it.
func (r Ref) String() string { return r.Account + "/" + r.Container + "/" + r.Name }

var (
	accountForm   = regexp.MustCompile(`^[a-z0-9]{3,24}$`)
	containerForm = regexp.MustCompile(`^[a-z0-9](?:-?[a-z0-9])*$`) // of 3 to 63 characters
)

const maxName = 1024 // bytes of a blob's name

// Valid reports whether Storage would take the names.
func (r Ref) Valid() bool {
	return accountForm.MatchString(r.Account) && 3 <= len(r.Container) && len(r.Container) <= 63 && containerForm.MatchString(r.Container) &&
		r.Name != "" && len(r.Name) <= maxName && utf8.ValidString(r.Name)
}

// Kind is how a blob is written.
type Kind string

// The kinds of blobs that there are here, by their names in x-ms-blob-type.
const (
	Block  Kind = "BlockBlob"  // written as a whole, or in blocks that are then put in order
	Append Kind = "AppendBlob" // grows at its end
)

// Options say what a store stands on. Dir is necessary.
type Options struct {
	// Dir is where the files are. It must be the store's alone.
	Dir string
	// Key signs URLs; the default is random, so that no URL outlives the store.
	Key []byte
	// MaxBlob is the largest blob, in bytes; the default is 1 GiB.
	MaxBlob int64
	// MaxTotal bounds the bytes of all blobs together; the default is 4 GiB. To make room, the oldest block blobs go, and then
	// the oldest logs of the account that has most.
	MaxTotal int64
	// MaxBlobs is how many blobs are kept; the default is 5,000. The oldest of the account that has most go first.
	MaxBlobs int
	// MaxParts is how many blocks are kept that nobody has put in order yet; the default is 50,000, which is what one blob may have.
	// Those of the blob that was begun first go first.
	MaxParts int
	// MaxAge is how long a blob is kept after it was last written; the default is 30 days, as logs of runs are in ACR.
	MaxAge time.Duration
	// Now is the clock; the default is time.Now.
	Now func() time.Time
	// Log takes the causes of internal errors; the default discards them.
	Log *slog.Logger
}

func (o Options) filled() Options {
	if len(o.Key) == 0 {
		o.Key = []byte(rand.Text() + rand.Text())
	}
	o.MaxBlob, o.MaxTotal = cmp.Or(o.MaxBlob, 1<<30), cmp.Or(o.MaxTotal, 4<<30)
	o.MaxParts = cmp.Or(o.MaxParts, maxBlocks)
	o.MaxBlobs, o.MaxAge = cmp.Or(o.MaxBlobs, 5000), cmp.Or(o.MaxAge, 30*24*time.Hour)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Store keeps blobs. Its methods may be called from any number of goroutines.
type Store struct {
	options Options
	root    *os.Root

	mu    sync.Mutex // guards what follows
	blobs map[Ref]*entry
	// staged are the blocks of block blobs that were not put in order yet.
	staged map[Ref]*staging
	parts  int            // of all of them together
	lost   map[string]int // how often an account was emptied for somebody else
	used   int64          // bytes on disk, and of what is being written
	coming int64          // those of them that are being written: half of all at most, since they make no room for others
	count  int64          // of changes, so that no two entity tags are the same
}

// entry is a blob.
type entry struct {
	record
	size     int64
	modified time.Time
	etag     string
}

// Info is what is known of a blob.
type Info struct {
	Ref  Ref
	Kind Kind
	// Size is in bytes.
	Size int64
	// ContentType is what a client said of the content, or application/octet-stream.
	ContentType string
	// Metadata are the pairs that x-ms-meta- headers show; a copy.
	Metadata map[string]string
	// Modified is when content or metadata changed last, ETag changes with it.
	Modified time.Time
	ETag     string
}

func (e *entry) info() Info {
	return Info{
		Ref: e.Ref, Kind: e.Kind, Size: e.size, ContentType: cmp.Or(e.ContentType, "application/octet-stream"),
		Metadata: maps.Clone(e.Metadata), Modified: e.modified, ETag: e.etag,
	}
}

// The refusals of a store, for errors.Is.
var (
	// ErrNotFound says that there is no such blob.
	ErrNotFound = errors.New("the blob does not exist")
	// ErrTooLarge says that a blob, or all of them together, would have more bytes than they may.
	ErrTooLarge = errors.New("the blob is larger than this store takes")
	// ErrKind says that a blob of the other kind has the name.
	ErrKind = errors.New("the blob is of another kind")
	// ErrName says that the names are none that Storage takes.
	ErrName = errors.New("the names of account, container and blob are not valid")
)

// Create makes an empty append blob, in place of what has its name.
func (s *Store) Create(ref Ref) error {
	if !ref.Valid() {
		return ErrName
	}
	file := newFile()
	f, err := s.root.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.put(record{Ref: ref, File: file, Kind: Append, ContentType: "text/plain; charset=utf-8"}, 0)
}

// Append adds data at the end of an append blob. What it returned from is there for every reader.
func (s *Store) Append(ref Ref, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.blobs[ref]
	switch n := int64(len(data)); {
	case e == nil:
		return ErrNotFound
	case e.Kind != Append:
		return ErrKind
	case e.size+n > s.options.MaxBlob || !s.take(n):
		return ErrTooLarge
	case s.blobs[ref] != e: // it was the oldest itself
		s.used -= n
		return ErrNotFound
	}
	f, err := s.root.OpenFile(e.File, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt(data, e.size)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		s.used -= int64(len(data))
		return err
	}
	e.size += int64(len(data))
	s.touch(e)
	return nil
}

// SetMetadata replaces the metadata of a blob.
func (s *Store) SetMetadata(ref Ref, metadata map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.blobs[ref]
	if e == nil {
		return ErrNotFound
	}
	next := e.record
	next.Metadata = maps.Clone(metadata)
	if err := s.note(next); err != nil {
		return err
	}
	e.record = next
	s.touch(e)
	return nil
}

// Stat returns what is known of a blob.
func (s *Store) Stat(ref Ref) (Info, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.blobs[ref]
	if e == nil {
		return Info{}, ErrNotFound
	}
	return e.info(), nil
}

// Content is the content of a blob as it was when it was opened, also where the blob goes meanwhile.
type Content struct {
	*io.SectionReader
	// Info is what was known then.
	Info Info
	file *os.File
}

// Close ends the reading.
func (c *Content) Close() error { return c.file.Close() }

// Open reads a blob. Whoever opens it closes it.
func (s *Store) Open(ref Ref) (*Content, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.blobs[ref]
	if e == nil {
		return nil, ErrNotFound
	}
	f, err := s.root.Open(e.File)
	if err != nil {
		return nil, err
	}
	return &Content{SectionReader: io.NewSectionReader(f, 0, e.size), Info: e.info(), file: f}, nil
}

// List returns all blobs of an account, in the order in which they were last written.
func (s *Store) List(account string) []Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Info
	for ref, e := range s.blobs {
		if ref.Account == account {
			all = append(all, e.info())
		}
	}
	slices.SortFunc(all, func(a, b Info) int {
		return cmp.Or(a.Modified.Compare(b.Modified), cmp.Compare(a.Ref.String(), b.Ref.String()))
	})
	return all
}

// Delete removes a blob, and does nothing where there is none. Who reads it reads on.
func (s *Store) Delete(ref Ref) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(ref)
}

// Empty removes the blobs of an account whose owner is gone. No URL that was signed before leads to what the next owner has there.
func (s *Store) Empty(account string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost[account]++
	for ref := range s.staged {
		if ref.Account == account {
			s.unstage(ref)
		}
	}
	for ref := range s.blobs {
		if ref.Account == account {
			s.drop(ref)
		}
	}
}

// Clear removes all blobs.
func (s *Store) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ref := range s.staged {
		s.unstage(ref)
	}
	for ref := range s.blobs {
		s.drop(ref)
	}
}

// touch notes that a blob was changed.
func (s *Store) touch(e *entry) {
	s.count++
	e.modified = s.options.Now().UTC()
	e.etag = `"0x` + strconv.FormatInt(e.modified.UnixNano()+s.count, 16) + `"`
}
