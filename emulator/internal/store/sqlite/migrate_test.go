package sqlite

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
)

// firstVersion makes a file as the first version of the program left it: an image, its blob, and an upload.
func firstVersion(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, query := range []string{
		schema, "PRAGMA user_version = 1",
		"INSERT INTO documents VALUES ('/a', '/A', 'arm', 'T', '{}', 'e', 1)",
		"INSERT INTO repositories VALUES ('web', 'app', 1, 2, 15)",
		"INSERT INTO manifests VALUES ('web', 'app', 'sha256:m', 'type', '', '', NULL, 2, 1, 2, 13, '{}')",
		"INSERT INTO tags VALUES ('web', 'app', 'v1', 'sha256:m', 1, 2, 15)",
		"INSERT INTO blobs VALUES ('web', 'sha256:b', 'sha256:b', 3)",
		"INSERT INTO links VALUES ('web', 'app', 'sha256:b')",
		"INSERT INTO uploads VALUES ('web', 'u', 'app', 1, 2, NULL)",
	} {
		if _, err := db.Exec(query); err != nil {
			t.Fatal(query, err)
		}
	}
	return path
}

// TestMigration opens a file of the first version, twice: everything is there, and what the version did not know is asked
// for once.
func TestMigration(t *testing.T) {
	path := firstVersion(t)
	for round := range 2 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			s, err := Open(t.Context(), Options{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			migrated(t, s.Content("web"), round == 0)
			if d, err := s.Get(t.Context(), "/a"); err != nil || d.Type != "T" {
				t.Errorf("document %+v, %v", d, err)
			}
		})
	}
}

func migrated(t *testing.T, c store.Content, first bool) {
	ctx := t.Context()
	m, err := c.Manifest(ctx, "app", "v1")
	if err != nil || m.Digest != "sha256:m" || m.Attributes != (store.Attributes{Delete: true, Read: true, List: true}) || m.Image == nil != first {
		t.Errorf("manifest %+v, %v", m, err)
	}
	left, err := c.Undescribed(ctx)
	if err != nil || len(left) == 1 != first {
		t.Errorf("undescribed %+v, %v", left, err)
	}
	if gone, err := c.UnlinkUnused(ctx, time.Now().Add(-time.Minute)); err != nil || gone.Blobs != nil {
		t.Errorf("links that were there are old: %+v, %v", gone, err)
	}
	if _, err := c.Upload(ctx, "app", "u"); err != nil {
		t.Error(err)
	}
	if err := c.Describe(ctx, "app", "sha256:m", store.Image{Size: 3, Blobs: []string{"sha256:b"}}); err != nil {
		t.Error(err)
	}
	if gone, err := c.UnlinkUnused(ctx, time.Now().Add(time.Hour)); err != nil || gone.Blobs != nil {
		t.Errorf("a blob that is needed: %+v, %v", gone, err)
	}
	list, err := c.Tags(ctx, store.TagList{Repository: "app", Page: store.Page{Order: store.NewestFirst}})
	if err != nil || len(list) != 1 || list[0].Updated.UnixNano() != 2 {
		t.Errorf("tags by time %+v, %v", list, err)
	}
}

// TestMigrationIsWhole: what cannot be brought up to date is left as it was.
func TestMigrationIsWhole(t *testing.T) {
	path := firstVersion(t)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE parts (something)"); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(t.Context(), Options{Path: path}); err == nil {
		_ = s.Close()
		t.Error("opened although a table is in the way")
	}
	if _, err := db.Exec("DROP TABLE parts"); err != nil {
		t.Fatal(err)
	}
	_ = db.Close()
	s, err := Open(t.Context(), Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	migrated(t, s.Content("web"), true)
}

// TestListsSeek: a page of a list costs no more than a page, whatever its order.
func TestListsSeek(t *testing.T) {
	s, err := Open(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := s.Content("web").(*content)
	for order, want := range map[store.Order]string{store.ByName: "PRIMARY KEY", store.OldestFirst: "tags_by_time", store.NewestFirst: "tags_by_time"} {
		err := c.read(t.Context(), func(s *session) error {
			clause, args, err := c.ordered(s, "tags", "name", "app", store.Page{Order: order, Last: "x"})
			if err != nil {
				return err
			}
			plan, err := all(s, func(r scanner) (detail string, err error) {
				var ignored int
				err = r.Scan(&ignored, &ignored, &ignored, &detail)
				return detail, err
			}, "EXPLAIN QUERY PLAN "+tagColumns+"AND attributes & ? <> 0"+clause, append([]any{c.name, "app", mayList}, args...)...)
			if len(plan) != 1 || !strings.Contains(plan[0], "SEARCH") || !strings.Contains(plan[0], want) {
				t.Errorf("order %d: plan %q, want a search by %s and no sorting", order, plan, want)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}
