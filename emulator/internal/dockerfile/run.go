package dockerfile

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/acrlocal/acrlocal/emulator/internal/executor"
)

// runCommand carries out RUN in the network of the options.
func (s *stage) runCommand(ctx context.Context, c *instructions.RunCommand) error {
	network, err := s.network(c)
	if err != nil {
		return err
	}
	spec, err := s.spec(ctx, c)
	if err != nil {
		return err
	}
	key := s.runKey(c, spec.Args, spec.Env)
	return s.once(key, strings.Join(spec.Args, " "), func() (*layer, error) {
		container := digestOf(s.id, fmt.Sprint(c))
		s.progress.container(container)
		changes, err := network.Layer(ctx, spec)
		if err != nil {
			return nil, runError(err, spec.Args)
		}
		s.progress.removed(container)
		l, err := s.keep(changes)
		if err == nil {
			err = s.overlay(l)
		}
		return l, err
	})
}

// network is where RUN is carried out.
func (s *stage) network(c *instructions.RunCommand) (executor.Network, error) {
	if instructions.GetSecurity(c) == instructions.SecurityInsecure {
		return nil, errors.New("RUN --security=insecure: granting entitlement security.insecure is not allowed")
	}
	network, why := s.Run, s.NoRun
	switch instructions.GetNetwork(c) {
	case instructions.NetworkHost:
		return nil, errors.New("RUN --network=host: granting entitlement network.host is not allowed")
	case instructions.NetworkNone:
		network = s.RunAlone
	}
	if network != nil {
		return network, nil
	}
	if why == "" {
		why = "no containers can be run here"
	}
	return nil, fmt.Errorf("%s: RUN needs a container: %s; the other instructions work without", c, why)
}

// spec is the container of a RUN.
func (s *stage) spec(ctx context.Context, c *instructions.RunCommand) (executor.Spec, error) {
	image, err := s.image()
	if err != nil {
		return executor.Spec{}, err
	}
	m := &mounting{stage: s}
	for _, mount := range instructions.GetMounts(c) {
		if err := m.add(ctx, mount); err != nil {
			return executor.Spec{}, err
		}
	}
	args, err := m.command(c)
	if err == nil {
		err = m.missingVolumes()
	}
	if err != nil {
		return executor.Spec{}, err
	}
	known := environment(s.config.Config.Env)
	for name, value := range s.values() {
		if _, hidden := known[name]; !hidden {
			m.env = append(m.env, name+"="+value)
		}
	}
	slices.Sort(m.env)
	return executor.Spec{
		Process: executor.Process{Args: args, Env: m.env, Stdout: s.Progress, Stderr: s.Progress},
		Image:   image, Mounts: m.mounts,
	}, nil
}

// command is what RUN starts. A script that stands in the Dockerfile is given to the shell, or run by itself if it names an
// interpreter.
func (m *mounting) command(c *instructions.RunCommand) ([]string, error) {
	line := c.ShellDependantCmdLine
	if len(c.Files) == 0 {
		return m.commandLine(line), nil
	}
	if len(line.CmdLine) != 1 || !line.PrependShell {
		return nil, fmt.Errorf("%s: a here-document needs the shell form", c)
	}
	first := c.Files[0]
	switch {
	case parser.MustParseHeredoc(line.CmdLine[0]) == nil:
		line.CmdLine = []string{line.CmdLine[0] + "\n" + documents(c.Files)}
	case strings.HasPrefix(first.Data, "#!"):
		file, err := m.file(content(first), 0o755, owner{})
		if err != nil {
			return nil, err
		}
		script := path.Join("/dev/pipes", clean(first.Name))
		m.mounts = append(m.mounts, executor.Mount{From: file, To: script, ReadOnly: true})
		return []string{script}, nil
	default:
		line.CmdLine = []string{content(first)}
	}
	return m.commandLine(line), nil
}

// documents puts here-documents together again, for a shell that reads them itself.
func documents(files []instructions.ShellInlineFile) string {
	var all []string
	for _, f := range files {
		all = append(all, f.Data+f.Name)
	}
	return strings.Join(all, "\n")
}

func content(f instructions.ShellInlineFile) string {
	if f.Chomp {
		return parser.ChompHeredocContent(f.Data)
	}
	return f.Data
}

// runError says how RUN ended, in docker's words.
func runError(err error, args []string) error {
	var ended *executor.ExitError
	switch {
	case errors.As(err, &ended):
		text := fmt.Sprintf("The command '%s' returned a non-zero code: %d", strings.Join(args, " "), ended.Code)
		if ended.Reason != "" {
			text += " (" + ended.Reason + ")"
		}
		return &RunError{Code: ended.Code, text: text}
	case errors.Is(err, executor.ErrNotFound) && len(args) > 0 && path.IsAbs(args[0]):
		err = fmt.Errorf("stat %s: no such file or directory", args[0])
	case !errors.Is(err, executor.ErrNotFound) || len(args) == 0:
		return err
	}
	return fmt.Errorf("failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: %q: %w: unknown", args[0], err)
}

// RunError says that a RUN ended with another code than 0.
type RunError struct {
	// Code is the exit code.
	Code int
	text string
}

// Error is what docker says.
func (e *RunError) Error() string { return e.text }

// keep copies the changes of a RUN to the scratch directory, but for those in volumes, which docker drops.
func (s *stage) keep(changes v1.Layer) (l *layer, err error) {
	stream, err := changes.Uncompressed()
	if err != nil {
		return nil, err
	}
	defer stream.Close() //nolint:errcheck // it is only read
	w, err := newLayerWriter(s.scratch)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.file.Close(), os.Remove(w.file.name()))
		}
	}()
	if len(s.config.Config.Volumes) == 0 {
		if _, err = io.Copy(w, stream); err != nil {
			return nil, err
		}
		return w.finish()
	}
	t, err := s.tree()
	if err != nil {
		return nil, err
	}
	o := outside{w: tar.NewWriter(w), below: t, volumes: s.volumes(t), written: map[string]bool{}}
	if err := o.copy(tar.NewReader(stream)); err != nil {
		return nil, err
	}
	return w.finish()
}
