// Package imports is the part of the registry service that copies images from one registry into another, as
// importImage asks for (acr-behaviour §3.4, acr-tasks §5).
//
// It works at the place of the registry service itself. A source that is named by its resource ID it reads as the service,
// which passes the network rules of registries that let trusted services pass; a source that is named by its address it
// reads with the credentials that it was given, or as nobody, and the source's rules hold for it as for anyone. Into the
// target it writes as the service. Every request goes through the gate.
//
// Content comes first, then manifests, tags last: whoever looks meanwhile, or after the process was killed, finds an image
// whole or not at all. What is left of one that failed is content that nothing names, which the registry sweeps.
package imports

import (
	"context"
	"sync"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// The bounds of what goes on at once. Each import reads and writes one blob at a time, and holds no more of it than a buffer.
const (
	maxRunning = 4
	maxWaiting = 128
)

// Request is an image to copy. Who asked for it may do so, which is not looked at here.
type Request struct {
	// Operation is the ID under which the import is known, Principal the object ID of who asked for it.
	Operation, Principal string
	// Target is the registry that the image is copied to.
	Target azure.ResourceID
	// Source is the registry that the image comes from, when it was named by its resource ID; otherwise zero.
	Source azure.ResourceID
	// Host is the registry that the image comes from by its address, when it was named so; otherwise empty.
	Host string
	// Image is REPOSITORY, REPOSITORY:TAG or REPOSITORY@DIGEST.
	Image string
	// User and Password are a login to the source; a password without a user is a token.
	User, Password string
	// Tags are REPOSITORY or REPOSITORY:TAG each, Repositories those that get the image without a tag. With neither the
	// image is called as in the source.
	Tags, Repositories []string
	// Force lets tags move that are there already.
	Force bool
	// Progress takes how much is done, in per cent. It is called from one goroutine.
	Progress func(percent int)
	// Done takes how it ended, once: nil, or an *Error. It is called from another goroutine than Start.
	Done func(error)
}

// Service carries out imports. Make one with New, and let it Run.
type Service struct {
	cloud  agent.Cloud
	mirror agent.Mirror
	queue  chan Request

	mu      sync.Mutex
	running map[string]context.CancelFunc // by operation
}

// New returns a service that takes imports on, and carries them out once it runs. Images of registries outside come from the
// mirror, which may be nil.
func New(cloud agent.Cloud, mirror agent.Mirror) *Service {
	return &Service{cloud: cloud, mirror: mirror, queue: make(chan Request, maxWaiting), running: map[string]context.CancelFunc{}}
}

// Start takes an import on and returns when it is on record. An *Error says that there are too many.
func (s *Service) Start(ctx context.Context, r Request) error {
	if err := s.remember(ctx, r); err != nil {
		return err
	}
	select {
	case s.queue <- r:
		return nil
	default:
		s.forget(ctx, r)
		return errBusy.of(r)
	}
}

// Run carries imports out until the context ends. Those that have not ended then have failed.
func (s *Service) Run(ctx context.Context) {
	s.forgetOld(ctx)
	var workers sync.WaitGroup
	for range maxRunning {
		workers.Go(func() { s.work(ctx) })
	}
	workers.Wait()
	for {
		select {
		case r := <-s.queue:
			r.Done(errInterrupted.of(r))
		default:
			return
		}
	}
}

func (s *Service) work(ctx context.Context) {
	for {
		select {
		case r := <-s.queue:
			s.carryOut(ctx, r)
		case <-ctx.Done():
			return
		}
	}
}

// carryOut does one import. One that ends because the process does stays on record, so that the next process knows of it.
func (s *Service) carryOut(ctx context.Context, r Request) {
	own, cancel := context.WithCancel(ctx)
	s.mu.Lock()
	s.running[r.Operation] = cancel
	s.mu.Unlock()
	defer func() {
		cancel()
		s.mu.Lock()
		delete(s.running, r.Operation)
		s.mu.Unlock()
	}()
	err := s.copy(own, r)
	switch {
	case own.Err() != nil && err != nil:
		err = errInterrupted.of(r)
	case err != nil:
		err = explain(r, err)
	}
	if ctx.Err() == nil {
		s.forget(ctx, r)
	}
	r.Done(err)
}

// Changed is told of documents that were written. When all of them were replaced, nobody waits for the imports any more.
func (s *Service) Changed(keys []string) {
	if keys != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, cancel := range s.running {
		cancel()
	}
}

// Happened is told of what happens in registries, which is nothing to imports.
func (s *Service) Happened(agent.Event) {}

// copy makes the worker and lets it copy.
func (s *Service) copy(ctx context.Context, r Request) error {
	worker, err := agent.New(s.cloud, agent.At(azure.ServiceImport), "azure/acr/import")
	if err != nil {
		return err
	}
	defer worker.Close()
	if err := s.checkThere(r); err != nil {
		return err
	}
	t, err := s.open(ctx, worker, r)
	if err != nil {
		return err
	}
	return t.run(ctx)
}
