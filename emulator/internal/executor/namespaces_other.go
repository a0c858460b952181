//go:build !linux

package executor

import (
	"context"
	"errors"
)

// openNamespaces says that there are none.
func openNamespaces(context.Context, Options) (Executor, error) {
	return nil, &UnavailableError{"only Linux has namespaces"}
}

// Child is for Linux alone; see there.
func Child([]string) error { return errors.New("only Linux has namespaces") }
