package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/acrlocal/acrlocal/emulator/internal/executor/layer"
)

const guarded = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC

// system are the file systems of the kernel that every container has, in order (runtime-spec, "Default Filesystems").
var system = []struct {
	kind, at string
	flags    uintptr
	options  string
}{
	{"proc", "/proc", guarded, ""},
	{"tmpfs", "/dev", unix.MS_NOSUID | unix.MS_STRICTATIME, "mode=755,size=65536k"},
	{"devpts", "/dev/pts", unix.MS_NOSUID | unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620"},
	{"tmpfs", "/dev/shm", guarded, "mode=1777,size=65536k"},
	{"mqueue", "/dev/mqueue", guarded, ""},
	{"sysfs", "/sys", guarded | unix.MS_RDONLY, ""},
}

// devices are those of the machine that every container sees.
var devices = []string{"null", "zero", "full", "random", "urandom", "tty"}

// deviceLinks are names below /dev that every program expects.
var deviceLinks = [][2]string{
	{"/proc/self/fd", "fd"},
	{"/proc/self/fd/0", "stdin"},
	{"/proc/self/fd/1", "stdout"},
	{"/proc/self/fd/2", "stderr"},
	{"pts/ptmx", "ptmx"},
	{"/proc/kcore", "core"},
}

// masked are paths of the kernel that say or do too much; they are hidden, as Docker hides them (moby, oci/defaults.go).
var masked = []string{
	"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug",
	"/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware",
}

// readOnly are paths of the kernel that only say something.
var readOnly = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}

// bundleFiles are those of a container's directory that it can write to.
var bundleFiles = []string{"hosts", "resolv.conf", "hostname"}

// file is one that a container sees in place of the image's own.
type file struct{ name, at, content string }

// files are what tells a container of itself and its network. They are seen and can be written to, but are in no layer.
func (i *initiation) files() []file {
	p := i.plan
	return []file{
		{"hosts", "/etc/hosts", "127.0.0.1\tlocalhost\n" + p.Address + "\t" + p.Hostname + "\n"},
		{"resolv.conf", "/etc/resolv.conf", "nameserver " + Gateway + "\noptions ndots:0\n"},
		{"hostname", "/etc/hostname", p.Hostname + "\n"},
	}
}

// mountAll mounts everything into the container's root.
func (i *initiation) mountAll() error {
	for _, m := range system {
		if err := i.mountSystem(m.kind, m.at, m.flags, m.options); err != nil {
			return fmt.Errorf("mount %s: %w", m.at, err)
		}
	}
	for _, step := range []func() error{i.mountDevices, i.mountFiles, i.mountPlanned} {
		if err := step(); err != nil {
			return err
		}
	}
	if i.plan.Privileged {
		return nil
	}
	return i.mask()
}

func (i *initiation) mountSystem(kind, at string, flags uintptr, options string) error {
	if path.Dir(at) != "/" { // /dev is new and empty
		if err := i.inRoot(path.Dir(at), func(dir int) error { return unix.Mkdirat(dir, path.Base(at), 0o755) }); err != nil {
			return err
		}
	}
	return i.inRoot(at, func(fd int) error {
		err := unix.Mount(kind, layer.Magic(fd), kind, flags, options)
		if errors.Is(err, unix.EPERM) && kind == "sysfs" {
			return nil // where the machine is itself a container, /sys stays empty
		}
		return err
	})
}

// inRoot does something with an open path of the container's root.
func (i *initiation) inRoot(name string, do func(fd int) error) error {
	fd, err := layer.OpenIn(i.root, name, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	return do(fd)
}

func (i *initiation) mountDevices() error {
	return i.inRoot("/dev", func(dev int) error {
		for _, name := range devices {
			at := layer.Magic(dev) + "/" + name
			if err := os.WriteFile(at, nil, 0o666); err != nil {
				return err
			}
			if err := unix.Mount("/dev/"+name, at, "", unix.MS_BIND, ""); err != nil {
				return fmt.Errorf("mount /dev/%s: %w", name, err)
			}
		}
		for _, link := range deviceLinks {
			if err := unix.Symlinkat(link[0], dev, link[1]); err != nil {
				return fmt.Errorf("/dev/%s: %w", link[1], err)
			}
		}
		return nil
	})
}

func (i *initiation) mountFiles() error {
	for _, f := range i.files() {
		if err := os.WriteFile(f.name, []byte(f.content), 0o644); err != nil {
			return wrap(f.at, err)
		}
		err := i.inRoot(f.at, func(fd int) error { return unix.Mount(f.name, layer.Magic(fd), "", unix.MS_BIND, "") })
		if err != nil {
			return fmt.Errorf("mount %s: %w", f.at, err)
		}
	}
	return nil
}

// mountPlanned mounts what the container is to see of the machine, what is nearer to the root first.
func (i *initiation) mountPlanned() error {
	mounts := slices.Clone(i.plan.Mounts)
	slices.SortStableFunc(mounts, func(a, b Mounting) int {
		return strings.Count(path.Clean(a.To), "/") - strings.Count(path.Clean(b.To), "/")
	})
	for _, m := range mounts {
		err := i.inRoot(m.To, m.attach)
		if errors.Is(err, unix.ENOENT) { // it lies in another mount, and is made there, as docker does
			if err = i.make(m.To, m.isDirectory()); err == nil {
				err = i.inRoot(m.To, m.attach)
			}
		}
		if err != nil {
			return fmt.Errorf("mount %s: %w", m.To, err)
		}
	}
	return nil
}

// OpenTree opens a directory or file of the machine as a mount of its own. A link is an error: who could put one there could
// have a container see anything.
func OpenTree(from string, flags uint) (int, error) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, from, flags|unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil && st.Mode&unix.S_IFMT == unix.S_IFLNK {
		err = unix.ELOOP
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// attach mounts at an open path.
func (m Mounting) attach(at int) error {
	tree := m.Tree
	if tree < 0 && m.From == "" {
		return unix.Mount("tmpfs", layer.Magic(at), "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777,size=1g")
	}
	if tree < 0 {
		fd, err := OpenTree(m.From, unix.AT_RECURSIVE)
		if err != nil {
			return fmt.Errorf("%s: %w", m.From, err)
		}
		defer func() { _ = unix.Close(fd) }()
		tree = fd
	}
	set := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NODEV}
	if m.ReadOnly {
		set.Attr_set |= unix.MOUNT_ATTR_RDONLY
	}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &set); err != nil {
		return err
	}
	return unix.MoveMount(tree, "", at, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
}

// mask hides what a container must not see of the kernel, and write-protects what it must not change.
func (i *initiation) mask() error {
	for _, name := range masked {
		if err := i.inRoot(name, hide); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("mask %s: %w", name, err)
		}
	}
	for _, name := range readOnly {
		err := i.inRoot(name, func(fd int) error {
			if err := unix.Mount(layer.Magic(fd), layer.Magic(fd), "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
				return err
			}
			return i.inRoot(name, func(fd int) error {
				return unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
			})
		})
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("protect %s: %w", name, err)
		}
	}
	return nil
}

// hide covers a file with the null device, a directory with an empty one.
func hide(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return unix.Mount("tmpfs", layer.Magic(fd), "tmpfs", guarded|unix.MS_RDONLY, "size=0k")
	}
	return unix.Mount("/dev/null", layer.Magic(fd), "", unix.MS_BIND, "")
}
