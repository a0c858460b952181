package executor

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	slash "path"
	"strings"
	"sync"

	"github.com/acrlocal/acrlocal/emulator/internal/executor/sandbox"
)

// dockerMount is one of a container's (Docker's API, "Mount").
type dockerMount struct {
	Type, Source, Target string
	ReadOnly             bool
	VolumeOptions        *volumeOptions `json:",omitempty"`
}

type volumeOptions struct{ NoCopy bool }

// volume is a directory of this machine as the engine has it. The engine may be on another machine, or see other files than
// this process does: so its containers share a copy, which is made when it is first needed, and brought back whenever a
// container ends.
type volume struct {
	docker *docker
	name   string
	from   string
	holder string // a container that never runs, through which files go in and out

	filling sync.Once
	err     error
	moving  sync.Mutex
}

// atHolder is where the holder of a volume has it.
const atHolder = "/volume"

// mountings prepares the mounts of a container: directories become volumes; files are copied into its root.
func (w *dockerNetwork) mountings(ctx context.Context, c *dockerRunning) (mounts []dockerMount, files []Mount, err error) {
	for _, m := range c.spec.Mounts {
		if !slash.IsAbs(m.To) {
			return nil, nil, fmt.Errorf("mount at %q: not an absolute path", m.To)
		}
		if m.From == "" {
			mounts = append(mounts, dockerMount{Type: "tmpfs", Target: m.To})
			continue
		}
		info, err := os.Stat(m.From)
		switch {
		case err != nil:
			return nil, nil, fmt.Errorf("mount of %s at %s: %w", m.From, m.To, err)
		case info.Mode().IsRegular():
			files = append(files, m)
			continue
		case !info.IsDir():
			return nil, nil, fmt.Errorf("mount of %s at %s: neither a file nor a directory", m.From, m.To)
		}
		v := w.volume(m.From)
		if err := v.fill(ctx, w); err != nil {
			return nil, nil, fmt.Errorf("mount of %s at %s: %w", m.From, m.To, err)
		}
		if !m.ReadOnly {
			c.volumes = append(c.volumes, v)
		}
		mounts = append(mounts, dockerMount{Type: "volume", Source: v.name, Target: m.To, ReadOnly: m.ReadOnly, VolumeOptions: &volumeOptions{NoCopy: true}})
	}
	return mounts, files, nil
}

// volume is that of a directory, the same for all containers of the network.
func (w *dockerNetwork) volume(from string) *volume {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, ok := w.volumes[from]
	if !ok {
		v = &volume{docker: w.docker, name: "acrlocal-" + unguessable(), from: from}
		w.volumes[from] = v
	}
	return v
}

// fill makes the volume, once.
func (v *volume) fill(ctx context.Context, w *dockerNetwork) error {
	v.filling.Do(func() { v.err = v.make(context.WithoutCancel(ctx), w) })
	return v.err
}

func (v *volume) make(ctx context.Context, w *dockerNetwork) (err error) {
	labels := w.docker.labels(w.id)
	if err := v.docker.engine.call(ctx, http.MethodPost, "/volumes/create", map[string]any{"Name": v.name, "Labels": labels}, nil); err != nil {
		return err
	}
	v.holder, err = v.docker.create(ctx, dockerContainer{
		Image: w.pod.image.id, Entrypoint: []string{"/never"}, Labels: labels, HostConfig: dockerHost{
			NetworkMode: "none", LogConfig: noLog,
			Mounts: []dockerMount{{Type: "volume", Source: v.name, Target: atHolder, VolumeOptions: &volumeOptions{NoCopy: true}}},
		},
	})
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(v.from)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	reader, writer := io.Pipe()
	defer func() { _ = reader.Close() }()
	go func() { writer.CloseWithError(pack(root, writer)) }()
	return v.docker.engine.extract(ctx, v.holder, atHolder, reader)
}

// bringBack makes the directory what the volume has become.
func (v *volume) bringBack(ctx context.Context) error {
	v.moving.Lock()
	defer v.moving.Unlock()
	root, err := os.OpenRoot(v.from)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	answer, err := v.docker.engine.send(ctx, http.MethodGet, query("/containers/"+v.holder+"/archive", "path", atHolder+"/."), nil, "")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if err := unpack(root, answer.Body, v.docker.options.Limits.Disk); err != nil {
		return fmt.Errorf("what containers wrote to %s: %w", v.from, err)
	}
	return nil
}

// extract unpacks an archive in a container.
func (e *engine) extract(ctx context.Context, container, at string, archive io.Reader) error {
	answer, err := e.send(ctx, http.MethodPut, query("/containers/"+container+"/archive", "path", at), archive, "application/x-tar")
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// furnish gives a container the authority to trust, and the files that it is to see. Engines make mount points with it, so that
// it is done also if there is nothing.
func (c *dockerRunning) furnish(ctx context.Context, files []Mount) error {
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	add := func(h tar.Header, content []byte) error {
		h.Name, h.Size, h.Format = strings.TrimPrefix(slash.Clean(h.Name), "/"), int64(len(content)), tar.FormatPAX
		err := w.WriteHeader(&h)
		if err == nil {
			_, err = w.Write(content)
		}
		return err
	}
	if ca := c.network.options.CA; len(ca) > 0 {
		if err := errors.Join(add(tar.Header{Name: sandbox.AuthorityFile, Mode: 0o644}, ca), add(tar.Header{Name: sandbox.TrustFile, Mode: 0o644}, c.network.trust)); err != nil {
			return err
		}
		for _, name := range sandbox.Bundles {
			h, bundle, err := c.bundle(ctx, name)
			if err == nil && h != nil {
				err = add(*h, sandbox.Trusting(bundle, ca))
			}
			if err != nil {
				return err
			}
		}
	}
	for _, m := range files {
		info, err := os.Stat(m.From)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(m.From)
		if err == nil {
			err = add(tar.Header{Name: m.To, Mode: int64(info.Mode().Perm()), ModTime: info.ModTime()}, content)
		}
		if err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return c.engine().extract(ctx, c.id, "/", &packed)
}

// bundle reads a distribution's bundle in a container, through a link if it is one. There may be none.
func (c *dockerRunning) bundle(ctx context.Context, name string) (*tar.Header, []byte, error) {
	for range 2 {
		answer, err := c.engine().send(ctx, http.MethodGet, query("/containers/"+c.id+"/archive", "path", name), nil, "")
		if isGone(err) {
			return nil, nil, nil
		}
		if err != nil {
			return nil, nil, err
		}
		r := tar.NewReader(answer.Body)
		h, err := r.Next()
		var content []byte
		if err == nil && h.Typeflag == tar.TypeReg && h.Size <= sandbox.MaxBundle {
			content, err = io.ReadAll(r)
		}
		_ = answer.Body.Close()
		if err != nil || content != nil {
			return &tar.Header{Name: name, Mode: h.Mode, Uid: h.Uid, Gid: h.Gid, ModTime: h.ModTime}, content, err
		}
		if h.Typeflag != tar.TypeSymlink {
			return nil, nil, nil
		}
		if target := h.Linkname; slash.IsAbs(target) {
			name = target
		} else {
			name = slash.Join(slash.Dir(name), target)
		}
	}
	return nil, nil, nil
}
