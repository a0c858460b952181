package vantage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/acrlocal/acrlocal/emulator/internal/handover"
)

// controlFD is the file descriptor at which an isolated child finds its end of the control socket.
const controlFD = 3

// plan is what the child does before it becomes the command.
type plan struct {
	Ports   []int       `json:"ports"`             // where it listens, on all its addresses
	Mounts  [][2]string `json:"mounts"`            // files from outside, and where the child sees them
	Dockerd []string    `json:"dockerd,omitempty"` // a daemon that runs beside the command
	Socket  string      `json:"socket,omitempty"`  // of the daemon
}

// report is what the child says when it is done, with the sockets: one for each port, then the one for names.
type report struct {
	Problem string `json:"problem,omitempty"`
}

// isolation is the outer side of a network in which one program runs. All sockets in there that anybody could connect to
// are served from here, by the relay.
type isolation struct {
	relay *Relay
	names *Names
	plan  plan

	closers []func() error
}

// runIsolated runs a command in a network of its own, and returns its exit code. The child is this program again (or
// o.Executable), which makes the network from the inside and then becomes the command.
func runIsolated(ctx context.Context, o RunOptions, relay *Relay, env []string) (int, error) {
	runtime.LockOSThread() // the child dies with the thread that started it
	defer runtime.UnlockOSThread()
	i := &isolation{relay: relay, names: NewNames(firstName, nil)}
	defer i.close()
	if err := i.prepare(o); err != nil {
		return 0, fmt.Errorf("isolated: %w", err)
	}
	control, inner, err := handover.Pair(unix.SOCK_SEQPACKET)
	if err != nil {
		return 0, fmt.Errorf("isolated: %w", err)
	}
	i.closers = append(i.closers, control.Close)
	cmd := o.command(ctx, o.childCommand(), env)
	cmd.ExtraFiles = []*os.File{inner}
	cmd.SysProcAttr = namespaces(len(i.plan.Dockerd) > 0)
	err = cmd.Start()
	_ = inner.Close()
	if err != nil {
		return 0, fmt.Errorf("isolated: %w (it takes root, or a kernel that lets everybody make user namespaces)", err)
	}
	if err := i.serve(ctx, control); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return 0, fmt.Errorf("isolated: %w", err)
	}
	return exitCode(cmd.Wait())
}

// prepare writes the files that the child sees in place of the machine's own.
func (i *isolation) prepare(o RunOptions) error {
	i.plan.Ports = append([]int{80, 443}, o.Ports...)
	hostname, _ := os.Hostname()
	for _, file := range []struct{ name, at, text string }{
		{"resolv.conf", "/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:2 attempts:2\n"},
		{"hosts", "/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n127.0.1.1 " + hostname + "\n"},
		{"nsswitch.conf", "/etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n"},
	} {
		from := filepath.Join(o.Scratch, file.name)
		if err := os.WriteFile(from, []byte(file.text), 0o644); err != nil {
			return err
		}
		i.plan.Mounts = append(i.plan.Mounts, [2]string{from, file.at})
	}
	for _, at := range systemRoots {
		i.plan.Mounts = append(i.plan.Mounts, [2]string{o.caFile(), at})
	}
	if !o.Dockerd {
		return nil
	}
	i.plan.Dockerd, i.plan.Socket = o.dockerd(), o.dockerSocket()
	return os.WriteFile(o.daemonFile(), []byte("{}\n"), 0o600)
}

// systemRoots are the files in which the distributions keep the roots that everybody trusts. In an isolated program's
// view they hold the emulator's authority alone: nothing else can be reached.
var systemRoots = []string{
	"/etc/ssl/certs/ca-certificates.crt",                // Debian, Arch
	"/etc/pki/tls/certs/ca-bundle.crt",                  // Fedora
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // RHEL
	"/etc/ssl/ca-bundle.pem",                            // SUSE
	"/etc/ssl/cert.pem",                                 // Alpine
}

// namespaces asks for new network and mount namespaces; for somebody who is not root, inside a user namespace in which
// they stay who they are; and, where a daemon must not survive its command, for a process namespace.
func namespaces(processes bool) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if processes {
		attr.Cloneflags |= unix.CLONE_NEWPID
	}
	if uid := os.Geteuid(); uid != 0 {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
		attr.AmbientCaps = []uintptr{unix.CAP_NET_ADMIN, unix.CAP_NET_BIND_SERVICE, unix.CAP_SYS_ADMIN}
	}
	return attr
}

// serve sends the child its plan, takes its sockets, and serves them.
func (i *isolation) serve(ctx context.Context, control *net.UnixConn) error {
	stop := context.AfterFunc(ctx, func() { _ = control.Close() })
	defer stop()
	message, err := json.Marshal(i.plan)
	if err != nil {
		return err
	}
	if _, err := control.Write(message); err != nil {
		return err
	}
	files, err := receive(control)
	defer handover.CloseAll(files)
	if err != nil {
		return err
	}
	if len(files) != len(i.plan.Ports)+1 {
		return fmt.Errorf("%d sockets came out of the network, not %d", len(files), len(i.plan.Ports)+1)
	}
	for at, port := range i.plan.Ports {
		l, err := net.FileListener(files[at])
		if err != nil {
			return err
		}
		i.closers = append(i.closers, l.Close)
		go i.accept(ctx, l, port)
	}
	c, err := net.FilePacketConn(files[len(files)-1])
	if err != nil {
		return err
	}
	i.closers = append(i.closers, c.Close)
	go i.names.Serve(c)
	return nil
}

// receive reads the child's report and its sockets.
func receive(control *net.UnixConn) ([]*os.File, error) {
	message := make([]byte, 4096)
	n, files, err := handover.Receive(control, message)
	if err != nil {
		return files, fmt.Errorf("the child ended before its network was made: %w", err)
	}
	var said report
	if err := json.Unmarshal(message[:n], &said); err != nil {
		return files, err
	}
	if said.Problem != "" {
		return files, errors.New(said.Problem)
	}
	return files, nil
}

// accept serves the connections to one port inside: each goes to the host whose address was dialled.
func (i *isolation) accept(ctx context.Context, l net.Listener, port int) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go i.forward(ctx, c, port)
	}
}

func (i *isolation) forward(ctx context.Context, c net.Conn, port int) {
	defer func() { _ = c.Close() }()
	dialled, err := netip.ParseAddrPort(c.LocalAddr().String())
	if err != nil {
		return
	}
	host, ok := i.names.Host(dialled.Addr())
	if !ok {
		return
	}
	upstream, err := i.relay.Dial(ctx, net.JoinHostPort(host, strconv.Itoa(port)))
	if refused, ok := errors.AsType[*proxyError](err); ok && port == 80 {
		_, _ = c.Write([]byte(refused.wire()))
	}
	if err != nil {
		return
	}
	defer func() { _ = upstream.Close() }()
	i.relay.join(c, upstream)
}

// close ends what is served. Connections that are open end with the relay.
func (i *isolation) close() {
	for _, c := range i.closers {
		_ = c()
	}
}
