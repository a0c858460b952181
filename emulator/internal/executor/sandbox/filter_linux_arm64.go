package sandbox

import "golang.org/x/sys/unix"

const (
	architecture = uint32(unix.AUDIT_ARCH_AARCH64)
	// youngest is the last call that this filter knows.
	youngest = uint32(unix.SYS_MSEAL)
)

// deniedHere are calls that other architectures do not have.
var deniedHere = []uint32{unix.SYS_KEXEC_FILE_LOAD, unix.SYS_QUOTACTL_FD}
