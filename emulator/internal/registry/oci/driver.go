package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/distribution/distribution/v3/registry/storage/driver"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

// driverName is what distribution calls the driver in errors.
const driverName = "acrlocal"

// push is what one request to distribution is about. It travels in the context; the driver reads and fills it.
type push struct {
	// manifest is set while distribution validates a manifest, whose bytes and links the handler keeps itself.
	manifest bool
	// failure is the first failure of storage, which distribution would hide in an UNKNOWN error.
	failure error
}

type pushKey struct{}

func pushOf(ctx context.Context) *push {
	if p, ok := ctx.Value(pushKey{}).(*push); ok {
		return p
	}
	return &push{}
}

// fail notes err, if it is one, and returns it.
func (p *push) fail(err error) error {
	if p.failure == nil {
		p.failure = err
	}
	return err
}

// rows is a storage driver that shows the rows and files of a registry under distribution's paths.
type rows struct {
	content store.Content
	files   *files
}

// object is what a path of distribution's names.
type object struct {
	kind       kind
	repository string
	name       string // a digest or an upload
	offset     int64  // of a hash state
}

type kind int

const (
	nothing kind = iota
	blobData
	layerLink
	revisionLink
	tagLink
	uploadFolder
	uploadData
	uploadStart
	hashStates
	hashState
)

// locate reads a path; the forms are listed in distribution's registry/storage/paths.go.
func locate(p string) object {
	p, ok := strings.CutPrefix(p, "/docker/registry/v2/")
	if !ok {
		return object{}
	}
	if rest, ok := strings.CutPrefix(p, "blobs/"); ok {
		part := strings.Split(rest, "/")
		if len(part) == 4 && part[3] == "data" {
			return object{kind: blobData, name: part[0] + ":" + part[2]}
		}
		return object{}
	}
	p, ok = strings.CutPrefix(p, "repositories/")
	repository, rest, found := strings.Cut(p, "/_")
	if !ok || !found {
		return object{}
	}
	return locateIn(repository, strings.Split(rest, "/"))
}

// locateIn reads the rest of a path below a repository: layers/sha256/HEX/link and so on.
func locateIn(repository string, part []string) object {
	o := object{repository: repository}
	switch {
	case part[0] == "layers" && len(part) == 4:
		o.kind, o.name = layerLink, part[1]+":"+part[2]
	case part[0] == "manifests" && len(part) == 5 && part[1] == "revisions":
		o.kind, o.name = revisionLink, part[2]+":"+part[3]
	case part[0] == "manifests" && len(part) > 2 && part[1] == "tags":
		o.kind = tagLink
	case part[0] == "uploads" && len(part) > 1:
		o.name = part[1]
		o.kind, o.offset = locateUpload(part[2:])
	}
	return o
}

func locateUpload(part []string) (kind, int64) {
	switch {
	case len(part) == 0:
		return uploadFolder, 0
	case part[0] == "data":
		return uploadData, 0
	case part[0] == "startedat":
		return uploadStart, 0
	case part[0] == "hashstates" && len(part) == 2:
		return hashStates, 0
	case part[0] == "hashstates" && len(part) == 3:
		n, _ := strconv.ParseInt(part[2], 10, 64)
		return hashState, n
	}
	return nothing, 0
}

func absent(p string) error { return driver.PathNotFoundError{Path: p, DriverName: driverName} }

// outcome turns a missing row or file into the error distribution looks for, and notes all others in the push.
func outcome(ctx context.Context, p string, err error) error {
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return absent(p)
	}
	return pushOf(ctx).fail(err)
}

// Name implements driver.StorageDriver.
func (d *rows) Name() string { return driverName }

// GetContent implements driver.StorageDriver: links and the state of uploads.
func (d *rows) GetContent(ctx context.Context, p string) ([]byte, error) {
	content, err := d.read(ctx, locate(p))
	return content, outcome(ctx, p, err)
}

func (d *rows) read(ctx context.Context, o object) ([]byte, error) {
	switch o.kind {
	case layerLink:
		b, err := d.content.Blob(ctx, o.repository, o.name)
		return []byte(b.Stored), err
	case revisionLink:
		m, err := d.content.Manifest(ctx, o.repository, o.name)
		return []byte(m.Digest), err
	case uploadStart:
		u, err := d.content.Upload(ctx, o.repository, o.name)
		return []byte(u.Started.Format(time.RFC3339)), err
	case hashState:
		u, err := d.content.Upload(ctx, o.repository, o.name)
		return u.State, err
	}
	return nil, store.ErrNotFound
}

// PutContent implements driver.StorageDriver. Links are left to the handler, and so are the bytes of manifests: whatever
// else distribution writes to a blob's place is a blob without bytes, for which it has no upload to move.
func (d *rows) PutContent(ctx context.Context, p string, content []byte) error {
	o := locate(p)
	switch o.kind {
	case layerLink, revisionLink, tagLink:
		return nil
	case blobData:
		return d.putBlob(ctx, o, content)
	case hashState:
		return outcome(ctx, p, d.content.SaveUpload(ctx, o.name, o.offset, content))
	}
	return driver.InvalidPathError{Path: p, DriverName: driverName}
}

func (d *rows) putBlob(ctx context.Context, o object, content []byte) error {
	if pushOf(ctx).manifest {
		return nil
	}
	if len(content) > 0 {
		return driver.ErrUnsupportedMethod{DriverName: driverName}
	}
	file := d.files.blob(o.name)
	return pushOf(ctx).fail(inFolder(file, func() error { return os.WriteFile(file, nil, 0o600) }))
}

// Reader implements driver.StorageDriver. Distribution reads an upload again to verify a digest that is not sha256.
func (d *rows) Reader(ctx context.Context, p string, offset int64) (io.ReadCloser, error) {
	o := locate(p)
	if o.kind != uploadData {
		return nil, absent(p)
	}
	file, err := os.Open(d.files.upload(o.name))
	if err != nil {
		return nil, outcome(ctx, p, err)
	}
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		_ = file.Close()
		return nil, pushOf(ctx).fail(err)
	}
	return file, nil
}

// Writer implements driver.StorageDriver, for uploads.
func (d *rows) Writer(ctx context.Context, p string, _ bool) (driver.FileWriter, error) {
	o := locate(p)
	if o.kind != uploadData {
		return nil, driver.InvalidPathError{Path: p, DriverName: driverName}
	}
	u, err := d.content.Upload(ctx, o.repository, o.name)
	if err != nil {
		return nil, outcome(ctx, p, err)
	}
	w, err := d.files.append(o.name, u.Offset, pushOf(ctx))
	if err != nil {
		return nil, pushOf(ctx).fail(err)
	}
	return w, nil
}

// Cancel implements driver.FileWriter; distribution deletes the folder of the upload next.
func (w *writer) Cancel(context.Context) error { return w.Close() }

// Commit implements driver.FileWriter. Nothing is buffered.
func (w *writer) Commit(context.Context) error { return nil }

// Stat implements driver.StorageDriver. A blob's file counts only if a row says so.
func (d *rows) Stat(ctx context.Context, p string) (driver.FileInfo, error) {
	o := locate(p)
	file := ""
	switch o.kind {
	case uploadData:
		file = d.files.upload(o.name)
	case blobData:
		known, err := d.content.HasStored(ctx, o.name)
		if err != nil {
			return nil, pushOf(ctx).fail(err)
		}
		if known {
			file = d.files.blob(o.name)
		}
	}
	n, err := size(file)
	if err != nil {
		return nil, outcome(ctx, p, err)
	}
	return driver.FileInfoInternal{FileInfoFields: driver.FileInfoFields{Path: p, Size: n}}, nil
}

// List implements driver.StorageDriver: the hash states of an upload, of which the latest is kept.
func (d *rows) List(ctx context.Context, p string) ([]string, error) {
	o := locate(p)
	if o.kind != hashStates {
		return nil, absent(p)
	}
	u, err := d.content.Upload(ctx, o.repository, o.name)
	if err != nil {
		return nil, outcome(ctx, p, err)
	}
	if len(u.State) == 0 {
		return nil, absent(p)
	}
	return []string{path.Join(p, strconv.FormatInt(u.Offset, 10))}, nil
}

// Move implements driver.StorageDriver: a verified upload becomes a blob.
func (d *rows) Move(ctx context.Context, from, to string) error {
	source, target := locate(from), locate(to)
	if source.kind != uploadData || target.kind != blobData {
		return driver.InvalidPathError{Path: to, DriverName: driverName}
	}
	return outcome(ctx, from, d.files.place(source.name, target.name, stored(ctx, d.content)))
}

// Delete implements driver.StorageDriver: the folder of an upload that is finished or given up.
func (d *rows) Delete(ctx context.Context, p string) error {
	o := locate(p)
	if o.kind != uploadFolder {
		return driver.InvalidPathError{Path: p, DriverName: driverName}
	}
	return outcome(ctx, p, endUpload(ctx, d.content, d.files, o.name))
}

// endUpload removes a session, its row first: a file without a row is nobody's.
func endUpload(ctx context.Context, c store.Content, f *files, uuid string) error {
	if err := c.EndUpload(ctx, uuid); err != nil {
		return fmt.Errorf("ending upload %s: %w", uuid, err)
	}
	return f.remove(f.upload(uuid))
}

// RedirectURL implements driver.StorageDriver.
func (d *rows) RedirectURL(*http.Request, string) (string, error) { return "", nil }

// Walk implements driver.StorageDriver. Only garbage collection walks, and that is done from rows.
func (d *rows) Walk(context.Context, string, driver.WalkFn, ...func(*driver.WalkOptions)) error {
	return driver.ErrUnsupportedMethod{DriverName: driverName}
}
