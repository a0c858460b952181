package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/acrlocal/acrlocal/emulator"
	"github.com/acrlocal/acrlocal/gate"
)

type fromCommand struct {
	manage
	Place     string   `arg:"" help:"An IP address, a resource ID, or the tail of one: containerGroups/worker, virtualNetworks/hub/subnets/app; or service/defender, service/import. acrlocal status lists the resources."`
	Command   []string `arg:"" optional:"" passthrough:"" help:"The program and its arguments, after --. Without it, your shell at the place."`
	As        string   `help:"Act as this principal instead of the place's own identity." placeholder:"PRINCIPAL"`
	Anonymous bool     `help:"Act as nobody."`
	Isolated  bool     `help:"Run in a network namespace whose only way out is the emulator (Linux): for programs that ignore proxies."`
	State     string   `help:"Directory in which az keeps what it knows of the place." placeholder:"DIR"`
}

// Help shows what the help text of the flags cannot.
func (*fromCommand) Help() string {
	return `Examples:
  acrlocal from containerGroups/worker -- crane manifest myregistry.azurecr.io/hello:v1
  acrlocal from 203.0.113.7 --as acac10ca-3000-4000-8000-000000000001 -- oras repo ls myregistry.azurecr.io
  acrlocal from sites/shop`
}

// Run runs the program and ends with its exit code. If a registry refused something meanwhile and the program failed,
// one line says what, and what would turn it round.
func (c *fromCommand) Run(ctx context.Context, io streams) error {
	as := c.As
	if c.Anonymous {
		as = "anonymous"
	}
	var place emulator.PlaceAnswer
	query := url.Values{"name": {c.Place}, "as": {as}}
	if err := c.get(ctx, "/api/place?"+query.Encode(), &place); err != nil {
		return err
	}
	ca, err := c.authority(ctx)
	if err != nil {
		return err
	}
	command := c.Command
	if len(command) > 0 && command[0] == "--" {
		command = command[1:]
	}
	var status emulator.Status
	if err := c.get(ctx, "/api/status", &status); err != nil {
		return err
	}
	run := emulator.RunOptions{
		Proxy: c.host(), CA: ca, Place: place, Command: command, Isolated: c.Isolated, State: c.State,
		Services: append(slices.Collect(maps.Values(status.Registries)), status.Service),
		Stdin:    io.in, Stdout: io.out, Stderr: io.err,
	}
	for _, warning := range run.Warnings() {
		fmt.Fprintln(io.err, "acrlocal: warning:", warning)
	}
	// An interrupt is for the program, which has it from the terminal too, and may do otherwise than end.
	ctx, stop := signal.NotifyContext(context.WithoutCancel(ctx), syscall.SIGTERM)
	defer stop()
	if len(command) == 0 {
		fmt.Fprintf(io.err, "acrlocal: a shell at %s; exit leaves it\n", place.Name)
	}
	started := time.Now()
	code, err := emulator.Run(ctx, run)
	if err != nil {
		return err
	}
	if code != 0 {
		c.say(ctx, io, place.Name, started)
		return exitCode(code)
	}
	return nil
}

// host is the management address without its scheme.
func (c *fromCommand) host() string {
	_, host, found := strings.Cut(c.url(""), "://")
	if !found {
		return c.url("")
	}
	return host
}

// maxCertificate bounds the authority's certificate, in bytes.
const maxCertificate = 1 << 20

func (c *fromCommand) authority(ctx context.Context) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url("/ca.pem"), nil)
	if err != nil {
		return nil, err
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, read(response, nil)
	}
	return io.ReadAll(io.LimitReader(response.Body, maxCertificate))
}

// say prints one line about the last refusal that the program met.
func (c *fromCommand) say(ctx context.Context, io streams, place string, since time.Time) {
	var entries []emulator.DecisionEntry
	if err := c.get(ctx, "/api/decisions?last=100", &entries); err != nil {
		return
	}
	var last *emulator.DecisionEntry
	for i := range entries {
		e := &entries[i]
		if e.Place != place || e.TimeGenerated.Before(since) {
			continue
		}
		challenged := last != nil && last.Verdict == gate.Challenge
		switch {
		case e.Verdict == gate.Deny, e.Verdict == gate.Challenge && (last == nil || challenged):
			last = e
		case e.Verdict == gate.Allow && challenged: // the challenge was answered: nobody was refused
			last = nil
		}
	}
	if last == nil {
		return
	}
	line := fmt.Sprintf("acrlocal: %s %s: %s", last.ID, last.Reason, last.Why)
	var full emulator.DecisionEntry
	if c.get(ctx, "/api/decisions/"+url.PathEscape(last.ID), &full) == nil && len(full.Remedy) > 0 {
		line += "; to turn it round: " + strings.Join(full.Remedy, " && ")
	}
	fmt.Fprintln(io.err, line)
}
