package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// attacks are what it should not be able to do. Each ends with an error if it was stopped.
var attacks = map[string]func(args []string) error{
	"mount": func(args []string) error { return syscall.Mount("tmpfs", args[0], "tmpfs", 0, "") },
	"remount": func(args []string) error {
		return syscall.Mount("", args[0], "", syscall.MS_REMOUNT|syscall.MS_BIND, "")
	},
	"unmount":   func(args []string) error { return syscall.Unmount(args[0], 0) },
	"unshare":   func([]string) error { return syscall.Unshare(syscall.CLONE_NEWUSER) },
	"userns":    userNamespace,
	"setns":     func([]string) error { return call(sysSetns, 0, 0, 0) },
	"keyctl":    func([]string) error { return call(syscall.SYS_KEYCTL, 0, uintptr(^uint32(2)), 1) },
	"bpf":       func([]string) error { return call(sysBPF, 0, 0, 0) },
	"uring":     func([]string) error { return call(sysUring, 1, 0, 0) },
	"userfault": func([]string) error { return call(sysUserfault, 0, 0, 0) },
	"perf":      func([]string) error { return call(sysPerf, 0, 0, 0) },
	"reboot":    func([]string) error { return syscall.Reboot(syscall.LINUX_REBOOT_CMD_CAD_OFF) },
	"vsock":     func([]string) error { return socket(40, syscall.SOCK_STREAM, 0) },
	"alg":       func([]string) error { return socket(syscall.AF_ALG, syscall.SOCK_SEQPACKET, 0) },
	"mknod":     func(args []string) error { return syscall.Mknod(args[0], syscall.S_IFBLK|0o600, 254<<8) },
	"chroot":    escapeRoot,
	"handle":    func([]string) error { return call(sysOpenByHandle, 0, 0, 0) },
	"ptrace":    func(args []string) error { return syscall.PtraceAttach(number(args[0])) },
	"abstract":  abstract,
	"packets":   packets,
	"spoof":     spoof,
	"open":      func(args []string) error { f, err := os.OpenFile(args[0], os.O_RDWR, 0); _ = f.Close(); return err },
	"find":      find,
	"pids":      pids,
	"forkbomb":  forkBomb,
	"fill":      fill,
	"files":     manyFiles,
	"deep":      deep,
	"hog":       hog,
	"dial":      dialMany,
	"hostname":  func([]string) error { return syscall.Sethostname([]byte("evil")) },
	"caps":      caps,
}

const (
	sysSetns        = 308
	sysBPF          = 321
	sysUring        = 425
	sysUserfault    = 323
	sysPerf         = 298
	sysOpenByHandle = 304
)

func call(number, a, b, c uintptr) error {
	if _, _, errno := syscall.Syscall(number, a, b, c); errno != 0 {
		return errno
	}
	return nil
}

func socket(family, kind, protocol int) error {
	fd, err := syscall.Socket(family, kind, protocol)
	if err == nil {
		_ = syscall.Close(fd)
	}
	return err
}

func userNamespace([]string) error {
	cmd := exec.Command("/guest", "echo", "in a user namespace")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS}
	return cmd.Run()
}

// escapeRoot leaves a root that was changed by chroot alone.
func escapeRoot([]string) error {
	if err := os.MkdirAll("/jail", 0o755); err != nil {
		return err
	}
	if err := syscall.Chroot("/jail"); err != nil {
		return err
	}
	for range 64 {
		_ = os.Chdir("..")
	}
	if err := syscall.Chroot("."); err != nil {
		return err
	}
	if _, err := os.Stat("/guest"); err != nil {
		return errors.New("somewhere else")
	}
	return errors.New("at the container's root")
}

// abstract connects to an abstract Unix socket.
func abstract(args []string) error {
	c, err := net.Dial("unix", "@"+args[0])
	if err == nil {
		_ = c.Close()
	}
	return err
}

// packets sends an Ethernet frame to everybody through every interface, and fails if there is another than the
// container's own.
func packets([]string) error {
	links, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, l := range links {
		if l.Name != "lo" && l.Name != "eth0" {
			return nil
		}
	}
	fd, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW, 0x0003<<8)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	_ = syscall.Sendto(fd, bytes.Repeat([]byte{0xff}, 64), 0, &syscall.SockaddrLinklayer{Ifindex: 2, Protocol: 0x0008})
	return errors.New("no interface but its own")
}

// spoof sends a packet in another's name, by a raw socket, to an address of the machine.
func spoof(args []string) error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_RAW, syscall.IPPROTO_RAW)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	ip := net.ParseIP(args[0]).To4()
	packet := append([]byte{0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0}, append([]byte{203, 0, 113, 9}, ip...)...)
	return syscall.Sendto(fd, packet, 0, &syscall.SockaddrInet4{Addr: [4]byte(ip)})
}

// find looks for a file by its name everywhere.
func find(args []string) error {
	found := errors.New("not found")
	_ = filepath.Walk("/", func(name string, info os.FileInfo, err error) error {
		if err == nil && info.IsDir() && (name == "/proc" || name == "/sys") {
			return filepath.SkipDir
		}
		if err == nil && info.Name() == args[0] {
			found = nil
		}
		return nil
	})
	return found
}

// pids prints how many processes it sees.
func pids([]string) error {
	entries, err := os.ReadDir("/proc")
	n := 0
	for _, e := range entries {
		if strings.Trim(e.Name(), "0123456789") == "" {
			n++
		}
	}
	fmt.Println(n)
	return err
}

func forkBomb([]string) error {
	for {
		cmd := exec.Command("/guest", "forkbomb")
		cmd.Stdout = os.Stdout
		if err := cmd.Start(); err != nil {
			fmt.Println("no more:", err)
			time.Sleep(50 * time.Millisecond)
		}
	}
}

func fill(args []string) error {
	f, err := os.Create(args[0])
	if err != nil {
		return err
	}
	block := bytes.Repeat([]byte("full"), 1<<18)
	for {
		if _, err := f.Write(block); err != nil {
			return err
		}
	}
}

func manyFiles([]string) error {
	for n := 0; ; n++ {
		if err := os.WriteFile(fmt.Sprintf("/f%d", n), nil, 0o644); err != nil {
			return err
		}
	}
}

// deep makes directories below each other, as many as it is told.
func deep(args []string) error {
	for range number(args[0]) {
		if err := os.Mkdir("d", 0o755); err != nil {
			return err
		}
		if err := os.Chdir("d"); err != nil {
			return err
		}
	}
	return nil
}

// dialMany opens many connections and keeps them.
func dialMany(args []string) error {
	for range number(args[1]) {
		c, err := net.DialTimeout("tcp", args[0], 5*time.Second)
		if err != nil {
			return err
		}
		open = append(open, c)
	}
	return nil
}

var open []net.Conn

var kept [][]byte

func hog([]string) error {
	for {
		b := make([]byte, 16<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		kept = append(kept, b)
	}
}

// caps prints the rights of this process.
func caps([]string) error {
	b, err := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "CapEff") || strings.HasPrefix(line, "NoNewPrivs") || strings.HasPrefix(line, "Seccomp:") {
			fmt.Print(line)
		}
	}
	return err
}
