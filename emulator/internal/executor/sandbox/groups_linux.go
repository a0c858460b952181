package sandbox

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// setGroups sets the supplementary groups of this thread. Where the namespace has one group alone (flat), the kernel lets
// nobody set any, and none are needed.
func setGroups(groups []int, flat bool) error {
	if flat && len(groups) == 0 {
		return nil
	}
	if flat {
		return errors.New("without root on the machine, containers have no group but root's")
	}
	ids := make([]uint32, len(groups)+1)
	for i, g := range groups {
		ids[i] = uint32(g)
	}
	_, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(&ids[0])), 0)
	if errno != 0 {
		return errno
	}
	return nil
}
