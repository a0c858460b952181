package tasks

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/acrlocal/acrlocal/emulator/internal/dockerfile"
	"github.com/acrlocal/acrlocal/emulator/internal/executor"
	"github.com/acrlocal/acrlocal/emulator/internal/tasks/taskfile"
)

// build builds an image and gives it its names in the run.
func (r *run) build(ctx context.Context, step *taskfile.Step, out io.Writer) error {
	o, err := r.buildOptions(ctx, step, out)
	if err != nil {
		return err
	}
	defer func() { _ = o.Context.Close() }()
	r.log.printf("Successfully scanned dependencies")
	r.log.printf("Launching container with name: %s", step.ID)
	built, err := dockerfile.Build(ctx, o)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		_, _ = fmt.Fprintln(out, err)
		return errExit1
	}
	r.images.keep(built.Close)
	for _, tag := range step.Build.Tags {
		ref, err := name.ParseReference(tag)
		if err != nil {
			return err
		}
		r.images.put(ref, built.Image)
		if err := r.noteBuild(ref, built); err != nil {
			return err
		}
	}
	return nil
}

// errExit1 is the error of docker build, which said why in its output.
var errExit1 = &executor.ExitError{Code: 1}

func (r *run) buildOptions(ctx context.Context, step *taskfile.Step, out io.Writer) (dockerfile.Options, error) {
	b := step.Build
	root, file, err := r.buildContext(ctx, step)
	if err != nil {
		return dockerfile.Options{}, fmt.Errorf("failed to scan dependencies: %w", err)
	}
	o := dockerfile.Options{
		Context: root, Dockerfile: b.Dockerfile, Source: file, Target: b.Target, Tags: b.Tags, Labels: pairs(b.Labels), Args: map[string]string{},
		Pull: r.baseImage(b.Pull), Progress: out, NoCache: b.NoCache, Scratch: r.files.path(scratchDir), Now: r.s.Cloud.Now,
	}
	for _, a := range b.Args {
		o.Args[a.Name] = a.Value
	}
	if b.Platform != "" {
		platform, err := v1.ParsePlatform(b.Platform)
		if err != nil {
			return o, err
		}
		o.Platform = *platform
	}
	if o.Run, err = r.join(ctx); err != nil {
		o.Run, o.NoRun = nil, err.Error()
	}
	return o, nil
}

// pairs reads NAME=value.
func pairs(list []string) map[string]string {
	m := map[string]string{}
	for _, item := range list {
		key, value, _ := strings.Cut(item, "=")
		m[key] = value
	}
	return m
}

// baseImage finds the images that a Dockerfile is based on.
func (r *run) baseImage(always bool) func(context.Context, string, v1.Platform) (v1.Image, error) {
	return func(ctx context.Context, reference string, platform v1.Platform) (v1.Image, error) {
		ref, err := name.ParseReference(reference)
		if err != nil {
			return nil, err
		}
		if image, found := r.images.get(ref); found && !always {
			return image, nil
		}
		return r.fetch(ctx, ref, reference, platform)
	}
}
