package taskfile

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The defaults of steps (acr-tasks §1.2, §1.6), in seconds.
const (
	defaultTimeout    = 600
	defaultRetryDelay = 5
	defaultNetwork    = "acb_default_network"
	buildKitVariable  = "DOCKER_BUILDKIT=1"
)

// addDefaults fills in what a file leaves out.
func (f *fileTask) addDefaults(in Input) error {
	if f.Version == "" {
		f.Version = "v1.0.0"
	}
	if !slices.Contains([]string{"1.0-preview-1", "v1.0.0", "v1.1.0"}, strings.ToLower(f.Version)) {
		return fmt.Errorf("invalid version specified: %q, the current version is %q", f.Version, "v1.0.0")
	}
	if f.WorkingDirectory == "" {
		f.WorkingDirectory = in.WorkingDirectory
	}
	env, err := mergeEnv(f.Env, in.Env)
	if err != nil {
		return err
	}
	f.Env = env
	network := f.addNetwork()
	for i, s := range f.Steps {
		s.addDefaults(i, f, network)
		if s.Env, err = mergeEnv(s.Env, f.Env); err != nil {
			return fmt.Errorf("failed to merge task and step environment variables: %w", err)
		}
	}
	return nil
}

// addNetwork makes the default network if the file has none, and returns the one that steps join which name none: the
// last that says so.
func (f *fileTask) addNetwork() string {
	if len(f.Networks) == 0 {
		f.Networks = []*fileNetwork{{Name: defaultNetwork, Driver: "bridge", IsDefault: true}}
	}
	for _, network := range slices.Backward(f.Networks) {
		if network.IsDefault {
			return network.Name
		}
	}
	return ""
}

func (s *fileStep) addDefaults(index int, f *fileTask, network string) {
	setDefault(&s.ID, fmt.Sprintf("acb_step_%d", index))
	setDefault(&s.Network, network)
	setDefault(&s.WorkingDirectory, f.WorkingDirectory)
	setPositive(&s.Timeout, f.StepTimeout, defaultTimeout)
	setPositive(&s.RetryDelay, defaultRetryDelay)
}

func setDefault(text *string, value string) {
	if *text == "" {
		*text = value
	}
}

// setPositive sets a number that is not positive to the first value that is.
func setPositive(number *int, values ...int) {
	for _, value := range values {
		if *number <= 0 {
			*number = value
		}
	}
}

// mergeEnv adds the variables of a task that a step does not set itself, or those of the caller to a task. Those that are
// added are split at commas, as ACR's engine does.
func mergeEnv(own, added []string) ([]string, error) {
	if len(added) == 0 {
		return own, nil
	}
	has := map[string]bool{}
	for _, variable := range own {
		name, _, found := strings.Cut(variable, "=")
		if !found {
			return nil, fmt.Errorf("cannot parse step environment variable %s correctly", variable)
		}
		has[name] = true
	}
	merged := slices.Clone(own)
	for _, joined := range added {
		for variable := range strings.SplitSeq(joined, ",") {
			name, _, found := strings.Cut(variable, "=")
			if !found {
				return nil, fmt.Errorf("cannot parse task environment variable %s correctly", variable)
			}
			if !has[name] {
				merged = append(merged, variable)
			}
		}
	}
	return merged, nil
}

// step makes the step of a form with its defaults.
func (s *fileStep) step(aliases *aliasSet) (Step, error) {
	made := Step{
		ID:                 s.ID,
		Network:            s.Network,
		KeepImageDirectory: s.KeepImageDirectory,
		Timeout:            seconds(s.Timeout),
		StartDelay:         seconds(s.StartDelay),
		Retries:            s.Retries,
		RetryDelay:         seconds(s.RetryDelay),
		RetryOnErrors:      s.RetryOnErrors,
		Repeat:             s.Repeat,
		IgnoreErrors:       s.IgnoreErrors,
		Push:               imageNames(s.Push),
	}
	for _, mount := range s.Mounts {
		made.Mounts = append(made.Mounts, Mount{Volume: mount.Name, Path: mount.Path})
	}
	if err := s.words(&made); err != nil {
		return made, err
	}
	var err error
	switch {
	case s.Cmd != "":
		made.Text = aliases.image(s.Cmd)
		made.Cmd, err = s.cmd()
		if err == nil {
			err = parseRun(made.Text, &made)
		}
	case s.Build != "":
		made.Text = s.Build
		if made.Build, err = parseBuild(s.Build, made.Env); err == nil {
			made.Build.Cache = strings.EqualFold(s.Cache, "enabled")
			made.Build.BuildKit = made.Build.Cache || slices.Contains(s.Env, buildKitVariable)
		}
	}
	return made, err
}

// words sets what stands on the command line as the shell makes it.
func (s *fileStep) words(made *Step) (err error) {
	if made.WorkingDirectory, err = oneWord("workingDirectory", s.WorkingDirectory); err != nil {
		return err
	}
	for _, variable := range s.Env {
		word, err := oneWord("env", variable)
		if err != nil {
			return err
		}
		made.Env = append(made.Env, word)
	}
	return nil
}

func (s *fileStep) cmd() (*Cmd, error) {
	cmd := &Cmd{
		Ports:              s.Ports,
		Expose:             s.Expose,
		CPUs:               s.CPUs,
		Isolation:          s.Isolation,
		Detach:             s.Detach,
		Keep:               s.Keep,
		Privileged:         s.Privileged,
		Pull:               s.Pull,
		DownloadRetries:    s.CmdDownloadRetries,
		DownloadRetryDelay: seconds(s.CmdDownloadRetryDelay),
	}
	var err error
	if cmd.EntryPoint, err = oneWord("entryPoint", s.EntryPoint); err != nil {
		return nil, err
	}
	cmd.User, err = oneWord("user", s.User)
	return cmd, err
}

// longest is the longest time that a number of seconds can mean: years, and far from an overflow.
const longest = 1 << 30

func seconds(n int) time.Duration { return time.Duration(min(max(n, 0), longest)) * time.Second }

// imageNames names each image once; one without a tag or digest has the tag latest.
func imageNames(images []string) []string {
	var names []string
	for _, image := range images {
		if !strings.ContainsAny(image, "@:") {
			image += ":latest"
		}
		if !slices.Contains(names, image) {
			names = append(names, image)
		}
	}
	return names
}
