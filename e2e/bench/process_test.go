//go:build bench

package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// process is a server under measurement.
type process struct {
	cmd *exec.Cmd
	url string
}

// start runs a program until the test ends. What it says about errors is shown.
func start(t testing.TB, cmd *exec.Cmd) *process {
	t.Helper()
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd}
	t.Cleanup(p.stop)
	return p
}

func (p *process) stop() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// cpu returns the time that all threads have spent on a processor, in user space and in the kernel. The scheduler counts
// it in nanoseconds for each thread; the ticks in /proc/PID/stat are too coarse.
func (p *process) cpu(t testing.TB) time.Duration {
	t.Helper()
	threads, err := filepath.Glob(p.proc("task/*/schedstat"))
	if err != nil || len(threads) == 0 {
		t.Fatalf("no scheduler statistics in %s: the benchmark takes Linux", p.proc("task"))
	}
	var sum time.Duration
	for _, thread := range threads {
		stat, err := os.ReadFile(thread)
		if err != nil {
			continue // the thread has ended
		}
		ran, _, _ := strings.Cut(string(stat), " ")
		ns, err := strconv.ParseInt(ran, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(ns)
	}
	return sum
}

// memory returns a size from /proc/PID/status in MB (10⁶ bytes): VmRSS is what is resident now, VmHWM the most it was.
func (p *process) memory(t testing.TB, field string) float64 {
	t.Helper()
	status, err := os.ReadFile(p.proc("status"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		var kB float64
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			if _, err := fmt.Sscan(rest, &kB); err != nil {
				t.Fatal(err)
			}
			return kB * 1024 / 1e6
		}
	}
	t.Fatalf("no %s in %s", field, p.proc("status"))
	return 0
}

func (p *process) proc(file string) string {
	return fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, file)
}

// acrlocal returns a command of the binary that ACRLOCAL names, with nothing of the user's own environment.
func acrlocal(t testing.TB, state string, args ...string) *exec.Cmd {
	t.Helper()
	binary := os.Getenv("ACRLOCAL")
	if binary == "" {
		t.Fatal("ACRLOCAL does not name the binary; run make bench")
	}
	cmd := exec.Command(binary, append([]string{"up", "--quiet", "--state", state, "--manage", "127.0.0.1:0"}, args...)...)
	cmd.Env = []string{"HOME=" + state, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()}
	return cmd
}

// emulator is a running acrlocal and the credentials it announced.
type emulator struct {
	*process
	endpoints
	scratch string // a directory for the clients
}

// endpoints is what --endpoints-file tells.
type endpoints struct {
	Service        string `json:"service"`
	Manage         string `json:"manage"`
	TenantID       string `json:"tenantId"`
	SubscriptionID string `json:"subscriptionId"`
	ClientID       string `json:"clientId"`
	ClientSecret   string `json:"clientSecret"`
}

// emulate starts acrlocal and waits until tokens can be had.
func emulate(t testing.TB, state string, args ...string) *emulator {
	t.Helper()
	file := filepath.Join(t.TempDir(), "endpoints.json")
	args = append(args, "--listen", "127.0.0.1:0", "--endpoints-file", file)
	e := &emulator{process: start(t, acrlocal(t, state, args...)), scratch: t.TempDir()}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		announced, err := os.ReadFile(file)
		if err != nil || json.Unmarshal(announced, &e.endpoints) != nil {
			continue
		}
		e.url = e.Service
		return e
	}
	t.Fatal("acrlocal has not announced its endpoints within 20 s")
	return nil
}

// The servers to compare with, as the program in others calls them.
const (
	bareHTTP         = "net/http"
	bareProxy        = "proxy" // net/http with tunnels and TLS
	bareDistribution = "distribution"
	bareGGCR         = "ggcr"
)

// buildOthers builds the program that is the other servers, and returns its path.
func buildOthers(t testing.TB) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "others")
	run(t, "go", "build", "-C", "others", "-o", binary)
	return binary
}

// other starts one of the other servers, with additions to its environment.
func other(t testing.TB, binary, name string, env ...string) *process {
	t.Helper()
	cmd := exec.Command(binary, name)
	cmd.Env = append(append(os.Environ(), "TMPDIR="+t.TempDir()), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, cmd)
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s did not start: %v", name, err)
	}
	p.url = "http://" + strings.TrimSpace(address)
	return p
}

// freeAddress returns an address on which nothing listens now.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
