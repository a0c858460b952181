//go:build clients

package e2e

import (
	"context"
	"errors"
	"flag"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// loopbackOnly marks a run of this program that is in a network with nothing but loopback.
const loopbackOnly = "E2E_LOOPBACK_ONLY"

// inLoopbackOnly runs the test that calls it once more, in namespaces of its own: in a network with nothing but loopback,
// so that nothing leaves the machine, and where processes and mounts end with the test. It reports whether this is that
// run; the caller returns if it is not.
//
//	if !inLoopbackOnly(t) {
//		return
//	}
func inLoopbackOnly(t *testing.T) bool {
	t.Helper()
	if os.Getenv(loopbackOnly) == t.Name() {
		return true
	}
	need(t, "unshare", "ip")
	needRoot(t)
	command := exec.CommandContext(t.Context(), "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
		"sh", "-c", `ip link set lo up && exec "$0" "$@"`, os.Args[0],
		"-test.run", strings.TrimSuffix("^"+t.Name()+"$/"+subtests(), "/"), "-test.v", "-test.count", "1", "-test.timeout", remaining(t).String())
	command.Env = append(os.Environ(), loopbackOnly+"="+t.Name())
	output, err := command.CombinedOutput()
	t.Logf("with loopback only:\n%s", output)
	switch {
	case err != nil:
		t.Fatal(err)
	case strings.Contains(string(output), "--- SKIP: "+t.Name()+" "):
		t.SkipNow()
	case !strings.Contains(string(output), "--- PASS: "+t.Name()+" "):
		t.Fatal("the test did not run")
	}
	return false
}

// subtests are those that whoever runs the test has named by -run; "" is all.
func subtests() string {
	_, below, _ := strings.Cut(flag.Lookup("test.run").Value.String(), "/")
	return below
}

// remaining is how long the test may take.
func remaining(t *testing.T) time.Duration {
	deadline, ok := t.Deadline()
	if !ok {
		return 0
	}
	return time.Until(deadline).Truncate(time.Second)
}

// TestLoopbackOnly shows that nothing leaves from where inLoopbackOnly runs a test: not to an address, not to a name, not to
// this machine's own address outside; while programs on loopback find each other.
func TestLoopbackOnly(t *testing.T) {
	if !inLoopbackOnly(t) {
		return
	}
	before := triedToLeave(t)
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if link.Flags&net.FlagLoopback == 0 && link.Flags&net.FlagUp != 0 {
			t.Errorf("there is %s", link.Name)
		}
	}
	for _, address := range []string{"203.0.113.1:443", "10.0.0.1:443", "169.254.169.254:80", "[2001:db8::1]:443"} {
		if err := dial(t, "tcp", address); !errors.Is(err, syscall.ENETUNREACH) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if err := dial(t, "udp", "203.0.113.1:53"); !errors.Is(err, syscall.ENETUNREACH) {
		t.Errorf("a name server: %v", err)
	}
	var unknown *net.DNSError
	if _, err := net.DefaultResolver.LookupHost(t.Context(), "management.azure.com"); !errors.As(err, &unknown) {
		t.Errorf("a name: %v", err)
	}
	tried := triedToLeave(t)
	if tried < before+6 {
		t.Errorf("the kernel noticed %d attempts to leave, of at least 6", tried-before)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := dial(t, "tcp", l.Addr().String()); err != nil {
		t.Errorf("loopback: %v", err)
	}
	if now := triedToLeave(t); now != tried {
		t.Errorf("a connection on loopback counts as %d attempts to leave", now-tried)
	}
}

// triedToLeave is how often somebody in this network tried to send what it has no way for, as the kernel counts it.
func triedToLeave(t *testing.T) int {
	t.Helper()
	var ipv4, ipv6 int
	for _, line := range procNet(t, "snmp") { // a line of names, then a line of values
		if values := strings.Fields(line); values[0] == "Ip:" && values[1] != "Forwarding" {
			ipv4 = number(t, values[outNoRoutes])
		}
	}
	for _, line := range procNet(t, "snmp6") {
		if values := strings.Fields(line); values[0] == "Ip6OutNoRoutes" {
			ipv6 = number(t, values[1])
		}
	}
	return ipv4 + ipv6
}

// outNoRoutes is where the lines of IP in /proc/net/snmp have OutNoRoutes (RFC 4293).
const outNoRoutes = 12

func procNet(t *testing.T, file string) []string {
	t.Helper()
	data, err := os.ReadFile("/proc/net/" + file)
	switch {
	case errors.Is(err, os.ErrNotExist): // a kernel without IPv6
		return nil
	case err != nil:
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func dial(t *testing.T, network, address string) error {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err == nil {
		_ = c.Close()
	}
	return err
}
