//go:build bench

package bench

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const (
	startRuns = 20
	idleTime  = 4 * time.Second // for the runtime to give back what start and pull took

	startBar = 40  // ms, from exec to the first 401
	tokenBar = 300 // ms, from exec to the first Entra token
	idleBar  = 35  // MB
)

// development are the fixed identities of the design; a client may use them before the emulator has announced anything.
var development = endpoints{
	TenantID:     "acac10ca-1000-4000-8000-000000000001",
	ClientID:     "acac10ca-3000-4000-8000-000000000001",
	ClientSecret: "acrlocal-development-secret",
}

// measureStart starts the emulator again and again, with the keys and certificates of an earlier start and without.
func measureStart(t testing.TB, r *report) {
	t.Helper()
	warm := t.TempDir()
	startOnce(t, warm)
	for _, series := range []struct {
		name  string
		state func() string
	}{
		{"keys there", func() string { return warm }},
		{"no keys yet", func() string { return t.TempDir() }},
	} {
		var refusals, tokens []float64
		for range startRuns {
			refusal, token := startOnce(t, series.state())
			refusals, tokens = append(refusals, milliseconds(refusal)), append(tokens, milliseconds(token))
		}
		r.note("start to first 401, "+series.name+", median", percentile(refusals, 50), "ms")
		r.atMost(startBar, "start to first 401, "+series.name+", p95 of 20", percentile(refusals, 95), "ms")
		r.note("start to first token, "+series.name+", median", percentile(tokens, 50), "ms")
		r.atMost(tokenBar, "start to first token, "+series.name+", p95 of 20", percentile(tokens, 95), "ms")
	}
}

// startOnce returns how long after exec the default registry asked for a credential, and Entra gave one.
func startOnce(t testing.TB, state string, args ...string) (refusal, token time.Duration) {
	t.Helper()
	address := freeAddress(t)
	c := newClient("http://"+address, "")
	defer c.http.CloseIdleConnections()
	begun := time.Now()
	p := start(t, acrlocal(t, state, append(args, "--listen", address)...))
	defer p.stop()
	awaitListener(t, address)
	response, err := c.http.Get(c.url + "/v2/")
	refusal = time.Since(begun)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Fatalf("GET /v2/ without a credential: %s, want 401", response.Status)
	}
	if _, err := development.entraToken(c, "https://containerregistry.azure.net"); err != nil {
		t.Fatal(err)
	}
	return refusal, time.Since(begun)
}

// awaitListener waits until connections to an address are accepted.
func awaitListener(t testing.TB, address string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(200 * time.Microsecond) {
		if connection, err := net.Dial("tcp", address); err == nil {
			_ = connection.Close()
			return
		}
	}
	t.Fatalf("nothing listens on %s after 20 s", address)
}

// measureMemory measures the emulator after one pull, once it has been idle for a while.
func measureMemory(t testing.TB, r *report) {
	t.Helper()
	e := emulate(t, t.TempDir())
	c := e.login(t, "hello")
	if err := c.pull("hello", "v1"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(idleTime)
	r.atMost(idleBar, "idle memory after one pull", e.memory(t, "VmRSS"), "MB")
	r.note("memory at its peak", e.memory(t, "VmHWM"), "MB")
	if binary, err := os.Stat(os.Getenv("ACRLOCAL")); err == nil {
		r.note("size of "+filepath.Base(binary.Name()), float64(binary.Size())/1e6, "MB")
	}
}
