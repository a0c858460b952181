package oci

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/distribution/distribution/v3"
	"github.com/distribution/distribution/v3/registry/storage"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	"github.com/sirupsen/logrus"
)

// silence turns distribution's log off. It has none but logrus' global one.
var silence = sync.OnceFunc(func() {
	logrus.SetOutput(io.Discard)
	logrus.SetLevel(logrus.PanicLevel)
})

// newDistribution returns distribution's storage on a driver. An index may name manifests that are not there, and a layer may
// be had elsewhere; the other layers and the config of an image have to be there.
func newDistribution(ctx context.Context, d *rows) (distribution.Namespace, error) {
	return storage.NewRegistry(ctx, d)
}

// distribute does something with a repository as distribution has it. A failure of storage, which distribution may hide in
// an error of its own, comes back as what it was.
func (g *Registry) distribute(c *call, p *push, do func(context.Context, distribution.Repository) error) error {
	silence() // not before the first push: other packages of this program may use it
	name, err := reference.WithName(c.repository)
	if err != nil {
		return nameInvalid.because(err)
	}
	ctx := context.WithValue(c.Context(), pushKey{}, p)
	repository, err := g.distribution.Repository(ctx, name)
	if err != nil {
		return err
	}
	if err = do(ctx, repository); p.failure != nil {
		return p.failure
	}
	return err
}

// validate has distribution judge the form of a manifest, and whether the repository has the blobs that it names.
func (g *Registry) validate(c *call, body []byte) error {
	m, _, err := distribution.UnmarshalManifest(c.Header.Get("Content-Type"), body)
	if err != nil {
		return manifestInvalid.about(err.Error())
	}
	return g.distribute(c, &push{manifest: true}, func(ctx context.Context, r distribution.Repository) error {
		manifests, err := r.Manifests(ctx)
		if err != nil {
			return err
		}
		_, err = manifests.Put(ctx, m)
		return faultOf(err)
	})
}

// faultOf finds the first fault of a manifest in the error of distribution about it.
func faultOf(err error) error {
	var all distribution.ErrManifestVerification
	if errors.As(err, &all) && len(all) > 0 {
		err = all[0]
	}
	var missing distribution.ErrManifestBlobUnknown
	switch {
	case err == nil:
		return nil
	case errors.As(err, &missing):
		return manifestBlobUnknown.about(missing.Digest)
	case errors.Is(err, digest.ErrDigestInvalidFormat):
		return digestMismatch.because(err)
	}
	return manifestInvalid.about(err.Error())
}
