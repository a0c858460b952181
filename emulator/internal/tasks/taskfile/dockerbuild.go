package taskfile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The bounds of the steps of a build (acr-tasks §1.6).
const (
	buildTimeout = 8 * time.Hour
	pushTimeout  = time.Hour
)

// ParseBuild makes the task of a build: a step named build, and one named push if the images are to be pushed. Text,
// AliasFile and ResolveSecrets of the input mean nothing.
func ParseBuild(ctx context.Context, b DockerBuild, in Input) (*Task, error) {
	r, err := newRenderer(in)
	if err != nil {
		return nil, err
	}
	build, err := b.render(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("error while rendering templates: %w", err)
	}
	if build.Context == "" {
		return nil, errors.New("build requires exactly 1 argument, see build --help")
	}
	for i, tag := range build.Tags {
		build.Tags[i] = b.prefixed(tag, in.Run.Registry)
	}
	if err := checkTags(build.Tags); err != nil {
		return nil, err
	}
	return b.task(build, in)
}

func (b DockerBuild) task(build *Build, in Input) (*Task, error) {
	env, err := mergeEnv(nil, in.Env)
	if err != nil {
		return nil, err
	}
	common := Step{Env: env, WorkingDirectory: in.WorkingDirectory, RetryDelay: defaultRetryDelay * time.Second}
	step := common
	step.ID, step.Timeout, step.Build, step.Text = "build", buildTimeout, build, build.line()
	task := &Task{Version: "v1.0.0", Steps: []Step{step}}
	if images := imageNames(build.Tags); b.Push && len(images) > 0 {
		step := common
		step.ID, step.Timeout, step.Push, step.After = "push", pushTimeout, images, []int{0}
		task.Steps = append(task.Steps, step)
	}
	return task, nil
}

// render renders each of a build's texts.
func (b DockerBuild) render(ctx context.Context, r *renderer) (*Build, error) {
	build := &Build{
		Context: b.Context, Dockerfile: b.Dockerfile, Target: b.Target, Platform: b.Platform, NoCache: b.NoCache, Pull: b.Pull,
		Tags: slices.Clone(b.ImageNames), Args: slices.Clone(b.Arguments),
	}
	texts := []*string{&build.Context, &build.Dockerfile, &build.Target, &build.Platform}
	for i := range build.Tags {
		texts = append(texts, &build.Tags[i])
	}
	for i := range build.Args {
		texts = append(texts, &build.Args[i].Value)
	}
	for _, text := range texts {
		var err error
		if *text, err = r.text(ctx, "build", *text); err != nil {
			return nil, err
		}
	}
	return build, nil
}

// prefixed puts the registry's name before an image's that has none of those that the run knows. Names are compared as the
// engine does: by how they begin.
func (b DockerBuild) prefixed(image, registry string) string {
	for _, known := range append([]string{registry, "library/"}, b.Registries...) {
		if known != "" && strings.HasPrefix(image, known) {
			return image
		}
	}
	if registry == "" {
		return image
	}
	return registry + "/" + image
}

// line is the build as a command line, without what is secret.
func (b *Build) line() string {
	var words []string
	add := func(flag, value string) {
		if value != "" {
			words = append(words, flag, shellQuote(value))
		}
	}
	for _, label := range b.Labels {
		add("--label", label)
	}
	if b.Pull {
		words = append(words, "--pull")
	}
	if b.NoCache {
		words = append(words, "--no-cache")
	}
	add("-f", b.Dockerfile)
	for _, tag := range b.Tags {
		add("-t", tag)
	}
	for _, arg := range b.Args {
		value := arg.Value
		if arg.Secret {
			value = "***"
		}
		add("--build-arg", arg.Name+"="+value)
	}
	add("--target", b.Target)
	add("--platform", b.Platform)
	return strings.Join(append(words, shellQuote(b.Context)), " ")
}
