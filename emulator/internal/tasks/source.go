package tasks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/blob"
	"github.com/acrlocal/acrlocal/emulator/internal/tasks/source"
	"github.com/acrlocal/acrlocal/emulator/internal/tasks/taskfile"
)

// download fetches the source of the run into its workspace. What is in a registry is fetched with the run's logins.
func (r *run) download(ctx context.Context) error {
	at, err := source.Parse(r.source)
	if err != nil || at.Kind == source.None {
		return err
	}
	if at.Kind == source.Artifact {
		if err := r.resolveLogins(ctx); err != nil {
			return err
		}
	}
	r.log.printf("Downloading source code...")
	if r.ContextAccessToken != "" && at.Kind == source.Git {
		r.log.hide(r.ContextAccessToken)
		at.URL.User = url.User(r.ContextAccessToken)
	}
	got, err := r.fetcher().Fetch(ctx, at, r.files.workspace)
	if err != nil {
		return fmt.Errorf("failed to download context: %w", err)
	}
	r.fetched = got
	r.log.printf("Finished downloading source code")
	return r.files.enter(got.Dir)
}

// fetcher fetches contexts as the run: from the emulated world by its agent, and from this machine where that is allowed.
func (r *run) fetcher() *source.Fetcher {
	return &source.Fetcher{
		Transport: r.transport, Repositories: r.s.Repositories, Scratch: r.files.path(scratchDir), Log: r.log.printf,
		Upload: func(name string) (io.ReadCloser, error) {
			content, err := r.s.Blobs.Open(sourceOf(r.registry, name))
			if err != nil {
				return nil, fmt.Errorf("%q is neither an upload nor an address, which is file:///DIR#BRANCH of a repository on this machine: %w", name, err)
			}
			return content, nil
		},
		Image: func(ctx context.Context, reference string) (v1.Image, error) {
			return r.find(ctx, reference, v1.Platform{OS: "linux", Architecture: runtime.GOARCH})
		},
	}
}

// transport is what carries requests to a host; nil for one that is outside of the emulated world and of this machine.
func (r *run) transport(host string) http.RoundTripper {
	if isRegistry(host) || strings.HasSuffix(azure.Fold(host), blob.Suffix) {
		return r.agent
	}
	if r.s.Local == nil {
		return nil
	}
	return r.s.Local(host)
}

// buildContext opens the directory that a step builds from, and reads the Dockerfile if it is named, unless it is to be found in
// there. A remote context is fetched into the directory of the step's name.
func (r *run) buildContext(ctx context.Context, step *taskfile.Step) (root *os.Root, file []byte, err error) {
	at, err := source.Parse(step.Build.Context)
	if err != nil {
		return nil, nil, err
	}
	if at.Kind == source.None || at.Kind == source.Path {
		return r.localContext(step)
	}
	dir := local(step.ID)
	if err := r.files.workspace.MkdirAll(dir, 0o755); err != nil {
		return nil, nil, cause(err)
	}
	if root, err = openDirectory(r.files.workspace, dir); err != nil {
		return nil, nil, cause(err)
	}
	got, err := r.fetcher().Fetch(ctx, at, root)
	if err == nil && got.Dir != "." {
		whole := root
		root, err = openDirectory(whole, got.Dir)
		_ = whole.Close()
	}
	return root, nil, err
}

// localContext opens a context in the workspace. The Dockerfile is named from the working directory, and may be outside of
// the context.
func (r *run) localContext(step *taskfile.Step) (root *os.Root, file []byte, err error) {
	b := step.Build
	if b.Dockerfile != "" {
		text, err := r.files.read(from(step.WorkingDirectory, b.Dockerfile))
		if err != nil {
			return nil, nil, fmt.Errorf("unable to prepare context: %w", err)
		}
		file = []byte(text)
	}
	root, err = openDirectory(r.files.workspace, local(from(step.WorkingDirectory, b.Context)))
	if err != nil {
		return nil, nil, fmt.Errorf("unable to prepare context: path %q not found: %w", b.Context, cause(err))
	}
	return root, file, nil
}

// from is a path as seen from a directory.
func from(dir, name string) string {
	if path.IsAbs(name) {
		return name
	}
	return path.Join(dir, name)
}

// enter makes a directory of the workspace the whole of it: a run whose source is a part of a repository sees that part. Links
// on the way are followed now, before a container runs that could change them.
func (f *files) enter(dir string) error {
	if dir == "" || dir == "." {
		return nil
	}
	root, err := openDirectory(f.workspace, dir)
	if err != nil {
		return cause(err)
	}
	entered, err := realBelow(f.path(workspaceDir), dir)
	if err != nil {
		return errors.Join(cause(err), root.Close())
	}
	_ = f.workspace.Close()
	f.workspace, f.entered = root, entered
	return nil
}

// realBelow is the path of a directory without links, as seen from one that it is in.
func realBelow(above, dir string) (string, error) {
	real, err := filepath.EvalSymlinks(filepath.Join(above, filepath.FromSlash(dir)))
	if err != nil {
		return "", err
	}
	if above, err = filepath.EvalSymlinks(above); err != nil {
		return "", err
	}
	below, err := filepath.Rel(above, real)
	if err == nil && !filepath.IsLocal(below) {
		err = fmt.Errorf("%s leads out of the source", dir)
	}
	return below, err
}
