package sqlite

import (
	"context"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

func blob(r scanner) (b store.Blob, err error) {
	var bits int
	err = r.Scan(&b.Digest, &b.Stored, &b.Size, &bits)
	b.Readable = bits&mayRead != 0
	return b, err
}

// Blob implements store.Blobs.
func (c *content) Blob(ctx context.Context, repository, digest string) (store.Blob, error) {
	return get(ctx, c, blob, `SELECT b.digest, b.stored, b.size, coalesce(r.attributes, ?) FROM links l
		JOIN blobs b ON b.registry = l.registry AND b.digest = l.digest
		LEFT JOIN repositories r ON r.registry = l.registry AND r.name = l.repository
		WHERE l.registry = ? AND l.repository = ? AND l.digest = ?`, mayRead, c.name, repository, digest)
}

// LinkBlob implements store.Blobs.
func (c *content) LinkBlob(ctx context.Context, repository string, b store.Blob) error {
	return c.write(ctx, func(s *session) error {
		if err := s.exec("INSERT OR IGNORE INTO blobs (registry, digest, stored, size) VALUES (?, ?, ?, ?)",
			c.name, b.Digest, b.Stored, b.Size); err != nil {
			return err
		}
		return s.exec("INSERT OR IGNORE INTO links (registry, repository, digest) VALUES (?, ?, ?)", c.name, repository, b.Digest)
	})
}

// UnlinkBlob implements store.Blobs.
func (c *content) UnlinkBlob(ctx context.Context, repository, digest string) (gone store.Removed, err error) {
	err = c.write(ctx, func(s *session) error {
		n, err := s.affected("DELETE FROM links WHERE registry = ? AND repository = ? AND digest = ?", c.name, repository, digest)
		if err != nil {
			return err
		}
		if n == 0 {
			return store.ErrNotFound
		}
		gone.Blobs, err = c.removeName(s, digest)
		return err
	})
	return gone, err
}

// removeName forgets a digest that no repository links, and returns where its bytes are stored. Another digest may name the
// same bytes: HasStored tells.
func (c *content) removeName(s *session, digest string) ([]string, error) {
	return all(s, value[string], `DELETE FROM blobs AS b WHERE registry = ?1 AND digest = ?2
		AND NOT EXISTS (SELECT 1 FROM links WHERE registry = ?1 AND digest = ?2)
		RETURNING stored`, c.name, digest)
}

// removeUnlinked does the same for all digests at once.
func (c *content) removeUnlinked(s *session) ([]string, error) {
	return all(s, value[string], `DELETE FROM blobs AS b WHERE registry = ?1
		AND NOT EXISTS (SELECT 1 FROM links WHERE registry = ?1 AND digest = b.digest)
		RETURNING stored`, c.name)
}

// HasStored implements store.Blobs.
func (c *content) HasStored(ctx context.Context, stored string) (bool, error) {
	return get(ctx, c, value[bool], "SELECT EXISTS (SELECT 1 FROM blobs WHERE registry = ? AND stored = ?)", c.name, stored)
}

// Size implements store.Blobs.
func (c *content) Size(ctx context.Context) (int64, error) {
	return get(ctx, c, value[int64], `SELECT
		(SELECT coalesce(sum(size), 0) FROM (SELECT DISTINCT stored, size FROM blobs WHERE registry = ?1)) +
		(SELECT coalesce(sum(size), 0) FROM manifests WHERE registry = ?1)`, c.name)
}
