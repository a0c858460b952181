//go:build unix

package tasks

import (
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
}
