package tasks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/executor"
)

// files are the directories of a run: the workspace, with its source, the home of its containers, and the rest. They are
// read by os.Root: what a step puts there leads nowhere else.
type files struct {
	dir       string
	workspace *os.Root
	entered   string // the part of the workspace that is all of it
}

// clean removes what the runs of a process that was killed left in the service's own directory.
func (s *Service) clean() {
	if s.Dir == "" {
		return
	}
	left, _ := filepath.Glob(filepath.Join(s.Dir, runPrefix+"*"))
	for _, dir := range left {
		files{dir: dir}.close()
	}
}

const (
	runPrefix    = "run-"
	workspaceDir = "workspace"
	homeDir      = "home"
	volumesDir   = "volumes"
	scratchDir   = "scratch"
	maxTaskFile  = 1 << 20 // bytes of a task file
)

func newFiles(in string) (f files, err error) {
	if in != "" {
		if err := os.MkdirAll(in, 0o700); err != nil {
			return f, err
		}
	}
	if f.dir, err = os.MkdirTemp(in, runPrefix); err != nil {
		return f, err
	}
	for _, name := range []string{workspaceDir, homeDir, volumesDir, scratchDir} {
		if err := os.Mkdir(f.path(name), 0o755); err != nil { //nolint:gosec // containers work there as anybody
			return f, err
		}
	}
	f.workspace, err = os.OpenRoot(f.path(workspaceDir))
	return f, err
}

// workspacePath is where the workspace is.
func (f files) workspacePath() string { return filepath.Join(f.dir, workspaceDir, f.entered) }

func (f files) path(name string) string { return filepath.Join(f.dir, name) }

// local is a path below the workspace, as steps write it: absolute ones are those of the container.
func local(name string) string {
	name = strings.TrimPrefix(name, "/workspace")
	return cmp.Or(strings.TrimPrefix(path.Clean("/"+name), "/"), ".")
}

// read reads a small file of the workspace.
func (f files) read(name string) (string, error) {
	// A step may have put a pipe there, which would keep whoever opens it waiting.
	file, err := f.workspace.OpenFile(local(name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", fmt.Errorf("unable to read %s: %w", name, cause(err))
	}
	defer func() { _ = file.Close() }()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("unable to read %s: it is no regular file", name)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxTaskFile+1))
	if err == nil && len(data) > maxTaskFile {
		err = fmt.Errorf("%s has more than %d bytes", name, maxTaskFile)
	}
	return string(data), err
}

// cause is an error of the file system without the machine's path.
func cause(err error) error {
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		return at.Err
	}
	return err
}

// openDirectory opens a directory below another. A pipe in its place keeps nobody waiting, as it would without the slash.
func openDirectory(root *os.Root, name string) (*os.Root, error) { return root.OpenRoot(name + "/") }

// size is how many bytes the files have. It stops counting at a bound.
func (f files) size(bound int64) int64 {
	root, err := os.OpenRoot(f.dir)
	if err != nil {
		return 0
	}
	defer func() { _ = root.Close() }()
	return bound - remaining(root, bound, 0)
}

// remaining is what a directory leaves of a bound; it is negative if that is too little. Directories are opened one in the
// other, since a container may make their paths longer than a path may be; too many are too much.
func remaining(dir *os.Root, left int64, depth int) int64 {
	list, err := dir.Open(".")
	if err != nil {
		return left // what comes and goes meanwhile does not count
	}
	entries, _ := list.ReadDir(-1)
	_ = list.Close()
	if depth > maxDepth {
		return -1
	}
	for _, entry := range entries {
		left -= entrySize
		if info, err := dir.Lstat(entry.Name()); err == nil && info.Mode().IsRegular() {
			left -= info.Size()
		}
		if entry.IsDir() && left >= 0 {
			if below, err := openDirectory(dir, entry.Name()); err == nil {
				left = remaining(below, left, depth+1)
				_ = below.Close()
			}
		}
		if left < 0 {
			return left
		}
	}
	return left
}

const (
	maxDepth    = 512             // directories within each other
	entrySize   = 256             // bytes that a file counts besides its content
	lookAtFiles = 2 * time.Second // between two looks at how many bytes they have
)

// errFull is the cause for which a run whose files are too many is stopped.
var errFull = errors.New("no space left on device: the files of the run have more bytes than they may")

// bounded stops a run when its files become too many.
func (r *run) bounded(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-r.s.Cloud.After(lookAtFiles):
				if r.files.size(r.s.Disk) > r.s.Disk {
					cancel(errFull)
				}
			}
		}
	}()
	return ctx, func() { cancel(nil) }
}

func (f files) close() {
	if f.workspace != nil {
		_ = f.workspace.Close()
	}
	_ = executor.Remove(f.dir)
}
