package sqlite_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/store"
	"github.com/acrlocal/acrlocal/emulator/internal/store/sqlite"
	"github.com/acrlocal/acrlocal/emulator/internal/store/storetest"
)

func open(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestMemory(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, "") })
}

func TestFile(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		return open(t, filepath.Join(t.TempDir(), "odd name?mode=ro#%41.db"))
	})
}

func TestMemoryStoresAreApart(t *testing.T) {
	one, two := open(t, ""), open(t, "")
	if _, err := one.Apply(t.Context(), []store.Change{{Put: &store.Document{ID: "/a", Body: json.RawMessage("{}")}}}); err != nil {
		t.Fatal(err)
	}
	if all, revision, err := two.All(t.Context()); err != nil || len(all) != 0 || revision != 0 {
		t.Fatalf("the second store has %v at %d, %v", all, revision, err)
	}
}

func TestFilesArePrivate(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "state.db"))
	if _, err := s.Apply(t.Context(), changes(1)); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 2 {
		t.Fatalf("%d files, %v; want the database and its log", len(files), err)
	}
	for _, file := range files {
		if info, err := file.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file.Name(), info.Mode(), err)
		}
	}
}

func TestOtherVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	_ = db.Close()
	if _, err := sqlite.Open(t.Context(), sqlite.Options{Path: path}); err == nil || !strings.Contains(err.Error(), "version 99") {
		t.Errorf("opened a file of another version: %v", err)
	}
}

func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	revision, err := s.Apply(t.Context(), changes(3))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	all, again, err := open(t, path).All(t.Context())
	if err != nil || len(all) != 3 || again != revision {
		t.Fatalf("%d documents at revision %d, want 3 at %d (%v)", len(all), again, revision, err)
	}
}

func TestRefusedFiles(t *testing.T) {
	other := filepath.Join(t.TempDir(), "other.db")
	if err := os.WriteFile(other, []byte(strings.Repeat("this is no database. ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"not a database":  other,
		"no such folder":  filepath.Join(t.TempDir(), "missing", "state.db"),
		"a folder itself": t.TempDir(),
	} {
		s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
		if err == nil {
			_ = s.Close()
			t.Errorf("%s: opened", name)
		} else if !strings.Contains(err.Error(), path) {
			t.Errorf("%s: the error does not name the file: %v", name, err)
		}
	}
}

// changes writes n documents of about the size of a role assignment.
func changes(n int) []store.Change {
	list := make([]store.Change, n)
	for i := range list {
		id := fmt.Sprintf("/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.Authorization/roleAssignments/%012d", i)
		body := fmt.Sprintf(`{"id":%q,"type":"Microsoft.Authorization/roleAssignments","properties":{"principalId":"%036d","roleDefinitionId":"%036d","scope":"/subscriptions/s"}}`, id, i, i)
		list[i].Put = &store.Document{ID: id, Kind: "arm", Type: "Microsoft.Authorization/roleAssignments", Body: json.RawMessage(body)}
	}
	return list
}

func BenchmarkOpenMemory(b *testing.B) {
	for b.Loop() {
		s, err := sqlite.Open(b.Context(), sqlite.Options{})
		if err != nil {
			b.Fatal(err)
		}
		_ = s.Close()
	}
}

func BenchmarkOpenFile(b *testing.B) {
	path := filepath.Join(b.TempDir(), "state.db")
	s := open(b, path)
	if _, err := s.Apply(b.Context(), changes(10_000)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := sqlite.Open(b.Context(), sqlite.Options{Path: path})
		if err != nil {
			b.Fatal(err)
		}
		_ = s.Close()
	}
}

func BenchmarkApply10000(b *testing.B) {
	list := changes(10_000)
	for b.Loop() {
		b.StopTimer()
		s := open(b, "")
		b.StartTimer()
		if _, err := s.Apply(b.Context(), list); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAll10000(b *testing.B) {
	s := open(b, "")
	_, _ = s.Apply(b.Context(), changes(10_000))
	for b.Loop() {
		if _, _, err := s.All(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkWrite(b *testing.B, path string) {
	s := open(b, path)
	list := changes(10_000)
	_, _ = s.Apply(b.Context(), list)
	for i := 0; b.Loop(); i++ {
		if _, err := s.Apply(b.Context(), list[i%10_000:i%10_000+1]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWriteMemory(b *testing.B) { benchmarkWrite(b, "") }
func BenchmarkWriteFile(b *testing.B)   { benchmarkWrite(b, filepath.Join(b.TempDir(), "state.db")) }

func BenchmarkManifestByTag(b *testing.B) {
	c := open(b, "").Content("web")
	m := store.Manifest{Digest: "sha256:" + strings.Repeat("a", 64), Body: make([]byte, 700)}
	if _, err := c.PutManifest(b.Context(), "app", m, "v1"); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := c.Manifest(b.Context(), "app", "v1"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDeleteSharedDigest deletes a digest that 10,000 tags share: it has to cost far less than a tag each.
func BenchmarkDeleteSharedDigest(b *testing.B) {
	c := open(b, "").Content("web")
	m := store.Manifest{Digest: "sha256:" + strings.Repeat("a", 64), Body: []byte("{}")}
	tags := make([]string, 10_000)
	for i := range tags {
		tags[i] = fmt.Sprintf("v%d", i)
	}
	for b.Loop() {
		b.StopTimer()
		if _, err := c.PutManifest(b.Context(), "app", m, tags...); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if gone, err := c.DeleteManifest(b.Context(), "app", m.Digest); err != nil || len(gone.Tags) != len(tags) {
			b.Fatal(len(gone.Tags), err)
		}
	}
}
