package instances

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// The values of provisioningState. A group is Pending until its place is ready, and Creating until its containers were
// started.
const (
	provisioningPending   = "Pending"
	provisioningCreating  = "Creating"
	provisioningSucceeded = "Succeeded"
	provisioningFailed    = "Failed"
)

// group is a container group as one document describes it.
type group struct {
	service *Service
	id      azure.ResourceID
	spec    azure.ContainerGroup
	inits   []*instance
	main    []*instance

	mu           sync.Mutex // guards what follows, and what instances say of themselves
	provisioning string
	failure      error         // why it is provisioningFailed
	answered     string        // when the document was written of which the beginning was tried
	stopped      bool          // by a client
	waiting      []func(error) // who wants to know how the beginning ends
	cancel       context.CancelFunc
	done         chan struct{} // closed when nothing of the group goes on; nil before it began
}

func newGroup(s *Service, id azure.ResourceID, spec azure.ContainerGroup) *group {
	g := &group{service: s, id: id, spec: spec, answered: spec.Written, cancel: func() {}}
	for _, c := range spec.InitContainers {
		g.inits = append(g.inits, newInstance(g, c, true))
	}
	for _, c := range spec.Containers {
		g.main = append(g.main, newInstance(g, c, false))
	}
	return g
}

func (g *group) instances() []*instance { return slices.Concat(g.inits, g.main) }

// begin lets the group run, as soon as what it takes the place of has ended.
func (g *group) begin(work context.Context) {
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.done
	ctx, cancel := context.WithCancel(work)
	g.provisioning, g.failure, g.stopped, g.cancel, g.done = provisioningPending, nil, false, cancel, make(chan struct{})
	for _, i := range g.instances() {
		i.ready = false
	}
	done := g.done
	g.service.running.Go(func() {
		defer close(done)
		defer cancel()
		if before != nil {
			<-before
		}
		g.run(ctx)
	})
}

// run does what a group does: its init containers one after the other, and then its containers beside each other.
func (g *group) run(ctx context.Context) {
	m, err := newMachine(g)
	if err != nil {
		g.fail(err)
		return
	}
	defer m.close()
	g.creating()
	for _, i := range g.inits {
		code, ran := i.live(ctx, m)
		if ctx.Err() != nil {
			return
		}
		if ran && code != 0 {
			g.fail(g.refusal("InitContainerFailed", "the init container '%s' of container group '%s' ended with exit code %d.", i.spec.Name, g.id.Name(), code))
			return
		}
	}
	var containers sync.WaitGroup
	for _, i := range g.main {
		containers.Go(func() { i.live(ctx, m) })
	}
	containers.Wait()
}

func (g *group) creating() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.provisioning, g.failure = provisioningCreating, nil
}

// end ends the group without waiting for it.
func (g *group) end() {
	g.mu.Lock()
	cancel := g.cancel
	g.mu.Unlock()
	cancel()
	g.tell(g.refusal("OperationCanceled", "the container group '%s' was removed, stopped or replaced before it began.", g.id.Name()))
}

// lost reports whether the group failed, as a document that was written at another time than this one.
func (g *group) lost(written string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.provisioning == provisioningFailed && written != g.answered
}

// settle calls done when it is known how the group begins. One that failed tries again at once if it was written since.
func (g *group) settle(written string, done func(error)) {
	rewritten := g.lost(written)
	if rewritten {
		g.creating()
	}
	g.mu.Lock()
	failure, over := g.failure, g.provisioning == provisioningSucceeded || g.provisioning == provisioningFailed
	if !over {
		g.waiting = append(g.waiting, done)
	}
	g.answered = written
	g.mu.Unlock()
	if over {
		done(failure)
	}
	if rewritten {
		for _, i := range g.instances() {
			i.hurry()
		}
	}
}

// fail says that the group does not begin, for now.
func (g *group) fail(err error) {
	g.mu.Lock()
	g.provisioning, g.failure = provisioningFailed, err
	g.mu.Unlock()
	g.tell(err)
}

// started says that a container is where it should be. The group has begun when all are.
func (g *group) started(i *instance) {
	g.mu.Lock()
	i.ready = true
	all := true
	for _, one := range g.main {
		all = all && one.ready
	}
	if all {
		g.provisioning, g.failure = provisioningSucceeded, nil
	}
	g.mu.Unlock()
	if all {
		g.tell(nil)
	}
}

// tell answers those who wait.
func (g *group) tell(err error) {
	g.mu.Lock()
	waiting := g.waiting
	g.waiting = nil
	g.mu.Unlock()
	for _, done := range waiting {
		done(err)
	}
}

// over reports whether nothing of the group goes on.
func (g *group) over() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.done:
		return true
	default:
		return false
	}
}

// refusal is an error as clients of Resource Manager see it.
func (g *group) refusal(code, format string, args ...any) error {
	return &azure.Error{Code: code, ID: g.id, Message: fmt.Sprintf(format, args...)}
}
