package dockerfile

import (
	"archive/tar"
	"errors"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/acrlocal/acrlocal/emulator/internal/executor"
)

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

// outside copies a layer but for what is in volumes.
type outside struct {
	w *tar.Writer
	// below is the file system that the layer is for.
	below   *tree
	volumes []string
	// waiting are directories that did not change. They are written with something in them: that something in a volume was
	// changed is no change of what the volume is in.
	waiting []*tar.Header
	written map[string]bool
}

// copy copies the entries, and makes the volumes that are missing.
func (o *outside) copy(r *tar.Reader) error {
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return errors.Join(o.missing(), o.w.Close())
		}
		if err != nil {
			return err
		}
		name := clean(h.Name)
		switch {
		case o.inVolume(name):
		case h.Typeflag == tar.TypeDir && o.below.sameDir(name, h):
			o.waiting = append(o.waiting, h)
		default:
			if err := o.write(name, h, r); err != nil {
				return err
			}
		}
	}
}

// write writes an entry, after the directories that it is in.
func (o *outside) write(name string, h *tar.Header, content io.Reader) error {
	waiting := o.waiting
	o.waiting = nil
	for _, dir := range waiting {
		above := clean(dir.Name)
		if !strings.HasPrefix(name, above+"/") {
			o.waiting = append(o.waiting, dir)
			continue
		}
		o.written[above] = true
		if err := o.w.WriteHeader(dir); err != nil {
			return err
		}
	}
	o.written[name] = true
	if err := o.w.WriteHeader(h); err != nil {
		return err
	}
	_, err := io.Copy(o.w, content)
	return err
}

// missing makes the volumes that the file system lacks, and the directories above them.
func (o *outside) missing() error {
	for _, volume := range o.volumes {
		if o.below.at(volume) != nil {
			continue
		}
		for i := range volume + "/" {
			name := (volume + "/")[:i]
			if (volume + "/")[i] != '/' || o.written[name] {
				continue
			}
			in := directory()
			if n := o.below.at(name); n != nil {
				in = n.inode
			}
			if err := o.write(name, in.header(name), strings.NewReader("")); err != nil {
				return err
			}
		}
	}
	return nil
}

// inVolume reports whether a path is a volume, is in one, or is the whiteout of one.
func (o *outside) inVolume(name string) bool {
	dir, base := path.Split(name)
	name = path.Join(dir, strings.TrimPrefix(base, whiteout))
	return slices.ContainsFunc(o.volumes, func(volume string) bool { return name == volume || strings.HasPrefix(name, volume+"/") })
}

// sameDir reports whether a directory is as an entry describes it.
func (t *tree) sameDir(name string, h *tar.Header) bool {
	n := t.at(name)
	return n != nil && n.isDir() && n.mode == h.Mode&0o7777 && n.uid == h.Uid && n.gid == h.Gid
}
