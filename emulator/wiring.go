package emulator

import (
	"context"
	"errors"
	"net/http"

	"github.com/acrlocal/acrlocal/emulator/internal/arm"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/graph"
	"github.com/acrlocal/acrlocal/emulator/internal/registry"
	"github.com/acrlocal/acrlocal/emulator/internal/vantage"
	"github.com/acrlocal/acrlocal/gate"
	"github.com/acrlocal/acrlocal/identity"
)

// registryKey is the context key of the registry that a request addresses, as the host router found it.
type registryKey struct{}

func registryRequest(r *http.Request, name string) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), registryKey{}, name))
}

// newTokens makes ACR's token service. It takes the tenant's tokens for ACR and, where policy allows, for ARM.
func (e *Emulator) newTokens() *registry.Tokens {
	return registry.NewTokens(registry.Options{
		Keys: e.keys, Tenant: azure.DevelopmentTenant, Directory: e, Now: e.options.Now,
		Entra:    e.issuer.Verifier(identity.ACR, identity.ARM, identity.ClassicARM),
		Snapshot: func() *gate.Snapshot { return e.gate.Snapshot() },
		Running:  func(pass string) bool { return e.tasks.Running(pass) },
	})
}

func (e *Emulator) gateOptions() (gate.Options, error) {
	trusted, err := gate.ParseTrustedProxies(e.options.TrustedProxies)
	return gate.Options{
		Authenticate: e.tokens.Authenticate,
		Registry: func(r *http.Request) string {
			name, _ := r.Context().Value(registryKey{}).(string)
			return name
		},
		Source: e.source(trusted), Answer: registry.Answer, Observe: e.observe, Now: e.options.Now,
		PlainAnswers: e.options.PlainAnswers || e.seed.plainAnswers,
	}, err
}

func (e *Emulator) armOptions() arm.Options {
	return arm.Options{
		Backend: backend{e, e.newCallers(identity.ARM, identity.ClassicARM)},
		Writing: &e.core.writing, LoginServer: e.loginServer, BlobURL: e.blobURL, Now: e.options.Now, Log: e.options.Logger, Spell: speller(),
		ContentSize: e.content.held, Importer: e.newImporter(), Instances: e.newInstances(), Learning: e.newLearning(), Tasks: e.newTasks(),
		TasksFlag: func(_ *azure.State, id azure.ResourceID) bool {
			r, ok := e.gate.Snapshot().Registry(id.Name())
			return ok && r.Quirks.TasksNeedFlag
		},
	}
}

// backend is the control plane's view of the emulator.
type backend struct {
	e       *Emulator
	callers *callers
}

// State returns the documents.
func (b backend) State() *azure.State { return b.e.core.State() }

// Apply makes a change.
func (b backend) Apply(ctx context.Context, change azure.Change) (int64, error) {
	return b.e.core.Apply(ctx, change)
}

// Authorize judges an action.
func (b backend) Authorize(principalID, action, scope string) gate.Authorization {
	return b.e.core.Authorize(principalID, action, scope)
}

// Authenticate verifies the bearer token of a call to ARM.
func (b backend) Authenticate(r *http.Request) (string, error) {
	holder, err := b.callers.holder(r)
	if err != nil {
		return "", armTokenError(err)
	}
	return holder, nil
}

// graphBackend is Microsoft Graph's view of the emulator: that of the control plane, but for whom tokens are.
type graphBackend struct{ backend }

// Authenticate verifies the bearer token of a call to Graph.
func (b graphBackend) Authenticate(r *http.Request) (string, error) {
	holder, err := b.callers.holder(r)
	var refused *identity.VerifyError
	if !errors.As(err, &refused) {
		return holder, err
	}
	message, known := graphTokenErrors[refused.Code]
	if !known {
		return "", err
	}
	return "", &graph.Error{Status: http.StatusUnauthorized, Code: "InvalidAuthenticationToken", Message: message, Cause: err}
}

// graphTokenErrors are the messages by which Graph tells why it does not take a token; for any other reason it says that
// validation failed.
var graphTokenErrors = map[identity.Code]string{
	identity.Expired:       "Lifetime validation failed, the token is expired.",
	identity.NotYetValid:   "Lifetime validation failed, the token is not yet valid.",
	identity.AudienceWrong: "Access token validation failure. Invalid audience.",
}

// armTokenErrors are the codes by which ARM tells why it does not take a token; any other reason is
// InvalidAuthenticationToken.
var armTokenErrors = map[identity.Code]arm.Error{
	identity.Expired: {
		Status: http.StatusUnauthorized, Code: "ExpiredAuthenticationToken", Challenge: "invalid_token",
		Message: "The access token expiry UTC time is earlier than current UTC time.",
	},
	identity.AudienceWrong: {
		Status: http.StatusUnauthorized, Code: "InvalidAuthenticationTokenAudience", Challenge: "invalid_token",
		Message: "The access token has been obtained for wrong audience or resource. It should exactly match with one of the " +
			"allowed audiences '" + identity.ClassicARM + "', '" + identity.ARM + "'.",
	},
}

func armTokenError(err error) error {
	var refused *identity.VerifyError
	if !errors.As(err, &refused) {
		return err
	}
	known, ok := armTokenErrors[refused.Code]
	if !ok {
		return err
	}
	known.Cause = err
	return &known
}

// Find looks a principal up in the directory as it is now; it makes the emulator an identity.Directory.
func (e *Emulator) Find(by identity.By, value string) (identity.Principal, bool) {
	return e.core.world.Load().people.Find(by, value)
}

func (e *Emulator) proxyOptions() vantage.ProxyOptions {
	return vantage.ProxyOptions{World: proxyWorld{e}, CA: e.ca, Handler: http.HandlerFunc(e.serve)}
}

// proxyWorld is the proxy's view of the emulator.
type proxyWorld struct{ e *Emulator }

// State returns the documents.
func (w proxyWorld) State() *azure.State { return w.e.core.State() }

// Host says what a host name leads to.
func (w proxyWorld) Host(host string) (string, bool) {
	at := parseHost(host)
	return at.registry, at.service != noService && !at.bare
}

// Port says whether a listener of registries has the port.
func (w proxyWorld) Port(port uint16) bool {
	for _, at := range w.e.listeners.registries {
		if portOf(at) == port {
			return true
		}
	}
	return portOf(w.e.listeners.service) == port
}

// imdsHost tells IMDS which resource asks: the place that the proxy was told, or the resource whose address a document
// shows. Whoever else asks has no identity.
func (e *Emulator) imdsHost(r *http.Request) (identity.Host, bool) {
	from, ok := vantage.FromContext(r.Context())
	place := from.Place
	w := e.core.world.Load()
	if !ok {
		place, ok = azure.PeerResource(w.state, gate.TrustedProxies(nil).Source(r).Peer)
	}
	if !ok || place.Resource == "" {
		return identity.Host{}, false
	}
	host := identity.Host{Resource: place.Resource}
	if d, found := w.state.Get(place.Resource); found {
		host.Resource = d.ID.String()
		host.Location, _ = d.Body["location"].(string)
	}
	if p, found := w.people.Find(identity.ByResource, place.System); found && place.System != "" {
		host.System = &p
	}
	for _, id := range place.UserAssigned {
		if p, found := w.people.Find(identity.ByResource, id); found {
			host.UserAssigned = append(host.UserAssigned, p)
		}
	}
	return host, true
}
