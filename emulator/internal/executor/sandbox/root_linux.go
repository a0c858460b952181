package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/acrlocal/acrlocal/emulator/internal/executor/layer"
)

// makeRoot stacks the image's layers, a layer of what the image lacks, and the directory that the container writes to. The
// extra layer is made through an overlay of its own, so that the kernel copies up the directories it lies in as they are; what
// the container changes is then in the upper directory alone.
func (i *initiation) makeRoot() error {
	for _, dir := range []string{UpperDir, workDir, extraDir, extraWork, rootDir} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return wrap("root", err)
		}
	}
	lower := make([]string, 0, len(i.plan.Layers)+1)
	for n, l := range i.plan.Layers {
		name := strconv.Itoa(n) // short: all names together must fit into a page
		if err := os.Symlink(filepath.Join(strings.Repeat("../", strings.Count(i.plan.Bundle, "/")+1), l), name); err != nil {
			return wrap("root", err)
		}
		lower = append(lower, name)
	}
	if len(lower) == 0 {
		if err := os.Mkdir("0", 0o755); err != nil {
			return wrap("root", err)
		}
		lower = append(lower, "0")
	}
	if err := overlay(lower, extraDir, extraWork); err != nil {
		return err
	}
	if err := i.makeExtra(); err != nil {
		return err
	}
	if err := unix.Unmount(rootDir, 0); err != nil {
		return wrap("root", err)
	}
	if err := overlay(append([]string{extraDir}, lower...), UpperDir, workDir); err != nil {
		return err
	}
	return i.openRoot()
}

func (i *initiation) openRoot() (err error) {
	i.root, err = unix.Open(rootDir, unix.O_DIRECTORY|unix.O_PATH|unix.O_CLOEXEC, 0)
	return wrap("root", err)
}

// overlay mounts directories on each other at root. Nobody needs what is written after a crash, so that nothing is synced.
func overlay(lower []string, upper, work string) error {
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s,userxattr,volatile", strings.Join(lower, ":"), upper, work)
	if err := unix.Mount("overlay", rootDir, "overlay", 0, options); err != nil {
		return fmt.Errorf("overlay of %d layers: %w", len(lower), err)
	}
	return nil
}

// probe tries in a new directory whether overlays can be mounted there and hold what is needed.
func probe(dir string) error {
	defer func() { _ = layer.Remove(dir) }()
	for _, name := range []string{"", UpperDir, workDir, "0", rootDir} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			return err
		}
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s,userxattr", at("0"), at(UpperDir), at(workDir))
	if err := unix.Mount("overlay", at(rootDir), "overlay", 0, options); err != nil {
		return fmt.Errorf("overlay: %w", err)
	}
	if err := unix.Unmount(at(rootDir), 0); err != nil {
		return err
	}
	if err := unix.Mknod(at("0/gone"), unix.S_IFCHR, 0); err != nil {
		return fmt.Errorf("whiteout: %w", err)
	}
	return nil
}

// makeExtra makes what the image lacks, through the overlay at root.
func (i *initiation) makeExtra() error {
	if err := i.openRoot(); err != nil {
		return err
	}
	defer func() { _ = unix.Close(i.root) }()
	for _, dir := range []string{"/proc", "/sys", "/dev"} {
		if err := i.make(dir, true); err != nil {
			return err
		}
	}
	for _, file := range i.files() {
		if err := i.make(file.at, false); err != nil {
			return err
		}
	}
	for _, m := range i.plan.Mounts {
		if err := i.make(m.To, m.isDirectory()); err != nil {
			return err
		}
	}
	return i.makeTrust()
}

// isDirectory says of which kind the mount point must be.
func (m Mounting) isDirectory() bool {
	if m.Tree < 0 && m.From == "" {
		return true
	}
	var st unix.Stat_t
	var err error
	if m.Tree >= 0 {
		err = unix.Fstat(m.Tree, &st)
	} else {
		err = unix.Stat(m.From, &st)
	}
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

// make makes a directory or an empty file in the container's root, and those above it, unless it is there. Links are
// followed below the root, also to what is not there yet.
func (i *initiation) make(name string, directory bool) error {
	for range maxLinks {
		fd, err := layer.OpenIn(i.root, name, 0)
		if err == nil {
			return unix.Close(fd)
		}
		if !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("%s: %w", name, err)
		}
		above, base := path.Split(path.Clean("/" + name))
		if err := i.make(above, true); err != nil {
			return err
		}
		target, err := i.makeIn(above, base, directory)
		if err != nil || target == "" {
			return wrap(name, err)
		}
		name = target
	}
	return fmt.Errorf("%s: %w", name, unix.ELOOP)
}

const maxLinks = 40 // as the kernel has it

// makeIn makes one entry. If a link that leads nowhere is in its place, it returns where to. The directory looks as if it
// had not been touched.
func (i *initiation) makeIn(dir, base string, directory bool) (target string, err error) {
	parent, err := layer.OpenIn(i.root, dir, unix.O_DIRECTORY)
	if err != nil {
		return "", err
	}
	defer func() { _ = unix.Close(parent) }()
	link := make([]byte, unix.PathMax)
	if n, err := unix.Readlinkat(parent, base, link); err == nil {
		return i.follow(parent, string(link[:n]))
	}
	var before unix.Stat_t
	if err := unix.Fstat(parent, &before); err != nil {
		return "", err
	}
	if directory {
		err = unix.Mkdirat(parent, base, 0o755)
	} else {
		err = unix.Mknodat(parent, base, unix.S_IFREG|0o644, 0)
	}
	if err != nil {
		return "", err
	}
	if err := i.record(parent, base); err != nil {
		return "", err
	}
	return "", unix.UtimesNanoAt(unix.AT_FDCWD, layer.Magic(parent), []unix.Timespec{before.Atim, before.Mtim}, 0)
}

// follow is where a link in an open directory leads, from the root.
func (i *initiation) follow(parent int, target string) (string, error) {
	if path.IsAbs(target) {
		return target, nil
	}
	real, err := layer.RealPath(i.root, parent)
	return "/" + real + "/" + target, err
}

// record remembers what was made, by its real path.
func (i *initiation) record(parent int, base string) error {
	real, err := layer.RealPath(i.root, parent)
	i.made = append(i.made, path.Join(real, base))
	return err
}

// makeTrust puts the authority where programs look for those that they trust.
func (i *initiation) makeTrust() error {
	if len(i.plan.Authority) == 0 {
		return nil
	}
	for name, content := range map[string][]byte{AuthorityFile: i.plan.Authority, TrustFile: i.plan.TrustStore} {
		if err := i.make(name, false); err != nil {
			return err
		}
		if err := i.rewrite(name, func([]byte) []byte { return content }); err != nil {
			return err
		}
	}
	var done []string
	for _, name := range Bundles {
		fd, err := layer.OpenIn(i.root, name, 0)
		if err != nil {
			continue
		}
		real, err := layer.RealPath(i.root, fd)
		_ = unix.Close(fd)
		if err != nil || slices.Contains(done, real) {
			continue
		}
		done = append(done, real)
		if err := i.rewrite(real, func(bundle []byte) []byte { return Trusting(bundle, i.plan.Authority) }); err != nil {
			return err
		}
	}
	return nil
}

// rewrite changes a file of the root without a trace of when.
func (i *initiation) rewrite(name string, change func([]byte) []byte) error {
	fd, err := layer.OpenIn(i.root, name, 0)
	if err != nil {
		return wrap(name, err)
	}
	defer func() { _ = unix.Close(fd) }()
	var before unix.Stat_t
	if err := unix.Fstat(fd, &before); err != nil {
		return wrap(name, err)
	}
	if before.Mode&unix.S_IFMT != unix.S_IFREG || before.Size > MaxBundle {
		return nil // not a bundle
	}
	content, err := os.ReadFile(layer.Magic(fd))
	if err == nil {
		err = os.WriteFile(layer.Magic(fd), change(content), 0o644)
	}
	if err != nil {
		return wrap(name, err)
	}
	return unix.UtimesNanoAt(unix.AT_FDCWD, layer.Magic(fd), []unix.Timespec{before.Atim, before.Mtim}, 0)
}
