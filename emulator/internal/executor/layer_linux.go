package executor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"

	"github.com/acrlocal/acrlocal/emulator/internal/executor/sandbox"
)

// diff has the keeper write what a container changed, into a file of the network.
func (w *network) diff(ctx context.Context, c *container) (v1.Layer, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	l := &changes{path: filepath.Join(w.namespaces.slot.path, w.next("layer"))}
	copied := make(chan error, 1)
	go func() { copied <- l.read(reader) }()
	a, err := w.keeper.ask(ctx, sandbox.Order{Diff: &sandbox.Diffing{Bundle: c.bundle(), Made: c.made, Bytes: c.spec.Limits.Disk}}, writer)
	_ = writer.Close()
	if err == nil {
		err = a.Err()
	}
	if copyErr := <-copied; err == nil {
		err = copyErr
	}
	if err != nil {
		return nil, err
	}
	return partial.UncompressedToLayer(l)
}

func (l *changes) read(from io.Reader) error {
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(f, sum), from); err != nil {
		return err
	}
	l.id = v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum.Sum(nil))}
	return nil
}
