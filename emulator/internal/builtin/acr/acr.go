// Package acr is the command acr of Azure Container Registry, as far as tasks use it: purge, tags, manifests, login. Its
// words and its order of requests are those of acr-cli 0.19, which a task runs as mcr.microsoft.com/acr/acr-cli.
//
// It is a client like any other: it knows of a registry what the login in the docker configuration lets it ask.
package acr

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/builtin/program"
)

// Version is the version of acr-cli whose behaviour this is.
const Version = "0.19"

// Main is the program acr.
func Main(ctx context.Context, p program.Process) int {
	return run(ctx, &session{Process: p, http: http.DefaultTransport, now: time.Now, after: time.After})
}

// session is one call of the program.
type session struct {
	program.Process
	arguments program.Arguments

	http  http.RoundTripper
	now   func() time.Time
	after func(time.Duration) <-chan time.Time

	printing sync.Mutex
}

// command is a subcommand.
type command struct {
	name  string // its words, such as "tag list"
	about string
	flags []program.Flag
	run   func(ctx context.Context, s *session) error
}

// commands are all subcommands. A function, so that it costs nothing until it is asked for.
func commands() []command {
	login := []program.Flag{
		{Short: 'u', Long: "username", Value: true},
		{Short: 'p', Long: "password", Value: true},
		{Short: 'c', Long: "config", Value: true},
		{Long: "password-stdin"},
		{Short: 'd', Long: "debug"},
	}
	root := []program.Flag{
		{Short: 'r', Long: "registry", Value: true},
		{Short: 'u', Long: "username", Value: true},
		{Short: 'p', Long: "password", Value: true},
		{Short: 'c', Long: "config", Value: true},
	}
	repository := append([]program.Flag{{Long: "repository", Value: true}}, root...)
	purging := append([]program.Flag{
		{Short: 'f', Long: "filter", Value: true},
		{Long: "ago", Value: true},
		{Long: "keep", Value: true},
		{Long: "untagged"},
		{Long: "untagged-only"},
		{Long: "dry-run"},
		{Long: "include-locked"},
		{Long: "concurrency", Value: true},
		{Long: "filter-timeout-seconds", Value: true},
		{Long: "repository-page-size", Value: true},
		{Long: "verbose"},
	}, root...)
	return []command{
		{"purge", "Delete images from a registry.", purging, purge},
		{"tag list", "List tags from a repository", repository, listTags},
		{"tag delete", "Delete tags from a repository", repository, deleteTags},
		{"manifest list", "List manifests from a repository", repository, listManifests},
		{"manifest delete", "Delete manifest from a repository", repository, deleteManifests},
		{"login", "Login to a container registry", login, logIn},
		{"version", "Print version information", nil, version},
	}
}

func run(ctx context.Context, s *session) int {
	c, args, err := find(s.Args[1:])
	if err == nil && c.run == nil {
		s.printf("%s", usage())
		return 0
	}
	if err == nil {
		help := program.Flag{Short: 'h', Long: "help"}
		s.arguments, err = program.Parse(append(c.flags, help), args, false)
	}
	if err == nil && s.arguments.Bool("help") {
		s.printf("%s\n\n%s", c.about, usage())
		return 0
	}
	if err == nil {
		err = c.run(ctx, s)
	}
	if err != nil {
		fmt.Fprintln(s.Stderr, "Error:", worded(err))
		return 1
	}
	return 0
}

// find finds the subcommand that arguments name; none, with no error, if they ask what there is.
func find(args []string) (command, []string, error) {
	for _, c := range commands() {
		words := strings.Fields(c.name)
		if len(args) >= len(words) && strings.Join(args[:len(words)], " ") == c.name {
			return c, args[len(words):], nil
		}
	}
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		return command{}, nil, nil
	}
	if args[0] == "tag" || args[0] == "manifest" {
		return command{}, nil, fmt.Errorf("unknown command %q for \"acr %s\"", strings.Join(args[1:], " "), args[0])
	}
	return command{}, nil, fmt.Errorf("unknown command %q for \"acr\"", args[0])
}

func usage() string {
	var b strings.Builder
	b.WriteString("Usage:\n  acr [command]\n\nAvailable Commands:\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "  %-16s %s\n", c.name, c.about)
	}
	return b.String()
}

// worded says what is wrong with arguments in the words of acr-cli.
func worded(err error) error {
	flag, ok := errors.AsType[*program.FlagError](err)
	switch {
	case !ok:
		return err
	case flag.Known:
		return fmt.Errorf("flag needs an argument: %s", flag.Given)
	case strings.HasPrefix(flag.Given, "--"):
		return fmt.Errorf("unknown flag: %s", flag.Given)
	}
	return fmt.Errorf("unknown shorthand flag: %q in %s", flag.Given[1], flag.Given)
}

// printf prints to the output. Workers print too, each line at once.
func (s *session) printf(format string, args ...any) {
	s.printing.Lock()
	defer s.printing.Unlock()
	fmt.Fprintf(s.Stdout, format, args...)
}

// loginServer is the registry that is meant: the flag's, or that of the environment (a task sets ACR_DEFAULT_REGISTRY), or
// the only one that there is a login for. A name without a dot is of Azure's domain.
func (s *session) loginServer() (string, error) {
	name := s.arguments.String("registry")
	if name == "" {
		name = s.Getenv("ACR_DEFAULT_REGISTRY")
	}
	if name == "" {
		name = s.onlyLogin()
	}
	switch {
	case name == "":
		return "", errors.New("unable to determine registry name, please use --registry flag")
	case strings.ContainsAny(name, "/?#@ "):
		return "", fmt.Errorf("%q is no name of a registry", name)
	case strings.Contains(name, "."), strings.Contains(name, ":"):
		return name, nil
	}
	return name + ".azurecr.io", nil
}

func version(_ context.Context, s *session) error {
	s.printf("Version: %s, Revision: acrlocal\n", Version)
	return nil
}
