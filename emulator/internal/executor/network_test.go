//go:build linux

package executor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// azure is emulated Azure as a network sees it: it answers with the host that was dialled.
type azure struct {
	mu     sync.Mutex
	dialed []string
}

func (a *azure) dial(_ context.Context, address string) (net.Conn, error) {
	a.mu.Lock()
	a.dialed = append(a.dialed, address)
	a.mu.Unlock()
	if strings.HasPrefix(address, "login.windows.net") {
		return nil, errors.New("refused")
	}
	near, far := net.Pipe()
	go func() {
		defer far.Close()
		line, _ := bufio.NewReader(far).ReadString('\n')
		fmt.Fprintf(far, "%s says %s", address, line)
	}()
	return near, nil
}

func (a *azure) dials() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.dialed)
}

func TestNetwork(t *testing.T) {
	a := &azure{}
	n := newNetwork(t, NetworkOptions{Dial: a.dial, Ports: []int{5080, 443}})
	i := image(t)
	web := spec(i, nil, "listen", "80", "the web")
	web.Name = "web"
	c, out := start(t, n, web)
	await(t, out, "ready")
	tls := spec(i, nil, "listen", "443", "secure")
	tls.Name = "Tls-1"
	_, out = start(t, n, tls)
	await(t, out, "ready")
	for _, c := range []struct{ about, do, want string }{
		{"a registry", "get myregistry.azurecr.io:443", "myregistry.azurecr.io:443 says hello\n"},
		{"a registry without TLS", "get MyRegistry.azurecr.io:80", "myregistry.azurecr.io:80 says hello\n"},
		{"a port of the emulator's", "get myregistry.azurecr.io:5080", "myregistry.azurecr.io:5080 says hello\n"},
		{"another port", "get myregistry.azurecr.io:8443", "connection refused"},
		{"the metadata service", "get 169.254.169.254:80", "169.254.169.254:80 says hello\n"},
		{"the metadata service elsewhere", "get 169.254.169.254:443", "error: "},
		{"a refusal", "get login.windows.net:443", "error: "},
		{"a container", "get web:80", "the web\n"},
		{"a container, whatever the case", "get tls-1:443", "secure\n"},
		{"no host", "lookup example.com", "no such host\n"},
		{"no host without a domain", "lookup nobody", "no such host\n"},
		{"a host that does not exist in a zone is the dialler's business", "lookup unknown.azurecr.io", "198.18.0."},
		{"itself", "listen 80 x", ""},
		{"the internet", "get 1.1.1.1:443", "network is unreachable"},
		{"IPv6", "get [2606:4700::1111]:443", "error: "},
		{"the gateway", "get 172.18.0.1:80", "error: "},
		{"an address of no host", "get 198.18.99.99:443", "error: "},
	} {
		t.Run(c.about, func(t *testing.T) {
			if c.want == "" {
				return
			}
			began := time.Now()
			_, out, err := run(t, n, spec(i, nil, strings.Fields(c.do)...))
			if err != nil || !strings.Contains(out, c.want) {
				t.Errorf("%s: %q %v, want %q", c.do, out, err, c.want)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("%s took %v", c.do, took)
			}
		})
	}
	for _, d := range a.dials() {
		if strings.HasPrefix(d, "198.") || strings.HasPrefix(d, "172.") {
			t.Errorf("%s was dialled: hosts have names", d)
		}
	}
	twin := spec(i, nil, "echo")
	twin.Name = "WEB"
	if _, _, err := run(t, n, twin); err == nil || !strings.Contains(err.Error(), `has a container "web" already`) {
		t.Errorf("two containers of one name: %v", err)
	}
	c.Stop(0)
	if _, out, err := run(t, n, spec(i, nil, "lookup", "web")); err != nil || out != "no such host\n" {
		t.Errorf("a container that has ended: %q %v", out, err)
	}
}

// However many connections a container opens, the emulator takes no more than it has room for, and serves others when
// there is room again.
func TestManyConnections(t *testing.T) {
	a := &azure{}
	n := newNetwork(t, NetworkOptions{Dial: a.dial})
	c, out := start(t, n, spec(image(t), nil, "dial", "myregistry.azurecr.io:443", "600", "then", "sleep", "1000"))
	await(t, out, "ready")
	if g := n.(*network).gateway; len(g.slots) > maxConnections || len(a.dials()) > maxConnections {
		t.Errorf("%d connections are served, %d were dialled", len(g.slots), len(a.dials()))
	}
	c.Stop(0)
	if _, out, err := run(t, n, spec(image(t), nil, "get", "myregistry.azurecr.io:443")); err != nil || !strings.Contains(out, "says hello") {
		t.Errorf("after that: %q %v", out, err)
	}
}

func TestNetworksAreApart(t *testing.T) {
	e := newExecutor(t, Options{})
	one, two := networkOf(t, e, NetworkOptions{}), networkOf(t, e, NetworkOptions{})
	i := image(t)
	web := spec(i, nil, "listen", "80", "the web")
	web.Name = "web"
	_, out := start(t, one, web)
	await(t, out, "ready")
	if _, out, err := run(t, one, spec(i, nil, "get", "172.18.0.2:80")); err != nil || out != "the web\n" {
		t.Errorf("in its own network: %q %v", out, err)
	}
	_, out = start(t, two, spec(i, nil, "sleep", "100")) // takes the same address in the other network
	await(t, out, "ready")
	for _, do := range []string{"get 172.18.0.2:80", "lookup web"} {
		if _, out, err := run(t, two, spec(i, nil, strings.Fields(do)...)); err != nil || strings.Contains(out, "the web") {
			t.Errorf("%s from the other network: %q %v", do, out, err)
		}
	}
	if _, out, err := run(t, two, spec(i, nil, "get", "169.254.169.254:80")); err != nil || !strings.Contains(out, "error") {
		t.Errorf("a network that leads nowhere: %q %v", out, err)
	}
}

func TestNetworkEnds(t *testing.T) {
	e := newExecutor(t, Options{})
	n, err := e.Network(t.Context(), NetworkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c, out := start(t, n, spec(image(t), nil, "sleep", "100"))
	await(t, out, "ready")
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if code, err := c.Wait(t.Context()); code != 137 || err == nil {
		t.Errorf("a container of a network that was closed: %d %v", code, err)
	}
	if _, err := n.Start(t.Context(), spec(image(t), nil, "echo")); err == nil {
		t.Error("a network that was closed starts a container")
	}
	c.Stop(0)
	if err := n.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
}
