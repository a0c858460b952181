package vantage

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/acrlocal/acrlocal/emulator/internal/azure"
)

const group = "/subscriptions/acac10ca-2000-4000-8000-000000000001/resourceGroups/demo/providers/"

// documents are a network with an approved endpoint of myregistry, a container group, and a web app.
var documents = []string{
	`{"id": "` + group + `Microsoft.ContainerRegistry/registries/myregistry", "name": "myregistry", "location": "westeurope", "sku": {"name": "Premium"}, "properties": {}}`,
	`{"id": "` + group + `Microsoft.ContainerRegistry/registries/myregistry/privateEndpointConnections/door",
		"properties": {"privateEndpoint": {"id": "` + group + `Microsoft.Network/privateEndpoints/door"},
		"privateLinkServiceConnectionState": {"status": "Approved"}}}`,
	`{"id": "` + group + `Microsoft.Network/privateEndpoints/door", "location": "westeurope", "properties": {
		"subnet": {"id": "` + group + `Microsoft.Network/virtualNetworks/hub/subnets/app"},
		"privateLinkServiceConnections": [{"name": "door", "properties": {"privateLinkServiceId": "` + group + `Microsoft.ContainerRegistry/registries/myregistry", "groupIds": ["registry"]}}]}}`,
	`{"id": "` + group + `Microsoft.Network/virtualNetworks/hub", "location": "westeurope", "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
		"subnets": [{"name": "app", "properties": {"addressPrefix": "10.0.2.0/24"}}]}}`,
	workerDocument,
	`{"id": "` + group + `Microsoft.Web/sites/shop", "location": "westeurope", "properties": {}}`,
}

const workerDocument = `{"id": "` + group + `Microsoft.ContainerInstance/containerGroups/worker", "location": "westeurope",
	"identity": {"type": "SystemAssigned"}, "properties": {"ipAddress": {"ip": "203.0.113.70", "type": "Public"}}}`

func change(t testing.TB, texts ...string) azure.Change {
	t.Helper()
	var c azure.Change
	for _, text := range texts {
		d, err := azure.ParseDocument([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		c.Put = append(c.Put, d)
	}
	return c
}

// world is a stub of the emulator: the hosts of three services, and a state that can be changed.
type world struct {
	mu    sync.Mutex
	state *azure.State
}

func (w *world) State() *azure.State {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state
}

func (w *world) apply(t testing.TB, c azure.Change) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	next, err := w.state.With(c)
	if err != nil {
		t.Fatal(err)
	}
	w.state = next
}

func (w *world) Host(host string) (string, bool) {
	if name, ok := strings.CutSuffix(host, ".azurecr.io"); ok && !strings.Contains(name, ".") {
		return name, true
	}
	switch host {
	case "management.azure.com", IMDSHost:
		return "", true
	case "localhost", "127.0.0.1", "::1", "10.0.2.4":
		return "playground", true // what the service listener would say
	}
	return "", false
}

func (w *world) Port(port uint16) bool { return port == 5080 }

// seen is what the stub handler tells of a request.
type seen struct {
	Place, Endpoint, Peer, Host, Remote, Path, Protocol string
	Secure                                              bool
	Headers                                             http.Header
}

// tell answers every request with what it saw. Requests with a body get it back.
func tell(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		_, _ = io.Copy(w, r.Body)
		return
	}
	from, ok := FromContext(r.Context())
	if !ok {
		http.Error(w, "no place", http.StatusInternalServerError)
		return
	}
	local := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if local.String() != ":0" {
		http.Error(w, "the local address leaks: "+local.String(), http.StatusInternalServerError)
		return
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	_ = json.NewEncoder(w).Encode(seen{
		Place: from.Place.Name, Endpoint: lastPart(from.Hop.EndpointID), Peer: from.Hop.Peer.String(), Host: r.Host, Remote: host,
		Path: r.RequestURI, Secure: r.TLS != nil, Protocol: r.Proto, Headers: r.Header,
	})
}

func lastPart(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }

// scene is a proxy on a management listener, with its world.
type scene struct {
	world *world
	ca    *CA
	proxy *Proxy
	addr  string // of the management listener
}

// open starts a scene. Management answers "manage" to what is no proxy request.
func newScene(t testing.TB, handler http.HandlerFunc) *scene {
	t.Helper()
	w := &world{}
	w.apply(t, change(t, documents...))
	ca := OpenCA(t.TempDir())
	proxy := NewProxy(ProxyOptions{World: w, CA: ca, Handler: handler, MaxTunnels: 64})
	manage := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if IsProxyRequest(r) {
			proxy.ServeHTTP(w, r)
			return
		}
		fmt.Fprint(w, "manage")
	}))
	manage.Listener = Listen(manage.Listener, ca.TLS(), nil)
	manage.Start()
	t.Cleanup(func() {
		if err := proxy.Close(); err != nil && !strings.Contains(err.Error(), "closed") {
			t.Error(err)
		}
		manage.CloseClientConnections()
		manage.Close()
	})
	return &scene{world: w, ca: ca, proxy: proxy, addr: manage.Listener.Addr().String()}
}

func (s *scene) dial(t testing.TB) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}
