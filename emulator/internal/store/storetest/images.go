package storetest

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

// orders updates the tags a and c at one time, d later, and b, though it was the first, last of all.
func orders(t *testing.T, s store.Store) {
	ctx, c := t.Context(), s.Content("web")
	for _, step := range []struct {
		letter string
		tags   []string
	}{{"d", []string{"b"}}, {"a", []string{"c", "a"}}, {"d", []string{"d"}}, {"b", []string{"b"}}} {
		must(c.PutManifest(ctx, "app", someManifest(step.letter), step.tags...))(t)
	}
	must(c.PutManifest(ctx, "app2", someManifest("e"), "e"))(t)
	ok(t, c.SetAttributes(ctx, store.Target{Repository: "app", Tag: "a"}, store.Unlocked(), store.Unlocked()))

	for _, row := range []struct {
		list store.TagList
		want string
	}{
		{store.TagList{Page: store.Page{Order: store.NewestFirst}}, "b d c a"},
		{store.TagList{Page: store.Page{Order: store.OldestFirst}}, "a c d b"},
		{store.TagList{Page: store.Page{Order: store.NewestFirst, N: 2}}, "b d"},
		{store.TagList{Page: store.Page{Order: store.NewestFirst, N: 1, Last: "d"}}, "c"},
		{store.TagList{Page: store.Page{Order: store.NewestFirst, N: 2, Last: "c"}}, "a"},
		{store.TagList{Page: store.Page{Order: store.NewestFirst, Last: "a"}}, ""},
		{store.TagList{Page: store.Page{Order: store.OldestFirst, Last: "a"}}, "c d b"},
		{store.TagList{Page: store.Page{Order: store.OldestFirst, N: 1, Last: "gone"}}, "a"},
		{store.TagList{Page: store.Page{Order: store.NewestFirst, N: 1, Last: "gone"}}, "b"},
		{store.TagList{Digest: digest("a")}, "a c"},
		{store.TagList{Digest: digest("a"), Page: store.Page{Last: "a"}}, "c"},
		{store.TagList{Digest: digest("a"), Page: store.Page{Order: store.NewestFirst, Last: "d"}}, "c a"},
		{store.TagList{Digest: digest("f")}, ""},
	} {
		row.list.Repository = "app"
		var names []string
		for _, tag := range must(c.Tags(ctx, row.list))(t) {
			names = append(names, tag.Name)
		}
		equal(t, fmt.Sprintf("%+v", row.list), strings.Join(names, " "), row.want)
	}
	for order, want := range map[store.Order]string{store.ByName: "a b d", store.OldestFirst: "d a b", store.NewestFirst: "b a d"} {
		var letters []string
		for p := (store.Page{Order: order, N: 1}); ; p.Last = digest(letters[len(letters)-1]) {
			page := must(c.Manifests(ctx, "app", p))(t)
			if len(page) == 0 {
				break
			}
			letters = append(letters, page[0].Digest[7:8])
		}
		equal(t, fmt.Sprintf("manifests in order %d", order), strings.Join(letters, " "), want)
	}
}

func images(t *testing.T, s store.Store) {
	ctx, c := t.Context(), s.Content("web")
	plain := someManifest("c")
	plain.Image = nil
	must(c.PutManifest(ctx, "app", someManifest("a")))(t)
	must(c.PutManifest(ctx, "app", someManifest("b")))(t)
	must(c.PutManifest(ctx, "app", plain))(t)
	must(c.PutManifest(ctx, "other", someManifest("d")))(t)
	for _, row := range []struct {
		letters string
		want    int64
	}{{"", 0}, {"a", 'a'}, {"ab", 'a' + 'b'}, {"aa", 'a'}, {"adf", 'a'}} {
		var digests []string
		for _, letter := range row.letters {
			digests = append(digests, digest(string(letter)))
		}
		equal(t, "size of "+row.letters, must(c.ImagesSize(ctx, "app", digests))(t), row.want)
	}

	left := must(c.Undescribed(ctx))(t)
	if len(left) != 1 || left[0].Repository != "app" || left[0].Digest != plain.Digest || string(left[0].Body) != string(plain.Body) {
		t.Fatalf("undescribed: %+v", left)
	}
	image := store.Image{Size: 7, OS: "linux"}
	ok(t, c.Describe(ctx, "app", digest("c"), image))
	ok(t, c.Describe(ctx, "app", digest("c"), store.Image{Size: 8}))
	ok(t, c.Describe(ctx, "app", digest("f"), image))
	equal(t, "described", *must(c.Manifest(ctx, "app", digest("c")))(t).Image, image)
	equal(t, "undescribed", len(must(c.Undescribed(ctx))(t)), 0)

	for _, letter := range []string{"e", "f"} {
		huge := someManifest(letter)
		huge.Image = &store.Image{Size: math.MaxInt64}
		must(c.PutManifest(ctx, "app", huge))(t)
	}
	equal(t, "the largest size", must(c.ImagesSize(ctx, "app", []string{digest("e"), digest("f")}))(t), int64(1<<53-1))
}

// unused links two blobs that a manifest needs in one of two repositories, and one that nothing needs.
func unused(t *testing.T, s store.Store) {
	ctx, c := t.Context(), s.Content("web")
	for _, at := range [][2]string{{"app", "1"}, {"app", "2"}, {"app", "3"}, {"other", "1"}} {
		ok(t, c.LinkBlob(ctx, at[0], store.Blob{Digest: digest(at[1]), Stored: digest(at[1]), Size: 1}))
	}
	m := someManifest("a")
	m.Image.Blobs = []string{digest("1"), digest("2"), digest("1")}
	must(c.PutManifest(ctx, "app", m, "v1"))(t)
	must(c.PutManifest(ctx, "app", m, "v2"))(t)
	linked := func(want string) {
		t.Helper()
		var have []string
		for _, at := range [][2]string{{"app", "1"}, {"app", "2"}, {"app", "3"}, {"other", "1"}} {
			if _, err := c.Blob(ctx, at[0], digest(at[1])); err == nil {
				have = append(have, at[0]+at[1])
			}
		}
		equal(t, "links", strings.Join(have, " "), want)
	}
	old, later := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)

	equal(t, "young", must(c.UnlinkUnused(ctx, old))(t), store.Removed{})
	linked("app1 app2 app3 other1")
	equal(t, "unused", must(c.UnlinkUnused(ctx, later))(t).Blobs, []string{digest("3")})
	linked("app1 app2")
	equal(t, "nothing left", must(c.UnlinkUnused(ctx, later))(t), store.Removed{})

	older := someManifest("b")
	older.Image = nil
	must(c.PutManifest(ctx, "app", older))(t)
	must(c.DeleteManifest(ctx, "app", m.Digest))(t)
	equal(t, "while a manifest was not looked at", must(c.UnlinkUnused(ctx, later))(t), store.Removed{})
	ok(t, c.Describe(ctx, "app", older.Digest, store.Image{Blobs: []string{digest("2")}}))
	equal(t, "of a deleted manifest", must(c.UnlinkUnused(ctx, later))(t).Blobs, []string{digest("1")})
	linked("app2")
	must(c.DeleteRepository(ctx, "app"))(t)
	linked("")
}
