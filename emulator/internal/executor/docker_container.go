package executor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/acrlocal/acrlocal/emulator/internal/vantage"
)

// dockerContainer is what an engine is asked to make (Docker's API, "Create a container").
type dockerContainer struct {
	Image       string
	Entrypoint  []string
	Env         []string
	WorkingDir  string
	User        string
	Labels      map[string]string
	OpenStdin   bool
	StdinOnce   bool
	Tty         bool
	AttachStdin bool
	HostConfig  dockerHost

	AttachStdout, AttachStderr bool
}

// dockerHost is what of it the engine's machine is asked for.
type dockerHost struct {
	NetworkMode        string
	AutoRemove         bool
	DNS                []string `json:"Dns,omitempty"`
	CapDrop, CapAdd    []string `json:",omitempty"`
	Memory, MemorySwap int64
	NanoCpus           int64
	PidsLimit          int
	Mounts             []dockerMount
	LogConfig          dockerLog
}

type dockerLog struct{ Type string }

// noLog keeps the engine from writing down what a container says, of which there may be much.
var noLog = dockerLog{"none"}

// dockerRunning is a container at an engine.
type dockerRunning struct {
	network *dockerNetwork
	name    string
	config  v1.Config
	spec    Spec
	id      string
	image   *loadedImage
	layers  int             // of the image
	volumes []*volume       // that it may write to
	made    map[string]bool // what it had beside its image when it started, by path
	kept    bool            // its root outlives it, until it is a layer

	ended  chan struct{} // closed at the end, after which the rest stands
	code   int
	reason atomic.Pointer[string]
	lost   error
}

// errPrivileged says why no container is privileged.
var errPrivileged = errors.New("privileged containers are not run by a Docker engine: they would have power over its machine (use --executor namespaces)")

// start starts a container. What was taken for it is given back if that fails, and else when it ends.
func (w *dockerNetwork) start(ctx context.Context, s Spec, keep bool) (_ *dockerRunning, err error) {
	config, err := s.Image.ConfigFile()
	if err != nil {
		return nil, err
	}
	switch {
	case s.Privileged:
		return nil, errPrivileged
	case len(s.Args) == 0:
		return nil, errors.New("no command specified")
	}
	s.Limits = s.Limits.or(w.docker.options.Limits)
	c := &dockerRunning{network: w, name: strings.ToLower(s.Name), config: config.Config, spec: s, kept: keep, ended: make(chan struct{})}
	if err := w.join(c); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			close(c.ended)
			c.giveBack()
			c.remove()
		}
	}()
	if c.image, err = w.docker.images.acquire(ctx, s.Image); err != nil {
		return nil, err
	}
	c.layers = c.image.layers
	if err := c.create(ctx); err != nil {
		return nil, err
	}
	connection, err := w.docker.attach(ctx, c.id, s.Stdin != nil)
	if err != nil {
		return nil, err
	}
	if err := c.engine().call(ctx, http.MethodPost, "/containers/"+c.id+"/start", nil, nil); err != nil {
		_ = connection.Close()
		return nil, c.problem(err)
	}
	go c.follow(connection)
	return c, nil
}

func (c *dockerRunning) engine() *engine { return c.network.docker.engine }

// create makes the container with everything that it finds.
func (c *dockerRunning) create(ctx context.Context) error {
	mounts, files, err := c.network.mountings(ctx, c)
	if err != nil {
		return err
	}
	p := c.process(c.spec.Process)
	c.id, err = c.network.docker.create(ctx, dockerContainer{
		Image: c.image.id, Entrypoint: p.Args, Env: p.Env, WorkingDir: p.Dir, User: p.User, Labels: c.network.docker.labels(c.network.id),
		OpenStdin: p.Stdin != nil, StdinOnce: true, Tty: p.Terminal, AttachStdin: p.Stdin != nil, AttachStdout: true, AttachStderr: true,
		HostConfig: dockerHost{
			NetworkMode: "container:" + c.network.pod.id, Mounts: mounts, LogConfig: noLog, CapDrop: []string{"MKNOD"},
			Memory: c.spec.Limits.Memory, MemorySwap: c.spec.Limits.Memory, NanoCpus: int64(c.spec.Limits.CPUs * 1e9), PidsLimit: c.spec.Limits.Processes,
		},
	})
	if err != nil {
		return err
	}
	if err := c.furnish(ctx, files); err != nil {
		return err
	}
	if c.kept {
		c.made, err = c.changed(ctx)
	}
	return err
}

// process is a process with what the image and the network say of it.
func (c *dockerRunning) process(p Process) Process {
	p.Env = vantage.Merge(vantage.Merge(c.network.env, c.config.Env), p.Env)
	if p.Terminal {
		p.Env = vantage.Merge([]string{"TERM=xterm"}, p.Env)
	}
	if p.Dir == "" {
		p.Dir = c.config.WorkingDir
	}
	if p.User == "" {
		p.User = c.config.User
	}
	return p
}

// problem is why a program did not start, with what of it is the container's fault.
func (c *dockerRunning) problem(err error) error {
	text := err.Error()
	_, said, found := strings.Cut(text, `exec: "`)
	if !found || !strings.Contains(said, "executable file not found") && !strings.Contains(said, "no such file or directory") {
		return err
	}
	return fmt.Errorf(`%w: exec: "%s`, ErrNotFound, strings.TrimSuffix(said, ": unknown"))
}

// create makes a container, without starting it.
func (d *docker) create(ctx context.Context, c dockerContainer) (id string, err error) {
	var made struct{ ID string }
	err = d.engine.call(ctx, http.MethodPost, query("/containers/create", "name", "acrlocal-"+unguessable()), c, &made)
	return made.ID, err
}

// attach connects to the streams of a container that is to be started.
func (d *docker) attach(ctx context.Context, id string, input bool) (*hijacked, error) {
	pairs := []string{"stream", "1", "stdout", "1", "stderr", "1"}
	if input {
		pairs = append(pairs, "stdin", "1")
	}
	return d.engine.hijack(ctx, query("/containers/"+id+"/attach", pairs...), nil)
}

// follow waits for the end.
func (c *dockerRunning) follow(connection *hijacked) {
	said := make(chan struct{})
	go func() {
		defer close(said)
		_ = connection.carry(c.spec.Process)
	}()
	watched, cancel := context.WithCancel(context.Background())
	go c.watch(watched)
	var end struct{ StatusCode int }
	if err := c.engine().call(context.Background(), http.MethodPost, "/containers/"+c.id+"/wait", nil, &end); err != nil {
		c.lost = fmt.Errorf("the engine has lost the container: %w", err)
		end.StatusCode = 128 + sigkill
	}
	cancel()
	defer time.AfterFunc(farewell, func() { _ = connection.Close() }).Stop()
	<-said
	c.code = end.StatusCode
	c.conclude()
	_ = connection.Close()
	c.giveBack()
	if !c.kept {
		c.remove()
	}
	close(c.ended)
}

const sigkill = 9

// conclude finds out why it ended, and brings back what it wrote.
func (c *dockerRunning) conclude() {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	var is struct{ State struct{ OOMKilled bool } }
	if err := c.engine().call(ctx, http.MethodGet, "/containers/"+c.id+"/json", nil, &is); err == nil && is.State.OOMKilled && c.code != 0 {
		c.because("it wanted more than %d MiB of memory", c.spec.Limits.Memory>>20)
	}
	if c.network.isClosed() {
		return
	}
	for _, v := range c.volumes {
		if err := v.bringBack(ctx); err != nil && c.lost == nil {
			c.lost = err
		}
	}
}

// because remembers why it ended; the first reason is the one.
func (c *dockerRunning) because(format string, values ...any) {
	reason := fmt.Sprintf(format, values...)
	c.reason.CompareAndSwap(nil, &reason)
}

// watching is how long a container is left alone between two looks at what it wrote.
const watching = 2 * time.Second

// watch kills the container when it has written too much. Few engines can bound that themselves.
func (c *dockerRunning) watch(ctx context.Context) {
	for {
		select {
		case <-time.After(watching):
		case <-ctx.Done():
			return
		}
		var is struct{ SizeRw int64 }
		err := c.engine().call(ctx, http.MethodGet, query("/containers/"+c.id+"/json", "size", "1"), nil, &is)
		if err == nil && is.SizeRw > c.spec.Limits.Disk {
			c.because("it wrote more than %d MiB to its root file system", c.spec.Limits.Disk>>20)
			c.send("SIGKILL")
			return
		}
	}
}

// giveBack ends what a container takes while it runs.
func (c *dockerRunning) giveBack() {
	c.network.leave(c)
	if c.image != nil {
		c.network.docker.images.release(c.image)
		c.image = nil
	}
}

// remove removes the container from the engine.
func (c *dockerRunning) remove() {
	if c.id == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	_ = c.network.docker.drop(ctx, query("/containers/"+c.id, "force", "1", "v", "1"))
}

// Wait waits for the end.
func (c *dockerRunning) Wait(ctx context.Context) (int, error) {
	select {
	case <-c.ended:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if reason := c.reason.Load(); reason != nil {
		return c.code, &ExitError{Code: c.code, Reason: *reason}
	}
	return c.code, c.lost
}

// Stop asks the container to end, and kills it after the grace.
func (c *dockerRunning) Stop(grace time.Duration) {
	signal := c.config.StopSignal
	if signal == "" {
		signal = "SIGTERM"
	}
	c.send(signal)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-c.ended:
	case <-timer.C:
		c.kill()
	}
}

// send sends a signal, by name or number.
func (c *dockerRunning) send(signal string) {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	_ = c.engine().call(ctx, http.MethodPost, query("/containers/"+c.id+"/kill", "signal", signal), nil, nil)
}

// kill ends the container and waits until it has ended.
func (c *dockerRunning) kill() {
	c.send("SIGKILL")
	<-c.ended
}
