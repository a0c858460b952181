package oci_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/registry/oci"
	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

// TestImages pushes what says little or nonsense about itself: it is kept, and nothing is told of it.
func TestImages(t *testing.T) {
	long := fmt.Sprintf(`{"architecture":%q,"os":"linux"}`, strings.Repeat("a", 65))
	for config, want := range map[string]store.Image{
		`{"architecture":"arm64","os":"linux"}`: {Architecture: "arm64", OS: "linux"},
		`{"architecture":"arm64"}`:              {Architecture: "arm64"},
		`{}`:                                    {},
		`[]`:                                    {},
		`{"architecture":7,"os":"linux"}`:       {},
		`no json`:                               {},
		long:                                    {},
	} {
		f := newFixture(t, nil)
		pushBlob(t, f, "app", config)
		body := pushImage(t, f, "app", "v1", "layer", map[string]any{"config": descriptorFor(configType, config)})
		m, err := f.content.Manifest(t.Context(), "app", "v1")
		want.Size, want.ConfigMediaType = int64(len("layer")), configType
		if err != nil || m.Image == nil || m.Image.Size != want.Size || m.Image.Architecture != want.Architecture || m.Image.OS != want.OS || m.Image.ConfigMediaType != want.ConfigMediaType {
			t.Errorf("%s: %+v, %v, want %+v", config, m.Image, err, want)
		}
		if len(body) == 0 {
			t.Error("nothing was pushed")
		}
	}

	f := newFixture(t, nil)
	pushBlob(t, f, "app", "{}")
	pushBlob(t, f, "app", "layer")
	huge := descriptorFor("application/vnd.oci.image.layer.v1.tar", "layer")
	huge["size"] = int64(1) << 62
	body := image("layer", map[string]any{"layers": []any{huge, huge, huge}})
	if w := do(t, f, "PUT /v2/app/manifests/v1", body, "Content-Type: "+imageType); w.Code == 201 {
		if m, err := f.content.Manifest(t.Context(), "app", "v1"); err != nil || m.Image.Size != 1<<53-1 {
			t.Errorf("three huge layers: %+v, %v", m.Image, err)
		}
	}
}

// TestSeededAttributes: an image put without HTTP is told of like any other.
func TestSeededAttributes(t *testing.T) {
	f := newFixture(t, nil)
	if err := f.Put(t.Context(), "app", "v1", randomImage(t, 2)); err != nil {
		t.Fatal(err)
	}
	list, err := f.content.Manifests(t.Context(), "app", store.Page{})
	if err != nil || len(list) != 1 || list[0].Image == nil || list[0].Image.Size == 0 || list[0].Image.ConfigMediaType == "" {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestOldManifests opens rows of an earlier version, which knew less of manifests: an index and its images, a manifest that
// nobody can read, and one whose config is gone.
func TestOldManifests(t *testing.T) {
	f, c := timed(t)
	v1 := pushPlatform(t, f, "app", "v1", "some bytes")
	v2 := pushPlatform(t, f, "app", "v2", "more")
	both := pushIndex(t, f, "app", "both", v1, v2)
	want(t, f, 202, "DELETE /acr/v1/app/_tags/v2", "")
	told := want(t, f, 200, "GET /acr/v1/app/_manifests", "").Body.String()
	_ = f.Close()

	old := f.store.Content("web")
	for i, body := range []string{v1, v2, both, "no json", image("lost", map[string]any{"config": descriptorFor(configType, "lost")})} {
		repository := "app"
		if i > 2 {
			repository = "odd"
		}
		m := store.Manifest{Digest: sha(body), MediaType: imageType, Size: int64(len(body)), Body: []byte(body)}
		if body == both {
			m.MediaType = indexType
		}
		if _, err := old.PutManifest(t.Context(), repository, m); err != nil {
			t.Fatal(err)
		}
	}
	if without := want(t, f, 200, "GET /acr/v1/app/_manifests", "").Body.String(); without == told {
		t.Fatal("the rows still have everything: this test cannot fail")
	}
	f.open(t, func(o *oci.Options) { o.Now = c.time })
	if got := want(t, f, 200, "GET /acr/v1/app/_manifests", "").Body.String(); got != told {
		t.Errorf("opened again:\n%s\nwas\n%s", got, told)
	}
	if left, err := old.Undescribed(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("left: %+v, %v", left, err)
	}
	c.now = c.now.Add(2 * time.Hour)
	if err := f.Sweep(t.Context(), time.Time{}); err != nil {
		t.Fatal(err)
	}
	want(t, f, 200, "GET /v2/app/blobs/"+sha("more"), "")
}
