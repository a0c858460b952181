package dockerfile

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// image is what the stage has become, in Docker's media types.
func (s *stage) image() (v1.Image, error) {
	image, err := mutate.AppendLayers(empty.Image, s.layers...)
	if err != nil {
		return nil, err
	}
	return mutate.ConfigFile(image, &s.config)
}
