package workload

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/executor"
)

// Options say what a service of workloads stands on.
type Options struct {
	// Cloud is the emulator.
	Cloud agent.Cloud
	// Executor runs containers. Nil runs none: images are pulled, and that is all.
	Executor executor.Executor
	// Mirror returns images that are in no registry of Azure's; nil knows none.
	Mirror agent.Mirror
	// Dir is where images and volumes are kept while something runs; made if it is missing; empty is the system's
	// directory for such.
	Dir string
	// Log takes what goes wrong beside the workloads; nil discards it.
	Log *slog.Logger
}

// Failed logs an error that is nobody's whom it could be told. Nil is none.
func (o Options) Failed(what string, err error) {
	if err != nil && o.Log != nil {
		o.Log.Error(what, "error", err)
	}
}

// Machine is where a workload runs: at its place, with a directory and a network of its own.
type Machine struct {
	// Dir is a directory that goes with the machine.
	Dir string

	options Options
	puller  Puller

	once    sync.Once
	network executor.Network
	refused error // why there is no network
}

// Machine makes one at a place. Requests from there call themselves client, such as azure/aci.
func (o Options) Machine(place agent.Place, client string, logins []Login) (*Machine, error) {
	worker, err := agent.New(o.Cloud, place, client)
	if err != nil {
		return nil, err
	}
	if o.Dir != "" {
		if err := os.MkdirAll(o.Dir, 0o700); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp(o.Dir, "workload-")
	if err != nil {
		return nil, err
	}
	return &Machine{Dir: dir, options: o, puller: Puller{Agent: worker, Dir: dir, Logins: logins, Mirror: o.Mirror}}, nil
}

// Pull pulls an image, as Puller does.
func (m *Machine) Pull(ctx context.Context, reference string) (v1.Image, error) {
	return m.puller.Pull(ctx, reference)
}

// Network is the machine's network, made when it is first asked for. The error is an *executor.UnavailableError where no
// container can be run.
func (m *Machine) Network(ctx context.Context) (executor.Network, error) {
	m.once.Do(func() { m.network, m.refused = m.newNetwork(ctx) })
	return m.network, m.refused
}

func (m *Machine) newNetwork(ctx context.Context) (executor.Network, error) {
	if m.options.Executor == nil {
		return nil, &executor.UnavailableError{Why: "this emulator was made without an executor"}
	}
	ca, err := m.options.Cloud.CA()
	if err != nil {
		return nil, err
	}
	return m.options.Executor.Network(ctx, executor.NetworkOptions{Dial: m.puller.Agent.Dial, CA: ca})
}

// Close ends what runs on the machine, and removes what it had.
func (m *Machine) Close() {
	m.once.Do(func() { m.refused = errors.New("the machine is gone") })
	if m.network != nil {
		m.options.Failed("close the network of a workload", m.network.Close())
	}
	m.puller.Agent.Close()
	m.options.Failed("remove the files of a workload", executor.Remove(m.Dir))
}

// Args are what a container of an image runs: a command, or else what the image says. There may be nothing.
func Args(image v1.Image, command []string) ([]string, error) {
	if len(command) > 0 {
		return command, nil
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	args := executor.Command(file.Config, nil, nil)
	if len(args) == 0 {
		return nil, errors.New("no command specified")
	}
	return args, nil
}

// grace is how long a container has to end by itself.
const grace = 2 * time.Second

// Wait waits for the end of a container, and returns its exit code. When the context ends, killing is called and the container
// is made to end.
func Wait(ctx context.Context, container executor.Container, killing func()) (exitCode int) {
	const killed = 137
	if code, err := container.Wait(ctx); err == nil {
		return code
	}
	killing()
	container.Stop(grace)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*grace)
	defer cancel()
	if code, err := container.Wait(last); err == nil {
		return code
	}
	return killed
}
