// Package storetest holds what every implementation of store.Store has to do, as tests.
package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

// Run tests the stores that open returns; each has to be empty and closed by the test's cleanup.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for name, test := range map[string]func(*testing.T, store.Store){
		"documents":    documents,
		"filters":      filters,
		"rollback":     rollback,
		"reset":        reset,
		"manifests":    manifests,
		"tags":         tags,
		"referrers":    referrers,
		"repositories": repositories,
		"locks":        locks,
		"orders":       orders,
		"images":       images,
		"unused":       unused,
		"locked blobs": lockedBlobs,
		"blobs":        blobs,
		"uploads":      uploads,
		"isolation":    isolation,
		"cancelled":    cancelled,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

const registryType = "Microsoft.ContainerRegistry/registries"

func armID(name string) string {
	return "/subscriptions/S/resourceGroups/Prod/providers/Microsoft.ContainerRegistry/registries/" + name
}

func arm(name string) store.Document {
	body := fmt.Sprintf(`{"name":%q}`, name)
	return store.Document{ID: armID(name), Kind: "arm", Type: registryType, Body: json.RawMessage(body), ETag: "e-" + name}
}

// put applies documents and returns the revision.
func put(t *testing.T, s store.Store, docs ...store.Document) int64 {
	t.Helper()
	var changes []store.Change
	for _, d := range docs {
		changes = append(changes, store.Change{Put: &d})
	}
	return must(s.Apply(t.Context(), changes))(t)
}

// must unwraps a result, or ends the test.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("%s (-want +got)\n%s", what, d)
	}
}

func documents(t *testing.T, s store.Store) {
	ctx := t.Context()
	first := put(t, s, arm("alpha"), arm("beta"))
	second := put(t, s, arm("gamma"))
	if second != first+1 {
		t.Fatalf("revisions %d and %d, want one more for each commit", first, second)
	}

	want := arm("Alpha")
	want.ID, want.Revision = armID("ALPHA"), second+1
	equal(t, "revision", put(t, s, want), second+1)
	equal(t, "a document is found in any case, and shown as last written", must(s.Get(ctx, armID("aLPHa")))(t), want)

	_, err := s.Get(ctx, armID("alph"))
	wantErr(t, err, store.ErrNotFound)
	_, err = s.Get(ctx, "/subscriptions/S/resourceGroups/Prod/providers/Microsoft.ContainerRegistry/registries/al\u2126ha")
	wantErr(t, err, store.ErrNotFound)

	all, revision, err := s.All(ctx)
	ok(t, err)
	equal(t, "revision of all", revision, second+1)
	var ids []string
	for _, d := range all {
		ids = append(ids, d.ID)
	}
	equal(t, "all", ids, []string{armID("ALPHA"), armID("beta"), armID("gamma")})

	revision, err = s.Update(ctx, func(tx store.Tx) error {
		_, err := tx.Get(armID("beta"))
		return err
	})
	ok(t, err)
	equal(t, "reading raises no revision", revision, second+1)
}

func filters(t *testing.T, s store.Store) {
	user := store.Document{ID: "/users/1", Kind: "graph", Type: "user", Body: json.RawMessage(`{}`)}
	child := store.Document{ID: armID("web") + "/tokens/T", Kind: "arm", Type: registryType + "/tokens", Body: json.RawMessage(`{}`)}
	put(t, s, arm("web"), arm("web2"), arm("web-3"), child, user)
	for _, row := range []struct {
		name   string
		filter store.Filter
		want   []string
	}{
		{"kind", store.Filter{Kind: "graph"}, []string{user.ID}},
		{"type, in any case", store.Filter{Type: "microsoft.containerregistry/REGISTRIES"}, []string{armID("web"), armID("web-3"), armID("web2")}},
		{"under compares whole segments", store.Filter{Under: armID("WEB")}, []string{child.ID}},
		{"under and type", store.Filter{Under: "/subscriptions/s", Type: registryType + "/tokens"}, []string{child.ID}},
		{"nothing", store.Filter{Kind: "arm", Type: "user"}, nil},
	} {
		_, err := s.Update(t.Context(), func(tx store.Tx) error {
			var got []string
			for _, d := range must(tx.List(row.filter))(t) {
				got = append(got, d.ID)
			}
			equal(t, row.name, got, row.want)
			return nil
		})
		ok(t, err)
	}
}

func rollback(t *testing.T, s store.Store) {
	ctx := t.Context()
	before := put(t, s, arm("kept"))
	d := arm("new")
	_, err := s.Apply(ctx, []store.Change{{Put: &d}, {Delete: armID("kept")}, {Delete: armID("absent")}})
	wantErr(t, err, store.ErrNotFound)
	_, err = s.Get(ctx, armID("new"))
	wantErr(t, err, store.ErrNotFound)
	must(s.Get(ctx, armID("kept")))(t)

	func() {
		defer func() { _ = recover() }()
		_, _ = s.Update(ctx, func(tx store.Tx) error {
			ok(t, tx.Delete(armID("kept")))
			panic("in the middle")
		})
	}()
	_, revision, err := s.All(ctx)
	ok(t, err)
	equal(t, "revision after what failed", revision, before)
	equal(t, "the next commit", put(t, s, arm("more")), before+1)
}

func reset(t *testing.T, s store.Store) {
	before := put(t, s, arm("old"))
	must(s.Content("web").PutManifest(t.Context(), "app", someManifest("a"), "v1"))(t)
	equal(t, "revision", must(s.Reset(t.Context(), []store.Document{arm("fresh")}))(t), before+1)
	all, _, err := s.All(t.Context())
	ok(t, err)
	if len(all) != 1 || all[0].ID != armID("fresh") {
		t.Fatalf("after reset: %v", all)
	}
	must(s.Content("web").Manifest(t.Context(), "app", "v1"))(t)
}

func cancelled(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Apply(ctx, nil)
	wantErr(t, err, context.Canceled)
	_, err = s.Content("web").Manifest(ctx, "app", "v1")
	wantErr(t, err, context.Canceled)
}
