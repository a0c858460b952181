package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/acrlocal/acrlocal/emulator"
	"github.com/acrlocal/acrlocal/gate"
)

type statusCommand struct {
	manage
	JSON bool `help:"Print JSON."`
}

// Run prints the status.
func (c *statusCommand) Run(ctx context.Context, io streams) error {
	var s emulator.Status
	if err := c.get(ctx, "/api/status", &s); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(io.out, s)
	}
	w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "version\t%s\nservice\t%s\nmanagement\t%s\nrevision\t%d (%d documents)\n", s.Version, s.Service, s.Manage, s.Revision, s.Documents)
	fmt.Fprintf(w, "containers\t%s\n", s.Executor)
	for _, p := range s.Policies {
		trusted := "trusted services stay out"
		if p.TrustedServices {
			trusted = "trusted services pass"
		}
		fmt.Fprintf(w, "registry\t%s\t%s\t%s\t%s\n", p.Name, s.Registries[p.Name], p.Network, trusted)
	}
	for _, p := range s.Places {
		fmt.Fprintf(w, "place\t%s\n", p)
	}
	return w.Flush()
}

type healthCommand struct{ manage }

// Run asks whether the emulator is well.
func (c *healthCommand) Run(ctx context.Context, io streams) error {
	if err := c.get(ctx, "/health", nil); err != nil {
		return err
	}
	_, err := fmt.Fprintln(io.out, "ok")
	return err
}

type resetCommand struct{ manage }

// Run resets the emulator.
func (c *resetCommand) Run(ctx context.Context, io streams) error {
	if err := c.post(ctx, "/api/reset", struct{}{}, nil); err != nil {
		return err
	}
	_, err := fmt.Fprintln(io.out, "back to the start-up state")
	return err
}

type tokenCommand struct {
	manage
	As       string `arg:"" optional:"" help:"Principal: object ID, application ID, user name, or (the tail of) a resource ID. Without it, the development service principal, which may do everything."`
	From     string `help:"Place whose identity is meant, or at which a user-assigned identity is used." placeholder:"PLACE"`
	Registry string `help:"Print an ACR refresh token of this registry: the password of user 00000000-0000-0000-0000-000000000000." placeholder:"NAME"`
	Audience string `help:"Audience of the Entra token: https://management.azure.com for Resource Manager. Without it, the registries', for a login." placeholder:"URL"`
	Subject  string `name:"federated" help:"Print a token of another issuer for this subject, as a federated credential takes it: for az login --federated-token, or AZURE_FEDERATED_TOKEN_FILE." placeholder:"SUBJECT"`
	Issuer   string `help:"That issuer; without it, the one whose federated credential has the subject." placeholder:"URL"`
}

// Run prints a token.
func (c *tokenCommand) Run(ctx context.Context, io streams) error {
	var answer emulator.TokenAnswer
	question := emulator.TokenRequest{As: c.As, From: c.From, Registry: c.Registry, Audience: c.Audience, Subject: c.Subject, Issuer: c.Issuer}
	if err := c.post(ctx, "/api/token", question, &answer); err != nil {
		return err
	}
	_, err := fmt.Fprintln(io.out, answer.Token)
	return err
}

type decisionsCommand struct {
	manage
	Last     int    `help:"How many; ${default} unless told." short:"n" default:"20"`
	Verdict  string `help:"Only these: allow, deny or challenge." placeholder:"VERDICT"`
	Registry string `help:"Only of this registry." placeholder:"NAME"`
	JSON     bool   `help:"Print JSON lines."`
}

// Run lists decisions, the oldest first.
func (c *decisionsCommand) Run(ctx context.Context, io streams) error {
	query := url.Values{"last": {strconv.Itoa(c.Last)}, "verdict": {c.Verdict}, "registry": {c.Registry}}
	var entries []emulator.DecisionEntry
	if err := c.get(ctx, "/api/decisions?"+query.Encode(), &entries); err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(io.out)
		for _, e := range entries {
			if err := encoder.Encode(e); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
	for _, e := range entries {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.ID, e.TimeGenerated.Format("15:04:05"), orDash(e.Place, e.CallerIPAddress),
			orDash(lastSegment(e.ResourceID), e.LoginServer), spaced(e.OperationName, e.Repository), e.Verdict, reasons(e))
	}
	return w.Flush()
}

// reasons are what settled a decision: the stage and its reason if it was refused, else every stage's reason, since it is
// the first that says how a request got past the network.
func reasons(e emulator.DecisionEntry) string {
	if e.Verdict != gate.Allow {
		return spaced(e.Stage.String(), string(e.Reason))
	}
	var all []string
	for _, s := range e.Steps {
		all = append(all, string(s.Reason))
	}
	return spaced(all...)
}

// spaced joins the values that are not empty.
func spaced(values ...string) string {
	return strings.Join(slices.DeleteFunc(values, func(v string) bool { return v == "" }), " ")
}

func orDash(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return "-"
}

type explainCommand struct {
	manage
	Decision   string `arg:"" optional:"" help:"ID of a past decision, as in X-Acrlocal-Decision."`
	From       string `help:"Place that would ask, as in acrlocal from; without it, this machine." placeholder:"PLACE"`
	As         string `help:"Principal that would ask; anonymous is nobody. Without it, the identity of the place." placeholder:"PRINCIPAL"`
	Do         string `help:"What it would do: pull, push, delete, list-tags, catalog, …; ${default} unless told." default:"pull"`
	Registry   string `help:"Registry; without it, the default one." placeholder:"NAME"`
	Repository string `help:"Repository; ${default} unless told." default:"hello" placeholder:"NAME"`
	JSON       bool   `help:"Print JSON."`
}

// Help says what scripts want to know.
func (*explainCommand) Help() string {
	return `The exit status is 0 if the request would be allowed, and 1 if it would be refused or challenged.

Examples:
  acrlocal explain --from tasks/nightly --registry myregistry --do push
  acrlocal explain --from 203.0.113.7 --as acac10ca-3000-4000-8000-000000000001 --registry myregistry
  acrlocal explain d12`
}

// Run explains a past decision, or one that would be made. The exit code is 0 if the registry's own behaviour allows.
func (c *explainCommand) Run(ctx context.Context, io streams) error {
	if c.Decision != "" {
		return c.past(ctx, io)
	}
	var x emulator.Explanation
	question := emulator.ExplainRequest{From: c.From, As: c.As, Do: c.Do, Registry: c.Registry, Repository: c.Repository}
	if err := c.post(ctx, "/api/explain", question, &x); err != nil {
		return err
	}
	if err := c.print(io, x); err != nil {
		return err
	}
	if x.Answers[0].Verdict != gate.Allow {
		return exitCode(1)
	}
	return nil
}

func (c *explainCommand) print(to streams, x emulator.Explanation) error {
	if c.JSON {
		return printJSON(to.out, x)
	}
	return printExplanation(to.out, x)
}

func (c *explainCommand) past(ctx context.Context, io streams) error {
	var e emulator.DecisionEntry
	if err := c.get(ctx, "/api/decisions/"+url.PathEscape(c.Decision), &e); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(io.out, e)
	}
	fmt.Fprintf(io.out, "%s  %s on %s from %s, at %s\n", e.ID, spaced(e.OperationName, e.Repository), e.LoginServer,
		orDash(e.Place, e.CallerIPAddress), e.TimeGenerated.Format("2006-01-02 15:04:05"))
	answer := emulator.ExplainedAnswer{Verdict: e.Verdict, Stage: e.Stage, Reason: e.Reason, Why: e.Why, Steps: e.Steps, Remedy: e.Remedy}
	return printAnswer(io.out, answer)
}

func printExplanation(out io.Writer, x emulator.Explanation) error {
	q := x.Question
	from := placeText(x.Place)
	if q.From != "" && q.From != from {
		from = fmt.Sprintf("%s (%s)", q.From, from)
	}
	fmt.Fprintf(out, "%s on %s, from %s, as %s\n", spaced(q.Do, q.Repository), q.Registry, from, orDash(x.Principal, "nobody"))
	for i, a := range x.Answers {
		if i > 0 && sameAnswer(a, x.Answers[i-1]) {
			fmt.Fprintf(out, "\nbehaviour %s: the same\n", a.Behavior)
			continue
		}
		fmt.Fprintf(out, "\nbehaviour %s:\n", a.Behavior)
		if err := printAnswer(out, a); err != nil {
			return err
		}
	}
	return nil
}

// sameAnswer reports whether two behaviours answer alike.
func sameAnswer(a, b emulator.ExplainedAnswer) bool {
	a.Behavior, b.Behavior = "", ""
	return reflect.DeepEqual(a, b)
}

func placeText(p emulator.PlaceStatus) string {
	if p.Endpoint != "" {
		return "through the private endpoint " + lastSegment(p.Endpoint)
	}
	return p.Address
}

func lastSegment(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }

func printAnswer(out io.Writer, a emulator.ExplainedAnswer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, s := range a.Steps {
		row := fmt.Sprintf("  %s\t%s\t%s\t%s", s.Stage, s.Verdict, s.Reason, s.Rule)
		fmt.Fprintln(w, strings.TrimSuffix(row, "\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "  => %s: %s\n", a.Verdict, a.Why)
	if a.Verdict != gate.Allow && len(a.Remedy) > 0 {
		fmt.Fprintln(out, "  what would turn it round:")
		for _, line := range a.Remedy {
			fmt.Fprintln(out, "    "+line)
		}
	}
	return nil
}

func printJSON(out io.Writer, v any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
