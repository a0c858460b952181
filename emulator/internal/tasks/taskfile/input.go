package taskfile

import (
	"context"
	"time"
)

// Input is what a task is made of.
type Input struct {
	// Text is the task file. 1 MiB at most.
	Text string
	// Run is what templates know as .Run.
	Run Run
	// Values is a values file, in YAML; empty if there is none.
	Values string
	// Set are values that replace those of the file: --set and --set-secret, in their order, the last of a name wins.
	Set []Argument
	// WorkingDirectory is that of a task that names none.
	WorkingDirectory string
	// Env are NAME=value for every step that does not set them.
	Env []string
	// AliasFile returns the text of a file or URL that the task names in alias.src. A task that names one is refused when it is nil.
	AliasFile func(ctx context.Context, source string) (string, error)
	// ResolveSecrets returns the values of secrets by their ID. A task that asks for one is refused when it is nil.
	ResolveSecrets func(ctx context.Context, secrets []Secret) (map[string]string, error)
}

// Run is what a task knows of its run (acr-tasks §1.2).
type Run struct {
	// ID is the run's, such as ca1.
	ID string
	// Registry is the login server of the registry that runs the task.
	Registry string
	// Date is when the run began.
	Date time.Time
	// SharedVolume is the name of the volume with the workspace.
	SharedVolume string
	// OS and Architecture are Go's names: linux, amd64.
	OS, OSVersion, Architecture string
	// Commit, Branch, Repository and GitTag are of the git context, if there is one.
	Commit, Branch, Repository, GitTag string
	// TriggeredBy says what started the run.
	TriggeredBy string
	// TaskName is the task's; empty for a quick run.
	TaskName string
}

// DockerBuild is a build without a task file (acr-tasks §2, DockerBuildRequest and the Docker step). Templates may stand in
// every text.
type DockerBuild struct {
	// Context is as in [Build].
	Context string
	// Dockerfile is as in [Build].
	Dockerfile string
	// ImageNames are tags; the registry's name is put before one without it.
	ImageNames []string
	// Push pushes them.
	Push bool
	// NoCache, Pull, Target and Platform are as in [Build].
	NoCache, Pull    bool
	Target, Platform string
	// Arguments are build arguments.
	Arguments []Argument
	// Registries are those that the run has credentials for, beside its own.
	Registries []string
}
