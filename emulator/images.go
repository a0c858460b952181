package emulator

import (
	"context"
	"encoding/json"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/registry/oci"
)

// helloText is what the sample image holds.
const helloText = "Hello from a registry that says no, and why.\n"

// openImages puts the seed's images into their registries. Those that are there already stay as they are.
func (e *Emulator) openImages(ctx context.Context) error {
	hello := sync.OnceValues(func() (v1.Image, error) { return HelloImage(helloText) })
	for _, image := range e.seed.images {
		content, err := e.content.registry(ctx, azure.Fold(image.registry))
		if err != nil {
			return err
		}
		if _, err := e.content.store.Content(azure.Fold(image.registry)).Manifest(ctx, image.repository, image.tag); err == nil {
			continue
		}
		if image.path != "" {
			err = content.Import(ctx, image.repository, image.tag, image.path)
		} else {
			err = putBuilt(ctx, content, image, hello)
		}
		if err != nil {
			return image.at.errorf("image %s:%s of registry %s: %v", image.repository, image.tag, image.registry, err)
		}
	}
	return nil
}

// putBuilt puts an image that is built on the spot.
func putBuilt(ctx context.Context, content *oci.Registry, image seedImage, build func() (v1.Image, error)) error {
	built, err := build()
	if err != nil {
		return err
	}
	return content.Put(ctx, image.repository, image.tag, built)
}

// detailOf renders the detail of an error of the content.
func detailOf(detail any) json.RawMessage {
	if detail == nil {
		return nil
	}
	data, err := json.Marshal(detail)
	if err != nil {
		return nil
	}
	return data
}
