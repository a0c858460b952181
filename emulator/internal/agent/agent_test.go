package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
	"github.com/acrlocal/acrlocal/emulator/internal/vantage"
)

// stub is a Cloud of one registry, which a test scripts, and which everybody reaches.
type stub struct {
	ca     *vantage.CA
	server *httptest.Server
	token  func(Identity, string) (string, error)
}

func newStub(t *testing.T, registry http.HandlerFunc) *stub {
	t.Helper()
	s := &stub{ca: vantage.OpenCA(t.TempDir())}
	s.server = httptest.NewUnstartedServer(registry)
	s.server.TLS = s.ca.TLS()
	s.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.server.StartTLS()
	t.Cleanup(s.server.Close)
	s.token = func(as Identity, audience string) (string, error) { return as.Resource + " for " + audience, nil }
	return s
}

func (s *stub) State() *azure.State                  { return nil }
func (s *stub) CA() ([]byte, error)                  { return s.ca.PEM() }
func (s *stub) Now() time.Time                       { return time.Unix(1_800_000_000, 0) }
func (s *stub) After(time.Duration) <-chan time.Time { return nil }
func (s *stub) Update(context.Context, func(*azure.State) (azure.Change, error)) error {
	return errors.New("an agent changes no documents")
}

func (s *stub) Token(_ context.Context, as Identity, audience string) (string, error) {
	return s.token(as, audience)
}

func (s *stub) Dial(ctx context.Context, place Place, address string) (net.Conn, error) {
	if _, err := place(nil); err != nil {
		return nil, err
	}
	if address != "myregistry.azurecr.io:443" {
		return nil, fmt.Errorf("%s is not emulated", address)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", s.server.Listener.Addr().String())
}

func somewhere(*azure.State) (azure.Place, error) { return azure.Place{}, nil }

func (s *stub) agent(t *testing.T, place Place) *Agent {
	t.Helper()
	a, err := New(s, place, "azure/acr/tasks")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

const denied = `{"errors":[{"code":"DENIED","message":"client with IP '198.18.0.7' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."}]}`

// refuseAt challenges everybody, and answers a path with a status and a body.
func refuseAt(path string, status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == path && status != 0:
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		case strings.HasPrefix(r.URL.Path, "/v2/"):
			w.Header().Set("WWW-Authenticate", `Bearer realm="https://myregistry.azurecr.io/oauth2/token",service="myregistry.azurecr.io"`)
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/oauth2/token":
			_, _ = io.WriteString(w, `{"access_token": "good"}`)
		case r.URL.Path == "/oauth2/exchange":
			_, _ = fmt.Fprintf(w, `{"refresh_token": %q}`, r.FormValue("grant_type")+" "+r.FormValue("service")+" "+r.FormValue("access_token"))
		}
	}
}

func TestExchange(t *testing.T) {
	s := newStub(t, refuseAt("", 0, ""))
	got, err := s.agent(t, somewhere).Exchange(t.Context(), "myregistry.azurecr.io", Identity{Resource: "nightly"})
	want := Credential{User: refreshTokenUser, Password: "access_token myregistry.azurecr.io nightly for https://management.azure.com/"}
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

func TestExchangeRefused(t *testing.T) {
	s := newStub(t, refuseAt("/oauth2/exchange", http.StatusForbidden, denied))
	_, err := s.agent(t, somewhere).Exchange(t.Context(), "myregistry.azurecr.io", Identity{Resource: "nightly"})
	refused, ok := errors.AsType[*ExchangeError](err)
	if !ok || refused.Code != "DENIED" || !strings.HasPrefix(refused.Message, "client with IP '198.18.0.7'") {
		t.Fatalf("%#v", err)
	}
	if want := "failed to get ACR refresh token, exchange API response code: 403 Forbidden"; err.Error() != want {
		t.Errorf("%v; want %s", err, want)
	}
	s.token = func(Identity, string) (string, error) { return "", errors.New("nobody has no identity") }
	if _, err := s.agent(t, somewhere).Exchange(t.Context(), "myregistry.azurecr.io", Identity{Resource: "nobody"}); err == nil {
		t.Error("who has no identity gets a token")
	}
}

// TestLogin holds logins against what docker login says (acr-behaviour §2.1, acr-tasks §4.3).
func TestLogin(t *testing.T) {
	for _, c := range []struct {
		path   string
		status int
		body   string
		want   string
	}{
		{"/oauth2/token", http.StatusOK, "{}", ""},
		{"/oauth2/token", http.StatusForbidden, denied, `Error response from daemon: Get "https://myregistry.azurecr.io/v2/": denied: client with IP '198.18.0.7' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.`},
		{"/oauth2/token", http.StatusUnauthorized, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`, `Error response from daemon: Get "https://myregistry.azurecr.io/v2/": unauthorized: authentication required`},
		{"/oauth2/token", http.StatusBadGateway, "<html>", `Error response from daemon: Get "https://myregistry.azurecr.io/v2/": login attempt to https://myregistry.azurecr.io/v2/ failed with status: 502 Bad Gateway`},
		{"/v2/", http.StatusForbidden, denied, `Error response from daemon: Get "https://myregistry.azurecr.io/v2/": denied: client with IP '198.18.0.7' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.`},
		{"/v2/", http.StatusOK, "{}", ""},
	} {
		s := newStub(t, refuseAt(c.path, c.status, c.body))
		err := s.agent(t, somewhere).Login(t.Context(), "myregistry.azurecr.io", Credential{"me", "secret"})
		if got := fmt.Sprint(err); got != c.want && (err != nil || c.want != "") {
			t.Errorf("%s %d:\n%s\nwant\n%s", c.path, c.status, got, c.want)
		}
	}
}

// TestPull pulls as the engine does, and is refused in its words.
func TestPull(t *testing.T) {
	content := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	var seen sync.Map
	s := newStub(t, func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r.Header.Get("X-Meta-Source-Client"), true)
		if strings.Contains(r.URL.Path, "/secret/") {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, denied)
			return
		}
		content.ServeHTTP(w, r)
	})
	a := s.agent(t, somewhere)
	image, err := random.Image(64, 2)
	if err != nil {
		t.Fatal(err)
	}
	ref, _ := name.ParseReference("myregistry.azurecr.io/hello:v1")
	if err := a.Push(t.Context(), ref, image, nil); err != nil {
		t.Fatal(err)
	}
	if pulled, err := a.Pull(t.Context(), ref.Name(), nil, nil); err != nil {
		t.Error(err)
	} else if got, _ := pulled.Digest(); got.String() == "" {
		t.Error("an image without a digest")
	}
	if _, told := seen.Load("azure/acr/tasks"); !told {
		t.Error("requests do not say what client they are of")
	}
	for reference, want := range map[string]string{
		"myregistry.azurecr.io/secret/x:v1": `Error response from daemon: Head "https://myregistry.azurecr.io/v2/secret/x/manifests/v1": denied: client with IP '198.18.0.7' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.`,
		"myregistry.azurecr.io/hello:v2":    `Error response from daemon: manifest for myregistry.azurecr.io/hello:v2 not found: manifest unknown: Unknown manifest`,
		"elsewhere.azurecr.io/hello:v1":     `Error response from daemon: Head "https://elsewhere.azurecr.io/v2/hello/manifests/v1": Get "https://elsewhere.azurecr.io/v2/": elsewhere.azurecr.io:443 is not emulated`,
		"UPPER":                             `could not parse reference: UPPER`,
	} {
		if _, err := a.Pull(t.Context(), reference, nil, nil); err == nil || err.Error() != want {
			t.Errorf("%s: %v\nwant %s", reference, err, want)
		}
	}
}

// TestPlaceGone has the place of an agent go away: nothing leaves from nowhere.
func TestPlaceGone(t *testing.T) {
	s := newStub(t, refuseAt("", 0, ""))
	gone := func(*azure.State) (azure.Place, error) { return azure.Place{}, errors.New("the task is gone") }
	if err := s.agent(t, gone).Login(t.Context(), "myregistry.azurecr.io", Credential{}); err == nil || !strings.Contains(err.Error(), "the task is gone") {
		t.Error(err)
	}
}

// TestHostilePull pulls images that somebody made to harm: a configuration that would fill the memory is not asked for, and
// neither is a layer that is said to be elsewhere.
func TestHostilePull(t *testing.T) {
	const digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	manifest := func(size int, urls string) string {
		return fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json",
			"config":{"mediaType":"application/vnd.docker.container.image.v1+json","size":%d,"digest":%q},
			"layers":[{"mediaType":"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip","size":1,"digest":%q,"urls":[%s]}]}`, size, digest, digest, urls)
	}
	var asked sync.Map
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked.Store(r.URL.Path, true) }))
	defer elsewhere.Close()
	manifests := map[string]string{
		"/v2/large/manifests/v1": manifest(1<<30, ""), "/v2/foreign/manifests/v1": manifest(2, strconv.Quote(elsewhere.URL+"/layer")),
	}
	s := newStub(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.URL.Path, true)
		if said, known := manifests[r.URL.Path]; known {
			w.Header().Set("Content-Type", "application/vnd.docker.distribution.manifest.v2+json")
			_, _ = io.WriteString(w, said)
		} else if r.URL.Path != "/v2/" {
			w.WriteHeader(http.StatusNotFound)
		}
	})
	a := s.agent(t, somewhere)
	if _, err := a.Pull(t.Context(), "myregistry.azurecr.io/large:v1", nil, nil); err == nil || !strings.Contains(err.Error(), "configuration has 1073741824 bytes") {
		t.Error(err)
	}
	if _, is := asked.Load("/v2/large/blobs/" + digest); is {
		t.Error("the configuration was read")
	}
	image, err := a.Pull(t.Context(), "myregistry.azurecr.io/foreign:v1", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := image.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatal(layers, err)
	}
	if _, err := layers[0].Compressed(); err == nil {
		t.Error("a layer that is elsewhere was read")
	}
	if _, is := asked.Load("/layer"); is {
		t.Error("somebody else was asked for a layer")
	}
}

// TestPush says what a push was refused with, and nothing of the request.
func TestPush(t *testing.T) {
	s := newStub(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v2/" {
			return
		}
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, denied)
	})
	image, _ := random.Image(64, 1)
	ref, _ := name.ParseReference("myregistry.azurecr.io/hello:v1")
	err := s.agent(t, somewhere).Push(t.Context(), ref, image, nil)
	if want := "denied: client with IP '198.18.0.7' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."; err == nil || err.Error() != want {
		t.Error(err)
	}
	if other := errors.New("no route"); !errors.Is(pushError(other), other) || pushError(nil) != nil {
		t.Error("what is no refusal is changed")
	}
}
