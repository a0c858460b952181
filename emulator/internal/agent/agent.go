// Package agent is what the emulated services of Azure have in common: each works at a place of the imagined network, with
// an identity, through the gate like anyone else.
//
// A [Cloud] is the emulator as a service sees it: documents, tokens of identities, and connections from a place. An [Agent]
// is a worker at one place, with an HTTP client whose requests come from there. Nothing here knows the gate, the store or
// the content of a registry, so that no service can go round them.
package agent

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// Cloud is what a service asks of the emulator. Its methods may be called from any number of goroutines.
type Cloud interface {
	// State returns the documents as they are now.
	State() *azure.State
	// Update changes documents in turn with every other writer: change is given the state that the last one left. It must be
	// quick, and must not call Update; an error of it is returned, and nothing changes.
	Update(ctx context.Context, change func(*azure.State) (azure.Change, error)) error
	// Dial connects to an emulated host, given as host:port, from a place. An error is ErrOutside if it leads nowhere.
	Dial(ctx context.Context, place Place, address string) (net.Conn, error)
	// Token issues an Entra token of an identity for an audience, as the service's machines get it.
	Token(ctx context.Context, identity Identity, audience string) (string, error)
	// CA returns the authority that vouches for the emulated hosts, in PEM.
	CA() ([]byte, error)
	// Now is the clock.
	Now() time.Time
	// After sends the time when a duration has passed.
	After(d time.Duration) <-chan time.Time
}

// ErrOutside says that a connection leads nowhere: its host is not emulated, or its place is gone.
var ErrOutside = errors.New("outside the emulator")

// Service is a service of Azure that works by itself, told of what happens. Changed and Happened must return at once, and
// must not call the Cloud: they are called where the change is made.
type Service interface {
	// Changed is told of documents that were written or removed, by their keys. Nil means any of them.
	Changed(keys []string)
	// Happened is told of a push, pull or deletion after it was answered.
	Happened(e Event)
	// Run works until the context ends, and returns when nothing of its work goes on.
	Run(ctx context.Context)
}

// Event is something that happened to the content of a registry.
type Event struct {
	// Registry is the folded name of the registry.
	Registry string
	// Action is push, pull or delete.
	Action string
	// Repository, Digest and Tag say to what. Tag is empty unless the request named one.
	Repository, Digest, Tag string
	// MediaType is a manifest's, or application/octet-stream for a blob.
	MediaType string
	// Time is when it was done.
	Time time.Time
}

// Place finds a place among the documents as they are: it is asked again for every request, so that what changes acts at
// once. An error is that of a place that is gone.
type Place func(*azure.State) (azure.Place, error)

// At is the place of a resource, or of a first-party service such as azure.ServiceImport.
func At(name string) Place {
	return func(s *azure.State) (azure.Place, error) { return azure.ResolvePlace(s, name) }
}

// Identity is one with which a service asks for tokens.
type Identity struct {
	// Resource is the ID of a resource with a system-assigned identity, that of a user-assigned identity, or the name of a
	// first-party service.
	Resource string
	// Host is the resource that uses a user-assigned identity; otherwise empty.
	Host string
}

// Agent is a worker at a place. Its transport keeps connections; Close drops them.
type Agent struct {
	cloud Cloud
	place Place
	// client is what requests say of who sends them, in X-Meta-Source-Client. It grants nothing (acr-behaviour §3.3).
	client    string
	transport *http.Transport
}

// New makes an agent at a place, which calls itself client, such as azure/acr/tasks.
func New(cloud Cloud, place Place, client string) (*Agent, error) {
	pem, err := cloud.CA()
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	a := &Agent{cloud: cloud, place: place, client: client}
	a.transport = &http.Transport{
		DialContext:         func(ctx context.Context, _, address string) (net.Conn, error) { return cloud.Dial(ctx, place, address) },
		TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		MaxIdleConnsPerHost: maxIdle,
		IdleConnTimeout:     idleTimeout,
		DisableCompression:  true,
	}
	return a, nil
}

// What an agent keeps of connections that are not in use.
const (
	maxIdle     = 8
	idleTimeout = 30 * time.Second
)

// Close drops the agent's idle connections.
func (a *Agent) Close() { a.transport.CloseIdleConnections() }

// Dial connects to an emulated host from the agent's place.
func (a *Agent) Dial(ctx context.Context, address string) (net.Conn, error) {
	return a.cloud.Dial(ctx, a.place, address)
}

// RoundTrip sends a request from the agent's place.
func (a *Agent) RoundTrip(r *http.Request) (*http.Response, error) {
	if a.client != "" {
		r = r.Clone(r.Context())
		r.Header.Set("X-Meta-Source-Client", a.client)
	}
	return a.transport.RoundTrip(r)
}
