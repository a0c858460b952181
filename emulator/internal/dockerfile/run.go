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
	container := digestOf(s.id, fmt.Sprint(c))
	s.progress.container(container)
	changes, err := network.Layer(ctx, spec)
	if err != nil {
		return runError(err, spec.Args)
	}
	s.progress.removed(container)
	l, err := s.keep(changes)
	if err != nil {
		return err
	}
	return s.stack(l, strings.Join(spec.Args, " "))
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
	archive := tar.NewWriter(w)
	if err := copyOutside(archive, tar.NewReader(stream), t, s.volumes(t)); err != nil {
		return nil, err
	}
	return w.finish()
}

// missingVolumes makes an empty directory of each volume that the image lacks.
func (m *mounting) missingVolumes() error {
	if len(m.config.Config.Volumes) == 0 {
		return nil
	}
	t, err := m.tree()
	if err != nil {
		return err
	}
	for _, volume := range m.volumes(t) {
		if t.at(volume) == nil {
			m.mounts = append(m.mounts, executor.Mount{To: "/" + volume})
		}
	}
	return nil
}

// volumes are the paths of the volumes, without links.
func (s *stage) volumes(t *tree) []string {
	var all []string
	for volume := range s.config.Config.Volumes {
		if resolved, err := t.resolve(volume, true); err == nil && resolved != "" {
			all = append(all, resolved)
		}
	}
	slices.Sort(all)
	return all
}

// copyOutside copies the entries of a layer that are not in one of the volumes. A volume that the image lacks is made.
func copyOutside(w *tar.Writer, r *tar.Reader, t *tree, volumes []string) error {
	made := newTree()
	for _, volume := range volumes {
		if t.at(volume) == nil {
			if _, err := made.mkdirs(volume, directory()); err != nil {
				return err
			}
		}
	}
	// Directories wait for something in them: that something in a volume was changed is no change of what the volume is in.
	var waiting []*tar.Header
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		name := clean(h.Name)
		if inVolume(name, volumes) {
			continue
		}
		if h.Typeflag == tar.TypeDir && t.sameDir(name, h) {
			waiting = append(waiting, h)
			continue
		}
		made.changed[name] = false
		if waiting, err = writeAbove(w, waiting, name); err != nil {
			return err
		}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(w, r); err != nil {
			return err
		}
	}
	return writeMade(w, made)
}

// writeAbove writes the directories that a path is in.
func writeAbove(w *tar.Writer, waiting []*tar.Header, name string) (left []*tar.Header, err error) {
	for _, h := range waiting {
		if !strings.HasPrefix(name, clean(h.Name)+"/") {
			left = append(left, h)
			continue
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
	}
	return left, nil
}

// writeMade writes the directories of volumes that were not there, unless the layer has them itself.
func writeMade(w *tar.Writer, made *tree) error {
	for _, name := range made.takeChanged() {
		if err := w.WriteHeader(made.at(name).header(name)); err != nil {
			return err
		}
	}
	return w.Close()
}

// inVolume reports whether a path is a volume, is in one, or is the whiteout of one.
func inVolume(name string, volumes []string) bool {
	dir, base := path.Split(name)
	name = path.Join(dir, strings.TrimPrefix(base, whiteout))
	return slices.ContainsFunc(volumes, func(volume string) bool { return name == volume || strings.HasPrefix(name, volume+"/") })
}

// sameDir reports whether a directory is as an entry describes it.
func (t *tree) sameDir(name string, h *tar.Header) bool {
	n := t.at(name)
	return n != nil && n.isDir() && n.mode == h.Mode&0o7777 && n.uid == h.Uid && n.gid == h.Gid
}
