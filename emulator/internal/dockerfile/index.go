package dockerfile

import (
	"context"
	"errors"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// IndexResult is what Index built.
type IndexResult struct {
	// Index is the index, in Docker's media types.
	Index v1.ImageIndex
	// Images are the results for the platforms, in their order.
	Images []Result
}

// Close removes what the images are read from.
func (r IndexResult) Close() error {
	var all error
	for _, image := range r.Images {
		all = errors.Join(all, image.Close())
	}
	return all
}

// Index builds the image once for each platform, as docker buildx build --platform with several does, and makes an index of
// the results.
func Index(ctx context.Context, o Options, platforms []v1.Platform) (IndexResult, error) {
	result := IndexResult{Index: mutate.IndexMediaType(empty.Index, types.DockerManifestList)}
	for _, platform := range platforms {
		o.Platform = platform
		built, err := Build(ctx, o)
		if err != nil {
			return IndexResult{}, errors.Join(err, result.Close())
		}
		result.Images = append(result.Images, built)
		result.Index = mutate.AppendManifests(result.Index, mutate.IndexAddendum{
			Add: built.Image, Descriptor: v1.Descriptor{Platform: &platform},
		})
	}
	return result, nil
}
