package vantage

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

// worker is an HTTP client in this process that works at a place.
func (s *scene) worker(t testing.TB, find FindPlace) *http.Client {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return s.proxy.Dial(ctx, find, address)
		},
		TLSClientConfig: &tls.Config{RootCAs: s.roots(t), MinVersion: tls.VersionTLS12},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

// TestDial has a worker in this process make the requests of TestProxyPlaces: they cannot be told from those of a client.
func TestDial(t *testing.T) {
	s := newScene(t, tell)
	for place, want := range map[string]seen{
		"203.0.113.7":            {Peer: "203.0.113.7"},
		"containerGroups/worker": {Peer: "203.0.113.70"},
		"subnets/app":            {Peer: "10.0.2.166", Endpoint: "door"},
	} {
		find := func(state *azure.State) (azure.Place, error) { return azure.ResolvePlace(state, place) }
		got, _ := get(t, s.worker(t, find), "https://myregistry.azurecr.io/v2/")
		want.Place, want.Remote, want.Host, want.Path = place, want.Peer, "myregistry.azurecr.io", "/v2/"
		want.Secure, want.Protocol, got.Headers = true, "HTTP/1.1", nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", place, diff)
		}
	}
}

// TestDialRefused has workers go where nobody goes, and from where nobody is.
func TestDialRefused(t *testing.T) {
	s := newScene(t, tell)
	inside := func(state *azure.State) (azure.Place, error) { return azure.ResolvePlace(state, "203.0.113.7") }
	gone := func(*azure.State) (azure.Place, error) {
		return azure.Place{}, errors.New("the task is not there any more")
	}
	for _, c := range []struct {
		find    FindPlace
		address string
	}{
		{gone, "myregistry.azurecr.io:443"},
		{inside, "example.com:443"},
		{inside, "127.0.0.1:5081"},
		{inside, "localhost:5080"},
		{inside, "myregistry.azurecr.io:22"},
		{inside, "myregistry.azurecr.io"},
		{inside, "169.254.169.254:80"}, // the internet has no metadata service
	} {
		if _, err := s.proxy.Dial(t.Context(), c.find, c.address); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", c.address, err)
		}
	}
}
