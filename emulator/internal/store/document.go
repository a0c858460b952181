package store

import (
	"context"
	"encoding/json"
)

// Document is one object as its own API would return it.
type Document struct {
	// ID names the document, as it was written. Two IDs that differ in ASCII case alone are one document.
	ID string
	// Kind tells the vocabularies apart: "arm", "graph".
	Kind string
	// Type is the resource or object type, as written: "Microsoft.ContainerRegistry/registries".
	Type string
	// Body is the JSON document.
	Body json.RawMessage
	// ETag is kept for the caller; the store does not compare it.
	ETag string
	// Revision is the commit that last wrote the document. The store sets it; on Put it is ignored.
	Revision int64
}

// Change is one step of Documents.Apply: it writes Put, or removes the document called Delete if Put is nil.
type Change struct {
	Put    *Document
	Delete string
}

// Filter selects documents. An empty field selects all.
type Filter struct {
	Kind, Type string
	// Under selects the documents whose ID continues this one by at least one segment, compared by whole segments.
	Under string
}

// Documents keeps documents by folded ID. A commit is all or nothing.
type Documents interface {
	// Update runs f in one transaction and commits it, unless f returns an error, which Update then returns. The result
	// is the revision of the commit; a transaction that wrote nothing raises no revision. f must use nothing but its Tx.
	Update(ctx context.Context, f func(Tx) error) (revision int64, err error)
	// Apply makes the changes in order, in one transaction.
	Apply(ctx context.Context, changes []Change) (revision int64, err error)
	// Get returns the document called id, or ErrNotFound.
	Get(ctx context.Context, id string) (Document, error)
	// All returns every document in order of folded ID, and the revision they stand at.
	All(ctx context.Context) (documents []Document, revision int64, err error)
	// Reset replaces all documents by the given ones, in one transaction. Content stays.
	Reset(ctx context.Context, documents []Document) (revision int64, err error)
}

// Tx reads and writes documents within one transaction, and sees what it has written.
type Tx interface {
	// Get returns the document called id, or ErrNotFound.
	Get(id string) (Document, error)
	// List returns the documents that f selects, in order of folded ID.
	List(f Filter) ([]Document, error)
	// Put writes d, in place of a document of that ID.
	Put(d Document) error
	// Delete removes the document called id, or reports ErrNotFound.
	Delete(id string) error
}
