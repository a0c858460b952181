package executor

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"os"
	"sync"
)

// docker is the executor of a Docker engine. The engine gets images from here and never talks to a registry; whatever is made
// there has names that nobody guesses and the label of this executor, by which it is removed, also if this process crashes.
type docker struct {
	options  Options
	engine   *engine
	about    engineInfo
	instance string // of the labels
	images   *dockerImages
	first    *dockerNetwork // open from the beginning to the end: it says that this executor is alive

	mu       sync.Mutex
	networks map[*dockerNetwork]bool
	closed   bool
}

// engineInfo is what an engine says of itself.
type engineInfo struct {
	Name          string
	ServerVersion string
	Architecture  string
}

// errNoImage says what there is no executable for the gateway without.
var errNoImage = errors.New("it takes a program that calls emulator.Main first: set Options.Executable")

// openDocker opens the executor of a Docker engine. Its error is an *UnavailableError.
func openDocker(ctx context.Context, o Options) (Executor, error) {
	if o.Image == nil {
		return nil, &UnavailableError{errNoImage.Error()}
	}
	e, err := findEngine(ctx, os.Getenv)
	if err != nil {
		return nil, &UnavailableError{err.Error()}
	}
	d, err := newDocker(ctx, e, o)
	if err != nil {
		return nil, &UnavailableError{e.at + ": " + err.Error()}
	}
	return d, nil
}

// newDocker removes what crashed executors left at the engine, and makes a first network, to see whether that can be done.
func newDocker(ctx context.Context, e *engine, o Options) (*docker, error) {
	d := &docker{options: o, engine: e, instance: unguessable(), networks: map[*dockerNetwork]bool{}}
	d.images = newDockerImages(d)
	if err := e.call(ctx, http.MethodGet, "/info", nil, &d.about); err != nil {
		return nil, err
	}
	_ = d.sweep(ctx) // what cannot be removed now is tried again by the next
	first, err := d.newNetwork(ctx, NetworkOptions{})
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	d.first = first
	return d, nil
}

// unguessable is a name that nobody guesses.
func unguessable() string {
	name := make([]byte, 12)
	_, _ = rand.Read(name) // it never fails
	return hex.EncodeToString(name)
}

// Network makes a network for one piece of work.
func (d *docker) Network(ctx context.Context, o NetworkOptions) (Network, error) {
	w, err := d.newNetwork(ctx, o)
	if err != nil {
		return nil, err
	}
	return w, nil
}

// Status says which engine it is.
func (d *docker) Status() Status {
	return Status{Kind: Docker, Detail: "Docker Engine " + d.about.ServerVersion + " at " + d.engine.at +
		"; containers of a piece of work share one network, in which nothing else is"}
}

// Close ends all networks, and removes everything that is this executor's at the engine.
func (d *docker) Close() error {
	d.mu.Lock()
	d.closed = true
	open := make([]*dockerNetwork, 0, len(d.networks))
	for w := range d.networks {
		open = append(open, w)
	}
	d.mu.Unlock()
	var errs []error
	for _, w := range open {
		errs = append(errs, w.Close())
	}
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	errs = append(errs, d.clear(ctx, func(l labelled) bool { return l.Labels[instanceLabel] == d.instance }))
	d.engine.client.CloseIdleConnections()
	return errors.Join(errs...)
}

func (d *docker) add(w *dockerNetwork) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return &UnavailableError{"the emulator has ended"}
	}
	d.networks[w] = true
	return nil
}

func (d *docker) remove(w *dockerNetwork) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.networks, w)
}
