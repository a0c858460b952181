package tasks

import (
	"context"
	"fmt"
	"slices"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// queue are the runs that wait for the machines of a registry, or of an agent pool.
type queue struct {
	of      azure.ResourceID
	waiting []azure.ResourceID
	busy    int
}

// maxWaiting is how many runs may wait for the same machines.
const maxWaiting = 1000

// Schedule queues a run of a registry, as a principal asks for it, and returns the ID of its document. An *azure.Error says
// why it cannot be.
func (s *Service) Schedule(ctx context.Context, registry azure.ResourceID, request map[string]any, principal string) (azure.ResourceID, error) {
	return s.schedule(ctx, entry{registry: registry, request: request, principal: principal})
}

func (s *Service) schedule(ctx context.Context, e entry) (azure.ResourceID, error) {
	id, err := s.write(ctx, e)
	if err != nil {
		return id, err
	}
	if d, found := s.Cloud.State().Get(id.Key()); found {
		s.enqueue(d)
		s.pumpAll()
	}
	return id, nil
}

// queueOf names the machines that a run waits for.
func queueOf(d *azure.Document) azure.ResourceID {
	registry, _ := d.ID.Parent()
	if pool, _ := properties(d)["agentPoolName"].(string); pool != "" {
		if id, err := registry.Child("agentPools", pool); err == nil {
			return id
		}
	}
	return registry
}

func (s *Service) enqueue(d *azure.Document) {
	of := queueOf(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[of.Key()]
	if q == nil {
		q = &queue{of: of}
		s.queues[of.Key()] = q
	}
	known := func(id azure.ResourceID) bool { return id.Key() == d.ID.Key() }
	if !slices.ContainsFunc(q.waiting, known) {
		q.waiting = append(q.waiting, d.ID)
	}
}

// pumpAll gives waiting runs to machines that are free.
func (s *Service) pumpAll() {
	state := s.Cloud.State()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil || s.ctx.Err() != nil {
		return
	}
	for key, q := range s.queues {
		for limit := s.machines(state, q.of); q.busy < limit && s.busy < s.Most && len(q.waiting) > 0; q.busy++ {
			next := q.waiting[0]
			q.waiting = q.waiting[1:]
			s.begin(q, next)
		}
		if q.busy == 0 && len(q.waiting) == 0 {
			delete(s.queues, key)
		}
	}
}

// machines is how many runs of a queue go on at once. A pool that is gone has no machines.
func (s *Service) machines(state *azure.State, of azure.ResourceID) int {
	if !of.Is(azure.TypeAgentPool) {
		return s.Workers
	}
	d, found := state.Get(of.Key())
	if !found {
		return 0
	}
	count, isNumber := properties(d)["count"].(float64)
	if !isNumber {
		return 1
	}
	return int(count)
}

// begin carries a run out on a machine of a queue. The service is locked.
func (s *Service) begin(q *queue, id azure.ResourceID) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(s.ctx))
	stop := context.AfterFunc(s.ctx, func() { cancel(errStopped) })
	s.cancels[id.Key()] = cancel
	s.busy++
	begun := s.Cloud.Now() // in the order in which they waited
	s.work.Go(func() {
		defer cancel(nil)
		defer stop()
		s.carryOut(ctx, id, begun)
		s.mu.Lock()
		q.busy--
		s.busy--
		delete(s.cancels, id.Key())
		s.mu.Unlock()
		s.pumpAll()
	})
}

// Queued is how many runs wait for a machine of an agent pool.
func (s *Service) Queued(pool azure.ResourceID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.queues[pool.Key()]; q != nil {
		return len(q.waiting)
	}
	return 0
}

// Cancel ends a run that is queued or under way; one that has ended stays as it is.
func (s *Service) Cancel(ctx context.Context, id azure.ResourceID) error {
	if s.unqueue(id) {
		s.end(ctx, id, ending{status: statusCanceled, err: errCanceled})
		return nil
	}
	s.mu.Lock()
	cancel := s.cancels[id.Key()]
	s.mu.Unlock()
	if cancel != nil {
		cancel(errCanceled)
		return nil
	}
	d, found := s.Cloud.State().Get(id.Key())
	if !found {
		return &azure.Error{Code: azure.CodeNotFound, Message: fmt.Sprintf("run %s does not exist", id.Name())}
	}
	if !ended(d) { // nobody works at it
		s.end(ctx, id, ending{status: statusCanceled, err: errCanceled})
	}
	return nil
}

// unqueue takes a run out of the queue in which it waits.
func (s *Service) unqueue(id azure.ResourceID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.queues {
		for i, waiting := range q.waiting {
			if waiting.Key() == id.Key() {
				q.waiting = slices.Delete(q.waiting, i, i+1)
				return true
			}
		}
	}
	return false
}

// abandon ends the runs that wait for an agent pool that is gone.
func (s *Service) abandon(ctx context.Context) {
	state := s.Cloud.State()
	var abandoned []azure.ResourceID
	s.mu.Lock()
	for _, q := range s.queues {
		if _, there := state.Get(q.of.Key()); !there && q.of.Is(azure.TypeAgentPool) {
			abandoned = append(abandoned, q.waiting...)
			q.waiting = nil
		}
	}
	s.mu.Unlock()
	for _, id := range abandoned {
		s.fail(ctx, id, "the agent pool for which the run waited was removed")
	}
}

// forget drops the runs whose documents are gone: those that wait, and those that go on.
func (s *Service) forget() {
	state := s.Cloud.State()
	gone := func(key string) bool { _, found := state.Get(key); return !found }
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.queues {
		q.waiting = slices.DeleteFunc(q.waiting, func(id azure.ResourceID) bool { return gone(id.Key()) })
	}
	for key, cancel := range s.cancels {
		if gone(key) {
			cancel(errGone)
		}
	}
}
