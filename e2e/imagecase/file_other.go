//go:build !unix

package imagecase

import (
	"errors"
	"io/fs"
	"os"
)

func mkfifo(string) error { return errors.ErrUnsupported }

func chmod(name string, mode int64) error { return os.Chmod(name, fs.FileMode(mode)) }
