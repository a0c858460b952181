// Package defender is Microsoft Defender for Cloud as far as it looks at registries: it scans images that are pushed,
// imported or pulled, and says what is vulnerable in them (acr-behaviour §3.4, acr-tasks §5).
//
// It works where the plan for containers is on, as the service itself, without a role: a registry lets it in as long as it
// lets trusted services in. Where it is shut out, its assessment of the registry says so, with the registry's own words, and
// it comes again when the registry's settings have changed. Every request goes through the gate.
//
// What it knows of vulnerabilities are the advisories that it is given; it comes with none.
package defender

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// Options say what the service works with.
type Options struct {
	Cloud agent.Cloud
	// Advisories is a directory of advisories in the OSV format; empty has none.
	Advisories string
	// Scratch is a directory for what a scan writes; empty is the system's.
	Scratch string
	// Log hears of what went wrong.
	Log *slog.Logger
}

// Service scans images, one after the other. Make one with New, and let it Run.
type Service struct {
	Options
	known func() (advisories, error) // read when first needed

	// on says that some plan may be on. Where none is, nothing that happens costs more than to look at it.
	on    atomic.Bool
	wake  chan struct{}
	stale atomic.Bool // documents that matter were changed
	fresh atomic.Bool // all documents were replaced: what was known is not so any more

	mu      sync.Mutex
	queue   []image // to be scanned, in order
	images  map[image]*record
	planned map[string]azure.ResourceID // the registries that the plan is on for, by folded name
}

// image is an image in a registry, by its digest. Without a repository it stands for all that is in the registry.
type image struct{ registry, repository, digest string }

// isAll reports whether it stands for all that is in the registry.
func (i image) isAll() bool { return i.repository == "" }

// String is what an assessment calls it.
func (i image) String() string {
	if i.isAll() {
		return "the registry"
	}
	return i.repository + "@" + i.digest
}

// record is what the service knows of an image.
type record struct {
	tags    []string
	waiting bool      // in the queue, or being scanned
	again   bool      // to be scanned once more, since something happened meanwhile
	scanned time.Time // when that was last tried; zero is never
	// failed is why it could not be scanned; nil if it could. A refusal of the registry is an *accessError.
	failed error
}

// The bounds of what is kept in memory: images that wait, and images that are remembered.
const (
	maxWaiting    = 10_000
	maxRemembered = 50_000
)

// patience is how long one image may take.
const patience = 15 * time.Minute

// rescanAfter is how long an image that is pulled again and again is not scanned again.
const rescanAfter = 24 * time.Hour

// New returns a service that scans once it runs.
func New(o Options) *Service {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{Options: o, wake: make(chan struct{}, 1), images: map[image]*record{}, planned: map[string]azure.ResourceID{}}
	s.known = sync.OnceValues(func() (advisories, error) { return readAdvisories(o.Advisories) })
	return s
}

// Changed is told of documents that were written. Plans, registries and the emulator's settings matter.
func (s *Service) Changed(keys []string) {
	matters := keys == nil
	if matters {
		s.on.Store(true) // perhaps, which Run finds out
		s.fresh.Store(true)
	}
	for _, key := range keys {
		switch {
		case strings.Contains(key, "/providers/microsoft.security/pricings/"):
			s.on.Store(true) // likewise
			matters = true
		case isRegistry(key), strings.HasPrefix(key, "/acrlocal/"):
			matters = true
		}
	}
	if matters {
		s.stale.Store(true)
		s.rouse()
	}
}

// isRegistry reports whether a key is a registry's own.
func isRegistry(key string) bool {
	_, name, found := strings.Cut(key, "/providers/microsoft.containerregistry/registries/")
	return found && !strings.Contains(name, "/")
}

func (s *Service) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Happened is told of pushes, pulls and deletions. Its own pulls are among them, of images that it is scanning or has just
// scanned.
func (s *Service) Happened(e agent.Event) {
	if !s.on.Load() {
		return
	}
	of := image{e.Registry, e.Repository, e.Digest}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case e.Action == "delete":
		r := s.remember(of)
		r.again = r.waiting
		s.enqueue(of, r) // to find that it is gone
	case isImage(e.MediaType):
		r := s.remember(of)
		if r.note(e.Tag) || e.Action == "push" || e.Time.Sub(r.scanned) > rescanAfter {
			s.enqueue(of, r)
		}
	}
}

// isImage reports whether a manifest is that of one image: the manifests that an index names are pushed and pulled on their
// own.
func isImage(mediaType string) bool {
	return mediaType == "application/vnd.oci.image.manifest.v1+json" || mediaType == "application/vnd.docker.distribution.manifest.v2+json"
}

// note adds a tag, and reports whether it is new.
func (r *record) note(tag string) bool {
	if tag == "" || slices.Contains(r.tags, tag) {
		return false
	}
	r.tags = append(r.tags, tag)
	return true
}

// remember returns the record of an image. When there are too many, one that is done with is forgotten.
func (s *Service) remember(of image) *record {
	if r := s.images[of]; r != nil {
		return r
	}
	if len(s.images) >= maxRemembered {
		for other, r := range s.images {
			if !r.waiting && r.failed == nil {
				delete(s.images, other)
				break
			}
		}
	}
	r := &record{}
	s.images[of] = r
	return r
}

// enqueue puts an image into the queue, unless it is there. Beyond the bound it waits for the next time it is pulled.
func (s *Service) enqueue(of image, r *record) {
	if r.waiting || len(s.queue) >= maxWaiting {
		return
	}
	r.waiting = true
	s.queue = append(s.queue, of)
	s.rouse()
}

// Run scans until the context ends.
func (s *Service) Run(ctx context.Context) {
	s.stale.Store(true)
	for ctx.Err() == nil {
		if s.stale.Swap(false) {
			s.refresh(ctx)
		}
		if next, found := s.next(); found {
			s.handle(ctx, next)
			continue
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
		}
	}
}

func (s *Service) next() (image, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		s.queue = nil
		return image{}, false
	}
	next := s.queue[0]
	s.queue = s.queue[1:]
	return next, true
}

// handle scans what was in the queue, and writes down what came of it.
func (s *Service) handle(ctx context.Context, of image) {
	s.mu.Lock()
	registry, planned := s.planned[of.registry]
	s.mu.Unlock()
	if !planned {
		s.forget(of)
		return
	}
	findings, err := s.look(ctx, of)
	if ctx.Err() != nil {
		return
	}
	switch {
	case errors.Is(err, errGone):
		s.forget(of)
		err = nil
	case err != nil:
		s.Log.Warn("image not scanned", "registry", of.registry, "repository", of.repository, "digest", of.digest, "error", err)
		fallthrough
	default:
		s.finish(of, err)
	}
	if err := s.publish(ctx, registry, report{image: of, findings: findings, failed: err}); err != nil {
		s.Log.Error("findings not published", "registry", of.registry, "error", err)
	}
}

// look scans an image, or looks through a registry.
func (s *Service) look(ctx context.Context, of image) ([]Finding, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if of.isAll() {
		return nil, s.survey(ctx, of.registry)
	}
	return s.scan(ctx, of)
}

// finish notes that an image was handled.
func (s *Service) finish(of image, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.remember(of)
	r.waiting, r.failed, r.scanned = false, err, s.Cloud.Now()
	if r.again {
		r.again = false
		s.enqueue(of, r)
	}
}

func (s *Service) forget(of image) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.images, of)
}
