package sqlite

import (
	"context"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

func repository(r scanner) (v store.Repository, err error) {
	var created, updated int64
	var bits int
	err = r.Scan(&v.Name, &created, &updated, &bits, &v.Manifests, &v.Tags)
	v.Created, v.Updated, v.Attributes = instant(created), instant(updated), attributes(bits)
	return v, err
}

// Repository implements store.Repositories.
func (c *content) Repository(ctx context.Context, name string) (store.Repository, error) {
	return get(ctx, c, repository, `SELECT name, created, updated, attributes,
		(SELECT count(*) FROM manifests WHERE registry = ?1 AND repository = ?2),
		(SELECT count(*) FROM tags WHERE registry = ?1 AND repository = ?2)
		FROM repositories WHERE registry = ?1 AND name = ?2`, c.name, name)
}

// Repositories implements store.Repositories.
func (c *content) Repositories(ctx context.Context, p store.Page) ([]store.Repository, error) {
	return list(ctx, c, repository, `SELECT name, created, updated, attributes, 0, 0 FROM repositories
		WHERE registry = ? AND name > ? AND attributes & ? <> 0 ORDER BY name LIMIT ?`, c.name, p.Last, mayList, limit(p))
}

// DeleteRepository implements store.Repositories.
func (c *content) DeleteRepository(ctx context.Context, name string) (gone store.Removed, err error) {
	err = c.write(ctx, func(s *session) error {
		if err := c.removable(s, name); err != nil {
			return err
		}
		gone, err = c.removeRepository(s, name)
		return err
	})
	return gone, err
}

// removable reports ErrNotFound, or ErrLocked if anything in the repository, or the repository itself, is locked.
func (c *content) removable(s *session, name string) error {
	locked, err := one(s, value[bool], `SELECT attributes & ?3 <> ?3
		OR EXISTS (SELECT 1 FROM manifests WHERE registry = ?1 AND repository = ?2 AND attributes & ?3 <> ?3)
		OR EXISTS (SELECT 1 FROM tags WHERE registry = ?1 AND repository = ?2 AND attributes & ?3 <> ?3)
		FROM repositories WHERE registry = ?1 AND name = ?2`, c.name, name, mayRemove)
	if err == nil && locked {
		return store.ErrLocked
	}
	return err
}

func (c *content) removeRepository(s *session, name string) (gone store.Removed, err error) {
	if err := removeManifests(s, &gone, "registry = ? AND repository = ?", c.name, name); err != nil {
		return gone, err
	}
	gone.Tags, err = all(s, value[string], "DELETE FROM tags WHERE registry = ? AND repository = ? RETURNING name", c.name, name)
	if err != nil {
		return gone, err
	}
	for _, query := range [...]string{
		"DELETE FROM repositories WHERE registry = ? AND name = ?",
		"DELETE FROM parts WHERE registry = ? AND repository = ?",
		"DELETE FROM links WHERE registry = ? AND repository = ?",
	} {
		if err := s.exec(query, c.name, name); err != nil {
			return gone, err
		}
	}
	gone.Blobs, err = c.removeUnlinked(s)
	return gone, err
}

// SetAttributes implements store.Repositories.
func (c *content) SetAttributes(ctx context.Context, t store.Target, a, mask store.Attributes) error {
	const set = " SET attributes = (attributes & ~?1) | (?2 & ?1) WHERE registry = ?3 AND "
	query, args := "UPDATE repositories"+set+"name = ?4", []any{attributeBits(mask), attributeBits(a), c.name, t.Repository}
	switch {
	case t.Tag != "":
		query, args = "UPDATE tags"+set+"repository = ?4 AND name = ?5", append(args, t.Tag)
	case t.Digest != "":
		query, args = "UPDATE manifests"+set+"repository = ?4 AND digest = ?5", append(args, t.Digest)
	}
	return c.write(ctx, func(s *session) error {
		n, err := s.affected(query, args...)
		if err == nil && n == 0 {
			return store.ErrNotFound
		}
		return err
	})
}
