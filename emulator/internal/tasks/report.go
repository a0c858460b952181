package tasks

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/acrlocal/acrlocal/emulator/internal/dockerfile"
)

// dependency is an image that was built, and what it was built from.
type dependency struct {
	image     name.Reference
	digest    v1.Hash
	runtime   *dockerfile.Dependency
	buildtime []dockerfile.Dependency
}

// noteBuild notes what an image was built from.
func (r *run) noteBuild(image name.Reference, built dockerfile.Result) error {
	digest, err := built.Image.Digest()
	if err != nil {
		return err
	}
	r.noted.Lock()
	defer r.noted.Unlock()
	r.noted.dependencies = append(r.noted.dependencies, dependency{image, digest, built.Runtime, built.Buildtime})
	return nil
}

// report prints what the images of the run were built from, as ACR does.
func (r *run) report(context.Context) error {
	r.noted.Lock()
	defer r.noted.Unlock()
	if len(r.noted.dependencies) == 0 {
		return nil
	}
	var text strings.Builder
	for _, d := range r.noted.dependencies {
		at := d.image.Context()
		text.WriteString("- image:\n")
		describe(&text, "    ", dockerfile.Dependency{
			Registry: at.RegistryStr(), Repository: at.RepositoryStr(), Tag: d.image.Identifier(), Digest: d.digest.String(),
		})
		if d.runtime != nil {
			text.WriteString("  runtime-dependency:\n")
			describe(&text, "    ", *d.runtime)
		}
		if len(d.buildtime) > 0 {
			text.WriteString("  buildtime-dependency:\n")
		}
		for _, from := range d.buildtime {
			describe(&text, "  - ", from)
		}
		text.WriteString("  git: {}\n")
	}
	r.log.printf("The following dependencies were found:")
	r.log.printf("\n%s", text.String())
	return nil
}

// describe writes an image in YAML, of which the first line has a mark of a list where the others are indented.
func describe(text *strings.Builder, indent string, d dockerfile.Dependency) {
	for _, line := range [][2]string{{"registry", d.Registry}, {"repository", d.Repository}, {"tag", d.Tag}, {"digest", d.Digest}} {
		if line[1] != "" {
			_, _ = fmt.Fprintf(text, "%s%s: %s\n", indent, line[0], line[1])
		}
		indent = strings.ReplaceAll(indent, "-", " ")
	}
}

// The kinds of dependencies in documents.
const (
	runtimeDependency   = "runtime"
	buildtimeDependency = "buildtime"
)

// dependencyList is what a run's document says of what its images were built from.
func dependencyList(all []dependency) []any {
	var list []any
	seen := map[[2]string]bool{}
	add := func(kind string, d dockerfile.Dependency) {
		if id := [2]string{kind, d.Registry + "/" + d.Repository + ":" + d.Tag + "@" + d.Digest}; !seen[id] {
			seen[id] = true
			list = append(list, map[string]any{"type": kind, "registry": d.Registry, "repository": d.Repository, "tag": d.Tag, "digest": d.Digest})
		}
	}
	for _, d := range all {
		if d.runtime != nil {
			add(runtimeDependency, *d.runtime)
		}
		for _, from := range d.buildtime {
			add(buildtimeDependency, from)
		}
	}
	return list
}
