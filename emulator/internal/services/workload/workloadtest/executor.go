// Package workloadtest is what tests of services of workloads have in common: a registry that refuses when it is told to, and
// containers that are functions.
package workloadtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/acrlocal/acrlocal/emulator/internal/executor"
)

// Program is what a container does, in place of the program in its image. It returns the exit code, and ends with the context.
type Program func(ctx context.Context, s executor.Spec) int

// Forever runs until it is stopped, as a server does.
func Forever(ctx context.Context, _ executor.Spec) int {
	<-ctx.Done()
	return 143
}

// Exits ends at once.
func Exits(code int) Program { return func(context.Context, executor.Spec) int { return code } }

// Executor is an executor.Executor whose containers are functions.
type Executor struct {
	// Programs are by the container's name; one that is not there is not found.
	Programs map[string]Program
	// Refused is why there is no network; nil if there is.
	Refused error

	mu      sync.Mutex
	started []executor.Spec
}

// Started are the containers that were to be started, in order.
func (e *Executor) Started() []executor.Spec {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.started
}

// Network is the executor itself.
func (e *Executor) Network(context.Context, executor.NetworkOptions) (executor.Network, error) {
	return e, e.Refused
}

// Status says that this is a test.
func (e *Executor) Status() executor.Status { return executor.Status{Kind: "functions"} }

// Close does nothing.
func (e *Executor) Close() error { return nil }

// Layer fails: workloads build nothing.
func (e *Executor) Layer(context.Context, executor.Spec) (v1.Layer, error) {
	return nil, errors.New("workloads build nothing")
}

// Start calls the function of the container's name.
func (e *Executor) Start(_ context.Context, s executor.Spec) (executor.Container, error) {
	e.mu.Lock()
	e.started = append(e.started, s)
	e.mu.Unlock()
	run, found := e.Programs[s.Name]
	if !found {
		return nil, executor.ErrNotFound
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &container{cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(c.ended)
		c.code = run(ctx, s)
	}()
	return c, nil
}

type container struct {
	cancel context.CancelFunc
	ended  chan struct{}
	code   int
}

// Wait waits for the end of the function.
func (c *container) Wait(ctx context.Context) (int, error) {
	select {
	case <-c.ended:
		return c.code, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Stop ends the function's context.
func (c *container) Stop(time.Duration) { c.cancel() }

// Exec knows one program: /bin/shout says back the five bytes that it is told, in capitals.
func (c *container) Exec(_ context.Context, p executor.Process) (int, error) {
	if p.Args[0] != "/bin/shout" {
		return 0, executor.ErrNotFound
	}
	said := make([]byte, 5)
	if _, err := io.ReadFull(p.Stdin, said); err != nil {
		return 1, err
	}
	_, err := p.Stdout.Write(bytes.ToUpper(said))
	return 0, err
}
