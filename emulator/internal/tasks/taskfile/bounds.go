package taskfile

import (
	"fmt"

	"github.com/acrlocal/acrlocal/emulator/internal/yamlfile"
)

// The bounds of what a stranger's task may be, and of what it may come to. A person's file is far below them.
const (
	maxText     = 1 << 20 // bytes of a file, of one with its aliases replaced, and of a rendered one
	maxValues   = 1 << 16 // values of a values file, after its aliases are followed
	maxSteps    = 1_000
	maxPatience = 1 << 26 // work of one rendering, of which a byte that is touched takes one
	maxValue    = 1 << 18 // bytes of one value in a template, about
	maxNesting  = 64      // lists and mappings within each other, of a file and of a value
	maxCalls    = 500     // templates within each other
)

// yamlLimits bound the text of every YAML file of a task.
var yamlLimits = yamlfile.Limits{Marks: 100_000, Entries: 5_000, Documents: 100, Depth: maxNesting}

func checkSize(what, text string) error {
	if len(text) > maxText {
		return fmt.Errorf("%s has %d bytes, more than the %d that it may have", what, len(text), maxText)
	}
	return nil
}
