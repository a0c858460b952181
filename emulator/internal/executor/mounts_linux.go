package executor

import (
	"fmt"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"github.com/acrlocal/acrlocal/emulator/internal/executor/sandbox"
)

// mountings prepares mounts. Where containers have users of their own, a mount of the machine is opened here, with the
// container's root as its root: what it writes there is root's, and it has no right to what it could not reach before. The
// kernel calls this an idmapped mount (Linux 5.12).
func (w *network) mountings(mounts []Mount) (prepared []sandbox.Mounting, trees []*os.File, err error) {
	for _, m := range mounts {
		if !path.IsAbs(m.To) {
			return nil, trees, fmt.Errorf("mount at %q: not an absolute path", m.To)
		}
		p := sandbox.Mounting{To: m.To, From: m.From, Tree: -1, ReadOnly: m.ReadOnly}
		if m.From != "" && !w.namespaces.ids.flat {
			tree, err := openTree(m.From, int(w.keeper.users.Fd()))
			if err != nil {
				return nil, trees, fmt.Errorf("mount of %s at %s: %w", m.From, m.To, err)
			}
			p.From, p.Tree = "", len(trees)
			trees = append(trees, tree)
		}
		prepared = append(prepared, p)
	}
	return prepared, trees, nil
}

// openTree opens a directory or file of the machine as a mount, with the ids of a user namespace.
func openTree(from string, users int) (*os.File, error) {
	fd, err := sandbox.OpenTree(from, 0)
	if err != nil {
		return nil, err
	}
	tree := os.NewFile(uintptr(fd), from)
	attr := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP | unix.MOUNT_ATTR_NODEV, Userns_fd: uint64(users)}
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, attr); err != nil {
		_ = tree.Close()
		return nil, fmt.Errorf("its file system has no mounts with other ids: %w", err)
	}
	return tree, nil
}
