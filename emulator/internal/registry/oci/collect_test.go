package oci_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/registry/oci"
	"github.com/acrlocal/acrlocal/emulator/internal/store"
	"github.com/acrlocal/acrlocal/emulator/internal/store/sqlite"
)

// TestCountedOnce: what is pushed again, in whichever way, takes no more room.
func TestCountedOnce(t *testing.T) {
	f := newFixture(t, nil)
	for range 3 {
		pushBlob(t, f, "app", "hello")
		want(t, f, 201, "POST /v2/other/blobs/uploads/?digest="+sha("hello"), "hello")
		want(t, f, 201, "POST /v2/app/blobs/uploads/?digest="+sha("world"), "world")
		pushBlob(t, f, "app", "world")
		if used := f.storage.Used(); used != 10 {
			t.Fatalf("%d bytes used, want 10", used)
		}
	}
}

// TestSweepWhilePushing sweeps and deletes while others push, on a clock that jumps hours between one request and the next, so
// that every blob is old as soon as it is there. Pushes may fail for it, as they would if their blobs were deleted; but what
// is there afterwards is whole, and counted.
func TestSweepWhilePushing(t *testing.T) {
	var hours atomic.Int64
	now := func() time.Time { return time.Unix(0, 0).Add(time.Duration(hours.Add(2)) * time.Hour) }
	s, err := sqlite.Open(t.Context(), sqlite.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	f := &fixture{store: s, content: s.Content("web"), blobDir: t.TempDir(), storage: oci.NewStorage(0)}
	f.open(t, func(o *oci.Options) { o.Now = now })

	var pushing, sweeping sync.WaitGroup
	var done atomic.Bool
	var pushed atomic.Int64
	for client := range 4 {
		pushing.Go(func() {
			for i := range 40 {
				// Two clients share their layers, and each config is everybody's.
				layer := strings.Repeat(fmt.Sprint(client/2, i%10, ";"), 100)
				for _, content := range []string{"{}", layer} {
					do(t, f, "POST /v2/app/blobs/uploads/?digest="+sha(content), content)
				}
				tag := fmt.Sprintf("c%d-%d", client, i)
				if do(t, f, "PUT /v2/app/manifests/"+tag, image(layer, nil), "Content-Type: "+imageType).Code == 201 {
					pushed.Add(1)
				}
				if i%3 == 0 {
					do(t, f, "DELETE /v2/app/manifests/"+sha(image(layer, nil)), "")
				}
			}
		})
	}
	sweeping.Go(func() {
		for !done.Load() {
			if err := f.Sweep(t.Context(), time.Time{}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	pushing.Wait()
	done.Store(true)
	sweeping.Wait()
	if pushed.Load() == 0 {
		t.Fatal("no push succeeded: nothing was tested")
	}
	if list, err := f.content.Manifests(t.Context(), "app", store.Page{}); err != nil || len(list) == 0 {
		t.Fatalf("%d manifests left, %v", len(list), err)
	}
	listed := whole(t, f)
	if err := f.Sweep(t.Context(), time.Time{}); err != nil {
		t.Fatal(err)
	}
	whole(t, f)
	rows, err := f.content.Size(t.Context())
	if err != nil || rows != f.storage.Used() {
		t.Errorf("rows of %d bytes, %d counted (%v)", rows, f.storage.Used(), err)
	}
	t.Logf("%d pushes succeeded, %d tags are left", pushed.Load(), listed)
}

// TestUnusedBlobs: what was pushed for an image that is gone goes with a sweep, once it is old; the rest stays.
func TestUnusedBlobs(t *testing.T) {
	f, c := timed(t)
	gone := sha(pushImage(t, f, "app", "v1", "only here", nil))
	pushImage(t, f, "app", "v2", "kept", nil)
	want(t, f, 202, "DELETE /v2/app/manifests/"+gone, "")
	blobs := func(status int, contents ...string) {
		t.Helper()
		for _, content := range contents {
			want(t, f, status, "GET /v2/app/blobs/"+sha(content), "")
		}
	}
	sweep := func(passed time.Duration) {
		t.Helper()
		c.now = c.now.Add(passed)
		if err := f.Sweep(t.Context(), time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	sweep(time.Hour)
	blobs(200, "only here", "kept", "{}")
	pushBlob(t, f, "app", "on its way")
	sweep(time.Second)
	blobs(404, "only here")
	blobs(200, "kept", "{}", "on its way")
	if used, files := f.storage.Used(), bytesUnder(t, f.blobDir); used != files+int64(len(image("kept", nil))) {
		t.Errorf("%d bytes counted, %d in files", used, files)
	}
	sweep(2 * time.Hour)
	blobs(404, "on its way")
	blobs(200, "kept", "{}")
	want(t, f, 200, "GET /v2/app/manifests/v2", "")
	if _, err := os.Stat(filepath.Join(f.blobDir, "web", "sha256", sha("on its way")[7:9], sha("on its way")[7:])); !os.IsNotExist(err) {
		t.Errorf("the file of what was on its way: %v", err)
	}
}

// TestCacheIndex: an index may name blobs instead of manifests, as BuildKit's caches do, and needs them no less.
func TestCacheIndex(t *testing.T) {
	f, c := timed(t)
	pushBlob(t, f, "cache", "a step")
	index := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":` +
		`"application/vnd.oci.image.layer.v1.tar+gzip","digest":"` + sha("a step") + `","size":6}]}`
	want(t, f, 201, "PUT /v2/cache/manifests/main", index, "Content-Type: application/vnd.oci.image.index.v1+json")
	sweep := func() {
		t.Helper()
		c.now = c.now.Add(2 * time.Hour)
		if err := f.Sweep(t.Context(), time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	sweep()
	want(t, f, 200, "GET /v2/cache/blobs/"+sha("a step"), "")
	want(t, f, 202, "DELETE /v2/cache/manifests/"+sha(index), "")
	sweep()
	want(t, f, 404, "GET /v2/cache/blobs/"+sha("a step"), "")
}
