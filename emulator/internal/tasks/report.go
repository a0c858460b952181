package tasks

import (
	"context"

	"github.com/acrlocal/acrlocal/emulator/internal/dockerfile"
)

// dependency is an image and what it was built from.
type dependency struct {
	image     string
	runtime   *dockerfile.Dependency
	buildtime []dockerfile.Dependency
}

func (r *run) noteBuild(tags []string, built dockerfile.Result) {
	r.noted.Lock()
	defer r.noted.Unlock()
	for _, tag := range tags {
		r.noted.dependencies = append(r.noted.dependencies, dependency{image: tag, runtime: built.Runtime, buildtime: built.Buildtime})
	}
}

// report prints what the images were built from.
func (r *run) report(context.Context) error { return nil }

func listed([]dependency) []any { return nil }
