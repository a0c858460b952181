package tasks

import (
	"context"
	"fmt"
	"mime"
	"net/http"
	"os"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/dockerfile"
	"github.com/acrlocal/acrlocal/emulator/internal/tasks/source"
)

// fetchFile downloads what ADD names by its URL, from where sources may come.
func (r *run) fetchFile(ctx context.Context, address string) (d dockerfile.Download, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return d, err
	}
	response, err := (&http.Client{Transport: r.fetcher()}).Do(request)
	if err != nil {
		return d, err
	}
	if response.StatusCode != http.StatusOK {
		_ = response.Body.Close()
		return d, fmt.Errorf("failed to GET %s with status %s", request.URL.Redacted(), response.Status)
	}
	d.Body = response.Body
	if _, parameters, err := mime.ParseMediaType(response.Header.Get("Content-Disposition")); err == nil {
		d.Name = parameters["filename"]
	}
	if modified, err := http.ParseTime(response.Header.Get("Last-Modified")); err == nil {
		d.Modified = modified.In(time.UTC)
	}
	return d, nil
}

// clone writes the files of a repository that ADD names to a directory.
func (r *run) clone(ctx context.Context, repository, directory string) error {
	at, err := source.Parse(repository)
	if err != nil {
		return err
	}
	if at.Kind != source.Git {
		return fmt.Errorf("%s is no repository", repository)
	}
	root, err := os.OpenRoot(directory)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	_, err = r.fetcher().Fetch(ctx, at, root)
	return err
}
