package executor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Kinds of executors, as they are asked for.
const (
	// Auto is the first that works of namespaces and docker.
	Auto = "auto"
	// Namespaces are Linux namespaces made by this very binary.
	Namespaces = "namespaces"
	// Docker is a Docker engine.
	Docker = "docker"
	// None runs nothing.
	None = "none"
)

// kinds are the spellings of the kinds.
var kinds = map[string]string{"": Auto, Auto: Auto, Namespaces: Namespaces, "ns": Namespaces, Docker: Docker, None: None}

// Options say how containers are run.
type Options struct {
	// Kind is "auto" (also if empty), "namespaces" or "ns", "docker", or "none".
	Kind string
	// Dir is where unpacked layers and the roots of containers are kept; several emulators may share it. It must not be on an
	// overlay, which is what the root of most containers is. Empty is one below the machine's temporary directory, of which nothing
	// is kept.
	Dir string
	// Executable is the program that calls [Child] when it is started with ChildArguments; empty is this one.
	Executable string
	// ChildArguments come before what is given to Child.
	ChildArguments []string
	// Image makes an image whose program is the same as Executable, for a Docker engine's side of networks. Without it there are
	// no containers by a Docker engine.
	Image func() (v1.Image, error)
	// Cache is how many bytes of unpacked layers are kept beyond those in use; 0 is 4 GiB.
	Cache int64
	// Limits bound containers that say nothing else; what is zero here has a default.
	Limits Limits
}

// defaultLimits are the bounds of a container. ACR runs a task on 2 processors and 8 GB or so; what matters is that there
// are bounds.
var defaultLimits = Limits{Memory: 4 << 30, Processes: 4096, Disk: 10 << 30}

const defaultCache = 4 << 30

// or returns the limits with those of other where there are none.
func (l Limits) or(other Limits) Limits {
	set := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&l.Memory, other.Memory)
	set(&l.Disk, other.Disk)
	if l.Processes <= 0 {
		l.Processes = other.Processes
	}
	if l.CPUs <= 0 {
		l.CPUs = other.CPUs
	}
	return l
}

// Choose returns the executor of a kind. It costs nothing: whether containers can be run is found out when Status or Network
// is called first. The error is a kind that there is not.
func Choose(_ context.Context, o Options) (Executor, error) {
	kind, ok := kinds[o.Kind]
	if !ok {
		return nil, fmt.Errorf("executor %q: choose auto, namespaces, docker or none", o.Kind)
	}
	o.Limits = o.Limits.or(defaultLimits)
	if o.Cache <= 0 {
		o.Cache = defaultCache
	}
	if len(o.ChildArguments) == 0 {
		o.ChildArguments = []string{"__container"}
	}
	return &chosen{options: o, kind: kind}, nil
}

// backends are what can run containers, in the order of preference.
var backends = []struct {
	kind string
	open func(context.Context, Options) (Executor, error)
}{
	{Namespaces, openNamespaces},
	{Docker, openDocker},
}

// chosen is an executor that is opened when it is needed.
type chosen struct {
	options Options
	kind    string

	mu     sync.Mutex
	opened Executor
	closed bool
}

func (c *chosen) executor() Executor {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.opened == nil {
		c.opened = c.probe(context.Background())
	}
	return c.opened
}

// probe opens the first executor that works here. If there is none, what it returns says why.
func (c *chosen) probe(ctx context.Context) Executor {
	if c.closed {
		return nothing{"the emulator has ended"}
	}
	if c.kind == None {
		return nothing{"switched off by --executor none"}
	}
	var why []string
	for _, b := range backends {
		if c.kind != Auto && c.kind != b.kind {
			continue
		}
		e, err := b.open(ctx, c.options)
		if err == nil {
			return e
		}
		why = append(why, b.kind+": "+strings.TrimPrefix(err.Error(), unavailable))
	}
	return nothing{strings.Join(slices.Compact(why), "; ")}
}

// Network makes a network, if containers can be run here.
func (c *chosen) Network(ctx context.Context, o NetworkOptions) (Network, error) {
	return c.executor().Network(ctx, o)
}

// Status says what was chosen, after finding that out.
func (c *chosen) Status() Status { return c.executor().Status() }

// Close closes what was opened.
func (c *chosen) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.opened == nil {
		return nil
	}
	err := c.opened.Close()
	c.opened = nothing{"the emulator has ended"}
	return err
}

// nothing is the executor where containers cannot be run.
type nothing struct{ why string }

// Network is an *UnavailableError.
func (n nothing) Network(context.Context, NetworkOptions) (Network, error) {
	return nil, &UnavailableError{n.why}
}

// Status says why there is nothing.
func (n nothing) Status() Status { return Status{Kind: None, Detail: n.why} }

// Close has nothing to do.
func (nothing) Close() error { return nil }
