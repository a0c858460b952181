package vantage

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// freeAddress is an address at which nothing listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestRelayWithoutEmulator(t *testing.T) {
	addr := freeAddress(t)
	relay, err := OpenRelay(context.Background(), addr, "203.0.113.7")
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Close()
	u, _ := url.Parse(relay.URL())
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(u)}}
	defer client.CloseIdleConnections()
	for _, target := range []string{"http://myregistry.azurecr.io/", "https://myregistry.azurecr.io/"} {
		q, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, target, nil)
		answer, err := client.Do(q)
		said := ""
		if err != nil {
			said = err.Error()
		} else {
			said = answer.Header.Get("X-Acrlocal-Why")
			_ = answer.Body.Close()
		}
		if !strings.Contains(said, "the emulator does not answer at "+addr) {
			t.Errorf("%s: %q", target, said)
		}
	}
}

func TestRelayCloseEndsTunnels(t *testing.T) {
	s := newScene(t, tell)
	relay, err := OpenRelay(context.Background(), s.addr, "203.0.113.7")
	if err != nil {
		t.Fatal(err)
	}
	c, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", strings.TrimPrefix(relay.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = c.Write([]byte("CONNECT myregistry.azurecr.io:443 HTTP/1.1\r\nHost: x\r\n\r\n"))
	answer := make([]byte, 256)
	if n, err := c.Read(answer); err != nil || !strings.HasPrefix(string(answer[:n]), "HTTP/1.1 200") {
		t.Fatalf("%q, %v", answer[:n], err)
	}
	_ = relay.Close()
	_, err = c.Read(answer)
	var failure net.Error
	if err == nil || errors.As(err, &failure) && failure.Timeout() {
		t.Errorf("the tunnel is still open: %v", err)
	}
}

func TestBasicUser(t *testing.T) {
	for place, want := range map[string]string{
		"203.0.113.7": basic("203.0.113.7:-"), "2001:db8::1": basic("2001%3Adb8%3A%3A1:-"), "a%2Fb": basic("a%252Fb:-"),
	} {
		if got := basicUser(place); got != "Basic "+want {
			t.Errorf("%q: %s, want %s", place, got, want)
		}
	}
}

func TestShutdownLetsNothingIn(t *testing.T) {
	s := newScene(t, tell)
	if err := s.proxy.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	q, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://myregistry.azurecr.io/", nil)
	answer, err := s.client(t, s.at("203.0.113.7")).Do(q)
	if err == nil {
		_ = answer.Body.Close()
		t.Errorf("after Shutdown: %s", answer.Status)
	}
}
