package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// The image of TestImportKilled: a gigabyte, in layers.
const (
	hugeLayers = 4
	hugeLayer  = 256 << 20
)

// killAt says after how much of an import the emulator is killed, in per cent.
var killAt = []int{5, 70, 99}

// TestImportKilled imports a gigabyte between two registries that are shut to everybody but trusted services, and kills the
// emulator in the middle of it. Afterwards the import is known to have failed, nothing of it can be seen, and it can be done
// again (issue 4, "Must show" 6).
func TestImportKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("moves some gigabytes")
	}
	data := filepath.Join(t.TempDir(), "data")
	flags := []string{"--data", data, "--config", seed(t, "import.yaml"), "--default-registry", "source", "--registry-listen", "target=127.0.0.1:0"}
	p := up(t, flags...)
	pushHuge(t, p)
	p.restrict(t, "source", "Deny")
	for _, percent := range killAt {
		p.restrict(t, "target", "Deny")
		operation := p.importHuge(t)
		p.followImport(t, operation, percent)
		p.kill()
		p = up(t, flags...)
		p.restrict(t, "target", "Allow")
		if status := p.importStatus(t, operation); status["status"] == "Failed" {
			checkNothing(t, p, status)
		} else if percent < 99 {
			t.Errorf("killed at %d per cent, the import is %v", percent, status)
		}
	}
	p.restrict(t, "target", "Deny")
	if status := p.followImport(t, p.importHuge(t), 101); status["status"] != "Succeeded" {
		t.Errorf("at last: %v", status)
	}
	p.restrict(t, "target", "Allow")
	image, err := remote.Image(p.target(t), p.remote(t.Context())...)
	if err == nil {
		err = readImage(image)
	}
	if err != nil {
		t.Error(err)
	}
}

// target is what the image is called in the target.
func (p *process) target(t *testing.T) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(strings.TrimPrefix(p.Registries["target"], "http://") + "/huge:v1")
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// restrict says what a registry does with everybody's networks.
func (p *process) restrict(t *testing.T, registry, action string) {
	t.Helper()
	p.arm(t, http.MethodPatch, registryID(registry), map[string]any{"properties": map[string]any{"networkRuleSet": map[string]any{"defaultAction": action}}})
}

func registryID(name string) string {
	return group + "/providers/Microsoft.ContainerRegistry/registries/" + name
}

// importHuge begins the import and returns where its status is.
func (p *process) importHuge(t *testing.T) string {
	t.Helper()
	r := p.ask(t, call{
		method: http.MethodPost, host: "management.azure.com", path: registryID("target") + "/importImage" + armVersion,
		body: map[string]any{
			"source": map[string]any{"resourceId": registryID("source"), "sourceImage": "huge:v1"}, "targetTags": []string{"huge:v1"}, "mode": "Force",
		},
		header: map[string]string{"Authorization": "Bearer " + p.development(t, armAudience)},
	})
	_, at, _ := strings.Cut(r.header.Get("Azure-AsyncOperation"), "management.azure.com")
	if r.status != http.StatusAccepted || at == "" {
		t.Fatalf("importImage: %d %s", r.status, r.body)
	}
	at, _, _ = strings.Cut(at, "?")
	return at
}

func (p *process) importStatus(t *testing.T, operation string) map[string]any {
	t.Helper()
	return p.arm(t, http.MethodGet, operation, nil)
}

// followImport asks for an import until it is over, or as much of it is done.
func (p *process) followImport(t *testing.T, operation string, percent int) map[string]any {
	t.Helper()
	for t.Context().Err() == nil {
		status := p.importStatus(t, operation)
		if done, _ := status["percentComplete"].(float64); status["status"] != "InProgress" || int(done) >= percent {
			return status
		}
	}
	t.Fatal("the import does not end")
	return nil
}

// checkNothing wants an import that was interrupted to say so, and nothing of it to be seen.
func checkNothing(t *testing.T, p *process, status map[string]any) {
	t.Helper()
	if value(status, "error", "code") != "OperationInterrupted" {
		t.Errorf("the import that was interrupted says %v", status)
	}
	if _, err := remote.Head(p.target(t), p.remote(t.Context())...); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("the tag answers %v, want 404", err)
	}
	if tags, err := remote.List(p.target(t).Context(), p.remote(t.Context())...); err == nil && len(tags) > 0 {
		t.Errorf("there are tags: %v", tags)
	}
}

// pushHuge pushes the image into the source.
func pushHuge(t *testing.T, p *process) {
	t.Helper()
	image := empty.Image
	for i := range hugeLayers {
		layer, err := newHugeLayer(byte(i))
		if err != nil {
			t.Fatal(err)
		}
		if image, err = mutate.AppendLayers(image, layer); err != nil {
			t.Fatal(err)
		}
	}
	ref, err := name.ParseReference(p.host() + "/huge:v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, image, p.remote(t.Context())...); err != nil {
		t.Fatal(err)
	}
}

// hugeContent is a layer of noise that is never in memory.
type hugeContent struct {
	seed   byte
	digest v1.Hash
}

func newHugeLayer(seed byte) (v1.Layer, error) {
	l := hugeContent{seed: seed}
	hash := sha256.New()
	if _, err := io.Copy(hash, l.noise()); err != nil {
		return nil, fmt.Errorf("make noise: %w", err)
	}
	l.digest = v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(hash.Sum(nil))}
	return l, nil
}

func (l hugeContent) noise() io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{l.seed}), hugeLayer)
}

// Digest is the digest of the noise, which is not compressed.
func (l hugeContent) Digest() (v1.Hash, error)             { return l.digest, nil }
func (l hugeContent) DiffID() (v1.Hash, error)             { return l.digest, nil }
func (l hugeContent) Size() (int64, error)                 { return hugeLayer, nil }
func (l hugeContent) MediaType() (types.MediaType, error)  { return types.OCIUncompressedLayer, nil }
func (l hugeContent) Compressed() (io.ReadCloser, error)   { return io.NopCloser(l.noise()), nil }
func (l hugeContent) Uncompressed() (io.ReadCloser, error) { return l.Compressed() }
