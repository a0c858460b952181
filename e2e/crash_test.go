package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

const (
	crashPushes  = 200
	crashWorkers = 8
)

// crashAt says after how many acknowledged pushes the emulator is killed.
var crashAt = []int{3, 70, 150}

// TestKill pushes 200 images and kills the emulator three times while it takes them. What it acknowledged must be there
// afterwards, to the bit; what it did not may be there or not, but nothing may be there by half.
func TestKill(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	images := make([]v1.Image, crashPushes)
	base := randomLayer(64 << 10)
	for i := range images {
		images[i] = pushedImage(t, base, i)
	}
	acknowledged := map[int]bool{}
	for _, limit := range append(crashAt, crashPushes) {
		p := up(t, "--data", data)
		pushUntil(t, p, images, acknowledged, limit)
		p.kill()
	}
	p := up(t, "--data", data)
	if len(acknowledged) != crashPushes {
		t.Errorf("%d of %d pushes were acknowledged in the end", len(acknowledged), crashPushes)
	}
	for i := range acknowledged {
		verifyPushed(t, p, images[i], i)
	}
	verifyEverything(t, p)
}

// pushUntil pushes what is not acknowledged yet, and kills the emulator when enough is.
func pushUntil(t *testing.T, p *process, images []v1.Image, acknowledged map[int]bool, limit int) {
	t.Helper()
	var open []int
	for i := range images {
		if !acknowledged[i] {
			open = append(open, i)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	todo, mu, workers := make(chan int), sync.Mutex{}, sync.WaitGroup{}
	for range crashWorkers {
		workers.Go(func() {
			for i := range todo {
				if remote.Write(reference(t, p, i), images[i], p.remote(ctx)...) != nil {
					continue // it was killed meanwhile
				}
				mu.Lock()
				acknowledged[i] = true
				enough := len(acknowledged) >= limit
				mu.Unlock()
				if enough {
					p.kill()
					cancel()
				}
			}
		})
	}
	for _, i := range open {
		todo <- i
	}
	close(todo)
	workers.Wait()
}

// development is the login with the development credentials.
var development = &authn.Basic{Username: clientID, Password: clientSecret}

// remote are the options of go-containerregistry that log in, and never try twice.
func (p *process) remote(ctx context.Context) []remote.Option {
	return []remote.Option{
		remote.WithContext(ctx), remote.WithAuth(development),
		remote.WithRetryPredicate(func(error) bool { return false }),
	}
}

// reference spreads the images over repositories, each with several tags.
func reference(t testing.TB, p *process, i int) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(fmt.Sprintf("%s/crash/r%d:t%d", p.host(), i%10, i))
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// pushedImage shares one layer with all others and has one of its own.
func pushedImage(t testing.TB, base v1.Layer, i int) v1.Image {
	t.Helper()
	image, err := mutate.AppendLayers(empty.Image, base, randomLayer(1+i*97))
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func randomLayer(size int) v1.Layer {
	content := make([]byte, size)
	for i := range content {
		content[i] = byte(rand.Uint32())
	}
	return static.NewLayer(content, types.DockerLayer)
}

func verifyPushed(t *testing.T, p *process, want v1.Image, i int) {
	t.Helper()
	got, err := remote.Image(reference(t, p, i), p.remote(t.Context())...)
	if err != nil {
		t.Errorf("push %d was acknowledged and is lost: %v", i, err)
		return
	}
	gotDigest, _ := got.Digest()
	wantDigest, _ := want.Digest()
	if gotDigest != wantDigest {
		t.Errorf("push %d comes back as %s, not as %s", i, gotDigest, wantDigest)
	}
	if err := readImage(got); err != nil {
		t.Errorf("push %d: %v", i, err)
	}
}

// readImage reads manifest, configuration and layers, and verifies their digests. The layers are no real file systems,
// so that nothing is unpacked.
func readImage(image v1.Image) error {
	if err := validate.Image(image, validate.Fast); err != nil {
		return err
	}
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	for _, l := range layers {
		if err := readLayer(l); err != nil {
			return err
		}
	}
	return nil
}

// verifyEverything reads all that the registry says it has: nothing that is listed may dangle.
func verifyEverything(t *testing.T, p *process) {
	t.Helper()
	registry, err := name.NewRegistry(p.host())
	if err != nil {
		t.Fatal(err)
	}
	repositories, err := remote.Catalog(t.Context(), registry, p.remote(t.Context())...)
	if err != nil {
		t.Fatal(err)
	}
	for _, repository := range repositories {
		tags, err := remote.List(registry.Repo(repository), p.remote(t.Context())...)
		if err != nil {
			t.Errorf("%s is listed, but: %v", repository, err)
		}
		for _, tag := range tags {
			image, err := remote.Image(registry.Repo(repository).Tag(tag), p.remote(t.Context())...)
			if err == nil {
				err = readImage(image)
			}
			if err != nil {
				t.Errorf("%s is listed, but: %v", path.Join(repository, tag), err)
			}
		}
	}
	if len(repositories) < 10 {
		t.Errorf("repositories: %v", repositories)
	}
	if r := p.ask(t, call{host: p.host(), path: "/v2/"}); r.status != http.StatusUnauthorized {
		t.Errorf("after all this, /v2/: %d", r.status)
	}
}

func readLayer(l v1.Layer) error {
	want, err := l.Digest()
	if err != nil {
		return err
	}
	content, err := l.Compressed()
	if err != nil {
		return err
	}
	got, _, err := v1.SHA256(content)
	if err = errors.Join(err, content.Close()); err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("layer %s comes back as %s", want, got)
	}
	return nil
}
