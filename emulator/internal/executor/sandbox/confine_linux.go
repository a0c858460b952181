package sandbox

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// capabilities are those of every container: Docker's default (moby, oci/caps/defaults.go). They are rights in the
// container's user namespace alone.
var capabilities = []uintptr{
	unix.CAP_AUDIT_WRITE, unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_KILL, unix.CAP_MKNOD,
	unix.CAP_NET_BIND_SERVICE, unix.CAP_NET_RAW, unix.CAP_SETFCAP, unix.CAP_SETGID, unix.CAP_SETPCAP, unix.CAP_SETUID,
	unix.CAP_SYS_CHROOT,
}

// limits are the resource limits of every program.
var limits = []struct {
	resource  int
	soft, max uint64
}{
	{unix.RLIMIT_CORE, 0, 0},
	{unix.RLIMIT_NOFILE, 1 << 16, 1 << 16},
	{unix.RLIMIT_MEMLOCK, 64 << 10, 64 << 10},
	{unix.RLIMIT_MSGQUEUE, 800 << 10, 800 << 10},
	{unix.RLIMIT_SIGPENDING, 4 << 10, 4 << 10},
}

// badness makes the kernel, when the machine runs out of memory, choose containers before anything else.
const badness = "500"

// program is what a process becomes, or starts.
type program struct {
	path    string
	args    []string
	env     []string
	account Account
}

// confine makes this thread, which is in the container already, one of its programs: user, directory, limits and rights.
// After it there is nothing left to do but to execute the program.
func confine(p *Program) (*program, error) {
	account, err := findAccount(p.User)
	if err != nil {
		return nil, err
	}
	env := withDefaults(p.Env, account, p.Terminal)
	if err := enterDirectory(p.Dir, account); err != nil {
		return nil, err
	}
	name, err := lookPath(p.Args, env)
	if err != nil {
		return nil, err
	}
	if err := setLimits(p); err != nil {
		return nil, err
	}
	if p.Terminal {
		if err := controlTerminal(); err != nil {
			return nil, wrap("terminal", err)
		}
	}
	// A keyring of its own, not the emulator's. The kernel may have none.
	_, _ = unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0)
	unix.Umask(0o022)
	if err := dropRights(p, account); err != nil {
		return nil, err
	}
	return &program{name, p.Args, env, account}, nil
}

// beExpendable makes the kernel choose this process, and what it becomes, before others.
func beExpendable() { _ = os.WriteFile("/proc/self/oom_score_adj", []byte(badness), 0) }

// execute becomes the program.
func (p *program) execute() error {
	if err := unix.Exec(p.path, p.args, p.env); err != nil {
		return fmt.Errorf("exec %s: %w", p.path, err)
	}
	return nil
}

func findAccount(user string) (Account, error) {
	passwd, group := open("/etc/passwd"), open("/etc/group")
	defer passwd.Close()
	defer group.Close()
	return FindAccount(user, passwd, group)
}

// open opens the beginning of a regular file for reading; anything else, and what is not there, is empty.
func open(name string) io.ReadCloser {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return io.NopCloser(strings.NewReader(""))
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		_ = f.Close()
		return io.NopCloser(strings.NewReader(""))
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(f, maxAccounts), f}
}

// maxAccounts is how much is read of passwd or group, in bytes: a container that begins is waited for.
const maxAccounts = 16 << 20

// defaultPath is what Docker sets where the image does not.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func withDefaults(env []string, a Account, terminal bool) []string {
	defaults := [][2]string{{"PATH", defaultPath}, {"HOME", a.Home}}
	if hostname, err := os.Hostname(); err == nil {
		defaults = append(defaults, [2]string{"HOSTNAME", hostname})
	}
	if terminal {
		defaults = append(defaults, [2]string{"TERM", "xterm"})
	}
	for _, d := range defaults {
		if _, ok := lookup(env, d[0]); !ok {
			env = append(env, d[0]+"="+d[1])
		}
	}
	return env
}

func lookup(env []string, name string) (value string, ok bool) {
	for _, v := range env {
		if n, rest, found := strings.Cut(v, "="); found && n == name {
			value, ok = rest, true
		}
	}
	return value, ok
}

// enterDirectory changes to the working directory, and makes it if it is missing.
func enterDirectory(dir string, a Account) error {
	if dir == "" {
		dir = "/"
	}
	if !path.IsAbs(dir) {
		return fmt.Errorf("working directory %q is not absolute", dir)
	}
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	return wrap("working directory", os.Chdir(dir))
}

// errNotFound is a program that is not in the image.
var errNotFound = errors.New("executable file not found in $PATH")

// lookPath finds a program as execvp would.
func lookPath(args, env []string) (string, error) {
	if len(args) == 0 || args[0] == "" {
		return "", errors.New("no command specified")
	}
	name := args[0]
	if strings.Contains(name, "/") {
		if _, err := os.Stat(name); err != nil {
			return "", fmt.Errorf("exec: %q: %w", name, errors.Join(errNotFound, err))
		}
		return name, nil
	}
	paths, _ := lookup(env, "PATH")
	for dir := range strings.SplitSeq(paths, ":") {
		full := path.Join(dir, name)
		if info, err := os.Stat(full); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return full, nil
		}
	}
	return "", fmt.Errorf("exec: %q: %w", name, errNotFound)
}

// refusal is the answer of a program that could not be started.
func refusal(err error) Answer {
	return Answer{Problem: err.Error(), NotFound: errors.Is(err, errNotFound)}
}

func setLimits(p *Program) error {
	for _, l := range limits {
		var now unix.Rlimit
		if err := unix.Getrlimit(l.resource, &now); err != nil {
			return wrap("limits", err)
		}
		set := unix.Rlimit{Cur: min(l.soft, now.Max), Max: min(l.max, now.Max)}
		if err := unix.Setrlimit(l.resource, &set); err != nil {
			return wrap("limits", err)
		}
	}
	if p.Processes <= 0 {
		return nil
	}
	// Where the kernel counts process numbers by namespace (Linux 6.14), it bounds them for all users together.
	_ = os.WriteFile("/proc/sys/kernel/pid_max", []byte(strconv.Itoa(max(p.Processes, leastPIDs))), 0)
	n, bytes := uint64(p.Processes), uint64(p.Memory)
	if err := unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: bytes, Max: bytes}); err != nil {
		return wrap("limits", err)
	}
	return wrap("limits", unix.Setrlimit(unix.RLIMIT_NPROC, &unix.Rlimit{Cur: n, Max: n}))
}

const leastPIDs = 512 // the kernel refuses to go below some 301

// controlTerminal makes standard input the terminal of a session of this process.
func controlTerminal() error {
	if _, err := unix.Setsid(); err != nil {
		return err
	}
	return unix.IoctlSetInt(0, unix.TIOCSCTTY, 0)
}

// dropRights gives up what the program shall not have. The order is the kernel's: the filter and the groups take rights that
// are dropped after. As with Docker, no_new_privs is not set, so that su and sudo work: what they can give is within the
// bounding set.
func dropRights(p *Program, a Account) error {
	if err := filterCalls(p.Privileged); err != nil {
		return wrap("filter of system calls", err)
	}
	if !p.Privileged {
		for c := range uintptr(unix.CAP_LAST_CAP + 1) {
			if contains(capabilities, c) {
				continue
			}
			if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) {
				return wrap("capabilities", err)
			}
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return wrap("capabilities", err)
	}
	return become(a, p.Flat)
}

func contains(set []uintptr, c uintptr) bool {
	for _, s := range set {
		if s == c {
			return true
		}
	}
	return false
}

// become changes user and groups of this thread; package syscall would change them for all.
func become(a Account, flat bool) error {
	who := fmt.Sprintf("user %d:%d", a.UID, a.GID)
	if err := setGroups(a.Groups, flat); err != nil {
		return wrap(who, err)
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, uintptr(a.GID), uintptr(a.GID), uintptr(a.GID)); errno != 0 {
		return wrap(who, unmapped(errno))
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(a.UID), uintptr(a.UID), uintptr(a.UID)); errno != 0 {
		return wrap(who, unmapped(errno))
	}
	return nil
}

func unmapped(errno syscall.Errno) error {
	if errno != unix.EINVAL {
		return errno
	}
	return errors.New("without root on the machine, containers have no user but root")
}
