package sandbox

import "golang.org/x/sys/unix"

const (
	architecture = uint32(unix.AUDIT_ARCH_X86_64)
	// youngest is the last call that this filter knows; x32's table comes after it.
	youngest = uint32(unix.SYS_MSEAL)
)

// deniedHere are calls that other architectures do not have.
var deniedHere = []uint32{
	unix.SYS__SYSCTL, unix.SYS_CREATE_MODULE, unix.SYS_GET_KERNEL_SYMS, unix.SYS_IOPERM, unix.SYS_IOPL, unix.SYS_KEXEC_FILE_LOAD,
	unix.SYS_MODIFY_LDT, unix.SYS_QUERY_MODULE, unix.SYS_SYSFS, unix.SYS_USELIB, unix.SYS_USTAT, unix.SYS_QUOTACTL_FD,
}
