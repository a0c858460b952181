package sqlite

import (
	"context"
	"time"

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
		return s.exec(`INSERT INTO links (registry, repository, digest, linked) VALUES (?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET linked = excluded.linked`, c.name, repository, b.Digest, stamp(c.now()))
	})
}

// UnlinkBlob implements store.Blobs.
func (c *content) UnlinkBlob(ctx context.Context, repository, digest string) (gone store.Removed, err error) {
	err = c.write(ctx, func(s *session) error {
		if err := c.unlinkable(s, repository, digest); err != nil {
			return err
		}
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

// unlinkable reports ErrLocked if the repository, or a manifest in it that has the blob, or a tag of that, is locked.
func (c *content) unlinkable(s *session, repository, digest string) error {
	locked, err := one(s, value[bool], `SELECT
		EXISTS (SELECT 1 FROM repositories WHERE registry = ?1 AND name = ?2 AND attributes & ?4 = 0) OR
		EXISTS (SELECT 1 FROM parts p
			JOIN manifests m ON m.registry = ?1 AND m.repository = ?2 AND m.digest = p.manifest
			WHERE p.registry = ?1 AND p.repository = ?2 AND p.blob = ?3 AND (m.attributes & ?5 <> ?5 OR EXISTS (
				SELECT 1 FROM tags WHERE registry = ?1 AND repository = ?2 AND digest = p.manifest AND attributes & ?5 <> ?5)))`,
		c.name, repository, digest, mayWrite, mayRemove)
	if err == nil && locked {
		return store.ErrLocked
	}
	return err
}

// UnlinkUnused implements store.Blobs.
func (c *content) UnlinkUnused(ctx context.Context, before time.Time) (gone store.Removed, err error) {
	err = c.write(ctx, func(s *session) error {
		n, err := s.affected(`DELETE FROM links AS l WHERE registry = ?1 AND linked < ?2 AND NOT EXISTS (
			SELECT 1 FROM parts WHERE registry = ?1 AND repository = l.repository AND blob = l.digest)
			AND NOT EXISTS (SELECT 1 FROM manifests WHERE registry = ?1 AND architecture IS NULL)`, c.name, stamp(before))
		if err != nil || n == 0 {
			return err
		}
		gone.Blobs, err = c.removeUnlinked(s)
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
