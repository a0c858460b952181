package sandbox

import (
	"errors"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// setGroups sets the supplementary groups of this thread. Where the namespace has one group alone, the kernel lets nobody
// set any, and none are needed.
func setGroups(groups []int) error {
	if allowed, err := os.ReadFile("/proc/self/setgroups"); err == nil && strings.TrimSpace(string(allowed)) == "deny" {
		if len(groups) > 0 {
			return errors.New("without root on the machine, containers have no group but root's")
		}
		return nil
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
