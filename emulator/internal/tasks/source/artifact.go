package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// The annotations by which artifacts tell how their layers are to be laid out.
const (
	titleAnnotation  = "org.opencontainers.image.title"
	unpackAnnotation = "io.deis.oras.content.unpack"
)

// artifact writes the layers of an artifact under their titles; a directory was packed, and is unpacked. A layer without a title
// is not for the file system.
func (f *Fetcher) artifact(ctx context.Context, reference string, into *os.Root) error {
	if f.Image == nil {
		return fmt.Errorf("oci://%s is outside this emulator", reference)
	}
	image, err := f.Image(ctx, reference)
	if err != nil {
		return fmt.Errorf("failed to pull artifact from registry: %w", err)
	}
	manifest, err := image.Manifest()
	if err != nil {
		return fmt.Errorf("failed to pull artifact from registry: %w", err)
	}
	layers, err := image.Layers()
	if err != nil {
		return fmt.Errorf("failed to pull artifact from registry: %w", err)
	}
	limits := f.Limits.resolve()
	if len(layers) != len(manifest.Layers) || len(layers) > limits.Entries {
		return tooLarge("it has %d layers", len(layers))
	}
	x := &extraction{into: into, limits: limits, compressed: &counter{}}
	for i, layer := range layers {
		if title := manifest.Layers[i].Annotations[titleAnnotation]; title == "" {
			continue
		} else if err := x.layer(ctx, title, manifest.Layers[i], layer); err != nil {
			return err
		}
	}
	digest, err := image.Digest()
	f.logf("Pulled from %s with digest %s", reference, digest)
	return err
}

// layer writes one layer. What is left of the bounds is that of the whole artifact.
func (x *extraction) layer(ctx context.Context, title string, d v1.Descriptor, layer v1.Layer) error {
	name, err := localName(title)
	if err != nil {
		return err
	}
	content, err := layer.Compressed()
	if err != nil {
		return fmt.Errorf("failed to pull artifact from registry: %w", err)
	}
	defer content.Close() //nolint:errcheck // it is only read
	if d.Annotations[unpackAnnotation] == "true" {
		left := Limits{Bytes: max(x.limits.Bytes-x.bytes, 1), Entries: max(x.limits.Entries-x.entries, 1), Ratio: x.limits.Ratio}
		return Extract(ctx, content, x.into, left)
	}
	if name == "." {
		return errors.New("the artifact has a layer without a name")
	}
	if err := x.place(name, false); err != nil {
		return entryError(title, err)
	}
	file, err := x.into.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return entryError(path.Clean(title), err)
	}
	from := &counter{Reader: content}
	x.compressed = from
	_, err = io.Copy(file, &metered{from, x})
	return entryError(title, errors.Join(err, file.Close(), x.into.Chmod(name, 0o644)))
}
