package instances

import (
	"context"
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/executor"
	"github.com/acrlocal/acrlocal/emulator/internal/services/workload"
)

// The states of a container (ACI REST API, "ContainerState").
const (
	stateWaiting    = "Waiting"
	stateRunning    = "Running"
	stateTerminated = "Terminated"
)

// state is how a container is doing, or was.
type state struct {
	word, detail  string
	start, finish time.Time
	exitCode      int
}

// instance is a container of a group.
type instance struct {
	group *group
	spec  azure.ContainerSpec
	init  bool
	log   *workload.Log
	soon  chan struct{} // a pull is to be tried again at once

	// What follows is guarded by the group's lock.
	ready             bool // it was started, or will not be
	restarts          int
	current, previous state
	events            []event
	running           executor.Container
}

func newInstance(g *group, c azure.ContainerSpec, init bool) *instance {
	return &instance{
		group: g, spec: c, init: init, soon: make(chan struct{}, 1), current: state{word: stateWaiting},
		log: &workload.Log{Now: g.service.options.Cloud.Now},
	}
}

// Delays before something is tried again: they double from first to most.
const (
	firstPullDelay    = 2 * time.Second
	firstRestartDelay = 10 * time.Second // kubelet's, which runs the containers of Azure
	mostDelay         = 5 * time.Minute
	steady            = 10 * time.Minute // after which a container that ends has not failed again but anew
)

func delay(first time.Duration, attempt int) time.Duration {
	if attempt > 10 {
		return mostDelay
	}
	return min(first<<attempt, mostDelay)
}

// live pulls the image and runs the container, again and again if its policy says so. It returns the last exit code; false
// if it was not run.
func (i *instance) live(ctx context.Context, m *machine) (int, bool) {
	image, ok := i.pull(ctx, m)
	if !ok {
		return 0, false
	}
	network, err := m.Network(ctx)
	if err != nil {
		i.note(failed, "Error: "+err.Error())
		i.become(state{word: stateWaiting, detail: err.Error()})
		i.group.started(i)
		return 0, false
	}
	for attempt := 0; ; attempt++ {
		begun := i.group.service.options.Cloud.Now()
		code, err := i.once(ctx, m, network, image)
		if i.group.service.options.Cloud.Now().Sub(begun) >= steady {
			attempt = 0
		}
		if ctx.Err() != nil || err == nil && !i.again(code) {
			return code, true
		}
		if attempt > 0 && !i.pause(ctx, attempt-1) {
			return code, true
		}
		i.restarted()
	}
}

// again reports whether a container that ended with an exit code is run again. An init container is until it succeeds, unless
// it must not be.
func (i *instance) again(code int) bool {
	switch i.group.spec.Restart {
	case azure.RestartNever:
		return false
	case azure.RestartAlways:
		return !i.init || code != 0
	}
	return code != 0
}

// pause waits before the next attempt to run.
func (i *instance) pause(ctx context.Context, attempt int) bool {
	d := delay(firstRestartDelay, attempt)
	i.note(backOff, "Back-off restarting failed container")
	i.become(state{word: stateWaiting, detail: fmt.Sprintf("CrashLoopBackOff: Back-off %s restarting failed container", d)})
	select {
	case <-ctx.Done():
		return false
	case <-i.group.service.options.Cloud.After(d):
		return true
	}
}

// pull pulls the image until that succeeds; false if the context ended before.
func (i *instance) pull(ctx context.Context, m *machine) (v1.Image, bool) {
	i.become(state{word: stateWaiting})
	for attempt := 0; ctx.Err() == nil; attempt++ {
		i.note(pulling, fmt.Sprintf("pulling image %q", i.spec.Image))
		image, err := m.Pull(ctx, i.spec.Image)
		if err == nil {
			i.note(pulled, fmt.Sprintf("Successfully pulled image %q", i.spec.Image))
			return image, true
		}
		if ctx.Err() != nil {
			break
		}
		i.note(failed, fmt.Sprintf("Failed to pull image %q: rpc error: code = Unknown desc = %v", i.spec.Image, err))
		if attempt+1 >= i.patience() {
			i.group.fail(i.group.refusal("InaccessibleImage",
				"The image '%s' in container group '%s' is not accessible. Please check the image and registry credential.", i.spec.Image, i.group.id.Name()))
		}
		i.note(backOff, fmt.Sprintf("Back-off pulling image %q", i.spec.Image))
		select {
		case <-ctx.Done():
		case <-i.soon:
		case <-i.group.service.options.Cloud.After(delay(firstPullDelay, attempt)):
		}
	}
	return nil, false
}

// systemPatience is how often a group tries to pull as itself before that is a failure: it has to exist before somebody can
// give it a role.
const systemPatience = 3

// patience is how often a pull is tried before the group has failed.
func (i *instance) patience() int {
	for _, login := range i.group.spec.Registries {
		if login.Identity.Key() == i.group.id.Key() {
			return systemPatience
		}
	}
	return 1
}

// hurry lets a pull that waits be tried again at once.
func (i *instance) hurry() {
	select {
	case i.soon <- struct{}{}:
	default:
	}
}

// once runs the container to its end, or until the context ends. An error is that it could not be started.
func (i *instance) once(ctx context.Context, m *machine, network executor.Network, image v1.Image) (int, error) {
	i.log.Reset()
	container, err := i.start(ctx, m, network, image)
	if err != nil {
		i.note(failed, "Error: "+err.Error())
		i.become(state{word: stateWaiting, detail: err.Error()})
		i.group.fail(i.group.refusal("ContainerStartFailed", "the container '%s' in container group '%s' could not be started: %v", i.spec.Name, i.group.id.Name(), err))
		return 0, err
	}
	begun := i.group.service.options.Cloud.Now()
	i.note(created, "Created container")
	i.note(started, "Started container")
	i.runs(container, state{word: stateRunning, start: begun})
	i.group.started(i)
	code := workload.Wait(ctx, container, func() { i.note(killing, "Killing container") })
	ended := state{word: stateTerminated, detail: "Completed", start: begun, finish: i.group.service.options.Cloud.Now(), exitCode: code}
	if code != 0 {
		ended.detail = "Error"
	}
	i.runs(nil, ended)
	return code, nil
}

// start starts the container.
func (i *instance) start(ctx context.Context, m *machine, network executor.Network, image v1.Image) (executor.Container, error) {
	args, err := workload.Args(image, i.spec.Command)
	if err != nil {
		return nil, err
	}
	return network.Start(ctx, executor.Spec{
		Process: executor.Process{Args: args, Env: i.spec.Env, Stdout: i.log, Stderr: i.log},
		Name:    i.spec.Name, Image: image, Mounts: m.mounts(i.group.spec, i.spec),
		Limits: executor.Limits{Memory: i.spec.Memory, CPUs: i.spec.CPUs},
	})
}

// note adds an event.
func (i *instance) note(name, message string) {
	i.group.mu.Lock()
	defer i.group.mu.Unlock()
	i.events = noted(i.events, name, message, i.group.service.options.Cloud.Now())
}

// become changes the state.
func (i *instance) become(s state) { i.runs(nil, s) }

// runs changes the state, and what runs in it.
func (i *instance) runs(container executor.Container, s state) {
	i.group.mu.Lock()
	defer i.group.mu.Unlock()
	if i.current.word == stateTerminated {
		i.previous = i.current
	}
	i.current, i.running = s, container
}

func (i *instance) restarted() {
	i.group.mu.Lock()
	defer i.group.mu.Unlock()
	i.restarts++
}
