package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

// locks follows acr-behaviour §6.2, Locks.
func locks(t *testing.T, s store.Store) {
	a, repository := digest("a"), store.Target{Repository: "app"}
	tag, manifest := store.Target{Repository: "app", Tag: "v1"}, store.Target{Repository: "app", Digest: a}
	noWrite, noDelete := store.Attributes{Delete: true, Read: true, List: true}, store.Attributes{Write: true, Read: true, List: true}
	noRead, noList := store.Attributes{Delete: true, Write: true, List: true}, store.Attributes{Delete: true, Write: true, Read: true}

	for i, row := range []struct {
		target  store.Target
		set     store.Attributes
		refused string // of: push retag untag delete drop
		hidden  bool
	}{
		{repository, noWrite, "push retag untag delete drop", false},
		{repository, noDelete, "drop", false},
		{tag, noWrite, "retag untag delete drop", false},
		{tag, noDelete, "untag delete drop", false},
		{manifest, noWrite, "delete drop", false},
		{manifest, noDelete, "delete drop", false},
		{repository, noRead, "", true},
		{tag, noRead, "", true},
		{manifest, noRead, "", true},
		{tag, noList, "", false},
	} {
		for name, operation := range map[string]func(store.Content) error{
			"push":   pushing(t, "new"),
			"retag":  pushing(t, "v1"),
			"untag":  func(c store.Content) error { _, err := c.DeleteTag(t.Context(), "app", "v1"); return err },
			"delete": func(c store.Content) error { _, err := c.DeleteManifest(t.Context(), "app", a); return err },
			"drop":   func(c store.Content) error { _, err := c.DeleteRepository(t.Context(), "app"); return err },
		} {
			c := s.Content(fmt.Sprintf("web%d%s", i, name))
			must(c.PutManifest(t.Context(), "app", someManifest("a"), "v1"))(t)
			ok(t, c.SetAttributes(t.Context(), row.target, row.set, store.Unlocked()))
			equal(t, fmt.Sprintf("%+v readable by tag", row), must(c.Manifest(t.Context(), "app", "v1"))(t).Readable, !row.hidden)
			var want error
			if strings.Contains(row.refused, name) {
				want = store.ErrLocked
			}
			if err := operation(c); !errors.Is(err, want) {
				t.Errorf("%+v with %+v: %s answers %v, want %v", row.target, row.set, name, err, want)
			}
		}
	}
	wantErr(t, s.Content("web").SetAttributes(t.Context(), repository, noRead, store.Unlocked()), store.ErrNotFound)
	unlisted(t, s.Content("hidden"), noList)
}

// pushing pushes another manifest under a tag.
func pushing(t *testing.T, tag string) func(store.Content) error {
	return func(c store.Content) error {
		_, err := c.PutManifest(t.Context(), "app", someManifest("b"), tag)
		return err
	}
}

func unlisted(t *testing.T, c store.Content, noList store.Attributes) {
	ctx := t.Context()
	must(c.PutManifest(ctx, "app", someManifest("a"), "v1", "v2"))(t)
	ok(t, c.SetAttributes(ctx, store.Target{Repository: "app", Tag: "v1"}, noList, store.Unlocked()))
	if list := must(c.Tags(ctx, store.TagList{Repository: "app"}))(t); len(list) != 1 || list[0].Name != "v2" {
		t.Errorf("listed tags %v", list)
	}
	ok(t, c.SetAttributes(ctx, store.Target{Repository: "app"}, store.Attributes{Delete: true}, store.Attributes{List: true}))
	equal(t, "catalog", repositoryNames(t, c, store.Page{}), "")
	ok(t, c.LinkBlob(ctx, "app", store.Blob{Digest: digest("1"), Stored: digest("1")}))
	equal(t, "blob readable", must(c.Blob(ctx, "app", digest("1")))(t).Readable, true)
	ok(t, c.SetAttributes(ctx, store.Target{Repository: "app"}, store.Attributes{}, store.Attributes{Read: true, List: true}))
	equal(t, "blob readable", must(c.Blob(ctx, "app", digest("1")))(t).Readable, false)
	ok(t, c.SetAttributes(ctx, store.Target{Repository: "app"}, store.Attributes{Read: true}, store.Attributes{Read: true, Delete: true}))
	must(c.DeleteManifest(ctx, "app", digest("a")))(t)
	noList.Delete = false
	equal(t, "attributes", must(c.Repository(ctx, "app"))(t).Attributes, noList)
}

// lockedBlobs: what a locked image is made of stays.
func lockedBlobs(t *testing.T, s store.Store) {
	noWrite, noDelete := store.Attributes{Write: true}, store.Attributes{Delete: true}
	for i, row := range []struct {
		target store.Target
		mask   store.Attributes
		want   error
	}{
		{store.Target{Repository: "app"}, noWrite, store.ErrLocked},
		{store.Target{Repository: "app"}, noDelete, nil},
		{store.Target{Repository: "app", Digest: digest("a")}, noWrite, store.ErrLocked},
		{store.Target{Repository: "app", Digest: digest("a")}, noDelete, store.ErrLocked},
		{store.Target{Repository: "app", Tag: "v1"}, noDelete, store.ErrLocked},
		{store.Target{Repository: "app", Tag: "v2"}, noDelete, nil},
		{store.Target{Repository: "app", Digest: digest("b")}, noDelete, nil},
		{store.Target{Repository: "other", Digest: digest("a")}, noDelete, nil},
	} {
		ctx, c := t.Context(), s.Content(fmt.Sprint("web", i))
		m := someManifest("a")
		m.Image.Blobs = []string{digest("1")}
		ok(t, c.LinkBlob(ctx, "app", store.Blob{Digest: digest("1"), Stored: digest("1")}))
		must(c.PutManifest(ctx, "app", m, "v1"))(t)
		must(c.PutManifest(ctx, "app", someManifest("b"), "v2"))(t)
		must(c.PutManifest(ctx, "other", m))(t)
		ok(t, c.SetAttributes(ctx, row.target, store.Attributes{}, row.mask))
		if _, err := c.UnlinkBlob(ctx, "app", digest("1")); !errors.Is(err, row.want) {
			t.Errorf("%+v without %+v: %v, want %v", row.target, row.mask, err, row.want)
		}
	}
}
