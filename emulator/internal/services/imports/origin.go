package imports

import (
	"context"
	"errors"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
)

// origin is where an image is read from.
type origin interface {
	manifest(ctx context.Context, ref name.Reference) (manifest, error)
	blob(ctx context.Context, at name.Digest) (v1.Layer, error)
}

// registry is an origin in the emulator.
type registry struct{ *remote.Puller }

func (r registry) manifest(ctx context.Context, ref name.Reference) (manifest, error) {
	got, err := r.Get(ctx, ref)
	if err != nil {
		return manifest{}, err
	}
	return manifest{body: got.Manifest, mediaType: got.MediaType, digest: got.Digest}, nil
}

func (r registry) blob(ctx context.Context, at name.Digest) (v1.Layer, error) {
	return r.Layer(ctx, at)
}

// mirrored is an image of a registry outside, which is one image: mirrors choose the platform.
type mirrored struct{ v1.Image }

func (m mirrored) manifest(context.Context, name.Reference) (got manifest, err error) {
	if got.body, err = m.RawManifest(); err != nil {
		return got, err
	}
	if got.mediaType, err = m.MediaType(); err != nil {
		return got, err
	}
	got.digest, err = m.Digest()
	return got, err
}

func (m mirrored) blob(_ context.Context, at name.Digest) (v1.Layer, error) {
	digest, err := v1.NewHash(at.DigestStr())
	if err != nil {
		return nil, err
	}
	if config, err := m.ConfigName(); err == nil && config == digest {
		return partial.ConfigLayer(m)
	}
	return m.LayerByDigest(digest)
}

// choose finds out where the image is read from: in its registry, or where that is outside, in a mirror.
func (s *Service) choose(ctx context.Context, worker *agent.Agent, t *transfer) error {
	t.from = registry{t.source.puller}
	if t.Host == "" || s.mirror == nil {
		return nil
	}
	if _, err := t.from.manifest(ctx, t.image); !errors.Is(err, agent.ErrOutside) {
		return nil // what else is wrong is said when it is read
	}
	image, err := s.mirror(ctx, t.Host+"/"+t.Image, nil, func(ctx context.Context, reference string, platform *v1.Platform) (v1.Image, error) {
		return worker.Pull(ctx, reference, platform, nil)
	})
	if err != nil {
		return errOutside.at(t.Request, t.Host, strings.TrimSuffix(err.Error(), "."))
	}
	t.from = mirrored{image}
	return nil
}
