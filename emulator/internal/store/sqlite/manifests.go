package sqlite

import (
	"context"
	"errors"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

const (
	manifestColumns = "m.digest, m.media_type, m.artifact_type, m.subject, m.annotations, m.size, m.created, m.updated, m.attributes"

	byDigest = "SELECT " + manifestColumns + `, r.attributes & m.attributes, m.body FROM manifests m
		JOIN repositories r ON r.registry = m.registry AND r.name = m.repository
		WHERE m.registry = ? AND m.repository = ? AND m.digest = ?`
	byTag = "SELECT " + manifestColumns + `, r.attributes & m.attributes & t.attributes, m.body FROM tags t
		JOIN manifests m ON m.registry = t.registry AND m.repository = t.repository AND m.digest = t.digest
		JOIN repositories r ON r.registry = t.registry AND r.name = t.repository
		WHERE t.registry = ? AND t.repository = ? AND t.name = ?`
)

func manifest(r scanner) (m store.Manifest, err error) {
	var created, updated int64
	var own, effective int
	err = r.Scan(&m.Digest, &m.MediaType, &m.ArtifactType, &m.Subject, (*[]byte)(&m.Annotations), &m.Size, &created, &updated,
		&own, &effective, &m.Body)
	m.Created, m.Updated = instant(created), instant(updated)
	m.Attributes, m.Readable = attributes(own), effective&mayRead != 0
	return m, err
}

// Manifest implements store.Manifests.
func (c *content) Manifest(ctx context.Context, repository, reference string) (store.Manifest, error) {
	query := byTag
	if strings.Contains(reference, ":") {
		query = byDigest
	}
	return get(ctx, c, manifest, query, c.name, repository, reference)
}

// Manifests implements store.Manifests.
func (c *content) Manifests(ctx context.Context, repository string, p store.Page) ([]store.Manifest, error) {
	return list(ctx, c, manifest, "SELECT "+manifestColumns+`, m.attributes, NULL FROM manifests m
		WHERE registry = ? AND repository = ? AND digest > ? AND attributes & ? <> 0 ORDER BY digest LIMIT ?`,
		c.name, repository, p.Last, mayList, limit(p))
}

// Referrers implements store.Manifests.
func (c *content) Referrers(ctx context.Context, r store.Referrers) ([]store.Manifest, error) {
	return list(ctx, c, manifest, "SELECT "+manifestColumns+`, m.attributes, NULL FROM manifests m
		WHERE registry = ?1 AND repository = ?2 AND subject = ?3 AND subject <> '' AND digest > ?4 AND (?5 = '' OR artifact_type = ?5)
		ORDER BY digest LIMIT ?6`, c.name, r.Repository, r.Subject, r.Page.Last, r.ArtifactType, limit(r.Page))
}

// PutManifest implements store.Manifests.
func (c *content) PutManifest(ctx context.Context, repository string, m store.Manifest, tags ...string) error {
	return c.write(ctx, func(s *session) error {
		now := stamp(c.now())
		if err := c.touchRepository(s, repository, now); err != nil {
			return err
		}
		err := s.exec(`INSERT INTO manifests
			(registry, repository, digest, media_type, artifact_type, subject, annotations, size, created, updated, body)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10)
			ON CONFLICT DO UPDATE SET media_type = excluded.media_type, updated = excluded.updated`,
			c.name, repository, m.Digest, m.MediaType, m.ArtifactType, m.Subject, []byte(m.Annotations), len(m.Body), now, m.Body)
		for i := 0; i < len(tags) && err == nil; i++ {
			err = c.putTag(s, repository, store.Tag{Name: tags[i], Digest: m.Digest}, now)
		}
		return err
	})
}

// touchRepository creates the repository or notes that it was written to, unless it is locked.
func (c *content) touchRepository(s *session, name string, now int64) error {
	n, err := s.affected(`INSERT INTO repositories (registry, name, created, updated) VALUES (?1, ?2, ?3, ?3)
		ON CONFLICT DO UPDATE SET updated = excluded.updated WHERE attributes & ?4 <> 0`, c.name, name, now, mayWrite)
	if err == nil && n == 0 {
		return store.ErrLocked
	}
	return err
}

// putTag points a tag at a manifest. A locked tag may be set to where it stands.
func (c *content) putTag(s *session, repository string, t store.Tag, now int64) error {
	n, err := s.affected(`INSERT INTO tags (registry, repository, name, digest, created, updated) VALUES (?1, ?2, ?3, ?4, ?5, ?5)
		ON CONFLICT DO UPDATE SET digest = excluded.digest, updated = excluded.updated
		WHERE attributes & ?6 <> 0 OR digest = excluded.digest`, c.name, repository, t.Name, t.Digest, now, mayWrite)
	if err == nil && n == 0 {
		return store.ErrLocked
	}
	return err
}

// DeleteManifest implements store.Manifests.
func (c *content) DeleteManifest(ctx context.Context, repository, digest string) (gone store.Removed, err error) {
	err = c.write(ctx, func(s *session) error {
		if err := c.manifestRemovable(s, repository, digest); err != nil {
			return err
		}
		if err := removeManifests(s, &gone, "registry = ? AND repository = ? AND digest = ?", c.name, repository, digest); err != nil {
			return err
		}
		gone.Tags, err = all(s, value[string],
			"DELETE FROM tags WHERE registry = ? AND repository = ? AND digest = ? RETURNING name", c.name, repository, digest)
		return errors.Join(err, c.removeEmptied(s, repository))
	})
	return gone, err
}

// removeManifests removes the manifests that a condition selects.
func removeManifests(s *session, gone *store.Removed, where string, args ...any) error {
	removed, err := all(s, digestAndSize, "DELETE FROM manifests WHERE "+where+" RETURNING digest, size", args...)
	for _, m := range removed {
		gone.Manifests, gone.Size = append(gone.Manifests, m.Digest), gone.Size+m.Size
	}
	return err
}

func digestAndSize(r scanner) (m store.Manifest, err error) {
	err = r.Scan(&m.Digest, &m.Size)
	return m, err
}

func (c *content) manifestRemovable(s *session, repository, digest string) error {
	locked, err := one(s, value[bool], `SELECT m.attributes & ?4 <> ?4 OR r.attributes & ?5 = 0
		OR EXISTS (SELECT 1 FROM tags WHERE registry = ?1 AND repository = ?2 AND digest = ?3 AND attributes & ?4 <> ?4)
		FROM manifests m JOIN repositories r ON r.registry = m.registry AND r.name = m.repository
		WHERE m.registry = ?1 AND m.repository = ?2 AND m.digest = ?3`, c.name, repository, digest, mayRemove, mayWrite)
	if err == nil && locked {
		return store.ErrLocked
	}
	return err
}

// removeEmptied removes the repository if its last manifest is gone. Links to blobs stay: an upload may be under way.
func (c *content) removeEmptied(s *session, repository string) error {
	return s.exec(`DELETE FROM repositories WHERE registry = ?1 AND name = ?2
		AND NOT EXISTS (SELECT 1 FROM manifests WHERE registry = ?1 AND repository = ?2)`, c.name, repository)
}
