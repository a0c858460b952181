package taskfile

import "time"

// Task is a task that is ready to run (acr-tasks §1.2): rendered, checked, with every default filled in.
type Task struct {
	// Version is that of the language: "1.0-preview-1", "v1.0.0" or "v1.1.0".
	Version string
	// Steps are in the order of the file. There may be none.
	Steps []Step
	// Secrets are what the file asks a key vault for; their values are in the steps already.
	Secrets []Secret
	// Networks are those that the file declares, or the default one.
	Networks []Network
	// Volumes are what steps may mount.
	Volumes []Volume
}

// Step is one step. Exactly one of Cmd, Build and Push is set.
type Step struct {
	// ID names the step, and its container, among the others of the task.
	ID string
	// After are the steps that have to end well before this one begins, as indexes into Task.Steps, ascending and each less
	// than its own. Steps that are after nothing begin at once.
	After []int
	// Cmd runs a container.
	Cmd *Cmd
	// Build builds an image.
	Build *Build
	// Push are the images to push, each with a tag or digest, none twice.
	Push []string
	// Text is the cmd or build as it was written, rendered, for logs and messages. Secrets of a build request are hidden.
	Text string

	// Env are NAME=value; the last one of a name counts.
	Env []string
	// WorkingDirectory is where the step works: absolute, or below the workspace. Empty is the workspace itself.
	WorkingDirectory string
	// KeepImageDirectory leaves the working directory to the image (disableWorkingDirectoryOverride).
	KeepImageDirectory bool
	// Network is the name of the network that the container joins; empty is none of the task's.
	Network string
	// Mounts are volumes that the container sees.
	Mounts []Mount

	// Timeout bounds one attempt. It is never zero.
	Timeout time.Duration
	// StartDelay is waited for before the step begins.
	StartDelay time.Duration
	// Retries is how many more attempts there are after one that failed.
	Retries int
	// RetryDelay is waited for between attempts.
	RetryDelay time.Duration
	// RetryOnErrors narrows what is tried again to failures whose output has one of these texts; none means any failure.
	RetryOnErrors []string
	// Repeat is how many more times the step runs after it ended well.
	Repeat int
	// IgnoreErrors counts a failure as success.
	IgnoreErrors bool
}

// Cmd is a container to run: what the step says, and the flags of docker run before the image's name.
type Cmd struct {
	// Image is the reference, aliases replaced.
	Image string
	// Args are what follows the image, split as a shell would.
	Args []string
	// Name is what other containers of the run call this one beside the step's ID (--name); usually empty.
	Name string
	// EntryPoint replaces the image's; empty leaves it.
	EntryPoint string
	// User is a name or number, perhaps with a group; empty is the image's.
	User string
	// Volumes are -v of the command line, as docker takes them: NAME-or-PATH:PATH[:ro].
	Volumes []string
	// Ports and Expose are as docker run takes them: "8080:80", "80". Steps of a run share one network, so they matter little.
	Ports, Expose []string
	// CPUs is a number such as "0.5"; empty is no bound of its own.
	CPUs string
	// Memory is the bound in bytes; 0 is no bound of its own.
	Memory int64
	// Isolation is of Windows; it is read, and means nothing here.
	Isolation string
	// Detach lets the next step begin while this one goes on, to the end of the run.
	Detach bool
	// Keep leaves the container until the end of the run.
	Keep bool
	// Privileged asks for more capabilities.
	Privileged bool
	// Pull asks for the image from its registry even when it is here.
	Pull bool
	// DownloadRetries and DownloadRetryDelay are of that pull.
	DownloadRetries    int
	DownloadRetryDelay time.Duration
}

// Build is an image to build: the flags of docker build.
type Build struct {
	// Context is where the files are: a path below the working directory, or remote (git, tar, oci).
	Context string
	// Dockerfile is its path; empty is Dockerfile in the context. It is relative to the working directory, or to the context
	// where that is remote.
	Dockerfile string
	// Tags are names for the image.
	Tags []string
	// Args are build arguments; one without a value has been looked up in the step's Env.
	Args []Argument
	// Labels are NAME=value.
	Labels []string
	// Target is the stage to build; empty is the last.
	Target string
	// Platform is such as linux/arm64; empty is that of the machine.
	Platform string
	// NoCache builds every step anew.
	NoCache bool
	// Pull looks for newer base images.
	Pull bool
	// BuildKit is whether the step asked for buildkit, by DOCKER_BUILDKIT=1 in its env or by cache.
	BuildKit bool
	// Cache asks for a cache kept in the registry (cache: enabled).
	Cache bool
	// Secrets are --secret: id=NAME,src=PATH or id=NAME,env=NAME.
	Secrets []BuildSecret
}

// Argument is a build argument.
type Argument struct {
	// Name and Value are as given.
	Name, Value string
	// Secret hides the value in logs.
	Secret bool
}

// BuildSecret is a file or variable that a RUN of a Dockerfile may see while it runs.
type BuildSecret struct {
	// ID is its name in the Dockerfile.
	ID string
	// Source is a path below the working directory; Env is a variable of the step's instead.
	Source, Env string
}

// Secret is a value in a key vault.
type Secret struct {
	// ID is the name under which templates know it.
	ID string
	// KeyVault is its address.
	KeyVault string
	// ClientID names the identity that reads it; empty is the task's own.
	ClientID string
}

// Network is a network of containers.
type Network struct {
	// Name is unique, Driver is docker's.
	Name, Driver string
	// IPv6 asks for it; SkipCreation says that the network is there; IsDefault is for steps that name none.
	IPv6, SkipCreation, IsDefault bool
}

// Volume is a directory of files that a task brings along.
type Volume struct {
	// Name is unique.
	Name string
	// Files are their contents by name.
	Files map[string][]byte
}

// Mount is a volume in a container.
type Mount struct {
	// Volume is its name, Path where it is in the container.
	Volume, Path string
}
