package instances

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"sync"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/services/workload"
)

// Options say what the service stands on.
type Options = workload.Options

// Service runs container groups. It is an agent.Service, and what Resource Manager asks of container groups.
type Service struct {
	options Options
	running sync.WaitGroup // the groups that are under way

	changes *workload.Changes

	mu     sync.Mutex
	work   context.Context // that of Run; nil before
	groups map[string]*group
}

// New makes the service. Nothing runs before Run.
func New(o Options) *Service {
	return &Service{
		options: o, groups: map[string]*group{}, changes: workload.NewChanges("/" + azure.Fold(azure.TypeContainerGroup) + "/"),
	}
}

// Changed takes note of groups among the documents that changed.
func (s *Service) Changed(keys []string) { s.changes.Note(keys) }

// Happened is of no interest to container groups, which pull when they begin.
func (s *Service) Happened(agent.Event) {}

// Run follows the documents until the context ends, and then ends all groups.
func (s *Service) Run(ctx context.Context) {
	s.mu.Lock()
	s.work = ctx
	s.mu.Unlock()
	s.changes.Note(nil)
	s.changes.Follow(ctx, s.known, func(key string) { s.follow(key) })
	s.mu.Lock()
	s.work = nil
	s.mu.Unlock()
	s.running.Wait()
}

// known are the keys of all groups that there are or were.
func (s *Service) known() (keys []string) {
	for _, d := range s.options.Cloud.State().OfType(azure.TypeContainerGroup) {
		keys = append(keys, d.ID.Key())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.AppendSeq(keys, maps.Keys(s.groups))
}

// follow makes a group what its document says now, and returns it; nil if nothing is to run. It waits for nothing.
func (s *Service) follow(key string) *group {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.work == nil {
		return nil
	}
	id, wanted, found := s.wanted(key)
	old := s.groups[key]
	switch {
	case !found && old != nil:
		delete(s.groups, key)
		old.end()
		return nil
	case !found:
		return nil
	case old != nil && same(old.spec, wanted):
		return old
	}
	g := newGroup(s, id, wanted)
	if old != nil {
		old.end()
		g.done = old.done
	}
	s.groups[key] = g
	g.begin(s.work)
	return g
}

// same reports whether two descriptions are of the same containers, perhaps written at another time.
func same(a, b azure.ContainerGroup) bool {
	a.Written = b.Written
	return reflect.DeepEqual(a, b)
}

// wanted reads a group that has containers.
func (s *Service) wanted(key string) (azure.ResourceID, azure.ContainerGroup, bool) {
	d, found := s.options.Cloud.State().Get(key)
	if !found || !d.Is(azure.TypeContainerGroup) {
		return azure.ResourceID{}, azure.ContainerGroup{}, false
	}
	spec, err := azure.ReadContainerGroup(*d) // refused on its way into the state if malformed
	return d.ID, spec, err == nil && len(spec.Containers) > 0
}

// group returns a group that is followed.
func (s *Service) group(id azure.ResourceID) (*group, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, found := s.groups[id.Key()]
	return g, found
}
