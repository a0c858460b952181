package sandbox

import (
	"runtime"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// What a filter sees of a system call (struct seccomp_data).
const (
	offsetCall = 0
	offsetArch = 4
	offsetArg0 = 16 // its lower half: x86 and ARM are little endian
)

// foreign is the error for calls of another architecture's table, or that are younger than this filter: as from a kernel
// that does not have them.
const foreign = uint32(unix.ENOSYS)

// denied are the calls that a container may not make, beside those of its architecture (denied_*.go): what Docker's profile
// leaves out (moby, profiles/seccomp), since it reaches the whole kernel, or needs a right that containers do not have.
var denied = []uint32{
	unix.SYS_ACCT, unix.SYS_ADD_KEY, unix.SYS_ADJTIMEX, unix.SYS_BPF, unix.SYS_CLOCK_ADJTIME, unix.SYS_CLOCK_SETTIME,
	unix.SYS_DELETE_MODULE, unix.SYS_FANOTIFY_INIT, unix.SYS_FINIT_MODULE, unix.SYS_INIT_MODULE, unix.SYS_IO_URING_ENTER,
	unix.SYS_IO_URING_REGISTER, unix.SYS_IO_URING_SETUP, unix.SYS_KCMP, unix.SYS_KEXEC_LOAD, unix.SYS_KEYCTL,
	unix.SYS_LOOKUP_DCOOKIE, unix.SYS_MBIND, unix.SYS_MIGRATE_PAGES, unix.SYS_MOVE_PAGES, unix.SYS_NFSSERVCTL,
	unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_PERF_EVENT_OPEN, unix.SYS_QUOTACTL, unix.SYS_REBOOT, unix.SYS_REQUEST_KEY,
	unix.SYS_SET_MEMPOLICY, unix.SYS_SETTIMEOFDAY, unix.SYS_SWAPOFF, unix.SYS_SWAPON, unix.SYS_SYSLOG, unix.SYS_USERFAULTFD,
	unix.SYS_VHANGUP,
}

// deniedUnprivileged are those that a privileged container may make, with rights over its own namespaces alone.
var deniedUnprivileged = []uint32{
	unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSOPEN, unix.SYS_FSPICK, unix.SYS_MOUNT, unix.SYS_MOUNT_SETATTR,
	unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE, unix.SYS_PIVOT_ROOT, unix.SYS_SETDOMAINNAME, unix.SYS_SETHOSTNAME,
	unix.SYS_SETNS, unix.SYS_UMOUNT2, unix.SYS_UNSHARE,
}

// families are the kinds of sockets that there are: all others reach the kernel where namespaces do not divide it, or
// another machine (AF_VSOCK).
var families = []uint32{unix.AF_UNIX, unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK, unix.AF_PACKET}

// namespaceFlags are those of clone that only a privileged container may set.
const namespaceFlags = unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID |
	unix.CLONE_NEWNET | unix.CLONE_NEWCGROUP

// filterCalls installs the filter for this thread and all that it starts.
func filterCalls(privileged bool) error {
	code, err := bpf.Assemble(filter(privileged))
	if err != nil {
		return err
	}
	program := make([]unix.SockFilter, len(code))
	for i, c := range code {
		program[i] = unix.SockFilter{Code: c.Op, Jt: c.Jt, Jf: c.Jf, K: c.K}
	}
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(program)
	if errno != 0 {
		return errno
	}
	return nil
}

// filter is the program: other architectures and unknown calls do not exist, what is denied is not permitted, the rest goes
// through.
func filter(privileged bool) []bpf.Instruction {
	f := []bpf.Instruction{
		bpf.LoadAbsolute{Off: offsetArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: architecture, SkipTrue: 1},
		refuse(foreign),
		bpf.LoadAbsolute{Off: offsetCall, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: youngest, SkipFalse: 1},
		refuse(foreign),
	}
	f = append(f, refuseAll(denied, unix.EPERM)...)
	f = append(f, refuseAll(deniedHere, unix.EPERM)...)
	if !privileged {
		f = append(f, refuseAll(deniedUnprivileged, unix.EPERM)...)
		// What clone3 is asked for is in memory, where no filter sees it: programs fall back to clone.
		f = append(f, refuseAll([]uint32{unix.SYS_CLONE3}, unix.ENOSYS)...)
		f = append(f,
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.SYS_CLONE, SkipTrue: 4},
			bpf.LoadAbsolute{Off: offsetArg0, Size: 4},
			bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: namespaceFlags, SkipFalse: 1},
			refuse(uint32(unix.EPERM)),
			allow,
		)
	}
	return append(append(f, onlyFamilies()...), allow)
}

var allow = bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW}

func refuse(errno uint32) bpf.Instruction {
	return bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | errno}
}

// refuseAll refuses calls; the accumulator holds the number of the call, before and after.
func refuseAll(calls []uint32, errno unix.Errno) []bpf.Instruction {
	f := make([]bpf.Instruction, 0, 2*len(calls))
	for _, c := range calls {
		f = append(f, bpf.JumpIf{Cond: bpf.JumpEqual, Val: c, SkipFalse: 1}, refuse(uint32(errno)))
	}
	return f
}

// onlyFamilies refuses sockets of all but the known families.
func onlyFamilies() []bpf.Instruction {
	f := []bpf.Instruction{
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.SYS_SOCKET, SkipTrue: uint8(2*len(families) + 2)},
		bpf.LoadAbsolute{Off: offsetArg0, Size: 4},
	}
	for _, family := range families {
		f = append(f, bpf.JumpIf{Cond: bpf.JumpEqual, Val: family, SkipFalse: 1}, allow)
	}
	return append(f, refuse(uint32(unix.EAFNOSUPPORT)))
}
