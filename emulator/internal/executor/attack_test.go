//go:build linux

package executor

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAttacks(t *testing.T) {
	n := newNetwork(t, NetworkOptions{})
	i := image(t, base(t)...)
	outside, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer outside.Close()
	_, port, _ := net.SplitHostPort(outside.Addr().String())
	hidden, err := net.Listen("unix", "@executor-test-"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer hidden.Close()
	marker := filepath.Join(t.TempDir(), "marker-"+port)
	if err := os.WriteFile(marker, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ do, want string }{
		{"mount /mnt", "operation not permitted"},
		{"remount /proc/sys", "operation not permitted"},
		{"unmount /proc/sys", "operation not permitted"},
		{"unshare", "operation not permitted"},
		{"userns", "operation not permitted"},
		{"setns", "operation not permitted"},
		{"keyctl", "operation not permitted"},
		{"bpf", "operation not permitted"},
		{"uring", "operation not permitted"},
		{"userfault", "operation not permitted"},
		{"perf", "operation not permitted"},
		{"reboot", "operation not permitted"},
		{"handle", "operation not permitted"},
		{"hostname", "operation not permitted"},
		{"vsock", "address family not supported"},
		{"alg", "address family not supported"},
		{"mknod /disk", "operation not permitted"},
		{"chroot", "at the container's root"},
		{"ptrace 2", "no such process"},
		{"abstract executor-test-" + port, "connection refused"},
		{"packets", "no interface but its own"},
		{"spoof 127.0.0.1", ""},
		{"spoof 10.0.0.1", "network is unreachable"},
		{"get 127.0.0.1:" + port, "connection refused"},
		{"get 172.18.0.1:" + port, "connection refused"},
		{"find marker-" + port, "not found"},
		{"cat " + marker, "no such file"},
		{"open /proc/sys/kernel/core_pattern", "error: "},
		{"open /proc/sys/net/ipv4/ip_forward", "error: "},
		{"open /proc/sysrq-trigger", "error: "},
		{"open /sys/kernel/uevent_helper", "error: "},
		{"write /sys/fs/x y", "error: "},
		{"cat /proc/kcore", ""},
		{"ls /proc/acpi", ""},
		{"cat /proc/1/root/etc/shadow", "no such file"},
		{"caps", "CapEff:\t00000000a80425fb\nNoNewPrivs:\t0\nSeccomp:\t2\n"},
		{"pids", "1\n"},
	} {
		t.Run(c.do, func(t *testing.T) {
			_, out, err := run(t, n, spec(i, nil, strings.Fields(c.do)...))
			if err != nil || !strings.Contains(out, c.want) {
				t.Errorf("%q %v, want %q", out, err, c.want)
			}
			if strings.Contains(out, "secret") {
				t.Errorf("it has read %s", marker)
			}
		})
	}
	for _, address := range machineAddresses(t) {
		_, out, err := run(t, n, spec(i, nil, "get", net.JoinHostPort(address, port)))
		if err != nil || !strings.Contains(out, "error") {
			t.Errorf("%s of the machine: %q %v", address, out, err)
		}
	}
}

func machineAddresses(t *testing.T) []string {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil {
			found = append(found, ip.IP.String())
		}
	}
	return found
}

// A privileged container may do much in its own namespaces, but the machine is as closed to it as to others.
func TestPrivileged(t *testing.T) {
	n := newNetwork(t, NetworkOptions{})
	i := image(t)
	for _, c := range []struct{ do, want string }{
		{"mkdir /mnt then mount /mnt then write /mnt/x y then cat /mnt/x", "y"},
		{"hostname then echo done", "done"},
		{"open /proc/sys/kernel/core_pattern", "permission denied"},
		{"open /proc/sysrq-trigger", "error: "},
		{"reboot", "operation not permitted"},
		{"bpf", "operation not permitted"},
		{"keyctl", "operation not permitted"},
		{"mknod /disk", "operation not permitted"},
		{"pids", "1\n"},
		{"packets", "no interface but its own"},
	} {
		t.Run(c.do, func(t *testing.T) {
			s := spec(i, nil, strings.Fields(c.do)...)
			s.Privileged = true
			if _, out, err := run(t, n, s); err != nil || !strings.Contains(out, c.want) {
				t.Errorf("%q %v, want %q", out, err, c.want)
			}
		})
	}
}

// The layers of an image are shared: what one container does to its root, no other sees.
func TestRootIsPrivate(t *testing.T) {
	n := newNetwork(t, NetworkOptions{})
	i := image(t, base(t)...)
	for range 2 {
		code, out, err := run(t, n, spec(i, nil, strings.Fields("append /old/a more then cat /old/a then rm /etc/ssl then write /guest x")...))
		if code != 1 || err != nil || !strings.HasPrefix(out, "amore") { // the program that runs is busy
			t.Errorf("%d %q %v", code, out, err)
		}
	}
}

func TestBombs(t *testing.T) {
	e := newExecutor(t, Options{Limits: Limits{Processes: 40, Memory: 96 << 20, Disk: 32 << 20}})
	n := networkOf(t, e, NetworkOptions{})
	for _, c := range []struct{ do, want string }{
		{"fill /etc/hosts", "it wrote more than 32 MiB to its root file system"},
		{"fill /full", "it wrote more than 32 MiB to its root file system"},
		{"deep 2000 then sleep 100", "more than 256 directories below each other"},
		{"hog", "it wanted more than 96 MiB of memory"},
	} {
		t.Run(c.do, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			started, out := start(t, n, spec(image(t), nil, strings.Fields(c.do)...))
			code, err := started.Wait(ctx)
			if c.do == "hog" && strings.Contains(e.Status().Detail, "no control groups") {
				if code == 0 || err != nil { // it gets no more, which Go says in several ways
					t.Errorf("%d %v %.300s", code, err, out)
				}
				return
			}
			if exit, ok := errors.AsType[*ExitError](err); !ok || !strings.Contains(exit.Reason, c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	if code, out, err := run(t, n, spec(image(t), nil, "echo", "still here")); code != 0 || err != nil {
		t.Errorf("after the bombs: %d %q %v", code, out, err)
	}
}

// A fork bomb stays in its container, whose bound is said where the kernel counts, and ends with it.
func TestForkBomb(t *testing.T) {
	const bound = 40
	e := newExecutor(t, Options{Limits: Limits{Processes: bound}})
	n := networkOf(t, e, NetworkOptions{})
	c, out := start(t, n, spec(image(t), nil, "forkbomb"))
	await(t, out, "no more")
	if running := guests(t, "forkbomb"); running < 2 || running > bound {
		t.Errorf("%d processes run, want some and at most %d", running, bound)
	}
	c.Stop(0)
	_, err := c.Wait(t.Context())
	exit, reported := errors.AsType[*ExitError](err)
	if grouped := strings.Contains(e.Status().Detail, "pids"); grouped != (reported && exit.Reason == "it wanted more than 40 processes") {
		t.Errorf("%v", err)
	}
	if running := guests(t, "forkbomb"); running != 0 {
		t.Errorf("%d processes run after the end", running)
	}
}

// guests counts the processes of this machine that do a trick.
func guests(t *testing.T, trick string) int {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range names {
		if line, _ := os.ReadFile(name); string(line) == "/guest\x00"+trick+"\x00" {
			n++
		}
	}
	return n
}

// A file with holes takes no room in a container, but all that it says in a layer.
func TestHoles(t *testing.T) {
	n := networkOf(t, newExecutor(t, Options{Limits: Limits{Disk: 32 << 20}}), NetworkOptions{})
	if l, err := n.Layer(t.Context(), spec(image(t), io.Discard, strings.Fields("write /holes x then hole /holes 16")...)); err != nil {
		t.Errorf("a file within the bound: %v %v", l, err)
	}
	_, err := n.Layer(t.Context(), spec(image(t), io.Discard, strings.Fields("write /holes x then hole /holes 300")...))
	if err == nil || !strings.Contains(err.Error(), `too large: "holes"`) {
		t.Errorf("%v", err)
	}
}

// A container may ask for /proc/self/exe as its program, which is then the emulator's own (CVE-2019-5736): it can be run,
// but not changed, by whom it may belong to.
func TestOwnBinary(t *testing.T) {
	own := filepath.Join(t.TempDir(), "embedder")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", own, "./testdata/embedder")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	n := networkOf(t, newExecutor(t, Options{Executable: own}), NetworkOptions{})
	before, err := os.Stat(own)
	if err != nil {
		t.Fatal(err)
	}
	out := &output{}
	c, err := n.Start(t.Context(), Spec{Image: image(t), Process: Process{Args: []string{"/proc/self/exe", "linger"}, Stdout: out, Stderr: out}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop(0)
	await(t, out, "lingering")
	for _, do := range []string{"chmod /proc/1/exe 777", "open /proc/1/exe", "xattr /proc/1/exe user.a b"} {
		said := &output{}
		if _, err := c.Exec(t.Context(), Process{Args: append([]string{"/guest"}, strings.Fields(do)...), Stdout: said, Stderr: said}); err != nil || !strings.Contains(said.String(), "error: ") {
			t.Errorf("%s: %q %v", do, said, err)
		}
	}
	if after, err := os.Stat(own); err != nil || after.Mode() != before.Mode() {
		t.Errorf("%v, %v", after.Mode(), err)
	}
}

// A directory that is mounted may have been a container's before, who put a link in its place.
func TestMountOfALink(t *testing.T) {
	n := newNetwork(t, NetworkOptions{})
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("/", link); err != nil {
		t.Fatal(err)
	}
	s := spec(image(t), nil, "ls", "/mnt")
	s.Mounts = []Mount{{From: link, To: "/mnt"}}
	if _, out, err := run(t, n, s); err == nil {
		t.Errorf("the container sees %.100q", out)
	}
}
