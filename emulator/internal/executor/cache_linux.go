package executor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"

	"github.com/acrlocal/acrlocal/emulator/internal/executor/layer"
	"github.com/acrlocal/acrlocal/emulator/internal/executor/sandbox"
)

// sizeSuffix is that of the file beside an unpacked layer that holds its size; it says that the layer is whole.
const sizeSuffix = ".size"

// cache keeps the unpacked layers of images, each once, by the digest of its content.
type cache struct {
	slot  *slot
	bound int64

	mu     sync.Mutex
	total  int64
	clock  int64
	layers map[string]*unpacked
}

// unpacked is a layer of the cache, or one on its way there.
type unpacked struct {
	ready chan struct{} // closed when it is there, or err says why not
	err   error
	size  int64
	users int
	used  int64 // when, by the cache's clock
}

// newCache finds what an earlier process has left in the slot.
func newCache(s *slot, bound int64) *cache {
	c := &cache{slot: s, bound: bound, layers: map[string]*unpacked{}}
	entries, err := os.ReadDir(filepath.Join(s.path, layersDir))
	if err != nil {
		return c
	}
	ready := make(chan struct{})
	close(ready)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), sizeSuffix) {
			continue
		}
		said, err := os.ReadFile(c.path(e.Name()) + sizeSuffix)
		size, parseErr := strconv.ParseInt(string(said), 10, 64)
		if err != nil || parseErr != nil {
			_ = layer.Remove(c.path(e.Name()))
			continue
		}
		c.layers[e.Name()] = &unpacked{ready: ready, size: size}
		c.total += size
	}
	return c
}

func (c *cache) path(name string) string { return filepath.Join(c.slot.path, layersDir, name) }

// lease is what a container uses of the cache, until it is released.
type lease struct {
	paths   []string // relative to the slot, the topmost first
	release func()
}

// acquire makes sure that all layers of an image are unpacked.
func (c *cache) acquire(ctx context.Context, w *network, image v1.Image) (*lease, error) {
	layers, err := image.Layers()
	if err != nil {
		return nil, err
	}
	var held []*unpacked
	l := &lease{release: func() { c.release(held) }}
	for _, each := range layers {
		name, u, err := c.get(ctx, w, each)
		if err != nil {
			l.release()
			return nil, err
		}
		held = append(held, u)
		l.paths = append(l.paths, filepath.Join(layersDir, name))
	}
	slices.Reverse(l.paths)
	return l, nil
}

// get returns one layer with a user more. Whoever asks first for one unpacks it, the others wait.
func (c *cache) get(ctx context.Context, w *network, from v1.Layer) (string, *unpacked, error) {
	id, err := from.DiffID()
	if err != nil {
		return "", nil, err
	}
	if id.Algorithm != "sha256" || len(id.Hex) != hex.EncodedLen(sha256.Size) {
		return "", nil, fmt.Errorf("layer %s: not a sha256 digest", id)
	}
	for {
		u, mine := c.claim(id.Hex)
		if mine {
			u.size, u.err = c.fill(ctx, w, from, id)
			c.settle(id.Hex, u)
			return id.Hex, u, u.err
		}
		select {
		case <-u.ready:
		case <-ctx.Done():
			c.release([]*unpacked{u})
			return "", nil, ctx.Err()
		}
		if u.err == nil {
			return id.Hex, u, nil
		}
		if !errors.Is(u.err, context.Canceled) && !errors.Is(u.err, context.DeadlineExceeded) {
			return "", nil, u.err
		}
	}
}

// claim returns a layer with a user more, and whether it is the caller who must fill it.
func (c *cache) claim(name string) (u *unpacked, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock++
	u, ok := c.layers[name]
	if !ok {
		u = &unpacked{ready: make(chan struct{})}
		c.layers[name] = u
	}
	u.users++
	u.used = c.clock
	return u, !ok
}

// settle tells those who wait, and forgets a layer that could not be unpacked.
func (c *cache) settle(name string, u *unpacked) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if u.err != nil {
		delete(c.layers, name)
	}
	c.total += u.size
	close(u.ready)
}

// release gives layers back, and evicts what is too much.
func (c *cache) release(held []*unpacked) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, u := range held {
		u.users--
	}
	for c.total > c.bound {
		name, oldest := "", int64(1<<62)
		for n, u := range c.layers {
			if u.users == 0 && u.used < oldest {
				name, oldest = n, u.used
			}
		}
		if name == "" {
			return
		}
		c.total -= c.layers[name].size
		delete(c.layers, name)
		_ = os.Remove(c.path(name) + sizeSuffix)
		_ = layer.Remove(c.path(name))
	}
}

// fill unpacks a layer beside the cache and, when its digest is right, puts it there.
func (c *cache) fill(ctx context.Context, w *network, from v1.Layer, id v1.Hash) (int64, error) {
	content, err := from.Uncompressed()
	if err != nil {
		return 0, fmt.Errorf("layer %s: %w", id, err)
	}
	defer content.Close()
	to := w.next("unpack")
	size, err := c.unpack(ctx, w, to, &checked{from: content, want: id.Hex})
	if err != nil {
		_, removeErr := w.keeper.ask(context.WithoutCancel(ctx), sandbox.Order{Remove: to})
		return 0, errors.Join(fmt.Errorf("layer %s: %w", id, err), removeErr)
	}
	if err := os.Rename(filepath.Join(c.slot.path, to), c.path(id.Hex)); err != nil {
		return 0, err
	}
	return size, os.WriteFile(c.path(id.Hex)+sizeSuffix, strconv.AppendInt(nil, size, 10), 0o600)
}

func (c *cache) unpack(ctx context.Context, w *network, to string, content *checked) (int64, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer reader.Close()
	copied := make(chan error, 1)
	go func() {
		_, err := io.Copy(writer, content)
		_ = writer.Close()
		copied <- err
	}()
	stop := context.AfterFunc(ctx, func() { _ = writer.Close() })
	defer stop()
	a, err := w.keeper.ask(ctx, sandbox.Order{Unpack: &sandbox.Unpacking{To: to, Bytes: c.room()}}, reader)
	_ = reader.Close()
	if err == nil {
		err = a.Err()
	}
	if readErr := <-copied; err == nil {
		err = readErr
	}
	if err == nil {
		err = content.check()
	}
	return a.Bytes, errors.Join(ctx.Err(), err)
}

// room is how much a layer may hold: it must leave room on the disk.
func (c *cache) room() int64 {
	var fs unix.Statfs_t
	if err := unix.Statfs(c.slot.path, &fs); err != nil {
		return maxLayer
	}
	return min(maxLayer, int64(fs.Bavail)*fs.Bsize/2)
}
