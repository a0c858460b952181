package emulator

import (
	"context"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/registry"
	"github.com/acrlocal/acrlocal/emulator/internal/tasks"
)

// newTasks makes ACR Tasks, which work from Start on.
func (e *Emulator) newTasks() *tasks.Service {
	s := tasks.New(tasks.Options{Cloud: cloud{e}, Login: e.runLogin, Blobs: e.blobs, Executor: e.executor, Mirror: e.outside, Log: e.options.Logger})
	e.services = append(e.services, s)
	return s
}

// runLogin is the credential with which a run logs in to its own registry by default.
func (e *Emulator) runLogin(ctx context.Context, id azure.ResourceID) (agent.Credential, error) {
	token, err := e.tokens.RunToken(ctx, id.Name())
	return agent.Credential{User: registry.RefreshTokenUser, Password: token}, err
}
