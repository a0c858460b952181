package tasks

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
)

// download fetches the source of the run into its workspace.
func (r *run) download(ctx context.Context) error {
	if r.source == "" || r.source == "/dev/null" {
		return nil
	}
	r.log.printf("Downloading source code...")
	if err := r.unpackUpload(); err != nil {
		return fmt.Errorf("failed to download context: %w", err)
	}
	r.log.printf("Finished downloading source code")
	return ctx.Err()
}

// unpackUpload unpacks what a client uploaded.
func (r *run) unpackUpload() error {
	content, err := r.s.Blobs.Open(sourceOf(r.registry, r.source))
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }()
	plain, err := gzip.NewReader(content)
	if err != nil {
		return err
	}
	for archive := tar.NewReader(plain); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := local(h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			err = r.files.workspace.MkdirAll(name, 0o755)
		case tar.TypeReg:
			if err = r.files.workspace.MkdirAll(path.Dir(name), 0o755); err != nil {
				return err
			}
			file, err := r.files.workspace.Create(name)
			if err != nil {
				return err
			}
			_, err = io.Copy(file, archive)
			_ = errors.Join(file.Chmod(h.FileInfo().Mode().Perm()), file.Close())
			if err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}
