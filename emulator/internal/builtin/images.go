package builtin

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// described is one of the built-in images.
type described struct {
	repository string
	entrypoint []string
	command    []string
}

// catalog are the built-in images: those that ACR Tasks has aliases for (acr-tasks §1.2), with the entry points of their
// Dockerfiles (github.com/Azure/acr-cli, github.com/Azure/acr-task-commands), and what quickstarts begin with. Any tag is
// there, and means the same.
func catalog() []described {
	return []described{
		{"mcr.microsoft.com/acr/acr-cli", []string{"/usr/bin/acr"}, nil},
		{"mcr.microsoft.com/acr/bash", []string{entrypoint}, []string{"bash"}},
		{"mcr.microsoft.com/acr/curl", []string{"/usr/bin/curl"}, nil},
		{"mcr.microsoft.com/hello-world", nil, []string{"/hello"}},
		{"docker.io/library/bash", []string{entrypoint}, []string{"bash"}},
		{"docker.io/library/hello-world", nil, []string{"/hello"}},
	}
}

// Repositories are the repositories of the built-in images, such as mcr.microsoft.com/acr/bash.
func Repositories() []string {
	var names []string
	for _, d := range catalog() {
		names = append(names, d.repository)
	}
	return names
}

// Images are the built-in images. They share one layer, which is the executable and links to it, and is read when it is
// asked for. Methods may be called from any number of goroutines.
type Images struct {
	layer *layer

	mu   sync.Mutex
	made map[string]v1.Image // by repository
}

// NewImages makes images of an executable for Linux which calls [Main]; empty is the running one. Whether it will do is
// seen when an image is asked for.
func NewImages(executable string) *Images {
	if executable == "" {
		executable = running()
	}
	return &Images{layer: &layer{executable: executable}, made: map[string]v1.Image{}}
}

// Image returns the image of a repository; nil, and no error, if it is none of the built-in ones. An error says that the
// executable will not do, or is for another platform; a nil platform is that of the executable.
func (i *Images) Image(repository string, platform *v1.Platform) (v1.Image, error) {
	all := catalog()
	at := slices.IndexFunc(all, func(d described) bool { return d.repository == repository })
	if at < 0 {
		return nil, nil
	}
	own, err := i.layer.platform()
	if err != nil {
		return nil, fmt.Errorf("%s is built of this program: %w", repository, err)
	}
	if platform != nil && (orDefault(platform.OS, own.OS) != own.OS || orDefault(platform.Architecture, own.Architecture) != own.Architecture) {
		return nil, fmt.Errorf("%s is built of this program, which is for %s and not for %s", repository, own, platform)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.made[repository] == nil {
		image, err := i.compose(all[at], own)
		if err != nil {
			return nil, err
		}
		i.made[repository] = image
	}
	return i.made[repository], nil
}

// compose makes an image of the layer.
func (i *Images) compose(d described, platform v1.Platform) (v1.Image, error) {
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	made := v1.Time{Time: time.Unix(0, 0).UTC()}
	image, err := mutate.Append(base, mutate.Addendum{
		Layer: i.layer, MediaType: types.OCIUncompressedLayer, History: v1.History{Created: made, CreatedBy: "acrlocal, built in"},
	})
	if err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Created = platform.OS, platform.Architecture, made
	file.Config = v1.Config{
		Env:        []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
		Entrypoint: d.entrypoint, Cmd: d.command,
		Labels: map[string]string{"org.opencontainers.image.description": "a part of acrlocal in place of " + d.repository},
	}
	return mutate.ConfigFile(image, file)
}

// running is the executable of this process. On Linux it is found also after another has replaced it.
func running() string {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe"
	}
	return executablePath()
}

func orDefault(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
