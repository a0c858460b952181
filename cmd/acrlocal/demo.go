package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/acrlocal/acrlocal/emulator"
	"github.com/acrlocal/acrlocal/gate"
)

type demoCommand struct {
	Plain bool `help:"No colours."`
}

// Run plays every act and fails if a row surprises.
func (c *demoCommand) Run(ctx context.Context, io streams) error {
	state, err := os.MkdirTemp("", "acrlocal-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(state)
	d := &demo{out: io.out, colours: !c.Plain && isTerminal(io.out), state: state}
	defer d.close()
	started := time.Now()
	for _, act := range acts() {
		if err := d.play(ctx, act); err != nil {
			return err
		}
	}
	d.printf("\n%d rows, %d as expected, in %.1f s\n", d.rows, d.rows-d.surprises, time.Since(started).Seconds())
	if d.surprises > 0 {
		return fmt.Errorf("%d of %d rows surprised", d.surprises, d.rows)
	}
	return nil
}

// act is a state of the network and what happens in it.
type act struct {
	title string
	// behavior starts a new emulator; empty goes on with the last one.
	behavior gate.Behavior
	// change is what the owner does first, as an az command and as the ARM call that the command makes.
	change []change
	rows   []row
}

// change is a call to ARM.
type change struct {
	command, method, id string
	body                any
}

// row is one attempt, and what must come of it.
type row struct {
	who, place, as string
	push           bool
	registry       string
	verdict        gate.Verdict
	reason         gate.Reason
}

const (
	subscription = "/subscriptions/acac10ca-2000-4000-8000-000000000001"
	group        = subscription + "/resourceGroups/acrlocal"
	registries   = group + "/providers/Microsoft.ContainerRegistry/registries/"
	developer    = "acac10ca-3000-4000-8000-000000000001"
	subnetID     = group + "/providers/Microsoft.Network/virtualNetworks/spoke/subnets/work"
	acrPull      = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
)

func pull(who, place string, verdict gate.Verdict, reason gate.Reason) row {
	return row{who: who, place: place, registry: "myregistry", verdict: verdict, reason: reason}
}

func push(who, place string, verdict gate.Verdict, reason gate.Reason) row {
	r := pull(who, place, verdict, reason)
	r.push = true
	return r
}

func (r row) by(principal string) row { r.as = principal; return r }

func (r row) on(registry string) row { r.registry = registry; return r }

// patch is a change to a property of a registry.
func patch(command, registry string, properties map[string]any) change {
	return change{command: command, method: "PATCH", id: registries + registry, body: map[string]any{"properties": properties}}
}

// acts is the article as a table: its limitations, its list of services, its workflow and its worked example.
func acts() []act {
	return append(articleActs(), laterActs()...)
}

func articleActs() []act {
	return []act{
		{
			title:    "myregistry takes 203.0.113.0/24, its private endpoint, and trusted services (the default)",
			behavior: gate.Article,
			rows: []row{
				push("developer", "203.0.113.7", gate.Allow, gate.IPRuleMatched).by(developer),
				pull("developer", "198.51.100.77", gate.Deny, gate.IPNotAllowed).by(developer),
				pull("anybody", "203.0.113.7", gate.Challenge, gate.CredentialMissing).by("anonymous"),
				pull("container group, system-assigned", "containerGroups/worker", gate.Allow, gate.TrustedServiceBypass),
				push("container group, user-assigned", "containerGroups/builder", gate.Allow, gate.TrustedServiceBypass),
				push("task", "tasks/nightly", gate.Allow, gate.TrustedServiceBypass),
				pull("ML workspace", "workspaces/vision", gate.Allow, gate.TrustedServiceBypass),
				pull("Defender for Cloud, no role", "service/defender", gate.Allow, gate.TrustedServiceBypass),
				pull("import, no role", "service/import", gate.Allow, gate.TrustedServiceBypass),
				push("container group with AcrPull only", "containerGroups/worker", gate.Deny, gate.RoleLacksAction),
				pull("App Service", "sites/shop", gate.Deny, gate.NotATrustedService),
				pull("virtual machine, peered network", "virtualMachines/jumpbox", gate.Allow, gate.PrivateEndpointApproved),
			},
		},
		{
			title: "the worked example: no public access at all",
			change: []change{patch("az acr update --name myregistry --public-network-enabled false", "myregistry",
				map[string]any{"publicNetworkAccess": "Disabled", "networkRuleSet": map[string]any{"defaultAction": "Deny"}})},
			rows: []row{
				push("task", "tasks/nightly", gate.Allow, gate.TrustedServiceBypass),
				pull("developer", "203.0.113.7", gate.Deny, gate.PublicAccessDisabled).by(developer),
				pull("virtual machine, peered network", "virtualMachines/jumpbox", gate.Allow, gate.PrivateEndpointApproved),
			},
		},
		{
			title: "the switch is turned off",
			change: []change{patch("az acr update --name myregistry --allow-trusted-services false", "myregistry",
				map[string]any{"networkRuleBypassOptions": "None"})},
			rows: []row{
				push("task", "tasks/nightly", gate.Deny, gate.BypassOff),
				pull("container group, system-assigned", "containerGroups/worker", gate.Deny, gate.BypassOff),
				push("container group, user-assigned", "containerGroups/builder", gate.Deny, gate.BypassOff),
				pull("ML workspace", "workspaces/vision", gate.Deny, gate.BypassOff),
				pull("Defender for Cloud, no role", "service/defender", gate.Deny, gate.BypassOff),
				pull("import, no role", "service/import", gate.Deny, gate.BypassOff),
				pull("App Service", "sites/shop", gate.Deny, gate.NotATrustedService),
				pull("virtual machine, peered network", "virtualMachines/jumpbox", gate.Allow, gate.PrivateEndpointApproved),
			},
		},
		{
			title: "and on again",
			change: []change{patch("az acr update --name myregistry --allow-trusted-services true", "myregistry",
				map[string]any{"networkRuleBypassOptions": "AzureServices"})},
			rows: []row{push("task", "tasks/nightly", gate.Allow, gate.TrustedServiceBypass)},
		},
	}
}

func laterActs() []act {
	return []act{
		{
			title: "a registry with a service endpoint knows no trusted services",
			change: []change{
				{
					command: "az acr create --name endpointed --resource-group acrlocal --sku Premium --default-action Deny",
					method:  "PUT", id: registries + "endpointed", body: endpointed(),
				},
				{
					command: "az role assignment create --role AcrPull --assignee worker --scope /subscriptions/…/resourceGroups/acrlocal",
					method:  "PUT", id: group + "/providers/Microsoft.Authorization/roleAssignments/acac10ca-5000-4000-8000-000000000001",
					body: map[string]any{"properties": map[string]any{
						"principalId":      "{containerGroups/worker}",
						"roleDefinitionId": subscription + "/providers/Microsoft.Authorization/roleDefinitions/" + acrPull,
					}},
				},
			},
			rows: []row{
				push("developer, in the subnet", "virtualNetworks/spoke/subnets/work", gate.Allow, gate.VirtualNetworkRuleMatched).by(developer).on("endpointed"),
				pull("container group, system-assigned", "containerGroups/worker", gate.Deny, gate.BypassExcludedByServiceEndpoint).on("endpointed"),
			},
		},
		{
			title:    "ACR as it is today: tasks need a flag of their own",
			behavior: gate.Current,
			rows: []row{
				push("task", "tasks/nightly", gate.Deny, gate.TasksBypassNotAllowed),
				pull("container group, system-assigned", "containerGroups/worker", gate.Allow, gate.TrustedServiceBypass),
			},
		},
		{
			title: "the flag is set",
			change: []change{patch("az resource update --ids …/myregistry --set properties.networkRuleBypassAllowedForTasks=true", "myregistry",
				map[string]any{"networkRuleBypassAllowedForTasks": true})},
			rows: []row{push("task", "tasks/nightly", gate.Allow, gate.TrustedServiceBypass)},
		},
	}
}

func endpointed() map[string]any {
	return map[string]any{
		"location": "westeurope", "sku": map[string]any{"name": "Premium"},
		"properties": map[string]any{"networkRuleSet": map[string]any{
			"defaultAction":       "Deny",
			"virtualNetworkRules": []any{map[string]any{"action": "Allow", "id": subnetID}},
		}},
	}
}

// demo plays acts on an emulator and prints a table that fills while it runs.
type demo struct {
	out             io.Writer
	colours         bool
	state           string
	e               *emulator.Emulator
	rows, surprises int
}

func (d *demo) printf(format string, args ...any) { fmt.Fprintf(d.out, format, args...) }

func (d *demo) play(ctx context.Context, a act) error {
	if a.behavior != "" {
		if err := d.start(ctx, a.behavior); err != nil {
			return err
		}
	}
	d.printf("\n%s\n", d.bold(a.title))
	for _, c := range a.change {
		d.printf("  $ %s\n", c.command)
		if err := d.apply(ctx, c); err != nil {
			return err
		}
	}
	for _, r := range a.rows {
		if err := d.row(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// start ends the last emulator and starts one with a behaviour, on free ports and with keys of its own.
func (d *demo) start(ctx context.Context, b gate.Behavior) error {
	d.close()
	var err error
	d.e, err = emulator.New(emulator.Options{
		Listen: "127.0.0.1:0", Manage: "127.0.0.1:0", State: d.state, Behavior: b, Version: version,
	})
	if err != nil {
		return err
	}
	return d.e.Start(ctx)
}

func (d *demo) close() {
	if d.e != nil {
		_ = d.e.Close()
	}
}

// apply makes the ARM call. A principal in braces is a place, whose identity is looked up.
func (d *demo) apply(ctx context.Context, c change) error {
	body, ok := c.body.(map[string]any)
	if !ok {
		return fmt.Errorf("%s has no body", c.command)
	}
	if properties, ok := body["properties"].(map[string]any); ok {
		if name, ok := properties["principalId"].(string); ok {
			place, err := d.e.Place(ctx, strings.Trim(name, "{}"), "")
			if err != nil {
				return err
			}
			properties["principalId"] = place.Principal
		}
	}
	return d.e.ARM(ctx, c.method, c.id, body, nil)
}

// row makes one attempt and prints what came of it.
func (d *demo) row(ctx context.Context, r row) error {
	s, err := d.e.Session(r.place, r.as)
	if err != nil {
		return err
	}
	defer s.Close()
	what, reference := "pull", r.registry+".azurecr.io/hello:v1"
	if r.push {
		what, reference = "push", fmt.Sprintf("%s.azurecr.io/demo:row%d", r.registry, d.rows)
		err = pushNew(ctx, s, reference)
	} else {
		_, err = s.Pull(ctx, reference)
	}
	got := outcome(d.e, s, r, err)
	d.rows++
	mark := d.colour(32, "ok")
	if !got.expected {
		d.surprises++
		mark = d.colour(31, "SURPRISE")
	}
	d.printf("  %-34s %-36s %-4s %-11s expected %-9s %-9s %-34s %s\n", r.who, r.place, what, r.registry, r.verdict, got.verdict, got.reason, mark)
	if got.why != "" {
		d.printf("      %s\n", got.why)
	}
	return nil
}

// pushNew pushes an image that the registry cannot have yet: a client does not push what is there.
func pushNew(ctx context.Context, s *emulator.Session, reference string) error {
	image, err := emulator.HelloImage("pushed as " + reference + "\n")
	if err != nil {
		return err
	}
	return s.Push(ctx, reference, image)
}

// result is what came of an attempt.
type result struct {
	verdict  gate.Verdict
	reason   gate.Reason
	why      string
	expected bool
}

// outcome compares what the client saw, and what the gate says of it, with what the row expects. The reason of an
// allowed attempt is the one for which the network let it in.
func outcome(e *emulator.Emulator, s *emulator.Session, r row, err error) result {
	got := result{verdict: gate.Allow}
	if err != nil {
		refused, ok := s.Refused()
		if !ok {
			return result{why: err.Error()}
		}
		got.verdict, got.reason, got.why = refused.Verdict, refused.Reason, refused.Why
	} else {
		last := e.Decisions(1, func(d emulator.DecisionEntry) bool { return d.Verdict == gate.Allow })
		if len(last) == 1 && len(last[0].Steps) > 0 {
			got.reason = last[0].Steps[0].Reason
		}
	}
	got.expected = got.verdict == r.verdict && got.reason == r.reason
	return got
}

func (d *demo) bold(s string) string { return d.colour(1, s) }

func (d *demo) colour(code int, s string) string {
	if !d.colours {
		return s
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", code, s)
}

// isTerminal reports whether the output is a screen.
func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
