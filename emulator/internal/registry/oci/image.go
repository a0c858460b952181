package oci

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

// maxImageSize is the largest size that is kept, in bytes: what every reader of JSON can tell from its neighbours.
const maxImageSize = 1<<53 - 1

// maxPlatformName bounds what a config says of architecture and operating system, in bytes. What is longer names neither.
const maxPlatformName = 64

// part is something that a manifest names: its config, a layer, or a manifest of an index.
type part struct {
	MediaType string
	Digest    string
	Size      int64
	Platform  platform
}

// platform is what an index says of its manifests, and an image's config of itself.
type platform struct {
	Architecture string
	OS           string
}

// parts are what a manifest names. A manifest that cannot be read names nothing; others judge it.
type parts struct {
	Config    part
	Layers    []part
	Manifests []part
}

func partsOf(manifest []byte) parts {
	var p parts
	if json.Unmarshal(manifest, &p) != nil {
		return parts{}
	}
	return p
}

// image reads what ACR tells of a manifest that was pushed. Its size is that of the layers, as recorded of a pushed image by
// the Azure SDKs' tests; that of an index is what its manifests take together, as recorded of an imported one.
func (g *Registry) image(ctx context.Context, repository string, manifest []byte) (image store.Image, err error) {
	p := partsOf(manifest)
	image.ConfigMediaType = p.Config.MediaType
	for _, layer := range p.Layers {
		image.Blobs = append(image.Blobs, layer.Digest)
		image.Size += min(max(layer.Size, 0), maxImageSize-image.Size)
	}
	if len(p.Manifests) > 0 {
		image.Blobs = append(image.Blobs, digests(p.Manifests)...) // those that BuildKit's caches name are blobs
		image.Size, err = g.content.ImagesSize(ctx, repository, digests(p.Manifests))
	}
	if err != nil || p.Config.Digest == "" {
		return image, err
	}
	image.Blobs = append(image.Blobs, p.Config.Digest)
	host, err := g.platform(ctx, repository, p.Config)
	image.Architecture, image.OS = host.Architecture, host.OS
	return image, err
}

func digests(parts []part) []string {
	list := make([]string, len(parts))
	for i, p := range parts {
		list[i] = p.Digest
	}
	return list
}

// imageConfigs are the media types of configs that say for which platform an image is.
var imageConfigs = map[string]bool{
	"application/vnd.oci.image.config.v1+json":       true,
	"application/vnd.docker.container.image.v1+json": true,
}

// platform reads an image's config. One that is missing, too long or malformed tells nothing.
func (g *Registry) platform(ctx context.Context, repository string, config part) (host platform, err error) {
	if !imageConfigs[config.MediaType] || !validDigest(config.Digest) {
		return host, nil
	}
	b, err := g.content.Blob(ctx, repository, config.Digest)
	if errors.Is(err, store.ErrNotFound) {
		return host, nil
	}
	if err != nil {
		return host, err
	}
	body, err := readAtMost(g.files.blob(b.Stored), maxManifest)
	if err != nil || json.Unmarshal(body, &host) != nil || max(len(host.Architecture), len(host.OS)) > maxPlatformName {
		return platform{}, err
	}
	return host, nil
}

// readAtMost reads the beginning of a file; one that is gone is empty.
func readAtMost(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, limit))
}

// describeOld looks at the manifests that an earlier version of the program stored, which kept less of them. They come in the
// order in which they were pushed, an index after its manifests.
func (g *Registry) describeOld(ctx context.Context) error {
	for {
		left, err := g.content.Undescribed(ctx)
		if err != nil || len(left) == 0 {
			return err
		}
		for _, m := range left {
			image, err := g.image(ctx, m.Repository, m.Body)
			if err != nil {
				return err
			}
			if err := g.content.Describe(ctx, m.Repository, m.Digest, image); err != nil {
				return err
			}
		}
	}
}
