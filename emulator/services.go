package emulator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/agent"
	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/registry/oci"
	"github.com/acrlocal/acrlocal/emulator/internal/vantage"
	"github.com/acrlocal/acrlocal/identity"
)

// cloud is the emulator as its services see it: documents, tokens, and connections from a place. It has no way to a registry
// but through the gate.
type cloud struct{ e *Emulator }

// State returns the documents.
func (c cloud) State() *azure.State { return c.e.core.State() }

// Update changes documents.
func (c cloud) Update(ctx context.Context, change func(*azure.State) (azure.Change, error)) error {
	return c.e.core.Update(ctx, change)
}

// Dial connects to an emulated host from a place.
func (c cloud) Dial(ctx context.Context, place agent.Place, address string) (net.Conn, error) {
	conn, err := c.e.proxy.Dial(ctx, vantage.FindPlace(place), address)
	if errors.Is(err, vantage.ErrRefused) {
		return nil, errors.Join(agent.ErrOutside, err)
	}
	return conn, err
}

// Token issues a token of an identity.
func (c cloud) Token(ctx context.Context, as agent.Identity, audience string) (string, error) {
	people := c.e.core.world.Load().people
	principal, found := people.Find(identity.ByResource, as.Resource)
	if !found {
		principal, found = people.Find(identity.ByUserName, as.Resource)
	}
	if !found {
		return "", fmt.Errorf("%s has no identity", as.Resource)
	}
	token, err := c.e.issuer.Issue(ctx, principal, audience, as.Host)
	return token.AccessToken, err
}

// CA returns the certificate authority.
func (c cloud) CA() ([]byte, error) { return c.e.ca.PEM() }

// Now is the emulator's clock.
func (c cloud) Now() time.Time { return c.e.options.Now() }

// After waits on the machine's clock.
func (c cloud) After(d time.Duration) <-chan time.Time { return time.After(d) }

// changed tells the services of documents that were written or removed.
func (e *Emulator) changed(keys []string) {
	for _, s := range e.services {
		s.Changed(keys)
	}
}

// happened tells the services what happened to the content of a registry.
func (e *Emulator) happened(registry string, event oci.Event) {
	told := agent.Event{
		Registry: registry, Action: event.Action, Repository: event.Repository, Digest: event.Digest, Tag: event.Tag,
		MediaType: event.MediaType, Time: event.Time,
	}
	for _, s := range e.services {
		s.Happened(told)
	}
}

// runServices lets the services work until the context ends.
func (e *Emulator) runServices(ctx context.Context) {
	for _, s := range e.services {
		e.background.Go(func() { s.Run(ctx) })
	}
}
