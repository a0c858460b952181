package instances

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/executor"
)

// Settle calls done when it is known how the containers of a group, as its document is now, begin: with nil when all were
// started, or with an *azure.Error. A group that has nothing to run has begun at once. It does not wait.
func (s *Service) Settle(id azure.ResourceID, done func(error)) {
	g := s.follow(id.Key())
	if g == nil {
		done(nil)
		return
	}
	_, now, _ := s.wanted(id.Key())
	if g.lost(now.Written) && g.over() {
		s.begin(g)
	}
	g.settle(now.Written, done)
}

func (s *Service) begin(g *group) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.work != nil && s.groups[g.id.Key()] == g {
		g.begin(s.work)
	}
}

// again is a time at which no document was written.
const again = "again"

// Start begins a group that was stopped or has ended; done is called as that of Settle.
func (s *Service) Start(id azure.ResourceID, done func(error)) {
	g, found := s.group(id)
	if !found {
		done(nil)
		return
	}
	if g.over() {
		s.begin(g)
	}
	g.settle(again, done)
}

// Stop ends the containers of a group, and waits until that is done.
func (s *Service) Stop(ctx context.Context, id azure.ResourceID) error {
	g, found := s.group(id)
	if !found {
		return nil
	}
	g.mu.Lock()
	g.stopped, g.provisioning = true, provisioningSucceeded
	done := g.done
	g.mu.Unlock()
	g.end()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Restart ends the containers of a group and begins it again, which pulls its images again.
func (s *Service) Restart(ctx context.Context, id azure.ResourceID) error {
	if err := s.Stop(ctx, id); err != nil {
		return err
	}
	s.Start(id, func(error) {})
	return nil
}

// instance finds a container of a group.
func (s *Service) instance(id azure.ResourceID, name string) (*instance, error) {
	g, found := s.group(id)
	if found {
		for _, i := range g.instances() {
			if i.spec.Name == name {
				return i, nil
			}
		}
	}
	return nil, &azure.Error{
		Code: azure.CodeNotFound, ID: id, Message: fmt.Sprintf("container '%.80s' in container group '%s' is not found.", name, id.Name()),
	}
}

// Logs returns what a container printed since it was last started: the last lines, or all for a number below 1, each perhaps
// with its time.
func (s *Service) Logs(id azure.ResourceID, container string, tail int, times bool) (string, error) {
	i, err := s.instance(id, container)
	if err != nil {
		return "", err
	}
	return i.log.Text(tail, times), nil
}

// Exec runs a program in a container that runs, on a terminal, until it or the context ends. The exit code is not told, as in
// Azure.
func (s *Service) Exec(ctx context.Context, id azure.ResourceID, container string, args []string, terminal io.ReadWriter) error {
	i, err := s.instance(id, container)
	if err != nil {
		return err
	}
	i.group.mu.Lock()
	running := i.running
	i.group.mu.Unlock()
	if running == nil {
		return &azure.Error{Code: "ContainerNotRunning", ID: id, Message: fmt.Sprintf("the container '%s' in container group '%s' is not running.", container, id.Name())}
	}
	_, err = running.Exec(ctx, executor.Process{
		Args: args, Env: i.spec.Env, Terminal: true, Stdin: terminal, Stdout: terminal, Stderr: terminal,
	})
	if errors.Is(err, executor.ErrNotFound) {
		return &azure.Error{Code: "CommandNotFound", ID: id, Message: fmt.Sprintf("%.80q: %v", args[0], executor.ErrNotFound)}
	}
	return err
}
