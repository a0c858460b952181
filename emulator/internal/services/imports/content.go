package imports

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// maxManifests is how many manifests one image may have, its index among them (acr-behaviour §6.2).
const maxManifests = 50

// manifest is one as it was read: its bytes go into the target as they are, so that its digest stays.
type manifest struct {
	body      []byte
	mediaType types.MediaType
	digest    v1.Hash
}

// RawManifest returns the bytes.
func (m manifest) RawManifest() ([]byte, error) { return m.body, nil }

// MediaType returns what the source says of them.
func (m manifest) MediaType() (types.MediaType, error) { return m.mediaType, nil }

// content is what belongs to an image.
type content struct {
	manifests []manifest // each after those that it names; the last is the image itself
	blobs     []v1.Descriptor
}

func (c content) root() manifest { return c.manifests[len(c.manifests)-1] }

func (c content) bytes() (sum int64) {
	for _, b := range c.blobs {
		sum += b.Size
	}
	return sum
}

// read reads the manifests of the image. After the first, everything is asked for by digest, so that a tag that is moved
// meanwhile makes no mixture (azure-cli#29974).
func (t *transfer) read(ctx context.Context) (content, error) {
	w := walk{transfer: t, seen: map[v1.Hash]bool{}}
	err := w.visit(ctx, t.image)
	return w.content, err
}

// walk collects what belongs to an image.
type walk struct {
	*transfer
	content
	seen    map[v1.Hash]bool
	visited int
}

func (w *walk) visit(ctx context.Context, ref name.Reference) error {
	if w.visited++; w.visited > maxManifests {
		return errTooMany.of(w.Request, w.Image, maxManifests)
	}
	got, err := w.from.manifest(ctx, ref)
	if err != nil {
		return w.source.refuse(err)
	}
	var named struct {
		Manifests []v1.Descriptor `json:"manifests"`
		Config    *v1.Descriptor  `json:"config"`
		Layers    []v1.Descriptor `json:"layers"`
	}
	if err := json.Unmarshal(got.body, &named); err != nil || got.mediaType.IsSchema1() {
		return errUnsupported.of(w.Request, got.digest, got.mediaType)
	}
	for _, child := range named.Manifests {
		if err := w.child(ctx, child.Digest); err != nil {
			return err
		}
	}
	if named.Config != nil {
		w.add(*named.Config)
	}
	for _, layer := range named.Layers {
		w.add(layer)
	}
	w.manifests = append(w.manifests, got)
	return nil
}

func (w *walk) child(ctx context.Context, digest v1.Hash) error {
	if w.seen[digest] {
		return nil
	}
	w.seen[digest] = true
	return w.visit(ctx, w.image.Context().Digest(digest.String()))
}

// add notes a blob, once. Layers that are to be fetched elsewhere are in no registry.
func (w *walk) add(blob v1.Descriptor) {
	if !w.seen[blob.Digest] && (blob.MediaType.IsDistributable() || len(blob.URLs) == 0) {
		w.seen[blob.Digest] = true
		w.blobs = append(w.blobs, blob)
	}
}

// write brings everything but the image's own manifest into a repository of the target. What is there already is not sent;
// what is in another repository of the same registry is mounted.
func (t *transfer) write(ctx context.Context, found content, into name.Repository) error {
	for _, blob := range found.blobs {
		layer, err := t.layer(ctx, blob, into)
		if err == nil {
			err = t.target.pusher.Upload(ctx, into, layer)
		}
		if err != nil {
			return t.target.refuse(err)
		}
		t.progress.arrived(blob.Size)
	}
	for _, m := range found.manifests[:len(found.manifests)-1] {
		if err := t.target.pusher.Put(ctx, into.Digest(m.digest.String()), m); err != nil {
			return t.target.refuse(err)
		}
	}
	return nil
}

// layer is a blob of the source, read while it is sent.
func (t *transfer) layer(ctx context.Context, blob v1.Descriptor, into name.Repository) (v1.Layer, error) {
	at := t.image.Context().Digest(blob.Digest.String())
	read, err := t.from.blob(ctx, at)
	if err != nil {
		return nil, t.source.refuse(err)
	}
	if first := t.repositories[0]; first != into {
		at = first.Digest(blob.Digest.String())
	}
	return &remote.MountableLayer{Layer: reading{read, t}, Reference: at}, nil
}

// reading is a layer whose bytes are counted as they go by.
type reading struct {
	v1.Layer
	transfer *transfer
}

// Compressed reads the layer's bytes.
func (r reading) Compressed() (io.ReadCloser, error) {
	body, err := r.Layer.Compressed()
	if err != nil {
		return nil, r.transfer.source.refuse(err)
	}
	return counted{body, r.transfer}, nil
}

type counted struct {
	io.ReadCloser
	transfer *transfer
}

// Read implements io.Reader.
func (c counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.transfer.progress.moved(int64(n))
	if err != nil && !errors.Is(err, io.EOF) {
		err = c.transfer.source.refuse(err)
	}
	return n, err
}
