package tasks

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/blob"
)

// The containers of a registry's account, and how long URLs are good for.
const (
	sourceContainer = "sources"
	logContainer    = "logs"
	uploadLasting   = 2 * time.Hour
	readLasting     = 24 * time.Hour
)

// account is the storage account that ACR Tasks use for a registry, a name that Storage takes.
func account(registry azure.ResourceID) string {
	sum := sha256.Sum256([]byte(registry.Key()))
	return "acrtask" + hex.EncodeToString(sum[:8])
}

func logOf(id azure.ResourceID) blob.Ref {
	registry, _ := id.Parent()
	return blob.Ref{Account: account(registry), Container: logContainer, Name: azure.Fold(id.Name()) + "/rawtext.log"}
}

func sourceOf(registry azure.ResourceID, path string) blob.Ref {
	return blob.Ref{Account: account(registry), Container: sourceContainer, Name: path}
}

// Forget removes the sources and logs of a registry that is gone. Whoever makes one of its name has nothing of them, nor leads a
// URL that was given out for the old one to what the new one has.
func (s *Service) Forget(registry azure.ResourceID) { s.Blobs.Empty(account(registry)) }

// SourceUpload makes room for the source of a run: a signed URL to write it to, and its path for sourceLocation (acr-tasks
// §1.4).
func (s *Service) SourceUpload(_ context.Context, registry azure.ResourceID) (upload *url.URL, relativePath string, err error) {
	relativePath = "source/" + s.Cloud.Now().UTC().Format("200601021504") + "/" + strings.ToLower(rand.Text()) + ".tar.gz"
	return s.Blobs.Sign(sourceOf(registry, relativePath), blob.Upload, uploadLasting), relativePath, nil
}

// LogURL is where a run's log can be read, also while it grows.
func (s *Service) LogURL(_ context.Context, id azure.ResourceID) (*url.URL, error) {
	return s.Blobs.Sign(logOf(id), blob.Read, readLasting), nil
}
