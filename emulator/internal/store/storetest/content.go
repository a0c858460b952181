package storetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

// digest makes a digest out of one letter.
func digest(letter string) string { return "sha256:" + strings.Repeat(letter, 64) }

func someManifest(letter string) store.Manifest {
	body := []byte(`{"of":"` + letter + `"}`)
	return store.Manifest{
		Digest: digest(letter), MediaType: "application/vnd.oci.image.manifest.v1+json", ArtifactType: "example/" + letter,
		Annotations: json.RawMessage(`{"k":"v"}`), Size: int64(len(body)), Body: body,
		Image: &store.Image{Size: int64(letter[0]), ConfigMediaType: "example/config", Architecture: "amd64", OS: "linux"},
	}
}

func manifests(t *testing.T, s store.Store) {
	ctx, c := t.Context(), s.Content("web")
	a, b := someManifest("a"), someManifest("b")
	equal(t, "added", must(c.PutManifest(ctx, "team/app", a, "v1"))(t), true)
	equal(t, "added again", must(c.PutManifest(ctx, "team/app", a, "latest"))(t), false)
	equal(t, "added to another", must(c.PutManifest(ctx, "team/app", b))(t), true)

	want := a
	want.Attributes, want.Readable = store.Unlocked(), true
	for _, reference := range []string{"v1", "latest", a.Digest} {
		got := must(c.Manifest(ctx, "team/app", reference))(t)
		if got.Created.IsZero() || time.Since(got.Created) > time.Hour {
			t.Fatalf("created %v", got.Created)
		}
		if d := cmp.Diff(want, got, cmpopts.IgnoreFields(store.Manifest{}, "Created", "Updated")); d != "" {
			t.Fatalf("%s (-want +got)\n%s", reference, d)
		}
	}
	for _, at := range [][2]string{{"team/app", "v2"}, {"team/app", digest("c")}, {"team", "v1"}, {"team/app", "V1"}} {
		_, err := c.Manifest(ctx, at[0], at[1])
		wantErr(t, err, store.ErrNotFound)
	}

	first := must(c.Manifests(ctx, "team/app", store.Page{N: 1}))(t)
	want.Body, want.Readable, want.Tags = nil, true, []string{"latest", "v1"}
	if d := cmp.Diff([]store.Manifest{want}, first, cmpopts.IgnoreFields(store.Manifest{}, "Created", "Updated")); d != "" {
		t.Fatalf("first page (-want +got)\n%s", d)
	}
	page := must(c.Manifests(ctx, "team/app", store.Page{N: 1, Last: a.Digest}))(t)
	if len(page) != 1 || page[0].Digest != b.Digest || page[0].Body != nil {
		t.Fatalf("second page: %+v", page)
	}

	gone := must(c.DeleteManifest(ctx, "team/app", a.Digest))(t)
	equal(t, "removed tags", gone.Tags, []string{"latest", "v1"})
	_, err := c.Manifest(ctx, "team/app", "v1")
	wantErr(t, err, store.ErrNotFound)
	_, err = c.DeleteManifest(ctx, "team/app", a.Digest)
	wantErr(t, err, store.ErrNotFound)

	must(c.Repository(ctx, "team/app"))(t)
	must(c.DeleteManifest(ctx, "team/app", b.Digest))(t)
	_, err = c.Repository(ctx, "team/app")
	wantErr(t, err, store.ErrNotFound)
}

func tags(t *testing.T, s store.Store) {
	ctx, c := t.Context(), s.Content("web")
	must(c.PutManifest(ctx, "app", someManifest("a"), "b", "a", "c"))(t)
	first := must(c.Tag(ctx, "app", "b"))(t)
	must(c.PutManifest(ctx, "app", someManifest("b"), "b"))(t)
	moved := must(c.Tag(ctx, "app", "b"))(t)
	if moved.Digest != digest("b") || !moved.Created.Equal(first.Created) || moved.Updated.Before(first.Updated) {
		t.Fatalf("moved tag %+v was %+v", moved, first)
	}
	before := must(c.Manifest(ctx, "app", "b"))(t)
	must(c.PutManifest(ctx, "app", someManifest("b"), "b"))(t)
	equal(t, "tag set to where it stood", must(c.Tag(ctx, "app", "b"))(t), moved)
	equal(t, "manifest put again", must(c.Manifest(ctx, "app", "b"))(t), before)

	for _, row := range []struct {
		page store.Page
		want string
	}{
		{store.Page{}, "a b c"},
		{store.Page{N: 2}, "a b"},
		{store.Page{N: 2, Last: "b"}, "c"},
		{store.Page{Last: "aa"}, "b c"},
		{store.Page{Last: "c"}, ""},
	} {
		var names []string
		for _, tag := range must(c.Tags(ctx, store.TagList{Repository: "app", Page: row.page}))(t) {
			names = append(names, tag.Name)
		}
		equal(t, fmt.Sprint(row.page), strings.Join(names, " "), row.want)
	}

	gone := must(c.DeleteTag(ctx, "app", "b"))(t)
	equal(t, "what the tag was", gone.Digest, digest("b"))
	_, err := c.DeleteTag(ctx, "app", "b")
	wantErr(t, err, store.ErrNotFound)
	must(c.Manifest(ctx, "app", digest("b")))(t)
}

func referrers(t *testing.T, s store.Store) {
	ctx, c := t.Context(), s.Content("web")
	for _, letter := range []string{"a", "b", "c"} {
		m := someManifest(letter)
		m.Subject = digest("f")
		must(c.PutManifest(ctx, "app", m))(t)
	}
	must(c.PutManifest(ctx, "app", someManifest("d")))(t)
	other := someManifest("e")
	other.Subject = digest("f")
	must(c.PutManifest(ctx, "another", other))(t)

	for _, row := range []struct {
		name  string
		query store.Referrers
		want  string
	}{
		{"all", store.Referrers{Subject: digest("f")}, "a b c"},
		{"one artifact type", store.Referrers{Subject: digest("f"), ArtifactType: "example/b"}, "b"},
		{"a page", store.Referrers{Subject: digest("f"), Page: store.Page{N: 1, Last: digest("a")}}, "b"},
		{"of nothing", store.Referrers{Subject: digest("a")}, ""},
		{"no subject is no question", store.Referrers{}, ""},
	} {
		row.query.Repository = "app"
		var letters []string
		for _, m := range must(c.Referrers(ctx, row.query))(t) {
			letters = append(letters, m.Digest[7:8])
			equal(t, "annotations", string(m.Annotations), `{"k":"v"}`)
		}
		equal(t, row.name, strings.Join(letters, " "), row.want)
	}
}

func repositories(t *testing.T, s store.Store) {
	ctx, c := t.Context(), s.Content("web")
	for _, name := range []string{"b", "a/x", "c"} {
		must(c.PutManifest(ctx, name, someManifest("a"), "v1", "v2"))(t)
	}
	ok(t, c.LinkBlob(ctx, "b", store.Blob{Digest: digest("1"), Stored: digest("1"), Size: 7}))
	ok(t, c.LinkBlob(ctx, "c", store.Blob{Digest: digest("2"), Stored: digest("2"), Size: 8}))
	ok(t, c.LinkBlob(ctx, "b", store.Blob{Digest: digest("2"), Stored: digest("2"), Size: 8}))

	r := must(c.Repository(ctx, "b"))(t)
	equal(t, "counts", [2]int{r.Manifests, r.Tags}, [2]int{1, 2})
	equal(t, "catalog", repositoryNames(t, c, store.Page{}), "a/x b c")
	equal(t, "page", repositoryNames(t, c, store.Page{N: 1, Last: "a/x"}), "b")

	gone := must(c.DeleteRepository(ctx, "b"))(t)
	equal(t, "removed", gone, store.Removed{Manifests: []string{digest("a")}, Tags: []string{"v1", "v2"}, Blobs: []string{digest("1")}, Size: someManifest("a").Size})
	equal(t, "catalog", repositoryNames(t, c, store.Page{}), "a/x c")
	_, err := c.DeleteRepository(ctx, "b")
	wantErr(t, err, store.ErrNotFound)
}

func repositoryNames(t *testing.T, c store.Content, p store.Page) string {
	t.Helper()
	var names []string
	for _, r := range must(c.Repositories(t.Context(), p))(t) {
		names = append(names, r.Name)
	}
	return strings.Join(names, " ")
}

func blobs(t *testing.T, s store.Store) {
	ctx, c := t.Context(), s.Content("web")
	one := store.Blob{Digest: digest("1"), Stored: digest("1"), Size: 100, Readable: true}
	alias := store.Blob{Digest: "sha512:" + strings.Repeat("1", 128), Stored: one.Stored, Size: 100, Readable: true}
	ok(t, c.LinkBlob(ctx, "app", one))
	ok(t, c.LinkBlob(ctx, "app", one))
	ok(t, c.LinkBlob(ctx, "other", alias))
	equal(t, "blob", must(c.Blob(ctx, "app", one.Digest))(t), one)
	equal(t, "alias", must(c.Blob(ctx, "other", alias.Digest))(t), alias)
	_, err := c.Blob(ctx, "other", one.Digest)
	wantErr(t, err, store.ErrNotFound)

	must(c.PutManifest(ctx, "app", someManifest("a")))(t)
	equal(t, "size counts bytes once", must(c.Size(ctx))(t), 100+someManifest("a").Size)

	equal(t, "unlinked", must(c.UnlinkBlob(ctx, "app", one.Digest))(t).Blobs, []string{one.Stored})
	equal(t, "the other name is left", must(c.HasStored(ctx, one.Stored))(t), true)
	_, err = c.UnlinkBlob(ctx, "app", one.Digest)
	wantErr(t, err, store.ErrNotFound)
	must(c.UnlinkBlob(ctx, "other", alias.Digest))(t)
	equal(t, "nobody's", must(c.HasStored(ctx, one.Stored))(t), false)
}

func uploads(t *testing.T, s store.Store) {
	ctx, c := t.Context(), s.Content("web")
	u := store.Upload{UUID: "u1", Repository: "app", Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	ok(t, c.StartUpload(ctx, u))
	ok(t, c.SaveUpload(ctx, "u1", 42, []byte("state")))
	ok(t, c.SaveUpload(ctx, "u1", 41, []byte("older")))
	ok(t, c.SaveUpload(ctx, "gone", 1, nil))
	u.Offset, u.State = 42, []byte("state")
	equal(t, "upload", must(c.Upload(ctx, "app", "u1"))(t), u)
	_, err := c.Upload(ctx, "other", "u1")
	wantErr(t, err, store.ErrNotFound)
	equal(t, "uploads", must(c.Uploads(ctx))(t), []store.Upload{u})
	ok(t, c.EndUpload(ctx, "u1"))
	ok(t, c.EndUpload(ctx, "u1"))
	_, err = c.Upload(ctx, "app", "u1")
	wantErr(t, err, store.ErrNotFound)
}

// isolation fills one registry and finds nothing in others, not even in one whose name starts alike.
func isolation(t *testing.T, s store.Store) {
	ctx, full := t.Context(), s.Content("Web")
	m := someManifest("a")
	m.Subject = digest("f")
	must(full.PutManifest(ctx, "app", m, "v1"))(t)
	ok(t, full.LinkBlob(ctx, "app", store.Blob{Digest: digest("1"), Stored: digest("1"), Size: 5}))
	ok(t, full.StartUpload(ctx, store.Upload{UUID: "u1", Repository: "app"}))
	must(s.Content("wEB").Manifest(ctx, "app", "v1"))(t)

	for _, name := range []string{"web2", "we", "web/app", ""} {
		c := s.Content(name)
		_, err := c.Manifest(ctx, "app", "v1")
		wantErr(t, err, store.ErrNotFound)
		_, err = c.Blob(ctx, "app", digest("1"))
		wantErr(t, err, store.ErrNotFound)
		_, err = c.Upload(ctx, "app", "u1")
		wantErr(t, err, store.ErrNotFound)
		_, err = c.DeleteManifest(ctx, "app", m.Digest)
		wantErr(t, err, store.ErrNotFound)
		equal(t, "referrers", len(must(c.Referrers(ctx, store.Referrers{Repository: "app", Subject: digest("f")}))(t)), 0)
		equal(t, "catalog", repositoryNames(t, c, store.Page{}), "")
		ok(t, s.DropContent(ctx, name))
	}
	must(full.Manifest(ctx, "app", "v1"))(t)
	ok(t, s.DropContent(ctx, "WEB"))
	equal(t, "size after drop", must(full.Size(ctx))(t), int64(0))
	equal(t, "uploads after drop", len(must(full.Uploads(ctx))(t)), 0)
}
