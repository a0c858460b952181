package learning

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/executor"
	"github.com/acrlocal/acrlocal/emulator/internal/services/workload"
)

// The values of a deployment's provisioningState.
const (
	provisioningCreating  = "Creating"
	provisioningSucceeded = "Succeeded"
	provisioningFailed    = "Failed"
)

// deployment is a deployment of an online endpoint, as its document was when it was last written.
type deployment struct {
	service *Service
	id      azure.ResourceID
	spec    azure.OnlineDeployment
	log     *workload.Log
	cancel  context.CancelFunc
	done    chan struct{} // closed when nothing of it goes on

	mu      sync.Mutex
	state   string
	failure error
	waiting []func(error)
}

// followDeployment begins a deployment that names an environment, or begins it anew if it was written since.
func (s *Service) followDeployment(d *azure.Document) {
	spec, err := azure.ReadOnlineDeployment(*d)
	old := s.deployments[d.ID.Key()]
	if err != nil || spec.Environment.IsZero() || old != nil && reflect.DeepEqual(old.spec, spec) {
		return
	}
	ctx, cancel := context.WithCancel(s.work)
	next := &deployment{
		service: s, id: d.ID, spec: spec, cancel: cancel, done: make(chan struct{}), state: provisioningCreating,
		log: &workload.Log{Now: s.options.Cloud.Now},
	}
	var before chan struct{}
	if old != nil {
		old.end()
		before = old.done
	}
	s.deployments[d.ID.Key()] = next
	s.running.Go(func() {
		defer close(next.done)
		defer cancel()
		if before != nil {
			<-before
		}
		next.run(ctx)
	})
}

// end ends the deployment without waiting for it.
func (d *deployment) end() {
	d.cancel()
	d.settled(provisioningFailed, d.refusal("OperationCanceled", "the deployment was removed or replaced before it was ready."))
}

// run pulls the image and serves it until the context ends. A container that ends by itself is a deployment that failed.
func (d *deployment) run(ctx context.Context) {
	if err := d.serve(ctx); err != nil && ctx.Err() == nil {
		d.settled(provisioningFailed, err)
	}
}

func (d *deployment) serve(ctx context.Context) error {
	image, err := d.service.image(d.spec.Environment)
	if err != nil {
		return d.refusal("BadArgument", "%s", reason(err))
	}
	endpoint, _ := d.id.Parent()
	m, err := d.service.machine(at(d.id), endpoint, image)
	if err != nil {
		return err
	}
	defer m.Close()
	content, err := m.Pull(ctx, image)
	if err != nil {
		return d.refused(err)
	}
	network, err := m.Network(ctx)
	if err != nil {
		_, _ = fmt.Fprintln(d.log, err)
		d.settled(provisioningSucceeded, nil) // the image is there, which is what can be shown here
		return nil
	}
	args, err := workload.Args(content, nil)
	if err != nil {
		return d.refusal("BadArgument", "%v", err)
	}
	container, err := network.Start(ctx, executor.Spec{
		Name: "inference-server", Image: content, Process: executor.Process{Args: args, Env: d.spec.Env, Stdout: d.log, Stderr: d.log},
	})
	if err != nil {
		return d.refusal("ResourceNotReady", "User container could not be started: %v", err)
	}
	d.settled(provisioningSucceeded, nil)
	code := workload.Wait(ctx, container, func() {})
	return d.refusal("ResourceNotReady", "User container has crashed or terminated. It ended with exit code %d.", code)
}

// refused is what Azure says of an image that cannot be pulled ("Troubleshoot online endpoints", BadArgument;
// azure-docs#107890).
func (d *deployment) refused(err error) error {
	if refused, ok := errors.AsType[*agent.DaemonError](err); ok && refused.Code == "UNAUTHORIZED" {
		return d.refusal("BadArgument", "Endpoint identity does not have pull permission on the registry. %v", err)
	}
	return d.refusal("BadArgument", "Unable to download user container image. %v", err)
}

func (d *deployment) refusal(code, format string, args ...any) error {
	return &azure.Error{Code: code, ID: d.id, Message: fmt.Sprintf(format, args...)}
}

// settled says how the deployment is, to those who wait too.
func (d *deployment) settled(state string, failure error) {
	d.mu.Lock()
	d.state, d.failure = state, failure
	waiting := d.waiting
	d.waiting = nil
	d.mu.Unlock()
	for _, done := range waiting {
		done(failure)
	}
}

// Settle calls done when it is known whether a deployment, as its document is now, is ready: nil, or an *azure.Error. It does
// not wait.
func (s *Service) Settle(id azure.ResourceID, done func(error)) {
	s.follow(id.Key())
	s.mu.Lock()
	d := s.deployments[id.Key()]
	s.mu.Unlock()
	if d == nil {
		done(nil)
		return
	}
	d.mu.Lock()
	failure, over := d.failure, d.state != provisioningCreating
	if !over {
		d.waiting = append(d.waiting, done)
	}
	d.mu.Unlock()
	if over {
		done(failure)
	}
}

// Show puts into the properties of a deployment how it is doing, and why it failed.
func (s *Service) Show(id azure.ResourceID, properties map[string]any) {
	s.mu.Lock()
	d := s.deployments[id.Key()]
	s.mu.Unlock()
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	properties["provisioningState"] = d.state
	if refused, ok := errors.AsType[*azure.Error](d.failure); ok {
		properties["error"] = map[string]any{"code": refused.Code, "message": refused.Message}
	}
}
