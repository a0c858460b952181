package emulator

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/builtin"
	"github.com/acrlocal/acrlocal/emulator/internal/executor"
	"github.com/acrlocal/acrlocal/emulator/internal/vantage"
)

// Hidden first arguments with which the binary starts itself: inside an isolated network, and for containers.
const (
	isolatedChild  = "__isolated"
	containerChild = "__container"
)

// children are what the binary does when it was started by itself.
var children = map[string]func(args []string) error{isolatedChild: vantage.IsolatedChild, containerChild: executor.Child}

// Main is the hook for programs that start themselves again, as their own child or as a program of a container; call it
// first in main. It reports whether the process was such a one, which then has ended with that exit code.
func Main(args []string) (exitCode int, handled bool) {
	if len(args) < 2 || children[args[1]] == nil {
		return builtin.Main(args)
	}
	if err := children[args[1]](args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "acrlocal:", err)
		return 1, true
	}
	return 0, true
}

// RunOptions say which program runs at which place of a running emulator, perhaps another process.
type RunOptions struct {
	// Proxy is the host and port of the emulator's proxy.
	Proxy string
	// CA is the emulator's certificate authority, in PEM.
	CA []byte
	// Place is what the management API says of the place.
	Place PlaceAnswer
	// Command is the program and its arguments; empty is the user's shell.
	Command []string
	// Isolated runs it in a network of its own (Linux).
	Isolated bool
	// Services are the URLs of the emulator's listeners for registries; an isolated program reaches their ports by name.
	Services []string
	// State is the directory in which az keeps what it knows between calls; default as in Options.
	State string
	// Stdin, Stdout and Stderr are the program's.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Run runs a program at a place and returns its exit code. Its environment gives it a proxy, a certificate authority and
// logins of its own; nothing of the user's is touched.
func Run(ctx context.Context, o RunOptions) (int, error) {
	scratch, err := os.MkdirTemp("", "acrlocal-from-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(scratch)
	place := azure.Place{
		Name: o.Place.Name, Resource: o.Place.Resource, Network: o.Place.Network, Subnet: o.Place.Subnet, HasIMDS: o.Place.IMDS,
		Kind: azure.PlaceKind(o.Place.Kind),
	}
	variables, err := o.logins(scratch)
	if err != nil {
		return 0, err
	}
	command := o.Command
	if len(command) == 0 {
		command = []string{orDefault(os.Getenv("SHELL"), "/bin/sh")}
		variables = append(variables, vantage.Prompt(place)...)
	}
	return vantage.Run(ctx, vantage.RunOptions{
		Proxy: o.Proxy, CA: o.CA, Place: place, IdentityHeader: o.Place.IdentityHeader, Command: command, Env: os.Environ(), Variables: variables,
		Stdin: o.Stdin, Stdout: o.Stdout, Stderr: o.Stderr, Isolated: o.Isolated, Scratch: scratch,
		ChildArguments: []string{isolatedChild}, Ports: portsOf(o.Services), Dockerd: o.Isolated && vantage.NeedsDaemon(command),
		DockerData: filepath.Join(orDefault(o.State, defaultStateDir()), "docker", o.key()),
	})
}

// Warnings returns what a person should know before the program runs: that it ignores proxies, or that an argument names
// the emulator by an address that clients send through none. Usually there are none.
func (o RunOptions) Warnings() []string {
	return vantage.Warnings(o.Command, vantage.Situation{Isolated: o.Isolated, Ports: portsOf(o.Services)})
}

func portsOf(services []string) []int {
	var ports []int
	for _, service := range services {
		if u, err := url.Parse(service); err == nil {
			if port, err := strconv.Atoi(u.Port()); err == nil && !slices.Contains(ports, port) {
				ports = append(ports, port)
			}
		}
	}
	return ports
}

// key names the directories that stay with a place and the principal that acts there.
func (o RunOptions) key() string {
	sum := sha256.Sum256([]byte(o.Place.Name + "\n" + o.Place.Principal))
	return hex.EncodeToString(sum[:8])
}

// logins writes the places' logins where docker, podman, skopeo, crane and oras look for them, and gives az a
// configuration directory that stays with the place.
func (o RunOptions) logins(scratch string) ([]string, error) {
	type login struct {
		Auth string `json:"auth"`
	}
	config := struct {
		Auths map[string]login `json:"auths"`
	}{map[string]login{}}
	for server, token := range o.Place.Logins {
		config.Auths[server] = login{base64.StdEncoding.EncodeToString([]byte(RefreshTokenUser + ":" + token))}
	}
	data, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(scratch, "config.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return nil, err
	}
	az := filepath.Join(orDefault(o.State, defaultStateDir()), "az", o.key())
	if err := os.MkdirAll(az, 0o700); err != nil {
		return nil, err
	}
	return []string{"DOCKER_CONFIG=" + scratch, "REGISTRY_AUTH_FILE=" + path, "AZURE_CONFIG_DIR=" + az}, nil
}
