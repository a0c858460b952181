package executor

import "github.com/acrlocal/acrlocal/emulator/internal/executor/layer"

// Remove removes a directory that containers wrote to, and all below it, however deep that is and whatever its modes are. It
// follows no link; what is not there is no error.
func Remove(dir string) error { return layer.Remove(dir) }
