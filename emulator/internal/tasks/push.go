package tasks

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// maxPushes is how often a push is tried, as acb does.
const maxPushes = 3

var errPush = errors.New("failed to push images successfully")

// push pushes images, one after the other.
func (r *run) push(ctx context.Context, references []string) error {
	for _, reference := range references {
		if err := r.pushOne(ctx, reference); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) pushOne(ctx context.Context, reference string) error {
	for attempt := range maxPushes {
		if attempt > 0 {
			if err := r.wait(ctx, backoff(attempt-1)); err != nil {
				return err
			}
		}
		r.log.printf("Pushing image: %s, attempt %d", reference, attempt+1)
		err := r.pushAs(ctx, reference)
		if err == nil {
			r.log.printf("Successfully pushed image: %s", reference)
			return nil
		}
		r.log.print(err.Error())
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return errPush
}

// pushAs pushes an image of the run, in the words of docker push.
func (r *run) pushAs(ctx context.Context, reference string) error {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return err
	}
	r.log.print(fmt.Sprintf("The push refers to repository [%s]", ref.Context().Name()))
	image, found := r.images.get(ref)
	if !found {
		return fmt.Errorf("An image does not exist locally with the tag: %s", ref.Context().Name()) //nolint:staticcheck // docker's words
	}
	if !isRegistry(ref.Context().RegistryStr()) {
		return fmt.Errorf("%s is outside this emulator: nothing is pushed there", ref.Context().RegistryStr())
	}
	if err := r.agent.Push(ctx, ref, image, r.logins); err != nil {
		return err
	}
	return r.pushed(ref, image)
}

// pushed says what was pushed, and notes it for the run's document.
func (r *run) pushed(ref name.Reference, image v1.Image) error {
	manifest, err := image.Manifest()
	if err != nil {
		return err
	}
	digest, err := image.Digest()
	if err != nil {
		return err
	}
	size, err := image.Size()
	if err != nil {
		return err
	}
	for _, layer := range manifest.Layers {
		r.log.print(layer.Digest.Hex[:12] + ": Pushed")
	}
	r.log.print(fmt.Sprintf("%s: digest: %s size: %d", ref.Identifier(), digest, size))
	r.noted.Lock()
	defer r.noted.Unlock()
	r.noted.outputs = append(r.noted.outputs, map[string]any{
		"registry": ref.Context().RegistryStr(), "repository": ref.Context().RepositoryStr(), "tag": ref.Identifier(), "digest": digest.String(),
	})
	return nil
}
