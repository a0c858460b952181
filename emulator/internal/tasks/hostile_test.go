//go:build unix

package tasks

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// openedFiles makes the directories of a run, and what a step or a source has put into the workspace.
func openedFiles(t *testing.T, put ...func(workspace string) error) files {
	t.Helper()
	f, err := newFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.close() })
	for _, p := range put {
		if err := p(f.path(workspaceDir)); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func directoryOf(name string) func(string) error {
	return func(workspace string) error { return os.MkdirAll(filepath.Join(workspace, name), 0o755) }
}

func linkOf(target, name string) func(string) error {
	return func(workspace string) error { return os.Symlink(target, filepath.Join(workspace, name)) }
}

// The part of a repository that is the workspace may be named by a link that a container sees, and can change: where it led
// before any container ran is what is mounted.
func TestEnteredOnce(t *testing.T) {
	f := openedFiles(t, directoryOf("sub"), linkOf(".", "sub/link"))
	want := f.path(workspaceDir + "/sub")
	if err := f.enter("sub/link"); err != nil || f.workspacePath() != want {
		t.Fatalf("%s, %v, want %s", f.workspacePath(), err, want)
	}
	if err := os.Remove(filepath.Join(want, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/", filepath.Join(want, "link")); err != nil {
		t.Fatal(err)
	}
	if now, err := filepath.EvalSymlinks(f.workspacePath()); err != nil || !strings.HasSuffix(now, workspaceDir+"/sub") {
		t.Errorf("the workspace of the next container is %s, %v", now, err)
	}
	for _, away := range []string{"..", "/", "sub/../../.."} {
		f := openedFiles(t, directoryOf("sub"), linkOf(away, "away"))
		if err := f.enter("away"); err == nil {
			t.Errorf("it entered %s", away)
		}
	}
}

// A step may leave a pipe where a later one reads: it is refused, and nobody waits for a writer.
func TestPipeInTheWorkspace(t *testing.T) {
	f := openedFiles(t, func(workspace string) error { return syscall.Mkfifo(filepath.Join(workspace, "Dockerfile"), 0o644) })
	if text, err := f.read("Dockerfile"); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := openDirectory(f.workspace, "Dockerfile"); err == nil {
		t.Error("it is a context")
	}
}

// deep makes directories in one another, far deeper than a path can say, and a file in the last that seems to be large.
func deep(t *testing.T, dir string, depth int) {
	t.Helper()
	name := strings.Repeat("d", 200)
	above, err := os.OpenRoot(dir)
	for range depth {
		if err != nil {
			t.Fatal(err)
		}
		if err := above.Mkdir(name, 0o700); err != nil {
			t.Fatal(err)
		}
		below, openErr := above.OpenRoot(name)
		_ = above.Close()
		above, err = below, openErr
	}
	defer above.Close()
	file, err := above.Create("file")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(file.Truncate(1<<30), above.Chmod(".", 0), file.Close()); err != nil {
		t.Fatal(err)
	}
}

// What a step hides deeper than a path is long counts, and is removed.
func TestDeepFiles(t *testing.T) {
	for depth, least := range map[int]int64{40: 1 << 30, maxDepth + 10: 1 << 40} {
		f := openedFiles(t)
		deep(t, f.path(workspaceDir), depth)
		if n := f.size(1 << 40); n < least && os.Geteuid() == 0 {
			t.Errorf("%d deep: %d bytes", depth, n)
		}
		f.close()
		if _, err := os.Lstat(f.dir); !os.IsNotExist(err) {
			t.Errorf("%d deep: it is still there: %v", depth, err)
		}
	}
}
