package dockerfile

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// configure carries out an instruction that changes the configuration alone, or makes no more than a directory.
func (s *stage) configure(command instructions.Command) error {
	switch c := command.(type) {
	case *instructions.EnvCommand:
		return s.env(c.Env)
	case *instructions.LabelCommand:
		return s.label(c.Labels)
	case *instructions.ArgCommand:
		return s.arg(c.Args)
	case *instructions.MaintainerCommand:
		s.config.Author = c.Maintainer
	case *instructions.WorkdirCommand:
		return s.workdir(c.Path)
	case *instructions.UserCommand:
		s.config.Config.User = c.User
	case *instructions.ExposeCommand:
		return s.expose(c.Ports)
	case *instructions.VolumeCommand:
		return s.volume(c.Volumes)
	case *instructions.StopSignalCommand:
		return s.stopSignal(c.Signal)
	case *instructions.HealthCheckCommand:
		return s.healthCheck(c)
	case *instructions.ShellCommand:
		s.config.Config.Shell = c.Shell
	case *instructions.CmdCommand:
		s.config.Config.Cmd = s.commandLine(c.ShellDependantCmdLine)
		s.commanded = len(s.config.Config.Cmd) > 0
	case *instructions.EntrypointCommand:
		s.entrypoint(c)
	case *instructions.OnbuildCommand:
		s.config.Config.OnBuild = append(s.config.Config.OnBuild, c.Expression)
	default:
		return fmt.Errorf("%s cannot be carried out here", strings.ToUpper(command.Name()))
	}
	return nil
}

func (s *stage) env(pairs instructions.KeyValuePairs) error {
	for _, pair := range pairs {
		if pair.Key == "" {
			return fmt.Errorf("ENV names can not be blank")
		}
		s.config.Config.Env = setVariable(s.config.Config.Env, pair.Key, pair.Value)
	}
	return nil
}

// setVariable sets a variable where it stands, or at the end.
func setVariable(list []string, name, value string) []string {
	entry := name + "=" + value
	for i, old := range list {
		if known, _, _ := strings.Cut(old, "="); known == name {
			list[i] = entry
			return list
		}
	}
	return append(list, entry)
}

func (s *stage) label(pairs instructions.KeyValuePairs) error {
	for _, pair := range pairs {
		if pair.Key == "" {
			return fmt.Errorf("LABEL names can not be blank")
		}
		if s.config.Config.Labels == nil {
			s.config.Config.Labels = map[string]string{}
		}
		s.config.Config.Labels[pair.Key] = pair.Value
	}
	return nil
}

// arg makes arguments known: with the value of the options, else the one given here, else that of before the first FROM.
func (s *stage) arg(arguments []instructions.KeyValuePairOptional) error {
	for _, a := range arguments {
		value := a.Value
		if given, is := s.Args[a.Key]; is {
			value = &given
		} else if global, is := s.global[a.Key]; is && value == nil {
			value = &global
		}
		s.declared[a.Key] = value
		delete(s.unread, a.Key)
	}
	return nil
}

// workdir sets the working directory and makes it. It belongs to root, whatever USER says.
func (s *stage) workdir(dir string) error {
	if !path.IsAbs(dir) {
		dir = path.Join("/", s.config.Config.WorkingDir, dir)
	}
	s.config.Config.WorkingDir = dir
	t, err := s.tree()
	if err != nil {
		return err
	}
	if n, err := t.stat(dir); err == nil && !n.isDir() {
		return fmt.Errorf("Cannot mkdir: %s is not a directory", dir) //nolint:staticcheck // docker's words
	}
	_, err = t.mkdirs(dir, directory())
	return err
}

func (s *stage) expose(ports []string) error {
	for _, port := range ports {
		all, err := expandPort(port)
		if err != nil {
			return err
		}
		for _, p := range all {
			if s.config.Config.ExposedPorts == nil {
				s.config.Config.ExposedPorts = map[string]struct{}{}
			}
			s.config.Config.ExposedPorts[p] = struct{}{}
		}
	}
	return nil
}

// expandPort returns the ports of one word of EXPOSE: a port or a range, with the protocol after a slash. What stands before
// the last colon would be for the host, and is dropped.
func expandPort(word string) ([]string, error) {
	numbers, protocol, _ := strings.Cut(word[strings.LastIndex(word, ":")+1:], "/")
	protocol = strings.ToLower(protocol)
	if protocol == "" {
		protocol = "tcp"
	}
	if !slices.Contains([]string{"tcp", "udp", "sctp"}, protocol) {
		return nil, fmt.Errorf("Invalid proto: %s", protocol) //nolint:staticcheck // docker's words
	}
	first, last, isRange := strings.Cut(numbers, "-")
	if !isRange {
		last = first
	}
	from, err1 := strconv.ParseUint(first, 10, 16)
	to, err2 := strconv.ParseUint(last, 10, 16)
	if err1 != nil || err2 != nil || to < from {
		return nil, fmt.Errorf("Invalid containerPort: %s", numbers) //nolint:staticcheck // docker's words
	}
	var all []string
	for port := from; port <= to; port++ {
		all = append(all, strconv.FormatUint(port, 10)+"/"+protocol)
	}
	return all, nil
}

func (s *stage) volume(volumes []string) error {
	for _, volume := range volumes {
		volume = strings.TrimSpace(volume)
		if volume == "" {
			return fmt.Errorf("VOLUME specified can not be an empty string")
		}
		if s.config.Config.Volumes == nil {
			s.config.Config.Volumes = map[string]struct{}{}
		}
		s.config.Config.Volumes[volume] = struct{}{}
	}
	return nil
}

// signals are the names that STOPSIGNAL may have, beside numbers and SIGRTMIN+n, SIGRTMAX-n (signal(7)).
var signals = strings.Fields(`ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS
	TERM TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX`)

func (s *stage) stopSignal(signal string) error {
	if !isSignal(signal) {
		return fmt.Errorf("Invalid signal: %s", signal) //nolint:staticcheck // docker's words
	}
	s.config.Config.StopSignal = signal
	return nil
}

func isSignal(signal string) bool {
	if number, err := strconv.Atoi(signal); err == nil {
		return number > 0 && number <= 64
	}
	name := strings.TrimPrefix(strings.ToUpper(signal), "SIG")
	for prefix, most := range map[string]int{"RTMIN+": 15, "RTMAX-": 14} {
		if number, is := strings.CutPrefix(name, prefix); is {
			n, err := strconv.Atoi(number)
			return err == nil && n > 0 && n <= most
		}
	}
	return slices.Contains(signals, name)
}

// healthCheck sets the check. The configuration that is written here has no member for the start interval.
func (s *stage) healthCheck(c *instructions.HealthCheckCommand) error {
	h := c.Health
	if h.StartInterval != 0 {
		return fmt.Errorf("HEALTHCHECK --start-interval needs Docker 25, which is not emulated")
	}
	if old := s.config.Config.Healthcheck; old != nil && len(old.Test) > 0 && old.Test[0] != "NONE" {
		s.progress.printf("Note: overriding previous HEALTHCHECK: %v", old.Test)
	}
	s.config.Config.Healthcheck = &v1.HealthConfig{
		Test: h.Test, Interval: h.Interval, Timeout: h.Timeout,
		StartPeriod: h.StartPeriod, Retries: h.Retries,
	}
	return nil
}

// entrypoint sets the entry point. It drops a command that the stage has only inherited.
func (s *stage) entrypoint(c *instructions.EntrypointCommand) {
	s.config.Config.Entrypoint = s.commandLine(c.ShellDependantCmdLine)
	if !s.commanded {
		s.config.Config.Cmd = nil
	}
}

// commandLine is a command as it is kept: its shell form starts the shell.
func (s *stage) commandLine(c instructions.ShellDependantCmdLine) []string {
	if c.PrependShell {
		return append(s.shell(), strings.Join(c.CmdLine, " "))
	}
	return c.CmdLine
}

// shell is what the shell form starts.
func (s *stage) shell() []string {
	if len(s.config.Config.Shell) > 0 {
		return slices.Clone(s.config.Config.Shell)
	}
	return []string{"/bin/sh", "-c"}
}
