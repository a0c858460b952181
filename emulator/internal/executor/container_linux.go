package executor

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"

	"github.com/acrlocal/acrlocal/emulator/internal/executor/layer"
	"github.com/acrlocal/acrlocal/emulator/internal/executor/sandbox"
	"github.com/acrlocal/acrlocal/emulator/internal/vantage"
)

// container is one of a network.
type container struct {
	network *network
	name    string
	config  v1.Config
	spec    Spec
	address netip.Addr
	number  int

	lease   *lease
	group   *group
	order   *order
	streams *streams
	made    []string
	kept    bool // its root outlives it, until it is a layer
	signal  sync.Mutex

	ended  chan struct{} // closed at the end, after which the rest stands
	code   int
	reason string
	lost   error
}

// start starts a container. What was taken for it is given back if that fails, and else when it ends.
func (w *network) start(ctx context.Context, s Spec, keep bool) (_ *container, err error) {
	config, err := s.Image.ConfigFile()
	if err != nil {
		return nil, err
	}
	s.Limits = s.Limits.or(w.namespaces.options.Limits)
	c := &container{network: w, name: strings.ToLower(s.Name), config: config.Config, spec: s, kept: keep, ended: make(chan struct{})}
	defer func() {
		if err != nil {
			c.giveBack()
			c.remove()
		}
	}()
	if err := w.join(c); err != nil {
		return nil, err
	}
	if c.lease, err = w.namespaces.cache.acquire(ctx, w, s.Image); err != nil {
		return nil, err
	}
	if err := w.makeDirectory(c.path()); err != nil {
		return nil, err
	}
	if c.group, err = w.namespaces.groups.make(fmt.Sprintf("%s-%d", w.id, c.number), s.Limits); err != nil {
		return nil, err
	}
	if err := c.begin(ctx); err != nil {
		return nil, err
	}
	go c.follow()
	return c, nil
}

func (c *container) bundle() string {
	return filepath.Join(runsDir, c.network.id, fmt.Sprintf("container-%d", c.number))
}

func (c *container) path() string { return filepath.Join(c.network.namespaces.slot.path, c.bundle()) }

// begin has the keeper run the container.
func (c *container) begin(ctx context.Context) (err error) {
	mounts, trees, err := c.network.mountings(c.spec.Mounts)
	defer closeFiles(trees)
	if err != nil {
		return err
	}
	if c.streams, err = openStreams(c.spec.Process, c.network.namespaces.ids); err != nil {
		return err
	}
	plan := &sandbox.Plan{
		Program: c.program(c.spec.Process), Number: c.number, Bundle: c.bundle(), Layers: c.lease.paths, Hostname: c.hostname(),
		Address: c.address.String(), Groups: len(c.group.files), Mounts: mounts, Disk: c.spec.Limits.Disk,
		Authority: c.network.options.CA, TrustStore: c.network.trust,
	}
	files := append(append(c.streams.inner(), c.group.files...), trees...)
	c.order, err = c.network.keeper.give(sandbox.Order{Run: plan}, files...)
	c.streams.handedOver()
	if err != nil {
		return err
	}
	a, err := c.order.answer(ctx)
	if err == nil {
		err = problem(a)
	}
	if err != nil {
		_ = c.order.conn.Close()
		return err
	}
	c.made = a.Made
	c.streams.copy(c.spec.Process)
	return nil
}

// problem is the answer's, as an error.
func problem(a sandbox.Answer) error {
	if a.NotFound {
		return fmt.Errorf("%w: %s", ErrNotFound, a.Problem)
	}
	return a.Err()
}

func (c *container) hostname() string {
	if c.name != "" {
		return c.name
	}
	return fmt.Sprintf("%s%d", c.network.id, c.number)
}

// program is a process of the container, with what the image and the network say of it.
func (c *container) program(p Process) sandbox.Program {
	env := vantage.Merge(vantage.Merge(c.network.env, c.config.Env), p.Env)
	if p.Terminal {
		env = vantage.Merge([]string{"TERM=xterm"}, env)
	}
	made := sandbox.Program{
		Args: p.Args, Env: env, Dir: p.Dir, User: p.User, Terminal: p.Terminal, Privileged: c.spec.Privileged,
		Flat: c.network.namespaces.ids.flat,
	}
	if made.Dir == "" {
		made.Dir = c.config.WorkingDir
	}
	if made.User == "" {
		made.User = c.config.User
	}
	if len(c.group.files) == 0 {
		made.Processes, made.Memory = c.spec.Limits.Processes, c.spec.Limits.Memory
	}
	return made
}

// follow waits for the end.
func (c *container) follow() {
	var end sandbox.End
	if err := c.order.in.Decode(&end); err != nil {
		c.lost = errKeeper(err)
		end.Code = 128 + int(unix.SIGKILL)
	}
	_ = c.order.conn.Close()
	c.streams.finish(0)
	c.code, c.reason = end.Code, end.Reason
	if c.reason == "" && c.code != 0 {
		c.reason = c.group.reason()
	}
	c.giveBack()
	if !c.kept {
		c.remove()
	}
	close(c.ended)
}

// giveBack ends what a container takes while it runs.
func (c *container) giveBack() {
	c.streams.close()
	c.group.close()
	c.network.leave(c)
	if c.lease != nil {
		c.lease.release()
		c.lease = nil
	}
}

// remove removes the container's root.
func (c *container) remove() {
	if c.number == 0 {
		return
	}
	if _, err := os.Lstat(c.path()); err != nil {
		return
	}
	_, _ = c.network.keeper.ask(context.Background(), sandbox.Order{Remove: c.bundle()})
}

// forget is what the end of a network leaves to do.
func (c *container) forget() { _ = layer.Remove(c.path()) }

// Wait waits for the end.
func (c *container) Wait(ctx context.Context) (int, error) {
	select {
	case <-c.ended:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if c.reason != "" {
		return c.code, &ExitError{Code: c.code, Reason: c.reason}
	}
	return c.code, c.lost
}

// Stop asks the container to end, and kills it after the grace.
func (c *container) Stop(grace time.Duration) {
	c.send(stopSignal(c.config.StopSignal))
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-c.ended:
	case <-timer.C:
		c.kill()
	}
}

func (c *container) send(s unix.Signal) {
	c.signal.Lock()
	defer c.signal.Unlock()
	_ = c.order.out.Encode(sandbox.Signal{Number: int(s)})
}

// kill ends the container and waits until it has ended.
func (c *container) kill() {
	c.send(unix.SIGKILL)
	<-c.ended
}

// Exec runs another program in the container.
func (c *container) Exec(ctx context.Context, p Process) (int, error) {
	s, err := openStreams(p, c.network.namespaces.ids)
	if err != nil {
		return 0, err
	}
	defer s.close()
	groups := c.group.reopen()
	defer closeFiles(groups)
	entry := &sandbox.Entry{Program: c.program(p), Number: c.number, Groups: len(groups)}
	o, err := c.network.keeper.give(sandbox.Order{Enter: entry}, append(s.inner(), groups...)...)
	s.handedOver()
	if err != nil {
		return 0, err
	}
	defer func() { _ = o.conn.Close() }()
	a, err := o.answer(ctx)
	if err == nil {
		err = problem(a)
	}
	if err != nil {
		return 0, err
	}
	s.copy(p)
	stop := context.AfterFunc(ctx, func() { _ = o.conn.Close() })
	defer stop()
	var end sandbox.End
	if err := o.in.Decode(&end); err != nil {
		return 0, errors.Join(ctx.Err(), errKeeper(err))
	}
	s.finish(drain)
	return end.Code, nil
}

// stopSignal is the signal of an image's StopSignal: a name with or without SIG, or a number; SIGTERM if it is none.
func stopSignal(s string) unix.Signal {
	name := strings.ToUpper(s)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	if n := unix.SignalNum(name); n != 0 {
		return n
	}
	var n int
	if _, err := fmt.Sscanf(s, "%d", &n); err == nil && n > 0 && n < 65 {
		return unix.Signal(n)
	}
	return unix.SIGTERM
}
