//go:build !linux

package executor

import "os"

// Remove removes a directory that containers wrote to, and all below it. It follows no link; what is not there is no error.
func Remove(dir string) error { return os.RemoveAll(dir) }
