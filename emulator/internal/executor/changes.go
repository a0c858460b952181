package executor

import (
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// changes is a layer in a file.
type changes struct {
	path string
	id   v1.Hash
}

// DiffID is the digest of the content.
func (l *changes) DiffID() (v1.Hash, error) { return l.id, nil }

// Uncompressed opens the content.
func (l *changes) Uncompressed() (io.ReadCloser, error) { return os.Open(l.path) }

// MediaType is that of docker's layers.
func (l *changes) MediaType() (types.MediaType, error) { return types.DockerLayer, nil }
