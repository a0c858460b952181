package oci

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/uuid"
	"github.com/opencontainers/go-digest"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

// Artifact is what Put takes: a v1.Image or a v1.ImageIndex.
type Artifact interface {
	MediaType() (types.MediaType, error)
	RawManifest() ([]byte, error)
}

// Import puts an image into a repository without HTTP, from a folder that is an OCI layout or from a tarball as docker save
// writes it. Of a layout with one manifest that manifest is taken, of one with several their index.
func (g *Registry) Import(ctx context.Context, repository, tag, from string) error {
	a, err := read(from)
	if err == nil {
		err = g.Put(ctx, repository, tag, a)
	}
	if err != nil {
		return fmt.Errorf("importing %s as %s/%s:%s: %w", from, g.options.Registry, repository, tag, err)
	}
	return nil
}

func read(from string) (Artifact, error) {
	info, err := os.Stat(from)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return tarball.ImageFromPath(from, nil)
	}
	index, err := layout.ImageIndexFromPath(filepath.Clean(from))
	if err != nil {
		return nil, err
	}
	list, err := index.IndexManifest()
	if err != nil || len(list.Manifests) != 1 {
		return index, err
	}
	if list.Manifests[0].MediaType.IsIndex() {
		return index.ImageIndex(list.Manifests[0].Digest)
	}
	return index.Image(list.Manifests[0].Digest)
}

// Put stores an image, or an index with all it names, under a tag; an empty tag is none. Digests are verified.
func (g *Registry) Put(ctx context.Context, repository, tag string, a Artifact) error {
	if !validName(repository) {
		return nameInvalid.about(named{Name: repository})
	}
	var tags []string
	if tag != "" {
		tags = []string{tag}
	}
	if err := checkTags(repository, tags...); err != nil {
		return err
	}
	g.pushes.RLock()
	defer g.pushed(ctx)
	return g.put(ctx, repository, a, tags...)
}

func (g *Registry) put(ctx context.Context, repository string, a Artifact, tags ...string) (err error) {
	switch a := a.(type) {
	case v1.ImageIndex:
		err = g.putChildren(ctx, repository, a)
	case v1.Image:
		err = g.putBlobs(ctx, repository, a)
	default:
		err = fmt.Errorf("a %T is neither an image nor an index", a)
	}
	if err != nil {
		return err
	}
	body, err := a.RawManifest()
	if err != nil {
		return err
	}
	mediaType, err := a.MediaType()
	if err != nil {
		return err
	}
	m, err := describe(string(mediaType), body)
	if err != nil {
		return err
	}
	m.Digest = digest.FromBytes(body).String()
	return g.keepManifest(ctx, repository, m, tags...)
}

func (g *Registry) putChildren(ctx context.Context, repository string, index v1.ImageIndex) error {
	list, err := index.IndexManifest()
	if err != nil {
		return err
	}
	for _, d := range list.Manifests {
		var child Artifact
		switch {
		case d.MediaType.IsIndex():
			child, err = index.ImageIndex(d.Digest)
		case d.MediaType.IsImage():
			child, err = index.Image(d.Digest)
		default:
			continue
		}
		if err == nil {
			err = g.put(ctx, repository, child)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", d.Digest, err)
		}
	}
	return nil
}

func (g *Registry) putBlobs(ctx context.Context, repository string, image v1.Image) error {
	config, err := image.RawConfigFile()
	if err != nil {
		return err
	}
	name, err := image.ConfigName()
	if err != nil {
		return err
	}
	if err := g.putBlob(ctx, repository, name.String(), func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(config)), nil }); err != nil {
		return err
	}
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	for _, layer := range layers {
		if err := g.putLayer(ctx, repository, layer); err != nil {
			return err
		}
	}
	return nil
}

func (g *Registry) putLayer(ctx context.Context, repository string, layer v1.Layer) error {
	name, err := layer.Digest()
	if err != nil {
		return err
	}
	if mediaType, err := layer.MediaType(); err != nil || !mediaType.IsDistributable() {
		return err // to be had elsewhere
	}
	return g.putBlob(ctx, repository, name.String(), layer.Compressed)
}

// putBlob writes a blob of an image unless its bytes are here, and links it.
func (g *Registry) putBlob(ctx context.Context, repository, name string, open func() (io.ReadCloser, error)) error {
	if !validDigest(name) {
		return digestInvalid.about(named{Name: repository, Digest: name})
	}
	if known, err := g.content.HasStored(ctx, name); err != nil {
		return err
	} else if n, err := size(g.files.blob(name)); known && err == nil {
		return g.content.LinkBlob(ctx, repository, store.Blob{Digest: name, Stored: name, Size: n})
	}
	r, err := open()
	if err != nil {
		return err
	}
	defer r.Close()
	b, err := g.write(ctx, name, r)
	if err != nil {
		return err
	}
	return g.content.LinkBlob(ctx, repository, b)
}

// write brings bytes into their place, if they have the digest.
func (g *Registry) write(ctx context.Context, name string, r io.Reader) (store.Blob, error) {
	temporary := uuid.NewString()
	verifier, canonical := digest.Digest(name).Verifier(), digest.Canonical.Digester()
	n, err := g.files.fill(temporary, io.TeeReader(r, io.MultiWriter(verifier, canonical.Hash())))
	if err == nil && !verifier.Verified() {
		err = digestMismatch.about(map[string]string{"digest": name})
	}
	b := store.Blob{Digest: name, Stored: canonical.Digest().String(), Size: n}
	if err == nil {
		err = g.files.place(temporary, b.Stored, stored(ctx, g.content))
	}
	if err != nil {
		return b, errors.Join(err, g.files.remove(g.files.upload(temporary)))
	}
	return b, nil
}

// fill makes an upload file of what r holds and returns its length.
func (f *files) fill(uuid string, r io.Reader) (int64, error) {
	w, err := f.append(uuid, 0, &push{})
	if err != nil {
		return 0, err
	}
	if err := w.open(); err != nil { // so that no bytes make a file too
		return 0, err
	}
	n, err := io.Copy(w, r)
	return n, errors.Join(err, w.Close())
}
