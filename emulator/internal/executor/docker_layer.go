package executor

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
)

// changed are the paths that a container has beside its image, or has otherwise.
func (c *dockerRunning) changed(ctx context.Context) (map[string]bool, error) {
	var changes []struct{ Path string }
	if err := c.engine().call(ctx, http.MethodGet, "/containers/"+c.id+"/changes", nil, &changes); err != nil {
		return nil, err
	}
	found := make(map[string]bool, len(changes))
	for _, change := range changes {
		found[strings.Trim(change.Path, "/")] = true
	}
	return found, nil
}

// changes has the engine make an image of a container, and takes the last layer of it, without what the executor had put
// there.
func (w *dockerNetwork) changes(ctx context.Context, c *dockerRunning) (v1.Layer, error) {
	var made, is struct {
		ID     string
		RootFS struct{ Layers []string }
	}
	body := map[string]any{"Labels": w.docker.labels(w.id)}
	if err := w.docker.engine.call(ctx, http.MethodPost, query("/commit", "container", c.id, "pause", "0"), body, &made); err != nil {
		return nil, err
	}
	defer func() { _ = w.docker.drop(context.WithoutCancel(ctx), query("/images/"+made.ID, "force", "1")) }()
	if err := w.docker.engine.call(ctx, http.MethodGet, "/images/"+made.ID+"/json", nil, &is); err != nil {
		return nil, err
	}
	whole, err := os.CreateTemp(w.dir, "whole-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(whole.Name())
	defer whole.Close()
	if len(is.RootFS.Layers) > c.layers {
		if err := w.docker.save(ctx, made.ID, is.RootFS.Layers[len(is.RootFS.Layers)-1], whole); err != nil {
			return nil, err
		}
	}
	return w.without(whole, c.made)
}

// without makes a layer of a file of the engine's, without what is the executor's.
func (w *dockerNetwork) without(whole *os.File, made map[string]bool) (v1.Layer, error) {
	if _, err := whole.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(w.dir, "layer-")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sum := sha256.New()
	if err := filter(whole, io.MultiWriter(f, sum), made); err != nil {
		return nil, fmt.Errorf("layer: %w", err)
	}
	l := &changes{path: f.Name(), id: v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum.Sum(nil))}}
	return partial.UncompressedToLayer(l)
}

// filter copies a layer without the entries of paths that the executor made. Their directories stay where there is something
// else in them.
func filter(from io.Reader, to io.Writer, made map[string]bool) error {
	in, out := tar.NewReader(from), tar.NewWriter(to)
	var above []*tar.Header // directories that the executor touched, of which the next entry decides
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return out.Close()
		}
		if err != nil {
			return err
		}
		h.Mode &= 0o7777 // some engines say of which kind it is, too
		name := strings.Trim(h.Name, "/")
		for len(above) > 0 && !strings.HasPrefix(name, strings.Trim(above[len(above)-1].Name, "/")+"/") {
			above = above[:len(above)-1]
		}
		if made[name] {
			if h.Typeflag == tar.TypeDir {
				above = append(above, h)
			}
			continue
		}
		for _, dir := range append(above, h) {
			if err := out.WriteHeader(dir); err != nil {
				return err
			}
		}
		above = nil
		if _, err := io.Copy(out, in); err != nil { //nolint:gosec // as much as the engine made of it
			return err
		}
	}
}

// save has the engine write an image down, and keeps the layer with a digest. Engines name layers differently, so that it is
// found by its content.
func (d *docker) save(ctx context.Context, image, layer string, to *os.File) error {
	answer, err := d.engine.send(ctx, http.MethodGet, "/images/"+image+"/get", nil, "")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	for saved := tar.NewReader(answer.Body); ; {
		h, err := saved.Next()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("the engine did not write the layer %s", layer)
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg || !strings.HasSuffix(h.Name, ".tar") && !strings.HasPrefix(h.Name, "blobs/") {
			continue
		}
		if digest, err := keep(saved, to); err != nil || "sha256:"+digest == layer {
			return err
		}
	}
}

// keep writes a file anew, unpacked, and returns the digest of what is in it.
func keep(from io.Reader, to *os.File) (string, error) {
	if _, err := to.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	if err := to.Truncate(0); err != nil {
		return "", err
	}
	content := io.Reader(bufio.NewReader(from))
	if magic, _ := content.(*bufio.Reader).Peek(2); string(magic) == "\x1f\x8b" {
		unzipped, err := gzip.NewReader(content)
		if err != nil {
			return "", err
		}
		content = io.LimitReader(unzipped, maxLayer)
	}
	sum := sha256.New()
	_, err := io.Copy(io.MultiWriter(to, sum), content)
	return hex.EncodeToString(sum.Sum(nil)), err
}
