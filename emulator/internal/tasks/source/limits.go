package source

import (
	"errors"
	"fmt"
)

// Limits bound what a context may come to. The zero value has the defaults.
type Limits struct {
	// Bytes are those of all files together.
	Bytes int64
	// Entries are files, directories and links.
	Entries int
	// Ratio is how many bytes may come of one that is compressed, once they are many.
	Ratio int64
}

// The bounds of a context that is given none. A file has other bounds, too: of its name's length, and of how deep it is.
const (
	defaultBytes   = 4 << 30
	defaultEntries = 500_000
	defaultRatio   = 200

	maxName   = 4096     // bytes, as of a path on Linux
	maxNames  = 64 << 20 // bytes of all names together
	maxDepth  = 128      // directories within each other
	ratioFrom = 64 << 20 // bytes from which on the ratio counts
)

func (l Limits) resolve() Limits {
	if l.Bytes <= 0 {
		l.Bytes = defaultBytes
	}
	if l.Entries <= 0 {
		l.Entries = defaultEntries
	}
	if l.Ratio <= 0 {
		l.Ratio = defaultRatio
	}
	return l
}

// ErrTooLarge says that a context is beyond its limits.
var ErrTooLarge = errors.New("the context is too large")

func tooLarge(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrTooLarge, fmt.Sprintf(format, args...))
}
