//go:build unix

package dockerfile

import (
	"io/fs"
	"syscall"
)

// fileID names a file on its machine, whatever names it has.
type fileID struct{ device, inode uint64 }

// identify returns what hard links have in common, and whether there are several.
func identify(info fs.FileInfo) (fileID, bool) {
	stat, known := info.Sys().(*syscall.Stat_t)
	if !known || stat.Nlink < 2 {
		return fileID{}, false
	}
	return fileID{uint64(stat.Dev), uint64(stat.Ino)}, true //nolint:unconvert // their types differ between systems
}
