package oci

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/distribution/distribution/v3"
	"github.com/google/uuid"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

// startUpload opens an upload, or mounts a blob of another repository. Whether the caller may read that other repository is
// the gate's question.
func (g *Registry) startUpload(w http.ResponseWriter, c *call) error {
	q := c.URL.Query()
	g.pushes.RLock()
	defer g.pushed(c.Context())
	if q.Has("digest") {
		return g.wholeUpload(w, c, q.Get("digest"))
	}
	if mount := q.Get("mount"); validDigest(mount) {
		b, file, err := g.openBlob(c.Context(), q.Get("from"), mount)
		if err == nil {
			_ = file.Close()
			return g.finish(w, c, b)
		}
		if !blobUnknown.is(err) {
			return err
		}
	}
	u := store.Upload{UUID: uuid.NewString(), Repository: c.repository, Started: g.options.Now().UTC()}
	if err := g.content.StartUpload(c.Context(), u); err != nil {
		return err
	}
	return g.acknowledge(w, u, http.StatusAccepted)
}

// wholeUpload takes a blob with the request that would open its upload.
func (g *Registry) wholeUpload(w http.ResponseWriter, c *call, digest string) error {
	if !validDigest(digest) {
		return digestInvalid.about(named{Name: c.repository, Digest: digest})
	}
	b, err := g.write(c.Context(), digest, c.Body)
	if err != nil {
		return err
	}
	return g.finish(w, c, b)
}

// underWay makes a handler of what is done with an upload that is under way, by one request at a time.
func underWay(do func(*Registry, http.ResponseWriter, *call, store.Upload) error) handler {
	return func(g *Registry, w http.ResponseWriter, c *call) error {
		if !validUpload(c.reference) {
			return uploadUnknown.about(nil)
		}
		if _, busy := g.writing.LoadOrStore(c.reference, true); busy {
			return uploadBusy.about(nil)
		}
		defer g.writing.Delete(c.reference)
		g.pushes.RLock()
		defer g.pushed(c.Context())
		u, err := g.session(c)
		if err != nil {
			return err
		}
		return do(g, w, c, u)
	}
}

// session finds the upload that a call is about. Whoever changes it needs the URL of the last answer about it.
func (g *Registry) session(c *call) (store.Upload, error) {
	var known progress
	changes := c.Method != http.MethodGet && c.Method != http.MethodHead
	if changes {
		if err := known.read(g.options.Secret, c.URL.Query().Get("_state")); err != nil {
			return store.Upload{}, uploadInvalid.about(err.Error())
		}
		if known.Name != c.repository || known.UUID != c.reference {
			return store.Upload{}, uploadInvalid.about(nil)
		}
	}
	u, err := g.content.Upload(c.Context(), c.repository, c.reference)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return u, uploadUnknown.about("blob upload unknown")
	case err == nil && changes && known.Offset != u.Offset:
		return u, partInvalid.about(nil)
	}
	return u, err
}

// getUpload tells how far an upload has come.
func (g *Registry) getUpload(w http.ResponseWriter, _ *call, u store.Upload) error {
	return g.acknowledge(w, u, http.StatusNoContent)
}

// patchUpload adds a part to an upload.
func (g *Registry) patchUpload(w http.ResponseWriter, c *call, u store.Upload) error {
	if is := c.Header.Get("Content-Type"); is != "" && is != octets {
		return contentTypeInvalid.about(nil)
	}
	err := g.receive(c, u, func(_ context.Context, blob distribution.BlobWriter) error {
		u.Offset = blob.Size()
		return blob.Close()
	})
	if err != nil {
		return err
	}
	return g.acknowledge(w, u, http.StatusAccepted)
}

// putUpload adds the last part, which may be empty, and makes a blob of an upload. One with another digest is given up.
func (g *Registry) putUpload(w http.ResponseWriter, c *call, u store.Upload) error {
	b := store.Blob{Digest: c.URL.Query().Get("digest")}
	if !validDigest(b.Digest) {
		return digestInvalid.about(named{Name: c.repository, Digest: b.Digest})
	}
	err := g.receive(c, u, func(ctx context.Context, blob distribution.BlobWriter) error {
		committed, err := blob.Commit(ctx, v1.Descriptor{Digest: digest.Digest(b.Digest)})
		b.Stored, b.Size = committed.Digest.String(), committed.Size
		if err != nil {
			_ = blob.Cancel(ctx) // the first error counts
		}
		if other := (distribution.ErrBlobInvalidDigest{}); errors.As(err, &other) {
			return digestMismatch.about(err.Error())
		}
		return err
	})
	if err != nil {
		return err
	}
	return g.finish(w, c, b)
}

// deleteUpload gives an upload up.
func (g *Registry) deleteUpload(w http.ResponseWriter, c *call, u store.Upload) error {
	if err := endUpload(c.Context(), g.content, g.files, u.UUID); err != nil {
		return err
	}
	w.Header().Set("Docker-Upload-Uuid", u.UUID)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// receive adds the body of a call to an upload. What came before a body was cut off is kept.
func (g *Registry) receive(c *call, u store.Upload, then func(context.Context, distribution.BlobWriter) error) error {
	if err := c.fits(u.Offset); err != nil {
		return err
	}
	return g.distribute(c, &push{}, func(ctx context.Context, r distribution.Repository) error {
		blob, err := r.Blobs(ctx).Resume(ctx, u.UUID)
		if err != nil {
			return err
		}
		if _, err := io.Copy(blob, c.Body); err != nil {
			return errors.Join(err, blob.Close())
		}
		return then(ctx, blob)
	})
}

// fits checks that a part begins where the upload ends and is as long as it claims, if the call says so: Content-Range is two
// numbers here (OCI distribution specification, "Pushing a blob in chunks").
func (c *call) fits(offset int64) error {
	spec := c.Header.Get("Content-Range")
	if spec == "" || c.ContentLength < 0 {
		return nil
	}
	from, to, _ := strings.Cut(spec, "-")
	first, err := natural(from)
	last, lastErr := natural(to)
	switch {
	case err != nil || lastErr != nil || first > last || first != offset:
		return partInvalid.about(nil)
	case c.ContentLength != last-first+1:
		return sizeInvalid.about(nil)
	}
	return nil
}

// acknowledge tells the client how far its upload has come, and where it goes on.
func (g *Registry) acknowledge(w http.ResponseWriter, u store.Upload, status int) error {
	state := progress{Name: u.Repository, UUID: u.UUID, Offset: u.Offset, StartedAt: u.Started}.sign(g.options.Secret)
	h := w.Header()
	h.Set("Location", urlPath(u.Repository, "blobs", "uploads", u.UUID)+"?"+url.Values{"_state": {state}}.Encode())
	h.Set("Range", fmt.Sprintf("0-%d", max(u.Offset-1, 0)))
	h.Set("Docker-Upload-Uuid", u.UUID)
	h.Set("Content-Length", "0")
	w.WriteHeader(status)
	return nil
}

// progress is what the URL of an upload tells of it, signed, so that a client that has missed an answer does not add a part
// twice. The form is distribution's.
type progress struct {
	Name, UUID string
	Offset     int64
	StartedAt  time.Time
}

func (p progress) sign(secret string) string {
	text, _ := json.Marshal(p)
	return base64.URLEncoding.EncodeToString(append(signature(secret, text), text...))
}

// read reads what sign wrote.
func (p *progress) read(secret, signed string) error {
	b, err := base64.URLEncoding.DecodeString(signed)
	if err != nil {
		return err
	}
	at := min(sha256.Size, len(b))
	if !hmac.Equal(b[:at], signature(secret, b[at:])) {
		return errors.New("invalid secret")
	}
	return json.Unmarshal(b[at:], p)
}

func signature(secret string, text []byte) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(text)
	return mac.Sum(nil)
}
