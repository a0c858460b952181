package store

import (
	"context"
	"errors"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrNotFound reports that no row or document has the name asked for.
	ErrNotFound = errors.New("not found")
	// ErrLocked reports that the attributes of a repository, manifest or tag forbid the operation (acr-behaviour §6.2, Locks).
	ErrLocked = errors.New("locked")
)

// Store keeps the state of one emulator. Its methods may be called from several goroutines.
type Store interface {
	Documents
	// Content returns the rows of the registry called name, in any case. Asking creates nothing, and no row of
	// another registry can be reached through it.
	Content(name string) Content
	// DropContent removes every row of the registry called name. It succeeds when there is none.
	DropContent(ctx context.Context, name string) error
	// Close releases the store. Nothing may be called afterwards.
	Close() error
}

// Fold returns the form of an ID or registry name by which it is compared: ASCII letters in lower case, everything else as
// it stands. Azure compares resource IDs without case; folding beyond ASCII would make different names equal (the Kelvin
// sign is no k).
func Fold(id string) string {
	for i := range len(id) {
		if upper(id[i]) {
			return fold(id)
		}
	}
	return id
}

func fold(id string) string {
	b := []byte(id)
	for i, c := range b {
		if upper(c) {
			b[i] = c + ('a' - 'A')
		}
	}
	return string(b)
}

func upper(c byte) bool { return 'A' <= c && c <= 'Z' }
