// Package executor runs the containers of the emulated services: the steps of ACR Tasks, the RUN of a Dockerfile, container
// groups, training jobs.
//
// An [Executor] is chosen once, at the start: Linux namespaces made by this very binary, or a Docker engine. The
// containers of one piece of work share a [Network], whose only way out is a function that dials emulated Azure from the
// place of the work: what runs in there reaches the gate and the metadata service as that place, and nothing else of this
// machine or of any other.
package executor

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Executor runs containers. Its methods may be called from any number of goroutines.
type Executor interface {
	// Network makes a network for one piece of work. The error is an *UnavailableError where containers cannot be run.
	Network(ctx context.Context, o NetworkOptions) (Network, error)
	// Status says what was chosen, and why.
	Status() Status
	// Close ends what still runs, and removes what is left.
	Close() error
}

// Status says how containers are run.
type Status struct {
	// Kind is the executor: "namespaces", "docker" or "none".
	Kind string `json:"kind"`
	// Detail is for people: how it works here, or why nothing can be run and what would help.
	Detail string `json:"detail"`
}

// NetworkOptions say where a network leads to.
type NetworkOptions struct {
	// Dial connects to an emulated host, given as host:port, from the place of the work. An error closes the connection of
	// the container that dialled. It is called for emulated hosts and for 169.254.169.254:80 alone. Without it they lead nowhere.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// Ports are those at which emulated hosts are reached beside 80 and 443.
	Ports []int
	// CA is the authority that containers trust, in PEM; it is found by programs in the places of the common distributions and
	// by SSL_CERT_FILE and its like.
	CA []byte
	// Env are variables that every container gets unless its image or Spec sets them, as NAME=value.
	Env []string
}

// Network is a network of containers that know each other by their names.
type Network interface {
	// Start starts a container. Its root file system is writable and private to it. ctx is that of the start: the container runs
	// until it ends, is stopped, or the network is closed. A program that the image does not have is ErrNotFound.
	Start(ctx context.Context, s Spec) (Container, error)
	// Layer runs a container to its end and returns what it changed, as an uncompressed layer in the form of docker: parents
	// included, whiteouts as .wh. files, and nothing of what the executor itself put there. The layer is good until the network
	// is closed. A container that does not end with 0 is an *ExitError.
	Layer(ctx context.Context, s Spec) (v1.Layer, error)
	// Close ends the containers and removes everything of theirs.
	Close() error
}

// Container is one that was started.
type Container interface {
	// Wait waits for the end, and returns the exit code; 128 and the signal's number for one that was killed. The error is
	// an *ExitError with a reason where a bound ended it, that of the context, or that of an executor that lost sight of it.
	Wait(ctx context.Context) (exitCode int, err error)
	// Stop asks it to end (the image's stop signal, else SIGTERM), kills it after the grace, and returns when it has ended.
	Stop(grace time.Duration)
	// Exec runs another program in it, to its end.
	Exec(ctx context.Context, p Process) (exitCode int, err error)
}

// Process is a program and how it is run.
type Process struct {
	// Args are the program, found by PATH in the container, and its arguments.
	Args []string
	// Env are variables beside those of the image, as NAME=value.
	Env []string
	// Dir is the working directory; empty is the image's. It is made if it is missing.
	Dir string
	// User is the user, as in a Dockerfile (name or number, perhaps with a group); empty is the image's.
	User string
	// Terminal asks for a terminal, which Stdin and Stdout are then.
	Terminal bool
	// Stdin is read if it is not nil.
	Stdin io.Reader
	// Stdout and Stderr receive the output; nil discards it.
	Stdout, Stderr io.Writer
}

// Spec is a container to start.
type Spec struct {
	Process
	// Name is what other containers of the network call it; empty if they do not.
	Name string
	// Image is its root file system, and what it does unless Process says otherwise: Env, WorkingDir, User are taken from its
	// configuration. Args are not: the caller joins entry point and command (see [Command]).
	Image v1.Image
	// Mounts are directories and files that it sees.
	Mounts []Mount
	// Privileged gives it the capabilities that a privileged container has inside its own user and network namespaces; it
	// never gets any over the machine.
	Privileged bool
	// Limits bound it; the zero value has the executor's own bounds.
	Limits Limits
}

// Mount is a directory or a file of the machine that a container sees.
type Mount struct {
	// From is the path on the machine, whose links are followed: it must not lie where a container can write. Empty is an empty
	// directory in memory.
	From string
	// To is the path in the container, made if it is missing.
	To string
	// ReadOnly keeps the container from writing there.
	ReadOnly bool
}

// Limits bound a container. Zero is the executor's own bound.
type Limits struct {
	// Memory is in bytes.
	Memory int64
	// CPUs are processors, such as 0.5.
	CPUs float64
	// Processes is how many processes and threads there may be.
	Processes int
	// Disk is how many bytes it may write to its root file system.
	Disk int64
}

// ExitError says that a container did not end with 0.
type ExitError struct {
	// Code is the exit code.
	Code int
	// Reason is why the executor ended it, for people, such as a bound that it reached; usually empty.
	Reason string
}

// UnavailableError says why containers cannot be run here, and what would help.
type UnavailableError struct{ Why string }

// ErrNotFound says that the program to run is not in the image.
var ErrNotFound = errors.New("executable file not found in $PATH")

// Command returns what a container runs: entry point and command, each replaced by what is given in its place unless
// that is nil. An entry point that is given drops the image's command, as in docker run --entrypoint.
func Command(config v1.Config, entrypoint, args []string) []string {
	command := config.Cmd
	if entrypoint == nil {
		entrypoint = config.Entrypoint
	} else {
		command = nil
	}
	if len(args) > 0 {
		command = args
	}
	return append(append([]string(nil), entrypoint...), command...)
}
