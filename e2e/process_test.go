package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/acrlocal/acrlocal/emulator"
)

// patience is how long a test waits for what should come at once.
const patience = 30 * time.Second

// process is a running `acrlocal up`.
type process struct {
	emulator.Endpoints
	command *exec.Cmd
	file    string // the endpoints file
	ended   chan struct{}
	output  *transcript
}

// up starts the emulator on free ports and waits until it can be used. It ends with the test.
func up(t testing.TB, args ...string) *process {
	t.Helper()
	p, err := startProcess(t.TempDir(), args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	p.await(t)
	return p
}

// startProcess starts the emulator in a directory, where relative paths begin; await waits for it.
func startProcess(dir string, args ...string) (*process, error) {
	file := filepath.Join(dir, "endpoints.json")
	fixed := []string{"up", "--manage", "127.0.0.1:0", "--endpoints-file", file}
	if !slices.Contains(args, "--listen") {
		fixed = append(fixed, "--listen", "127.0.0.1:0")
	}
	p := &process{
		command: exec.Command("acrlocal", append(fixed, args...)...), file: file,
		ended: make(chan struct{}), output: &transcript{},
	}
	p.command.Dir = dir
	p.command.Stdout, p.command.Stderr = p.output, p.output
	_ = os.Remove(file) // of one that ended
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.command.Wait()
		close(p.ended)
	}()
	return p, nil
}

// await waits until the emulator can be used.
func (p *process) await(t testing.TB) {
	t.Helper()
	if err := p.wait(); err != nil {
		t.Fatal(err)
	}
}

// wait reads the endpoints file as soon as it is there.
func (p *process) wait() error {
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		data, err := os.ReadFile(p.file)
		if err == nil {
			return json.Unmarshal(data, &p.Endpoints)
		}
		select {
		case <-tick.C:
		case <-p.ended:
			return fmt.Errorf("acrlocal up ended:\n%s", p.output)
		case <-deadline:
			return fmt.Errorf("acrlocal up is not ready after %v:\n%s", patience, p.output)
		}
	}
}

// stop ends the process as a person would, and by force if it does not end.
func (p *process) stop() {
	_ = p.command.Process.Signal(os.Interrupt)
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.kill()
	}
}

// kill ends the process as the kernel would: at once, and without a word to it.
func (p *process) kill() {
	_ = p.command.Process.Kill()
	<-p.ended
}

// host is the address of the service listener.
func (p *process) host() string { return strings.TrimPrefix(p.Service, "http://") }

// local is the default registry's address as people type it.
func (p *process) local() string {
	return "localhost" + p.host()[strings.LastIndexByte(p.host(), ':'):]
}

// manager is the address of the management listener.
func (p *process) manager() string { return strings.TrimPrefix(p.Manage, "http://") }

// transcript is what a program prints, safe to read while it runs.
type transcript struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends.
func (o *transcript) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

// String returns what was printed so far.
func (o *transcript) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}
