package imagecase

import (
	"os"
	"slices"

	"github.com/rogpeppe/go-internal/txtar"
)

// Record writes what the judge said into the case's file.
func (c *Case) Record(want, failure string) error {
	c.archive.Files = slices.DeleteFunc(c.archive.Files, func(f txtar.File) bool { return f.Name == "want" || f.Name == "error" })
	if failure != "" {
		c.archive.Files = append(c.archive.Files, txtar.File{Name: "error", Data: []byte(failure + "\n")})
	} else {
		c.archive.Files = append(c.archive.Files, txtar.File{Name: "want", Data: []byte(want)})
	}
	return os.WriteFile(c.path, txtar.Format(c.archive), 0o644)
}
