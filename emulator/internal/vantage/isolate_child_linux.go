package vantage

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/acrlocal/acrlocal/emulator/internal/handover"
)

// IsolatedChild is the entry of a program that RunOptions.Executable names with RunOptions.ChildArguments: in namespaces
// of its own it makes the network, hands the sockets out, and becomes the command. args are what follows
// ChildArguments. It returns only if that failed; nobody else than Run should start it.
func IsolatedChild(args []string) error {
	runtime.LockOSThread() // capabilities belong to threads
	unix.CloseOnExec(controlFD)
	control, err := handover.Conn(os.NewFile(controlFD, "control"))
	if err != nil {
		return fmt.Errorf("not started by acrlocal from --isolated: %w", err)
	}
	command, p, err := receivePlan(control, args)
	if err != nil {
		return failed(control, err)
	}
	sockets, err := p.makeNetwork()
	if err == nil {
		err = p.mount()
	}
	if err == nil {
		err = dropCapabilities()
	}
	if err != nil {
		return failed(control, err)
	}
	if err := send(control, report{}, sockets...); err != nil {
		return err
	}
	handover.CloseAll(sockets)
	if len(p.Dockerd) > 0 {
		return p.supervise(command, args)
	}
	return syscall.Exec(command, args, os.Environ())
}

func receivePlan(control *net.UnixConn, args []string) (command string, p plan, err error) {
	message := make([]byte, 64<<10)
	n, _, err := handover.Receive(control, message)
	if err != nil {
		return "", p, err
	}
	if err := json.Unmarshal(message[:n], &p); err != nil {
		return "", p, err
	}
	if len(args) == 0 {
		return "", p, errors.New("no command")
	}
	command, err = exec.LookPath(args[0])
	return command, p, err
}

// failed reports a failure to the other side.
func failed(control *net.UnixConn, err error) error {
	_ = send(control, report{Problem: err.Error()})
	return err
}

func send(control *net.UnixConn, r report, sockets ...*os.File) error {
	message, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return handover.Send(control, message, sockets...)
}

// makeNetwork brings the loopback interface up, gives it the address of IMDS, and listens: on every port of the plan and
// for DNS questions. All 127.0.0.0/8 is there by itself.
func (p plan) makeNetwork() ([]*os.File, error) {
	if err := loopback(); err != nil {
		return nil, fmt.Errorf("loopback interface: %w", err)
	}
	var sockets []*os.File
	for _, port := range p.Ports {
		fd, err := listen(unix.SOCK_STREAM, netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(port)))
		if err != nil {
			return nil, fmt.Errorf("port %d: %w", port, err)
		}
		sockets = append(sockets, os.NewFile(uintptr(fd), "listener"))
	}
	fd, err := listen(unix.SOCK_DGRAM, netip.MustParseAddrPort("127.0.0.1:53"))
	if err != nil {
		return nil, fmt.Errorf("names: %w", err)
	}
	return append(sockets, os.NewFile(uintptr(fd), "names")), nil
}

func loopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	up, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	up.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, up); err != nil {
		return err
	}
	imds, err := unix.NewIfreq("lo:imds")
	if err != nil {
		return err
	}
	addr := netip.MustParseAddr(IMDSHost).As4()
	if err := imds.SetInet4Addr(addr[:]); err != nil {
		return err
	}
	return unix.IoctlIfreq(fd, unix.SIOCSIFADDR, imds)
}

func listen(kind int, at netip.AddrPort) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}); err != nil {
		return 0, err
	}
	if kind == unix.SOCK_STREAM {
		err = unix.Listen(fd, unix.SOMAXCONN)
	}
	return fd, err
}

// mount puts the plan's files over those of the machine, where it has them, in the view of this process alone.
func (p plan) mount() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mounts: %w", err)
	}
	for _, m := range p.Mounts {
		if _, err := os.Stat(m[1]); err != nil {
			continue
		}
		if err := unix.Mount(m[0], m[1], "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m[1], err)
		}
	}
	if len(p.Dockerd) == 0 {
		return nil
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	return nil
}

// dropCapabilities gives up what somebody who is not root got to make the network.
func dropCapabilities() error {
	if os.Geteuid() == 0 {
		return nil
	}
	return unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
}

// Limits of the daemon.
const (
	daemonStart = 20 * time.Second
	daemonPoll  = 50 * time.Millisecond
	maxLogTail  = 1 << 10 // bytes of its log that are shown when it does not start
)

// supervise runs the daemon and, once it answers, the command. It is the first process of its namespace: when it ends, the
// kernel ends whatever is left.
func (p plan) supervise(command string, args []string) error {
	daemon := exec.Command(p.Dockerd[0], p.Dockerd[1:]...)
	log, err := os.OpenFile(filepath.Join(filepath.Dir(p.Socket), "dockerd.log"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	daemon.Stdout, daemon.Stderr = log, log
	daemon.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt is for the command
	if err := daemon.Start(); err != nil {
		return err
	}
	if err := p.await(daemon); err != nil {
		said, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%w: %s", err, said[max(0, len(said)-maxLogTail):])
	}
	code, err := supervised(command, args)
	_ = daemon.Process.Signal(syscall.SIGTERM)
	_ = daemon.Wait()
	if err == nil {
		os.Exit(code)
	}
	return err
}

// await waits until the daemon listens at its socket.
func (p plan) await(daemon *exec.Cmd) error {
	for deadline := time.Now().Add(daemonStart); time.Now().Before(deadline); time.Sleep(daemonPoll) {
		if _, err := os.Stat(p.Socket); err == nil {
			return nil
		}
		var status unix.WaitStatus
		if pid, _ := unix.Wait4(daemon.Process.Pid, &status, unix.WNOHANG, nil); pid == daemon.Process.Pid {
			return fmt.Errorf("dockerd ended with status %d", status.ExitStatus())
		}
	}
	return errors.New("dockerd does not answer")
}

// supervised runs the command as a child, passing signals on to it.
func supervised(command string, args []string) (int, error) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT)
	defer signal.Stop(signals)
	cmd := &exec.Cmd{Path: command, Args: args, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	go func() {
		for s := range signals {
			if s == syscall.SIGTERM || s == syscall.SIGHUP { // the others come from the terminal, to all
				_ = cmd.Process.Signal(s)
			}
		}
	}()
	return exitCode(cmd.Wait())
}
