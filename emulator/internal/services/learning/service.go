package learning

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/services/workload"
)

// Service runs jobs and deployments. It is an agent.Service, and what Resource Manager asks of them.
type Service struct {
	options workload.Options
	running sync.WaitGroup // what is under way

	changes *workload.Changes

	mu          sync.Mutex
	work        context.Context // that of Run; nil before
	jobs        map[string]*job
	deployments map[string]*deployment
}

// New makes the service. Nothing runs before Run.
func New(o workload.Options) *Service {
	return &Service{options: o, jobs: map[string]*job{}, deployments: map[string]*deployment{}, changes: workload.NewChanges(namespace)}
}

// namespace is what the keys of all resources of Machine Learning have in them.
const namespace = "/microsoft.machinelearningservices/"

// Changed takes note of jobs and deployments among the documents that changed.
func (s *Service) Changed(keys []string) { s.changes.Note(keys) }

// Happened is of no interest to Machine Learning.
func (s *Service) Happened(agent.Event) {}

// Run follows the documents until the context ends, and then ends what runs. A job that an earlier run left unfinished has
// failed.
func (s *Service) Run(ctx context.Context) {
	s.mu.Lock()
	s.work = ctx
	s.mu.Unlock()
	s.interrupted(ctx)
	s.changes.Note(nil)
	s.changes.Follow(ctx, s.known, s.follow)
	s.mu.Lock()
	s.work = nil
	s.mu.Unlock()
	s.running.Wait()
}

// known are the keys of all jobs and deployments that there are or were.
func (s *Service) known() (keys []string) {
	state := s.options.Cloud.State()
	for _, kind := range []string{azure.TypeTrainingJob, azure.TypeOnlineDeployment} {
		for _, d := range state.OfType(kind) {
			keys = append(keys, d.ID.Key())
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.AppendSeq(slices.AppendSeq(keys, maps.Keys(s.jobs)), maps.Keys(s.deployments))
}

// follow makes a job or a deployment what its document says now. It waits for nothing.
func (s *Service) follow(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.work == nil {
		return
	}
	d, found := s.options.Cloud.State().Get(key)
	switch {
	case found && d.Is(azure.TypeTrainingJob):
		s.followJob(d)
	case found && d.Is(azure.TypeOnlineDeployment):
		s.followDeployment(d)
	case !found:
		if j := s.jobs[key]; j != nil {
			j.cancel()
			delete(s.jobs, key)
		}
		if d := s.deployments[key]; d != nil {
			d.end()
			delete(s.deployments, key)
		}
	}
}

// client is what requests of the service say of who sends them (acr-behaviour §3.3).
const client = "azure/ml"

// machine makes the machine on which an image of an environment runs: at a place, as an identity of the resource that owns it.
func (s *Service) machine(place agent.Place, owner azure.ResourceID, image string) (*workload.Machine, error) {
	d, found := s.options.Cloud.State().Get(owner.Key())
	if !found {
		return nil, fmt.Errorf("%s is gone", owner)
	}
	identity, err := azure.ReadManagedIdentity(*d)
	if err != nil {
		return nil, err
	}
	var as agent.Identity
	switch {
	case identity.System:
		as.Resource = owner.String()
	case len(identity.UserAssigned) > 0:
		as = agent.Identity{Resource: primary(d, identity).String(), Host: owner.String()}
	}
	return s.options.Machine(place, client, []workload.Login{{Server: workload.Host(image), Identity: as}})
}

// primary is the user-assigned identity that a workspace prefers, or else its first.
func primary(d *azure.Document, identity azure.ManagedIdentity) azure.ResourceID {
	properties, _ := d.Body["properties"].(map[string]any)
	preferred, _ := properties["primaryUserAssignedIdentity"].(string)
	for _, id := range identity.UserAssigned {
		if azure.Fold(preferred) == id.Key() {
			return id
		}
	}
	return identity.UserAssigned[0]
}

// image finds the image of an environment's version.
func (s *Service) image(version azure.ResourceID) (string, error) {
	image, err := azure.EnvironmentImage(s.options.Cloud.State(), version)
	if err == nil && image == "" {
		err = fmt.Errorf("the environment %s has no image: environments that are to be built are outside this emulator", version)
	}
	return image, err
}

// Logs returns the last lines, all for a number below 1, that a job or a deployment printed.
func (s *Service) Logs(of azure.ResourceID, tail int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if j := s.jobs[of.Key()]; j != nil {
		return j.log.Text(tail, false)
	}
	if d := s.deployments[of.Key()]; d != nil {
		return d.log.Text(tail, false)
	}
	return ""
}

// reason is an error's message as documents have it.
func reason(err error) string {
	if refused, ok := err.(*azure.Error); ok { //nolint:errorlint // it is made here
		return refused.Message
	}
	return cmp.Or(err.Error(), "unknown")
}
