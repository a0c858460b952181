package store

import (
	"context"
	"encoding/json"
	"time"
)

// Content keeps the rows of one registry. References, digests and names are taken as given: callers check their form.
type Content interface {
	Repositories
	Manifests
	Tags
	Blobs
	Uploads
}

// Page is one step through a sorted list: at most N items (0: all) that come after the one called Last. By name that is
// byte order, and Last need not exist; by time a Last that is gone, or empty, begins again.
type Page struct {
	Last  string
	N     int
	Order Order
}

// Order is how a list of tags or manifests is sorted; other lists know ByName alone. Times are those of the last update,
// and equal times are sorted by name.
type Order int

// The orders: byte order of the names, and by time.
const (
	ByName Order = iota
	OldestFirst
	NewestFirst
)

// Attributes are the four switches of a repository, manifest or tag; ACR calls them changeableAttributes
// (acr-behaviour §6.1). New rows have all four set.
type Attributes struct {
	// Delete, Write, Read and List are deleteEnabled, writeEnabled, readEnabled and listEnabled.
	Delete, Write, Read, List bool
}

// Unlocked returns the attributes of a new row.
func Unlocked() Attributes { return Attributes{Delete: true, Write: true, Read: true, List: true} }

// Target names a repository, or the manifest or tag in it if Digest or Tag is set.
type Target struct{ Repository, Digest, Tag string }

// Repository is a named collection of manifests. It exists from its first manifest until it has none, or longer if its
// attributes forbid to delete it.
type Repository struct {
	Name             string
	Created, Updated time.Time
	Attributes       Attributes
	// Manifests and Tags count what the repository holds; Repositories.Repositories leaves them out.
	Manifests, Tags int
}

// Repositories lists and changes repositories.
type Repositories interface {
	// Repository returns the repository called name, or ErrNotFound.
	Repository(ctx context.Context, name string) (Repository, error)
	// Repositories returns a page of the repositories that may be listed, by name.
	Repositories(ctx context.Context, p Page) ([]Repository, error)
	// DeleteRepository removes a repository with its manifests, tags and links, and says which manifests and tags those
	// were. It reports ErrNotFound, or ErrLocked if an attribute of the repository or of anything in it forbids it.
	DeleteRepository(ctx context.Context, name string) (Removed, error)
	// SetAttributes gives those attributes of t that mask selects their value in a, or reports ErrNotFound. No time
	// changes, as none does in ACR.
	SetAttributes(ctx context.Context, t Target, a, mask Attributes) error
}

// Removed lists what a deletion took along.
type Removed struct {
	// Manifests are digests, Tags are names.
	Manifests, Tags []string
	// Blobs are the stored digests that lost a name in this registry; bytes for which HasStored is false are nobody's now.
	Blobs []string
	// Size counts the bytes of the manifests.
	Size int64
}

// Manifest is a manifest with what is known about it.
type Manifest struct {
	// Digest is what clients name it by; sha256 or sha512.
	Digest, MediaType string
	// ArtifactType, Subject and Annotations are what the referrers list shows. Subject is a digest, empty without one.
	// Annotations is a JSON object, or nil.
	ArtifactType, Subject string
	Annotations           json.RawMessage
	// Size is the length of the body in bytes.
	Size int64
	// Body is the manifest, byte for byte. Lists leave it nil.
	Body []byte
	// Image is what the manifest tells of an image. It is nil for a manifest that an earlier version of the program stored,
	// until Describe adds it.
	Image *Image
	// Tags are the names of its tags that may be listed; Manifests.Manifests alone fills them in, PutManifest ignores them.
	Tags             []string
	Created, Updated time.Time
	// Attributes are the manifest's own. Readable adds those of the repository and of the tag it was asked by.
	Attributes Attributes
	Readable   bool
}

// Image is what is read from a manifest and its config once, when it is pushed.
type Image struct {
	// Size is in bytes: of the layers, or of an index what its manifests take together.
	Size int64
	// ConfigMediaType is the media type of the config, Architecture and OS stand in it. Each may be empty.
	ConfigMediaType, Architecture, OS string
	// Blobs are the digests of what it names, which the repository keeps as long as it has the manifest. Reading leaves
	// them nil.
	Blobs []string
}

// Manifests reads and writes manifests.
type Manifests interface {
	// Manifest returns the manifest that reference, a tag or a digest, names, or ErrNotFound.
	Manifest(ctx context.Context, repository, reference string) (Manifest, error)
	// Manifests returns a page of the manifests that may be listed; their name is the digest.
	Manifests(ctx context.Context, repository string, p Page) ([]Manifest, error)
	// Referrers returns a page of the manifests whose subject is the given digest, by digest; those of one artifact type
	// if artifactType is not empty. The subject need not exist.
	Referrers(ctx context.Context, r Referrers) ([]Manifest, error)
	// ImagesSize returns the bytes that those of the manifests that the repository has take together, each counted once.
	ImagesSize(ctx context.Context, repository string, digests []string) (int64, error)
	// Undescribed returns some of the manifests without Image, with their bodies and the repository of each, or none.
	Undescribed(ctx context.Context) ([]Undescribed, error)
	// Describe adds what is known of a manifest that has no Image yet. It succeeds when there is no such manifest.
	Describe(ctx context.Context, repository, digest string, image Image) error
	// PutManifest stores m, says whether it was not there, and points the tags at it, creating the repository if need be, in one transaction. It reports
	// ErrLocked if the repository or a tag that stands elsewhere must not be written. A manifest that is there already and
	// a tag that stands there already keep their times, as recorded of ACR.
	PutManifest(ctx context.Context, repository string, m Manifest, tags ...string) (added bool, err error)
	// DeleteManifest removes a manifest and all its tags, and the repository with its last manifest unless that is
	// locked. It reports ErrNotFound, or ErrLocked if the manifest, one of its tags or the repository forbids it.
	DeleteManifest(ctx context.Context, repository, digest string) (Removed, error)
}

// Referrers is a question for the manifests that point at Subject.
type Referrers struct {
	Repository, Subject, ArtifactType string
	Page                              Page
}

// Undescribed is a manifest without Image, and where it is.
type Undescribed struct {
	Repository string
	Manifest
}

// TagList is a question for the tags of a repository: all, or those of the manifest Digest if that is not empty.
type TagList struct {
	Repository, Digest string
	Page               Page
}

// Tag is a name for a manifest.
type Tag struct {
	Name, Digest     string
	Created, Updated time.Time
	Attributes       Attributes
}

// Tags reads and removes tags; PutManifest sets them.
type Tags interface {
	// Tag returns the tag called name, or ErrNotFound.
	Tag(ctx context.Context, repository, name string) (Tag, error)
	// Tags returns a page of the tags that may be listed.
	Tags(ctx context.Context, l TagList) ([]Tag, error)
	// DeleteTag removes a tag and returns what it was. It reports ErrNotFound, or ErrLocked if the tag or the
	// repository forbids it.
	DeleteTag(ctx context.Context, repository, name string) (Tag, error)
}

// Blob is a blob that a repository may serve.
type Blob struct {
	// Digest is the name clients use, Stored the sha256 digest of the same bytes, under which the file lies.
	Digest, Stored string
	// Size is the length in bytes.
	Size int64
	// Readable is false if the attributes of the repository forbid reading. LinkBlob ignores it.
	Readable bool
}

// Blobs keeps which repository has which blob. Files are not its business.
type Blobs interface {
	// Blob returns the blob if the repository links it, else ErrNotFound.
	Blob(ctx context.Context, repository, digest string) (Blob, error)
	// LinkBlob lets the repository have b, and notes the time, also if it had it before.
	LinkBlob(ctx context.Context, repository string, b Blob) error
	// UnlinkUnused takes away the blobs that were linked before the given time and are of no manifest in their repository.
	UnlinkUnused(ctx context.Context, before time.Time) (Removed, error)
	// UnlinkBlob takes a blob from a repository. It reports ErrNotFound, or ErrLocked if the repository, or a manifest in
	// it that has the blob, forbids it.
	UnlinkBlob(ctx context.Context, repository, digest string) (Removed, error)
	// HasStored reports whether any repository of the registry links bytes stored under this digest.
	HasStored(ctx context.Context, stored string) (bool, error)
	// Size returns the bytes of all manifests and of all blobs, each counted once.
	Size(ctx context.Context) (int64, error)
}

// Upload is a blob on its way in.
type Upload struct {
	UUID, Repository string
	Started          time.Time
	// Offset is how many bytes are acknowledged; State is the state of the sha256 hash after them.
	Offset int64
	State  []byte
}

// Uploads keeps the upload sessions, so that they survive a restart.
type Uploads interface {
	// StartUpload adds a session.
	StartUpload(ctx context.Context, u Upload) error
	// Upload returns a session of the repository, or ErrNotFound.
	Upload(ctx context.Context, repository, uuid string) (Upload, error)
	// SaveUpload records offset and state if the offset lies beyond the one recorded. It does nothing for a session that
	// has ended.
	SaveUpload(ctx context.Context, uuid string, offset int64, state []byte) error
	// EndUpload removes a session. It succeeds when there is none.
	EndUpload(ctx context.Context, uuid string) error
	// Uploads returns all sessions of the registry.
	Uploads(ctx context.Context) ([]Upload, error)
}
