// Package layer turns layers of images into directories that overlayfs stacks, and what a container changed into a layer
// again. It runs inside the container's user namespace, without power over the machine, since layers are written by
// strangers: no name leads out of the directory, and everything is bounded.
package layer

import "errors"

// Bounds of one layer and of what a container may leave.
const (
	maxEntries = 1 << 20   // files and directories
	maxBytes   = 32 << 30  // of content, unless the caller says otherwise
	maxName    = 4096      // bytes of a path, PATH_MAX
	maxNames   = 256 << 20 // bytes of all paths together: they are kept in memory
	maxDepth   = 256       // directories below each other
)

// Marks of the two forms: a layer says by name what is gone (OCI image-spec, "Whiteouts"), overlayfs by a character device
// 0/0 and by an attribute.
const (
	whiteoutPrefix = ".wh."
	opaqueName     = ".wh..wh..opq"
	metaPrefix     = ".wh..wh."
	opaqueXattr    = "user.overlay.opaque"
	overlayXattr   = "user.overlay."
	paxXattr       = "SCHILY.xattr."
)

// ErrTooLarge says that a layer, or what a container left, exceeds a bound.
var ErrTooLarge = errors.New("too large")

// ErrEscape says that a name in a layer leads outside of it.
var ErrEscape = errors.New("leads outside of the layer")

// Bounds limit what Unpack writes; zero is this package's own bound.
type Bounds struct {
	// Bytes is the content of all files together.
	Bytes int64
	// Entries is how many files and directories there may be.
	Entries int
}

func (b Bounds) orDefault() Bounds {
	if b.Bytes <= 0 {
		b.Bytes = maxBytes
	}
	if b.Entries <= 0 {
		b.Entries = maxEntries
	}
	return b
}
