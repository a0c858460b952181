package emulator

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/registry/oci"
	"github.com/acrlocal/acrlocal/emulator/internal/store/sqlite"
)

// openStore opens the state: in a directory that stays, or in memory with blobs in a private temporary directory.
func (e *Emulator) openStore() error {
	dir, path, err := e.openDirectory()
	if err != nil {
		return err
	}
	secret, err := uploadSecret(dir)
	if err != nil {
		return err
	}
	db, err := sqlite.Open(context.Background(), sqlite.Options{Path: path, Now: e.options.Now})
	if err != nil {
		return fmt.Errorf("open the state in %s: %w", dir, err)
	}
	e.closers = append(e.closers, db)
	e.content = &contents{
		store: db, dir: dir, secret: secret, storage: oci.NewStorage(e.options.MaxStorage), now: e.options.Now,
		logger: e.options.Logger, open: map[string]*oci.Registry{},
	}
	e.core = &core{store: db}
	return nil
}

// openDirectory returns the directory of blobs, and the path of the database; empty is one in memory.
func (e *Emulator) openDirectory() (dir, database string, err error) {
	if e.options.Data == "" {
		e.temporary, err = os.MkdirTemp("", "acrlocal-")
		return e.temporary, "", err
	}
	dir = e.options.Data
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", "", err
	}
	lock, err := lockDirectory(dir)
	if err != nil {
		return "", "", err
	}
	e.closers = append(e.closers, lock)
	return dir, filepath.Join(dir, "state.db"), nil
}

// uploadSecret signs the URLs of uploads. It stays with the data, so that uploads go on after a restart.
func uploadSecret(dir string) (string, error) {
	path := filepath.Join(dir, "upload-secret")
	data, err := os.ReadFile(path)
	if err == nil && len(data) > 0 {
		return string(data), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	secret := rand.Text()
	return secret, os.WriteFile(path, []byte(secret), 0o600)
}

// uploadLifetime is how long an upload that nobody finishes is kept; distribution has the same default.
const uploadLifetime = 7 * 24 * time.Hour

// sweepInterval is how often the content is swept.
const sweepInterval = 10 * time.Minute

// sweep sweeps until ctx ends. What a killed process left lies in a directory that stays, so only that is swept at
// once.
func (e *Emulator) sweep(ctx context.Context) {
	if e.options.Data != "" {
		e.sweepOnce(ctx)
	}
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			e.sweepOnce(ctx)
		}
	}
}

// sweepOnce removes files that no row names, left behind by a process that was killed, uploads that were given up, and blobs
// that no manifest needs any more.
func (e *Emulator) sweepOnce(ctx context.Context) {
	before := e.options.Now().Add(-uploadLifetime)
	for _, d := range e.core.State().OfType(registryType) {
		content, err := e.content.registry(ctx, d.ID.Name())
		if err == nil {
			err = content.Sweep(ctx, before)
		}
		if err != nil && ctx.Err() == nil {
			e.options.Logger.Error("sweep", "registry", d.ID.Name(), "error", err)
		}
	}
}
