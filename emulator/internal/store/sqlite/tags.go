package sqlite

import (
	"context"
	"slices"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

const (
	tagColumns = "SELECT name, digest, created, updated, attributes FROM tags WHERE registry = ? AND repository = ? "
	// Of one manifest they are found by its digest, and sorted, instead of looking at all tags in order: SQLite has to be told,
	// since it cannot know how many tags a manifest has.
	tagColumnsByDigest = `SELECT name, digest, created, updated, attributes FROM tags INDEXED BY tags_of
		WHERE registry = ? AND repository = ? AND digest = ? `
)

func tag(r scanner) (t store.Tag, err error) {
	var created, updated int64
	var bits int
	err = r.Scan(&t.Name, &t.Digest, &created, &updated, &bits)
	t.Created, t.Updated, t.Attributes = instant(created), instant(updated), attributes(bits)
	return t, err
}

// Tag implements store.Tags.
func (c *content) Tag(ctx context.Context, repository, name string) (store.Tag, error) {
	return get(ctx, c, tag, tagColumns+"AND name = ?", c.name, repository, name)
}

// Tags implements store.Tags.
func (c *content) Tags(ctx context.Context, l store.TagList) (tags []store.Tag, err error) {
	err = c.read(ctx, func(s *session) error {
		clause, args, err := c.ordered(s, "tags", "name", l.Repository, l.Page)
		if err != nil {
			return err
		}
		query, before := tagColumns, []any{c.name, l.Repository}
		if l.Digest != "" {
			query, before = tagColumnsByDigest, append(before, l.Digest)
		}
		args = slices.Concat(before, []any{mayList}, args)
		tags, err = all(s, tag, query+"AND attributes & ? <> 0"+clause, args...)
		return err
	})
	return tags, err
}

// DeleteTag implements store.Tags.
func (c *content) DeleteTag(ctx context.Context, repository, name string) (t store.Tag, err error) {
	err = c.write(ctx, func(s *session) error {
		if t, err = one(s, tag, tagColumns+"AND name = ?", c.name, repository, name); err != nil {
			return err
		}
		n, err := s.affected(`DELETE FROM tags WHERE registry = ?1 AND repository = ?2 AND name = ?3 AND attributes & ?4 = ?4
			AND EXISTS (SELECT 1 FROM repositories WHERE registry = ?1 AND name = ?2 AND attributes & ?5 <> 0)`,
			c.name, repository, name, mayRemove, mayWrite)
		if err == nil && n == 0 {
			return store.ErrLocked
		}
		return err
	})
	return t, err
}
