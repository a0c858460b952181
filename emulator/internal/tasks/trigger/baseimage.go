package trigger

import "strings"

// Image is a tag of a repository, and the manifest that it is on.
type Image struct {
	// Registry is a login server, or another registry's host. Repository, Tag and Digest are as in a reference; Tag is empty for
	// an image that is named by its digest.
	Registry, Repository, Tag, Digest string
}

// Dependency is an image that another was built from, as the last run of a task found it.
type Dependency struct {
	Image
	// Runtime is whether it is what the image runs on, as opposed to what only its build used.
	Runtime bool
}

// The kinds of base image triggers.
const (
	// Runtime looks at what images run on.
	Runtime = "Runtime"
	// All looks at what their builds used, too.
	All = "All"
)

// Updated returns the dependencies that a push concerns. Tags are what can be updated: a dependency that was named by its
// digest never is, and neither is one whose tag is on the same manifest as before. A kind that is neither Runtime nor All concerns
// nothing. Hosts are compared without case; docker.io has several names.
func Updated(kind string, pushed Image, dependencies []Dependency) []Dependency {
	var updated []Dependency
	for _, d := range dependencies {
		isMeant := strings.EqualFold(kind, All) || strings.EqualFold(kind, Runtime) && d.Runtime
		isSame := host(d.Registry) == host(pushed.Registry) && d.Repository == pushed.Repository && d.Tag == pushed.Tag
		if isMeant && isSame && d.Tag != "" && pushed.Digest != "" && d.Digest != pushed.Digest {
			updated = append(updated, d)
		}
	}
	return updated
}

// host is a registry's host in one spelling.
func host(registry string) string {
	folded := strings.ToLower(registry)
	switch folded {
	case "", "index.docker.io", "registry.hub.docker.com", "registry-1.docker.io":
		return "docker.io"
	}
	return folded
}
