package tasks

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// Service carries out ACR Tasks. It is an agent.Service, and what the control plane asks for runs (arm.Tasks). Make one with
// New; its methods may be called from any number of goroutines.
type Service struct {
	Options

	work   sync.WaitGroup // the runs that go on
	notice chan struct{}  // says that there is news

	mu      sync.Mutex
	ctx     context.Context // of Run; nil before it
	queues  map[string]*queue
	busy    int                                // runs that go on
	cancels map[string]context.CancelCauseFunc // of the runs that go on, by key
	passes  map[string]bool                    // of the runs that go on
	changed map[string]bool                    // keys of documents since Run last looked
	reset   bool                               // anything may have changed
	events  []agent.Event
}

// New makes a service that does nothing before Run.
func New(o Options) *Service {
	return &Service{
		Options: o.resolve(), notice: make(chan struct{}, 1), queues: map[string]*queue{},
		cancels: map[string]context.CancelCauseFunc{}, passes: map[string]bool{}, changed: map[string]bool{},
	}
}

// Causes for which a run is stopped.
var (
	errCanceled = errors.New("the run was canceled")
	errStopped  = errors.New("the emulator was stopped while the run went on")
)

// Changed is told of documents that were written or removed.
func (s *Service) Changed(keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if keys == nil {
		s.drop()
		s.reset = true
	}
	for _, key := range keys {
		s.changed[key] = true
	}
	s.tell()
}

// drop ends everything, since whatever it was about is there no more. The service is locked.
func (s *Service) drop() {
	for _, q := range s.queues {
		q.waiting = nil
	}
	for _, cancel := range s.cancels {
		cancel(errGone)
	}
	s.events = nil
}

// maxEvents bounds the events that Run has not looked at yet; what comes then starts nothing.
const maxEvents = 10_000

// Happened is told of a push.
func (s *Service) Happened(e agent.Event) {
	if e.Action != "push" || e.Tag == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.events) < maxEvents {
		s.events = append(s.events, e)
	}
	s.tell()
}

// tell wakes Run.
func (s *Service) tell() {
	select {
	case s.notice <- struct{}{}:
	default:
	}
}

// Run works until the context ends. What was under way when an earlier one ended, ends as Error; what waited goes on
// waiting.
func (s *Service) Run(ctx context.Context) {
	s.clean()
	s.recover(ctx)
	s.mu.Lock()
	s.ctx, s.reset = ctx, true
	s.tell()
	s.mu.Unlock()
	var next alarm
	for ctx.Err() == nil {
		select {
		case <-s.notice:
			if s.look(ctx) {
				next = s.nextAlarm(s.Cloud.Now())
			}
		case <-next.rings:
			next = s.ring(ctx, next)
		case <-ctx.Done():
		}
	}
	s.mu.Lock()
	s.ctx = nil
	s.mu.Unlock()
	s.work.Wait()
}

// look acts on what has changed and happened. It reports whether that concerned tasks.
func (s *Service) look(ctx context.Context) (tasks bool) {
	s.mu.Lock()
	changed, events, reset := s.changed, s.events, s.reset
	s.changed, s.events, s.reset = map[string]bool{}, nil, false
	s.mu.Unlock()
	s.forget()
	s.abandon(ctx)
	state := s.Cloud.State()
	if reset {
		for _, d := range state.OfType(azure.TypeTaskRun) {
			changed[d.ID.Key()] = true
		}
	}
	for _, key := range slices.Sorted(maps.Keys(changed)) {
		if d, found := state.Get(key); found && d.Is(azure.TypeTaskRun) {
			s.startTaskRun(ctx, d)
		}
		id, err := azure.ParseResourceID(key)
		tasks = tasks || err == nil && id.Is(azure.TypeTask)
	}
	for _, e := range events {
		s.pushed(ctx, e)
	}
	s.pumpAll()
	return tasks || reset
}

// recover finds the runs that an earlier process left.
func (s *Service) recover(ctx context.Context) {
	state := s.Cloud.State()
	for _, registry := range state.OfType(azure.TypeRegistry) {
		for _, d := range runsOf(state, registry.ID) {
			switch status := statusOf(d); {
			case status == statusQueued:
				s.enqueue(d)
			case !ended(d):
				s.fail(ctx, d.ID, "the emulator ended while the run was under way; run it again")
			}
		}
	}
}

// fail ends a run that nobody works at as Error.
func (s *Service) fail(ctx context.Context, id azure.ResourceID, why string) {
	s.end(ctx, id, ending{status: statusError, err: errors.New(why)})
}
