package emulator

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// HelloImage builds a small image on the spot: one layer with one text file. The same text gives the same digest.
func HelloImage(text string) (v1.Image, error) {
	layer, err := textLayer(text)
	if err != nil {
		return nil, err
	}
	file := &v1.ConfigFile{
		OS: "linux", Architecture: "amd64", Created: v1.Time{Time: time.Unix(0, 0).UTC()},
		RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{Cmd: []string{"/hello.txt"}, Labels: map[string]string{"org.opencontainers.image.title": "hello"}},
	}
	base, err := mutate.ConfigFile(empty.Image, file)
	if err != nil {
		return nil, err
	}
	return mutate.AppendLayers(base, layer)
}

// textLayer is a layer with /hello.txt, of 1970, so that its digest depends on nothing but the text.
func textLayer(text string) (v1.Layer, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	header := &tar.Header{Name: "hello.txt", Mode: 0o644, Size: int64(len(text)), ModTime: time.Unix(0, 0)}
	if err := w.WriteHeader(header); err != nil {
		return nil, fmt.Errorf("layer: %w", err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		return nil, fmt.Errorf("layer: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("layer: %w", err)
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
}
