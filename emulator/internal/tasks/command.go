package tasks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/acrlocal/acrlocal/emulator/internal/executor"
	"github.com/acrlocal/acrlocal/emulator/internal/tasks/taskfile"
)

// Where the directories of a run are in its containers.
const (
	inWorkspace = "/workspace"
	inHome      = "/acb/home"
)

// join is the network of the run's containers, made when it is first needed.
func (r *run) join(ctx context.Context) (executor.Network, error) {
	r.network.Lock()
	defer r.network.Unlock()
	if r.network.Network != nil {
		return r.network.Network, nil
	}
	if r.s.Executor == nil {
		return nil, errNoContainers
	}
	ca, err := r.s.Cloud.CA()
	if err != nil {
		return nil, err
	}
	r.network.Network, err = r.s.Executor.Network(context.WithoutCancel(ctx), executor.NetworkOptions{Dial: r.agent.Dial, CA: ca})
	return r.network.Network, err
}

// lazily is the network of the run's containers for a build, which may need none.
type lazily struct{ r *run }

// Start starts a container in the network.
func (l lazily) Start(ctx context.Context, s executor.Spec) (executor.Container, error) {
	n, err := l.r.join(ctx)
	if err != nil {
		return nil, err
	}
	return n.Start(ctx, s)
}

// Layer runs a container of a build.
func (l lazily) Layer(ctx context.Context, s executor.Spec) (v1.Layer, error) {
	n, err := l.r.join(ctx)
	if err != nil {
		return nil, err
	}
	return n.Layer(ctx, s)
}

// Close leaves the network to the run.
func (l lazily) Close() error { return nil }

// The exit codes of docker run for what is wrong before a container runs.
const (
	codeDocker   = 125
	codeNotFound = 127
)

// command runs the container of a step, to its end unless it is detached.
func (r *run) command(ctx context.Context, step *taskfile.Step, out io.Writer) error {
	r.log.printf("Launching container with name: %s", step.ID)
	spec, err := r.container(ctx, step, out)
	if err != nil {
		return dockerError(ctx, out, err, codeDocker)
	}
	network, err := r.join(ctx)
	if err != nil {
		return dockerError(ctx, out, err, codeDocker)
	}
	c, err := network.Start(ctx, spec)
	switch {
	case errors.Is(err, executor.ErrNotFound):
		return dockerError(ctx, out, err, codeNotFound)
	case err != nil:
		return dockerError(ctx, out, err, codeDocker)
	case step.Cmd.Detach:
		return nil
	}
	return waitFor(ctx, c)
}

// waitFor waits for the end of a container, and ends it with the context.
func waitFor(ctx context.Context, c executor.Container) error {
	code, err := c.Wait(ctx)
	switch {
	case ctx.Err() != nil:
		c.Stop(0)
		return context.Cause(ctx)
	case err != nil:
		return err
	case code != 0:
		return &executor.ExitError{Code: code}
	}
	return nil
}

// dockerError says what docker run says of what it could not run.
func dockerError(ctx context.Context, out io.Writer, err error, code int) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	_, _ = fmt.Fprintf(out, "docker: %s.\n", strings.TrimSuffix(err.Error(), "."))
	return &executor.ExitError{Code: code}
}

// container is the container of a step.
func (r *run) container(ctx context.Context, step *taskfile.Step, out io.Writer) (executor.Spec, error) {
	cmd := step.Cmd
	spec := executor.Spec{Name: step.ID, Privileged: cmd.Privileged, Limits: executor.Limits{Memory: cmd.Memory}}
	spec.User, spec.Stdout, spec.Stderr = cmd.User, out, out
	spec.Env = step.Env
	if !slices.ContainsFunc(step.Env, func(v string) bool { return strings.HasPrefix(v, "HOME=") }) {
		spec.Env = append([]string{"HOME=" + inHome}, step.Env...)
	}
	if !step.KeepImageDirectory {
		spec.Dir = path.Join(inWorkspace, step.WorkingDirectory)
		if path.IsAbs(step.WorkingDirectory) {
			spec.Dir = step.WorkingDirectory
		}
	}
	var err error
	if cmd.CPUs != "" {
		if spec.Limits.CPUs, err = strconv.ParseFloat(cmd.CPUs, 64); err != nil {
			return spec, fmt.Errorf("invalid argument %q for --cpus", cmd.CPUs)
		}
	}
	if spec.Mounts, err = r.mounts(step); err != nil {
		return spec, err
	}
	if spec.Image, err = r.stepImage(ctx, cmd, out); err != nil {
		return spec, err
	}
	config, err := spec.Image.ConfigFile()
	if err != nil {
		return spec, err
	}
	var entrypoint []string
	if cmd.EntryPoint != "" {
		entrypoint = []string{cmd.EntryPoint}
	}
	spec.Args = executor.Command(config.Config, entrypoint, cmd.Args)
	if len(spec.Args) == 0 {
		return spec, errors.New("no command specified")
	}
	return spec, nil
}

// stepImage finds the image of a step's container, and pulls it where that is asked for.
func (r *run) stepImage(ctx context.Context, cmd *taskfile.Cmd, out io.Writer) (v1.Image, error) {
	platform := v1.Platform{OS: "linux", Architecture: runtime.GOARCH}
	ref, err := name.ParseReference(cmd.Image)
	if err != nil {
		return nil, err
	}
	if image, found := r.images.get(ref); found && !cmd.Pull {
		return image, nil
	}
	if !cmd.Pull {
		_, _ = fmt.Fprintf(out, "Unable to find image '%s' locally\n", familiar(cmd.Image, ref))
		return r.downloaded(ctx, cmd, ref, platform, out)
	}
	r.log.printf("Step specified pull. Performing an explicit pull...")
	for attempt := 0; ; attempt++ {
		image, err := r.downloaded(ctx, cmd, ref, platform, out)
		if err == nil || attempt >= cmd.DownloadRetries {
			return image, err
		}
		if err := r.wait(ctx, cmd.DownloadRetryDelay); err != nil {
			return nil, err
		}
	}
}

func (r *run) downloaded(ctx context.Context, cmd *taskfile.Cmd, ref name.Reference, platform v1.Platform, out io.Writer) (v1.Image, error) {
	image, err := r.fetch(ctx, ref, cmd.Image, platform)
	if err != nil {
		return nil, err
	}
	if digest, err := image.Digest(); err == nil {
		_, _ = fmt.Fprintf(out, "Digest: %s\n", digest)
	}
	_, _ = fmt.Fprintf(out, "Status: Downloaded newer image for %s\n", familiar(cmd.Image, ref))
	return image, nil
}

// familiar is a reference as docker writes it: as it was given, with its tag.
func familiar(given string, ref name.Reference) string {
	if strings.HasSuffix(given, ref.Identifier()) {
		return given
	}
	return given + ":" + ref.Identifier()
}
