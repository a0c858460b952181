//go:build unix

package shell

import (
	"errors"
	"io/fs"
	"syscall"
)

// owner is what a listing says of a file beside its mode: links, user and group.
func owner(info fs.FileInfo) (links uint64, user, group uint32) {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Nlink), s.Uid, s.Gid //nolint:unconvert // its width is the machine's
	}
	return 1, 0, 0
}

// isCrossDevice reports whether a file cannot be renamed since it would have to go to another device.
func isCrossDevice(err error) bool { return errors.Is(err, syscall.EXDEV) }
