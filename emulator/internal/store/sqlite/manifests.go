package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

const (
	manifestColumns = `m.digest, m.media_type, m.artifact_type, m.subject, m.annotations, m.size, m.created, m.updated,
		m.image_size, m.config_type, m.architecture, m.os, m.attributes`

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
	var image store.Image
	var architecture sql.NullString
	err = r.Scan(&m.Digest, &m.MediaType, &m.ArtifactType, &m.Subject, (*[]byte)(&m.Annotations), &m.Size, &created, &updated,
		&image.Size, &image.ConfigMediaType, &architecture, &image.OS, &own, &effective, &m.Body)
	m.Created, m.Updated = instant(created), instant(updated)
	m.Attributes, m.Readable = attributes(own), effective&mayRead != 0
	if architecture.Valid {
		image.Architecture = architecture.String
		m.Image = &image
	}
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
func (c *content) Manifests(ctx context.Context, repository string, p store.Page) (manifests []store.Manifest, err error) {
	err = c.read(ctx, func(s *session) error {
		clause, args, err := c.ordered(s, "manifests", "digest", repository, p)
		if err != nil {
			return err
		}
		args = append([]any{c.name, repository, mayList}, args...)
		manifests, err = all(s, manifest, "SELECT "+manifestColumns+`, m.attributes, NULL FROM manifests m
			WHERE registry = ? AND repository = ? AND attributes & ? <> 0`+clause, args...)
		for i := 0; i < len(manifests) && err == nil; i++ {
			m := &manifests[i]
			m.Tags, err = all(s, value[string], `SELECT name FROM tags INDEXED BY tags_of
				WHERE registry = ? AND repository = ? AND digest = ? AND attributes & ? <> 0 ORDER BY name`,
				c.name, repository, m.Digest, mayList)
		}
		return err
	})
	return manifests, err
}

// ImagesSize implements store.Manifests. The sum ends where JSON's readers stop to be exact, whatever manifests claim.
func (c *content) ImagesSize(ctx context.Context, repository string, digests []string) (int64, error) {
	list, err := json.Marshal(digests)
	if err != nil {
		return 0, err
	}
	return get(ctx, c, value[int64], `SELECT CAST(min(total(image_size), 9007199254740991) AS INTEGER) FROM manifests
		WHERE registry = ? AND repository = ? AND digest IN (SELECT value FROM json_each(?))`, c.name, repository, string(list))
}

// undescribedAtOnce bounds what Undescribed holds in memory.
const undescribedAtOnce = 16

// Undescribed implements store.Manifests.
func (c *content) Undescribed(ctx context.Context) ([]store.Undescribed, error) {
	return list(ctx, c, func(r scanner) (u store.Undescribed, err error) {
		err = r.Scan(&u.Repository, &u.Digest, &u.MediaType, &u.Body)
		return u, err
	}, "SELECT repository, digest, media_type, body FROM manifests WHERE registry = ? AND architecture IS NULL LIMIT ?",
		c.name, undescribedAtOnce)
}

// Describe implements store.Manifests.
func (c *content) Describe(ctx context.Context, repository, digest string, image store.Image) error {
	return c.write(ctx, func(s *session) error {
		n, err := s.affected(`UPDATE manifests SET image_size = ?, config_type = ?, architecture = ?, os = ?
			WHERE registry = ? AND repository = ? AND digest = ? AND architecture IS NULL`,
			image.Size, image.ConfigMediaType, image.Architecture, image.OS, c.name, repository, digest)
		if err != nil || n == 0 {
			return err
		}
		return c.putParts(s, repository, digest, image.Blobs)
	})
}

// putParts notes which blobs a manifest needs. The same digest always needs the same ones.
func (c *content) putParts(s *session, repository, digest string, blobs []string) error {
	list, err := json.Marshal(blobs)
	if err != nil {
		return err
	}
	return s.exec(`INSERT OR IGNORE INTO parts (registry, repository, manifest, blob)
		SELECT ?, ?, ?, value FROM json_each(?)`, c.name, repository, digest, string(list))
}

// Referrers implements store.Manifests.
func (c *content) Referrers(ctx context.Context, r store.Referrers) ([]store.Manifest, error) {
	return list(ctx, c, manifest, "SELECT "+manifestColumns+`, m.attributes, NULL FROM manifests m
		WHERE registry = ?1 AND repository = ?2 AND subject = ?3 AND subject <> '' AND digest > ?4 AND (?5 = '' OR artifact_type = ?5)
		ORDER BY digest LIMIT ?6`, c.name, r.Repository, r.Subject, r.Page.Last, r.ArtifactType, limit(r.Page))
}

// PutManifest implements store.Manifests.
func (c *content) PutManifest(ctx context.Context, repository string, m store.Manifest, tags ...string) (added bool, err error) {
	err = c.write(ctx, func(s *session) error {
		now := stamp(c.now())
		if err := c.touchRepository(s, repository, now); err != nil {
			return err
		}
		added, err = c.putManifest(s, repository, m, now)
		for i := 0; i < len(tags) && err == nil; i++ {
			err = c.putTag(s, repository, store.Tag{Name: tags[i], Digest: m.Digest}, now)
		}
		return err
	})
	return added && err == nil, err
}

// putManifest adds a manifest, or else changes what else than its bytes may tell of it.
func (c *content) putManifest(s *session, repository string, m store.Manifest, now int64) (added bool, err error) {
	var image store.Image
	architecture := sql.NullString{}
	if m.Image != nil {
		image = *m.Image
		architecture = sql.NullString{String: image.Architecture, Valid: true}
	}
	args := []any{c.name, repository, m.Digest, m.MediaType, image.Size, image.ConfigMediaType, architecture, image.OS}
	n, err := s.affected(`INSERT OR IGNORE INTO manifests (registry, repository, digest, media_type, image_size, config_type,
		architecture, os, artifact_type, subject, annotations, size, created, updated, body)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13, ?14)`,
		append(args, m.ArtifactType, m.Subject, []byte(m.Annotations), len(m.Body), now, m.Body)...)
	if err == nil && n == 0 {
		err = s.exec(`UPDATE manifests SET media_type = ?4, image_size = ?5, config_type = ?6, architecture = ?7, os = ?8
			WHERE registry = ?1 AND repository = ?2 AND digest = ?3`, args...)
	}
	if err == nil && len(image.Blobs) > 0 {
		err = c.putParts(s, repository, m.Digest, image.Blobs)
	}
	return n > 0, err
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

// putTag points a tag at a manifest. To set it to where it stands changes nothing, and so a locked tag allows it.
func (c *content) putTag(s *session, repository string, t store.Tag, now int64) error {
	n, err := s.affected(`INSERT INTO tags (registry, repository, name, digest, created, updated) VALUES (?1, ?2, ?3, ?4, ?5, ?5)
		ON CONFLICT DO UPDATE SET digest = excluded.digest, updated = iif(digest = excluded.digest, updated, excluded.updated)
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
		forget := "DELETE FROM parts WHERE registry = ? AND repository = ? AND manifest = ?"
		return errors.Join(err, s.exec(forget, c.name, repository, digest), c.removeEmptied(s, repository))
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

// removeEmptied removes the repository if its last manifest is gone, unless it is locked against that. Links to blobs stay: an
// upload may be under way.
func (c *content) removeEmptied(s *session, repository string) error {
	return s.exec(`DELETE FROM repositories WHERE registry = ?1 AND name = ?2 AND attributes & ?3 <> 0
		AND NOT EXISTS (SELECT 1 FROM manifests WHERE registry = ?1 AND repository = ?2)`, c.name, repository, mayDelete)
}
