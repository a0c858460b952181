package workload

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// Login is how a workload logs in to a registry.
type Login struct {
	// Server is the registry's host, folded.
	Server string
	// Identity is who asks for a token, if it names a resource; else the user and password of Credential count.
	Identity   agent.Identity
	Credential agent.Credential
}

// Puller pulls the images of a workload to the machine on which it runs.
type Puller struct {
	// Agent is at the place of the machine.
	Agent *agent.Agent
	// Logins are tried by the host of an image's registry; without one, nobody asks.
	Logins []Login
	// Mirror returns an image that is in no registry of Azure's; nil knows none.
	Mirror agent.Mirror
	// Dir is a directory of the workload's own, in which images are kept.
	Dir string
}

// Pull fetches an image with all its layers: when it returns, the registry is not needed any more. A refusal is an
// *agent.DaemonError or an *agent.NotFoundError.
func (p Puller) Pull(ctx context.Context, reference string) (v1.Image, error) {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return nil, fmt.Errorf("Error response from daemon: invalid reference format: %.200q", reference) //nolint:staticcheck // Docker's words
	}
	image, err := p.find(ctx, ref, reference)
	if err != nil {
		return nil, err
	}
	kept, err := p.keep(image)
	if err != nil {
		return nil, agent.PullError(ref, err)
	}
	return kept, nil
}

// find finds an image: in a registry of this emulator, or else where a mirror has it.
func (p Puller) find(ctx context.Context, ref name.Reference, reference string) (v1.Image, error) {
	platform := &v1.Platform{OS: "linux", Architecture: runtime.GOARCH}
	if _, isRegistry := azure.CutRegistryDomain(ref.Context().RegistryStr()); p.Mirror != nil && !isRegistry {
		return p.Mirror(ctx, reference, platform, p.ask)
	}
	return p.ask(ctx, reference, platform)
}

// ask asks the registry of an image for it, with the workload's login there.
func (p Puller) ask(ctx context.Context, reference string, platform *v1.Platform) (v1.Image, error) {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return nil, err
	}
	logins, err := p.login(ctx, ref)
	if err != nil {
		return nil, err
	}
	return p.Agent.Pull(ctx, reference, platform, logins)
}

// login gets what the registry of an image is to be asked with.
func (p Puller) login(ctx context.Context, ref name.Reference) (agent.Keychain, error) {
	host := azure.Fold(ref.Context().RegistryStr())
	for _, login := range p.Logins {
		if login.Server != host {
			continue
		}
		if login.Identity.Resource == "" {
			return agent.Keychain{host: login.Credential}, nil
		}
		credential, err := p.Agent.Exchange(ctx, host, login.Identity)
		if refused, ok := errors.AsType[*agent.ExchangeError](err); ok && refused.Code != "" {
			said := transport.Diagnostic{Code: transport.ErrorCode(refused.Code), Message: refused.Message}
			err = agent.PullError(ref, &transport.Error{Errors: []transport.Diagnostic{said}})
		}
		return agent.Keychain{host: credential}, err
	}
	return nil, nil
}

// keep writes an image to a directory of its own, and returns it as it is there.
func (p Puller) keep(image v1.Image) (v1.Image, error) {
	digest, err := image.Digest()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(p.Dir, "image-")
	if err != nil {
		return nil, err
	}
	images, err := layout.Write(dir, empty.Index)
	if err == nil {
		err = images.AppendImage(image)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return images.Image(digest)
}

// Host is the registry that an image is pulled from, folded; empty for what is no reference.
func Host(reference string) string {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return ""
	}
	return azure.Fold(ref.Context().RegistryStr())
}
