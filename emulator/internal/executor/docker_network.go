package executor

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/acrlocal/acrlocal/emulator/internal/executor/sandbox"
	"github.com/acrlocal/acrlocal/emulator/internal/vantage"
)

// dockerNetwork is a pod and the containers in it.
type dockerNetwork struct {
	docker  *docker
	options NetworkOptions
	id      string
	pod     *pod
	trust   []byte // the authority for Java
	env     []string
	dir     string // of layers

	mu         sync.Mutex
	containers map[*dockerRunning]bool
	volumes    map[string]*volume // by the directory
	closed     bool
	once       sync.Once
	err        error
}

// newNetwork starts the gateway of a pod.
func (d *docker) newNetwork(ctx context.Context, o NetworkOptions) (*dockerNetwork, error) {
	w := &dockerNetwork{
		docker: d, options: o, id: unguessable(), containers: map[*dockerRunning]bool{}, volumes: map[string]*volume{},
	}
	if err := d.add(w); err != nil {
		return nil, err
	}
	var err error
	if w.trust, w.env, err = trust(o); err == nil {
		w.dir, err = os.MkdirTemp("", "acrlocal-layers-")
	}
	if err == nil {
		w.pod, err = openPod(ctx, w)
	}
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// trust is the authority for Java, and the variables of every container.
func trust(o NetworkOptions) (store []byte, env []string, err error) {
	var told []string
	if len(o.CA) > 0 {
		if store, err = vantage.JavaTrustStore(o.CA); err != nil {
			return nil, nil, err
		}
		told = vantage.Environment(vantage.Surroundings{CAFile: sandbox.AuthorityFile, TrustStore: sandbox.TrustFile})
	}
	env = slices.DeleteFunc(vantage.Merge(told, o.Env), func(v string) bool { return !strings.Contains(v, "=") })
	return store, env, nil
}

// Start starts a container.
func (w *dockerNetwork) Start(ctx context.Context, s Spec) (Container, error) {
	c, err := w.start(ctx, s, false)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Layer runs a container to its end, and takes what it changed.
func (w *dockerNetwork) Layer(ctx context.Context, s Spec) (v1.Layer, error) {
	c, err := w.start(ctx, s, true)
	if err != nil {
		return nil, err
	}
	defer c.remove()
	code, err := c.Wait(ctx)
	if err != nil {
		c.kill()
		return nil, err
	}
	if code != 0 {
		return nil, &ExitError{Code: code}
	}
	return w.changes(ctx, c)
}

// Close removes all containers, the gateway and the volumes.
func (w *dockerNetwork) Close() error {
	w.once.Do(func() { w.err = w.close() })
	return w.err
}

func (w *dockerNetwork) close() error {
	w.mu.Lock()
	w.closed = true
	open := make([]*dockerRunning, 0, len(w.containers))
	for c := range w.containers {
		open = append(open, c)
	}
	w.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	errs := []error{w.docker.clear(ctx, func(l labelled) bool { return l.Labels[networkLabel] == w.id && l.Labels[gatewayLabel] == "" })}
	for _, c := range open {
		<-c.ended
	}
	if w.pod != nil {
		errs = append(errs, w.pod.close())
	}
	w.docker.remove(w)
	if w.dir != "" {
		errs = append(errs, os.RemoveAll(w.dir))
	}
	return errors.Join(errs...)
}

// join registers a container, and makes it known by its name.
func (w *dockerNetwork) join(c *dockerRunning) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return &UnavailableError{"the network is closed"}
	}
	if err := w.pod.gateway.name(c.name, podAddress); err != nil {
		return err
	}
	w.containers[c] = true
	return nil
}

func (w *dockerNetwork) isClosed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed
}

func (w *dockerNetwork) leave(c *dockerRunning) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.containers[c] {
		delete(w.containers, c)
		w.pod.gateway.unname(c.name, podAddress)
	}
}
