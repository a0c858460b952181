package tasks

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/blob"
	"github.com/acrlocal/acrlocal/emulator/internal/executor"
)

// Options say what a [Service] works with. Cloud, Login and Blobs are necessary.
type Options struct {
	// Cloud is the emulator as a service sees it.
	Cloud agent.Cloud
	// Login issues the credential with which a run logs in to its own registry unless its task says otherwise (acr-tasks
	// §1.3). It is good for that registry alone, passes no rule of its network, and ends with the run ([Service.Running]).
	Login func(ctx context.Context, registry azure.ResourceID, pass string) (agent.Credential, error)
	// Blobs keep sources and logs.
	Blobs *blob.Store
	// Executor runs containers; without one there are builds without RUN, and pushes.
	Executor executor.Executor
	// Mirror returns an image that no registry here has, such as one on which a Dockerfile is based. Without one there are no such
	// images.
	Mirror agent.Mirror
	// Dir is the directory for the files of runs, made if it is missing, and the service's own; empty is that of the system for
	// temporary files.
	Dir string
	// Local returns what carries requests to a host of this machine, from which sources may come; nil for one from which they may
	// not. Without it none may.
	Local func(host string) http.RoundTripper
	// Repositories are the directories of this machine below which there may be repositories for sources.
	Repositories []string
	// Disk is how many bytes the files of a run may have, its workspace and home among them; 0 means 10 GiB.
	Disk int64
	// Workers is how many runs of a registry go on at once; 0 means 2.
	Workers int
	// Most is how many runs go on at once in all registries and agent pools together; 0 means 32.
	Most int
	// Keep is how many runs of a registry are kept, the newest; 0 means 500.
	Keep int
	// Log takes what goes wrong beside the runs; the default discards it.
	Log *slog.Logger
}

const (
	defaultWorkers = 2
	defaultMost    = 32
	defaultKeep    = 500
	defaultDisk    = 10 << 30
)

func (o Options) resolve() Options {
	if o.Workers <= 0 {
		o.Workers = defaultWorkers
	}
	if o.Most <= 0 {
		o.Most = defaultMost
	}
	if o.Keep <= 0 {
		o.Keep = defaultKeep
	}
	if o.Disk <= 0 {
		o.Disk = defaultDisk
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}
