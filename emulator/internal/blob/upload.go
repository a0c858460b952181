package blob

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	metadataPrefix = "x-ms-meta-"
	maxMetadata    = 8 << 10 // bytes of names and values, as in Storage
	maxBlocks      = 50000   // of one blob, as in Storage
	maxBlockID     = 64      // bytes, as in Storage
	maxBlockList   = 8 << 20 // bytes of its XML
	// stagingAge is how long blocks that nobody puts in order are kept; in Storage it is a week.
	stagingAge = time.Hour
)

// staging are the blocks of a blob that were sent, and are not in order yet.
type staging struct {
	begun  time.Time
	blocks map[string]block // by ID
}

// block is a part of a blob, in a file of its own.
type block struct {
	file string
	size int64
}

// putBlob takes a whole blob.
func (s *Store) putBlob(w http.ResponseWriter, r *http.Request, ref Ref) error {
	switch r.Header.Get("x-ms-blob-type") {
	case string(Block):
	case "":
		return errNoHeader
	default:
		return errHeader // the others are not for clients here
	}
	about, err := recordOf(r, ref, r.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	if err := s.checkStored(r, ref); err != nil {
		return err
	}
	written, err := s.receive(r)
	if err != nil {
		return err
	}
	return s.finish(w, r, about, written)
}

// checkStored holds a request to write against what is stored.
func (s *Store) checkStored(r *http.Request, ref Ref) error {
	info, err := s.Stat(ref)
	if err != nil {
		return checkConditions(r, nil)
	}
	return checkConditions(r, &info)
}

// finish makes a file that was written a blob, if the conditions for that hold still.
func (s *Store) finish(w http.ResponseWriter, r *http.Request, about record, written block) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var old *Info
	if e := s.blobs[about.Ref]; e != nil {
		info := e.info()
		old = &info
	}
	err := checkConditions(r, old)
	if err != nil {
		s.discard(written)
		return err
	}
	about.File = written.file
	if err := s.put(about, written.size); err != nil {
		s.used -= written.size
		return err
	}
	showTag(w.Header(), s.blobs[about.Ref].info())
	w.Header().Set("x-ms-request-server-encrypted", "false")
	w.WriteHeader(http.StatusCreated)
	return nil
}

// recordOf is what a request says of a blob beside its content.
func recordOf(r *http.Request, ref Ref, contentType string) (record, error) {
	about := record{Ref: ref, Kind: Block, ContentType: contentType, Metadata: map[string]string{}}
	if given := r.Header.Get("x-ms-blob-content-type"); given != "" {
		about.ContentType = given
	}
	size := len(about.ContentType)
	for header, values := range r.Header {
		name, isMetadata := strings.CutPrefix(strings.ToLower(header), metadataPrefix)
		if !isMetadata {
			continue
		}
		about.Metadata[name] = values[0]
		size += len(name) + len(values[0])
	}
	if size > maxMetadata {
		return record{}, errMetadata
	}
	return about, nil
}

// receive writes the body of a request to a file. Its bytes count from then on.
func (s *Store) receive(r *http.Request) (block, error) {
	if r.ContentLength > s.options.MaxBlob {
		return block{}, ErrTooLarge
	}
	hash := md5.New()
	written, err := s.write(io.TeeReader(r.Body, hash))
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return block{}, errIncomplete
	}
	if err != nil {
		return block{}, err
	}
	if want := r.Header.Get("Content-MD5"); want != "" && want != base64.StdEncoding.EncodeToString(hash.Sum(nil)) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.discard(written)
		return block{}, errMD5
	}
	return written, nil
}

// write copies to a new file as long as there is room.
func (s *Store) write(from io.Reader) (block, error) {
	to := block{file: newFile()}
	f, err := s.root.OpenFile(to.file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return block{}, err
	}
	counted := &counter{store: s, to: f}
	_, err = io.Copy(counted, from)
	err = errors.Join(err, f.Close())
	s.mu.Lock()
	defer s.mu.Unlock()
	to.size = counted.size
	s.coming -= to.size
	if err == nil {
		return to, nil
	}
	s.discard(to)
	return block{}, err
}

// counter counts what is written against the bounds of the store, before it is.
type counter struct {
	store *Store
	to    io.Writer
	size  int64
}

// Write writes if there is room.
func (c *counter) Write(data []byte) (int, error) {
	n := int64(len(data))
	c.store.mu.Lock()
	fits := c.size+n <= c.store.options.MaxBlob && c.store.coming+n <= c.store.options.MaxTotal/2 && c.store.take(n)
	if fits {
		c.store.coming += n
	}
	c.store.mu.Unlock()
	if !fits {
		return 0, ErrTooLarge
	}
	c.size += n
	return c.to.Write(data)
}

// discard removes a file that is no blob, and gives its bytes back.
func (s *Store) discard(b block) {
	s.used -= b.size
	_ = s.root.Remove(b.file)
}

// unstage removes the blocks of a blob that were not put in order.
func (s *Store) unstage(ref Ref) {
	if staged := s.staged[ref]; staged != nil {
		for _, b := range staged.blocks {
			s.discard(b)
		}
		s.parts -= len(staged.blocks)
		delete(s.staged, ref)
	}
}

// putBlock takes a part of a blob, in place of what has its ID.
func (s *Store) putBlock(w http.ResponseWriter, r *http.Request, ref Ref) error {
	id := r.URL.Query().Get("blockid")
	if decoded, err := base64.StdEncoding.DecodeString(id); err != nil || len(decoded) == 0 || len(decoded) > maxBlockID {
		return errBlockID
	}
	written, err := s.receive(r)
	if err != nil {
		return err
	}
	if err := s.stage(ref, id, written); err != nil {
		return err
	}
	w.Header().Set("x-ms-request-server-encrypted", "false")
	w.WriteHeader(http.StatusCreated)
	return nil
}

func (s *Store) stage(ref Ref, id string, written block) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	staged := s.staged[ref]
	if staged == nil {
		staged = &staging{begun: s.options.Now(), blocks: map[string]block{}}
		s.staged[ref] = staged
	}
	old, again := staged.blocks[id]
	if !again && !s.makePart(ref) {
		s.discard(written)
		return errBlockCount
	}
	if again {
		s.discard(old)
	}
	staged.blocks[id] = written
	return nil
}

// makePart counts one block more, if there is room for it or can be made: blocks may be empty, and are files all the same.
func (s *Store) makePart(but Ref) bool {
	for s.parts >= s.options.MaxParts {
		if !s.unstageOldest(but) {
			return false
		}
	}
	s.parts++
	return true
}

// unstageOldest removes the blocks of the blob that was begun first, other than one; false if there is none.
func (s *Store) unstageOldest(but Ref) bool {
	var oldest Ref
	for ref, staged := range s.staged {
		if ref != but && (oldest == Ref{} || staged.begun.Before(s.staged[oldest].begun)) {
			oldest = ref
		}
	}
	s.unstage(oldest)
	return oldest != Ref{}
}

// blockList is the body by which a client puts blocks in order.
type blockList struct {
	XMLName xml.Name `xml:"BlockList"`
	Items   []struct {
		XMLName xml.Name
		ID      string `xml:",chardata"`
	} `xml:",any"`
}

// putBlockList makes a blob of blocks that were sent.
func (s *Store) putBlockList(w http.ResponseWriter, r *http.Request, ref Ref) error {
	about, err := recordOf(r, ref, "")
	if err != nil {
		return err
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBlockList))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return errLarge
	}
	var list blockList
	if err != nil || xml.NewDecoder(bytes.NewReader(data)).Decode(&list) != nil {
		return errXML
	}
	blocks, staged, err := s.chosen(ref, list)
	if err != nil {
		return err
	}
	written, err := s.join(blocks)
	s.mu.Lock()
	for _, b := range staged {
		s.discard(b)
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.finish(w, r, about, written)
}

// chosen returns the blocks of a list, and takes all that were sent out of the store. Blocks of a blob that is there already
// are not kept apart, so that none can be named.
func (s *Store) chosen(ref Ref, list blockList) (blocks []block, all map[string]block, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	staged := s.staged[ref]
	if staged == nil && len(list.Items) == 0 {
		return nil, nil, nil
	}
	if staged == nil || len(list.Items) > maxBlocks {
		return nil, nil, errBlockList
	}
	var size int64
	for _, item := range list.Items {
		b, found := staged.blocks[strings.TrimSpace(item.ID)]
		if !found || item.XMLName.Local == "Committed" {
			return nil, nil, errBlockList
		}
		if size += b.size; size > s.options.MaxBlob {
			return nil, nil, ErrTooLarge
		}
		blocks = append(blocks, b)
	}
	s.parts -= len(staged.blocks)
	delete(s.staged, ref)
	return blocks, staged.blocks, nil
}

// join writes blocks into one file.
func (s *Store) join(blocks []block) (block, error) {
	from := &joined{store: s, rest: blocks}
	defer from.close()
	return s.write(from)
}

// joined reads blocks one after the other, and has one of them open at a time.
type joined struct {
	store *Store
	rest  []block
	open  *os.File
}

// Read reads on, in the next block where one ends.
func (j *joined) Read(p []byte) (int, error) {
	for {
		if j.open == nil {
			if len(j.rest) == 0 {
				return 0, io.EOF
			}
			f, err := j.store.root.Open(j.rest[0].file)
			if err != nil {
				return 0, err
			}
			j.open, j.rest = f, j.rest[1:]
		}
		n, err := j.open.Read(p)
		if n > 0 || err != nil && !errors.Is(err, io.EOF) {
			return n, err
		}
		j.close()
	}
}

func (j *joined) close() {
	if j.open != nil {
		_ = j.open.Close()
		j.open = nil
	}
}
