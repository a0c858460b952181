package taskfile

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/distribution/reference"
)

// parseBuild reads what stands after docker build. Args without a value are looked up in the step's variables.
func parseBuild(line string, env []string) (*Build, error) {
	words, err := splitWords(line)
	if err != nil {
		return nil, err
	}
	b := &Build{}
	var args, secrets []string
	c := command{
		name: "docker build",
		flags: append([]option{
			{names: "tag,t", list: &b.Tags},
			{names: "file,f", text: &b.Dockerfile},
			{names: "build-arg", list: &args},
			{names: "label", list: &b.Labels},
			{names: "secret", list: &secrets},
			{names: "target", text: &b.Target},
			{names: "platform", text: &b.Platform},
			{names: "no-cache", on: &b.NoCache},
			{names: "pull", on: &b.Pull},
		}, buildFlags()...),
		refused: "output iidfile ssh build-context cache-to squash add-host metadata-file push invoke call print allow annotation attest",
	}
	rest, err := c.parse(words)
	if err != nil {
		return nil, err
	}
	if len(rest) != 1 {
		return nil, fmt.Errorf("%q requires exactly 1 argument", c.name)
	}
	b.Context = rest[0]
	if b.Context == "-" || b.Dockerfile == "-" {
		return nil, fmt.Errorf("%s: there is no standard input to read from", c.name)
	}
	b.Args = buildArguments(args, env)
	if b.Secrets, err = buildSecrets(secrets); err != nil {
		return nil, err
	}
	return b, checkTags(b.Tags)
}

// buildFlags are those that change nothing about an image: bounds, caches, output for people.
func buildFlags() []option {
	return append(
		flagsOf("quiet,q rm force-rm compress load disable-content-trust", false),
		flagsOf("isolation memory,m memory-swap cpu-period cpu-quota cpu-shares,c cpuset-cpus cpuset-mems cgroup-parent shm-size ulimit "+
			"security-opt network progress cache-from no-cache-filter provenance sbom builder", true)...,
	)
}

func buildArguments(args, env []string) []Argument {
	var list []Argument
	for _, arg := range args {
		name, value, given := strings.Cut(arg, "=")
		if !given {
			if value, given = lookup(env, name); !given {
				continue
			}
		}
		list = append(list, Argument{Name: name, Value: value})
	}
	return list
}

// lookup finds a variable among NAME=value; the last one counts.
func lookup(env []string, name string) (value string, found bool) {
	for _, variable := range env {
		if text, ok := strings.CutPrefix(variable, name+"="); ok {
			value, found = text, true
		}
	}
	return value, found
}

func buildSecrets(values []string) ([]BuildSecret, error) {
	var secrets []BuildSecret
	for _, value := range values {
		var s BuildSecret
		fields := map[string]*string{"id": &s.ID, "src": &s.Source, "source": &s.Source, "env": &s.Env, "type": new(string)}
		for part := range strings.SplitSeq(value, ",") {
			key, text, given := strings.Cut(part, "=")
			field := fields[strings.ToLower(key)]
			if !given || field == nil {
				return nil, fmt.Errorf("docker build: invalid secret %q: unexpected %q", value, part)
			}
			*field = text
		}
		if s.ID == "" {
			return nil, fmt.Errorf("docker build: invalid secret %q: it has no id", value)
		}
		secrets = append(secrets, s)
	}
	return secrets, nil
}

func checkTags(tags []string) error {
	for _, tag := range tags {
		if _, err := reference.ParseNormalizedNamed(tag); err != nil {
			return fmt.Errorf("docker build: invalid argument %q for %q flag: %w", tag, "-t, --tag", err)
		}
	}
	return nil
}

// parseRun reads what stands after docker run: perhaps flags, the image, and its arguments. Flags come after those that
// the step's keys stand for, so that they win, or add to lists.
func parseRun(line string, s *Step) error {
	words, err := splitWords(line)
	if err != nil {
		return err
	}
	cmd := s.Cmd
	var workdir, memory, pull string
	c := command{
		name: "docker run",
		flags: append([]option{
			{names: "env,e", list: &s.Env},
			{names: "workdir,w", text: &workdir},
			{names: "network", text: &s.Network},
			{names: "net", text: &s.Network},
			{names: "entrypoint", text: &cmd.EntryPoint},
			{names: "user,u", text: &cmd.User},
			{names: "volume,v", list: &cmd.Volumes},
			{names: "publish,p", list: &cmd.Ports},
			{names: "expose", list: &cmd.Expose},
			{names: "name", text: &cmd.Name},
			{names: "memory,m", text: &memory},
			{names: "cpus", text: &cmd.CPUs},
			{names: "isolation", text: &cmd.Isolation},
			{names: "pull", text: &pull},
			{names: "detach,d", on: &cmd.Detach},
			{names: "privileged", on: &cmd.Privileged},
		}, runFlags()...),
		refused: "add-host annotation attach cap-add cap-drop cgroup-parent cgroupns cidfile cpuset-cpus device dns dns-search env-file " +
			"gpus group-add health-cmd ip ip6 ipc label-file link mac-address mount no-healthcheck oom-kill-disable pid platform " +
			"publish-all read-only runtime security-opt storage-opt sysctl tmpfs userns uts volumes-from",
		firstEnds: true,
	}
	rest, err := c.parse(words)
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return fmt.Errorf("%q requires at least 1 argument", c.name)
	}
	cmd.Image, cmd.Args = rest[0], rest[1:]
	cmd.Pull = cmd.Pull || pull == "always"
	if workdir != "" {
		s.WorkingDirectory, s.KeepImageDirectory = workdir, false
	}
	if cmd.Memory, err = parseSize(memory); err != nil {
		return fmt.Errorf("%s: invalid argument %q for %q flag: %w", c.name, memory, "-m, --memory", err)
	}
	return nil
}

// runFlags are those that mean nothing to a step: it has no terminal, and its container goes at the end in any case.
func runFlags() []option {
	return append(
		flagsOf("rm interactive,i tty,t init sig-proxy quiet,q disable-content-trust", false),
		flagsOf("label,l hostname,h log-driver log-opt restart shm-size ulimit memory-swap memory-reservation cpu-shares,c "+
			"pids-limit stop-signal stop-timeout domainname", true)...,
	)
}

var errSize = errors.New("invalid size")

// parseSize reads a size as docker writes it: bytes, or with b, k, m or g.
func parseSize(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	lower := strings.TrimSuffix(strings.ToLower(text), "b")
	digits := strings.TrimRight(lower, "kmgt")
	unit, known := map[string]float64{"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}[lower[len(digits):]]
	number, err := strconv.ParseFloat(digits, 64)
	if err != nil || !known || math.IsNaN(number) || number < 0 || number*unit >= 1<<62 {
		return 0, errSize
	}
	return int64(number * unit), nil
}
