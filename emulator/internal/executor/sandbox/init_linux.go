package sandbox

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// talkFD is the socket to the keeper; what follows are the files of the control groups, then the trees of mounts.
const talkFD = 3

// initialize is the role of the init: it waits for its network, makes the container's view of the machine, and becomes the
// container's program.
func initialize() error {
	runtime.LockOSThread() // rights belong to threads, and the program is this one's
	talk, err := inherited(talkFD)
	if err != nil {
		return err
	}
	var p Plan
	if err := json.NewDecoder(talk).Decode(&p); err != nil {
		return err
	}
	said := json.NewEncoder(talk)
	i := &initiation{plan: &p}
	if err := i.prepare(); err != nil {
		return said.Encode(refusal(err))
	}
	if err := said.Encode(Answer{Made: i.made}); err != nil {
		return err
	}
	return said.Encode(refusal(i.program.execute()))
}

// initiation is a container that is being made.
type initiation struct {
	plan    *Plan
	root    int // the open root of the container
	made    []string
	program *program
}

func (i *initiation) prepare() error {
	p := i.plan
	trees := talkFD + 1 + p.Groups
	for n := range p.Groups + len(p.Mounts) {
		unix.CloseOnExec(talkFD + 1 + n)
	}
	for n := range p.Mounts {
		if p.Mounts[n].Tree >= 0 {
			p.Mounts[n].Tree += trees
		}
	}
	beExpendable()
	steps := []func() error{
		func() error { return wrap("network", joinNetwork(p.Address)) },
		func() error { return wrap("hostname", unix.Sethostname([]byte(p.Hostname))) },
		func() error { return wrap("mounts", unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")) },
		func() error { return wrap("directory", os.Chdir(p.Bundle)) },
		i.makeRoot,
		i.mountAll,
		i.pivot,
		func() error { return wrap("control groups", joinGroups(talkFD+1, p.Groups)) },
		func() (err error) { i.program, err = confine(&p.Program); return err },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// joinGroups puts this process into control groups, by their open files: 0 is whoever writes.
func joinGroups(first, count int) error {
	for fd := first; fd < first+count; fd++ {
		if _, err := unix.Write(fd, []byte("0")); err != nil {
			return err
		}
	}
	if count == 0 {
		return nil
	}
	return unix.Unshare(unix.CLONE_NEWCGROUP)
}

// pivot makes the container's root the root, and the machine's disappear.
func (i *initiation) pivot() error {
	if err := unix.Fchdir(i.root); err != nil {
		return wrap("root", err)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return wrap("pivot", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return wrap("the machine's root", err)
	}
	_ = unix.Close(i.root)
	return wrap("root", os.Chdir("/"))
}
