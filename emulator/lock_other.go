//go:build !unix

package emulator

import (
	"io"
	"os"
	"path/filepath"
)

// lockDirectory only marks a data directory where the system has no locks that end with the process.
func lockDirectory(dir string) (io.Closer, error) {
	return os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
}
