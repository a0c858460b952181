package emulator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/acrlocal/acrlocal/emulator/internal/builtin"
	"github.com/acrlocal/acrlocal/emulator/internal/executor"
)

// errNoExecutable reports that containers in namespaces were asked for, and nothing is known that could make them.
var errNoExecutable = errors.New("executor namespaces: it takes a program that calls emulator.Main first: set Options.Executable")

// openContainers chooses what runs containers, and finds the images that come from outside. Neither costs anything before
// it is used.
func (e *Emulator) openContainers() (err error) {
	for _, text := range e.options.Mirrors {
		mirror, err := builtin.ParseMirror(text)
		if err != nil {
			return err
		}
		if at, err := os.Stat(mirror.Layout); mirror.Layout != "" && (err != nil || !at.IsDir()) {
			return fmt.Errorf("mirror %s: %s is no directory that can be read", text, mirror.Layout)
		}
		e.mirrors.Mirrors = append(e.mirrors.Mirrors, mirror)
	}
	kind := e.options.Executor
	if e.options.Executable != "" {
		e.mirrors.Images = builtin.NewImages(e.options.Executable)
	} else if kind == executor.Namespaces {
		return errNoExecutable
	} else if kind == "" || kind == executor.Auto {
		kind = executor.Docker
	}
	e.executor, err = executor.Choose(context.Background(), executor.Options{
		Kind: kind, Dir: e.containerDir(), Executable: e.options.Executable, ChildArguments: []string{containerChild}, Image: e.ownImage(),
	})
	if err != nil {
		return err
	}
	e.closers = append(e.closers, e.executor)
	return nil
}

// ownImage makes an image of this program, of which a Docker engine runs one end of networks; nil if nothing is known that
// could be in it.
func (e *Emulator) ownImage() func() (v1.Image, error) {
	if e.mirrors.Images == nil {
		return nil
	}
	return func() (v1.Image, error) { return e.mirrors.Images.Image("mcr.microsoft.com/acr/bash", nil) }
}

// containerDir is where the layers of images are unpacked: beside the other state, so that they are there at the next start.
func (e *Emulator) containerDir() string {
	if e.options.Data == "" {
		return ""
	}
	return filepath.Join(e.options.Data, "containers")
}

// microsoftHost is the registry of Microsoft's own images, of which the emulator has those that tasks name.
const microsoftHost = "mcr.microsoft.com"

// ExecutorStatus says how containers are run.
type ExecutorStatus struct {
	// Kind is namespaces, docker or none.
	Kind string `json:"kind"`
	// Detail is for people: how it works here, or why nothing can be run and what would help.
	Detail string `json:"detail"`
}

// String is the kind with the detail.
func (s ExecutorStatus) String() string { return fmt.Sprintf("%s: %s", s.Kind, s.Detail) }
