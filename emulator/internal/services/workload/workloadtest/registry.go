package workloadtest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/acrlocal/acrlocal/emulator/internal/vantage"
)

// What a registry says to those that it keeps out: by its firewall, and for want of a role.
const (
	Denied = `{"errors":[{"code":"DENIED","message":"client with IP '198.18.0.7' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."}]}`
	NoRole = `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`
)

// Registry is myregistry.azurecr.io, which lets everybody in unless it has something to say.
type Registry struct {
	ca      *vantage.CA
	server  *httptest.Server
	refusal atomic.Value // string
}

// NewRegistry makes one that is gone with the test.
func NewRegistry(t testing.TB) *Registry {
	t.Helper()
	r := &Registry{ca: vantage.OpenCA(t.TempDir())}
	r.Refuse("")
	quiet := log.New(io.Discard, "", 0)
	content := registry.New(registry.Logger(quiet))
	r.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		switch said := r.refusal.Load().(string); {
		case said != "":
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, said)
		case q.URL.Path == "/oauth2/exchange":
			_, _ = io.WriteString(w, `{"refresh_token": "good"}`)
		default:
			content.ServeHTTP(w, q)
		}
	}))
	r.server.TLS = r.ca.TLS()
	r.server.Config.ErrorLog = quiet
	r.server.StartTLS()
	t.Cleanup(r.server.Close)
	return r
}

// Refuse has the registry answer everything with 403 and a body; an empty one lets everybody in again.
func (r *Registry) Refuse(body string) { r.refusal.Store(body) }

// CA is the authority that vouches for the registry, in PEM.
func (r *Registry) CA() ([]byte, error) { return r.ca.PEM() }

// Connect connects to the registry, if that is what the address names.
func (r *Registry) Connect(ctx context.Context, address string) (net.Conn, error) {
	if address != "myregistry.azurecr.io:443" {
		return nil, errors.New(address + " is not emulated")
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", r.server.Listener.Addr().String())
}

// Push pushes some image with a configuration.
func (r *Registry) Push(t testing.TB, reference string, config v1.Config) {
	t.Helper()
	made, err := random.Image(64, 1)
	if err == nil {
		made, err = mutate.Config(made, config)
	}
	ref, refErr := name.ParseReference(reference)
	pem, caErr := r.CA()
	if err := errors.Join(err, refErr, caErr); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := &http.Transport{
		DialContext:     func(ctx context.Context, _, address string) (net.Conn, error) { return r.Connect(ctx, address) },
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}
	defer transport.CloseIdleConnections()
	if err := remote.Write(ref, made, remote.WithTransport(transport)); err != nil {
		t.Fatal(err)
	}
}
