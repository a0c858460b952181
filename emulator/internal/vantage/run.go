package vantage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// RunOptions say which program runs, and where. Proxy, CA, Place and Command are necessary.
type RunOptions struct {
	// Proxy is the host and port of the vantage proxy.
	Proxy string
	// CA is the certificate that the program must trust, in PEM.
	CA []byte
	// Place is the place. Only Name, Kind, Resource and HasIMDS are used.
	Place azure.Place
	// IdentityHeader is the secret of the place's identity endpoint, if it has one.
	IdentityHeader string
	// Command is the program and its arguments.
	Command []string
	// Env is the environment to start from, usually os.Environ(); Environment is added to it.
	Env []string
	// Variables are set last: the caller's DOCKER_CONFIG, REGISTRY_AUTH_FILE and AZURE_CONFIG_DIR.
	Variables []string
	// Stdin, Stdout and Stderr are the program's; nil is no input, and no output.
	Stdin          io.Reader
	Stdout, Stderr io.Writer

	// Isolated runs the program in a network of its own, whose only way out is the relay (Linux). There it sees the real
	// names and the real address of IMDS, and neither variables nor knowledge of proxies are needed. Unix sockets in the
	// file system are not networks: a program can still talk to a daemon outside through one.
	Isolated bool
	// Executable is the program that calls IsolatedChild when it is started with ChildArguments; empty means this one.
	Executable string
	// ChildArguments come before the command, such as a hidden subcommand.
	ChildArguments []string
	// Ports are those of the emulator's registries besides 80 and 443, reachable from an isolated program by name.
	Ports []int
	// Dockerd runs a Docker daemon beside an isolated program, at DOCKER_HOST. It takes root, and dockerd in the PATH; where
	// both are there, Docker's client gets one without being asked.
	Dockerd bool
	// DockerData is where that daemon keeps its images; empty means that it forgets them.
	DockerData string

	// Scratch is a directory for the files of this run; empty means a temporary one that is removed at the end.
	Scratch string
}

// Run runs a program at a place and returns its exit code: 128 and the signal's number if a signal ended it. An error
// says why it could not be run. When ctx ends, the program is killed.
func Run(ctx context.Context, o RunOptions) (exitCode int, err error) {
	if len(o.Command) == 0 {
		return 0, errors.New("no command to run")
	}
	if o.Scratch == "" {
		if o.Scratch, err = os.MkdirTemp("", "acrlocal-from-"); err != nil {
			return 0, err
		}
		defer func() { _ = os.RemoveAll(o.Scratch) }()
	}
	if err := o.writeTrust(); err != nil {
		return 0, err
	}
	o.Dockerd = o.Isolated && (o.Dockerd || NeedsDaemon(o.Command) && canRunDaemon())
	relay, err := OpenRelay(ctx, o.Proxy, o.Place.Name)
	if err != nil {
		return 0, err
	}
	defer func() { _ = relay.Close() }()
	env := Merge(o.Env, append(Environment(o.surroundings(relay)), o.Variables...))
	if o.Isolated {
		return runIsolated(ctx, o, relay, env)
	}
	return runBeside(o.command(ctx, o.Command, env))
}

// surroundings are what the environment of the program depends on.
func (o RunOptions) surroundings(relay *Relay) Surroundings {
	s := Surroundings{Place: o.Place, IdentityHeader: o.IdentityHeader, CAFile: o.caFile(), TrustStore: filepath.Join(o.Scratch, trustStoreFile)}
	if !o.Isolated {
		s.Proxy = relay.URL()
	} else {
		s.DockerHost = "unix://" + o.dockerSocket()
	}
	return s
}

func (o RunOptions) writeTrust() error {
	if err := os.WriteFile(o.caFile(), o.CA, 0o644); err != nil {
		return fmt.Errorf("trust: %w", err)
	}
	store, err := JavaTrustStore(o.CA)
	if err != nil {
		return fmt.Errorf("trust: %w", err)
	}
	return os.WriteFile(filepath.Join(o.Scratch, trustStoreFile), store, 0o644)
}

func (o RunOptions) caFile() string       { return filepath.Join(o.Scratch, "ca.pem") }
func (o RunOptions) dockerSocket() string { return filepath.Join(o.Scratch, "docker.sock") }
func (o RunOptions) daemonFile() string   { return filepath.Join(o.Scratch, "daemon.json") }

// childCommand is the command line of the isolated child. A program that is not named is this one, as it runs now.
func (o RunOptions) childCommand() []string {
	executable := o.Executable
	if executable == "" {
		executable, _ = os.Executable()
	}
	return append(append([]string{executable}, o.ChildArguments...), o.Command...)
}

func canRunDaemon() bool {
	_, err := exec.LookPath("dockerd")
	return err == nil && os.Geteuid() == 0
}

// dockerd is the command line of the daemon: it leaves the machine's own daemon, and the network, alone.
func (o RunOptions) dockerd() []string {
	data := o.DockerData
	if data == "" {
		data = filepath.Join(o.Scratch, "docker")
	}
	return []string{
		"dockerd", "--host", "unix://" + o.dockerSocket(), "--data-root", data,
		"--exec-root", filepath.Join(o.Scratch, "docker-exec"), "--pidfile", filepath.Join(o.Scratch, "docker.pid"),
		"--config-file", o.daemonFile(), "--bridge", "none", "--iptables=false", "--ip6tables=false",
		"--log-level", "warn",
	}
}

func (o RunOptions) command(ctx context.Context, command, env []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, o.Stdin, o.Stdout, o.Stderr
	return cmd
}

func runBeside(cmd *exec.Cmd) (int, error) {
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	return exitCode(cmd.Wait())
}

// exitCode turns the outcome of a program that was started into an exit code, as a shell does.
func exitCode(err error) (int, error) {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return 0, err
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return exit.ExitCode(), nil
}

// Merge returns an environment with the variables of a second one set, those of them without "=" removed.
func Merge(env, set []string) []string {
	names := make(map[string]bool, len(set))
	for _, v := range set {
		name, _, _ := strings.Cut(v, "=")
		names[name] = true
	}
	var merged []string
	for _, v := range env {
		if name, _, _ := strings.Cut(v, "="); !names[name] {
			merged = append(merged, v)
		}
	}
	last := make(map[string]int, len(set))
	for i, v := range set {
		name, _, _ := strings.Cut(v, "=")
		last[name] = i
	}
	for i, v := range set {
		name, _, assigned := strings.Cut(v, "=")
		if assigned && last[name] == i {
			merged = append(merged, v)
		}
	}
	return merged
}
