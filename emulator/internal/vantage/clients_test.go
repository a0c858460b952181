package vantage

import (
	"archive/tar"
	"bytes"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// newRegistryScene is a scene in which every login server is a plain registry that lets one address in alone.
func newRegistryScene(t testing.TB, allowed string) *scene {
	content := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	return newScene(t, func(w http.ResponseWriter, r *http.Request) {
		if from, ok := FromContext(r.Context()); !ok || from.Hop.Peer.String() != allowed {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"errors":[{"code":"DENIED","message":"client with IP 'x' is not allowed access"}]}`)
			return
		}
		content.ServeHTTP(w, r)
	})
}

func TestCrane(t *testing.T) {
	s := newRegistryScene(t, "203.0.113.7")
	image, err := random.Image(1<<20, 3)
	if err != nil {
		t.Fatal(err)
	}
	inside := crane.WithTransport(s.client(t, s.at("203.0.113.7")).Transport)
	outside := crane.WithTransport(s.client(t, s.at("203.0.113.8")).Transport)
	const name = "myregistry.azurecr.io/hello:v1"
	if err := crane.Push(image, name, inside); err != nil {
		t.Fatal(err)
	}
	pulled, err := crane.Pull(name, inside)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := image.Digest()
	if got, err := pulled.Digest(); err != nil || got != want {
		t.Errorf("pulled %s, pushed %s, %v", got, want, err)
	}
	if _, err := crane.Pull(name, outside); err == nil || !strings.Contains(err.Error(), "is not allowed access") {
		t.Errorf("from elsewhere: %v, want the denial", err)
	}
}

// imageLayout writes an image as an OCI layout.
func imageLayout(t *testing.T) string {
	t.Helper()
	image, err := random.Image(1<<16, 2)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path, err := layout.Write(dir, empty.Index)
	if err == nil {
		err = path.AppendImage(mutate.MediaType(image, types.OCIManifestSchema1), layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "v1"}))
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestSkopeo(t *testing.T) {
	needs(t, "skopeo")
	s := newRegistryScene(t, "203.0.113.7")
	dir := imageLayout(t)
	for _, isolated := range []bool{false, true} {
		if isolated {
			needsIsolation(t)
		}
		copied := filepath.Join(t.TempDir(), "copy")
		push := []string{"skopeo", "--insecure-policy", "copy", "oci:" + dir + ":v1", "docker://myregistry.azurecr.io/hello:v1"}
		pull := []string{"skopeo", "--insecure-policy", "copy", "docker://myregistry.azurecr.io/hello:v1", "oci:" + copied + ":v1"}
		for _, command := range [][]string{push, pull} {
			if code, out := s.run(t, "203.0.113.7", isolated, command...); code != 0 {
				t.Fatalf("isolated %t: %v: %d %s", isolated, command, code, out)
			}
		}
		if code, out := s.run(t, "203.0.113.8", isolated, pull...); code == 0 || !strings.Contains(out, "403 (Forbidden)") {
			t.Errorf("isolated %t, from elsewhere: %d %s", isolated, code, out)
		}
	}
}

// rootFS writes a tar archive with one file, of which docker import makes an image.
func rootFS(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	err := w.WriteHeader(&tar.Header{Name: "hello", Mode: 0o644, Size: 5})
	if err == nil {
		_, err = w.Write([]byte("hello"))
	}
	path := filepath.Join(t.TempDir(), "root.tar")
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = os.WriteFile(path, b.Bytes(), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}
