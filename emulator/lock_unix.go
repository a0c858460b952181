//go:build unix

package emulator

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// lockDirectory keeps other emulators out of a data directory for as long as this process lives, however it ends.
func lockDirectory(dir string) (io.Closer, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s is in use by another emulator; choose another --data", dir)
	}
	return f, nil
}
