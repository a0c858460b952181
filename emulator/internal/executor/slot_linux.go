package executor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/acrlocal/acrlocal/emulator/internal/executor/layer"
)

// maxSlots is how many emulators share a directory.
const maxSlots = 64

// Directories of a slot.
const (
	layersDir = "layers"
	runsDir   = "runs"
)

// slot is the part of the executor's directory that belongs to one process, as long as it holds the lock. Whatever runs had
// left in a slot, when it is taken, is of a process that crashed.
type slot struct {
	path      string
	dir       *os.File
	lock      *os.File
	temporary bool // what is in it is removed in the end
	leftovers []string
}

// openSlot takes the first slot that is free, and cleans up in all that are.
func openSlot(o Options, who ids) (*slot, error) {
	dir, temporary, err := o.directory()
	if err != nil {
		return nil, err
	}
	var mine *slot
	for n := range maxSlots {
		name := filepath.Join(dir, strconv.Itoa(n))
		if _, err := os.Stat(name); errors.Is(err, os.ErrNotExist) && mine != nil {
			break
		}
		s, err := takeSlot(name, who)
		if errors.Is(err, unix.EWOULDBLOCK) {
			continue
		}
		if err != nil {
			return nil, err
		}
		s.temporary = temporary
		if mine == nil {
			mine = s
			continue
		}
		mine.leftovers = append(mine.leftovers, s.leftovers...)
		_ = s.close()
	}
	if mine == nil {
		return nil, fmt.Errorf("%s is in use by %d emulators", dir, maxSlots)
	}
	return mine, nil
}

// directory returns where slots are. A temporary one is the same for all emulators of an account, so that what a crashed one
// left is found; it must be nobody else's.
func (o Options) directory() (dir string, temporary bool, err error) {
	if o.Dir != "" {
		return o.Dir, false, os.MkdirAll(o.Dir, 0o711)
	}
	dir = filepath.Join(os.TempDir(), fmt.Sprintf("acrlocal-containers-%d", os.Geteuid()))
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", true, err
	}
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return "", true, err
	}
	if st.Mode != unix.S_IFDIR|0o700 || int(st.Uid) != os.Geteuid() {
		return "", true, fmt.Errorf("%s is not a directory of this account's alone", dir)
	}
	return dir, true, nil
}

// takeSlot takes a slot and removes what was left in it, but for the unpacked layers.
func takeSlot(name string, who ids) (*slot, error) {
	if err := os.MkdirAll(name, 0o711); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(name+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, err
	}
	s := &slot{path: name, lock: lock}
	if err := s.prepare(who); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

func (s *slot) prepare(who ids) error {
	for _, dir := range []string{runsDir, layersDir} {
		if err := os.MkdirAll(filepath.Join(s.path, dir), 0o700); err != nil {
			return err
		}
	}
	left, err := os.ReadDir(filepath.Join(s.path, runsDir))
	if err != nil {
		return err
	}
	for _, l := range left {
		s.leftovers = append(s.leftovers, l.Name())
		if err := layer.Remove(filepath.Join(s.path, runsDir, l.Name())); err != nil {
			return err
		}
	}
	if err := who.give(s.path, filepath.Join(s.path, runsDir), filepath.Join(s.path, layersDir)); err != nil {
		return err
	}
	s.dir, err = os.Open(s.path)
	return err
}

// give makes directories those of the containers' root.
func (i ids) give(dirs ...string) error {
	if i.flat {
		return nil
	}
	for _, dir := range dirs {
		if err := os.Lchown(dir, i.base, i.base); err != nil {
			return err
		}
	}
	return nil
}

func (s *slot) release() error {
	if s.dir != nil {
		_ = s.dir.Close()
	}
	return s.lock.Close()
}

func (s *slot) close() error {
	var err error
	if s.temporary {
		err = layer.Remove(s.path)
	}
	return errors.Join(err, s.release())
}
