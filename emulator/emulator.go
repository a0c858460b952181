package emulator

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/arm"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/blob"
	"github.com/acrlocal/acrlocal/emulator/internal/builtin"
	"github.com/acrlocal/acrlocal/emulator/internal/executor"
	"github.com/acrlocal/acrlocal/emulator/internal/graph"
	"github.com/acrlocal/acrlocal/emulator/internal/registry"
	"github.com/acrlocal/acrlocal/emulator/internal/tasks"
	"github.com/acrlocal/acrlocal/emulator/internal/vantage"
	"github.com/acrlocal/acrlocal/gate"
	"github.com/acrlocal/acrlocal/identity"
)

// Emulator is one emulated Azure: a tenant, a subscription, its registries and its network. Make one with New.
type Emulator struct {
	options Options
	core    *core
	content *contents
	log     *decisionLog
	seed    seed

	keys     *identity.Keys
	issuer   *identity.Issuer
	entra    *identity.Endpoint
	imds     http.Handler
	msi      *identity.MSI
	arm      http.Handler
	graph    http.Handler
	gate     *gate.Gate
	tokens   *registry.Tokens
	registry http.Handler
	blobs    *blob.Store
	executor executor.Executor
	mirrors  builtin.Mirrors
	ca       *vantage.CA
	proxy    *vantage.Proxy
	tasks    *tasks.Service
	services []agent.Service // that work by themselves

	listeners listeners
	closers   []io.Closer
	temporary string // directory to remove at the end, if any

	stop       context.CancelFunc // ends the background work
	background sync.WaitGroup
	closed     sync.Once
}

// New makes an emulator with its start-up state. Nothing listens yet. An error names the file and line of a seed, or
// the option, that is wrong.
func New(o Options) (*Emulator, error) {
	o, err := o.resolve()
	if err != nil {
		return nil, err
	}
	e := &Emulator{options: o, log: &decisionLog{}, stop: func() {}}
	e.log.render = func(d logged) DecisionEntry { return e.entry(d) }
	for _, step := range []func() error{e.openSeed, e.openStore, e.openBlobs, e.openLog, e.openIdentity, e.openContainers, e.openServices, e.openDefender, e.openState} {
		if err := step(); err != nil {
			_ = e.Close()
			return nil, err
		}
	}
	return e, nil
}

func (e *Emulator) openSeed() error {
	seeds := e.options.Seeds
	if len(seeds) == 0 {
		seeds = []Seed{{Name: "sample.yaml", Data: sampleSeed}}
	}
	parsed, err := readSeeds(seeds)
	e.seed = parsed
	return err
}

func (e *Emulator) openLog() error {
	if e.options.DecisionLog == "" {
		return nil
	}
	f, err := os.OpenFile(e.options.DecisionLog, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	e.log.out = f
	e.closers = append(e.closers, f)
	return nil
}

// openIdentity opens the tenant. Keys and certificates are made in the background, or when first needed.
func (e *Emulator) openIdentity() error {
	e.keys = identity.OpenKeys(e.options.State, e.options.Now)
	e.issuer = &identity.Issuer{Tenant: azure.DevelopmentTenant, Keys: e.keys, Now: e.options.Now}
	e.imds = &identity.IMDS{Issuer: e.issuer, Place: e.imdsHost}
	e.msi = &identity.MSI{Issuer: e.issuer, Place: e.imdsHost}
	e.ca = vantage.OpenCA(e.options.State)
	trusted, err := trustedIssuers(e.options.TrustedIssuers)
	e.entra = &identity.Endpoint{
		Issuer: e.issuer, Directory: e, Domains: []string{azure.DevelopmentDomain}, Trusted: trusted,
		Browser: e.signInAuthority, Elsewhere: e.otherAuthority,
	}
	return err
}

// openServices wires the handlers that clients talk to.
func (e *Emulator) openServices() error {
	e.tokens = e.newTokens()
	options, err := e.gateOptions()
	if err != nil {
		return err
	}
	e.gate = gate.New(options)
	e.content.refuse, e.content.happened = e.gate.Refuse, e.happened
	e.registry = registry.NewFront(e.gate, e.tokens, e.content.handler)
	e.arm = arm.New(e.armOptions())
	e.graph = graph.New(graph.Options{Backend: graphBackend{backend{e, e.newCallers(identity.Graph)}}, Writing: &e.core.writing, Now: e.options.Now, Log: e.options.Logger})
	e.proxy = vantage.NewProxy(e.proxyOptions())
	e.closers = append(e.closers, e.proxy)
	e.core.projection = projection{quirks: quirksOf(e.options.Behavior), services: servicesOf}
	e.core.swapped, e.core.changed = e.gate.Swap, e.changed
	e.core.removed = func(id azure.ResourceID) {
		e.tasks.Forget(id)
		if err := e.content.remove(context.Background(), azure.Fold(id.Name())); err != nil {
			e.options.Logger.Error("remove content", "registry", id, "error", err)
		}
	}
	return nil
}

// openState loads the state that was kept, or begins with the seed. Documents come last: a start that was broken off
// begins again.
func (e *Emulator) openState() error {
	ctx := context.Background()
	kept, err := e.core.load(ctx)
	if err != nil || kept {
		return err
	}
	if err := e.openImages(ctx); err != nil {
		return err
	}
	return e.core.replace(ctx, e.seed.documents())
}

// Close stops the listeners, ends the requests that are under way, and releases everything. Temporary state is removed.
// Closing again does nothing.
func (e *Emulator) Close() (err error) {
	e.closed.Do(func() { err = e.close() })
	return err
}

func (e *Emulator) close() error {
	var errs []error
	e.listeners.close()
	e.stop()
	e.background.Wait()
	if e.keys != nil {
		_ = e.keys.Ready(context.Background()) // the first ones may be on their way into a directory that goes next
	}
	if e.content != nil {
		e.content.close()
	}
	for _, c := range slices.Backward(e.closers) {
		errs = append(errs, c.Close())
	}
	if e.temporary != "" {
		errs = append(errs, os.RemoveAll(e.temporary))
	}
	return errors.Join(errs...)
}

// Reset goes back to the start-up state: documents, content and decisions.
func (e *Emulator) Reset(ctx context.Context) error {
	for _, d := range e.core.State().OfType(registryType) {
		if err := e.content.remove(ctx, azure.Fold(d.ID.Name())); err != nil {
			return err
		}
	}
	if err := e.core.replace(ctx, e.seed.documents()); err != nil {
		return err
	}
	e.log.reset()
	e.blobs.Clear()
	return e.openImages(ctx)
}

// Ready waits until tokens can be issued, which takes the first start on a machine a moment.
func (e *Emulator) Ready(ctx context.Context) error { return e.keys.Ready(ctx) }

// RotateKeys makes a new signing key for the tenant and for ACR's tokens. What the old key signed is good until it
// expires, or until the overlap of identity.Keys ends.
func (e *Emulator) RotateKeys(ctx context.Context) error { return e.keys.Rotate(ctx) }

// listeners are the open listeners.
type listeners struct {
	service, manage net.Addr
	registries      map[string]net.Addr // by folded name
	doors           []door
}

// door is a listener and the server of what comes in by it.
type door struct {
	listener net.Listener
	server   *http.Server
}

// serve lets everybody in. It comes when all addresses are known, so that no request sees half of them.
func (l *listeners) serve(ctx context.Context) {
	for _, d := range l.doors {
		go func() { _ = d.server.Serve(d.listener) }()
		context.AfterFunc(ctx, func() { _ = d.server.Close() })
	}
}

// close ends the servers, giving requests under way a moment.
func (l *listeners) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	for _, d := range l.doors {
		if err := d.server.Shutdown(ctx); err != nil {
			_ = d.server.Close()
		}
		_ = d.listener.Close() // also one whose server never began
	}
}

// Start opens the listeners. Their addresses are known when it returns; they close with ctx, or with Close.
func (e *Emulator) Start(ctx context.Context) error {
	if err := e.openListeners(ctx); err != nil {
		return err
	}
	e.listeners.serve(ctx)
	sweeping, stop := context.WithCancel(ctx)
	e.stop = stop
	e.background.Go(func() { e.sweep(sweeping) })
	e.runServices(sweeping)
	return nil
}

func (e *Emulator) openListeners(ctx context.Context) (err error) {
	serve := http.HandlerFunc(e.serve)
	if e.listeners.service, err = e.listen(ctx, e.options.Listen, serve); err != nil {
		return err
	}
	for _, address := range e.options.ListenAlso {
		if _, err = e.listen(ctx, address, serve); err != nil {
			return err
		}
	}
	e.listeners.registries = map[string]net.Addr{}
	for name, address := range e.options.RegistryListen {
		name = azure.Fold(name)
		if e.listeners.registries[name], err = e.listen(ctx, address, e.serveRegistry(name)); err != nil {
			return err
		}
	}
	for _, a := range e.options.Attach {
		if err := e.attach(ctx, a); err != nil {
			return err
		}
	}
	e.listeners.manage, err = e.listenWithin(ctx, e.options.Manage, e.management())
	return err
}

// attach listens at an address whose peers are in a virtual network.
func (e *Emulator) attach(ctx context.Context, a Attachment) error {
	place, err := azure.ResolvePlace(e.core.State(), a.Network)
	if err == nil && place.Network == "" {
		err = fmt.Errorf("%q is in no virtual network", a.Network)
	}
	if err != nil {
		return fmt.Errorf("attach %s: %w", a.Address, err)
	}
	_, err = e.listenWithin(ctx, a.Address, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.serve(w, r.WithContext(context.WithValue(r.Context(), networkKey{}, azure.Fold(place.Network))))
	}))
	return err
}

// The bounds of a server. Uploads may take long, so that bodies have no time limit.
const (
	readHeaderTimeout = 20 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
)

// listen opens a door to a handler at an address, plain HTTP and TLS on the same port. Nobody is let in yet. The address
// of a private endpoint is for the network that it is in.
func (e *Emulator) listen(ctx context.Context, address string, h http.Handler) (net.Addr, error) {
	inner, err := bind(ctx, address)
	if err != nil {
		return nil, err
	}
	return e.open(vantage.Guard(inner, func(dialled netip.Addr) bool {
		_, endpoint := e.core.world.Load().snapshot.RegistryAt(dialled)
		return endpoint
	}), h)
}

// listenWithin opens a door for the network alone that has the address; for all, if it is unspecified.
func (e *Emulator) listenWithin(ctx context.Context, address string, h http.Handler) (net.Addr, error) {
	inner, err := bind(ctx, address)
	if err != nil {
		return nil, err
	}
	at, _ := netip.ParseAddrPort(inner.Addr().String())
	return e.open(vantage.Guard(inner, func(netip.Addr) bool { return !at.Addr().IsUnspecified() }), h)
}

func bind(ctx context.Context, address string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%w: another emulator may be running; choose other addresses with --listen and --manage", err)
	case err != nil:
		return nil, fmt.Errorf("listen at %q: %w", address, err)
	}
	return l, nil
}

// open adds a door to those that serve opens, and returns its address.
func (e *Emulator) open(inner net.Listener, h http.Handler) (net.Addr, error) {
	trusted, err := gate.ParseTrustedProxies(e.options.TrustedProxies)
	if err != nil {
		_ = inner.Close()
		return nil, err
	}
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: log.New(io.Discard, "", 0), TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	e.listeners.doors = append(e.listeners.doors, door{vantage.Listen(inner, e.ca.TLS(), trusted), server})
	return inner.Addr(), nil
}
