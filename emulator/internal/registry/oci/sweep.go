package oci

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

// recover counts what the registry holds and puts uploads in order: a file without a session goes, and so does a session
// whose file lacks acknowledged bytes (only a power cut does that). Manifests of an earlier version it looks at, once.
func (g *Registry) recover(ctx context.Context) error {
	held, err := g.content.Size(ctx)
	if err != nil {
		return err
	}
	g.files.adopt(held)
	open, err := g.content.Uploads(ctx)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, u := range open {
		have, err := size(g.files.upload(u.UUID))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		g.files.adopt(have)
		if have < u.Offset {
			if err := endUpload(ctx, g.content, g.files, u.UUID); err != nil {
				return err
			}
			continue
		}
		known[u.UUID] = true
	}
	return errors.Join(g.removeStrangers(known), g.describeOld(ctx))
}

// removeStrangers removes the upload files that are not known. They are not counted yet.
func (g *Registry) removeStrangers(known map[string]bool) error {
	entries, err := os.ReadDir(g.files.upload(""))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if !known[e.Name()] {
			if err := os.Remove(g.files.upload(e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// pushed ends a push, and removes files that could not be removed while it ran.
func (g *Registry) pushed(ctx context.Context) {
	g.pushes.RUnlock()
	g.reclaim(ctx)
}

// unlink takes rows away and notes the digests that lost a name, as one step for whoever puts a file in place meanwhile: it
// has to know whether the file that it replaces is counted.
func (g *Registry) unlink(remove func() (store.Removed, error)) (store.Removed, error) {
	loose := &g.files.loose
	loose.Lock()
	defer loose.Unlock()
	gone, err := remove()
	for _, digest := range gone.Blobs {
		loose.digests[digest] = true
	}
	return gone, err
}

// reclaim removes the files of loose digests that no row needs. While a push is under way it leaves them for later, since
// the push may be about to link one.
func (g *Registry) reclaim(ctx context.Context) {
	loose := &g.files.loose
	loose.Lock()
	defer loose.Unlock()
	if len(loose.digests) == 0 || !g.pushes.TryLock() {
		return
	}
	defer g.pushes.Unlock()
	for digest := range loose.digests {
		needed, err := g.content.HasStored(context.WithoutCancel(ctx), digest)
		if err == nil && !needed {
			err = g.files.remove(g.files.blob(digest))
		}
		if err != nil {
			g.options.Logger.Warn("a blob's file could not be removed", "registry", g.options.Registry, "digest", digest, "error", err)
			continue
		}
		delete(loose.digests, digest)
	}
}

// blobGrace is how long a blob that no manifest in its repository needs is kept after it was pushed or mounted: the manifest
// may be on its way.
const blobGrace = time.Hour

// Sweep removes what nobody will ask for again: uploads begun before the given time, blobs that no manifest needs any more,
// and files of blobs without a row, which a killed process may leave. It looks at all files, so it belongs in the background.
func (g *Registry) Sweep(ctx context.Context, before time.Time) error {
	open, err := g.content.Uploads(ctx)
	if err != nil {
		return err
	}
	for _, u := range open {
		if u.Started.Before(before) {
			if err := g.expire(ctx, u.UUID); err != nil {
				return err
			}
		}
	}
	if err := g.collect(ctx); err != nil {
		return err
	}
	return filepath.WalkDir(filepath.Join(g.files.dir, "sha256"), func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || e.IsDir() {
			return errors.Join(err, ctx.Err())
		}
		return g.removeOrphan(ctx, path, "sha256:"+e.Name())
	})
}

// collect removes the blobs that no manifest needs, unless a push is under way, which may be about to need one.
func (g *Registry) collect(ctx context.Context) error {
	if !g.pushes.TryLock() {
		return nil
	}
	_, err := g.unlink(func() (store.Removed, error) {
		return g.content.UnlinkUnused(ctx, g.options.Now().Add(-blobGrace))
	})
	g.pushes.Unlock()
	g.reclaim(ctx)
	return err
}

// expire ends an upload unless a request is writing to it.
func (g *Registry) expire(ctx context.Context, uuid string) error {
	if _, busy := g.writing.LoadOrStore(uuid, true); busy {
		return nil
	}
	defer g.writing.Delete(uuid)
	return endUpload(ctx, g.content, g.files, uuid)
}

// removeOrphan removes a file without a row. It was left by an earlier process, so it was never counted; those that are
// counted are reclaim's.
func (g *Registry) removeOrphan(ctx context.Context, path, digest string) error {
	g.files.loose.Lock()
	defer g.files.loose.Unlock()
	if g.files.loose.digests[digest] || !g.pushes.TryLock() {
		return nil
	}
	defer g.pushes.Unlock()
	known, err := g.content.HasStored(ctx, digest)
	if err != nil || known {
		return err
	}
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil // somebody deleted it meanwhile
}
