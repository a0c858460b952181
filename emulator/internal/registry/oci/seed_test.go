package oci_test

import (
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/acrlocal/acrlocal/emulator/internal/registry/oci"
)

func randomImage(t testing.TB, layers int64) v1.Image {
	t.Helper()
	img, err := random.Image(1024, layers)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// pulled fetches what a reference names with a real client and checks every byte of it.
func pulled(t *testing.T, f *fixture, reference string) v1.Hash {
	t.Helper()
	server := httptest.NewServer(f)
	defer server.Close()
	ref, err := name.ParseReference(strings.TrimPrefix(server.URL, "http://") + "/" + reference)
	if err != nil {
		t.Fatal(err)
	}
	d, err := remote.Get(ref)
	if err != nil {
		t.Fatal(err)
	}
	if d.MediaType.IsIndex() {
		index, err := d.ImageIndex()
		err = errors.Join(err, validate.Index(index))
		if err != nil {
			t.Fatal(err)
		}
		return d.Digest
	}
	img, err := d.Image()
	if err := errors.Join(err, validate.Image(img)); err != nil {
		t.Fatal(err)
	}
	return d.Digest
}

func TestPut(t *testing.T) {
	f := newFixture(t, nil)
	img := randomImage(t, 3)
	index, err := random.Index(512, 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: img})})
	for tag, a := range map[string]interface {
		oci.Artifact
		Digest() (v1.Hash, error)
	}{"image": img, "index": index} {
		if err := f.Put(t.Context(), "app", tag, a); err != nil {
			t.Fatal(err)
		}
		if want, _ := a.Digest(); pulled(t, f, "app:"+tag) != want {
			t.Errorf("%s has another digest", tag)
		}
	}
	before := f.storage.Used()
	if err := f.Put(t.Context(), "copy", "", img); err != nil {
		t.Fatal(err)
	}
	if manifest, _ := img.RawManifest(); f.storage.Used() != before+int64(len(manifest)) {
		t.Errorf("a copy took %d bytes", f.storage.Used()-before)
	}
}

func TestImport(t *testing.T) {
	f := newFixture(t, nil)
	img := randomImage(t, 1)
	dir, tar := t.TempDir(), filepath.Join(t.TempDir(), "image.tar")
	path, err := layout.Write(dir, empty.Index)
	if err := errors.Join(err, path.AppendImage(img), tarball.WriteToFile(tar, name.MustParseReference("x:y"), img)); err != nil {
		t.Fatal(err)
	}
	for tag, from := range map[string]string{"layout": dir, "tarball": tar} {
		if err := f.Import(t.Context(), "app", tag, from); err != nil {
			t.Fatal(err)
		}
		pulled(t, f, "app:"+tag)
	}
	if err := path.AppendImage(randomImage(t, 1)); err != nil {
		t.Fatal(err)
	}
	if err := f.Import(t.Context(), "app", "both", dir); err != nil {
		t.Fatal(err)
	}
	pulled(t, f, "app:both")
	err = f.Import(t.Context(), "app", "none", filepath.Join(dir, "absent"))
	if err == nil || !strings.Contains(err.Error(), "web/app:none") {
		t.Errorf("the error does not say what failed: %v", err)
	}
}

// forged claims a layer that it does not have.
type forged struct {
	v1.Image
	layer v1.Layer
}

func (f forged) Layers() ([]v1.Layer, error) {
	layers, err := f.Image.Layers()
	return []v1.Layer{claims{f.layer, layers[0]}}, err
}

type claims struct {
	v1.Layer
	as v1.Layer
}

func (c claims) Digest() (v1.Hash, error) { return c.as.Digest() }

func TestPutRefuses(t *testing.T) {
	f := newFixture(t, nil)
	other, _ := random.Layer(100, "application/vnd.docker.image.rootfs.diff.tar.gzip")
	for what, err := range map[string]error{
		"other bytes": f.Put(t.Context(), "app", "v1", forged{randomImage(t, 1), other}),
		"a bad name":  f.Put(t.Context(), "App", "v1", randomImage(t, 1)),
		"a bad tag":   f.Put(t.Context(), "app", "a/b", randomImage(t, 1)),
	} {
		if err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	want(t, f, 404, "GET /v2/app/manifests/v1", "")
	files, _ := os.ReadDir(filepath.Join(f.blobDir, "web", "uploads"))
	if len(files) != 0 {
		t.Errorf("%d files left", len(files))
	}
}

func TestDeleteRepository(t *testing.T) {
	f := newFixture(t, nil)
	pushImage(t, f, "app", "v1", "layer", nil)
	gone, err := f.DeleteRepository(t.Context(), "app")
	if err != nil || len(gone.Manifests) != 1 || len(gone.Tags) != 1 {
		t.Fatalf("%+v, %v", gone, err)
	}
	if used, files := f.storage.Used(), bytesUnder(t, f.blobDir); used != 0 || files != 0 {
		t.Errorf("%d bytes counted, %d on disk", used, files)
	}
	var e *oci.Error
	if _, err := f.DeleteRepository(t.Context(), "app"); !errors.As(err, &e) || e.Code != "NAME_UNKNOWN" {
		t.Errorf("again: %v", err)
	}
}

// TestSweep leaves what a killed process could: files without rows, and an upload nobody goes on with.
func TestSweep(t *testing.T) {
	f := newFixture(t, nil)
	pushBlob(t, f, "app", "kept")
	at := want(t, f, 202, "PATCH "+start(t, f, "app"), "old").Header().Get("Location")
	_ = f.Close()
	orphan := filepath.Join(f.blobDir, "web", "sha256", sha("orphan")[7:9], sha("orphan")[7:])
	stray := filepath.Join(f.blobDir, "web", "uploads", "stray")
	for _, path := range []string{orphan, stray} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("orphan"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	f.open(t, nil)
	want(t, f, 404, "GET /v2/app/blobs/"+sha("orphan"), "")
	if err := f.Sweep(t.Context(), time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	want(t, f, 204, "GET "+at, "")
	if err := f.Sweep(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	want(t, f, 404, "GET "+at, "")
	want(t, f, 200, "GET /v2/app/blobs/"+sha("kept"), "")
	if used, files := f.storage.Used(), bytesUnder(t, f.blobDir); used != 4 || files != 4 {
		t.Errorf("%d bytes counted, %d on disk, want 4", used, files)
	}
}

// TestLostFile: a row whose file is gone is no blob, and pushing it again heals it.
func TestLostFile(t *testing.T) {
	f := newFixture(t, nil)
	digest := pushBlob(t, f, "app", "bytes")
	if err := os.Remove(filepath.Join(f.blobDir, "web", "sha256", digest[7:9], digest[7:])); err != nil {
		t.Fatal(err)
	}
	want(t, f, 404, "GET /v2/app/blobs/"+digest, "")
	want(t, f, 404, "HEAD /v2/app/blobs/"+digest, "")
	pushBlob(t, f, "app", "{}")
	want(t, f, 400, "PUT /v2/app/manifests/v1", image("bytes", nil), "Content-Type: "+imageType)
	want(t, f, 202, "POST /v2/to/blobs/uploads/?from=app&mount="+digest, "")
	pushBlob(t, f, "app", "bytes")
	want(t, f, 200, "GET /v2/app/blobs/"+digest, "")
}

// TestGoroutines: a registry that is only read from starts none, and one that was pushed to leaves the one that
// distribution does not stop.
func TestGoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	f := newFixture(t, nil)
	want(t, f, 404, "GET /v2/app/manifests/v1", "")
	_ = f.Close()
	reading := runtime.NumGoroutine()
	f.open(t, nil)
	pushBlob(t, f, "app", "bytes")
	_ = f.Close()
	if after := runtime.NumGoroutine(); after > reading+1 {
		t.Errorf("%d goroutines before, %d after reading, %d after pushing", before, reading, after)
	}
}
