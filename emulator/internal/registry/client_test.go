package registry

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/acrlocal/acrlocal/gate"
)

// serve makes a real server of the world's front, whose bare address is the registry myregistry, with a real registry
// for its content.
func (w *world) serve() (host string) {
	options := gate.Options{
		Authenticate: w.tokens.Authenticate, Answer: Answer, Now: w.clock.Now,
		Registry: func(*http.Request) string { return "myregistry" },
	}
	g := gate.New(options)
	g.Swap(w.gate.Snapshot())
	w.gate = g
	content := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(NewFront(g, w.tokens, func(string) http.Handler { return content }))
	w.t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// A real client finds its way by the challenge: as a service principal, and with a refresh token as password.
func TestRealClient(t *testing.T) {
	w := newWorld(t)
	refresh := w.refresh("myregistry", pullerID)
	ref, err := name.ParseReference(w.serve()+"/team/app:v1", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	image, err := random.Image(1024, 2)
	if err != nil {
		t.Fatal(err)
	}
	as := func(user, password string) []remote.Option {
		return []remote.Option{remote.WithAuth(&authn.Basic{Username: user, Password: password}), remote.WithContext(context.Background())}
	}
	if err := remote.Write(ref, image, as("app-pusher", "s3cret")...); err != nil {
		t.Fatalf("push: %v", err)
	}
	other, err := random.Image(1024, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, other, as(RefreshTokenUser, refresh)...); err == nil || !strings.Contains(err.Error(), "UNAUTHORIZED") {
		t.Errorf("push by one who may pull: %v", err)
	}
	pulled, err := remote.Image(ref, as(RefreshTokenUser, refresh)...)
	if err != nil {
		t.Fatalf("pull: %v", err)
	}
	want, _ := image.Digest()
	if got, err := pulled.Digest(); err != nil || got != want {
		t.Errorf("pulled %v (%v), want %v", got, err, want)
	}
	identityToken := remote.WithAuth(authn.FromConfig(authn.AuthConfig{IdentityToken: refresh}))
	if _, err := remote.Head(ref, identityToken); err != nil {
		t.Errorf("head with an identity token: %v", err)
	}
	if _, err := remote.Get(ref); err == nil || !strings.Contains(err.Error(), "UNAUTHORIZED") {
		t.Errorf("anonymous pull: %v", err)
	}
}

// A blocked client is told so by the token service, in the firewall's words.
func TestRealClientBlocked(t *testing.T) {
	w := newWorld(t)
	p := policy()
	p.Registries[0].PublicAccess = false
	host := w.serve()
	w.swap(p)
	ref, err := name.ParseReference(host+"/team/app:v1", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	_, err = remote.Get(ref, remote.WithAuth(&authn.Basic{Username: "app-pusher", Password: "s3cret"}))
	if err == nil || !strings.Contains(err.Error(), "client with IP '127.0.0.1' is not allowed access") {
		t.Errorf("blocked: %v", err)
	}
}
