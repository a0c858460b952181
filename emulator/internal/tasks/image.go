package tasks

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// images are those that a run has: what its steps built or pulled, as the Docker engine of an agent would have them.
type images struct {
	mu     sync.Mutex
	byName map[string]v1.Image
	closes []func() error
}

// put gives an image a name, and takes it from whatever had it.
func (i *images) put(ref name.Reference, image v1.Image) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.byName == nil {
		i.byName = map[string]v1.Image{}
	}
	i.byName[ref.Name()] = image
}

func (i *images) get(ref name.Reference) (v1.Image, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	image, found := i.byName[ref.Name()]
	return image, found
}

// keep has something closed at the end of the run.
func (i *images) keep(closing func() error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.closes = append(i.closes, closing)
}

func (i *images) close() {
	for _, closing := range i.closes {
		_ = closing()
	}
}

// isRegistry reports whether a host is a registry of this emulator, or would be.
func isRegistry(host string) bool {
	_, found := azure.CutRegistryDomain(host)
	return found
}

// find returns an image: one that the run has, one of a registry of this emulator, through the gate and with the run's
// logins; or one that a mirror has. Nothing else is to be had.
func (r *run) find(ctx context.Context, reference string, platform v1.Platform) (v1.Image, error) {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return nil, err
	}
	if image, found := r.images.get(ref); found {
		return image, nil
	}
	return r.fetch(ctx, ref, reference, platform)
}

// fetch pulls an image, whether the run has it or not.
func (r *run) fetch(ctx context.Context, ref name.Reference, reference string, platform v1.Platform) (image v1.Image, err error) {
	switch {
	case isRegistry(ref.Context().RegistryStr()):
		image, err = r.pull(ctx, reference, &platform)
	case r.s.Mirror != nil:
		image, err = r.s.Mirror(ctx, reference, &platform, r.pull)
	default:
		err = fmt.Errorf("Error response from daemon: pull access denied for %s: it is in no registry of this emulator, and there is no mirror of it", reference) //nolint:staticcheck // docker's words
	}
	if err != nil {
		return nil, err
	}
	r.images.put(ref, image)
	return image, nil
}

func (r *run) pull(ctx context.Context, reference string, platform *v1.Platform) (v1.Image, error) {
	return r.agent.Pull(ctx, reference, platform, r.logins)
}

// errNoContainers is the error of a step that needs a container where there is no executor.
var errNoContainers = errors.New("no container can be run: the emulator was started without an executor")
