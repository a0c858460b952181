package emulator

import (
	"context"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/registry"
	"github.com/acrlocal/acrlocal/emulator/internal/tasks"
)

// newTasks makes ACR Tasks, which work from Start on.
func (e *Emulator) newTasks() *tasks.Service {
	s := tasks.New(tasks.Options{
		Cloud: cloud{e}, Login: e.runLogin, Blobs: e.blobs, Executor: e.executor, Mirror: e.mirror, Dir: filepath.Join(e.content.dir, "runs"),
		Log: e.options.Logger,
	})
	e.services = append(e.services, s)
	return s
}

// mirror finds an image that no registry here has. Mirrors that are registries are asked with pull, as whoever needs the image.
func (e *Emulator) mirror(ctx context.Context, reference string, platform v1.Platform, pull tasks.Pull) (v1.Image, error) {
	return e.mirrors.With(pull).Resolve(ctx, reference, &platform)
}

// runLogin is the credential with which a run logs in to its own registry by default.
func (e *Emulator) runLogin(ctx context.Context, id azure.ResourceID) (agent.Credential, error) {
	token, err := e.tokens.RunToken(ctx, id.Name())
	return agent.Credential{User: registry.RefreshTokenUser, Password: token}, err
}
