package sqlite

import (
	"context"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

const columns = "SELECT id, kind, type, body, etag, revision FROM documents "

func document(r scanner) (d store.Document, err error) {
	err = r.Scan(&d.ID, &d.Kind, &d.Type, (*[]byte)(&d.Body), &d.ETag, &d.Revision)
	return d, err
}

// Get implements store.Documents.
func (s *Store) Get(ctx context.Context, id string) (d store.Document, err error) {
	err = s.reader.read(ctx, func(s *session) error {
		d, err = (&tx{session: s}).Get(id)
		return err
	})
	return d, err
}

// All implements store.Documents.
func (s *Store) All(ctx context.Context) (documents []store.Document, revision int64, err error) {
	err = s.writer.read(ctx, func(s *session) error {
		if revision, err = s.revision(); err != nil {
			return err
		}
		documents, err = all(s, document, columns+"ORDER BY key")
		return err
	})
	return documents, revision, err
}

// Update implements store.Documents.
func (s *Store) Update(ctx context.Context, f func(store.Tx) error) (revision int64, err error) {
	err = s.writer.write(ctx, func(s *session) error {
		last, err := s.revision()
		if err != nil {
			return err
		}
		t := &tx{session: s, revision: last + 1}
		if err := f(t); err != nil {
			return err
		}
		if revision = last; !t.wrote {
			return nil
		}
		revision = t.revision
		return s.exec("UPDATE revision SET value = ?", revision)
	})
	if err != nil {
		return 0, err
	}
	return revision, nil
}

// Apply implements store.Documents.
func (s *Store) Apply(ctx context.Context, changes []store.Change) (int64, error) {
	return s.Update(ctx, func(t store.Tx) error {
		for _, c := range changes {
			if err := apply(t, c); err != nil {
				return err
			}
		}
		return nil
	})
}

func apply(t store.Tx, c store.Change) error {
	if c.Put != nil {
		return t.Put(*c.Put)
	}
	return t.Delete(c.Delete)
}

// Reset implements store.Documents.
func (s *Store) Reset(ctx context.Context, documents []store.Document) (int64, error) {
	return s.Update(ctx, func(t store.Tx) error {
		if err := t.(*tx).clear(); err != nil {
			return err
		}
		for _, d := range documents {
			if err := t.Put(d); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *session) revision() (int64, error) {
	return one(s, value[int64], "SELECT value FROM revision")
}

// tx implements store.Tx.
type tx struct {
	*session
	revision int64 // of this commit
	wrote    bool
}

// Get implements store.Tx.
func (t *tx) Get(id string) (store.Document, error) {
	return one(t.session, document, columns+"WHERE key = ?", store.Fold(id))
}

// List implements store.Tx. The documents under an ID are those between ID/ and ID0, as 0 follows / in ASCII.
func (t *tx) List(f store.Filter) ([]store.Document, error) {
	from, to := "", "\U0010FFFF"
	if f.Under != "" {
		from, to = store.Fold(f.Under)+"/", store.Fold(f.Under)+"0"
	}
	return all(t.session, document, columns+
		"WHERE key > ?1 AND key < ?2 AND (?3 = '' OR kind = ?3) AND (?4 = '' OR type = ?4 COLLATE NOCASE) ORDER BY key",
		from, to, f.Kind, f.Type)
}

// Put implements store.Tx.
func (t *tx) Put(d store.Document) error {
	t.wrote = true
	return t.exec("INSERT OR REPLACE INTO documents (key, id, kind, type, body, etag, revision) VALUES (?, ?, ?, ?, ?, ?, ?)",
		store.Fold(d.ID), d.ID, d.Kind, d.Type, []byte(d.Body), d.ETag, t.revision)
}

// Delete implements store.Tx.
func (t *tx) Delete(id string) error {
	n, err := t.affected("DELETE FROM documents WHERE key = ?", store.Fold(id))
	if err == nil && n == 0 {
		return store.ErrNotFound
	}
	t.wrote = true
	return err
}

func (t *tx) clear() error {
	t.wrote = true
	return t.exec("DELETE FROM documents")
}
