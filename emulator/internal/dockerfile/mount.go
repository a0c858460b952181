package dockerfile

import (
	"archive/tar"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/acrlocal/acrlocal/emulator/internal/executor"
)

// mounting collects what a RUN sees beside its root file system.
type mounting struct {
	*stage
	mounts []executor.Mount
	env    []string
}

// add prepares what --mount asks for (Dockerfile reference, "RUN --mount").
func (m *mounting) add(ctx context.Context, mount *instructions.Mount) error {
	target := mount.Target
	if target != "" && !path.IsAbs(target) {
		target = path.Join("/", m.config.Config.WorkingDir, target)
	}
	var from string
	var err error
	switch mount.Type {
	case instructions.MountTypeBind:
		from, err = m.bind(ctx, mount)
	case instructions.MountTypeCache:
		from, err = m.cache(ctx, mount, target)
	case instructions.MountTypeSecret:
		return m.secret(mount, target)
	case instructions.MountTypeTmpfs:
	default:
		return fmt.Errorf("RUN --mount=type=%s is not available here", mount.Type)
	}
	if err != nil {
		return fmt.Errorf("RUN --mount=type=%s: %w", mount.Type, err)
	}
	if target == "" {
		return fmt.Errorf("RUN --mount=type=%s: invalid mount target %q", mount.Type, target)
	}
	m.mounts = append(m.mounts, executor.Mount{From: from, To: target, ReadOnly: mount.ReadOnly})
	return nil
}

// bind writes a part of the context, of a stage or of an image to the scratch directory. What RUN changes there is lost.
func (m *mounting) bind(ctx context.Context, mount *instructions.Mount) (string, error) {
	from, err := m.source(ctx, mount.From)
	if err != nil {
		return "", err
	}
	n, err := from.stat(mount.Source)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(m.scratch.dir, "bind-*")
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "root"), m.scratch.write(n, dir, "root")
}

// cache is a directory that the RUNs of a build have in common.
func (m *mounting) cache(ctx context.Context, mount *instructions.Mount, target string) (string, error) {
	id := mount.CacheID
	if id == "" {
		id = path.Clean(target)
	}
	dir := filepath.Join(m.scratch.dir, "cache-"+digestOf(id)[:32])
	if _, err := os.Lstat(dir); err == nil {
		return dir, nil
	}
	content := &node{inode: directory()}
	if mount.From != "" {
		from, err := m.source(ctx, mount.From)
		if err != nil {
			return "", err
		}
		if content, err = from.stat(mount.Source); err != nil {
			return "", err
		}
	}
	root := *content.inode
	root.kind = tar.TypeDir
	setAttributes(&root, mount)
	content = &node{inode: &root, children: content.children}
	return dir, m.scratch.write(content, m.scratch.dir, filepath.Base(dir))
}

// setAttributes gives a file the owner and the mode that a mount asks for.
func setAttributes(in *inode, mount *instructions.Mount) {
	if mount.UID != nil {
		in.uid = int(*mount.UID)
	}
	if mount.GID != nil {
		in.gid = int(*mount.GID)
	}
	if mount.Mode != nil {
		in.mode = int64(*mount.Mode) & 0o7777
	}
}

// secret shows a secret in a file, or in a variable.
func (m *mounting) secret(mount *instructions.Mount, target string) error {
	id := mount.CacheID
	if id == "" {
		id = mount.Source
	}
	if id == "" {
		id = path.Base(target)
	}
	value, known := m.Secrets[id]
	switch {
	case !known && mount.Required:
		return fmt.Errorf("secret %s: not found", id)
	case !known:
		return nil
	}
	if mount.Env != nil {
		name := *mount.Env
		if name == "" {
			name = id
		}
		m.env = append(m.env, name+"="+string(value))
		if target == "" {
			return nil
		}
	}
	if target == "" {
		target = path.Join("/run/secrets", path.Base(id))
	}
	in := inode{kind: tar.TypeReg, mode: 0o400}
	setAttributes(&in, mount)
	file, err := m.file(string(value), in.mode, owner{in.uid, in.gid})
	m.mounts = append(m.mounts, executor.Mount{From: file, To: target, ReadOnly: true})
	return err
}

// file writes a file of its own to the scratch directory.
func (m *mounting) file(content string, mode int64, o owner) (string, error) {
	dir, err := os.MkdirTemp(m.scratch.dir, "file-*")
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "content")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		return "", err
	}
	return name, own(name, &inode{mode: mode, uid: o.uid, gid: o.gid})
}
