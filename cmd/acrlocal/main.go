// Command acrlocal runs a local Azure Container Registry that enforces network rules, the trusted-services bypass and
// roles, and says why it refuses.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/acrlocal/acrlocal/emulator"
)

// version is set by the linker.
var version = "dev"

// gcPercent lets the heap of a few megabytes grow fivefold between collections: memory stays far below what is idle in
// other emulators, and a request costs half as much. GOGC overrides it.
const gcPercent = 400

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if code, handled := emulator.Main(os.Args); handled {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(code)
}

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// cli is the command line. Every flag has a variable of its own, ACRLOCAL_ and the flag's name.
type cli struct {
	Up         upCommand         `cmd:"" help:"Start the emulator."`
	Demo       demoCommand       `cmd:"" help:"Play the article's story with real images, and check each outcome."`
	From       fromCommand       `cmd:"" help:"Run a program at a place of the imagined network."`
	Token      tokenCommand      `cmd:"" help:"Print a token of a principal: a password for docker login, or a bearer token for Resource Manager."`
	Explain    explainCommand    `cmd:"" help:"Say what would happen, or why something happened."`
	Decisions  decisionsCommand  `cmd:"" help:"List the last decisions."`
	Status     statusCommand     `cmd:"" help:"Show where the emulator listens and what it guards."`
	Export     exportCommand     `cmd:"" help:"Print the state as a seed file for up --config."`
	Health     healthCommand     `cmd:"" help:"Succeed if the emulator answers."`
	Reset      resetCommand      `cmd:"" help:"Go back to the start-up state: everything written since is gone."`
	Version    versionCommand    `cmd:"" help:"Print the version."`
	Completion completionCommand `cmd:"" help:"Print a completion script for bash, zsh or fish."`
}

// exitCode is an error that ends the program with a code and says nothing more.
type exitCode int

// Error describes the code; nobody prints it.
func (c exitCode) Error() string { return fmt.Sprintf("exit status %d", int(c)) }

// run parses the arguments and runs the command. It returns the exit code: 0, 1 for a failure, 2 for a misuse.
func run(ctx context.Context, args []string, io streams) int {
	var c cli
	exited := -1
	parser, err := newParser(&c, io, func(code int) { exited = code })
	if err != nil {
		fmt.Fprintln(io.err, "acrlocal:", err)
		return 2
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	switch {
	case exited >= 0:
		return exited
	case err != nil:
		fmt.Fprintf(io.err, "acrlocal: %v\nRun 'acrlocal --help' to see what there is.\n", err)
		return 2
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	return report(io, parsed.Run(io))
}

func newParser(c *cli, io streams, exit func(int)) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("acrlocal"),
		kong.Description("A local Azure Container Registry that enforces what the real one enforces, and says why."),
		kong.Writers(io.out, io.err),
		kong.Exit(exit),
		kong.DefaultEnvars("ACRLOCAL"),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 120}),
	)
}

func report(io streams, err error) int {
	var code exitCode
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	}
	fmt.Fprintln(io.err, "acrlocal:", err)
	return 1
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(io streams) error {
	_, err := fmt.Fprintln(io.out, "acrlocal", version)
	return err
}
