package oci_test

import (
	"fmt"
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
