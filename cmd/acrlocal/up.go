package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/acrlocal/acrlocal/emulator"
	"github.com/acrlocal/acrlocal/gate"
)

// upCommand is `acrlocal up`: one flag for each option of the emulator.
type upCommand struct {
	Listen          []string          `help:"Address of the service listener: what Azure has; ${default} unless told. Repeatable, for a machine on several networks: the first is what other flags and answers mean." default:"127.0.0.1:5080" placeholder:"ADDR"`
	Manage          string            `help:"Address of the management listener: proxy, decisions, health; ${default} unless told." default:"127.0.0.1:5081" placeholder:"ADDR"`
	Config          []string          `help:"Start-up state, YAML or JSON; - is standard input. Repeatable. Without it: the sample environment." short:"c" placeholder:"FILE"`
	Data            string            `help:"Directory in which state outlives the process; what is there already goes before --config, until a reset. Without it everything is in memory." placeholder:"DIR"`
	State           string            `help:"Directory of the certificate authority and the signing keys; ~/.local/state/acrlocal unless told." placeholder:"DIR"`
	RegistryListen  map[string]string `help:"Give a registry a port of its own. Repeatable." placeholder:"NAME=ADDR"`
	Attach          []string          `help:"Peers arriving at ADDR are in that virtual network. Repeatable." placeholder:"NETWORK=ADDR"`
	DefaultRegistry string            `help:"The registry that localhost:PORT means; without it playground, or the only one there is." placeholder:"NAME"`
	Behavior        string            `help:"Follow the article (article), or ACR as it is now (current); ${default} unless told." enum:"article,current" default:"article"`
	TrustedIssuer   map[string]string `help:"Take tokens of an issuer for federated credentials, by its key set (JWKS). Repeatable. The emulator stands in for issuers that are not given." placeholder:"URL=FILE"`
	TrustedProxies  []string          `help:"Front proxies whose X-Forwarded-For and PROXY protocol count." placeholder:"CIDR"`
	MaxStorage      int64             `help:"Largest total size of all blobs, in bytes; ${default} unless told." default:"8589934592" placeholder:"BYTES"`
	Executor        string            `help:"How the containers of tasks and container groups are run: auto, namespaces (Linux), docker or none; ${default} unless told." enum:"auto,namespaces,docker,none" default:"auto"`
	Mirror          []string          `help:"Where images of another registry are found: an OCI layout (docker.io=oci:DIR), or a registry of the emulator (docker.io=playground.azurecr.io/mirror). Repeatable." placeholder:"HOST=FROM"`
	Advisories      string            `help:"Directory of advisories (OSV, JSON) that Defender for Cloud knows." placeholder:"DIR"`
	PlainAnswers    bool              `help:"Leave out the headers that ACR does not send."`
	DecisionLog     string            `help:"Append decisions to a file, as JSON lines." placeholder:"FILE"`
	CAFile          string            `help:"Write the certificate authority's certificate, which clients trust, to a file of its own." name:"ca-file" placeholder:"FILE"`
	EndpointsFile   string            `help:"Write addresses and development credentials to a file, once a token can be had." placeholder:"FILE"`
	Quiet           bool              `help:"Print nothing but errors." short:"q"`
	Verbose         bool              `help:"Log what the emulator does." short:"v"`
}

// settled is when a start is over, and what only it has needed goes back to the operating system: with a collector that waits
// long (gcPercent), it would stay for as long as nobody asks for much.
const settled = time.Second

// Run starts the emulator and waits until it is told to stop.
func (c *upCommand) Run(ctx context.Context, io streams) (err error) {
	options, err := c.options(io)
	if err != nil {
		return err
	}
	e, err := emulator.New(options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	if err := e.Start(ctx); err != nil {
		return err
	}
	c.warn(io, e)
	if !c.Quiet {
		printStart(io.out, e)
		c.suggest(io.out, e.Endpoints())
	}
	if err := c.publish(e); err != nil {
		return err
	}
	if err := c.announce(ctx, e); err != nil {
		return err
	}
	defer time.AfterFunc(settled, debug.FreeOSMemory).Stop()
	<-ctx.Done()
	return nil
}

func (c *upCommand) options(io streams) (emulator.Options, error) {
	o := emulator.Options{
		Manage: c.Manage, Data: c.Data, State: c.State, RegistryListen: c.RegistryListen,
		DefaultRegistry: c.DefaultRegistry, Behavior: gate.Behavior(c.Behavior), TrustedProxies: c.TrustedProxies,
		MaxStorage: c.MaxStorage, PlainAnswers: c.PlainAnswers, DecisionLog: c.DecisionLog, Version: version,
		Executor: c.Executor, Mirrors: c.Mirror, Advisories: c.Advisories,
	}
	o.Executable, _ = os.Executable()
	if len(c.Listen) > 0 {
		o.Listen, o.ListenAlso = c.Listen[0], c.Listen[1:]
	}
	if c.Verbose {
		o.Logger = slog.New(slog.NewTextHandler(io.err, nil))
	}
	for issuer, path := range c.TrustedIssuer {
		keys, err := os.ReadFile(path)
		if err != nil {
			return o, err
		}
		o.TrustedIssuers = append(o.TrustedIssuers, emulator.TrustedIssuer{Issuer: issuer, Keys: keys})
	}
	for _, a := range c.Attach {
		at := strings.LastIndexByte(a, '=')
		if at < 0 {
			return o, fmt.Errorf("--attach %q is not of the form NETWORK=ADDR", a)
		}
		o.Attach = append(o.Attach, emulator.Attachment{Network: a[:at], Address: a[at+1:]})
	}
	for _, name := range c.Config {
		seed, err := readSeed(io, name)
		if err != nil {
			return o, err
		}
		o.Seeds = append(o.Seeds, seed)
	}
	return o, nil
}

func readSeed(streams streams, name string) (emulator.Seed, error) {
	if name == "-" {
		data, err := io.ReadAll(streams.in)
		return emulator.Seed{Name: "standard input", Data: data}, err
	}
	data, err := os.ReadFile(name)
	return emulator.Seed{Name: name, Data: data}, err
}

// warn names addresses that other machines reach, and registries of the command line that do not exist: these may be
// made later, but are likelier to be misspelt.
func (c *upCommand) warn(io streams, e *emulator.Emulator) {
	for _, address := range append(slices.Clone(c.Listen), c.Manage) {
		if !loopback(address) {
			fmt.Fprintf(io.err, "acrlocal: warning: other machines may reach %s, and the credentials are public\n", address)
		}
	}
	known := map[string]bool{"": true}
	for _, p := range e.Policies() {
		known[strings.ToLower(p.Name)] = true
	}
	for _, name := range append(slices.Sorted(maps.Keys(c.RegistryListen)), c.DefaultRegistry) {
		if !known[strings.ToLower(name)] {
			fmt.Fprintf(io.err, "acrlocal: warning: there is no registry %q yet\n", name)
		}
	}
}

// loopback reports whether only this machine reaches an address.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip, _ := netip.ParseAddr(host)
	return err == nil && (host == "localhost" || ip.IsLoopback())
}

// publish writes the authority's certificate to where others may read it: the state directory holds keys.
func (c *upCommand) publish(e *emulator.Emulator) error {
	if c.CAFile == "" {
		return nil
	}
	certificate, err := os.ReadFile(e.Endpoints().CA)
	if err != nil {
		return err
	}
	return os.WriteFile(c.CAFile, certificate, 0o644)
}

// announce writes the endpoints file whole, once a token can be had, so that whoever waits for it can begin.
func (c *upCommand) announce(ctx context.Context, e *emulator.Emulator) error {
	if c.EndpointsFile == "" {
		return nil
	}
	if err := e.Ready(ctx); err != nil {
		return err
	}
	return emulator.WriteEndpoints(c.EndpointsFile, e.Endpoints())
}

func printStart(out io.Writer, e *emulator.Emulator) {
	at := e.Endpoints()
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "service\t%s\n", at.Service)
	fmt.Fprintf(w, "management\t%s\n", at.Manage)
	for _, p := range e.Policies() {
		fmt.Fprintf(w, "registry\t%s\t%s\t%s\n", p.Name, at.Registries[p.Name], p.Network)
	}
	fmt.Fprintf(w, "tenant\t%s\nsubscription\t%s\nclient\t%s\nsecret\t%s\n", at.TenantID, at.SubscriptionID, at.ClientID, at.ClientSecret)
	_ = w.Flush()
}

// suggest says what to do next: with names of the sample environment if it is that one, and so that the commands reach
// this emulator and not one on the usual ports.
func (c *upCommand) suggest(out io.Writer, at emulator.Endpoints) {
	manage := ""
	if at.Manage != "http://"+usualManage {
		manage = " --manage " + strings.TrimPrefix(at.Manage, "http://")
	}
	next := "from" + manage + " containerGroups/worker -- crane manifest myregistry.azurecr.io/hello:v1"
	if len(c.Config) > 0 {
		next = "status" + manage
	}
	fmt.Fprintf(out, "\nTry:  docker login %s -u %s -p %s\n      acrlocal %s\n",
		strings.TrimPrefix(at.Service, "http://"), at.ClientID, at.ClientSecret, next)
}
