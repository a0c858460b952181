package sqlite

import (
	"context"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

const uploadColumns = "SELECT uuid, repository, started, size, state FROM uploads WHERE registry = ? "

func upload(r scanner) (u store.Upload, err error) {
	var started int64
	err = r.Scan(&u.UUID, &u.Repository, &started, &u.Offset, &u.State)
	u.Started = instant(started)
	return u, err
}

// StartUpload implements store.Uploads.
func (c *content) StartUpload(ctx context.Context, u store.Upload) error {
	return c.write(ctx, func(s *session) error {
		return s.exec("INSERT INTO uploads (registry, uuid, repository, started, size, state) VALUES (?, ?, ?, ?, ?, ?)",
			c.name, u.UUID, u.Repository, stamp(u.Started), u.Offset, u.State)
	})
}

// Upload implements store.Uploads.
func (c *content) Upload(ctx context.Context, repository, uuid string) (store.Upload, error) {
	return get(ctx, c, upload, uploadColumns+"AND uuid = ? AND repository = ?", c.name, uuid, repository)
}

// SaveUpload implements store.Uploads.
func (c *content) SaveUpload(ctx context.Context, uuid string, offset int64, state []byte) error {
	return c.write(ctx, func(s *session) error {
		return s.exec("UPDATE uploads SET size = ?1, state = ?2 WHERE registry = ?3 AND uuid = ?4 AND size < ?1", offset, state, c.name, uuid)
	})
}

// EndUpload implements store.Uploads.
func (c *content) EndUpload(ctx context.Context, uuid string) error {
	return c.write(ctx, func(s *session) error {
		return s.exec("DELETE FROM uploads WHERE registry = ? AND uuid = ?", c.name, uuid)
	})
}

// Uploads implements store.Uploads.
func (c *content) Uploads(ctx context.Context) ([]store.Upload, error) {
	return list(ctx, c, upload, uploadColumns+"ORDER BY uuid", c.name)
}
