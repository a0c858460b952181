package oci

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

// small is the size up to which a blob is read at once: cheaper than sendfile by its system calls, while 64 readers of it
// still need little memory.
const small = 16 << 10

// getBlob serves a blob or ranges of it.
func (g *Registry) getBlob(w http.ResponseWriter, c *call) error {
	b, file, err := g.openBlob(c.Context(), c.repository, c.reference)
	if err != nil {
		return err
	}
	defer file.Close()
	body, err := seekable(file, b.Size)
	if err != nil {
		return err
	}
	r, err := ranged(c.Request, b)
	if err != nil {
		w.Header().Set("Content-Range", "bytes */"+strconv.FormatInt(b.Size, 10))
		return err
	}
	h := w.Header()
	h.Set("Content-Type", octets)
	h.Set("Docker-Content-Digest", b.Digest)
	h.Set("Etag", `"`+b.Digest+`"`)
	http.ServeContent(w, r, "", time.Time{}, body)
	if c.Method == http.MethodGet {
		g.happened(c.Context(), Event{Action: "pull", Repository: c.repository, Digest: b.Digest, MediaType: octets, Size: b.Size})
	}
	return nil
}

const octets = "application/octet-stream"

func seekable(file *os.File, size int64) (io.ReadSeeker, error) {
	if size > small {
		return file, nil
	}
	content := make([]byte, size)
	if _, err := io.ReadFull(file, content); err != nil {
		return nil, err
	}
	return bytes.NewReader(content), nil
}

// ranged prepares a request for http.ServeContent, which refuses ranges in plain text: it takes away a Range header that is to
// be ignored (malformed, of several ranges, or meant for other bytes) and refuses one that lies beyond the end.
func ranged(r *http.Request, b store.Blob) (*http.Request, error) {
	header := r.Header.Get("Range")
	if header == "" {
		return r, nil
	}
	first, ok := firstByte(header, b.Size)
	if condition := r.Header.Get("If-Range"); !ok || condition != "" && condition != `"`+b.Digest+`"` {
		r = r.Clone(r.Context())
		r.Header.Del("Range")
		return r, nil
	}
	if first >= b.Size {
		return r, rangeInvalid.about(map[string]string{"range": header})
	}
	return r, nil
}

// firstByte returns where a range begins, and whether the header is one well-formed range of bytes (RFC 9110 §14.1.2).
func firstByte(header string, size int64) (int64, bool) {
	spec, ok := strings.CutPrefix(header, "bytes=")
	from, to, dash := strings.Cut(spec, "-")
	if !ok || !dash || from == "" && to == "" {
		return 0, false
	}
	last, err := int64(math.MaxInt64), error(nil)
	if to != "" {
		if last, err = natural(to); err != nil {
			return 0, false
		}
	}
	if from == "" {
		return max(size-last, 0), true
	}
	first, err := natural(from)
	if first > last {
		first = math.MaxInt64 // backwards: there are no such bytes
	}
	return first, err == nil
}

// natural reads a number without a sign.
func natural(s string) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err
}

// openBlob opens a blob that the repository has and may read. A row whose file is gone is no blob.
func (g *Registry) openBlob(ctx context.Context, repository, digest string) (store.Blob, *os.File, error) {
	b, err := g.blob(ctx, repository, digest)
	if err != nil {
		return b, nil, err
	}
	file, err := os.Open(g.files.blob(b.Stored))
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil, blobUnknown.about(named{Name: repository, Digest: digest})
	}
	return b, file, err
}

func (g *Registry) blob(ctx context.Context, repository, digest string) (store.Blob, error) {
	if !validDigest(digest) {
		return store.Blob{}, digestInvalid.about(named{Name: repository, Digest: digest})
	}
	b, err := g.content.Blob(ctx, repository, digest)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return b, blobUnknown.about(named{Name: repository, Digest: digest})
	case err == nil && !b.Readable:
		return b, disallowed.because(store.ErrLocked)
	}
	return b, err
}

// deleteBlob takes a blob from a repository; its bytes go with the last repository that has it.
func (g *Registry) deleteBlob(w http.ResponseWriter, c *call) error {
	if !validDigest(c.reference) {
		return digestInvalid.about(named{Name: c.repository, Digest: c.reference})
	}
	_, err := g.unlink(func() (store.Removed, error) {
		return g.content.UnlinkBlob(c.Context(), c.repository, c.reference)
	})
	if errors.Is(err, store.ErrNotFound) {
		return blobUnknown.about(named{Name: c.repository, Digest: c.reference})
	}
	if err != nil {
		return err
	}
	g.reclaim(c.Context())
	w.WriteHeader(http.StatusAccepted)
	g.happened(c.Context(), Event{Action: "delete", Repository: c.repository, Digest: c.reference})
	return nil
}
