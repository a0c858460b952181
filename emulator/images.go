package emulator

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// helloText is what the sample image holds.
const helloText = "Hello from a registry that says no, and why.\n"

// openImages puts the seed's images into their registries. Those that are there already stay as they are.
func (e *Emulator) openImages(ctx context.Context) error {
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
			hello, buildErr := HelloImage(helloText)
			if buildErr != nil {
				return buildErr
			}
			err = content.Put(ctx, image.repository, image.tag, hello)
		}
		if err != nil {
			return fmt.Errorf("image %s:%s of registry %s: %w", image.repository, image.tag, image.registry, err)
		}
	}
	return nil
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
