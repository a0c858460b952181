package dockerfile

import (
	"context"
	"io"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/acrlocal/acrlocal/emulator/internal/executor"
)

// Options say what is built, and with what.
type Options struct {
	// Context holds the files that COPY and ADD find; nil is no context. Nothing outside of it is read, whatever links say.
	Context *os.Root
	// Dockerfile is the path of the Dockerfile in the context; empty is "Dockerfile".
	Dockerfile string
	// Source is the Dockerfile itself, where it is not in the context; nil reads it at the path Dockerfile.
	Source []byte
	// Target is the stage that is built, by name or number; empty is the last.
	Target string
	// Args are the values of --build-arg.
	Args map[string]string
	// Platform is what the image is for; the zero value is linux and the architecture of this machine.
	Platform v1.Platform
	// Labels are set at the end, as --label does.
	Labels map[string]string
	// Tags are the names that the caller will give the image. They are for the progress alone.
	Tags []string
	// Secrets are what RUN --mount=type=secret finds, by ID.
	Secrets map[string][]byte

	// Pull returns the image that a reference names, for a platform. It is called once for each image that the target needs,
	// with the reference as it is written in the Dockerfile after expansion. The layers may be read several times.
	Pull func(ctx context.Context, reference string, platform v1.Platform) (v1.Image, error)
	// Fetch downloads what ADD names by its URL; nil refuses it.
	Fetch func(ctx context.Context, url string) (Download, error)
	// Clone writes the files of a Git repository, named as in ADD, to a directory; nil refuses it.
	Clone func(ctx context.Context, repository, directory string) error
	// Run is the network in which RUN is carried out; nil refuses RUN. It stays the caller's to close.
	Run executor.Network
	// RunAlone is the network of RUN --network=none, which leads nowhere; nil refuses that.
	RunAlone executor.Network
	// NoRun is why Run is nil, and what would help; it is part of the error.
	NoRun string

	// Progress gets the words of docker build, line by line; nil discards them.
	Progress io.Writer
	// Cache holds what former builds led to; nil is none. It is good as long as the results of those builds are not closed.
	Cache *Cache
	// NoCache looks for nothing in the cache. What is built goes into it nevertheless.
	NoCache bool
	// Scratch is the directory for layers and downloads; empty is that of the system for temporary files. Build makes a
	// directory of its own in there, which Result.Close removes.
	Scratch string
	// Now is the time of the image; nil is time.Now.
	Now func() time.Time
	// Limits bound the build; zero fields have defaults.
	Limits Limits
}

// Download is what Options.Fetch returns.
type Download struct {
	// Body is read to its end and closed.
	Body io.ReadCloser
	// Name is the file name that the server gave (Content-Disposition); empty leaves it to the URL.
	Name string
	// Modified is when the file was changed, if the server said so.
	Modified time.Time
}

// Limits bound a build. A bound that is reached is an error that names it.
type Limits struct {
	// Dockerfile is the size of the Dockerfile in bytes, by default 1 MiB.
	Dockerfile int64
	// Instructions is how many instructions there may be, triggers of base images included; by default 2,000.
	Instructions int
	// Files is how many files the context, a layer or an image may have, by default 500,000.
	Files int
	// Bytes is how much the context, a layer, an archive that ADD extracts, and all files that the build itself writes may have,
	// by default 16 GiB.
	Bytes int64
	// Word is how long a word may become by expansion, in bytes; by default 1 MiB.
	Word int
}

// Result is what was built.
type Result struct {
	// Image is the image, in Docker's media types. It reads its layers from the scratch directory until Close.
	Image v1.Image
	// Runtime is the image that the target is based on, directly or through other stages; nil for scratch.
	Runtime *Dependency
	// Buildtime are the other images that were pulled: bases of other stages, sources of COPY --from and RUN --mount.
	Buildtime []Dependency
	// Close removes what the image is read from.
	Close func() error
}

// Dependency is an image that went into another one, as ACR Tasks reports it (acr-tasks §1.5).
type Dependency struct {
	Registry   string `json:"registry"`
	Repository string `json:"repository"`
	Tag        string `json:"tag,omitempty"`
	Digest     string `json:"digest"`
	// Reference is the name as it is in the Dockerfile, after expansion.
	Reference string `json:"reference"`
}
