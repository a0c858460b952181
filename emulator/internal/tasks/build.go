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

func (r *run) buildOptions(ctx context.Context, step *taskfile.Step, out io.Writer) (o dockerfile.Options, err error) {
	b := step.Build
	if o.Platform, err = platformOf(b.Platform); err != nil {
		return o, err
	}
	if o.Secrets, err = r.buildSecrets(step); err != nil {
		return o, err
	}
	o.Context, o.Source, err = r.buildContext(ctx, step)
	if err != nil {
		return o, fmt.Errorf("failed to scan dependencies: %w", err)
	}
	o.Dockerfile, o.Target, o.Tags, o.Labels, o.Args = b.Dockerfile, b.Target, b.Tags, pairs(b.Labels), map[string]string{}
	for _, a := range b.Args {
		o.Args[a.Name] = a.Value
	}
	o.Pull, o.Fetch, o.Clone, o.Run = r.baseImage(b.Pull), r.fetchFile, r.clone, lazily{r}
	o.Progress, o.Cache, o.NoCache, o.Scratch, o.Now = out, &r.cache, b.NoCache, r.files.path(scratchDir), r.s.Cloud.Now
	return o, nil
}

// platformOf is the platform of a build; empty is the machine's.
func platformOf(text string) (v1.Platform, error) {
	if text == "" {
		return v1.Platform{}, nil
	}
	platform, err := v1.ParsePlatform(text)
	if err != nil {
		return v1.Platform{}, err
	}
	return *platform, nil
}

// buildSecrets are what RUN --mount=type=secret finds: files of the workspace, or variables of the step.
func (r *run) buildSecrets(step *taskfile.Step) (map[string][]byte, error) {
	secrets := map[string][]byte{}
	env := pairs(step.Env)
	for _, s := range step.Build.Secrets {
		value := env[s.Env]
		if s.Source != "" {
			text, err := r.files.read(from(step.WorkingDirectory, s.Source))
			if err != nil {
				return nil, err
			}
			value = text
		}
		r.log.hide(value)
		secrets[s.ID] = []byte(value)
	}
	return secrets, nil
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
